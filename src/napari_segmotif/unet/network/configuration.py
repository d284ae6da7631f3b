"""Depth, patches, batches and steps, chosen from the data, each with its reason in plain words.

In the spirit of nnU-Net (Isensee et al., Nature Methods 2021): the network halves its resolution until it
sees an object with its surroundings, and along a coarse Z only once Y and X have become as coarse.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from ...errors import InputError
from ..parameters import Annotation, UNetParameters
from ..training_data.object_size import typical_diameter

if TYPE_CHECKING:
    from ..training_data.samples import Sample

_MEMORY_SHARE = 0.6  # of the free memory that training may take
_FLOATS_PER_CHANNEL = (
    20  # kept per pixel and channel of full resolution, all levels together, for the gradients
)
_COARSE = 1.5  # planes further apart than so many pixels are coarse
_LEAST_DEEP = 4  # so many pixels at least are left of a patch at the deepest level
_VOXELS_CPU, _VOXELS_GPU = 1 << 17, 1 << 20  # of a patch in 3D
_STEPS_CPU, _STEPS_GPU = (16, 250), (50, 500)
_MOST_WIDER = 8  # the deepest level has at most so many times the channels of the first


class Configuration(BaseModel):
    """What a training is run with.

    Attributes
    ----------
    depth
        How often the resolution is halved.
    patch
        Size of the training patches along (Z, Y, X) or (Y, X), in pixels.
    batch_size
        Patches a step.
    steps_per_epoch
        Steps between two validations.
    strides
        By how much the resolution falls at each of `depth` levels, along each axis.
    kernels
        Size of the convolutions at each of `depth` + 1 levels, along each axis.
    widths
        Channels at each of `depth` + 1 levels.
    annotation
        What the labels are: it decides where patches are put.
    object_diameter
        Typical diameter of an object in Y and X, in pixels; None where there are no objects.
    reasons
        Why: name of the choice → a sentence for the user.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    depth: int
    patch: tuple[int, ...]
    batch_size: int
    steps_per_epoch: int
    strides: tuple[tuple[int, ...], ...]
    kernels: tuple[tuple[int, ...], ...]
    widths: tuple[int, ...]
    annotation: Annotation = "instances"
    object_diameter: float | None = None
    reasons: Mapping[str, str] = {}

    @property
    def total_stride(self) -> tuple[int, ...]:
        """How many pixels along each axis become one at the deepest level."""
        return tuple(math.prod(along) for along in zip(*self.strides, strict=True))


def configure(
    samples: Sequence[Sample],
    annotation: Annotation,
    parameters: UNetParameters,
    spacing: Sequence[float] | None,
    device: str,
    free_memory: int | None = None,
    *,
    like: Configuration | None = None,
) -> Configuration:
    """Choose a configuration for samples; what the parameters say is taken as it is.

    Parameters
    ----------
    samples
        What will be trained on.
    annotation
        What their labels are.
    parameters
        `depth`, `patch_size`, `batch_size` and `steps_per_epoch` overrule the choice where they are set.
    spacing
        Pixel size along the axes of a sample, or None where pixels are as long along every axis.
    device
        "cpu", "cuda" or "mps".
    free_memory
        Bytes that are free on the device, or None where that is not known.
    like
        Of a network that is trained further: its depth, strides, kernels, widths and object size are kept.

    Raises
    ------
    InputError
        If there is no sample, or a patch size was asked for that the depth does not allow.
    """
    if not samples:
        raise InputError("there is nothing to train on: give at least one annotated image (got 0 samples)")
    shapes = [sample.labels.shape for sample in samples]
    reasons: dict[str, str] = {}
    if like is None:
        diameter = typical_diameter([sample.labels for sample in samples], annotation)
        shape = _network(shapes, diameter, parameters, spacing, device, reasons)
    else:
        shape = _Network(like.depth, like.strides, like.kernels, like.widths, like.object_diameter)
        reasons["depth"] = f"{like.depth}: that of the network that is trained further."
    patch = _patch(shapes, shape, parameters, device, reasons)
    batch = _batch(patch, shape.widths[0], parameters, device, free_memory, reasons)
    return Configuration(
        depth=shape.depth,
        patch=patch,
        batch_size=batch,
        steps_per_epoch=_steps(shapes, patch, batch, parameters, device, reasons),
        strides=shape.strides,
        kernels=shape.kernels,
        widths=shape.widths,
        annotation=annotation,
        object_diameter=shape.diameter,
        reasons=reasons,
    )


