"""Which features matter, judged on strokes that were held out; which say the same; and which few to keep.

A forest's own importances are measured on what it was trained on, and share one merit among all features
that carry it. Here a feature matters as far as shuffling it makes the forest worse on strokes that it has
not seen. Where features are strongly correlated, shuffling one changes little, because the others stand in:
so each group of them is also shuffled as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...common.progress import CancelToken, Job, Progress
from ...errors import AnnotationError, InputError
from .held_out import MakeForest, assign_folds, fit_in_steps

Floats = NDArray[np.float64]
_MAX_ROWS = 2000  # pixels that correlations are measured on
_MAX_CELLS = 8_000_000  # numbers in the shuffled copies that are predicted at once (32 MB)


@dataclass(frozen=True)
class PermutationImportances:
    """How much worse the classifier gets on held-out strokes when it is robbed of a feature.

    Attributes
    ----------
    names
        The features, in the order of the columns.
    confidence_drop, confidence_spread
        (n_features,) mean and standard deviation over folds and repeats of the fall in the probability that
        is given to the painted class, every class counting the same. Sensitive: it tells features apart
        that change no label.
    accuracy_drop
        (n_features,) fall in the accuracy, every class counting the same.
    groups
        The groups of correlated features that were shuffled together (their names).
    group_confidence_drop, group_accuracy_drop
        (n_groups,) the same for each group.
    confidence, accuracy
        What they were with nothing shuffled.
    """

    names: tuple[str, ...]
    confidence_drop: Floats
    confidence_spread: Floats
    accuracy_drop: Floats
    groups: tuple[tuple[str, ...], ...]
    group_confidence_drop: Floats
    group_accuracy_drop: Floats
    confidence: float
    accuracy: float


def permutation_importances(
    X: NDArray[np.float32],
    y: NDArray[np.integer],
    groups: NDArray[np.integer],
    names: Sequence[str],
    make_forest: MakeForest,
    correlated: Sequence[Sequence[str]] = (),
    n_splits: int = 3,
    n_repeats: int = 3,
    max_pixels: int = 1500,
    random_state: int = 0,
    cancel: CancelToken | None = None,
) -> Job[PermutationImportances]:
    """Shuffle each feature, and each group of correlated ones, among the pixels of held-out strokes.

    Parameters
    ----------
    X
        (n, n_features) features of the annotated pixels.
    y, groups
        (n,) their classes and strokes.
    names
        One name a column, all different.
    make_forest
        Returns an unfitted classifier like scikit-learn's (fit, predict_proba, classes_).
    correlated
        Groups of names as `correlated_groups` returns them.
    n_splits, n_repeats
        Forests trained, and shuffles of each feature on the strokes held out from each.
    max_pixels
        Held-out pixels looked at in all, drawn evenly over strokes and classes.
    random_state
        Seed of the folds and the shuffles.
    cancel
        Looked at between groups of trees and between repeats.

    Yields
    ------
    Progress

    Returns
    -------
    PermutationImportances

    Raises
    ------
    AnnotationError
        If no class has two strokes.
    JobCancelled
    """
    column_of = _columns(X, names)
    for group in correlated:
        if unknown := [name for name in group if name not in column_of]:
            raise InputError(f"correlated groups must be made of feature names (got {unknown})")
    fold = assign_folds(y, groups, n_splits, random_state)
    if fold.max() < 0:
        raise AnnotationError("paint a second stroke of a class first: none can be held out (got one each)")
    blocks = [[k] for k in range(len(names))] + [[column_of[name] for name in group] for group in correlated]
    rng = np.random.default_rng(random_state)
    n_folds = int(fold.max()) + 1
    before, after = [], []
    for k in range(n_folds):
        message = f"importance on held-out strokes, part {k + 1} of {n_folds}"
        forest = make_forest()
        for share in fit_in_steps(forest, X[fold != k], y[fold != k], cancel):
            yield Progress(k + 0.3 * share, n_folds, message)
        rows = _spread_rows(np.flatnonzero(fold == k), y, groups, max_pixels // n_folds, rng)
        X_held, y_held = X[rows], y[rows]
        before.append(_quality(forest, X_held[None], y_held)[0])
        for repeat in range(n_repeats):
            after.append((k, _shuffled_quality(forest, X_held, y_held, blocks, rng, cancel)))
            yield Progress(k + 0.3 + 0.7 * (repeat + 1) / n_repeats, n_folds, message)
    drops = np.stack([before[k] - quality for k, quality in after])  # (repeats, blocks, 2)
    mean, n_features = drops.mean(axis=0), len(names)
    confidence, accuracy = np.mean(before, axis=0)
    return PermutationImportances(
        names=tuple(names),
        confidence_drop=mean[:n_features, 0],
        confidence_spread=drops[:, :n_features, 0].std(axis=0),
        accuracy_drop=mean[:n_features, 1],
        groups=tuple(tuple(group) for group in correlated),
        group_confidence_drop=mean[n_features:, 0],
        group_accuracy_drop=mean[n_features:, 1],
        confidence=float(confidence),
        accuracy=float(accuracy),
    )


def correlated_groups(
    X: NDArray[np.float32], names: Sequence[str], threshold: float = 0.95
) -> tuple[tuple[str, ...], ...]:
    """Group features of which every two have an absolute rank correlation of `threshold` or more.

    Parameters
    ----------
    X
        (n, n_features); of many rows, 2,000 evenly spaced ones are looked at.
    names
        One name a column, all different.
    threshold
        Least |Spearman correlation| within a group, in (0, 1].

    Returns
    -------
    tuple of tuples of names
        Groups of two or more, the largest first, by complete linkage. They do not depend on the order of the
        columns. Constant features are in no group.

    Raises
    ------
    InputError
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    column_of = _columns(X, names)
    if not 0 < threshold <= 1:
        raise InputError(f"threshold must be above 0 and at most 1 (got {threshold})")
    ordered = sorted(names)  # ties between merges are broken by name, not by the place of a column
    strength = rank_correlation(X)[np.ix_(*[[column_of[name] for name in ordered]] * 2)]
    varying = np.diag(strength) > 0
    if varying.sum() < 2:
        return ()
    kept = [name for name, varies in zip(ordered, varying, strict=True) if varies]
    distance = 1 - np.round(strength[np.ix_(varying, varying)], 9)
    np.fill_diagonal(distance, 0)
    merges = linkage(squareform(distance, checks=False), method="complete")
    cluster = fcluster(merges, t=1 - threshold + 1e-9, criterion="distance")
    members = [
        tuple(name for name, c in zip(kept, cluster, strict=True) if c == k) for k in np.unique(cluster)
    ]
    return tuple(sorted((m for m in members if len(m) > 1), key=lambda m: (-len(m), m)))


