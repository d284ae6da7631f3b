"""From a trained classifier to numbered objects of one class."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...batch.objects import predict_objects_iter
from ...batch.recipe import ObjectParameters
from ...common.axes import ImageSource
from ...common.progress import CancelToken, Job
from ...errors import InputError, SegmotifError
from ...pixel.classifier import PixelClassifier
from ..classes.entries import names_of
from ..source_file import file_of
from .recipe import describe
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

    def make(self, parameters: ObjectParameters | None, on_made: Callable[[Objects], object]) -> None:
        """Turn one class of the whole image into objects, in a layer of their own."""
        bench, session = self._bench, self._bench.session
        try:
            source = bench.source()
            session.require()
            if parameters is None or parameters.class_id not in session.classes:
                got = "no class" if parameters is None else f"label {parameters.class_id}"
                raise InputError(f"choose a class that the classifier knows (got {got})")
            _check_size(source.output_shape)
        except SegmotifError as error:
            bench.warn(str(error))
            return
        layer = bench.data.image.layer
        label = parameters.class_id
        name = names_of(bench.table.entries).get(label, str(label))
        image = source.to_source()
        file = file_of(layer, image)

        def done(objects: Objects) -> None:
            recipe = describe(session, session.version, file, ("objects",), parameters)
            bench.outputs.show_objects(objects.labels, source, name, recipe, session.version)
            session.remember_objects(parameters)
            on_made(objects)

        bench.start(
            lambda cancel: objects_of(session.require(), image, parameters, cancel),
            "Make objects",
            with_last_strokes=True,
            on_result=done,
            on_error=bench.say_error,
            layers=[layer] if layer is not None else [],
        )


def objects_of(
    classifier: PixelClassifier, image: ImageSource, parameters: ObjectParameters, cancel: CancelToken
) -> Job[Objects]:
    """Make objects of one class, in memory."""
    labels = np.zeros(image.output_shape, np.int32)
    n = yield from predict_objects_iter(classifier, image, {"objects": labels}, parameters, cancel)
    sizes = np.bincount(labels.ravel(), minlength=n + 1)[1:]
    return Objects(labels, n, float(np.median(sizes)) if n else 0.0)


def _check_size(shape: tuple[int, ...]) -> None:
    size = math.prod(shape) * 8  # a probability and a label a pixel
    if size > _LARGEST_BYTES:
        raise InputError(
            "objects are made in memory: crop the image first, or make them on the command line "
            f"(got {size / 2**30:.0f} GiB)"
        )
