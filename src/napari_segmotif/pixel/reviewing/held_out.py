"""Holding out whole strokes, or whole images: the folds, and forests that are fitted without them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken

MakeForest = Callable[[], Any]
TREES_PER_STEP = 10
ROWS_PER_STEP = 100_000
"""So many trees, and of many rows fewer, are grown between two looks at the cancel token."""


def groups_per_class(
    y: NDArray[np.integer], groups: NDArray[np.integer], classes: Sequence[int]
) -> dict[int, int]:
    """In how many groups each class is."""
    return {int(c): len(np.unique(groups[y == c])) for c in classes}


def assign_folds(
    y: NDArray[np.integer], groups: NDArray[np.integer], n_splits: int = 5, random_state: int = 0
) -> NDArray[np.int64]:
    """Assign every pixel to the fold in which it is held out.

    A group stays together, except that pixels of a class that is in one group only are in no fold (−1). Each
    fold gets about the same share of each class, and no fold holds all of a class, so that what is left to
    train on always has every class. Where that cannot be had otherwise, every group is a fold of its own.

    Parameters
    ----------
    y, groups
        (n,) class and group of each pixel.
    n_splits
        Folds at most; 2 or more.
    random_state
        Seed for the order in which groups of equal size are dealt out.

    Returns
    -------
    array (n,) int64
        0..k−1, or −1 for pixels that are never held out; all −1 where every class is in one group only.
    """
    _, class_index = np.unique(y, return_inverse=True)
    _, group_index = np.unique(groups, return_inverse=True)
    pixels = np.zeros((group_index.max() + 1, class_index.max() + 1))  # (n_groups, n_classes)
    np.add.at(pixels, (group_index, class_index), 1)
    judged = (pixels > 0).sum(axis=0) >= 2
    if not judged.any():
        return np.full(len(y), -1)
    share = pixels[:, judged] / pixels[:, judged].sum(axis=0)
    held_out = np.flatnonzero(share.any(axis=1))
    most_groups = int((share > 0).sum(axis=0).max())
    fold_of_group = np.full(len(pixels), -1)
    fold_of_group[held_out] = _deal(share[held_out], min(n_splits, most_groups), random_state)
    return np.where(judged[class_index], fold_of_group[group_index], -1)


def fit_in_steps(
    forest: Any, X: NDArray[np.float32], y: NDArray[np.integer], cancel: CancelToken | None = None
) -> Iterator[float]:
    """Fit a forest like scikit-learn's a few trees at a time, yielding the share that is done.

    The forest is the same as fitted at once, and a cancel need not wait for all of it. What cannot be grown
    in steps (no `warm_start`, no integer seed, weights drawn anew for each tree) is fitted at once.

    Raises
    ------
    JobCancelled
    """
    if cancel is not None:
        cancel.raise_if_cancelled()
    n_trees = int(getattr(forest, "n_estimators", 0))
    weight = getattr(forest, "class_weight", None)
    in_steps = (
        hasattr(forest, "warm_start")
        and isinstance(getattr(forest, "random_state", None), int | np.integer)
        and weight != "balanced_subsample"
    )
    step = max(getattr(forest, "n_jobs", None) or 1, min(TREES_PER_STEP, ROWS_PER_STEP // len(y)))
    if not in_steps or n_trees <= step:
        forest.fit(X, y)
        yield 1.0
        return
    if weight == "balanced":  # the same numbers, which scikit-learn wants spelled out for a warm start
        present, counts = np.unique(y, return_counts=True)
        weight = {int(c): len(y) / (len(present) * n) for c, n in zip(present, counts, strict=True)}
    # an out-of-bag estimate at every step would be costly, and with the first few trees a warning
    forest.set_params(warm_start=True, class_weight=weight, oob_score=False)
    for trees in range(step, n_trees + step, step):
        forest.set_params(n_estimators=min(trees, n_trees))
        forest.fit(X, y)
        if cancel is not None:
            cancel.raise_if_cancelled()
        yield min(trees, n_trees) / n_trees


def _deal(share: NDArray[np.float64], n_folds: int, random_state: int) -> NDArray[np.int64]:
    """Deal groups into folds, largest first; `share` (n_groups, n_classes) is what each holds of each class.

    A group goes where its classes are rarest so far. The last group of a class never joins all the others.
    """
    n_groups = len(share)
    shuffled = np.random.default_rng(random_state).permutation(n_groups)
    order = shuffled[np.argsort(-share[shuffled].sum(axis=1), kind="stable")]
    filled = np.zeros((n_folds, share.shape[1]))
    left = (share > 0).sum(axis=0)
    fold = np.empty(n_groups, np.int64)
    for group in order:
        present = share[group] > 0
        left -= present
        last = present & (left == 0)
        closed = ((filled > 0) & ((filled > 0).sum(axis=0) == 1) & last).any(axis=1)
        if closed.all():
            return np.arange(n_groups)  # each group its own fold: then a class of two groups is never whole
        cost = filled @ share[group] + 1e-6 * filled.sum(axis=1)
        fold[group] = np.argmin(np.where(closed, np.inf, cost))
        filled[fold[group]] += share[group]
    return np.unique(fold, return_inverse=True)[1].reshape(-1).astype(np.int64)
