"""A measured figure beside its goal and its least; objects and foreground of many images; their tables."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_segmotif import run_job
from napari_segmotif.common.object_metrics import IOU_THRESHOLDS, ObjectScores, dice, match_objects
from napari_segmotif.unet.objects.decoding import Decoder
from napari_segmotif.unet.segmenter import UNetSegmenter
from unet_data import Images
from unet_training import cost

Row = dict[str, Any]
THRESHOLDS = tuple(f"AP at {threshold:g}" for threshold in IOU_THRESHOLDS)
MEAN = "mean AP of .5 to .9"


# --------------------------------------------------------------------------------------- measured beside goal
@dataclass(frozen=True)
class Figure:
    """What was measured, and what was hoped for. `at_most`: smaller is better."""

    what: str
    measured: float
    goal: float | None = None
    least: float | None = None
    at_most: bool = False
    unit: str = ""

    def reached(self) -> str:
        """In one word, how it stands."""
        if math.isnan(self.measured):
            return "not measured"
        sign = -1 if self.at_most else 1
        if self.goal is not None and sign * self.measured >= sign * self.goal:
            return "goal"
        if self.least is not None and sign * self.measured >= sign * self.least:
            return "least"
        return "" if self.goal is None and self.least is None else "**missed**"

    def row(self) -> Row:
        """For the file of results."""
        return {
            "what": self.what,
            "measured": self.measured,
            "goal": self.goal,
            "least": self.least,
            "unit": self.unit,
            "reached": self.reached().strip("*"),
        }

    def line(self) -> str:
        """For a table."""
        sign = ("≤ " if self.at_most else "≥ ") if self.goal is not None or self.least is not None else ""
        goal, least = (
            "" if bound is None else f"{sign}{written(bound, self.unit)}" for bound in (self.goal, self.least)
        )
        return f"| {self.what} | {written(self.measured, self.unit)} | {goal} | {least} | {self.reached()} |"


def written(value: float, unit: str) -> str:
    """A number as people write it."""
    if math.isnan(value):
        return "–"
    if unit == "%":
        return f"{100 * value:.2f} %"
    if unit == "n":
        return f"{value:.0f}"
    return f"{value:.3f}" if not unit else f"{value:,.1f} {unit}"


def figure_table(figures: Sequence[Figure]) -> str:
    """Measured beside goal and least."""
    head = ["| what | measured | goal | least | reached |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *(figure.line() for figure in figures)])


def report(figures: Sequence[Figure], tables: Sequence[str] = (), **more: Any) -> Row:
    """What a part returns: its figures, further tables to be printed, and rows for the file of results."""
    return {
        "figures": [figure.row() for figure in figures],
        "text": "\n\n".join([figure_table(figures), *(table for table in tables if table)]),
        **more,
    }


# ------------------------------------------------------------------------------------------------- evaluation
def judge_objects(names: Sequence[str], truths: Images, found: Images) -> Row:
    """AP at each threshold and their mean: over all objects of all images, and averaged over images."""
    each = [match_objects(truth, objects) for truth, objects in zip(truths, found, strict=True)]
    pooled = sum(each, start=ObjectScores.empty())
    by_image = np.array([scores.average_precision for scores in each], float)
    return {
        "pooled": [float(value) for value in pooled.average_precision],
        "pooled_mean": float(pooled.mean_average_precision),
        "images": np.nanmean(by_image, axis=0).tolist(),
        "images_mean": float(np.nanmean(by_image)),
        "true_positives": list(pooled.true_positives),
        "false_positives": list(pooled.false_positives),
        "false_negatives": list(pooled.false_negatives),
        "by_image": {name: row.tolist() for name, row in zip(names, by_image, strict=True)},
        "objects": int(sum(len(np.unique(truth)) - 1 for truth in truths)),
    }


def judge_foreground(truths: Images, found: Sequence[np.ndarray]) -> Row:
    """Dice of the foreground, averaged over images and over all pixels; truths > 0 are foreground."""
    each = [dice(truth > 0, mask) for truth, mask in zip(truths, found, strict=True)]
    both = sum(int(((truth > 0) & mask).sum()) for truth, mask in zip(truths, found, strict=True))
    sizes = sum(int((t > 0).sum()) + int(mask.sum()) for t, mask in zip(truths, found, strict=True))
    return {"dice": float(np.nanmean(each)), "dice_pooled": 2 * both / max(sizes, 1)}


def find_objects(
    model: UNetSegmenter, images: Images, *, flips: bool = False, **given: Any
) -> tuple[Images, Row]:
    """Objects of every image, and how long they took."""
    start, found = time.perf_counter(), []
    for image in images:
        found.append(instances(model, image, flips, **given))
    seconds = time.perf_counter() - start
    megapixels = sum(image.size for image in images) / 1e6
    return found, {"seconds": seconds, "megapixels_per_second": megapixels / seconds, "flips": flips}


def instances(model: UNetSegmenter, image: np.ndarray, flips: bool, **given: Any) -> np.ndarray:
    """Objects of one image; with flips, from the mean over flipped images."""
    job = model.predict_iter(image, outputs=("instances",), augment=flips, **given)
    return np.asarray(run_job(job).instances)


# ----------------------------------------------------------------------------------------------------- tables
def object_table(rows: dict[str, Row]) -> str:
    """AP of several results, over all objects and averaged over images."""
    head = "| | over | " + " | ".join(THRESHOLDS) + " | mean |"
    lines = [head, "| --- | --- |" + " --- |" * (len(THRESHOLDS) + 1)]
    for name, row in rows.items():
        for over, key in (("all objects", "pooled"), ("images", "images")):
            values = " | ".join(f"{value:.3f}" for value in (*row[key], row[f"{key}_mean"]))
            lines.append(f"| {name} | {over} | {values} |")
    return "\n".join(lines)


def worst_images(row: Row, n: int = 8) -> str:
    """The images with the lowest mean AP: for development only."""
    means = {name: float(np.nanmean(values)) for name, values in row["by_image"].items()}
    lowest = sorted(means, key=lambda name: means[name])[:n]
    return "lowest mean AP: " + ", ".join(f"{name} {means[name]:.2f}" for name in lowest)


def training_line(row: Row) -> str:
    """What the training took, and what was chosen."""
    chosen = row["configuration"]
    return (
        f"{cost(row)}. Depth {chosen['depth']}, patches {tuple(chosen['patch'])}, "
        f"batch {chosen['batch_size']}, widths {tuple(chosen['widths'])}, "
        f"{chosen['steps_per_epoch']} steps an epoch; objects by {decoder_in_words(row['decoder'])}."
    )


def decoder_in_words(decoder: Row) -> str:
    """The method, and what is set otherwise than usual."""
    usual = Decoder().model_dump() | {"method": decoder["method"]}
    changed = {name: value for name, value in decoder.items() if value != usual[name]}
    return ", ".join([decoder["method"], *(f"{name} {value:g}" for name, value in changed.items())])
