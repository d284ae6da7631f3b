"""A pixel classifier applied to files of any size; one bad file does not stop the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..common.axes import ImageSource
from ..common.image_io import ImageWriter, OpenedImage, is_image_path
from ..common.image_paths import split_path
from ..common.progress import CancelToken, Job, Progress
from ..errors import InputError, JobCancelled, SegmotifError, StorageError
from ..pixel.classifier import PixelClassifier
from ..pixel.prediction import label_dtype
from .objects import predict_objects_iter
from .pairs import open_source, stem
from .recipe import METADATA_KEY, BatchOutput, Recipe

_NO_MEMORY = "the memory does not suffice: crop the image, or ask for fewer outputs"
FORMATS = {"tif": ".ome.tif", "zarr": ".ome.zarr", "h5": ".h5", "npy": ".npy"}


@dataclass(frozen=True)
class FileTask:
    """An image file and where each of its results goes."""

    image: Path
    targets: Mapping[BatchOutput, Path]


@dataclass(frozen=True)
class FileResult:
    """What came of one file: `written` by output, or the `error` that prevented it.

    `skipped` files had all their results already.
    """

    image: Path
    written: Mapping[BatchOutput, Path]
    error: str | None = None
    skipped: bool = False


def plan(
    images: Sequence[Path], outputs: Sequence[BatchOutput], destination: Path, format_: str = "tif"
) -> list[FileTask]:
    """Decide where results go, before anything is computed.

    Parameters
    ----------
    images
        The inputs.
    outputs
        What is written for each: "cells.tif" becomes "cells_labels.ome.tif" and so on in the folder
        `destination`. For one image and one output, `destination` may be the file itself.
    format_
        One of "tif", "zarr", "h5" and "npy".

    Raises
    ------
    InputError
        If two results would go to one file, or a result would replace an input.
    """
    if is_image_path(destination):
        if len(images) != 1 or len(outputs) != 1:
            raise InputError(
                "several results need a folder: give its name as the output "
                f"(got {destination} for {len(images)} images × {len(outputs)} outputs)"
            )
        tasks = [FileTask(images[0], {outputs[0]: destination})]
    else:
        tasks = [
            FileTask(
                image, {name: destination / f"{stem(image)}_{name}{FORMATS[format_]}" for name in outputs}
            )
            for image in images
        ]
    _check_targets(tasks)
    return tasks


def _check_targets(tasks: Sequence[FileTask]) -> None:
    inputs = {split_path(task.image)[0].resolve() for task in tasks}
    taken: dict[Path, Path] = {}
    for task in tasks:
        for target in task.targets.values():
            where = target.resolve()
            if where in inputs:
                raise InputError(f"a result would replace an input: choose another folder (got {target})")
            if where in taken:
                raise InputError(
                    "two images would have the same result: give them different names, or run them into "
                    f"different folders (got {taken[where]} and {task.image})"
                )
            taken[where] = task.image


def predict_files_iter(
    classifier: PixelClassifier,
    tasks: Sequence[FileTask],
    recipe: Recipe,
    *,
    skip_existing: bool = False,
    cancel: CancelToken | None = None,
) -> Job[list[FileResult]]:
    """Apply a classifier to files, one after the other, as a job.

    Parameters
    ----------
    classifier
        The trained model.
    tasks
        From `plan`.
    recipe
        Parameters of the job; it goes into the metadata of every result.
    skip_existing
        Leave files alone whose results are all there: a run that was broken off goes on.

    Returns
    -------
    list of FileResult
        One for each file, failed ones included.
    """
    results = []
    for number, task in enumerate(tasks):
        if skip_existing and all(target.exists() for target in task.targets.values()):
            results.append(FileResult(task.image, task.targets, skipped=True))
        else:
            results.append((yield from _attempt(classifier, task, recipe, cancel, number, len(tasks))))
        yield Progress(number + 1, len(tasks), task.image.name)
    return results


def _attempt(
    classifier: PixelClassifier,
    task: FileTask,
    recipe: Recipe,
    cancel: CancelToken | None,
    number: int,
    n_files: int,
) -> Job[FileResult]:
    job = predict_file_iter(classifier, task, recipe, cancel)
    try:
        for progress in job:
            yield replace(progress, done=number + progress.fraction, total=n_files, message=task.image.name)
    except JobCancelled:
        raise
    except (SegmotifError, OSError) as error:
        return FileResult(task.image, {}, error=str(error))
    except MemoryError:
        return FileResult(task.image, {}, error=_NO_MEMORY)
    finally:
        job.close()
    return FileResult(task.image, task.targets)


def predict_file_iter(
    classifier: PixelClassifier, task: FileTask, recipe: Recipe, cancel: CancelToken | None = None
) -> Job[None]:
    """Apply a classifier to one file, as a job. Results appear whole, when all is done, or not at all."""
    asked = recipe.parameters
    own = recipe.model_copy(update={"inputs": (str(task.image),)})
    opened, source = open_source(task.image, asked.axes, asked.spacing, likely_axes=classifier.axes_)
    with ExitStack() as stack:
        stack.enter_context(opened)
        writers = {
            name: stack.enter_context(_writer(name, target, classifier, opened, source, own))
            for name, target in task.targets.items()
        }
        if "objects" in writers:
            yield from predict_objects_iter(classifier, source, writers, asked.objects, cancel)
        else:
            yield from classifier.predict_iter(source, outputs=tuple(writers), out=writers, cancel=cancel)  # type: ignore[arg-type]


def _writer(
    output: BatchOutput,
    target: Path,
    classifier: PixelClassifier,
    opened: OpenedImage,
    source: ImageSource,
    recipe: Recipe,
) -> ImageWriter:
    classes = [int(label) for label in classifier.classes_]
    names = {label: classifier.class_names_[label] for label in classes}
    per_class = output == "probabilities"
    dtypes: dict[BatchOutput, Any] = {"labels": label_dtype(classifier.classes_), "objects": np.int32}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"the folder {target.parent} could not be made: choose another one (got: {error.strerror})"
        ) from error
    return ImageWriter(
        target,
        ((len(classes),) if per_class else ()) + source.output_shape,
        dtypes.get(output, np.float32),
        axes=("C" if per_class else "") + source.output_axes,
        spacing=source.spacing,
        units=opened.units if source.spacing is not None else None,
        time_interval=opened.time_interval,
        channel_names=[names[label] for label in classes] if per_class else (),
        labels=output in dtypes,
        metadata={METADATA_KEY: recipe.as_json(), "class_names": {str(k): v for k, v in names.items()}},
    )
