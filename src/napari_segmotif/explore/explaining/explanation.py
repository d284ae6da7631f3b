"""Which features make a group of objects different from others.

Three witnesses, each of which misleads alone: effect sizes look at one feature at a time; importances see how
features work together, but are near 0 for all copies of one; SHAP values say what a forest does, object by
object. Features that say nearly the same are therefore taken together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ...common.progress import CancelToken, Job, Progress, run_job
from ...errors import InputError
from ..correlation import correlated_groups
from ..given import check_whole, in_table_order
from ..preparation import Preparation, feature_matrix
from ..tables import checked_table, chosen_columns
from .effect_sizes import EffectSize, auc_error, effect_size
from .feature_groups import FeatureGroup, ranked_groups, verdict_of
from .forest_evidence import FEWEST, ForestEvidence, forest_evidence

F64 = NDArray[np.float64]
Ints = NDArray[np.int64]

_LARGEST_SEED = 2**31 - 1
_CIRCULAR = (
    "groups that were found by clustering these very features differ in them by construction: this describes "
    "the groups, it does not prove that they are real"
)


@dataclass(frozen=True)
class Explanation:
    """What tells a group of objects from others.

    Attributes
    ----------
    features
        DataFrame, a row for each feature: `feature`, `effect_size` (Cliff's delta), `effect_low`,
        `effect_high` (95 %), `cohens_d`, `auc`, `direction`, `importance` (of the feature alone),
        `shap` (mean absolute), `group` (index into `groups`).
    groups
        Correlated features taken together, those that matter most first: by SHAP, which shares out what
        several groups know, where importances would call all of them superfluous.
    columns
        Names (F,) of the columns of `shap_values`.
    shap_values, shap_rows
        (m, F) SHAP values of m objects and their rows in the table, those of the group first.
    values
        (m, F) what these objects measure, prepared (logarithms where skewed, then scaled): for colours.
    base_value
        See ForestEvidence.
    n_group, n_other
        How many objects were compared.
    auc
        How well a forest tells held-out objects apart, 0.5 = chance; NaN where the groups were too small.
    auc_low
        Lower end of its 95 % interval.
    verdict
        All that in a sentence or two.
    messages
        What you should know.
    """

    features: pd.DataFrame
    groups: tuple[FeatureGroup, ...]
    columns: tuple[str, ...]
    shap_values: F64
    shap_rows: Ints
    values: F64
    base_value: float
    n_group: int
    n_other: int
    auc: float
    auc_low: float
    verdict: str
    messages: tuple[str, ...]

    def summary(self) -> str:
        """Return the verdict, the groups that matter most, and what else to know, a line each."""
        lines = [self.verdict]
        for group in self.groups[:8]:
            more = f" (and {', '.join(group.features[1:])})" if len(group.features) > 1 else ""
            lines.append(
                f"  {group.representative}{more}: {group.in_words}, SHAP {group.shap:.3f}, "
                f"importance {group.importance:.3f} ± {group.importance_error:.3f}"
            )
        return "\n".join([*lines, *self.messages])


def explain(
    table: pd.DataFrame | ArrayLike,
    group: ArrayLike,
    other: ArrayLike | None = None,
    *,
    columns: Sequence[str] | None = None,
    threshold: float = 0.8,
    random_state: int = 0,
    n_repeats: int = 5,
    max_objects: int = 4000,
) -> Explanation:
    """Find the features that tell a group of objects from others.

    Parameters
    ----------
    table
        Objects, or an array (n, n_features).
    group
        (n,) bool, or row numbers: the objects in question. A Series of bool is joined by its index.
    other
        The same of those to compare with; None: all others.
    columns
        Features to look at; None: all.
    threshold
        Features are taken together where their correlation within the groups is larger in size.
    random_state
        Seed of everything random.
    n_repeats
        How often every feature is shuffled; 1 or more.
    max_objects
        Forests are trained on at most so many objects (12 or more), half of either side where there are
        enough; effect sizes are always of all.

    Returns
    -------
    Explanation

    Raises
    ------
    InputError
        If a side has no objects or they share some, no feature is left that varies, or for a parameter out
        of range.
    """
    return run_job(
        explain_job(
            table,
            group,
            other,
            columns=columns,
            threshold=threshold,
            random_state=random_state,
            n_repeats=n_repeats,
            max_objects=max_objects,
        )
    )


def explain_job(
    table: pd.DataFrame | ArrayLike,
    group: ArrayLike,
    other: ArrayLike | None = None,
    *,
    columns: Sequence[str] | None = None,
    threshold: float = 0.8,
    random_state: int = 0,
    n_repeats: int = 5,
    max_objects: int = 4000,
    cancel: CancelToken | None = None,
) -> Job[Explanation]:
    """`explain` as a job."""
    for name, value, least in (
        ("random_state", random_state, 0),
        ("n_repeats", n_repeats, 1),
        ("max_objects", max_objects, 2 * FEWEST),
    ):
        check_whole(name, value, least, _LARGEST_SEED if name == "random_state" else None)
    table = checked_table(table)
    rows_in, rows_out = _two_groups(table, group, other)
    names = chosen_columns(table, columns)
    rows = np.concatenate([rows_in, rows_out])
    in_group = np.arange(len(rows)) < len(rows_in)
    compared = table.iloc[rows]
    preparation = Preparation()
    yield Progress(0, 0, "comparing the features")
    X = preparation.fit_transform(compared, names)
    if not X.shape[1]:
        raise InputError(
            f"no feature differs among these objects: measure more features (got {', '.join(names[:8])})"
        )
    used = preparation.columns_
    effects = yield from _effects(feature_matrix(compared, used), in_group, used, cancel)
    members = _correlated(X, in_group, used, threshold)
    chosen = _affordable(in_group, max_objects, random_state)
    messages = [*preparation.messages_]
    if len(chosen) < len(rows):
        messages.append(f"the forests were trained on {len(chosen):,} of the {len(rows):,} objects")
    evidence: ForestEvidence | None = None
    if min(len(rows_in), len(rows_out)) >= FEWEST:
        evidence = yield from forest_evidence(
            X[chosen],
            in_group[chosen],
            members,
            n_repeats=n_repeats,
            random_state=random_state,
            cancel=cancel,
        )
    else:
        messages.append(
            f"with fewer than {FEWEST} objects on a side there is nothing to hold out: effect sizes only "
            f"(got {len(rows_in)} and {len(rows_out)})"
        )
    n_compared = len(rows_in), len(rows_out)
    return _assembled(
        used, effects, members, evidence, X[chosen], rows[chosen], in_group[chosen], n_compared, messages
    )


# ---------------------------------------------------------------------------------------------------- groups


def _two_groups(table: pd.DataFrame, group: ArrayLike, other: ArrayLike | None) -> tuple[Ints, Ints]:
    first = _rows(table, group, "group")
    rest = np.setdiff1d(np.arange(len(table)), first) if other is None else _rows(table, other, "other")
    if not len(rest):
        raise InputError("leave objects to compare with: the group is the whole table (got no other object)")
    if len(shared := np.intersect1d(first, rest)):
        raise InputError(
            f"compare groups that share no object (got {len(shared)} in both, row {shared[0]} first)"
        )
    return first, rest


def _rows(table: pd.DataFrame, given: ArrayLike, name: str) -> Ints:
    n = len(table)
    if isinstance(given, pd.Series) and pd.api.types.is_bool_dtype(given):  # else they are row numbers
        given = in_table_order(table, given, name)
    values = np.asarray(given)
    if values.dtype == bool:
        if values.shape != (n,):
            raise InputError(f"{name} must have one entry for each of the {n} rows (got {values.shape})")
        rows = np.flatnonzero(values)
    else:
        if values.size and values.dtype.kind not in "iu":
            raise InputError(f"give {name} as a mask or as row numbers (got {values.dtype})")
        rows = np.unique(values.astype(np.int64))
        if len(rows) and (rows[0] < 0 or rows[-1] >= n):
            raise InputError(f"rows of {name} must be from 0 to {n - 1} (got {rows[0]} to {rows[-1]})")
    if not len(rows):
        raise InputError(f"choose at least one object for {name} (got none)")
    return rows.astype(np.int64)


def _affordable(in_group: NDArray[np.bool_], most: int, random_state: int) -> Ints:
    """Places of the objects that forests are trained on, ascending, both sides as even as possible."""
    rng = np.random.default_rng(random_state)
    sides = [np.flatnonzero(in_group), np.flatnonzero(~in_group)]
    fewer = min(len(side) for side in sides)
    allowed = max(most // 2, most - fewer)
    return np.sort(np.concatenate([rng.permutation(side)[:allowed] for side in sides]))


# -------------------------------------------------------------------------------------------------- features


def _effects(
    values: F64, in_group: NDArray[np.bool_], names: Sequence[str], cancel: CancelToken | None
) -> Job[list[EffectSize]]:
    found = []
    for j, name in enumerate(names):
        if cancel is not None:
            cancel.raise_if_cancelled()
        found.append(effect_size(values[in_group, j], values[~in_group, j]))
        yield Progress(j, 4 * len(names), f"comparing {name}")
    return found


def _correlated(
    X: F64, in_group: NDArray[np.bool_], names: Sequence[str], threshold: float
) -> list[list[int]]:
    """Columns that say nearly the same within both groups: a difference between the groups is no likeness."""
    within = X.copy()
    for side in (in_group, ~in_group):
        within[side] -= X[side].mean(axis=0)
    place = {name: j for j, name in enumerate(names)}
    varying = np.ptp(within, axis=0) > 1e-9
    if len(X) < 4 or not varying.any():
        return [[j] for j in range(len(names))]
    frame = pd.DataFrame(within[:, varying], columns=[n for n, v in zip(names, varying, strict=True) if v])
    grouped = correlated_groups(frame, threshold, list(frame.columns))
    return [
        *([place[name] for name in group] for group in grouped),
        *([j] for j in np.flatnonzero(~varying).tolist()),
    ]


def _assembled(
    names: Sequence[str],
    effects: Sequence[EffectSize],
    members: Sequence[Sequence[int]],
    evidence: ForestEvidence | None,
    X: F64,
    rows: Ints,
    in_group: NDArray[np.bool_],
    n_compared: tuple[int, int],
    messages: list[str],
) -> Explanation:
    n_features = len(names)
    if evidence is None:
        nothing = np.full(len(members), np.nan)
        evidence = ForestEvidence(
            float("nan"), nothing, nothing, np.full(n_features, np.nan), np.zeros((0, n_features)),
            np.zeros(0, np.int64), float("nan"),
        )  # fmt: skip
    groups, order = ranked_groups(names, effects, members, evidence)
    group_of = np.zeros(n_features, int)
    for number, index in enumerate(order):
        group_of[list(members[index])] = number
    shap = evidence.shap_values
    features = pd.DataFrame(
        {
            "feature": list(names),
            "effect_size": [e.cliffs_delta for e in effects],
            "effect_low": [2 * e.low - 1 for e in effects],
            "effect_high": [2 * e.high - 1 for e in effects],
            "cohens_d": [e.cohens_d for e in effects],
            "auc": [e.auc for e in effects],
            "direction": [e.direction for e in effects],
            "importance": evidence.single,
            "shap": np.abs(shap).mean(axis=0) if len(shap) else np.full(n_features, np.nan),
            "group": group_of,
        }
    )
    n_seen = int(in_group.sum())
    low = evidence.auc - 1.96 * auc_error(evidence.auc, n_seen, len(in_group) - n_seen)
    return Explanation(
        features=features,
        groups=groups,
        columns=tuple(names),
        shap_values=shap,
        shap_rows=rows[evidence.shap_rows],
        values=X[evidence.shap_rows],
        base_value=evidence.base_value,
        n_group=n_compared[0],
        n_other=n_compared[1],
        auc=evidence.auc,
        auc_low=low,
        verdict=verdict_of(groups, evidence.auc, low),
        messages=(*messages, _CIRCULAR),
    )
