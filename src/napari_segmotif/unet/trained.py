"""A trained U-Net with all that it takes to use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .learning.reports import EpochReport
from .learning.validation import ValidationTable
from .network.configuration import Configuration
from .network.heads import Heads
from .objects.decoding import Decoder
from .parameters import Annotation, UNetParameters

if TYPE_CHECKING:
    from .network.torch_network import UNet

_USUAL_SCALE = 10.0
"""Pixels that a raw offset of 1 stands for where no object was seen."""


@dataclass(frozen=True)
class TrainedUNet:
    """A network and what it was trained for.

    Attributes
    ----------
    network
        On the CPU, for prediction.
    heads
        What it says of every pixel.
    configuration, parameters
        How it is built and was trained.
    annotation
        Kind of the training labels.
    n_channels, axes, spacing
        Of the training images; `spacing` along the D axes that the network sees together, or None.
    class_names, class_colors
        By class label.
    channel_names
        One per channel.
    decoder
        How objects are made of what the network says.
    history
        A report of every epoch, without examples.
    validation
        What it is worth on held-out samples; None where it was stopped before that was known.
    messages
        What the user should know.
    stopped
        Why training ended early; empty if it did not.
    diverged
        Whether training ended early because its loss was no longer a number.
    card
        Plain JSON: what it was trained on, when, with which versions.
    example
        (C, *patch) float32: a part of a held-out image as the network sees it, or None. Exported packages
        show it.
    """

    network: UNet
    heads: Heads
    configuration: Configuration
    parameters: UNetParameters
    annotation: Annotation
    n_channels: int
    axes: str
    spacing: tuple[float, ...] | None
    class_names: Mapping[int, str]
    class_colors: Mapping[int, str]
    channel_names: tuple[str, ...]
    decoder: Decoder
    history: tuple[EpochReport, ...] = ()
    validation: ValidationTable | None = None
    messages: tuple[str, ...] = ()
    stopped: str = ""
    diverged: bool = False
    card: Mapping[str, Any] = field(default_factory=dict)
    example: NDArray[np.float32] | None = None


def network_arguments(
    configuration: Configuration, heads: Heads, n_channels: int, parameters: UNetParameters
) -> dict[str, Any]:
    """What `torch_network.UNet` is built with; plain JSON."""
    diameter = configuration.object_diameter
    return {
        "n_channels": n_channels,
        "n_classes": heads.n_classes,
        "objects": heads.objects,
        "dimensions": heads.dimensions,
        "widths": list(configuration.widths),
        "strides": [list(stride) for stride in configuration.strides],
        "kernels": [list(kernel) for kernel in configuration.kernels],
        "normalization": parameters.normalization,
        "residual": parameters.residual,
        "dropout": parameters.dropout,
        "offset_scale": float(diameter) / 2 if diameter else _USUAL_SCALE,
    }
