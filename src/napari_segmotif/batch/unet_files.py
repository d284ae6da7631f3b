"""A U-Net applied to files of any size; one bad file does not stop the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.axes import ImageSource
from ..common.progress import CancelToken, Job
from ..unet.inference.prediction import label_type
from .results import segment_file_iter
from .tasks import FileResult, FileTask, images_iter
from .unet_recipe import UNetRecipe

if TYPE_CHECKING:
    from ..unet.segmenter import UNetSegmenter


def predict_unet_files_iter(
    segmenter: UNetSegmenter,
    tasks: Sequence[FileTask],
    recipe: UNetRecipe,
    *,
    skip_existing: bool = False,
    cancel: CancelToken | None = None,
) -> Job[list[FileResult]]:
    """Apply a network to files, one after the other, as a job; see `images_iter`."""
    return images_iter(
        tasks,
        lambda task: predict_unet_file_iter(segmenter, task, recipe, cancel),
        skip_existing=skip_existing,
    )


def predict_unet_file_iter(
    segmenter: UNetSegmenter, task: FileTask, recipe: UNetRecipe, cancel: CancelToken | None = None
) -> Job[None]:
    """Apply a network to one file, as a job; see `segment_file_iter`."""
    asked = recipe.parameters

    def predict(source: ImageSource, writers: dict[str, Any]) -> Job[object]:
        return segmenter.predict_iter(
            source,
            outputs=tuple(writers),
            out=writers,
            augment=asked.augment,
            uncertainty=asked.uncertainty,
            decoder=asked.decoder,
            cancel=cancel,
        )

    dtypes = {"labels": label_type(segmenter.classes_.tolist()), "instances": np.int32}
    return segment_file_iter(task, recipe, segmenter, dtypes, predict)
