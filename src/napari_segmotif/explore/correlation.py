"""Which features say the same, and which one stands for each group of them.

Twenty columns that all measure size make size count twenty times in every distance, and share one
importance among twenty. Pruning keeps one of them and says for which others it stands. The answer depends
neither on the order of the columns nor on chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .tables import checked_table, chosen_columns

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Method = Literal["pearson", "spearman"]

_FEWEST = 3  # two points are always on a line
_MOST_RANKED = 20_000
_DECIMALS = 6  # what single precision gives, whatever the number of threads
_SAMPLED = 5_000
_DOMINATING = 4


@dataclass(frozen=True)
class Pruning:
    """Which features are kept, and what the others are left out for.

    Attributes
    ----------
    kept
        Features to go on with, in the table's order. No two of them correlate by `threshold` or more.
    stands_for
        Each kept feature that replaces others → those, by name.
    correlation
        (F, F) DataFrame of correlations in [−1, 1], to 6 decimals; NaN for features that are constant.
    groups
        All features, in groups of one or more: first the one that is kept; the largest group first.
    threshold, method
        As asked for.
    messages
        What the user should know.
    """

    kept: tuple[str, ...]
    stands_for: dict[str, tuple[str, ...]]
    correlation: pd.DataFrame
    groups: tuple[tuple[str, ...], ...]
    threshold: float
    method: Method
    messages: tuple[str, ...]

    @property
    def dropped(self) -> tuple[str, ...]:
        """Features that are left out, by name."""
        return tuple(sorted(name for names in self.stands_for.values() for name in names))

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table without the features that are left out; all other columns stay as they are."""
        dropped = set(self.dropped)
        return table[[name for name in table.columns if name not in dropped]]

    def summary(self) -> str:
        """What was found, in a sentence and a line for each group."""
        lines = [
            f"{len(self.kept)} of {len(self.correlation)} features kept; "
            f"the others correlate with one of them by {self.threshold:g} or more."
        ]
        lines += [f"{name} stands for {', '.join(others)}" for name, others in self.stands_for.items()]
        return "\n".join(lines)


def prune_correlated(
    table: pd.DataFrame | ArrayLike,
    threshold: float = 0.9,
    *,
    columns: Sequence[str] | None = None,
    method: Method = "pearson",
) -> Pruning:
    """Keep one of each group of features that say nearly the same.

    Again and again, the feature that correlates with most of those left is kept, and those are left out; of
    several, the one with the fewest missing values, then the first by name. So what is left out correlates
    with what stands for it, not only by a chain of others.

    Parameters
    ----------
    table
        Objects, or an array (n, n_features).
    threshold
        In (0, 1]: two features whose correlation is at least this, or at most its negative, say the same.
    columns
        Features to look at; None: all of the table's.
    method
        "pearson": on a line; "spearman": rising or falling together, of ranks (on a fixed sample of 20,000
        objects where there are more). Values that are missing or infinite are left out pair by pair.

    Raises
    ------
    InputError
        If the threshold or the method is out of bounds, or the table cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> area = np.array([4.0, 1.0, 3.0, 9.0])
    >>> table = pd.DataFrame({"filled": area + 0.01, "area": area, "mean": [1.0, 7.0, 2.0, 3.0]})
    >>> pruning = prune_correlated(table)
    >>> pruning.kept, pruning.stands_for
    (('area', 'mean'), {'area': ('filled',)})
    """
    _check_threshold(threshold)
    correlation, lacking, messages = _correlations(table, columns, method)
    groups = _groups(correlation, threshold, lacking)
    representatives = {group[0] for group in groups}
    return Pruning(
        kept=tuple(name for name in correlation.columns if name in representatives),
        stands_for={group[0]: group[1:] for group in groups if len(group) > 1},
        correlation=correlation,
        groups=groups,
        threshold=float(threshold),
        method=method,
        messages=messages,
    )


def correlated_groups(
    table: pd.DataFrame | ArrayLike,
    threshold: float = 0.9,
    columns: Sequence[str] | None = None,
    *,
    method: Method = "pearson",
) -> tuple[tuple[str, ...], ...]:
    """All features in groups of one or more that say nearly the same: the `groups` of `prune_correlated`."""
    return prune_correlated(table, threshold, columns=columns, method=method).groups


def correlation_table(
    table: pd.DataFrame | ArrayLike, columns: Sequence[str] | None = None, *, method: Method = "pearson"
) -> pd.DataFrame:
    """Correlations (F, F) of features in [−1, 1], to 6 decimals; NaN for those that are constant."""
    return _correlations(table, columns, method)[0]


def warn_of_copies(prepared: F64, names: Sequence[str], threshold: float = 0.9) -> tuple[str, ...]:
    """A message for the user if many features are near copies, and so dominate every distance; else nothing.

    Parameters
    ----------
    prepared
        (n, F), finite; at most 5,000 rows, evenly spaced, are looked at.
    names
        Those of the F features.
    threshold
        As in `prune_correlated`.
    """
    some = prepared[:: max(1, len(prepared) // _SAMPLED)]
    if len(names) < _DOMINATING or len(some) < 2 * _DOMINATING:
        return ()
    groups = [
        group
        for group in correlated_groups(pd.DataFrame(some, columns=list(names)), threshold, list(names))
        if len(group) >= _DOMINATING
    ]
    if not groups:
        return ()
    copies = sum(len(group) for group in groups)
    largest = groups[0]
    return (
        f"{copies} of {len(names)} features are nearly copies of each other, in "
        f"{len(groups)} {'group' if len(groups) == 1 else 'groups'} (such as {', '.join(largest[:3])}): each "
        f"group counts as often in every distance as it has features. Prune correlated features to let each "
        f"count once.",
    )


def _check_threshold(threshold: float) -> None:
    if not 0 < threshold <= 1:
        raise InputError(f"the threshold of the correlation must be above 0 and at most 1 (got {threshold})")


def _correlations(
    table: pd.DataFrame | ArrayLike, columns: Sequence[str] | None, method: Method
) -> tuple[pd.DataFrame, dict[str, int], tuple[str, ...]]:
    """Correlations, how many values each feature lacks, and messages."""
    if method not in ("pearson", "spearman"):
        raise InputError(f'method must be "pearson" or "spearman" (got {method!r})')
    table = checked_table(table)
    names = list(dict.fromkeys(chosen_columns(table, columns)))
    messages = []
    if method == "spearman" and len(table) > _MOST_RANKED:
        rows = np.random.default_rng(0).choice(len(table), _MOST_RANKED, replace=False)
        messages.append(f"Ranks were compared on {_MOST_RANKED:,} of {len(table):,} objects.")
        table = table.iloc[np.sort(rows)]
    # In the order of names: so that the same sums are formed whatever the order of the columns.
    ordered = sorted(names)
    scaled, present, constant = _standardised(table, ordered, method)
    values = _pearson(scaled, present)
    values[constant] = np.nan
    values[:, constant] = np.nan
    if constant.any():
        listed = ", ".join(np.array(ordered)[constant][:5])
        messages.append(f"Features that do not vary, and so correlate with nothing: {listed}.")
    correlation = pd.DataFrame(values, index=ordered, columns=ordered).loc[names, names]
    lacking = {
        name: 0 if here is None else int(len(here) - here.sum())
        for name, here in zip(ordered, present, strict=True)
    }
    return correlation, lacking, tuple(messages)


def _standardised(
    table: pd.DataFrame, names: Sequence[str], method: Method
) -> tuple[F32, list[F32 | None], NDArray[np.bool_]]:
    """Features (F, n) with mean 0 and deviation 1, 0 where missing; what is present; which are constant."""
    scaled = np.zeros((len(names), len(table)), np.float32)
    present: list[F32 | None] = [None] * len(names)
    constant = np.zeros(len(names), np.bool_)
    for j, name in enumerate(names):
        column = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
        finite = np.isfinite(column)
        if complete := bool(finite.all()):
            finite = np.ones(1, np.bool_)
        else:
            present[j] = finite.astype(np.float32)
            column = column[finite]
        if len(column) < _FEWEST or _is_constant(column):
            constant[j] = True
            continue
        if method == "spearman":
            column = _ranks(column)
        column = column - column.mean()
        column /= max(np.abs(column).max(), np.finfo(np.float64).tiny)  # squares may not overflow
        column /= np.sqrt(np.dot(column, column) / len(column))
        if complete:
            scaled[j] = column
        else:
            scaled[j, finite] = column
    return scaled, present, constant


def _is_constant(column: F64) -> bool:
    low, high = column.min(), column.max()
    return bool(high - low <= max(1e-12 * max(abs(low), abs(high)), 1e-140))


def _ranks(column: F64) -> F64:
    from scipy.stats import rankdata

    return np.asarray(rankdata(column), dtype=np.float64)


def _pearson(scaled: F32, present: list[F32 | None]) -> F64:
    """Correlation of each pair of features over the objects that have both, (F, F)."""
    n = scaled.shape[1]
    values = (scaled @ scaled.T).astype(np.float64) / n
    incomplete = [j for j, here in enumerate(present) if here is not None]
    if incomplete:
        here = np.ones_like(scaled)
        for j in incomplete:
            here[j] = present[j]
        squares = scaled * scaled
        x, m, q = scaled[incomplete], here[incomplete], squares[incomplete]
        count, product = (m @ here.T).astype(np.float64), (x @ scaled.T).astype(np.float64)
        sum_x, sum_y = (x @ here.T).astype(np.float64), (m @ scaled.T).astype(np.float64)
        sum_xx, sum_yy = (q @ here.T).astype(np.float64), (m @ squares.T).astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = (sum_xx - sum_x**2 / count) * (sum_yy - sum_y**2 / count)
            paired = (product - sum_x * sum_y / count) / np.sqrt(variance)
        # Rounding alone makes a variance of about 1e-7 of the squares' sum.
        vague = (count < _FEWEST) | ~(variance > 1e-10 * (sum_xx * sum_yy))
        paired[vague] = np.nan
        values[incomplete] = paired
        values[:, incomplete] = paired.T
    np.fill_diagonal(values, 1.0)
    return np.asarray(np.round(np.clip(values, -1.0, 1.0), _DECIMALS))


def _groups(
    correlation: pd.DataFrame, threshold: float, lacking: dict[str, int]
) -> tuple[tuple[str, ...], ...]:
    """Features in groups, each with the one that is kept first; the largest group first, then by name."""
    ordered = sorted(correlation.columns)
    alike = np.abs(correlation.loc[ordered, ordered].to_numpy()) >= threshold  # NaN is not
    np.fill_diagonal(alike, True)
    missing = np.array([lacking[name] for name in ordered])
    found = [tuple(ordered[j] for j in group) for group in _stars(alike, missing)]
    return tuple(sorted(found, key=lambda group: (-len(group), group[0])))


def _stars(alike: NDArray[np.bool_], missing: NDArray[np.int64]) -> Iterator[list[int]]:
    """Take the feature with most partners and them away, until none is left; the first of each is kept."""
    left = np.ones(len(alike), np.bool_)
    while left.any():
        partners = (alike & left).sum(axis=1)
        best = min(np.flatnonzero(left), key=lambda j: (-partners[j], missing[j], j))
        taken = alike[best] & left
        left &= ~taken
        taken[best] = False
        yield [int(best), *np.flatnonzero(taken).tolist()]
