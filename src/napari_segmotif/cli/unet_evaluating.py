"""`segmotif unet evaluate`: scores of a network on images with known labels, as a table or as JSON."""

from __future__ import annotations

import argparse
import json
import math
from typing import TYPE_CHECKING, Any

from .arguments import number_or_null, tell
from .outcomes import report_failures
from .progress import run_with_bar
from .unet_training import pairs_of

if TYPE_CHECKING:
    from ..batch.unet_evaluation import Evaluation
    from ..common.object_metrics import ObjectScores


def evaluate(options: argparse.Namespace) -> int:
    """Compare what a network finds with labels; return the exit code."""
    from ..batch.unet_evaluation import evaluate_iter
    from ..unet.segmenter import UNetSegmenter

    segmenter = UNetSegmenter.load(options.model, device=options.device)
    pairs = pairs_of(options.images, options.labels)
    trained_on = {pair.image.name for pair in pairs} & set(segmenter.card_.get("images", ()))
    if trained_on:
        tell(
            "the network was trained on images of these names; scores of images it was trained on say little "
            f"about others ({', '.join(sorted(trained_on)[:5])})"
        )
    job = evaluate_iter(segmenter, pairs, axes=options.axes, spacing=options.spacing, augment=options.augment)
    found = run_with_bar(job, "evaluate", options.progress)
    if options.json:
        print(json.dumps(as_json(found), indent=2))
    elif any(scores.error is None for scores in found.images):
        print(as_text(found, dict(segmenter.class_names_)))
    failed = [(scores.image, scores.error) for scores in found.images if scores.error is not None]
    return report_failures(failed, len(found.images), "images")


def as_text(found: Evaluation, class_names: dict[int, str]) -> str:
    """Tables: every image, all together, and the classes pixel by pixel."""
    together = found.objects
    head = ["image"] if together is None else ["image", *(f"AP {t:.1f}" for t in together.thresholds), "mean"]
    rows = []
    for scores in found.images:
        if scores.error is None:
            rows.append([scores.image.name, *_precisions(scores.objects), _score(found.dice(scores))])
    last = ["all together", *_precisions(together), _score(found.dice())]
    parts = [_table([[*head, "Dice"], *rows, last])]
    if together is not None:
        means = ", ".join(_score(value) for value in found.mean_of_images)
        parts.append(
            f"{together.n_true} objects in the labels, {together.n_found} found; "
            f"AP averaged over the images: {means}"
        )
    return "\n\n".join([*parts, found.pixels.to_text(class_names)])


def as_json(found: Evaluation) -> dict[str, Any]:
    """The same for programs."""
    return {
        "images": [
            {
                "image": str(scores.image),
                "error": scores.error,
                "objects": _objects_as_json(scores.objects),
                "dice": number_or_null(found.dice(scores)),
            }
            for scores in found.images
        ],
        "objects": _objects_as_json(found.objects),
        "mean_of_images": [number_or_null(value) for value in found.mean_of_images],
        "dice": number_or_null(found.dice()),
        "confusion": found.pixels.confusion.tolist(),
    }


def _objects_as_json(scores: ObjectScores | None) -> dict[str, Any] | None:
    if scores is None:
        return None
    return {
        "n_true": scores.n_true,
        "n_found": scores.n_found,
        "mean_average_precision": number_or_null(scores.mean_average_precision),
        "thresholds": [
            {name: number_or_null(value) for name, value in row.items()} for row in scores.as_rows()
        ],
    }


def _precisions(scores: ObjectScores | None) -> list[str]:
    if scores is None:
        return []
    return [_score(value) for value in (*scores.average_precision, scores.mean_average_precision)]


def _score(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _table(rows: list[list[str]]) -> str:
    first, *widths = (max(map(len, column)) for column in zip(*rows, strict=True))
    return "\n".join(
        "  ".join(
            [name.ljust(first), *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))]
        )
        for name, *cells in rows
    )
