"""The colours of points, of classes and of clusters, the same in the plot, in the image and in lists. No Qt.

The palette was searched for, not picked: the smallest CIEDE2000 difference between any two of its colours and
the grey of "none", seen normally and as simulated for protanopia, deuteranopia and tritanopia (Machado,
Oliveira & Fernandes 2009), was maximised among the colours that stand out on napari's dark and light themes.
All twelve, and the grey, differ by 10 units and more, the first six by 11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Rgba = tuple[float, float, float, float]

#: Colours of classes and clusters 1, 2, …; further ones begin again, see `class_color`.
PALETTE = (
    "#4cb2ff",
    "#ffb200",
    "#ff3380",
    "#008066",
    "#8000ff",
    "#99cc80",
    "#994c1a",
    "#ff80b2",
    "#4c80ff",
    "#b2801a",
    "#804c99",
    "#b266b2",
)
#: Of class 0, which is none, and of numbers that are missing.
NONE_COLOR = "#84878d"

# viridis (Smith & van der Walt, public domain) at nine even steps; what lies between is interpolated.
_NUMBER_COLORS = (
    "#440154",
    "#472d7b",
    "#3b528b",
    "#2c728e",
    "#21918c",
    "#28ae80",
    "#5ec962",
    "#addc30",
    "#fde725",
)
_STEPS = 256
# On a dark background the dark end of viridis would be lost: it starts a little later there.
_DARK_START = 0.16


def parse_color(code: str) -> Rgba:
    """Return the parts of "#rrggbb", each in [0, 1]; opaque."""
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue, 1.0


def class_color(class_id: int, colors: Mapping[int, str] | None = None) -> Rgba:
    """Return the colour of a class or cluster.

    Parameters
    ----------
    class_id
        1, 2, …; 0 and less are none, and grey. After the twelfth the palette begins again.
    colors
        Colours "#rrggbb" the user gave to some classes.

    Returns
    -------
    tuple of 4 floats
        Red, green, blue and opacity in [0, 1].
    """
    return parse_color(class_code(class_id, colors))


def class_code(class_id: int, colors: Mapping[int, str] | None = None) -> str:
    """Return the colour of a class or cluster as "#rrggbb"; see `class_color`."""
    if colors is not None and class_id in colors:
        return colors[class_id]
    return PALETTE[(int(class_id) - 1) % len(PALETTE)] if class_id > 0 else NONE_COLOR


def class_colors(class_ids: ArrayLike, colors: Mapping[int, str] | None = None) -> NDArray[np.float32]:
    """Return the colours of many classes or clusters at once; see `class_color`.

    Parameters
    ----------
    class_ids
        (n,) integers.
    colors
        Colours "#rrggbb" the user gave to some classes.

    Returns
    -------
    (n, 4) float32 array
        Red, green, blue and opacity in [0, 1].
    """
    ids = np.asarray(class_ids, dtype=np.int64)
    present, places = np.unique(ids, return_inverse=True)
    table = np.array([class_color(int(one), colors) for one in present], dtype=np.float32).reshape(-1, 4)
    return table[places.reshape(ids.shape)]


def number_colormap(dark: bool = True) -> NDArray[np.float32]:
    """Return the colours of numbers from low to high as a (256, 4) float32 array.

    Parameters
    ----------
    dark
        Whether the background is dark; the darkest end is left out then.
    """
    knots = np.array([parse_color(code) for code in _NUMBER_COLORS])
    at = np.linspace(_DARK_START if dark else 0.0, 1.0 if dark else 0.93, _STEPS)
    places = np.linspace(0.0, 1.0, len(knots))
    return np.stack([np.interp(at, places, part) for part in knots.T], axis=1).astype(np.float32)


def number_limits(values: ArrayLike) -> tuple[float, float]:
    """Return the two numbers between which colours change: the 1 % and 99 % quantiles of what is finite.

    A few outliers would otherwise leave one colour for all the others. (0, 1) where nothing is finite.
    """
    numbers = np.asarray(values, dtype=np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if numbers.size == 0:
        return 0.0, 1.0
    low, high = (float(one) for one in np.quantile(numbers, (0.01, 0.99)))
    if low == high:
        low, high = float(numbers.min()), float(numbers.max())
    return low, high


def number_colors(
    values: ArrayLike, limits: tuple[float, float] | None = None, dark: bool = True
) -> NDArray[np.float32]:
    """Return the colours of numbers.

    Parameters
    ----------
    values
        (n,) numbers; what is missing is grey, infinities have the colours of the ends.
    limits
        The numbers of the first and the last colour; by default `number_limits`.
    dark
        Whether the background is dark.

    Returns
    -------
    (n, 4) float32 array
        Red, green, blue and opacity in [0, 1].
    """
    numbers = np.asarray(values, dtype=np.float64)
    low, high = number_limits(numbers) if limits is None else limits
    # What has no width is halved first: high - low of two numbers near the largest one would overflow.
    width = high / 2 - low / 2
    with np.errstate(invalid="ignore", over="ignore"):
        shares = (numbers / 2 - low / 2) / width if width > 0 else np.full(numbers.shape, 0.5)
    missing = np.isnan(numbers)
    steps = np.clip(np.nan_to_num(shares, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0) * (_STEPS - 1)
    colors: Any = number_colormap(dark)[np.rint(steps).astype(np.intp)]
    colors[missing] = parse_color(NONE_COLOR)
    return np.asarray(colors, dtype=np.float32)
