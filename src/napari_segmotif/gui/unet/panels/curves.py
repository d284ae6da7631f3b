"""The reports of epochs as curves. No Qt in here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ....unet.learning.reports import EpochReport

Curves = Mapping[str, tuple[list[float], list[float]]]

_LOSSES = {"train_loss": "training", "validation_loss": "validation"}
_SCORES = {"validation_ap": "AP of objects", "validation_dice": "Dice of foreground"}


def loss_curves(reports: Sequence[EpochReport]) -> Curves:
    """Return the losses over the epochs: name → (x, y)."""
    return _curves(reports, _LOSSES)


def score_curves(reports: Sequence[EpochReport]) -> Curves:
    """Return the validation scores over the epochs: name → (x, y)."""
    return _curves(reports, _SCORES)


def _curves(reports: Sequence[EpochReport], names: Mapping[str, str]) -> Curves:
    curves = {}
    for attribute, name in names.items():
        points = [(float(r.epoch), float(getattr(r, attribute))) for r in reports]
        points = [(x, y) for x, y in points if math.isfinite(y)]
        if points:
            curves[name] = ([x for x, _ in points], [y for _, y in points])
    return curves
