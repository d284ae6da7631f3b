"""What can be asked of a prediction, for which part of an image, and the arrays it is written to."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ...common.axes import ImageSource
from ...errors import InputError
from ..network.heads import Heads

Output = Literal["labels", "probabilities", "uncertainty", "instances"]
OUTPUTS: tuple[Output, ...] = get_args(Output)
Uncertainty = Literal["flips", "dropout"]
UNCERTAINTIES: tuple[Uncertainty, ...] = get_args(Uncertainty)

F32 = NDArray[np.float32]
Region = tuple[slice, ...]


@dataclass(frozen=True)
class Place:
    """One plane or volume of the image, and what of it is wanted."""

    frame: int
    plane: int | None
    region: Region


@dataclass(frozen=True)
class Target:
    """Where an output is written: a new array of the region, or one of the whole label image."""

    array: Any
    relative: bool
    dtype: np.dtype[Any]

    def write(self, index: tuple[Any, ...], values: NDArray[Any]) -> None:
        """Write a block; classes, where there are any, stand in front."""
        self.array[(slice(None), *index) if values.ndim > len(index) - _n_integers(index) else index] = values


def _n_integers(index: tuple[Any, ...]) -> int:
    return sum(not isinstance(item, slice) for item in index)


def dense_output(name: str, said: F32, heads: Heads, dtype: np.dtype[Any]) -> NDArray[Any]:
    """What is written of maps (n_maps + 1, *block) for an output other than instances."""
    if name == "labels":
        labels: NDArray[Any] = np.asarray(heads.classes).astype(dtype)[said[heads.class_maps].argmax(axis=0)]
        return labels
    return said[heads.class_maps] if name == "probabilities" else said[heads.n_maps]


def label_type(classes: Sequence[int]) -> np.dtype[Any]:
    """The smallest of uint8, uint16 and int32 that holds all class labels."""
    return next(np.dtype(t) for t in ("uint8", "uint16", "int32") if max(classes) <= np.iinfo(t).max)


def make_targets(
    outputs: Sequence[Output], region: Region, out: Mapping[str, Any], heads: Heads, shape: Sequence[int]
) -> dict[str, Target]:
    """A new array of the region, or the one that was handed in, for every output."""
    size = tuple(part.stop - part.start for part in region)
    dtypes = {"labels": label_type(heads.classes), "instances": np.dtype(np.int32)}
    targets: dict[str, Target] = {}
    for name in outputs:
        dtype = dtypes.get(name, np.dtype(np.float32))
        leading = (heads.n_classes,) if name == "probabilities" else ()
        if name not in out:
            targets[name] = Target(np.zeros((*leading, *size), dtype), True, dtype)
            continue
        got = tuple(int(n) for n in getattr(out[name], "shape", (*leading, *shape)))  # a file has none
        if got != (*leading, *shape):
            raise InputError(
                f"the array for {name} must have the shape {(*leading, *shape)} of the whole image "
                f"(got shape {got})"
            )
        targets[name] = Target(out[name], False, dtype)
    return targets


def checked_outputs(outputs: Sequence[Output], uncertainty: str, n_samples: int) -> tuple[Output, ...]:
    """The outputs without repetition; InputError where one is unknown."""
    if not outputs or set(outputs) - set(OUTPUTS):
        raise InputError(f"outputs must be some of {', '.join(OUTPUTS)} (got {tuple(outputs)})")
    if uncertainty not in UNCERTAINTIES:
        raise InputError(f"uncertainty must be one of {', '.join(UNCERTAINTIES)} (got {uncertainty!r})")
    if n_samples < 2:
        raise InputError(f"n_samples must be 2 or more: it takes two to disagree (got {n_samples})")
    return tuple(name for name in OUTPUTS if name in outputs)


def whole_region(region: Sequence[slice] | None, shape: Sequence[int]) -> Region:
    """The region with start and stop along every axis; InputError where nothing of the image is in it."""
    asked = (slice(None),) * len(shape) if region is None else tuple(region)
    if len(asked) != len(shape):
        raise InputError(f"the region needs one slice for each of {len(shape)} axes (got {asked})")
    whole = tuple(slice(*part.indices(n)[:2]) for part, n in zip(asked, shape, strict=True))
    if any(part.start >= part.stop for part in whole):
        raise InputError(f"the region is empty: it must lie in the image (got {asked} of {tuple(shape)})")
    return whole


def places_of(region: Region, source: ImageSource, dimensions: int) -> Iterator[Place]:
    """Every plane or volume of the region, in order."""
    frames = range(1)
    if "T" in source.output_axes:
        frames, region = range(region[0].start, region[0].stop), region[1:]
    by_plane = len(region) > dimensions
    planes = range(region[0].start, region[0].stop) if by_plane else [None]
    for frame, plane in itertools.product(frames, planes):
        yield Place(frame, plane, region[1:] if by_plane else region)
