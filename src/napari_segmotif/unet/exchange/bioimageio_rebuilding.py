"""A network rebuilt from a package's numbers alone: its sizes, its weights as safetensors, its example.

For packages that were made from ours, but came without the .segmotif file. That the rebuilt network is the
packaged one is not believed but seen: it must say of the package's example what the package says.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ...errors import ModelFileError
from ..model_file import Description
from ..network.configuration import Configuration
from ..network.heads import Heads
from ..objects.decoding import Decoder
from ..parameters import Annotation, UNetParameters
from ..trained import TrainedUNet, network_arguments
from ..training_data.intensity import HIGH_PERCENTILE, LOW_PERCENTILE
from .bioimageio_names import TEST_INPUT, TEST_OUTPUT
from .export_bioimageio import scale_range
from .export_onnx import LARGEST_DIFFERENCE
from .exported_description import VERSION

if TYPE_CHECKING:
    from ..network.torch_network import UNet

_LARGEST = {"weights": 8 << 30, "example": 256 << 20}
_MAX_RATIO, _FREE_SIZE = 200, 16 << 20
_PREFIX = "network."  # the packaged network holds the trained one under this name

_Size = Annotated[int, Field(ge=1, le=8192)]
_Step = Annotated[int, Field(ge=1, le=16)]
_Steps = tuple[tuple[_Step, ...], ...]


class _Network(BaseModel):
    """What the packaged network is built with; see `torch_network.UNet`."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    n_channels: _Size
    n_classes: _Size
    objects: bool
    dimensions: Literal[2, 3]
    widths: Annotated[tuple[_Size, ...], Field(min_length=2, max_length=8)]
    strides: Annotated[_Steps, Field(min_length=1, max_length=7)]
    kernels: Annotated[_Steps, Field(min_length=2, max_length=8)]
    normalization: Literal["batch", "instance"] = "batch"
    residual: bool = False
    dropout: float = 0.0
    offset_scale: Annotated[float, Field(gt=0, le=1e6)] = 1.0


class _Use(BaseModel):
    """How it is used; see `exported_description.describe_export`."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    version: Literal[1]
    annotation: Annotation
    axes: Literal["YX", "ZYX"]
    spacing: tuple[float, ...] | None
    channels: tuple[str, ...]
    classes: tuple[int, ...]
    background: int | None = None
    maps: tuple[str, ...]
    percentiles: tuple[float, float]
    patch: Annotated[tuple[_Size, ...], Field(min_length=2, max_length=3)]
    decoder: Decoder


def can_rebuild(description: dict[str, Any]) -> bool:
    """Whether a package's description has what it takes: our settings, and weights as safetensors."""
    config, weights = description.get("config"), description.get("weights")
    entry = weights.get("pytorch_state_dict") if isinstance(weights, dict) else None
    if not isinstance(config, dict) or not isinstance(config.get("segmotif"), dict):
        return False
    return isinstance(entry, dict) and str(entry.get("source")).endswith(".safetensors")


def rebuild(archive: zipfile.ZipFile, description: dict[str, Any]) -> TrainedUNet:
    """Rebuild the network of a package for which `can_rebuild` holds.

    Raises
    ------
    ModelFileError
        If the rebuilt network is not the packaged one.
    RuntimeError, ValueError, KeyError, TypeError
        If the parts of the package do not fit together.
    """
    import safetensors.numpy

    entry = description["weights"]["pytorch_state_dict"]
    architecture = entry["architecture"]
    sizes = _Network.model_validate(architecture["kwargs"])
    use = _Use.model_validate(description["config"]["segmotif"])
    if use.percentiles != (LOW_PERCENTILE, HIGH_PERCENTILE) or use.version != VERSION:
        raise ModelFileError(
            "the package prepares images in another way than napari-segmotif: use the program it was made "
            f"for (got percentiles {use.percentiles})"
        )
    weights = safetensors.numpy.load(_member(archive, str(entry["source"]), _LARGEST["weights"]))
    weights = {name.removeprefix(_PREFIX): array for name, array in weights.items()}
    described = _describe(sizes, use)
    _check_shapes(described, weights)
    model = described.model(weights)
    if not 0 < model.network.offset_scale == sizes.offset_scale and sizes.objects:
        raise ValueError(f"offset_scale {sizes.offset_scale}")
    _check_example(model.network, archive, model.heads)
    return model


