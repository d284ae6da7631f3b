"""What the U-Net segmenter says, in plain words. No Qt in here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...common.words import sentence
from ...unet.learning.reports import EpochReport
from ...unet.parameters import Annotation

if TYPE_CHECKING:
    from ...unet.learning.validation import ValidationTable
    from ...unet.network.configuration import Configuration

__all__ = [
    "ANNOTATIONS",
    "duration",
    "epoch_in_words",
    "final_score",
    "main_score",
    "reasons_in_words",
    "score",
    "seconds_left",
]

ANNOTATIONS: dict[Annotation, tuple[str, str]] = {
    "instances": (
        "Objects",
        "Every object has a number of its own; 0 is background. Separate objects are found.",
    ),
    "semantic": ("Classes, every pixel", "Every pixel has a class; 0 is a class like the others."),
    "scribbles": (
        "Strokes",
        "Classes are painted in places; 0 is not annotated and is left out of the training.",
    ),
}
"""What training labels can be: what to call it, and what it means."""

_CHOICES = {
    "depth": "Depth",
    "widths": "Width",
    "patch": "Patch",
    "strides": "Planes",
    "batch_size": "Batch",
    "steps_per_epoch": "Steps an epoch",
}
_RECENT = 5  # epochs whose mean says how long the next ones take


def score(value: float) -> str:
    """Say a share as papers do: ".71", "1"; "–" where there is none."""
    if math.isnan(value):
        return "–"
    return "1" if value >= 0.995 else f"{value:.2f}".removeprefix("0")


def main_score(report: EpochReport) -> tuple[str, float]:
    """Return the name and the value of what the best epoch is chosen by."""
    if not math.isnan(report.validation_ap):
        return "AP", report.validation_ap
    return "Dice", report.validation_dice


def final_score(table: ValidationTable | None) -> float:
    """Mean AP of the network that is kept, with objects made as suits it best; NaN where there are none."""
    return math.nan if table is None else table.mean_average_precision


def epoch_in_words(reports: Sequence[EpochReport]) -> str:
    """Say where training is: "Epoch 12 of 60 · validation AP .71, best .72 · 3 min left"."""
    last = reports[-1]
    name, value = main_score(last)
    parts = [f"Epoch {last.epoch} of {last.n_epochs}"]
    best = max((s for s in (main_score(r)[1] for r in reports) if not math.isnan(s)), default=math.nan)
    if not math.isnan(value):
        parts.append(f"validation {name} {score(value)}, best {score(best)}")
    left = seconds_left(reports)
    if left > 0:
        parts.append(f"{duration(left)} left")
    return " · ".join(parts)


def seconds_left(reports: Sequence[EpochReport]) -> float:
    """Estimate how long the epochs that are still to come take."""
    recent = [r.seconds for r in reports[-_RECENT:] if math.isfinite(r.seconds)]
    if not recent:
        return 0.0
    return (reports[-1].n_epochs - reports[-1].epoch) * sum(recent) / len(recent)


def duration(seconds: float) -> str:
    """Say how long something lasts: "40 s", "3 min", "1.5 h"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def reasons_in_words(configuration: Configuration) -> list[tuple[str, str]]:
    """Say what was chosen automatically, and why: (what, in words)."""
    given = dict(configuration.reasons)
    known = [key for key in _CHOICES if key in given] + [key for key in given if key not in _CHOICES]
    return [(_CHOICES.get(key, key.replace("_", " ").capitalize()), sentence(given[key])) for key in known]
