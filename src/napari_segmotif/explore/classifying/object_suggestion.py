"""Which object to give a class next: the one from which the classifier learns most.

- "clusters": the most typical object of each cluster that has no example yet, largest cluster first. A random
  pick finds a rare kind of object late; a cluster of it is found at once (Dasgupta & Hsu, ICML 2008).
- "uncertainty": where the two most likely classes are nearly equally likely (margin sampling; Scheffer et
  al., 2001), objects that resemble one already suggested being passed over.
- "diversity": objects that are unlike all that have a class, in regions where there are many objects
  (farthest-first traversal weighted with the density; Sener & Savarese, 2018).
- "auto": first an example of each cluster that is unlike all examples; then uncertainty weighted with
  diversity. Where there are no clusters, k-means cuts a cloud into pieces that lie as near to the examples as
  to their own middle: an example of each would be wasted.

Nothing is random: the same objects give the same suggestions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError

Strategy = Literal["auto", "uncertainty", "diversity", "clusters"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
N_OWN_CLUSTERS = 10
"""Groups that are looked for where the table has no clusters."""

_MOST_CANDIDATES = 2_000
_MOST_REFERENCES = 2_000
_SWEEPS = 15
_FEWEST_OF_A_KIND = 4
"""Fewer objects that k-means sets apart are outliers."""
_APART = 1.4
"""A cluster is unlike the examples that are so many times its radius away from its middle."""


@dataclass(frozen=True)
class Pool:
    """Objects to choose from.

    Attributes
    ----------
    X
        (n, F) features on comparable scales.
    labelled
        (n,) whether an object has a class.
    probabilities
        (n, n_classes) what the classifier thinks, or None before there is one.
    cluster
        (n,) clusters, 0 = none, or None.
    """

    X: Floats
    labelled: NDArray[np.bool_]
    probabilities: Floats | None = None
    cluster: Ints | None = None


def suggest_rows(pool: Pool, n: int = 10, strategy: Strategy = "auto") -> Ints:
    """Rows of objects to give a class next, the best first.

    Parameters
    ----------
    pool
        The objects.
    n
        How many; fewer come back where fewer have no class.
    strategy
        See above. "uncertainty" needs probabilities.

    Returns
    -------
    array (≤ n,) int64
        Rows of objects without a class.

    Raises
    ------
    InputError
        For another strategy, n < 1, or uncertainty without a classifier.
    """
    if strategy not in get_args(Strategy):
        raise InputError(f"strategy must be one of {', '.join(get_args(Strategy))} (got {strategy!r})")
    if n < 1:
        raise InputError(f"ask for one object or more (got {n})")
    if strategy == "uncertainty" and pool.probabilities is None:
        raise InputError("uncertainty needs a trained classifier: train first, or take clusters (got none)")
    n = min(n, int((~pool.labelled).sum()))
    if n == 0:
        return np.empty(0, np.int64)
    if strategy in ("clusters", "auto"):
        picked = _from_clusters(pool, n, again=strategy == "clusters")
        if len(picked) < n:
            rest = _Greedy(pool, picked, use_labelled=True)
            picked = rest.take(n, uncertain=pool.probabilities is not None)
        return picked
    greedy = _Greedy(pool, np.empty(0, np.int64), use_labelled=strategy == "diversity")
    return greedy.take(n, uncertain=strategy == "uncertainty")


def uncertainty(probabilities: Floats) -> Floats:
    """1 − the distance between the two most likely classes: (n,) in [0, 1]."""
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities))
    best = np.partition(probabilities, -2, axis=1)[:, -2:]
    return np.asarray(1 - (best[:, 1] - best[:, 0]))


def _from_clusters(pool: Pool, n: int, *, again: bool) -> Ints:
    """The most typical object of each cluster without an example; with `again`, then the next of each."""
    cluster = pool.cluster if pool.cluster is not None else own_clusters(pool.X)
    fewest = 1 if pool.cluster is not None else _FEWEST_OF_A_KIND
    taken = pool.labelled.copy()
    picked: list[int] = []
    settled: set[int] = set()
    names, sizes = np.unique(cluster[cluster > 0], return_counts=True)
    order = names[np.argsort(-sizes, kind="stable")]
    order = order[np.sort(sizes)[::-1] >= min(fewest, sizes.max(initial=0))]
    members = {int(c): np.flatnonzero(cluster == c) for c in order}
    examples = {c: int(taken[rows].sum()) for c, rows in members.items()}
    # A few outliers may lie close together by chance: they count as wide as the cluster of most objects.
    widths = np.array([_radius(pool.X, rows) for rows in members.values()])
    usual = float(np.median(np.repeat(widths, [len(rows) for rows in members.values()]))) if members else 0.0
    while len(picked) < n:
        open_clusters = [c for c, rows in members.items() if examples[c] < len(rows) and c not in settled]
        if not again:
            open_clusters = [c for c in open_clusters if examples[c] == 0]
        if not open_clusters:
            break
        chosen = min(open_clusters, key=lambda c: examples[c])  # the largest of those with fewest examples
        rows = members[chosen]
        best = _next_of(pool.X, rows, taken)
        width = max(usual, _radius(pool.X, rows))
        # Clusters that the user found are asked about in any case.
        if not again and pool.cluster is None and not _is_apart(pool.X, best, taken, width):
            settled.add(chosen)
            continue
        picked.append(best)
        taken[best] = True
        examples[chosen] += 1
    return np.array(picked, np.int64)


def _next_of(X: Floats, rows: Ints, taken: NDArray[np.bool_]) -> int:
    """The object nearest to a cluster's median; once there are examples, the one farthest from them."""
    left = rows[~taken[rows]]
    examples = rows[taken[rows]]
    if not len(examples):
        return int(left[np.argmin(_distances(X[left], np.median(X[rows], axis=0)))])
    nearest = np.min([_distances(X[left], X[e]) for e in examples[-_MOST_REFERENCES:]], axis=0)
    return int(left[np.argmax(nearest)])


