"""How much two groups of objects differ in one feature, with how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
_95_PERCENT = 1.959964


@dataclass(frozen=True)
class EffectSize:
    """The difference of a group from another in one feature.

    Attributes
    ----------
    auc
        Probability that a random object of the group has the larger value (ties count half); 0.5: no
        difference. It does not depend on the feature's unit or scale, nor much on single broken objects.
    low, high
        95 % confidence interval of the AUC (Hanley & McNeil, Radiology 143, 1982).
    cohens_d
        Difference of the means in pooled standard deviations; NaN where nothing varies.
    """

    auc: float
    low: float
    high: float
    cohens_d: float

    @property
    def cliffs_delta(self) -> float:
        """2 AUC − 1, in [−1, 1] (Cliff, Psychological Bulletin 114, 1993)."""
        return 2 * self.auc - 1

    @property
    def direction(self) -> str:
        """Whether values of the group are "larger" or "smaller", or "alike" where that is not sure."""
        if self.low > 0.5:
            return "larger"
        return "smaller" if self.high < 0.5 else "alike"


def effect_size(group: F64, other: F64) -> EffectSize:
    """Compare values (n,) of a group with values (m,) of another; missing ones are left out.

    All is NaN where a side has no value.
    """
    group, other = group[np.isfinite(group)], other[np.isfinite(other)]
    if not len(group) or not len(other):
        return EffectSize(*[float("nan")] * 4)
    auc = float(area_under_curve(np.concatenate([group, other])[None], len(group))[0])
    error = auc_error(auc, len(group), len(other))
    low, high = max(0.0, auc - _95_PERCENT * error), min(1.0, auc + _95_PERCENT * error)
    return EffectSize(auc, low, high, _cohens_d(group, other))


def area_under_curve(values: F64, n_group: int) -> F64:
    """Areas (R,) under the ROC curve of scores (R, n): how well they put the first `n_group` in front."""
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=1)[:, :n_group].sum(axis=1)
    n_other = values.shape[1] - n_group
    areas: F64 = (ranks - n_group * (n_group + 1) / 2) / (n_group * n_other)
    return areas


def auc_error(auc: float, n_group: int, n_other: int) -> float:
    """Standard error of an AUC by Hanley and McNeil; that of no difference where it would be 0 by chance."""
    # An AUC of exactly 0 or 1 has a variance of 0 in the formula, also with two objects on a side.
    certain = 0.5 / max(n_group * n_other, 2)
    auc = min(max(auc, certain), 1 - certain)
    both_group, both_other = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (
        auc * (1 - auc) + (n_group - 1) * (both_group - auc**2) + (n_other - 1) * (both_other - auc**2)
    ) / (n_group * n_other)
    return float(np.sqrt(max(variance, 0.0)))


def _cohens_d(group: F64, other: F64) -> float:
    n = len(group) + len(other) - 2
    if n < 1:
        return float("nan")
    squares = ((group - group.mean()) ** 2).sum() + ((other - other.mean()) ** 2).sum()
    spread = float(np.sqrt(squares / n))
    difference = float(group.mean() - other.mean())
    if spread <= 1e-12 * max(abs(float(group.mean())), abs(float(other.mean())), 1e-300):
        return 0.0 if difference == 0 else float("nan")
    return difference / spread
