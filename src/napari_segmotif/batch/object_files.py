"""Measuring the objects of label files, and telling their classes, into one table."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..common.image_spec import OpenedImage
from ..common.progress import CancelToken, Job, Progress
from ..errors import InputError
from ..explore.measuring.measurement import measure_job
from .object_recipe import ObjectJobParameters
from .pairs import match_pairs, open_source, stem
from .tasks import each_file_iter

if TYPE_CHECKING:
    from ..explore.classifying.object_classifier import ObjectClassifier


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
    tasks: Sequence[ObjectTask], parameters: ObjectJobParameters, cancel: CancelToken | None = None
) -> Job[list[MeasuredFile]]:
    """Measure the objects of files, one after the other, as a job; one bad file does not stop the others."""

    def measured(task: ObjectTask) -> Job[MeasuredFile]:
        return MeasuredFile(task, (yield from _measure(task, parameters, cancel)))

    return each_file_iter(
        [(task.labels.name, task) for task in tasks],
        measured,
        there=lambda _task: None,
        failed=lambda task, error: MeasuredFile(task, None, error),
        no_memory="the memory does not suffice: crop the image, or measure fewer features",
    )


def _measure(task: ObjectTask, asked: ObjectJobParameters, cancel: CancelToken | None) -> Job[pd.DataFrame]:
    with ExitStack() as stack:
        labels, source = open_source(task.labels, asked.axes, asked.spacing)
        stack.enter_context(labels)
        image: OpenedImage | None = None
        if task.intensity is not None:
            image, _ = open_source(task.intensity, None, None)
            stack.enter_context(image)
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
            cancel=cancel,
        )
        return (yield from job)


def _channel_names(image: OpenedImage | None, asked: Sequence[str]) -> Sequence[str] | None:
    if image is None:
        return None
    if asked:
        return asked
    n = image.shape[image.axes.index("C")] if "C" in image.axes else 1
    return image.channel_names if len(image.channel_names) == n else None


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
