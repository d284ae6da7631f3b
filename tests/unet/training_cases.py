"""Small trainings that several tests share: tiny networks on tiny images, seconds at most."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_segmotif import UNetSegmenter
from napari_segmotif.common.progress import CancelToken, Progress
from napari_segmotif.unet.learning.reports import EpochReport

TINY: dict[str, Any] = {
    "device": "cpu",
    "width": 4,
    "depth": 1,
    "patch_size": 32,
    "batch_size": 2,
    "steps_per_epoch": 2,
    "n_epochs": 3,
    "mixed_precision": False,
}


def discs(
    seed: int = 0, shape: tuple[int, ...] = (48, 48), n: int = 9
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Bright discs, or balls, on a dark noisy ground: an image and its objects, in a grid so that all fit."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    side = round(n**0.5)
    step = shape[-1] // side
    places = np.indices(shape)
    for number in range(n):
        centre = np.array([(number // side + 0.5) * step, (number % side + 0.5) * step])
        centre += rng.uniform(-1.5, 1.5, 2)
        middle = np.array([*(size / 2 - 0.5 for size in shape[:-2]), *centre])
        apart = sum((places[d] - middle[d]) ** 2 for d in range(len(shape)))
        labels[apart < (0.3 * step) ** 2] = number + 1
    image = 100 + 400 * (labels > 0) + rng.normal(0, 20, shape)
    return image.astype(np.float32), labels


def tiny(**changes: Any) -> UNetSegmenter:
    return UNetSegmenter(**{**TINY, **changes})


def weights_of(segmenter: UNetSegmenter) -> dict[str, np.ndarray[Any, Any]]:
    return {name: value.numpy().copy() for name, value in segmenter.model_.network.state_dict().items()}


def assert_same_model(one: UNetSegmenter, two: UNetSegmenter) -> None:
    """To the last bit, but for the time it took."""
    theirs = weights_of(two)
    for name, value in weights_of(one).items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)
    rows = [[{**r.as_row(), "seconds": 0} for r in s.history_] for s in (one, two)]
    np.testing.assert_equal(rows[0], rows[1])
    assert one.decoder_ == two.decoder_
    assert one.stopped_ == two.stopped_
    np.testing.assert_equal(_counted(one), _counted(two))


def _counted(segmenter: UNetSegmenter) -> dict[str, Any] | None:
    """The validation table, its pixels as the counts that all of their scores come from."""
    table = segmenter.validation_
    return None if table is None else {**vars(table), "pixels": table.pixels.confusion}


def stopped_after(
    segmenter: UNetSegmenter, count: int, images: Any, labels: Any, *arguments: Any, **options: Any
) -> tuple[UNetSegmenter, list[Progress]]:
    """Train, and press Stop when `count` messages of training have come."""
    stop, seen = CancelToken(), []
    job = segmenter.fit_job(images, labels, *arguments, stop=stop, **options)
    try:
        while True:
            progress = next(job)
            if isinstance(progress, EpochReport) or "step" in progress.message:
                seen.append(progress)
                if len(seen) == count:
                    stop.cancel()
    except StopIteration:
        return segmenter, seen
