"""From a trained classifier to numbered objects of one class."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...common.axes import ImageSource
from ...common.progress import CancelToken, Job, Progress
from ...errors import InputError, SegmotifError
from ...pixel.objects import make_objects
from .classes import names_of
from .objects_panel import ObjectOptions
from .outputs import PROBABILITIES
from .session import Session
from .workbench import Workbench

_LARGEST_BYTES = 4 * 2**30


@dataclass(frozen=True)
class Objects:
    """Instance labels, over the axes of a label image, and how many there are."""

    labels: np.ndarray[Any, Any]
    n: int
    median_size: float


class ObjectJobs:
    """Starts the job behind Make objects."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def make(self, options: ObjectOptions, on_made: Callable[[Objects], object]) -> None:
        """Turn one class of the whole image into objects, in a layer of their own."""
        bench, session = self._bench, self._bench.session
        try:
            source = bench.source()
            session.require()
            if options.label not in session.classes:
                raise InputError(f"choose a class that the classifier knows (got label {options.label})")
            _check_size(source.output_shape)
        except SegmotifError as error:
            bench.warn(str(error))
            return
        layer = bench.data.image.layer
        name = names_of(bench.table.entries).get(options.label, str(options.label))
        image = source.to_source()

        def done(objects: Objects) -> None:
            recipe = bench.recipe(layer, source, output="objects", objects=vars(options))
            bench.outputs.show_objects(objects.labels, source, name, recipe)
            on_made(objects)

        bench.start(
            lambda cancel: objects_of(session, image, options, cancel),
            "Make objects",
            on_result=done,
            on_error=bench.say_error,
            layers=[layer] if layer is not None else [],
        )


def objects_of(
    session: Session, image: ImageSource, options: ObjectOptions, cancel: CancelToken
) -> Job[Objects]:
    """Predict the probability of one class and make objects of it, frame by frame."""
    probability = np.zeros(image.output_shape, np.float32)
    target = _OneClass(probability, session.classes.index(options.label))
    yield from session.predict(image, (PROBABILITIES,), cancel, out={PROBABILITIES: target})
    frames = probability if "T" in image.axes else probability[np.newaxis]
    labels = np.zeros(frames.shape, np.int32)
    total = 0
    for number, frame in enumerate(frames):
        cancel.raise_if_cancelled()
        yield Progress(number, len(frames), "making objects")
        made = make_objects(
            frame,
            threshold=options.threshold,
            # the option counts pixels, make_objects counts what spacing counts
            minimum_size=options.minimum_size * math.prod(image.spacing or (1.0,)),
            fill_holes=options.fill_holes,
            split_touching=options.split_touching,
            spacing=image.spacing,
        )
        # Objects of different frames are different objects.
        labels[number] = np.where(made > 0, made + total, 0)
        total += int(made.max(initial=0))
    sizes = np.bincount(labels.ravel(), minlength=total + 1)[1:]
    sizes = sizes[sizes > 0]
    median = float(np.median(sizes)) if len(sizes) else 0.0
    return Objects(labels.reshape(probability.shape), len(sizes), median)


class _OneClass:
    """Takes the probabilities of all classes, and keeps those of one."""

    def __init__(self, kept: np.ndarray[Any, Any], index: int) -> None:
        self._kept = kept
        self._index = index

    def __setitem__(self, place: tuple[Any, ...], values: np.ndarray[Any, Any]) -> None:
        self._kept[place[1:]] = values[self._index]


def _check_size(shape: tuple[int, ...]) -> None:
    size = math.prod(shape) * 8  # a probability and a label a pixel
    if size > _LARGEST_BYTES:
        raise InputError(
            "objects are made in memory: crop the image first, or make them on the command line "
            f"(got {size / 2**30:.0f} GiB)"
        )
