"""How good objects and foreground are: much training, half an hour, ten images, scribbles, fine-tuning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_segmotif.unet.segmenter import UNetSegmenter
from unet_data import FIRST_SEED, Asked, annotated_share, load, nuclei_2d, scribbles, semantic, some, split
from unet_figures import (
    MEAN,
    THRESHOLDS,
    Figure,
    find_objects,
    judge_foreground,
    judge_objects,
    object_table,
    report,
    training_line,
    worst_images,
)
from unet_training import any_model, fit, on_all, on_ten, trained

Row = dict[str, Any]
FULL_MINUTES = 60.0
SCRIBBLE_MINUTES = 10.0
FINE_MINUTES = 2.0


def evaluate(asked: Asked, model: UNetSegmenter, name: str) -> tuple[Row, str]:
    """Objects and foreground on the images kept for it: the figures, and a table with the time it took."""
    names = split(asked).evaluation
    images, truths = load(names)
    found, speed = find_objects(model, images, flips=asked.flips)
    row = judge_objects(names, truths, found) | speed
    row["foreground"] = judge_foreground(truths, [objects > 0 for objects in found])
    text = object_table({name: row}) + (
        f"\n\n{len(names)} images, {row['objects']} objects; foreground of the objects: Dice "
        f"{row['foreground']['dice']:.3f}; predicted at {speed['megapixels_per_second']:.2f} Mpx/s"
        f"{' with flips' if asked.flips else ''}."
    )
    return row, text + (f"\n\n{worst_images(row)}" if asked.development else "")


# --------------------------------------------------------------------------------------------- all the images
def full(asked: Asked) -> Row:
    """As good as it gets here."""
    model, training = on_all(asked, "full", FULL_MINUTES)
    row, text = evaluate(asked, model, "full training")
    ap = dict(zip(THRESHOLDS, row["pooled"], strict=True))
    figures = [
        Figure("AP at 0.5", ap["AP at 0.5"], 0.87, 0.864),
        Figure("AP at 0.7", ap["AP at 0.7"], 0.76, 0.685),
        Figure("AP at 0.9", ap["AP at 0.9"], 0.39, 0.119),
        Figure(MEAN, row["pooled_mean"], 0.70, 0.584),
    ]
    where = "a graphics card" if asked.device not in ("cpu", "auto") else "the CPU"
    line = f"Trained on {where}: {training_line(training)}"
    return report(figures, [text, line], objects=row, training=training)


def half_hour(asked: Asked) -> Row:
    """Half an hour of training in all, on the CPU."""
    model, training = on_all(asked, "half_hour", 30.0)
    row, text = evaluate(asked, model, "half an hour")
    figures = [
        Figure("AP at 0.5", row["pooled"][0], 0.80, 0.72),
        Figure(MEAN, row["pooled_mean"], 0.58, 0.50),
        Figure("training in all, wall time", training["wall_s"] / 60, 30.0, None, True, "min"),
    ]
    return report(figures, [text, training_line(training)], objects=row, training=training)


# ------------------------------------------------------------------------------------------------- few images
def ten_images(asked: Asked) -> Row:
    """Ten annotated images only: the mean over choices of the ten, each with its own row."""
    rows, lines, trainings = {}, [], []
    for choice in range(asked.n(asked.choices, 1)):
        model, training = on_ten(asked, choice)
        rows[f"choice {choice + 1}"], _ = evaluate(asked, model, f"choice {choice + 1}")
        trainings.append(training)
        lines.append(f"- choice {choice + 1}: {training_line(training)}")
        print(object_table(rows), flush=True)
    at_half = [row["pooled"][0] for row in rows.values()]
    means = [row["pooled_mean"] for row in rows.values()]
    longest = max(training["wall_s"] for training in trainings) / 60
    figures = [
        Figure(f"AP at 0.5, mean of {len(rows)} choices", float(np.mean(at_half)), 0.68, 0.60),
        Figure("AP at 0.5, lowest", min(at_half)),
        Figure(MEAN, float(np.mean(means))),
        Figure("longest training, wall time", longest, 15.0, None, True, "min"),
    ]
    tables = [object_table(rows), "\n".join(lines)]
    return report(figures, tables, objects=rows, trainings=trainings)


def scribbled(asked: Asked) -> Row:
    """Scribbles against every pixel of the same twenty images, with the same budget each."""
    names = some(asked, 20)
    images, labels = load(names)
    strokes, dense = scribbles(labels), semantic(labels)
    minutes = asked.training_minutes(SCRIBBLE_MINUTES)
    share = annotated_share(strokes)
    rows, trainings = {}, {}
    for name, annotation, given in (("scribbles", "scribbles", strokes), ("dense", "semantic", dense)):
        model, trainings[name] = trained(asked, f"scribbles-{name}", (images, given), annotation, minutes)
        rows[name] = foreground(asked, model)
        print(f"{name}: Dice {rows[name]['dice']:.4f}, pooled {rows[name]['dice_pooled']:.4f}", flush=True)
    ratio, pooled = (
        rows["scribbles"][key] / rows["dense"][key] if rows["dense"][key] else float("nan")
        for key in ("dice", "dice_pooled")
    )
    figures = [
        Figure("foreground Dice of scribbles, of that of dense annotation", ratio, 0.95, 0.92, unit="%"),
        Figure("the same over all pixels instead of averaged over images", pooled, unit="%"),
        Figure("scribbles, Dice", rows["scribbles"]["dice"]),
        Figure("dense, Dice", rows["dense"]["dice"]),
        Figure("annotated, of the image with most of it", share, 0.05, None, True, "%"),
    ]
    lines = "\n".join(f"- {name}: {training_line(row)}" for name, row in trainings.items())
    return report(figures, [lines], foreground=rows, trainings=trainings, annotated=share)


def foreground(asked: Asked, model: UNetSegmenter) -> Row:
    """Dice of class 2 on the images kept for evaluation."""
    images, truths = load(split(asked).evaluation)
    return judge_foreground(truths, [np.asarray(model.predict(image)) == 2 for image in images])


# ------------------------------------------------------------------------------------------------ fine-tuning
def fine(asked: Asked) -> Row:
    """A model of DSB2018 learns nuclei of another kind from two images, beside one that begins anew."""
    minutes = asked.training_minutes(FINE_MINUTES)
    first = FIRST_SEED["training"]
    few = nuclei_2d(range(first, first + 2))
    others = nuclei_2d(range(asked.seeds, asked.seeds + asked.n(6, 2)))
    pairs = ([each.image for each in few], [each.labels for each in few])
    known = any_model(asked)
    rows = {"before": judge_simulated(known, others)}
    budget = {"max_minutes": minutes, "n_epochs": 100_000}
    tuned = with_budget(known, budget, asked)
    trainings = {"fine-tuned": fit(tuned, "fine, tuned", pairs, "instances", None, None, fine_tune=True)}
    rows["fine-tuned"] = judge_simulated(tuned, others)
    anew = UNetSegmenter(2, device=asked.device, **budget, **dict(asked.settings))
    trainings["anew"] = fit(anew, "fine, anew", pairs, "instances", None, None)
    rows["anew"] = judge_simulated(anew, others)
    figures = [Figure(f"{name}: {MEAN}", row["pooled_mean"]) for name, row in rows.items()]
    lines = "\n".join(f"- {name}: {training_line(row)}" for name, row in trainings.items())
    return report(figures, [object_table(rows), lines], objects=rows, trainings=trainings)


def with_budget(model: UNetSegmenter, budget: Row, asked: Asked) -> UNetSegmenter:
    """The same weights in a segmenter with another budget of time."""
    path = asked.keep / "fine-start.segmotif"
    asked.keep.mkdir(parents=True, exist_ok=True)
    model.save(path)
    again = UNetSegmenter.load(path, device=asked.device)
    again.parameters = again.parameters.model_copy(update=budget)
    return again


def judge_simulated(model: UNetSegmenter, others: list[Any]) -> Row:
    """AP on simulated images."""
    found, _ = find_objects(model, [each.image for each in others])
    names = [f"simulated {number}" for number in range(len(others))]
    return judge_objects(names, [each.labels for each in others], found)


PARTS: dict[str, Callable[[Asked], Row]] = {
    "full": full,
    "half_hour": half_hour,
    "ten_images": ten_images,
    "scribbles": scribbled,
    "fine": fine,
}
