"""What a UNetSegmenter has learned, by the names that estimators use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import NotFittedError
from .learning.reports import EpochReport
from .learning.validation import ValidationTable
from .network.configuration import Configuration
from .objects.decoding import Decoder
from .parameters import Annotation
from .trained import TrainedUNet


class Learned:
    """The learned attributes of a UNetSegmenter: each is a part of its `model_`."""

    def __init__(self) -> None:
        self._model: TrainedUNet | None = None

    @property
    def model_(self) -> TrainedUNet:
        """All that was learned.

        Raises
        ------
        NotFittedError
            Before training.
        """
        if self._model is None:
            raise NotFittedError("train the U-Net first: call fit, or load a model")
        return self._model

    @property
    def classes_(self) -> NDArray[np.int32]:
        """(K,) class labels as painted."""
        return np.asarray(self.model_.heads.classes, np.int32)

    @property
    def class_names_(self) -> Mapping[int, str]:
        """Class label → name."""
        return self.model_.class_names

    @property
    def class_colors_(self) -> Mapping[int, str]:
        """Class label → "#rrggbb", where given."""
        return self.model_.class_colors

    @property
    def channel_names_(self) -> tuple[str, ...]:
        """One per channel."""
        return self.model_.channel_names

    @property
    def n_channels_(self) -> int:
        """Channels of the training images."""
        return self.model_.n_channels

    @property
    def axes_(self) -> str:
        """Axes of the training images."""
        return self.model_.axes

    @property
    def spacing_(self) -> tuple[float, ...] | None:
        """Pixel size of the training images along the axes that the network sees together, or None."""
        return self.model_.spacing

    @property
    def annotation_(self) -> Annotation:
        """Kind of the training labels."""
        return self.model_.annotation

    @property
    def history_(self) -> tuple[EpochReport, ...]:
        """A report of every epoch, without examples."""
        return self.model_.history

    @property
    def decoder_(self) -> Decoder:
        """How objects are made of what the network says."""
        return self.model_.decoder

    @property
    def configuration_(self) -> Configuration:
        """What was chosen from the data."""
        return self.model_.configuration

    @property
    def validation_(self) -> ValidationTable | None:
        """What the model is worth on held-out samples."""
        return self.model_.validation

    @property
    def messages_(self) -> tuple[str, ...]:
        """What you should know."""
        return self.model_.messages

    @property
    def stopped_(self) -> str:
        """Why training ended early; empty if it did not."""
        return self.model_.stopped

    @property
    def diverged_(self) -> bool:
        """Whether training ended early because its loss was no longer a number."""
        return self.model_.diverged

    @property
    def card_(self) -> Mapping[str, Any]:
        """What the model was trained on, as plain JSON."""
        return self.model_.card
