"""Training for the benchmark: within some minutes, with what it cost, and never twice if it was kept."""

from __future__ import annotations

import json
import os
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from napari_segmotif.unet.segmenter import UNetSegmenter
from unet_data import Asked, Images, load, some, split

Row = dict[str, Any]
Pairs = tuple[Images, Images]


def trained(
    asked: Asked,
    name: str,
    pairs: Pairs,
    annotation: str,
    minutes: float,
    *,
    validation: Pairs | None = None,
    dimensions: int = 2,
    spacing: tuple[float, ...] | None = None,
    settings: Row | None = None,
) -> tuple[UNetSegmenter, Row]:
    """A segmenter trained on images and labels, and a row that says what the training took.

    It is taken from the folder of kept models if it was trained on the same pixels with the same settings.
    """
    chosen = {"max_minutes": minutes, "n_epochs": 100_000, **(settings or {}), **dict(asked.settings)}
    request = {
        "annotation": annotation,
        "settings": chosen,
        "device": asked.device,
        "pixels": fingerprint(*pairs, *(validation or ())),
    }
    model_file = kept_model(asked, name)
    row_file = model_file.with_suffix(".json")
    if model_file.exists() and row_file.exists():
        kept = json.loads(row_file.read_text())
        if kept["request"] == json.loads(json.dumps(request)):
            print(f"{name}: the kept model is taken ({model_file})", flush=True)
            return UNetSegmenter.load(model_file, device=asked.device), kept["training"]
        print(f"{name}: another model is kept in {model_file}; it is trained anew", flush=True)
    segmenter = UNetSegmenter(dimensions, device=asked.device, **chosen)
    row = fit(segmenter, name, pairs, annotation, validation, spacing)
    asked.keep.mkdir(parents=True, exist_ok=True)
    segmenter.save(model_file)
    row_file.write_text(json.dumps({"request": request, "training": row}, indent=1))
    return segmenter, row


def fit(
    segmenter: UNetSegmenter,
    name: str,
    pairs: Pairs,
    annotation: str,
    validation: Pairs | None,
    spacing: tuple[float, ...] | None,
    *,
    fine_tune: bool = False,
) -> Row:
    """Train, say every epoch, and return what it took."""
    axes = "ZYX" if pairs[0][0].ndim == 3 else "YX"
    given = {"axes": axes, "spacing": spacing, "validation": validation}
    start, cpu, loads, epochs = time.perf_counter(), time.process_time(), [load_average()], []
    job = (segmenter.fine_tune_job if fine_tune else segmenter.fit_job)(*pairs, annotation, **given)
    for report in job:
        if not hasattr(report, "epoch"):
            continue
        loads.append(load_average())
        epochs.append(report.as_row())
        print(f"{name}: {said(report, time.perf_counter() - start)}", flush=True)
    row: Row = {
        "images": len(pairs[0]),
        "wall_s": time.perf_counter() - start,
        "cpu_s": time.process_time() - cpu,
        "epochs": len(epochs),
        "load_before": loads[0],
        "load_mean": float(np.mean(loads)),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "configuration": json.loads(segmenter.configuration_.model_dump_json()),
        "decoder": json.loads(segmenter.decoder_.model_dump_json()),
        "messages": list(segmenter.messages_),
        "history": epochs,
    }
    print(f"{name}: {cost(row)}", flush=True)
    return row


def said(report: Any, seconds: float) -> str:
    """One line about an epoch."""
    best = " *" if report.is_best else ""
    return (
        f"{seconds:6.0f} s  epoch {report.epoch}/{report.n_epochs}  loss {report.train_loss:.4f}  "
        f"validation {report.validation_loss:.4f}  Dice {report.validation_dice:.4f}  "
        f"AP {report.validation_ap:.4f}  {report.seconds:.1f} s{best}"
    )


def cost(row: Row) -> str:
    """What a training took, in words."""
    return (
        f"trained on {row['images']} images, {row['wall_s'] / 60:.1f} min wall time, "
        f"{row['cpu_s'] / 60:.1f} min of CPU time, {row['epochs']} epochs; load of the machine "
        f"{row['load_before']:.1f} before and {row['load_mean']:.1f} on average, on {row['cores']} cores"
    )


def load_average() -> float:
    """Load of the machine over the last minute; not a number where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def fingerprint(*arrays: Images) -> str:
    """One hash of images and labels."""
    digest = sha256()
    for images in arrays:
        for image in images:
            digest.update(f"{image.shape}{image.dtype}".encode() + np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def on_all(asked: Asked, name: str, minutes: float) -> tuple[UNetSegmenter, Row]:
    """All training images, with the validation images to choose the best epoch and the decoder by."""
    names = split(asked)
    pairs, validation = load(names.training), load(names.validation)
    return trained(asked, name, pairs, "instances", asked.training_minutes(minutes), validation=validation)


def on_ten(asked: Asked, choice: int) -> tuple[UNetSegmenter, Row]:
    """Ten annotated images and nothing else: what is held out for validation is some of these ten."""
    pairs = load(some(asked, 10, choice))
    return trained(asked, f"ten_images-{choice}", pairs, "instances", asked.training_minutes(15))


def any_model(asked: Asked) -> UNetSegmenter:
    """A model of nuclei for parts that do not ask how good it is: a kept one, else one of three minutes."""
    for name in ("half_hour", "full", "ten_images-0"):
        if (path := kept_model(asked, name)).exists():
            print(f"the kept model is taken ({path})", flush=True)
            return UNetSegmenter.load(path, device=asked.device)
    pairs = load(some(asked, 10))
    return trained(asked, "short", pairs, "instances", asked.training_minutes(3))[0]


def kept_model(asked: Asked, name: str) -> Path:
    """Where the model of a part is kept, for this split."""
    kind = "development" if asked.development else "report"
    return asked.keep / f"{name}-{kind}{'-quick' if asked.quick else ''}.segmotif"
