"""The model card: what a network was trained on, what it is worth, and why it is built so. No Qt in here."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ....common.words import count, sentence
from ..words import ANNOTATIONS, duration, reasons_in_words, score

if TYPE_CHECKING:
    from ....common.metrics import ClassificationScores
    from ....common.object_metrics import ObjectScores
    from ....unet.learning.validation import ValidationTable
    from ....unet.trained import TrainedUNet

Rows = list[tuple[str, str]]

_NAMES_SHOWN = 3


@dataclass(frozen=True)
class ForegroundScores:
    """How well foreground and background are told apart, pixel by pixel; NaN where it is not defined."""

    dice: float
    jaccard: float
    precision: float
    recall: float
    accuracy: float


def foreground_scores(scores: ClassificationScores, background: int = 0) -> ForegroundScores:
    """Take all classes but the one at index `background` together."""
    confusion = np.roll(np.asarray(scores.confusion, dtype=float), -background, axis=(0, 1))
    hit, missed, invented = confusion[1:, 1:].sum(), confusion[1:, 0].sum(), confusion[0, 1:].sum()
    return ForegroundScores(
        dice=_ratio(2 * hit, 2 * hit + missed + invented),
        jaccard=_ratio(hit, hit + missed + invented),
        precision=_ratio(hit, hit + invented),
        recall=_ratio(hit, hit + missed),
        accuracy=_ratio(hit + confusion[0, 0], confusion.sum()),
    )


# ---- what it was trained on


def facts(model: TrainedUNet) -> Rows:
    """Say what a network was trained on, and how: (what, in words)."""
    card, rows = model.card, []
    rows.append(("Trained on", _images(card)))
    rows.append(("Labels", _labels(model)))
    if model.annotation != "instances":
        rows.append(("Classes", ", ".join(model.class_names[label] for label in model.heads.classes)))
    rows.append(("Channels", ", ".join(model.channel_names)))
    if model.spacing is not None:
        rows.append(("Pixel size", " × ".join(f"{step:.3g}" for step in model.spacing)))
    rows.append(("Held out", _held_out(model)))
    rows.append(("Training", _training(model)))
    rows.append(("Network", _network(model)))
    rows.append(("Made", _made(card)))
    return [(name, text) for name, text in rows if text]


def reasons(model: TrainedUNet) -> Rows:
    """Say why the network is built so: (what, in words)."""
    return reasons_in_words(model.configuration)


def settings(model: TrainedUNet) -> Rows:
    """Say which settings are not the usual ones: (title, value)."""
    fields = type(model.parameters).model_fields
    changed = model.parameters.model_dump(exclude_defaults=True)
    return [(fields[name].title or name, str(value)) for name, value in changed.items()]


def _images(card: Mapping[str, Any]) -> str:
    names = [str(name) for name in card.get("images") or ()]
    if not names:
        return ""
    shown, more = ", ".join(names[:_NAMES_SHOWN]), len(names) - _NAMES_SHOWN
    listed = f"{shown} and {more} more" if more > 0 else shown
    return f"{count(len(names), 'image')}: {listed}{_sizes(card)}"


def _sizes(card: Mapping[str, Any]) -> str:
    """The sizes of the images, from the smallest to the largest."""
    shapes = sorted({tuple(int(n) for n in shape) for shape in card.get("shapes") or ()}, key=math.prod)
    if not shapes:
        return ""
    first, last = (" × ".join(str(n) for n in shape) for shape in (shapes[0], shapes[-1]))
    return f" ({first} pixels)" if len(shapes) == 1 else f" ({first} to {last} pixels)"


def _labels(model: TrainedUNet) -> str:
    kind = ANNOTATIONS[model.annotation][0]
    n_objects, n_pixels = model.card.get("n_objects"), model.card.get("annotated_pixels")
    if n_objects is not None:
        return f"{kind}: {int(n_objects):,} to learn from"
    return f"{kind}: {int(n_pixels):,} pixels" if n_pixels else kind


def _held_out(model: TrainedUNet) -> str:
    n = model.card.get("n_validation_samples")
    if not n:
        return ""
    if model.card.get("held_out_by") == "region":
        return "a part of the image, to judge by"
    thing = "volume" if model.heads.dimensions == 3 else "plane"
    return f"{count(int(n), thing)} of other images, to judge by"


def _training(model: TrainedUNet) -> str:
    card = model.card
    n_epochs = card.get("epochs", len(model.history))
    if not n_epochs:
        return ""
    text = count(int(n_epochs), "epoch")
    if card.get("minutes"):
        text += f" in {duration(60 * float(card['minutes']))}"
    device = {"cpu": "the CPU", "cuda": "the GPU", "mps": "the GPU"}.get(str(card.get("device")))
    return text + (f" on {device}" if device else "")


def _network(model: TrainedUNet) -> str:
    widths = model.configuration.widths
    weights = sum(int(p.numel()) for p in model.network.parameters())
    parts = [
        f"{model.heads.dimensions}D U-Net",
        f"depth {model.configuration.depth}",
        f"{widths[0]} to {max(widths)} channels",
        f"{_millions(weights)} weights",
    ]
    return ", ".join(parts)


def _made(card: Mapping[str, Any]) -> str:
    parts = []
    with suppress(ValueError):  # of another program's package
        made = datetime.datetime.fromisoformat(str(card.get("created", "")))
        parts.append(f"{made.day} {made:%B %Y}")
    versions = card.get("versions") or {}
    parts += [f"{name} {version}" for name, version in versions.items()]
    return ", ".join(parts)


def _millions(n: int) -> str:
    return f"{n / 1e6:.1f} million" if n >= 100_000 else f"{n:,}"


# ---- what it is worth


def object_rows(scores: ObjectScores) -> list[list[str]]:
    """A row for each IoU threshold (IoU, AP, precision, recall, F1), and one of means."""
    columns = (scores.average_precision, scores.precision, scores.recall, scores.f1)
    rows = [
        [score(threshold), *(score(column[i]) for column in columns)]
        for i, threshold in enumerate(scores.thresholds)
    ]
    return [*rows, ["mean", *(score(_mean(column)) for column in columns)]]


def objects_in_words(table: ValidationTable) -> str:
    """Say how many objects were found, and how many of those are real."""
    scores = table.objects
    if scores is None or not scores.thresholds:
        return ""
    n_hit, n_wrong = scores.true_positives[0], scores.false_positives[0]
    n_true = n_hit + scores.false_negatives[0]
    wrong = (
        f"{n_wrong:,} of {n_hit + n_wrong:,} that were found are not real"
        if n_hit + n_wrong
        else "none was found"
    )
    return (
        f"Of {count(n_true, 'object')} {_where(table)}, {n_hit:,} were found with an overlap of half or more "
        f"(IoU .5); {wrong}."
    )


def foreground_in_words(table: ValidationTable) -> str:
    """Say in one sentence what precision and accuracy mean here."""
    found = foreground_scores(table.pixels, table.background)
    if math.isnan(found.accuracy):
        return ""
    precision = (
        f"{_percent(found.precision)} of the pixels that were called foreground are foreground (precision)"
    )
    if math.isnan(found.precision):
        precision = "no pixel was called foreground"
    return sentence(
        f"{precision}; {_percent(found.accuracy)} of all pixels are right (accuracy), which is high wherever "
        "there is little foreground, even if it is missed: trust Dice and Jaccard"
    )


def foreground_row(table: ValidationTable) -> list[str]:
    """Dice, Jaccard, precision, recall and accuracy of the foreground."""
    found = foreground_scores(table.pixels, table.background)
    return [score(v) for v in (found.dice, found.jaccard, found.precision, found.recall, found.accuracy)]


def summary(model: TrainedUNet) -> str:
    """Say what a network is worth in a few words, for the head of a section."""
    table = model.validation
    if table is None:
        return "not validated"
    if table.objects is not None:
        return f"AP {score(table.objects.average_precision[0])} at IoU .5"
    return f"Dice {score(table.dice)}"


def _where(table: ValidationTable) -> str:
    if table.by == "region":
        return "in the part that was held out"
    return "in the images that were held out"


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.0f} %"


def _mean(values: Sequence[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return sum(known) / len(known) if known else math.nan


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan
