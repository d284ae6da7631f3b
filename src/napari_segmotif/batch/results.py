"""What a model says of one image file, written to files with the image's pixel size and the recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..common.axes import ImageSource
from ..common.image_io import ImageWriter, OpenedImage
from ..common.progress import Job
from ..errors import StorageError
from .pairs import open_source
from .recipe import Recipe
from .recipe_file import METADATA_KEY
from .tasks import FileTask
from .unet_recipe import UNetRecipe

PROBABILITIES = "probabilities"


class Model(Protocol):
    """A trained model of any tool."""

    @property
    def axes_(self) -> str:
        """Axes of the training images."""

    @property
    def classes_(self) -> Any:
        """(K,) class labels."""

    @property
    def class_names_(self) -> Mapping[int, str]:
        """Class label → name."""


def segment_file_iter(
    task: FileTask,
    recipe: Recipe | UNetRecipe,
    model: Model,
    label_dtypes: Mapping[str, Any],
    predict: Callable[[ImageSource, dict[str, ImageWriter]], Job[object]],
) -> Job[None]:
    """Apply a model to one file, as a job. Results appear whole, when all is done, or not at all.

    Parameters
    ----------
    task
        The file, and where its results go.
    recipe
        What is asked; it goes into the metadata of every result.
    model
        Says what axes an image has whose file does not say, and what the classes are called.
    label_dtypes
        Types of the outputs that are labels; the others are float32, "probabilities" with classes in front.
    predict
        The job that writes every output of an image.

    Raises
    ------
    StorageError
        If a folder cannot be made, or a file not be written.
    """
    own = recipe.model_copy(update={"inputs": (str(task.image),)})
    names = {int(label): model.class_names_[int(label)] for label in model.classes_}
    asked = recipe.parameters
    opened, source = open_source(task.image, asked.axes, asked.spacing, likely_axes=model.axes_)
    with ExitStack() as stack:
        stack.enter_context(opened)
        writers = {
            name: stack.enter_context(
                _writer(
                    target,
                    opened,
                    source,
                    label_dtypes.get(name),
                    tuple(names.values()) if name == PROBABILITIES else (),
                    {
                        METADATA_KEY: own.as_json(),
                        "class_names": {str(label): text for label, text in names.items()},
                    },
                )
            )
            for name, target in task.targets.items()
        }
        yield from predict(source, writers)


def _writer(
    target: Path,
    opened: OpenedImage,
    source: ImageSource,
    label_dtype: Any,
    channels: tuple[str, ...],
    metadata: dict[str, Any],
) -> ImageWriter:
    """A file in the image's shape; with channels in front, if there are any."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"the folder {target.parent} could not be made: choose another one (got: {error.strerror})"
        ) from error
    return ImageWriter(
        target,
        ((len(channels),) if channels else ()) + source.output_shape,
        np.float32 if label_dtype is None else label_dtype,
        axes=("C" if channels else "") + source.output_axes,
        spacing=source.spacing,
        units=opened.units if source.spacing is not None else None,
        time_interval=opened.time_interval,
        channel_names=channels,
        labels=label_dtype is not None,
        metadata=metadata,
    )
