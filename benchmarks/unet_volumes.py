"""Nuclei in 3D, simulated with planes four times as far apart as pixels: how many are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unet_data import FIRST_SEED, SPACING_3D, Asked, nuclei_3d
from unet_figures import Figure, find_objects, judge_objects, object_table, report, training_line
from unet_training import trained

Row = dict[str, Any]
MINUTES = 20.0
N_TRAINING = 6
N_EVALUATION = 6


def three_d(asked: Asked) -> Row:
    """Train on some stacks, look for the nuclei of others."""
    first = FIRST_SEED["training"]
    few = nuclei_3d(range(first, first + asked.n(N_TRAINING, 2)))
    others = nuclei_3d(range(asked.seeds, asked.seeds + asked.n(N_EVALUATION, 2)))
    pairs = ([each.image for each in few], [each.labels for each in few])
    minutes = asked.training_minutes(MINUTES)
    model, training = trained(asked, "three_d", pairs, "instances", minutes, dimensions=3, spacing=SPACING_3D)
    images, truths = [each.image for each in others], [each.labels for each in others]
    found, speed = find_objects(model, images, flips=asked.flips, spacing=SPACING_3D)
    row = judge_objects([f"stack {number}" for number in range(len(others))], truths, found) | speed
    figures = [
        Figure("3D: AP at 0.5", row["pooled"][0], 0.85, 0.75),
        Figure("3D: mean AP of .5 to .9", row["pooled_mean"]),
        Figure("training in all, wall time", training["wall_s"] / 60, unit="min"),
    ]
    text = object_table({"3D": row}) + (
        f"\n\n{len(others)} stacks of {images[0].shape}, {row['objects']} nuclei, "
        f"{speed['seconds'] / len(others):.1f} s a stack."
    )
    return report(figures, [text, training_line(training)], objects=row, training=training)


PARTS: dict[str, Callable[[Asked], Row]] = {"three_d": three_d}
