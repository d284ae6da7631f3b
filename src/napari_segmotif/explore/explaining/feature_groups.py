"""Features that say nearly the same, judged together, ranked, and put into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .effect_sizes import EffectSize
from .forest_evidence import ForestEvidence

_MOST_IN_WORDS = 3


@dataclass(frozen=True)
class FeatureGroup:
    """Features that say nearly the same, judged together.

    Attributes
    ----------
    features
        Names, the representative first, then by effect size.
    representative
        The one with the largest effect size.
    importance, importance_error
        How much the AUC of a forest on held-out objects falls without the whole group, and its standard
        error; NaN where the groups were too small.
    shap
        Mean absolute SHAP value of the whole group: how much it moves the probability of an object.
    auc, direction
        Of the representative; see EffectSize.
    """

    features: tuple[str, ...]
    representative: str
    importance: float
    importance_error: float
    shap: float
    auc: float
    direction: str

    @property
    def in_words(self) -> str:
        """As in "smaller, AUC 0.93": an AUC from 0.5 up, whichever side is larger."""
        return f"{self.direction}, AUC {max(self.auc, 1 - self.auc):.2f}"


def ranked_groups(
    names: Sequence[str],
    effects: Sequence[EffectSize],
    members: Sequence[Sequence[int]],
    evidence: ForestEvidence,
) -> tuple[tuple[FeatureGroup, ...], list[int]]:
    """Groups, those that matter most first, and their numbers in `members`."""

    def strength(j: int) -> float:
        return abs(float(np.nan_to_num(effects[j].cliffs_delta)))

    groups = []
    for number, columns in enumerate(members):
        best = sorted(columns, key=lambda j: (-strength(j), names[j]))
        together = evidence.shap_values[:, list(columns)].sum(axis=1)
        groups.append(
            FeatureGroup(
                features=tuple(names[j] for j in best),
                representative=names[best[0]],
                importance=float(evidence.importance[number]),
                importance_error=float(evidence.importance_error[number]),
                shap=float(np.abs(together).mean()) if len(together) else float("nan"),
                auc=effects[best[0]].auc,
                direction=effects[best[0]].direction,
            )
        )

    def matters(number: int) -> tuple[float, float, str]:
        group = groups[number]
        return (-float(np.nan_to_num(group.shap)), -abs(np.nan_to_num(group.auc - 0.5)), group.representative)

    order = sorted(range(len(groups)), key=matters)
    return tuple(groups[number] for number in order), order


def verdict_of(groups: Sequence[FeatureGroup], auc: float, low: float) -> str:
    """What the groups, and a forest's AUC on held-out objects with the low end of its interval, say."""
    sure = [group for group in groups if group.direction != "alike"]
    if np.isnan(auc):
        if not sure:
            return "Nothing sure can be said: too few objects, and no feature differs clearly."
        return f"They differ most in {_listed(sure)}. There are too few objects to test that on others."
    if low <= 0.5:
        return (
            f"These features do not tell the objects apart: on objects that it had not seen, a forest was no "
            f"better than chance (AUC {auc:.2f}, chance is 0.5)."
        )
    named = _listed(sure) if sure else "no single feature, but in combinations of them"
    return (
        f"They differ most in {named}. By all features together, objects that were held out are told apart "
        f"with an AUC of {auc:.2f} (0.5 is chance, 1 is perfect)."
    )


def _listed(groups: Sequence[FeatureGroup]) -> str:
    said = [f"{group.representative} ({group.in_words})" for group in groups[:_MOST_IN_WORDS]]
    return said[0] if len(said) == 1 else ", ".join(said[:-1]) + " and " + said[-1]