def correlation_warning(groups: Sequence[Sequence[str]], shown: int = 3) -> str | None:
    """Say in words which features say the same, the largest `shown` groups by name; None without groups."""
    if not groups:
        return None
    listed = "; ".join(" ≈ ".join(group) for group in groups[:shown])
    more = f"; and {len(groups) - shown} more groups" if len(groups) > shown else ""
    return (
        f"Some features say nearly the same: {listed}{more}. Each hides the importance of the others in its "
        f"group: judge the group, or select fewer features."
    )


def rank_for_selection(importances: ArrayLike, X: NDArray[np.float32], n: int) -> NDArray[np.int64]:
    """Choose features that matter and do not repeat each other, one after the other.

    Each next feature is the one with the largest importance × (1 − its strongest |rank correlation| with a
    feature that is already chosen); maximal relevance, minimal redundancy (Peng et al. 2005).

    Parameters
    ----------
    importances
        (n_features,) e.g. `PermutationImportances.confidence_drop` or a forest's `feature_importances_`.
        Negative ones count as 0.
    X
        (n_rows, n_features) to measure the correlations on.
    n
        Features to choose.

    Returns
    -------
    array (n,) int64
        Columns, best first.

    Raises
    ------
    InputError
        If `n` is not in 1..n_features, or there is not one finite importance a column.
    """
    relevance = np.asarray(importances, np.float64)
    if relevance.shape != (X.shape[1],) or not np.isfinite(relevance).all():
        raise InputError(
            f"give one finite importance for each of {X.shape[1]} features (got {relevance.shape})"
        )
    if not 1 <= n <= X.shape[1]:
        raise InputError(f"n must be between 1 and {X.shape[1]} (got {n})")
    relevance = np.clip(relevance, 0, None)
    # what has no measured merit still has an order: the less redundant comes first
    relevance = relevance / (relevance.max() or 1) + 1e-9
    strength = rank_correlation(X)
    relevance[np.diag(strength) == 0] = 0  # constant
    redundancy = np.zeros(len(relevance))
    chosen: list[int] = []
    for _ in range(n):
        score = np.round(relevance * (1 - redundancy), 13)
        score[chosen] = -1
        best = int(np.argmax(score))
        chosen.append(best)
        redundancy = np.maximum(redundancy, np.minimum(strength[best], 1))
    return np.array(chosen, np.int64)


