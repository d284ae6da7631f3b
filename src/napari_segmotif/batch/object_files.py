"""Measuring the objects of label files, and telling their classes, into one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..common.image_spec import OpenedImage
from ..common.progress import CancelToken, Job, Progress
from ..errors import AxesError, ImageFileError, InputError
from ..explore.measuring.measurement import measure_job
from ..explore.tables import join_tables, table_info
from .object_recipe import ObjectJobParameters
from .pairs import match_pairs, open_source, stem
from .tasks import each_file_iter

if TYPE_CHECKING:
    from ..explore.classifying.object_classifier import ObjectClassifier


GreyRanges = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class ObjectTask:
    """A label image, and the image on which intensities are measured, if any.

    Attributes
    ----------
    labels, intensity
        Files.
    roi_id
        What the image is called in the table.
    """

    labels: Path
    intensity: Path | None
    roi_id: str


@dataclass(frozen=True)
class MeasuredFile:
    """What came of one task: a table, or what went wrong."""

    task: ObjectTask
    table: pd.DataFrame | None
    error: str | None = None


def plan_objects(labels: Sequence[str | Path], intensity: Sequence[str | Path]) -> list[ObjectTask]:
    """Find out which image belongs to which labels, and name them.

    Raises
    ------
    InputError
        If labels have no image although images are given, or two label files have one name.
    """
    if intensity:
        pairs, alone = match_pairs(intensity, labels)
        if alone:
            names = ", ".join(path.name for path in alone[:5])
            raise InputError(f"every image needs its labels: leave the others out (got none for {names})")
        tasks = [ObjectTask(pair.annotation, pair.image, stem(pair.annotation)) for pair in pairs]
    else:
        from ..common.image_io import find_images

        tasks = [ObjectTask(path, None, stem(path)) for path in find_images(labels)]
    names_of = [task.roi_id for task in tasks]
    if twice := sorted({name for name in names_of if names_of.count(name) > 1}):
        raise InputError(
            f"images are told apart by their names: rename one of two (got twice: {', '.join(twice)})"
        )
    return tasks


def measure_files_iter(
    tasks: Sequence[ObjectTask],
    parameters: ObjectJobParameters,
    cancel: CancelToken | None = None,
    *,
    grey_range: GreyRanges | None = None,
) -> Job[list[MeasuredFile]]:
    """Measure the objects of files, one after the other, as a job; one bad file does not stop the others.

    Parameters
    ----------
    tasks, parameters, cancel
        What is measured, and how.
    grey_range
        Grey levels of textures, as `measure_objects` takes them, for instance those of a classifier's table.
        None, or of another number of channels: those of the first image with so many channels, for all.
    """
    shared = {len(grey_range): grey_range} if grey_range else {}

    def measured(task: ObjectTask) -> Job[MeasuredFile]:
        table = yield from _measure(task, parameters, shared, cancel)
        info = table_info(table)
        if info is not None and info.grey_ranges:
            shared.setdefault(len(info.grey_ranges), info.grey_ranges)
        return MeasuredFile(task, table)

    return each_file_iter(
        [(task.labels.name, task) for task in tasks],
        measured,
        there=lambda _task: None,
        failed=lambda task, error: MeasuredFile(task, None, error),
        no_memory="the memory does not suffice: crop the image, or measure fewer features",
    )


def join_measured(
    found: Sequence[MeasuredFile], check: Callable[[pd.DataFrame], object] | None = None
) -> tuple[pd.DataFrame | None, list[MeasuredFile]]:
    """Put what was measured into one table, without the files that do not fit in.

    Parameters
    ----------
    found
        What came of the files.
    check
        Raises an InputError for a table that cannot be used, for instance by a classifier.

    Returns
    -------
    table
        Of all files with objects that were measured like the first of them; None where there is none.
    files
        The same files, those that do not fit in with the reason as their error.
    """
    files: list[MeasuredFile] = []
    fitting: list[pd.DataFrame] = []
    for one in found:
        if one.table is not None and len(one.table):
            try:
                if check is not None:
                    check(one.table)
                join_tables([*(table.head(1) for table in fitting[:1]), one.table.head(1)])
                fitting.append(one.table)
            except InputError as error:
                one = replace(one, table=None, error=str(error))
        files.append(one)
    return (join_tables(fitting) if fitting else None), files


def _measure(
    task: ObjectTask,
    asked: ObjectJobParameters,
    grey_ranges: Mapping[int, GreyRanges],
    cancel: CancelToken | None,
) -> Job[pd.DataFrame]:
    with ExitStack() as stack:
        labels, source = open_source(task.labels, asked.axes, asked.spacing)
        stack.enter_context(labels)
        image: OpenedImage | None = None
        if task.intensity is not None:
            image = stack.enter_context(_opened_like(task.intensity, labels, asked.axes))
        known = image if source.spacing is None and image is not None else labels
        spacing = asked.spacing if asked.spacing is not None else known.spacing
        job = measure_job(
            labels.array,
            None if image is None else image.array,
            spacing,
            asked.properties,
            axes=labels.axes,
            intensity_axes=None if image is None else image.axes,
            channel_names=_channel_names(image, asked.channel_names),
            unit=asked.unit or _unit(known),
            roi_id=task.roi_id,
            grey_range=grey_ranges.get(_n_channels(image)),
            cancel=cancel,
        )
        return (yield from job)


def _opened_like(path: Path, labels: OpenedImage, asked: str | None) -> OpenedImage:
    """The image with the labels' axes, apart from channels, as far as it does not say otherwise.

    Where the user said what the axes are, that holds for both: a file whose own axes do not fit is read with
    the labels', and with channels wherever its shape has one axis more.
    """
    wanted = labels.axes
    for axes in () if asked is None else (None, wanted, *_with_channels(wanted)):
        try:
            image, _ = open_source(path, axes, None)
        except (AxesError, ImageFileError):
            continue
        sizes = tuple(n for n, letter in zip(image.shape, image.axes, strict=True) if letter != "C")
        if image.axes.replace("C", "") == wanted and sizes == tuple(labels.shape):
            return image
        image.close()
    return open_source(path, None, None, likely_axes=wanted)[0]


def _with_channels(axes: str) -> list[str]:
    """The axes with C at each place: the last, then from the first on."""
    return [axes[:place] + "C" + axes[place:] for place in (len(axes), *range(len(axes)))]


def _channel_names(image: OpenedImage | None, asked: Sequence[str]) -> Sequence[str] | None:
    if image is None:
        return None
    if asked:
        return asked
    return image.channel_names if len(image.channel_names) == _n_channels(image) else None


def _n_channels(image: OpenedImage | None) -> int:
    if image is None:
        return 0
    return int(image.shape[image.axes.index("C")]) if "C" in image.axes else 1


def _unit(image: OpenedImage) -> str | None:
    """The unit of the last axis: all spatial axes of a measurement have one."""
    units = [unit for unit in image.units or () if unit]
    return units[-1] if units else None


def classify_job(
    classifier: ObjectClassifier, table: pd.DataFrame, cancel: CancelToken | None = None
) -> Job[pd.DataFrame]:
    """The table with `predicted_class`, its name, and `confidence` in [0, 1].

    Raises
    ------
    ModelMismatchError
        If the table was measured otherwise than the classifier's.
    """
    yield Progress(0, 0, "telling the classes")
    shares = yield from classifier.predict_proba_job(table, cancel=cancel)
    found = classifier.classes_of(shares)
    told = table.assign(
        predicted_class=found,
        predicted_class_name=[classifier.class_names_[int(label)] for label in found],
        confidence=shares.max(axis=1),
    )
    told.attrs = dict(table.attrs)
    return told
