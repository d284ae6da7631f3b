"""Which objects are held out together: whole images, else contiguous regions of them, else anything.

Objects side by side resemble each other (same focus, same staining, same clone), and an object in the next
frame is nearly a copy. A figure from single objects held out at random measures that resemblance as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .object_training import TrainingObjects

By = Literal["auto", "image", "position", "random"]
Method = Literal["image", "position", "random"]
Ints = NDArray[np.int64]
_BLOCKS_PER_FOLD = 4
_ROUNDS_OF_MENDING = 10


@dataclass(frozen=True)
class Folds:
    """Who is held out with whom.

    Attributes
    ----------
    fold
        (n,) int64, the fold in which an object is held out; −1 for objects that are always trained on.
    n_folds
        How many there are; 0 where no class can be judged.
    method
        "image", "position" or "random".
    unit
        (n,) int64, objects that are one and the same in other frames have the same number.
    group
        (n,) int64, what is never torn apart: an image, a region, or a unit.
    unjudged
        Classes that lie in one group only: without it no classifier would know them.
    n_groups
        Class → number of groups it lies in.
    """

    fold: Ints
    n_folds: int
    method: Method
    unit: Ints
    group: Ints
    unjudged: tuple[int, ...]
    n_groups: dict[int, int]


def choose_folds(
    objects: TrainingObjects, by: By = "auto", n_splits: int = 5, random_state: int = 0
) -> Folds:
    """Deal objects into folds.

    Parameters
    ----------
    objects
        Those that have a class.
    by
        "image": whole images; "position": contiguous regions of them, an object staying in one fold over all
        its frames; "random": single objects; "auto": the first of these that can judge every class.
    n_splits
        Folds at most.
    random_state
        Seed.

    Raises
    ------
    InputError
        For another `by`, fewer than two folds, or positions that the objects do not have.
    """
    if by not in get_args(By):
        raise InputError(f"by must be auto, image, position or random (got {by!r})")
    if n_splits < 2:
        raise InputError(f"n_splits must be 2 or more (got {n_splits})")
    has_position = objects.position.shape[1] > 0
    if by == "position" and not has_position:
        raise InputError(
            "measure the objects' position (centroid-0, centroid-1) to hold out regions (got a table without)"
        )
    unit = same_objects(objects)
    method: Method = by if by != "auto" else _best(objects, has_position)
    rng = np.random.default_rng(random_state)
    if method == "image":
        group = objects.roi.astype(np.int64)
    elif method == "position":
        group = _regions(objects, unit, _BLOCKS_PER_FOLD * n_splits)
    else:
        group = unit
    classes, y = np.unique(objects.y, return_inverse=True)
    counts = _groups_per_class(group, y, len(classes))
    fold = _deal(group, y, len(classes), min(n_splits, int(counts.max())), rng)
    lone = [k for k in range(len(classes)) if len(np.unique(fold[y == k])) < 2]
    fold[np.isin(y, lone)] = -1
    used = np.unique(fold[fold >= 0])
    fold = np.where(fold >= 0, np.searchsorted(used, fold), -1)
    return Folds(
        fold=fold,
        n_folds=len(used),
        method=method,
        unit=unit,
        group=group,
        unjudged=tuple(int(classes[k]) for k in lone),
        n_groups={int(c): int(n) for c, n in zip(classes, counts, strict=True)},
    )


def same_objects(objects: TrainingObjects) -> Ints:
    """Number objects (n,) so that one object in several frames has one number.

    By the table's tracks; where it has none, an object is followed to where, in a later frame, its nearest
    neighbour is that also looks back at it, within half the usual distance between objects.
    """
    n = len(objects.y)
    unit = np.arange(n)
    for image in np.unique(objects.roi):
        rows = np.flatnonzero(objects.roi == image)
        tracked = rows[objects.track[rows] >= 0]
        if len(tracked):
            first, which = np.unique(objects.track[tracked], return_index=True)
            unit[tracked] = tracked[which][np.searchsorted(first, objects.track[tracked])]
        elif objects.position.shape[1] and len(np.unique(objects.frame[rows])) > 1:
            unit[rows] = rows[_followed(objects.frame[rows], _filled(objects.position[rows]))]
    return np.unique(unit, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _followed(frame: Ints, position: NDArray[np.float64]) -> Ints:
    """For each object (n,) the first row in which it was seen."""
    from scipy.spatial import cKDTree

    frames = [np.flatnonzero(frame == f) for f in np.unique(frame)]
    gaps = [cKDTree(position[rows]).query(position[rows], k=2)[0][:, 1] for rows in frames if len(rows) > 1]
    reach = np.median(np.concatenate(gaps)) / 2 if gaps else np.inf
    first = np.arange(len(frame))
    last_seen = frames[0]  # row in which each of the objects so far was seen last
    for rows in frames[1:]:
        before, now = cKDTree(position[last_seen]), cKDTree(position[rows])
        distance, nearest = before.query(position[rows])
        back = now.query(position[last_seen])[1]
        same = (distance <= reach) & (back[nearest] == np.arange(len(rows)))
        first[rows[same]] = first[last_seen[nearest[same]]]
        last_seen[nearest[same]] = rows[same]
        last_seen = np.concatenate([last_seen, rows[~same]])
    return first


def _best(objects: TrainingObjects, has_position: bool) -> Method:
    images = [len(np.unique(objects.roi[objects.y == c])) for c in np.unique(objects.y)]
    if min(images) > 1:
        return "image"
    return "position" if has_position else "random"


def _regions(objects: TrainingObjects, unit: Ints, n_wanted: int) -> Ints:
    """Cut the images into about so many regions with equally many objects in each: (n,) region."""
    n_units = int(unit.max()) + 1
    size = np.bincount(unit)
    place = np.column_stack(
        [np.bincount(unit, weights=axis, minlength=n_units) / size for axis in _filled(objects.position).T]
    )
    image = np.zeros(n_units, np.int64)
    image[unit] = objects.roi
    region_of_unit = np.zeros(n_units, np.int64)
    n_regions = 0
    for number in np.unique(image):
        members = np.flatnonzero(image == number)
        for part in _halves(members, place, max(1, round(n_wanted * len(members) / n_units))):
            region_of_unit[part] = n_regions
            n_regions += 1
    for label in np.unique(objects.y):
        own = np.unique(unit[objects.y == label])
        if len(own) > 1 and len(np.unique(region_of_unit[own])) == 1:
            # All of a class in one region: cut it there, or nobody could judge the class.
            everyone = np.flatnonzero(region_of_unit == region_of_unit[own[0]])
            axis, cut = _cut(place[own], 0.5)
            if cut is not None:
                region_of_unit[everyone[place[everyone, axis] > cut]] = n_regions
                n_regions += 1
    return region_of_unit[unit]


def _halves(members: Ints, place: NDArray[np.float64], n: int) -> Iterator[Ints]:
    """Cut objects into `n` parts, each time across the longer side."""
    if n < 2 or len(members) < 2:
        yield members
        return
    axis, cut = _cut(place[members], (n // 2) / n)
    if cut is None:
        yield members
        return
    left = place[members, axis] <= cut
    yield from _halves(members[left], place, n // 2)
    yield from _halves(members[~left], place, n - n // 2)


def _cut(place: NDArray[np.float64], share: float) -> tuple[int, float | None]:
    """Axis and coordinate that leave about this share on the left; None where all lie in one place."""
    axis = int(np.argmax(np.ptp(place, axis=0)))
    along = np.unique(place[:, axis])
    if len(along) < 2:
        return axis, None
    cut = float(np.quantile(place[:, axis], share, method="lower"))
    return axis, min(cut, float(along[-2]))


def _groups_per_class(group: Ints, y: Ints, n_classes: int) -> Ints:
    pairs = np.unique(np.column_stack([y, group]), axis=0)
    return np.bincount(pairs[:, 0], minlength=n_classes)


def _deal(group: Ints, y: Ints, n_classes: int, n_folds: int, rng: np.random.Generator) -> Ints:
    """Fold (n,) of each object; each fold gets about the same share of each class.

    Groups are dealt out by falling size to the fold in which their classes are rarest so far.
    """
    n = len(group)
    _, compact = np.unique(group, return_inverse=True)
    n_groups = int(compact.max()) + 1
    fold = np.zeros(n, np.int64)
    if n_groups == n:  # single objects: deal each class in turn
        for k in range(n_classes):
            own = rng.permutation(np.flatnonzero(y == k))
            fold[own] = (np.arange(len(own)) + k) % n_folds
        return fold
    share = np.zeros((n_groups, n_classes))
    np.add.at(share, (compact, y), 1)
    share /= share.sum(axis=0)
    shuffled = rng.permutation(n_groups)
    order = shuffled[np.argsort(-share[shuffled].sum(axis=1), kind="stable")]
    filled = np.zeros((n_folds, n_classes))
    fold_of_group = np.zeros(n_groups, np.int64)
    for g in order:
        fold_of_group[g] = np.argmin(filled @ share[g] + 1e-6 * filled.sum(axis=1))
        filled[fold_of_group[g]] += share[g]
    _mend(fold_of_group, share, n_folds)
    return fold_of_group[compact]


def _mend(fold_of_group: Ints, share: NDArray[np.float64], n_folds: int) -> None:
    """Move groups until no fold holds all of a class that has several groups, as far as that goes."""
    for _ in range(_ROUNDS_OF_MENDING):
        lone = [
            own
            for own in (np.flatnonzero(column) for column in share.T)
            if len(own) > 1 and len(np.unique(fold_of_group[own])) == 1
        ]
        if not lone:
            return
        for own in lone:
            smallest = own[np.argmin(share[own].sum(axis=1))]
            fold_of_group[smallest] = (fold_of_group[smallest] + 1) % n_folds


def _filled(position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions with the mean in place of what is missing."""
    known = ~np.isnan(position)
    mean = np.where(known, position, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(known, position, mean)
