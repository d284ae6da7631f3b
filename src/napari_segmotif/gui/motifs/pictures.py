"""What the layers show, computed from what was found: maps, points, cells. No Qt in here."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...motifs.results.cells import cells_by_motif as motif_of_cells
from .found import Found

_MOST_POINTS = 200_000  # beyond, an occurrence is one point and not one a frame
_ORDER = ("#4a7dff", "#2cc7d6", "#63d15f", "#f3d321", "#ff5f3c")  # from what fires first to what fires last


def blended(found: Found, ticked: set[int]) -> NDArray[np.float32]:
    """Lay the maps of some motifs over each other in their colours: (Y, X, 4), clear where no motif is."""
    image = np.zeros((*found.maps.shape[1:], 4), np.float32)
    for motif in sorted(ticked):
        weight = found.maps[motif]
        image[..., :3] += weight[..., np.newaxis] * np.array(rgb(found.colors[motif]), np.float32)
        np.maximum(image[..., 3], weight, out=image[..., 3])
    # One motif has its own colour, however faint it is; what is in several is lighter than each of them.
    image[..., :3] /= np.maximum(image[..., 3:], np.finfo(np.float32).tiny)
    return np.minimum(image, 1)


def in_order(found: Found, ticked: set[int]) -> NDArray[np.float32]:
    """Colour the maps of some motifs by when a pixel is brightest: (Y, X, 4), blue first, red last.

    Where motifs share a cell, the one in which it is brighter decides.
    """
    image = np.zeros((*found.maps.shape[1:], 4), np.float32)
    if not ticked:
        return image
    some = sorted(ticked)
    strongest_one = found.maps[some].argmax(axis=0)[np.newaxis]
    when = np.take_along_axis(found.onsets[some], strongest_one, axis=0)[0]
    anchors = np.array([rgb(color) for color in _ORDER])
    for channel in range(3):
        image[..., channel] = np.interp(when, np.linspace(0, 1, len(anchors)), anchors[:, channel])
    image[..., 3] = found.maps[some].max(axis=0)
    return image


def rgb(color: str) -> tuple[float, float, float]:
    """Return the parts of "#rrggbb", in [0, 1]."""
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def occurrence_points(found: Found) -> dict[str, Any]:
    """Return the occurrences as columns: t, y, x in pixels, and motif, frame, time, amplitude.

    An occurrence is a point in every frame in which it is played, so that it is seen as long as that.
    """
    occurrences = found.model.occurrences_
    lengths = [int(max(1, found.lengths[one.motif])) for one in occurrences]
    if sum(lengths) > _MOST_POINTS:
        lengths = [1] * len(lengths)
    last = found.model.n_frames_
    rows = [
        (one.frame + offset, *found.centers[one.motif], one.motif + 1, one.frame, one.time, one.amplitude)
        for one, length in zip(occurrences, lengths, strict=True)
        for offset in range(length)
        if one.frame + offset < last
    ]
    names = ("t", "y", "x", "motif", "frame", "time", "amplitude")
    columns = np.array(rows, dtype=float).reshape(-1, len(names)).T
    table: dict[str, Any] = dict(zip(names, columns, strict=True))
    return table | {name: table[name].astype(int) for name in ("motif", "frame")}


def cells_by_motif(cells: NDArray[Any], found: Found) -> NDArray[np.uint8]:
    """Give every cell the number of its motif, from 1; where it is in several, of that where it is brightest.

    Parameters
    ----------
    cells
        (Y, X) labels.
    found
        With its `orders`; cells that they do not know are in no motif.
    """
    shown = [order for order in found.orders if found.worth_showing[order.motif]]
    return motif_of_cells(shown, cells).astype(np.uint8)


def strongest(found: Found, motif: int) -> int:
    """Return where the strongest whole occurrence of a motif begins; 0 where it has none."""
    own = [one for one in found.model.occurrences_ if one.motif == motif]
    whole = [one for one in own if one.frame + found.lengths[motif] <= found.model.n_frames_] or own
    return max(whole, key=lambda one: one.amplitude).frame if whole else 0
