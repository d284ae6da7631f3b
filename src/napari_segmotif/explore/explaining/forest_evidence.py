"""What a forest needs to tell two groups apart: importances on held-out objects, and SHAP values.

The forest is shallow on purpose. It is no classifier to be used, but a witness: it sees how features work
together, and bounded trees keep what it says about single objects (SHAP) fast and smooth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress
from .effect_sizes import area_under_curve

F64 = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_DEPTH = 6
_N_TREES = 60
_LEAST_IN_LEAF = 3
_N_FOLDS = 3
_MOST_HELD_OUT = 600  # objects of a fold on which features are shuffled
_MOST_EXPLAINED = 400

FEWEST = 2 * _N_FOLDS
"""Objects that each group must have for a part of it to be held out."""


@dataclass(frozen=True)
class ForestEvidence:
    """What forests say about features that come in groups.

    Attributes
    ----------
    auc
        How well forests tell objects apart that they were not trained on (pooled over the folds); 0.5 is
        chance.
    importance, importance_error
        (G,) how much the held-out AUC falls when all features of a group are shuffled together, with its
        standard error over folds and repeats.
    single
        (F,) the same for each feature alone. Where features are copies of each other it is near 0 for all of
        them, since the others step in.
    shap_values
        (m, F) how much each feature moves the forest's probability for each explained object (Lundberg et
        al., Nature Machine Intelligence 2, 2020).
    shap_rows
        (m,) which objects these are.
    base_value
        The probability before any feature is known: base_value + shap_values.sum(axis=1) is the forest's
        probability.
    """

    auc: float
    importance: F64
    importance_error: F64
    single: F64
    shap_values: F64
    shap_rows: Ints
    base_value: float


def forest_evidence(
    X: F64,
    in_group: NDArray[np.bool_],
    groups: Sequence[Sequence[int]],
    *,
    n_repeats: int = 5,
    random_state: int = 0,
    cancel: CancelToken | None = None,
) -> Job[ForestEvidence]:
    """Train forests, shuffle features of held-out objects, and explain objects, as a job.

    Parameters
    ----------
    X
        (n, F) prepared features without missing values.
    in_group
        (n,) which objects are in question; at least `FEWEST` are and as many are not.
    groups
        Columns of X that are shuffled together.
    n_repeats
        How often each is shuffled, in each of three folds.
    random_state
        Seed of everything random.
    cancel
        Looked at between features.
    """
    rng = np.random.default_rng(random_state)
    folds = _folds(in_group, rng)
    units = [list(group) for group in groups] + [[j] for group in groups if len(group) > 1 for j in group]
    falls = np.zeros((len(units), _N_FOLDS * n_repeats))
    areas = []
    n_steps = _N_FOLDS * (len(units) + 10) + 20
    for fold in range(_N_FOLDS):
        done = fold * (len(units) + 10)
        yield Progress(done, n_steps, f"training a forest, part {fold + 1} of {_N_FOLDS}")
        held_out = folds == fold
        forest = _forest(random_state + fold).fit(X[~held_out], in_group[~held_out])
        rows = _held_out_rows(held_out, in_group, rng)
        n_group = int(in_group[rows].sum())
        whole = area_under_curve(_scores(forest, X[rows])[None], n_group)[0]
        areas.append(float(whole))
        for number, columns in enumerate(units):
            if cancel is not None:
                cancel.raise_if_cancelled()
            shuffled = _shuffled(X[rows], columns, n_repeats, rng)
            scores = _scores(forest, shuffled).reshape(n_repeats, len(rows))
            part = slice(fold * n_repeats, (fold + 1) * n_repeats)
            falls[number, part] = whole - area_under_curve(scores, n_group)
            yield Progress(done + 10 + number, n_steps, "shuffling one feature after the other")
    yield Progress(n_steps - 20, n_steps, "explaining single objects (SHAP)")
    shap_values, shap_rows, base = _shap(X, in_group, random_state, rng)
    means, errors = falls.mean(axis=1), falls.std(axis=1, ddof=1) / np.sqrt(falls.shape[1])
    single = np.zeros(X.shape[1])
    for number, columns in enumerate(units):
        if len(columns) == 1:
            single[columns[0]] = means[number]
    return ForestEvidence(
        auc=float(np.mean(areas)),
        importance=means[: len(groups)],
        importance_error=errors[: len(groups)],
        single=single,
        shap_values=shap_values,
        shap_rows=shap_rows,
        base_value=base,
    )


def _forest(seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(
        n_estimators=_N_TREES,
        max_depth=MAX_DEPTH,
        min_samples_leaf=_LEAST_IN_LEAF,
        class_weight="balanced",
        random_state=seed % 2**32,
    )


def _scores(forest: Any, X: F64) -> F64:
    scores: F64 = forest.predict_proba(X)[:, 1]
    return scores


def _folds(in_group: NDArray[np.bool_], rng: np.random.Generator) -> Ints:
    """(n,) the fold of every object, with both groups spread evenly."""
    folds = np.empty(len(in_group), np.int64)
    for side in (True, False):
        rows = rng.permutation(np.flatnonzero(in_group == side))
        folds[rows] = np.arange(len(rows)) % _N_FOLDS
    return folds


def _held_out_rows(
    held_out: NDArray[np.bool_], in_group: NDArray[np.bool_], rng: np.random.Generator
) -> Ints:
    """Held-out objects, those of the group first; of either side at most half of what is affordable."""
    sides = [np.flatnonzero(held_out & (in_group == side)) for side in (True, False)]
    return np.concatenate([rng.permutation(rows)[: _MOST_HELD_OUT // 2] for rows in sides])


def _shuffled(X: F64, columns: list[int], n_repeats: int, rng: np.random.Generator) -> F64:
    """(n_repeats · n, F) copies of objects in which some features are those of another object."""
    copies = np.tile(X, (n_repeats, 1))
    for repeat in range(n_repeats):
        part = slice(repeat * len(X), (repeat + 1) * len(X))
        copies[part, columns] = X[rng.permutation(len(X))][:, columns]
    return copies


def _shap(
    X: F64, in_group: NDArray[np.bool_], random_state: int, rng: np.random.Generator
) -> tuple[F64, Ints, float]:
    import shap

    forest = _forest(random_state).fit(X, in_group)
    rows = np.concatenate(
        [rng.permutation(np.flatnonzero(in_group == side))[: _MOST_EXPLAINED // 2] for side in (True, False)]
    )
    explainer = shap.TreeExplainer(forest)
    values = np.asarray(explainer.shap_values(X[rows], check_additivity=False), np.float64)
    base = float(np.asarray(explainer.expected_value)[1])
    return values[:, :, 1], rows, base