@dataclass(frozen=True)
class _Network:
    """The shape of a network, and the diameter of the objects it is for."""

    depth: int
    strides: tuple[tuple[int, ...], ...]
    kernels: tuple[tuple[int, ...], ...]
    widths: tuple[int, ...]
    diameter: float | None

    @property
    def steps(self) -> tuple[int, ...]:
        """What the size of a patch along each axis is a multiple of."""
        return tuple(math.prod(along) for along in zip(*self.strides, strict=True))


def _network(
    shapes: Sequence[tuple[int, ...]],
    diameter: float | None,
    parameters: UNetParameters,
    spacing: Sequence[float] | None,
    device: str,
    reasons: dict[str, str],
) -> _Network:
    dimensions = parameters.dimensions
    ratio = _coarseness(spacing, dimensions, reasons)
    n_planes = max(shape[0] for shape in shapes)
    depth = _depth(diameter, parameters, reasons)
    strides = _strides(depth, ratio, dimensions, n_planes)
    if parameters.depth is None:
        side = parameters.patch_size or _usual_side(shapes, strides, diameter, dimensions, device)[0]
        shallower = max(1, min(depth, int(math.log2(max(8, side) / _LEAST_DEEP))))
        if shallower < depth:
            depth, strides = shallower, _strides(shallower, ratio, dimensions, n_planes)
            reasons["depth"] = f"{depth}: patches of {side} pixels cannot be halved more often."
    width = _width(parameters, device, reasons)
    widths = tuple(width * min(_MOST_WIDER, 2**level) for level in range(depth + 1))
    return _Network(depth, strides, _kernels(strides, ratio, dimensions), widths, diameter)


def _depth(diameter: float | None, parameters: UNetParameters, reasons: dict[str, str]) -> int:
    if parameters.depth is not None:
        reasons["depth"] = f"{parameters.depth}: as you set it."
        return parameters.depth
    if diameter is None:
        reasons["depth"] = "4: the usual one, as the size of objects is not known."
        return 4
    depth = 3 if diameter < 10 else 4 if diameter < 90 else 5
    reasons["depth"] = (
        f"{depth}: the network then looks about {_reach(depth)} pixels far, and objects are about "
        f"{diameter:.0f} pixels wide."
    )
    return depth


def _reach(depth: int) -> int:
    """How far a U-Net with two 3-wide convolutions at each level looks to each side, in pixels."""
    return 4 * ((1 << depth) - 1) + (2 << depth)


def _coarseness(spacing: Sequence[float] | None, dimensions: int, reasons: dict[str, str]) -> float:
    """How many pixels of Y and X planes are apart; 1 in 2D or where it is not known."""
    if dimensions == 2:
        return 1.0
    if spacing is None:
        reasons["strides"] = "The pixel size is not known: planes count as one pixel apart."
        return 1.0
    ratio = spacing[0] / math.sqrt(spacing[1] * spacing[2])
    if ratio >= _COARSE:
        reasons["strides"] = f"Planes are {ratio:.1f} pixels apart: Z is halved later than Y and X."
    else:
        reasons["strides"] = "Planes are about as far apart as pixels: all axes are halved alike."
    return ratio


def _strides(depth: int, ratio: float, dimensions: int, n_planes: int) -> tuple[tuple[int, ...], ...]:
    if dimensions == 2:
        return ((2, 2),) * depth
    strides = []
    for _ in range(depth):
        fine = ratio < _COARSE and n_planes >= _LEAST_DEEP  # of fewer planes there is nothing left to halve
        strides.append((2 if fine else 1, 2, 2))
        ratio = ratio if fine else ratio / 2
        n_planes = n_planes // 2 if fine else n_planes
    return tuple(strides)


def _kernels(
    strides: Sequence[tuple[int, ...]], ratio: float, dimensions: int
) -> tuple[tuple[int, ...], ...]:
    """3 along every axis, but 1 along Z while planes are too far apart to know of each other."""
    if dimensions == 2:
        return ((3, 3),) * (len(strides) + 1)
    kernels = []
    for stride in (*strides, (1, 1, 1)):
        kernels.append((3 if ratio < 2 * _COARSE else 1, 3, 3))
        ratio *= stride[0] / stride[1]
    return tuple(kernels)


