"""A labels layer of ours that shows another one's objects through a lookup: lut[labels], plane by plane.

napari colours labels by a dictionary, which takes a second for 10,000 of them. Here each object is painted
with a code of 8 bits, which napari uploads as it is, and of the image only the plane that is shown is
painted. The array is never stored: it is computed when napari slices it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .lookup_kernels import Box, Lookup, paint, paint_box

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.utils.colormaps import CyclicLabelColormap

LookupOf = Callable[[int], Lookup]
TRANSFORM_KEYS = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


class LookupArray:
    """An image of labels seen through a lookup; an array for napari to slice, that is computed on the way.

    Parameters
    ----------
    source
        The labels: an array of whole numbers; dask and zarr are read plane by plane.
    lookup_of
        The lookup of a frame.
    time_axis
        Which axis of `source` counts frames, if one does.
    time_step
        Frames per step along that axis: more than 1 in coarse levels of a multiscale image.
    outlined
        Whether rims of objects get their code + 1, where a plane is shown.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        source: Any,
        lookup_of: LookupOf,
        *,
        time_axis: int | None = None,
        time_step: float = 1.0,
        outlined: bool = False,
    ) -> None:
        self.source = source
        self.lookup_of = lookup_of
        self.shape: tuple[int, ...] = tuple(int(n) for n in source.shape)
        self.ndim = len(self.shape)
        self._time_axis = time_axis
        self._time_step = time_step
        self._outlined = outlined
        self._read: tuple[Any, NDArray[Any]] | None = None
        self._shown: tuple[int, NDArray[Any], NDArray[np.uint8]] | None = None

    @property
    def size(self) -> int:
        """Number of pixels."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        whole = self[...]
        return whole if dtype is None else whole.astype(dtype)

    def __deepcopy__(self, memo: Any) -> NDArray[np.uint8]:
        # A duplicate of the layer is the user's: it stays as it is from now on.
        return np.array(self)

    def __getitem__(self, key: Any) -> Any:
        parts = _index_parts(key, self.shape)
        if parts is None:
            return np.asarray(self)[key]
        shape = np.broadcast_to(self.dtype.type(0), self.shape)[parts].shape
        if 0 in shape:
            return np.zeros(shape, self.dtype)
        axis = self._time_axis
        if axis is None or isinstance(parts[axis], int):
            return self._paint_part(parts, 0 if axis is None else parts[axis])
        frames = range(*parts[axis].indices(self.shape[axis]))
        painted = [self._paint_part((*parts[:axis], frame, *parts[axis + 1 :]), frame) for frame in frames]
        place = sum(isinstance(part, slice) for part in parts[:axis])
        return np.stack(painted, axis=place)

    def forget(self) -> None:
        """Read the labels anew: they were edited."""
        self._read = None

    def repaint(self, boxes: list[Box]) -> NDArray[np.uint8] | None:
        """Paint parts of the plane that was painted last again, in place.

        Returns
        -------
        (Y, X) uint8 array or None
            The plane, which is the very array that was handed out; None where there is none.
        """
        if self._shown is None:
            return None
        frame, labels, painted = self._shown
        for box in boxes:
            paint_box(labels, self.lookup_of(frame), painted, box, outlined=self._outlined)
        return painted

    @property
    def shown(self) -> tuple[int, NDArray[Any]] | None:
        """Frame and labels (Y, X) of the plane that was painted last."""
        return None if self._shown is None else self._shown[:2]

    def _paint_part(self, parts: tuple[Any, ...], step: int) -> NDArray[np.uint8]:
        labels = self._labels(parts)
        frame = int(step * self._time_step)
        painted = paint(labels, self.lookup_of(frame), outlined=self._outlined and labels.ndim == 2)
        if labels.ndim == 2:
            self._shown = (frame, labels, painted) if labels.flags.c_contiguous else None
        return painted

    def _labels(self, parts: tuple[Any, ...]) -> NDArray[Any]:
        if isinstance(self.source, np.ndarray):
            return np.asarray(self.source[parts])
        known = str(parts)  # slices cannot be compared before Python 3.12
        if self._read is None or self._read[0] != known:
            self._read = known, np.asarray(self.source[parts])
        return self._read[1]


def lookup_layer(
    labels: Labels,
    lookup_of: LookupOf,
    *,
    name: str,
    colors: Mapping[int, Any],
    time_axis: int | None = None,
    outlined: bool = False,
    opacity: float = 1.0,
) -> Labels:
    """Make a layer (in no viewer yet) that shows the objects of another one, in its place, as they are coded.

    Parameters
    ----------
    labels
        The labels layer; multiscale ones too.
    lookup_of, time_axis, outlined
        See `LookupArray`.
    name
        Name of the new layer.
    colors
        Colour of each code 1 … 255.
    opacity
        Of the layer.
    """
    from napari.layers import Labels

    arrays = _arrays(labels, lookup_of, time_axis, outlined)
    layer = Labels(
        arrays if labels.multiscale else arrays[0],
        multiscale=labels.multiscale,
        name=name,
        opacity=opacity,
        colormap=code_colormap(colors),
        **transform_of(labels),
    )
    layer.editable = False
    return layer


def arrays_of(layer: Labels) -> list[LookupArray]:
    """The computed arrays of a layer of ours, the finest first."""
    return list(layer.data) if layer.multiscale else [layer.data]


def replace_source(layer: Labels, labels: Labels, time_axis: int | None, outlined: bool) -> None:
    """Let a layer of ours show the data that the labels layer has now."""
    arrays = _arrays(labels, arrays_of(layer)[0].lookup_of, time_axis, outlined)
    layer.data = arrays if layer.multiscale else arrays[0]
    layer.editable = False  # napari sets it when data are


def code_colormap(colors: Mapping[int, Any]) -> CyclicLabelColormap:
    """Colours of codes 1 … 255; 0 and codes without a colour are transparent.

    A cyclic colour map of 256 colours never comes round with 8-bit codes. napari looks it up at once, while
    the dictionary of a direct one would have to be compiled first, which takes a second.
    """
    from napari.utils.colormaps import CyclicLabelColormap
    from napari.utils.colormaps.standardize_color import transform_color

    table = np.zeros((256, 4), np.float32)
    codes = list(colors)
    if codes:
        table[codes] = np.concatenate([transform_color(colors[code]) for code in codes])
    return CyclicLabelColormap(colors=table, background_value=0)


def same_colors(one: Any, other: Any) -> bool:
    """Whether two colour maps of codes are alike."""
    return np.array_equal(one.colors, other.colors)


def transform_of(layer: Labels) -> dict[str, Any]:
    """Keyword arguments that put a layer over the same axes in the same place."""
    return {
        key: layer.affine.affine_matrix if key == "affine" else getattr(layer, key) for key in TRANSFORM_KEYS
    }


def follow_transform(layer: Labels, labels: Labels) -> None:
    """Put a layer of ours where the labels layer is now."""
    for key, value in transform_of(labels).items():
        setattr(layer, key, value)


def repaint_boxes(layer: Labels, boxes: list[Box]) -> bool:
    """Paint small parts of what is shown again, and upload only these.

    Returns
    -------
    bool
        False where that cannot be done, and the layer must be refreshed as a whole.
    """
    if layer.multiscale or not layer.visible or not layer.loaded:
        return False
    array = layer.data
    shown = array.shown
    view = layer._slice.image.raw  # napari offers no public way to what it has uploaded
    # Another plane, a volume or turned axes: what napari shows is not what was painted last.
    if shown is None or view.shape != shown[1].shape or not np.shares_memory(view, array.repaint([])):
        return False
    if view.strides != array.repaint([]).strides:
        return False
    array.repaint(boxes)
    for top, bottom, left, right in boxes:
        layer.events.labels_update(data=view[top:bottom, left:right], offset=[top, left])
    return True


def _arrays(labels: Labels, lookup_of: LookupOf, time_axis: int | None, outlined: bool) -> list[LookupArray]:
    levels = list(labels.data) if labels.multiscale else [labels.data]
    steps = [1.0] * len(levels)
    if time_axis is not None:
        steps = [levels[0].shape[time_axis] / level.shape[time_axis] for level in levels]
    return [
        LookupArray(level, lookup_of, time_axis=time_axis, time_step=step, outlined=outlined)
        for level, step in zip(levels, steps, strict=True)
    ]


def _index_parts(key: Any, shape: tuple[int, ...]) -> tuple[Any, ...] | None:
    """One integer or slice per axis; None for anything fancier."""
    given = key if isinstance(key, tuple) else (key,)
    if any(part is None or not isinstance(part, (int, np.integer, slice, type(...))) for part in given):
        return None
    if any(isinstance(part, bool) for part in given):
        return None
    n_given = sum(part is not ... for part in given)
    if n_given > len(shape):
        raise IndexError(f"too many indices (got {len(given)} for {len(shape)} axes)")
    filler = (slice(None),) * (len(shape) - n_given)
    if ... in given:
        at = given.index(...)
        given = (*given[:at], *filler, *given[at + 1 :])
    else:
        given = (*given, *filler)
    return tuple(
        part if isinstance(part, slice) else _checked_index(int(part), n)
        for part, n in zip(given, shape, strict=True)
    )


def _checked_index(index: int, n: int) -> int:
    if not -n <= index < n:
        raise IndexError(f"index out of range (got {index} for {n} planes)")
    return index % n