def _describe(sizes: _Network, use: _Use) -> Description:
    configuration = Configuration(
        depth=len(sizes.strides),
        patch=use.patch,
        batch_size=1,
        steps_per_epoch=1,
        strides=sizes.strides,
        kernels=sizes.kernels,
        widths=sizes.widths,
        object_diameter=2 * sizes.offset_scale if sizes.objects else None,
    )
    parameters = UNetParameters(
        dimensions=sizes.dimensions,
        width=sizes.widths[0],
        depth=len(sizes.strides),
        normalization=sizes.normalization,
        residual=sizes.residual,
        dropout=sizes.dropout,
    )
    if (use.annotation == "instances") != sizes.objects or len(use.classes) != sizes.n_classes:
        raise ValueError(f"{len(use.classes)} classes of the kind {use.annotation}")
    return Description(
        parameters=parameters,
        configuration=configuration,
        annotation=use.annotation,
        classes=use.classes,
        background=None if sizes.objects else use.background,
        n_channels=sizes.n_channels,
        axes=use.axes,
        spacing=use.spacing,
        class_names=dict(zip(use.classes, use.maps, strict=False)),
        class_colors={},
        channel_names=use.channels,
        decoder=use.decoder,
        history=[],
        validation=None,
        messages=(),
        stopped="",
        card={},
    )


def _check_shapes(described: Description, weights: dict[str, NDArray[Any]]) -> None:
    """Compare the shapes of the weights before any network of that size is made."""
    from .torch_export import expected_shapes

    heads = described.heads
    arguments = network_arguments(described.configuration, heads, described.n_channels, described.parameters)
    expected = expected_shapes(arguments)
    if {name: array.shape for name, array in weights.items()} != expected:
        raise ValueError(f"{len(weights)} weights where {len(expected)} others belong")


def _check_example(network: UNet, archive: zipfile.ZipFile, heads: Heads) -> None:
    """Compare what the rebuilt network says of the package's example with what the package says."""
    from .torch_export import activated_maps

    image, expected = _array(archive, TEST_INPUT), _array(archive, TEST_OUTPUT)
    if image.ndim != 2 + heads.dimensions:
        raise ValueError(f"an example of shape {image.shape}")
    scaled = np.stack([scale_range(sample.astype(np.float32)) for sample in image])
    maps = activated_maps(network, scaled)
    difference = np.abs(maps - expected).max() if maps.shape == expected.shape else np.inf
    if not difference <= LARGEST_DIFFERENCE:
        raise ModelFileError(
            "the package's network computes something else than the one of napari-segmotif: use the program "
            f"it was made for (got a difference of {difference:.2g} on its example)"
        )


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    array: NDArray[Any] = np.load(io.BytesIO(_member(archive, name, _LARGEST["example"])), allow_pickle=False)
    return array


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    entry = archive.getinfo(PurePosixPath(name).name)
    check_size(entry, most)
    with archive.open(entry) as member:
        return member.read(most)


def check_size(entry: zipfile.ZipInfo, most: int) -> None:
    """Raise ModelFileError for a member that is encrypted, too large, or packed as bombs are."""
    packed_as_a_bomb = entry.file_size > max(_FREE_SIZE, _MAX_RATIO * entry.compress_size)
    if entry.flag_bits & 0x1 or entry.file_size > most or packed_as_a_bomb:
        raise ModelFileError(
            f"{entry.filename!r} is encrypted or too large: download the package again from where you trust "
            f"it (got {entry.file_size} bytes from {entry.compress_size})"
        )