def _radius(X: Floats, rows: Ints) -> float:
    """How far objects are from their median, as a root mean square."""
    return float(np.sqrt((_distances(X[rows], np.median(X[rows], axis=0)) ** 2).mean()))


def _is_apart(X: Floats, middle: int, taken: NDArray[np.bool_], radius: float) -> bool:
    """Whether all examples are much farther from the middle of a cluster than its own objects are."""
    examples = np.flatnonzero(taken)
    if not len(examples):
        return True
    examples = examples[_evenly(len(examples), _MOST_REFERENCES)]
    return bool(_distances(X[examples], X[middle]).min() > _APART * radius)


class _Greedy:
    """Takes one object after the other, each making those like it less wanted."""

    def __init__(self, pool: Pool, picked: Ints, *, use_labelled: bool) -> None:
        self.pool = pool
        self.picked = [int(row) for row in picked]
        self.use_labelled = use_labelled

    def take(self, n: int, *, uncertain: bool) -> Ints:
        pool, picked = self.pool, self.picked
        open_rows = np.flatnonzero(~pool.labelled)
        open_rows = open_rows[~np.isin(open_rows, picked)]
        merit = np.ones(len(open_rows))
        if uncertain:
            assert pool.probabilities is not None
            merit = uncertainty(pool.probabilities[open_rows])
            # rounded, so that the last digits of a sum do not decide
            best = np.argsort(-np.round(merit, 9), kind="stable")[: max(_MOST_CANDIDATES, n)]
            open_rows, merit = open_rows[best], merit[best]
        else:
            some = _evenly(len(open_rows), max(_MOST_CANDIDATES, n))
            open_rows, merit = open_rows[some], merit[some]
        X = pool.X[open_rows]
        sample = pool.X[_evenly(len(pool.X), _MOST_REFERENCES)]
        reach = _usual_distance(sample)
        if self.use_labelled:
            merit = merit * np.sqrt(_density(X, sample, reach))
        known = [pool.X[row] for row in picked]
        if self.use_labelled:
            labelled = np.flatnonzero(pool.labelled)
            known += list(pool.X[labelled[_evenly(len(labelled), _MOST_REFERENCES)]])
        distance = np.full(len(X), np.inf)
        for place in known:
            distance = np.minimum(distance, _distances(X, place))
        is_open = np.ones(len(X), bool)
        while len(picked) < n:
            score = np.where(is_open, np.round(merit * _unlike(distance, reach), 12), -1)
            best_row = int(np.argmax(score))
            picked.append(int(open_rows[best_row]))
            is_open[best_row] = False
            distance = np.minimum(distance, _distances(X, X[best_row]))
        return np.array(picked, np.int64)


def own_clusters(X: Floats, n_clusters: int = N_OWN_CLUSTERS) -> Ints:
    """Simple groups (n,) from 1, where the table has none: k-means from farthest-first starts."""
    from scipy.spatial.distance import cdist

    sample = X[_evenly(len(X), _MOST_REFERENCES)]
    centres = [np.median(sample, axis=0)]
    distance = _distances(sample, centres[0])
    for _ in range(min(n_clusters, len(np.unique(sample, axis=0))) - 1):
        centres.append(sample[np.argmax(distance)])
        distance = np.minimum(distance, _distances(sample, centres[-1]))
    middle = np.array(centres)
    for _ in range(_SWEEPS):
        nearest = cdist(sample, middle).argmin(axis=1)
        filled = np.unique(nearest)
        middle = np.array([sample[nearest == k].mean(axis=0) for k in filled])
    return np.asarray(cdist(X, middle).argmin(axis=1) + 1, np.int64)


def _unlike(distance: Floats, reach: float) -> Floats:
    """From 0 (the same as something known) to 1 (unlike all of it)."""
    return np.asarray(1 - 1 / (1 + (distance / reach) ** 2))


def _density(X: Floats, sample: Floats, reach: float) -> Floats:
    """How many objects there are around, relative to the densest place: (n,) in (0, 1]."""
    from scipy.spatial.distance import cdist

    near = np.exp(-0.5 * (cdist(X, sample) / np.sqrt(X.shape[1]) / reach) ** 2).mean(axis=1)
    return np.asarray(near / near.max()) if near.max() > 0 else np.ones(len(X))


def _usual_distance(sample: Floats) -> float:
    """Median distance between two objects."""
    from scipy.spatial.distance import pdist

    gaps = pdist(sample[_evenly(len(sample), 300)]) / np.sqrt(sample.shape[1])
    usual = float(np.median(gaps)) if len(gaps) else 1.0
    return usual if usual > 0 else 1.0


def _distances(X: Floats, place: Floats) -> Floats:
    """Root mean square difference of the features: (n,)."""
    return np.asarray(np.sqrt(((X - place) ** 2).mean(axis=1)))


def _evenly(n: int, most: int) -> Ints:
    """Return at most so many rows, evenly spaced in 0..n−1."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))
