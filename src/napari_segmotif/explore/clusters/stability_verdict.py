"""From the numbers of each trial to one plain sentence: how many clusters there are, if any.

The limits were chosen on simulated tables (clouds of six shapes without clusters; blobs near and far, few and
many, of equal and unequal size), not on those that benchmarks/ judges by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .co_assignment import STABLE, stability_word
from .resampling import Trial

Level = Literal["clear", "doubtful", "none"]

CLEAR_P, CLEAR_DEPTH = 0.02, 0.6  # a valley as deep as that, and no accident
DOUBTFUL_P, DOUBTFUL_DEPTH = 0.2, 0.85
_WORDS = "no,one,two,three,four,five,six,seven,eight,nine,ten,eleven,twelve"


@dataclass(frozen=True)
class Choice:
    """Which trial the objects speak for.

    Attributes
    ----------
    trial
        The trial, or None: no clusters.
    level
        "clear": there is a valley between any two clusters; "doubtful": it is shallow or may be chance;
        "none".
    """

    trial: Trial | None
    level: Level


def level_of(trial: Trial, by_gap: int | None) -> Level:
    """How sure it is that the clusters of one trial are more than parts of a cloud.

    Parameters
    ----------
    trial
        What was found for one number of clusters.
    by_gap
        Number of clusters that the gap statistic speaks for; None where there is none (HDBSCAN).
    """
    if trial.run.n_clusters < 2 or trial.valley is None:
        return "none"
    p, depth = trial.valley.p_value, trial.valley.depth_ratio
    if p < CLEAR_P and depth < CLEAR_DEPTH:
        return "clear"
    come_back = lowest_jaccard(trial) >= STABLE and trial.ari_resamples >= STABLE
    may_be = p < DOUBTFUL_P and depth < DOUBTFUL_DEPTH
    return "doubtful" if may_be and come_back and by_gap != 1 else "none"


def choose(trials: Sequence[Trial], by_gap: int | None) -> Choice:
    """The most clusters that are all set apart and come back; else those that come back best."""
    for level in ("clear", "doubtful"):
        candidates = [trial for trial in trials if level_of(trial, by_gap) == level]
        if candidates:
            stable = [trial for trial in candidates if lowest_jaccard(trial) >= STABLE]
            best = (
                max(stable, key=lambda trial: (trial.run.n_clusters, lowest_jaccard(trial)))
                if stable
                else max(candidates, key=lowest_jaccard)
            )
            return Choice(best, level)
    return Choice(None, "none")


def lowest_jaccard(trial: Trial) -> float:
    """Jaccard of the cluster that comes back worst; 0 where there is no cluster."""
    return min(trial.together.jaccard().values(), default=0.0)


def verdict_words(choice: Choice, jaccard: Mapping[int, float], n_objects: int) -> str:
    """The verdict, in a sentence or two that need no statistics.

    Parameters
    ----------
    choice
        What was chosen.
    jaccard
        Jaccard of each cluster, as numbered for the user.
    n_objects
        How many objects were judged.
    """
    if choice.trial is None or choice.trial.valley is None:
        return f"No clusters: one cloud explains all {n_objects:,} objects; any division of it is arbitrary."
    many = f"{counted(len(jaccard))} clusters"
    between = f"{min(1.0, choice.trial.valley.depth_ratio):.0%}"
    if choice.level == "doubtful":
        return (
            f"Doubtful: perhaps {many}, but they overlap (where they are least apart, there are "
            f"{between} as many objects between them as in one of them). "
            "More objects or other features may tell."
        )
    unsure = {c: value for c, value in jaccard.items() if value < STABLE}
    if not unsure:
        return (
            f"{many.capitalize()}, all stable: each comes back when the objects are resampled (Jaccard at "
            f"least {min(jaccard.values()):.2f}), with few objects between any two."
        )
    named = ", ".join(f"{c} is {stability_word(value)} ({value:.2f})" for c, value in unsure.items())
    n_stable = len(jaccard) - len(unsure)
    share = "none of them" if n_stable == 0 else f"{counted(n_stable)} of them"
    return (
        f"{many.capitalize()}, {share} stable: by its Jaccard when the objects are resampled, "
        f"cluster {named}."
    )


def counted(number: int) -> str:
    """A number as a word, up to twelve."""
    words = _WORDS.split(",")
    return words[number] if number < len(words) else str(number)
