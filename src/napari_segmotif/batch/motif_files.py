"""Motifs found in video files of any size, one after the other; one bad file does not stop the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..common.atomic import check_folder
from ..common.axes import ImageSource
from ..common.device import Device
from ..common.image_io import is_image_path, open_image
from ..common.image_paths import split_path
from ..common.progress import CancelToken, Job
from ..errors import InputError
from ..motifs.model_file import to_file
from ..motifs.parameters import MotifParameters
from ..motifs.preparing.video import Video, check_length
from ..motifs.results.cells import order_cells
from ..motifs.results.export import SUMMARY, make_folder, summary_of, write_cells, write_results
from .motif_recipe import MotifJobParameters, MotifRecipe
from .pairs import stem
from .tasks import each_file_iter

MODEL = "model.segmotif"


@dataclass(frozen=True)
class MotifTask:
    """A video file, the folder for what is found in it, and the labels of its cells, if there are any."""

    video: Path
    folder: Path
    cells: Path | None = None


@dataclass(frozen=True)
class MotifFileResult:
    """What came of one video.

    Attributes
    ----------
    video, folder
        The file, and where its results are.
    written
        The files written.
    summary, found
        What was found, in words and as JSON.
    notes
        What the user should know about the file: what was taken where it says nothing.
    error
        Why there is no result, or None.
    skipped
        Whether the results were there already.
    """

    video: Path
    folder: Path
    written: tuple[Path, ...] = ()
    summary: str = ""
    found: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    error: str | None = None
    skipped: bool = False


def plan_motifs(videos: Sequence[Path], destination: Path, cells: Path | None = None) -> list[MotifTask]:
    """Decide where results go, before anything is computed: "mouse.tif" has the folder "mouse".

    Raises
    ------
    InputError
        If two videos would have the same folder, a video lies in one, or `destination` is an image.
    """
    if is_image_path(destination):
        raise InputError(f"motifs are written to a folder: give its name as the output (got {destination})")
    tasks = [MotifTask(video, destination / stem(video), cells) for video in videos]
    folders: dict[Path, Path] = {}
    for task in tasks:
        where = task.folder.resolve()
        if where in folders:
            raise InputError(
                "two videos would have the same results: give them different names, or run them into "
                f"different folders (got {folders[where]} and {task.video})"
            )
        folders[where] = task.video
    for task in tasks:
        if split_path(task.video)[0].resolve().parent in folders:
            raise InputError(f"results would go where a video lies: choose another folder (got {task.video})")
    return tasks


def find_motifs_in_files_iter(
    tasks: Sequence[MotifTask],
    recipe: MotifRecipe,
    *,
    device: Device = "auto",
    skip_existing: bool = False,
    cancel: CancelToken | None = None,
) -> Job[list[MotifFileResult]]:
    """Find motifs in files, as a job.

    Parameters
    ----------
    tasks
        From `plan_motifs`.
    recipe
        What is asked; it is written beside the results.
    device
        Where the network computes.
    skip_existing
        Leave videos alone whose results are there: a run that was broken off goes on.

    Returns
    -------
    list of MotifFileResult
        One for each video, failed ones included.
    """

    def there(task: MotifTask) -> MotifFileResult | None:
        if skip_existing and (task.folder / SUMMARY).is_file():
            return MotifFileResult(task.video, task.folder, skipped=True)
        return None

    return each_file_iter(
        [(task.video.name, task) for task in tasks],
        lambda task: find_motifs_in_file_iter(task, recipe, device=device, cancel=cancel),
        there=there,
        failed=lambda task, error: MotifFileResult(task.video, task.folder, error=error),
        no_memory="the memory does not suffice: crop the video, or close other programs",
    )


def find_motifs_in_file_iter(
    task: MotifTask, recipe: MotifRecipe, *, device: Device = "auto", cancel: CancelToken | None = None
) -> Job[MotifFileResult]:
    """Find the motifs of one video and write them to its folder, as a job."""
    from ..motifs.lemonade import LeMoNADe

    asked = recipe.parameters
    with open_image(task.video, axes=asked.axes) as opened:
        settings, note = settings_for(asked, opened.time_interval)
        rate = settings.frame_rate
        source = ImageSource(opened.array, opened.axes)
        video = Video.open(source)
        check_length(video, settings.motif_length)
        cells = None if task.cells is None else _read_cells(task.cells, video.shape[1:])
        model = LeMoNADe(**{**settings.model_dump(), "device": device})
        check_folder(task.folder)  # not only when all is found
        yield from model.fit_iter(source, token=cancel)
        spacing = asked.spacing or (opened.spacing and opened.spacing[-2:])
        units = opened.units[-2:] if spacing and opened.units else None
    # With the frame rate that was taken: what is repeated on a file that states none has the same.
    kept = asked.model_copy(update={"settings": asked.settings.model_copy(update={"frame_rate": rate})})
    own = recipe.model_copy(update={"inputs": (str(task.video),), "parameters": kept})
    folder = make_folder(task.folder)
    written = [to_file(folder / MODEL, model)]
    if cells is not None:
        written.append(_write_cells(folder / "cells.csv", model, cells))
    written += write_results(folder, model, nwb=asked.nwb, spacing=spacing, units=units, recipe=own.as_json())
    return MotifFileResult(
        task.video, folder, tuple(written), model.summary(), summary_of(model), (note,) if note else ()
    )


def settings_for(
    asked: MotifJobParameters, time_interval: float | None
) -> tuple[MotifParameters, str | None]:
    """Settings for a video whose file states a time interval (or None), and what to say about the frame rate.

    Raises
    ------
    InputError
        If the file states an interval that cannot be one.
    """
    stated = frame_rate_of(time_interval)
    used = asked.settings.frame_rate
    if asked.frame_rate_from_file and stated is not None:
        if not 0 < stated <= 100_000:
            raise InputError(
                "the file states an impossible time between frames: give the frame rate "
                f"(got {time_interval} s)"
            )
        settings = asked.settings.model_copy(update={"frame_rate": stated})
        return settings, f"{stated:g} frames per second, as the file says"
    if asked.frame_rate_from_file:
        return asked.settings, f"the file says no frame rate: {used:g} frames per second are assumed"
    if stated is not None and not np.isclose(stated, used, rtol=1e-3):
        return asked.settings, f"{used:g} frames per second, where the file says {stated:g}"
    return asked.settings, None


def frame_rate_of(time_interval: float | None) -> float | None:
    """Frames per second, to six digits, from the seconds between two frames; None where not known."""
    return float(f"{1 / time_interval:.6g}") if time_interval else None


def _read_cells(path: Path, frame_shape: tuple[int, ...]) -> Any:
    """Labels of cells; whatever is wrong with them is said before the search rather than after it."""
    with open_image(path) as opened:
        labels = np.squeeze(np.asarray(opened.array[:]))
    if labels.shape != frame_shape:
        raise InputError(
            f"the labels of the cells must have the shape of a frame of the video, {frame_shape} "
            f"(got {labels.shape} in {path})"
        )
    order_cells(np.zeros((0, 1, *frame_shape), np.float32), labels)
    return labels


def _write_cells(path: Path, model: Any, cells: Any) -> Path:
    return write_cells(path, order_cells(model.motifs_, cells), model.parameters.frame_rate)