def _usual_side(
    shapes: Sequence[tuple[int, ...]],
    strides: Sequence[tuple[int, ...]],
    diameter: float | None,
    dimensions: int,
    device: str,
) -> tuple[int, str]:
    """Side of a patch in Y and X where the user does not say, not yet rounded, and why."""
    if dimensions == 2:
        usual, most = 256, 384 if device == "cpu" else 512
    else:
        voxels = _VOXELS_CPU if device == "cpu" else _VOXELS_GPU
        flatness = math.prod(stride[0] / stride[1] for stride in strides)
        usual = round((voxels / flatness) ** (1 / 3))
        n_planes = max(shape[0] for shape in shapes)
        if usual * flatness > n_planes:
            usual = round((voxels / n_planes) ** 0.5)
        most = usual * 5 // 4
    side, why = usual, "the usual size"
    if diameter is not None and 3 * diameter > usual:
        side, why = min(most, math.ceil(3 * diameter)), f"objects are about {diameter:.0f} pixels wide"
    largest = max(max(shape[-2:]) for shape in shapes)
    if largest < side:
        side, why = largest, f"the largest image has {largest} pixels"
    return side, why


def _patch(
    shapes: Sequence[tuple[int, ...]],
    network: _Network,
    parameters: UNetParameters,
    device: str,
    reasons: dict[str, str],
) -> tuple[int, ...]:
    """Size along every axis, a multiple of the network's steps."""
    step = network.steps[-1]
    wanted, why = _usual_side(shapes, network.strides, network.diameter, parameters.dimensions, device)
    if parameters.patch_size is not None:
        wanted, why = parameters.patch_size, "as you set it"
        if wanted < step:
            raise InputError(
                f"a patch of {wanted} pixels cannot be halved {network.depth} times: take a larger patch, or "
                f"a lower depth (got patch_size={wanted}, depth={network.depth})"
            )
    # What the user sets is a limit, what is chosen here is what is needed.
    side = wanted // step * step if parameters.patch_size is not None else math.ceil(wanted / step) * step
    rounded = "" if side == wanted else f", made a multiple of {step}"
    reasons["patch"] = f"{side} × {side} pixels: {why}{rounded}."
    if parameters.dimensions == 2:
        return side, side
    step = network.steps[0]
    n_planes = max(shape[0] for shape in shapes)
    flatness = math.prod(stride[0] / stride[1] for stride in network.strides)
    planes = math.ceil(min(n_planes, max(8, side * flatness)) / step) * step
    reasons["patch"] += (
        f" {planes} plane(s): as deep as they are wide, as far as images of {n_planes} have them."
    )
    return planes, side, side


def _width(parameters: UNetParameters, device: str, reasons: dict[str, str]) -> int:
    if parameters.width is not None:
        reasons["widths"] = f"{parameters.width} channels at full resolution: as you set it."
        return parameters.width
    width = 24 if device == "cpu" else 32
    where = "on the CPU, where a wider network sees too few patches" if device == "cpu" else "on a GPU"
    reasons["widths"] = f"{width} channels at full resolution: the usual number {where}."
    return width


def _batch(
    patch: Sequence[int],
    width: int,
    parameters: UNetParameters,
    device: str,
    free_memory: int | None,
    reasons: dict[str, str],
) -> int:
    if parameters.batch_size is not None:
        reasons["batch_size"] = f"{parameters.batch_size}: as you set it."
        return parameters.batch_size
    pixels = math.prod(patch)
    # A convolution in 3D has three times the work per pixel.
    usual = (4 if device == "cpu" else 16) if len(patch) == 2 else (4 if device == "cpu" else 32)
    batch = max(2, min(4 * usual, round(usual * 256**2 / pixels)))
    reason = f"{batch}: about as many pixels as {usual} planes of 256 × 256 have, at least 2 patches."
    if free_memory is not None:
        patch_bytes = 4 * _FLOATS_PER_CHANNEL * pixels * width
        fitting = max(1, int(_MEMORY_SHARE * free_memory / patch_bytes))
        if fitting < batch:
            batch, reason = fitting, f"{fitting}: what {free_memory / 1e9:.1f} GB of free memory can hold."
    reasons["batch_size"] = reason
    return batch


def _steps(
    shapes: Sequence[tuple[int, ...]],
    patch: Sequence[int],
    batch: int,
    parameters: UNetParameters,
    device: str,
    reasons: dict[str, str],
) -> int:
    if parameters.steps_per_epoch is not None:
        reasons["steps_per_epoch"] = f"{parameters.steps_per_epoch}: as you set it."
        return parameters.steps_per_epoch
    once = math.ceil(sum(math.prod(shape) for shape in shapes) / (math.prod(patch) * batch))
    least, most = _STEPS_CPU if device == "cpu" else _STEPS_GPU
    steps = min(most, max(least, once))
    why = (
        "an epoch sees about the area of all images once"
        if steps == once
        else f"never fewer than {least}, though the images are seen several times"
        if steps > once
        else f"never more than {most}, so that you see soon how it goes"
    )
    reasons["steps_per_epoch"] = f"{steps}: {why}."
    return steps
