"""The foreground of DSB2018 by the pixel classifier and by the U-Net, taught with the same ten images."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from napari_segmotif import PixelClassifier, make_objects
from unet_data import Asked, Images, load, scaled, scribbles, semantic, some, split
from unet_figures import Figure, find_objects, judge_foreground, judge_objects, object_table, report
from unet_training import on_ten, trained

Row = dict[str, Any]
ON_ITSELF = 0.01
DENSE_PIXELS = 20_000  # of each image that the forest learns from: more say the same thing again
MINUTES = 10.0


def pixel_side_by_side(asked: Asked) -> Row:
    """Foreground Dice and objects of each, on the images kept for evaluation."""
    names = split(asked).evaluation
    images, truths = load(names)
    ten, labels = load(some(asked, 10))
    strokes = scribbles(labels)
    rows: dict[str, Row] = {}

    def note(name: str, masks: Sequence[np.ndarray], found: Images, seconds: float) -> None:
        rows[name] = judge_objects(names, truths, found) | judge_foreground(truths, masks)
        rows[name]["training_s"] = seconds
        print(f"{name}: Dice {rows[name]['dice']:.4f}, AP at .5 {rows[name]['pooled'][0]:.3f}", flush=True)

    for name, train, annotation, seen in (
        ("pixel classifier, scribbles", ten, strokes, images),
        ("pixel classifier, scribbles, brightness scaled", scaled(ten), strokes, scaled(images)),
        ("pixel classifier, all pixels, brightness scaled", scaled(ten), thinned(labels), scaled(images)),
    ):
        start = time.perf_counter()
        classifier = PixelClassifier(device="cpu").fit(train, annotation)
        seconds = time.perf_counter() - start
        predicted = [np.asarray(classifier.predict(image)) for image in seen]
        note(name, [each == 2 for each in predicted], [objects_of(each) for each in predicted], seconds)
    start = time.perf_counter()
    predicted = on_themselves(images, truths)
    name = f"pixel classifier, {100 * ON_ITSELF:g} % painted on each image itself"
    per_image = (time.perf_counter() - start) / len(images)
    note(name, [each == 2 for each in predicted], [objects_of(each) for each in predicted], per_image)
    minutes = asked.training_minutes(MINUTES)
    model, training = trained(asked, "beside-scribbles", (ten, strokes), "scribbles", minutes)
    predicted = [np.asarray(model.predict(image)) for image in images]
    wall = training["wall_s"]
    note("U-Net, the same scribbles", [e == 2 for e in predicted], [objects_of(e) for e in predicted], wall)
    model, training = on_ten(asked, 0)
    found, _ = find_objects(model, images, flips=asked.flips)
    masks = [np.asarray(model.predict(image)) > 0 for image in images]
    note("U-Net, the objects of the ten images", masks, found, training["wall_s"])
    figures = [Figure(f"{name}: foreground Dice", row["dice"]) for name, row in rows.items()]
    return report(figures, [table(rows), object_table(rows)], rows=rows)


def thinned(labels: Images) -> Images:
    """Every pixel's class, on so many pixels of each image, drawn at random."""
    rng = np.random.default_rng(0)
    thin = []
    for each in semantic(labels):
        share = min(1.0, DENSE_PIXELS / each.size)
        thin.append(np.where(rng.random(each.shape) < share, each, 0).astype(np.uint8))
    return thin


def on_themselves(images: Images, truths: Images) -> Images:
    """What a person does: paint a few strokes on an image, and segment that image."""
    strokes = scribbles(truths, ON_ITSELF)
    return [
        np.asarray(PixelClassifier(device="cpu").fit(image, annotation).predict(image))
        for image, annotation in zip(images, strokes, strict=True)
    ]


def objects_of(classes: np.ndarray) -> np.ndarray:
    """Single objects of class 2, touching ones split at their necks."""
    return np.asarray(make_objects(classes, class_id=2, minimum_size=10))


def table(rows: dict[str, Row]) -> str:
    """Foreground of each, averaged over images and over all pixels."""
    lines = ["| | Dice | over all pixels | training |", "| --- | --- | --- | --- |"]
    for name, row in rows.items():
        lines.append(f"| {name} | {row['dice']:.3f} | {row['dice_pooled']:.3f} | {row['training_s']:.1f} s |")
    return "\n".join(lines)


PARTS: dict[str, Callable[[Asked], Row]] = {"pixel_side_by_side": pixel_side_by_side}
