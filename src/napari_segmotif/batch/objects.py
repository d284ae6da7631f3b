"""Objects of whole images: the probability of one class, frame by frame, turned into numbered objects."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.axes import ImageSource
from ..common.progress import CancelToken, Job, Progress
from ..errors import InputError
from ..pixel.classifier import PixelClassifier
from ..pixel.objects import make_objects
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
        If it is not said how objects are made, or the classifier does not know their class.
    """
    classes = [int(label) for label in classifier.classes_]
    if parameters is None or parameters.class_id not in classes:
        asked = None if parameters is None else parameters.class_id
        raise InputError(f"choose the class of the objects out of {classes} (got {asked})")
    by_frame = ("objects", "probabilities")
    others: dict[str, Any] = {name: array for name, array in out.items() if name not in by_frame}
    n_objects = 0
    for frame in range(source.n_frames):
        frames = (slice(frame, frame + 1),) if "T" in source.output_axes else ()
        region = (*frames, *(slice(0, n) for n in source.spatial_shape))
        job = classifier.predict_iter(
            source,
            outputs=("probabilities", *others),  # type: ignore[arg-type]
            region=region,
            out=others,
            cancel=cancel,
        )
        found = yield from _scaled(job, frame, source.n_frames)
        if "probabilities" in out:
            out["probabilities"][(slice(None), *region)] = found
        objects = objects_of(found[classes.index(parameters.class_id)], parameters, source)
        out["objects"][region] = np.where(objects > 0, objects + n_objects, 0)
        n_objects += int(objects.max())
        yield Progress(frame + 1, source.n_frames, "objects made")
    return n_objects


def objects_of(
    probability: NDArray[np.float32], parameters: ObjectParameters, source: ImageSource
) -> NDArray[np.int32]:
    """Make objects of the probability of a class in one frame, (*spatial) or (1, *spatial)."""
    objects = make_objects(
        probability.reshape(source.spatial_shape),
        threshold=parameters.threshold,
        # the parameter counts pixels, make_objects counts what spacing counts
        minimum_size=parameters.minimum_size * math.prod(source.spacing_or_ones),
        fill_holes=parameters.fill_holes,
        split_touching=parameters.split_touching,
        spacing=source.spacing_or_ones,
    )
    return objects.reshape(probability.shape)


def _scaled(job: Job[Any], frame: int, n_frames: int) -> Job[NDArray[np.float32]]:
    """The probabilities a job returns; its progress is that of one frame of several."""
    try:
        while True:
            progress = next(job)
            yield Progress(frame + progress.fraction, n_frames, progress.message)
    except StopIteration as end:
        probabilities: NDArray[np.float32] = end.value.probabilities
        return probabilities
    finally:
        job.close()
