"""Is there a valley between two clusters? Where none is, they are two halves of one cloud.

Any method cuts any cloud into k parts, and an elongated cloud into the same parts again and again, so that
being found again proves nothing. What tells clusters from parts is that fewer objects lie between them than
on either side. For every density with a single hump, three windows of the same width along any line hold, in
the middle, at least as many objects as in the poorer of the outer two: this is what is tested, and it makes
no difference whether the cloud is Gaussian, uniform, skewed or heavy-tailed.

The line, the windows and the place are chosen on the objects of a resample; those that it left out are
counted. Otherwise the search for a gap would itself find one, in many features always. Counted are all
objects in a tube around the line, of whatever cluster, and the tube lies where most objects lie between the
two: so the ends of a bent cloud, which look apart from the side, are followed through their bend.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

WINDOW = 0.3  # width of a window, in distances between the two means
_GRID = np.linspace(-0.6, 1.6, 45)  # where windows may be centred; 0 and 1 are the means
_BETWEEN = np.flatnonzero(np.abs(_GRID - 0.5) <= 0.3)  # where the middle one may be
_SMOOTH = np.bartlett(9)[1:-1] / np.bartlett(9).sum()  # few objects: the least count would be anywhere
_TUBE = 0.5  # share of each cluster that must fit in the tube
_ENOUGH = 6  # objects between two clusters, for one of them to say where the tube lies
_FEWEST = 3  # objects of a cluster, for a line to be laid to it
_MOST_AXES = 30
_LOOKED_AT = 200  # of the objects between two clusters, to find where they are densest


@dataclass(frozen=True)
class Valley:
    """Objects counted between two clusters, and on both sides.

    Attributes
    ----------
    left, middle, right
        Objects in windows of equal width; means over resamples, so no whole numbers.
    """

    left: float
    middle: float
    right: float

    @property
    def depth_ratio(self) -> float:
        """Density in the middle over that of the lower side; 1 or more where there is no valley."""
        lower = min(self.left, self.right)
        return (self.middle + 0.5) / (lower + 0.5) if lower > 0 else 1.0

    @property
    def p_value(self) -> float:
        """How probable so few in the middle are, if there are on average as many as on the lower side."""
        lower = min(self.left, self.right)
        if lower <= 0:
            return 1.0
        return float(betainc(lower, self.middle + 1.0, 0.5))


@dataclass(frozen=True)
class PairValley:
    """The valley between two clusters of a resample.

    Attributes
    ----------
    pair
        The two clusters, as numbered in the resample.
    trained
        As counted on the objects of the resample, where the windows were chosen.
    held_out
        As counted on those it left out.
    """

    pair: tuple[int, int]
    trained: Valley
    held_out: Valley


def main_directions(X: Array, rng: np.random.Generator) -> Array:
    """Directions (F, d) in which objects vary more than they would with each feature shuffled by itself.

    Parallel analysis (Horn 1965) with two shuffles; at least 2 directions, at most 30.
    """
    centred = X - X.mean(axis=0)
    _, spread, directions = np.linalg.svd(centred, full_matrices=False)
    shuffled = [np.linalg.svd(rng.permuted(centred, axis=0), compute_uv=False) for _ in range(2)]
    above = spread > 1.02 * np.mean(shuffled, axis=0)
    n_directions = len(above) if above.all() else int(np.argmin(above))
    kept: Array = directions[: min(max(2, n_directions), _MOST_AXES)].T
    return kept


class ValleySearch:
    """Counts objects between the clusters of a resample.

    Parameters
    ----------
    X
        (n, F) prepared features.
    directions
        (F, d) main directions of the objects: a tube is narrow along them, and along those in which the
        clusters differ.
    """

    def __init__(self, X: Array, directions: Array) -> None:
        self._X = X
        self._directions = directions

    def valleys(self, labels: Ints, train: Ints, held_out: Ints) -> list[PairValley]:
        """Valleys between all pairs of clusters.

        Parameters
        ----------
        labels
            (n,) cluster of each object as found on the rows `train`, 1, 2, …; 0 = none.
        train, held_out
            Rows that the clusters were found on, and rows that are counted.
        """
        n_clusters = int(labels[train].max(initial=0))
        if n_clusters < 2:
            return []
        members = [train[labels[train] == c] for c in range(1, n_clusters + 1)]
        means = [self._X[rows].mean(axis=0) if len(rows) else np.zeros(self._X.shape[1]) for rows in members]
        scatters = []
        for rows, mean in zip(members, means, strict=True):
            centred = self._X[rows] - mean
            scatters.append(centred.T @ centred)
        axes = self._axes(np.array(means))
        found = []
        for a in range(n_clusters):
            for b in range(a + 1, n_clusters):
                trained = held = Valley(0.0, 0.0, 0.0)
                if min(len(members[a]), len(members[b])) >= _FEWEST:
                    line = self._line(members[a], members[b], scatters[a] + scatters[b])
                    trained, held = self._between(axes, members[a], members[b], line, train, held_out)
                found.append(PairValley((a + 1, b + 1), trained, held))
        return found

    def _axes(self, means: Array) -> Array:
        """The objects along the main directions and those in which the means differ, (n, d + k − 1)."""
        differences = (means[1:] - means[:1]).T
        basis, _ = np.linalg.qr(np.hstack([self._directions, differences]))
        along: Array = self._X @ basis
        return along

    def _line(self, first: Ints, second: Ints, scatter: Array) -> Array:
        """The line (F,) on which the two are best apart (Fisher), scaled so that their means are 1 apart."""
        difference = self._X[second].mean(axis=0) - self._X[first].mean(axis=0)
        n, n_features = len(first) + len(second), len(difference)
        within = scatter / max(1, n - 2)
        shrinkage = n_features / (n_features + n)  # towards a round cluster, the more the fewer objects
        round_one = np.eye(n_features) * max(np.trace(within) / n_features, 1e-12)
        line = np.linalg.solve((1 - shrinkage) * within + shrinkage * round_one, difference)
        scaled: Array = line / max(float(line @ difference), 1e-300)
        return scaled

    def _between(
        self, axes: Array, first: Ints, second: Ints, line: Array, train: Ints, held_out: Ints
    ) -> tuple[Valley, Valley]:
        along = self._X @ line
        along -= along[first].mean()  # 0 at the first mean, 1 at the second
        start = axes[first].mean(axis=0)
        step = axes[second].mean(axis=0) - start
        beside = axes - start - along[:, None] * step  # the place beside the line, (n, d)
        pair = np.concatenate([first, second])
        place = _densest(beside[pair[np.abs(along[pair] - 0.5) < WINDOW / 2]])
        away = np.square(beside - place).sum(axis=1)
        radius = max(np.quantile(away[first], _TUBE), np.quantile(away[second], _TUBE))
        inside = away <= radius
        on_trained, on_held_out = (np.sort(along[rows[inside[rows]]]) for rows in (train, held_out))
        windows = np.array(_windows(on_trained))
        return Valley(*_within(on_trained, windows)), Valley(*_within(on_held_out, windows))


def _densest(places: Array) -> Array:
    """Of the places (m, d), the one with the closest neighbours; the line itself (zeros) where m is small."""
    if len(places) < _ENOUGH:
        return np.zeros(places.shape[1])
    if len(places) > _LOOKED_AT:
        places = places[:: -(-len(places) // _LOOKED_AT)]
    squares = np.square(places).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * places @ places.T
    neighbour = max(3, len(places) // 5)
    chosen: Array = places[np.argmin(np.partition(distances, neighbour, axis=1)[:, neighbour])]
    return chosen


def _windows(along: Array) -> tuple[float, float, float]:
    """Centres of the fullest window on each side of the emptiest between the means."""
    counts = np.convolve(_within(np.sort(along), _GRID), _SMOOTH, mode="same")
    emptiest = _BETWEEN[counts[_BETWEEN] == counts[_BETWEEN].min()]
    middle = _GRID[emptiest[len(emptiest) // 2]]
    left, right = np.flatnonzero(middle - _GRID >= WINDOW), np.flatnonzero(_GRID - middle >= WINDOW)
    return (
        float(_GRID[left][np.argmax(counts[left])]),
        float(middle),
        float(_GRID[right][np.argmax(counts[right])]),
    )


def _within(ordered: Array, centres: Array) -> Array:
    """How many of the ordered numbers lie in the window around each centre."""
    upper = np.searchsorted(ordered, centres + WINDOW / 2)
    counts: Array = (upper - np.searchsorted(ordered, centres - WINDOW / 2)).astype(np.float64)
    return counts