def rank_correlation(X: NDArray[np.float32]) -> Floats:
    """|Spearman correlation| of the columns, (n_features, n_features); 0 along a constant column."""
    from scipy.stats import rankdata

    rows = np.unique(np.linspace(0, len(X) - 1, min(len(X), _MAX_ROWS)).astype(np.int64))
    ranks = rankdata(X[rows], axis=0)
    ranks -= ranks.mean(axis=0)
    norm = np.sqrt((ranks**2).sum(axis=0))
    ranks = np.where(norm > 0, ranks / np.where(norm > 0, norm, 1), 0)
    strength: Floats = np.abs(ranks.T @ ranks)
    return strength


def _columns(X: NDArray[np.float32], names: Sequence[str]) -> dict[str, int]:
    column_of = {name: k for k, name in enumerate(names)}
    if X.ndim != 2 or len(names) != X.shape[1] or len(column_of) != len(names):
        raise InputError(f"give each column of X a name of its own (got {len(names)} names, shape {X.shape})")
    return column_of


def _spread_rows(
    rows: NDArray[np.int64],
    y: NDArray[np.integer],
    groups: NDArray[np.integer],
    at_most: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """At most so many of the rows, taken in turn from each class, and within a class from each stroke."""
    shuffled = rng.permutation(rows)
    by_stroke = _turn(groups[shuffled] * (int(y.max()) + 1) + y[shuffled])
    shuffled = shuffled[np.argsort(by_stroke, kind="stable")]
    by_class = _turn(y[shuffled])
    return np.sort(shuffled[np.argsort(by_class, kind="stable")][:at_most])


def _turn(keys: NDArray[np.integer]) -> NDArray[np.int64]:
    """How many entries with the same key come before each entry."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    start = np.searchsorted(ordered, ordered, side="left")
    turn = np.empty(len(keys), np.int64)
    turn[order] = np.arange(len(keys)) - start
    return turn


def _shuffled_quality(
    forest: object,
    X: NDArray[np.float32],
    y: NDArray[np.integer],
    blocks: list[list[int]],
    rng: np.random.Generator,
    cancel: CancelToken | None,
) -> Floats:
    """Quality (n_blocks, 2) with each block of columns shuffled, as many copies at once as memory allows."""
    a_time = max(1, _MAX_CELLS // X.size)
    qualities = []
    for first in range(0, len(blocks), a_time):
        some = blocks[first : first + a_time]
        copies = np.repeat(X[None], len(some), axis=0)
        for copy, columns in zip(copies, some, strict=True):
            copy[:, columns] = X[rng.permutation(len(X))][:, columns]
        qualities.append(_quality(forest, copies, y))
        if cancel is not None:
            cancel.raise_if_cancelled()
    return np.concatenate(qualities)


def _quality(forest: object, copies: NDArray[np.float32], y: NDArray[np.integer]) -> Floats:
    """Class-balanced confidence in the painted class, and accuracy, of each copy (copies, n, n_features)."""
    classes: NDArray[np.integer] = forest.classes_  # type: ignore[attr-defined]
    probability = forest.predict_proba(copies.reshape(-1, copies.shape[2]))  # type: ignore[attr-defined]
    probability = probability.reshape(*copies.shape[:2], len(classes))
    truth = np.searchsorted(classes, y)
    confidence = np.take_along_axis(probability, truth[None, :, None], axis=2)[..., 0]
    right = probability.argmax(axis=2) == truth
    weight = 1 / np.bincount(truth, minlength=len(classes))[truth]
    quality: Floats = np.stack([confidence @ weight, right @ weight], axis=1) / weight.sum()
    return quality
