"""Many files, one after the other: where results go, and that one bad file does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from ..common.image_io import is_image_path
from ..common.image_paths import split_path
from ..common.progress import Job, Progress
from ..errors import InputError, JobCancelled, SegmotifError
from .pairs import stem

FORMATS = {"tif": ".ome.tif", "zarr": ".ome.zarr", "h5": ".h5", "npy": ".npy"}

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class FileTask:
    """An image file and, by the name of the output, where each of its results goes."""

    image: Path
    targets: Mapping[str, Path]


@dataclass(frozen=True)
class FileResult:
    """What came of one file: `written` by output, or the `error` that prevented it.

    `skipped` files had all their results already.
    """

    image: Path
    written: Mapping[str, Path]
    error: str | None = None
    skipped: bool = False


def plan(
    images: Sequence[Path], outputs: Sequence[str], destination: Path, format_: str = "tif"
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


def images_iter(
    tasks: Sequence[FileTask], work: Callable[[FileTask], Job[object]], *, skip_existing: bool = False
) -> Job[list[FileResult]]:
    """Do the same to every image, as a job.

    Parameters
    ----------
    tasks
        From `plan`.
    work
        The job of one of them, which writes all its targets.
    skip_existing
        Leave files alone whose results are all there: a run that was broken off goes on.

    Returns
    -------
    list of FileResult
        One for each file, failed ones included.
    """

    def written(task: FileTask) -> Job[FileResult]:
        yield from work(task)
        return FileResult(task.image, task.targets)

    def there(task: FileTask) -> FileResult | None:
        if skip_existing and all(target.exists() for target in task.targets.values()):
            return FileResult(task.image, task.targets, skipped=True)
        return None

    return each_file_iter(
        [(task.image.name, task) for task in tasks],
        written,
        there=there,
        failed=lambda task, error: FileResult(task.image, {}, error=error),
        no_memory="the memory does not suffice: crop the image, or ask for fewer outputs",
    )


def each_file_iter(
    tasks: Sequence[tuple[str, T]],
    work: Callable[[T], Job[R]],
    *,
    there: Callable[[T], R | None],
    failed: Callable[[T, str], R],
    no_memory: str,
) -> Job[list[R]]:
    """Do the same to every task, one after the other, as a job.

    Parameters
    ----------
    tasks
        What to do, each with the name that the user knows it by.
    work
        The job of one task.
    there
        Gives the result of a task that needs no work, or None.
    failed
        Makes a result out of what went wrong. Only cancelling ends the whole.
    no_memory
        What to say where the memory does not suffice.

    Returns
    -------
    list
        A result for each task.
    """
    results = []
    for number, (name, task) in enumerate(tasks):
        result = there(task)
        if result is None:
            try:
                result = yield from _one_of_many(work(task), name, number, len(tasks))
            except JobCancelled:
                raise
            except (SegmotifError, OSError) as error:
                result = failed(task, str(error))
            except MemoryError:
                result = failed(task, no_memory)
        results.append(result)
        yield Progress(number + 1, len(tasks), name)
    return results


def _one_of_many(job: Job[R], name: str, number: int, n_files: int) -> Job[R]:
    """A job whose progress is that of one file of several."""
    try:
        while True:
            try:
                progress = next(job)
            except StopIteration as end:
                result: R = end.value
                return result
            message = f"{name}: {progress.message}" if progress.message else name
            yield replace(progress, done=number + progress.fraction, total=n_files, message=message)
    finally:
        job.close()
