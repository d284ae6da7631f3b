"""A pixel classifier applied to files of any size; one bad file does not stop the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common.axes import ImageSource
from ..common.progress import CancelToken, Job
from ..pixel.classifier import PixelClassifier
from ..pixel.prediction import label_dtype
from .objects import predict_objects_iter
from .recipe import Recipe
from .results import segment_file_iter
from .tasks import FileResult, FileTask, images_iter


def predict_files_iter(
    classifier: PixelClassifier,
    tasks: Sequence[FileTask],
    recipe: Recipe,
    *,
    skip_existing: bool = False,
    cancel: CancelToken | None = None,
) -> Job[list[FileResult]]:
    """Apply a classifier to files, one after the other, as a job; see `images_iter`."""
    return images_iter(
        tasks,
        lambda task: predict_file_iter(classifier, task, recipe, cancel),
        skip_existing=skip_existing,
    )


def predict_file_iter(
    classifier: PixelClassifier, task: FileTask, recipe: Recipe, cancel: CancelToken | None = None
) -> Job[None]:
    """Apply a classifier to one file, as a job; see `segment_file_iter`."""

    def predict(source: ImageSource, writers: dict[Any, Any]) -> Job[object]:
        if "objects" in writers:
            return predict_objects_iter(classifier, source, writers, recipe.parameters.objects, cancel)
        return classifier.predict_iter(source, outputs=tuple(writers), out=writers, cancel=cancel)

    dtypes = {"labels": label_dtype(classifier.classes_), "objects": np.int32}
    return segment_file_iter(task, recipe, classifier, dtypes, predict)
