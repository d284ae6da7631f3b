"""Which pixels speak for a class: a map to look at, for any region of an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ...common.axes import ImageSource
from ...common.progress import CancelToken, Job, Progress
from ...common.tiling import read_mirrored, tile_grid
from ...errors import InputError
from ..training_data.intensity import intensity_range, sample_region
from .prediction_outputs import whole_region

if TYPE_CHECKING:
    from ..trained import TrainedUNet

Method = Literal["gradcam", "occlusion"]
METHODS: tuple[Method, ...] = get_args(Method)

_MOST_PIXELS = 1 << 22
_TILE = {2: (384, 384), 3: (32, 96, 96)}
_MARGIN = {2: 64, 3: 16}
_N_LEVELS = 3
_BOXES = 24
_BOX = (8, 64)
_BRIGHTEST = 99.5

F32 = NDArray[np.float32]
Region = tuple[slice, ...]


def explain_iter(
    model: TrainedUNet,
    source: ImageSource,
    class_id: int,
    *,
    frame: int = 0,
    region: Sequence[slice] | None = None,
    method: Method = "gradcam",
    cancel: CancelToken | None = None,
) -> Job[F32]:
    """Show what a network looks at where it sees a class, as a job.

    Parameters
    ----------
    model
        What was trained.
    source
        The image.
    class_id
        Label of the class that is explained, one of the model's.
    frame
        Index along T; 0 without time.
    region
        One slice per spatial axis of the image; None is all of it. At most 4 million pixels.
    method
        "gradcam": what speaks for the class at up to three coarser levels of the network; quick, and blurred
        (see `torch_explanation.GradCam`). "occlusion": how much less likely the class becomes where a box, a
        24th of the region wide, is painted over with the region's median; slow, and for every network.
    cancel
        Looked at before every layer of the network.

    Yields
    ------
    Progress
        After each part.

    Returns
    -------
    ndarray (*region), float32
        0 = says nothing for the class, 1 = what speaks for it most in this region; 0 everywhere if nothing
        does.

    Raises
    ------
    InputError
        If the class or method is unknown, or the region is empty or too large.
    """
    where = _checked(model, source, class_id, frame, region, method)
    by_plane = model.heads.dimensions == 2 and "Z" in source.spatial_axes
    planes = range(where[0].start, where[0].stop) if by_plane else [None]
    spatial = where[1:] if by_plane else where
    explain = _gradcam if method == "gradcam" else _occlusion
    found = []
    for number, plane in enumerate(planes):
        window = _Window(model, source, frame, plane, spatial)
        job = explain(model, window, model.heads.classes.index(class_id), cancel)
        found.append((yield from _share(job, number, len(planes))))
    shown = np.stack(found) if by_plane else found[0]
    speaking = shown[shown > 0]
    if not speaking.size:
        return np.zeros_like(shown)
    # A few pixels, often at a border, may stand out so far that all others would look empty.
    scaled: F32 = shown / np.float32(np.percentile(speaking, _BRIGHTEST))
    return np.minimum(scaled, np.float32(1), out=scaled)


class _Window:
    """Reads parts of a plane or volume with what lies around them, scaled for the network."""

    def __init__(
        self, model: TrainedUNet, source: ImageSource, frame: int, plane: int | None, region: Region
    ) -> None:
        self.region = region
        self.shape = tuple(part.stop - part.start for part in region)
        strides = model.configuration.strides
        self._multiple = [math.prod(stride[axis] for stride in strides) for axis in range(len(region))]
        self._margin = _MARGIN[len(region)]
        self._source, self._frame, self._plane = source, frame, plane
        self._size = tuple(part.stop for part in sample_region(source, plane))[-len(region) :]
        self._range = intensity_range(source, frame, plane)

    def around(self, part: Region) -> tuple[F32, Region]:
        """Pixels (C, *s) around a part of the region, and where in them the part is."""
        first, last = [], []
        for piece, own, step in zip(part, self.region, self._multiple, strict=True):
            first.append((own.start + piece.start - self._margin) // step * step)
            last.append(-(-(own.start + piece.stop + self._margin) // step) * step)
        pixels = read_mirrored(self.read, self._size, first, last)
        inside = tuple(
            slice(own.start + piece.start - start, own.start + piece.stop - start)
            for piece, own, start in zip(part, self.region, first, strict=True)
        )
        return np.ascontiguousarray(pixels), inside

    def read(self, region: Region) -> F32:
        """Pixels (C, *region) of the plane or volume."""
        if self._plane is None:
            return self._range.apply(self._source.read(self._frame, region))
        plane = slice(self._plane, self._plane + 1)
        return self._range.apply(self._source.read(self._frame, (plane, *region)))[:, 0]


def _gradcam(model: TrainedUNet, window: _Window, index: int, cancel: CancelToken | None) -> Job[F32]:
    from .torch_explanation import GradCam, combined

    cam = GradCam(model.network, index, _N_LEVELS, cancel)
    tiles = tile_grid(window.shape, _TILE[len(window.shape)])
    looks, sizes, places = [], [], []
    for done, tile in enumerate(tiles, start=1):
        pixels, inside = window.around(tile.inner)
        looks.append(cam.look(pixels, inside))
        sizes.append(pixels.shape[1:])
        places.append(inside)
        yield Progress(done, len(tiles), f"explaining part {done} of {len(tiles)}")
    result = np.zeros(window.shape, np.float32)
    for tile, shown, inside in zip(tiles, combined(looks, sizes), places, strict=True):
        result[tile.inner] = shown[inside]
    return result


def _occlusion(model: TrainedUNet, window: _Window, index: int, cancel: CancelToken | None) -> Job[F32]:
    from .torch_explanation import Occlusion

    occlusion = Occlusion(model.network, model.heads, index, cancel)
    side = min(max(-(-max(window.shape) // _BOXES), _BOX[0]), _BOX[1])
    boxes = tile_grid(window.shape, (side,) * len(window.shape))
    everything = window.read(window.region)
    fill = np.median(everything.reshape(len(everything), -1), axis=1).astype(np.float32)
    result = np.zeros(window.shape, np.float32)
    for done, box in enumerate(boxes, start=1):
        pixels, hidden = window.around(box.inner)
        inside = tuple(slice(0, n) for n in pixels.shape[1:])
        drop = occlusion.drop(pixels, hidden, fill, inside) / math.prod(box.shape)
        result[box.inner] = max(0.0, drop)
        yield Progress(done, len(boxes), f"hiding part {done} of {len(boxes)}")
    return result


def _share(job: Job[F32], number: int, total: int) -> Job[F32]:
    """The progress of one plane as that of all."""
    try:
        while True:
            progress = next(job)
            yield Progress(number + progress.fraction, total, progress.message)
    except StopIteration as end:
        found: F32 = end.value
        return found
    finally:
        job.close()


def _checked(
    model: TrainedUNet,
    source: ImageSource,
    class_id: int,
    frame: int,
    region: Sequence[slice] | None,
    method: str,
) -> Region:
    if method not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)} (got {method!r})")
    if class_id not in model.heads.classes:
        raise InputError(f"class_id must be one of the classes {model.heads.classes} (got {class_id})")
    if not 0 <= frame < source.n_frames:
        raise InputError(f"frame must be from 0 to {source.n_frames - 1} (got {frame})")
    where = whole_region(region, source.spatial_shape)
    n_pixels = math.prod(part.stop - part.start for part in where)
    if n_pixels > _MOST_PIXELS:
        raise InputError(
            f"choose a region of at most {_MOST_PIXELS / 1e6:.0f} million pixels to be explained "
            f"(got {n_pixels / 1e6:.1f} million)"
        )
    return where
