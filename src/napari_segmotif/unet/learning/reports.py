"""What training tells after every epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.progress import Progress


@dataclass(frozen=True)
class ExamplePrediction:
    """What the network makes of a part of a validation image, to be looked at while it learns.

    Attributes
    ----------
    image_index
        Which of the images that `fit` was given (of the validation images where these were given apart).
    apart
        Whether the validation images were given apart.
    frame
        Index along T; 0 without time.
    region
        One slice per spatial axis of the image.
    image
        (C, *region) float32, as the network sees it: scaled to about 0..1.
    truth
        (*region) int32: labels that training was given.
    classes
        (*region) uint8 or int32: predicted class of every pixel, as painted.
    instances
        (*region) int32: predicted objects.
    foreground
        (*region) float32 in [0, 1].
    """

    image_index: int
    apart: bool
    frame: int
    region: tuple[slice, ...]
    image: NDArray[np.float32]
    truth: NDArray[np.int32]
    classes: NDArray[Any]
    instances: NDArray[np.int32]
    foreground: NDArray[np.float32]


@dataclass(frozen=True)
class EpochReport(Progress):
    """How training stands after an epoch. It is a Progress, too: `done` epochs of `total`.

    Attributes
    ----------
    epoch
        From 1.
    n_epochs
        How many are planned.
    train_loss, validation_loss
        Mean loss of the epoch's patches, and of the validation images; NaN without validation.
    validation_dice
        Dice of the foreground on validation images; for several classes their mean; on what is annotated.
    validation_ap
        Mean average precision of objects at IoU .5, .6, .7, .8 and .9; NaN for other annotations than
        instances.
    learning_rate
        At the end of the epoch.
    seconds
        That the epoch took, validation included.
    is_best
        Whether this epoch's weights are the best so far; they are kept.
    example
        A prediction on a part of a validation image, or None.
    """

    epoch: int = 0
    n_epochs: int = 0
    train_loss: float = math.nan
    validation_loss: float = math.nan
    validation_dice: float = math.nan
    validation_ap: float = math.nan
    learning_rate: float = math.nan
    seconds: float = math.nan
    is_best: bool = False
    example: ExamplePrediction | None = None

    def as_row(self) -> dict[str, float]:
        """The numbers of the epoch: a row of a table, without the example."""
        names = ("epoch", "train_loss", "validation_loss", "validation_dice", "validation_ap")
        return {name: getattr(self, name) for name in (*names, "learning_rate", "seconds")} | {
            "is_best": float(self.is_best)
        }
