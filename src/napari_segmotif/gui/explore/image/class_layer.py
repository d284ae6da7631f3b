"""Objects in the colours of a column: classes in colours of their own, numbers along a colour map.

What is on the screen is a lookup layer with 8-bit codes. What is kept is an image of its own, with the
values themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ....common.progress import CancelToken, Job, Progress
from ....errors import InputError
from ...layers import LayerSnapshot
from ...results import show_result
from ..point_colors import NONE_COLOR, class_code, number_colormap, number_limits
from .lookup_kernels import Lookup, paint
from .lookups import lookup_of_frame

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

Kind = Literal["class", "number"]

#: Code of objects without a class, without a number, or greyed out.
NONE_CODE = 255
_MOST_CODES = 254


@dataclass(frozen=True)
class Coloring:
    """How objects are coloured.

    Attributes
    ----------
    name
        The column.
    kind
        "class" or "number".
    codes
        (n,) a code for each row: 255 is none and grey. A class has its own number as far as 254, and then
        begins again at 1; numbers have 1 … 254 from low to high.
    colors
        Colour of each code in use.
    limits
        Numbers of the codes 1 and 254; None for classes.
    """

    name: str
    kind: Kind
    codes: NDArray[np.uint8] = field(repr=False)
    colors: Mapping[int, Any] = field(repr=False)
    limits: tuple[float, float] | None = None


def coloring_of(
    values: ArrayLike,
    *,
    name: str = "",
    kind: Kind | None = None,
    colors: Mapping[int, str] | None = None,
    limits: tuple[float, float] | None = None,
    greyed: NDArray[np.bool_] | None = None,
) -> Coloring:
    """Choose a code and a colour for each object.

    Parameters
    ----------
    values
        (n,) of a column.
    name
        Of the column.
    kind
        "class" for clusters and classes, "number" for measurements; None: whole numbers in few kinds are
        classes.
    colors
        Colours "#rrggbb" the user gave to some classes.
    limits
        Numbers of the first and the last colour; by default as in the plot.
    greyed
        (n,) objects to be shown as none, e.g. uncertain ones.

    Raises
    ------
    InputError
        If the values are not numbers.
    """
    given = np.asarray(values)
    if given.dtype.kind not in "biuf":
        raise InputError(f"objects can be coloured by a column of numbers (got {name!r} of {given.dtype})")
    kind = kind or ("class" if _looks_like_classes(given) else "number")
    make = _class_coloring if kind == "class" else _number_coloring
    codes, shades, limits = make(given, colors, limits)
    if greyed is not None and np.any(greyed):
        codes = np.where(greyed, np.uint8(NONE_CODE), codes)
    return Coloring(name, kind, codes, {**shades, NONE_CODE: NONE_COLOR}, limits)


def _looks_like_classes(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "biu" and len(np.unique(values)) <= 64


def _class_coloring(
    values: NDArray[Any], colors: Mapping[int, str] | None, limits: Any
) -> tuple[NDArray[np.uint8], dict[int, Any], None]:
    missing = ~np.isfinite(values.astype(float))
    ids = np.where(missing, 0, values).astype(np.int64)
    codes = np.where(ids > 0, (ids - 1) % _MOST_CODES + 1, NONE_CODE).astype(np.uint8)
    shades = {
        (one - 1) % _MOST_CODES + 1: class_code(one, colors) for one in np.unique(ids[ids > 0]).tolist()
    }
    return codes, shades, None


def _number_coloring(
    values: NDArray[Any], colors: Any, limits: tuple[float, float] | None
) -> tuple[NDArray[np.uint8], dict[int, Any], tuple[float, float]]:
    numbers = values.astype(np.float64)
    low, high = number_limits(numbers) if limits is None else limits
    width = high / 2 - low / 2  # halved first: the difference of two huge numbers is infinite
    with np.errstate(invalid="ignore", over="ignore"):
        shares = (numbers / 2 - low / 2) / width if width > 0 else np.full(numbers.shape, 0.5)
    shares = np.clip(np.nan_to_num(shares, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)
    codes = (1 + np.rint(shares * (_MOST_CODES - 1))).astype(np.uint8)
    codes[np.isnan(numbers)] = NONE_CODE
    palette = number_colormap()
    at = np.rint(np.linspace(0, len(palette) - 1, _MOST_CODES)).astype(int)
    return codes, {code + 1: palette[place] for code, place in enumerate(at)}, (float(low), float(high))


def column_image_job(
    source: LayerSnapshot,
    table: pd.DataFrame,
    column: str,
    *,
    roi_id: str = "",
    cancel: CancelToken | None = None,
) -> Job[NDArray[Any]]:
    """Paint every object with its value in a column, the whole image: what is kept of a class layer.

    Parameters
    ----------
    source
        Snapshot of the labels layer.
    table
        The object table.
    column
        Clusters, classes or numbers.
    roi_id
        Which of the table's images this is.
    cancel
        Stops the job between two planes.

    Returns
    -------
    Array over `source.output_axes`: whole numbers from 0 on as uint8, uint16 or int32, other numbers as
    float32. Background and objects that the table does not have are 0.

    Raises
    ------
    InputError
        If the table does not have the column, or it holds no numbers.
    """
    if column not in table.columns or table[column].dtype.kind not in "biuf":
        raise InputError(f"choose a column of numbers that the table has (got {column!r})")
    values = table[column].to_numpy()
    values = values.astype(_kept_dtype(values))
    out = np.zeros(source.output_shape, values.dtype)
    planes = _planes(source)
    look: tuple[int, Lookup] | None = None
    for done, (frame, place, target) in enumerate(planes):
        if cancel is not None:
            cancel.raise_if_cancelled()
        yield Progress(done, len(planes), f"painting plane {done + 1} of {len(planes)}")
        if look is None or look[0] != frame:
            look = frame, lookup_of_frame(table, values, roi_id, frame)
        out[target] = paint(np.asarray(source.array[place]), look[1])
    return out


def show_column_image(
    viewer: Viewer,
    image: NDArray[Any],
    source: LayerSnapshot,
    column: str,
    *,
    recipe: Mapping[str, Any],
    colors: Mapping[int, str] | None = None,
) -> Layer:
    """Show what `column_image_job` painted as a layer of its own, above the labels (main thread).

    Whole numbers become a labels layer in the colours of the plot, other numbers an image layer.
    """
    name = f"{source.name}: {column}"
    if image.dtype.kind == "f":
        return show_result(viewer, "image", image, source, name=name, recipe=recipe, colormap="viridis")
    ids = [int(one) for one in np.unique(image) if one > 0]
    shades = {one: class_code(one, colors) for one in ids}
    return show_result(viewer, "labels", image, source, name=name, recipe=recipe, colors=shades)


def _kept_dtype(values: NDArray[Any]) -> type:
    if values.dtype.kind == "f" or values.min(initial=0) < 0:
        return np.float32
    largest = int(values.max(initial=0))
    return np.uint8 if largest < 2**8 else np.uint16 if largest < 2**16 else np.int32


def _planes(source: LayerSnapshot) -> list[tuple[int, tuple[Any, ...], tuple[Any, ...]]]:
    """Frame, index into the array and index into the result of every plane (Y, X)."""
    leading = [axis for axis, letter in enumerate(source.axes) if letter not in "YX"]
    found = []
    for steps in np.ndindex(*(1 if source.axes[axis] == "C" else source.shape[axis] for axis in leading)):
        at = dict(zip(leading, steps, strict=True))
        frame = next((step for axis, step in at.items() if source.axes[axis] == "T"), 0)
        place = tuple(at.get(axis, slice(None)) for axis in range(source.ndim))
        target = tuple(one for one, letter in zip(place, source.axes, strict=True) if letter != "C")
        found.append((frame, place, target))
    return found
