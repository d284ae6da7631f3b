"""Objects of whole images: the probability of one class, frame by frame, turned into numbered objects."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.axes import ImageSource
from ..common.objects import make_objects
from ..common.progress import CancelToken, Job, Progress
from ..errors import InputError
from ..pixel.classifier import PixelClassifier
from ..pixel.inputs import prepare
from .recipe import BatchOutput, ObjectParameters


def predict_objects_iter(
    classifier: PixelClassifier,
    source: ImageSource,
    out: Mapping[BatchOutput, Any],
    parameters: ObjectParameters | None,
    cancel: CancelToken | None = None,
) -> Job[int]:
    """Predict an image and make objects of one class, a frame in memory at a time, as a job.

    Parameters
    ----------
    classifier
        The trained model.
    source
        The image.
    out
        Arrays of the whole label image's shape (with the classes in front for "probabilities") that are
        written: "objects" (int32), and what else is wanted.
    parameters
        How objects are made.

    Returns
    -------
    int
        How many objects there are. Objects of different frames have different numbers.

    Raises
    ------
    InputError
        If it is not said how objects are made, the classifier does not know their class, or it was trained on
        other images.
    """
    classes = [int(label) for label in classifier.classes_]
    if parameters is None or parameters.class_id not in classes:
        asked = None if parameters is None else parameters.class_id
        raise InputError(f"choose the class of the objects out of {classes} (got {asked})")
    others: dict[str, Any] = {
        name: array for name, array in out.items() if name not in ("objects", "probabilities")
    }
    # As its filters do: whether a file states its pixel size, or a viewer left it out, must not move a split.
    seen = prepare(source, None, None, classifier)
    n_objects = 0
    for frame in range(source.n_frames):
        frames = (slice(frame, frame + 1),) if "T" in source.output_axes else ()
        region = (*frames, *(slice(0, n) for n in source.spatial_shape))
        found = _OneClass(source, classes.index(parameters.class_id), out.get("probabilities"))
        job = classifier.predict_iter(
            source,
            outputs=("probabilities", *others),  # type: ignore[arg-type]
            region=region,
            out={**others, "probabilities": found},
            cancel=cancel,
        )
        yield from _scaled(job, frame, source.n_frames)
        objects = objects_of(found.probability, parameters, seen)
        out["objects"][region] = np.where(objects > 0, objects + n_objects, 0).reshape(
            [part.stop - part.start for part in region]
        )
        n_objects += int(objects.max())
        yield Progress(frame + 1, source.n_frames, "objects made")
    return n_objects


def objects_of(
    probability: NDArray[np.float32], parameters: ObjectParameters, source: ImageSource
) -> NDArray[np.int32]:
    """Make objects of the probability (*spatial) of a class in one frame."""
    return make_objects(
        probability,
        threshold=parameters.threshold,
        # the parameter counts pixels, make_objects counts what spacing counts
        minimum_size=parameters.minimum_size * math.prod(source.spacing_or_ones),
        fill_holes=parameters.fill_holes,
        split_touching=parameters.split_touching,
        spacing=source.spacing_or_ones,
    )


class _OneClass:
    """Takes the probabilities of all classes of a frame, keeps those of one, and passes all of them on."""

    def __init__(self, source: ImageSource, index: int, passed_on_to: Any) -> None:
        self.probability = np.zeros(source.spatial_shape, np.float32)
        self._index = index
        self._passed_on_to = passed_on_to

    def __setitem__(self, place: tuple[Any, ...], values: NDArray[np.float32]) -> None:
        self.probability[place[-self.probability.ndim :]] = values[self._index]
        if self._passed_on_to is not None:
            self._passed_on_to[place] = values


def _scaled(job: Job[Any], frame: int, n_frames: int) -> Job[None]:
    """A job whose progress is that of one frame of several."""
    try:
        for progress in job:
            yield Progress(frame + progress.fraction, n_frames, progress.message)
    finally:
        job.close()
