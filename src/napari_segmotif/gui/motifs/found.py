"""What a fitted model comes to on the screen, computed in the job's thread. No Qt in here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .colors import GREY, motif_colors
from .crop import Crop

if TYPE_CHECKING:
    from ...motifs.lemonade import LeMoNADe

_QUIET = 0.2  # of a motif's peak: frames below this are its empty ends
_AREA = 0.3  # of a motif's peak: pixels above this decide about its centre


@dataclass(frozen=True)
class Found:
    """A fitted model, and what its layers and tables show.

    Attributes
    ----------
    model
        The fitted model.
    maps
        (M, Y, X) float32: each motif's maximum over time, scaled to [0, 1].
    centers
        (M, 2) centroid of each motif in pixels (y, x).
    peak
        Brightest value of all motifs, in image units.
    onsets
        (M, Y, X) float32: when each pixel is brightest, as a share of the motif's length.
    lengths
        (M,) frames up to the last one in which the motif is not empty.
    colors
        "#rrggbb" of each motif; grey where it is known not to be significant.
    crop
        The part of the video that it was found in; None: all of it.
    orders
        Which cells belong to which motif and in which order they fire, where cells were given.
    cells
        The labels (Y, X), of a whole frame, that `orders` are about; None: there are no orders.
    """

    model: LeMoNADe
    maps: NDArray[np.float32]
    peak: float
    onsets: NDArray[np.float32]
    centers: NDArray[np.float64]
    lengths: NDArray[np.intp]
    colors: tuple[str, ...]
    crop: Crop | None = None
    orders: tuple[Any, ...] = field(default=())
    cells: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.maps)

    @property
    def worth_showing(self) -> NDArray[np.bool_]:
        """(M,) what is significant, or was not tested because the fit was stopped."""
        return _worth_showing(self.model)

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return float(self.model.parameters.frame_rate)

    def occurrences_of(self, motif: int) -> int:
        """Return how often a motif was played."""
        return sum(one.motif == motif for one in self.model.occurrences_)


def look_at(model: LeMoNADe, crop: Crop | None = None) -> Found:
    """Compute what the screen needs of a fitted model."""
    motifs = np.asarray(model.motifs_)  # (M, F, Y, X)
    maps = np.zeros((len(motifs), *model.frame_shape_), np.float32)
    onsets = np.zeros_like(maps)
    lengths = np.zeros(len(motifs), np.intp)
    largest = 0.0
    for index, motif in enumerate(motifs):
        maps[index] = np.maximum(motif.max(axis=0), 0)
        peak = float(maps[index].max())
        largest = max(largest, peak)
        if peak > 0:
            maps[index] /= peak
            lengths[index] = 1 + np.flatnonzero(motif.max(axis=(1, 2)) > _QUIET * peak)[-1]
            onsets[index] = np.minimum(motif.argmax(axis=0) / max(1, lengths[index] - 1), 1)
    centers = np.array([_center(one) for one in maps]).reshape(-1, 2)
    return Found(model, maps, largest, onsets, centers, lengths, _colors(model), crop)


def with_orders(found: Found, cells: NDArray[np.integer]) -> Found:
    """Add which of these cells (Y, X), labels of a whole frame, belong to which motif."""
    from ...motifs.results.cells import order_cells

    part = part_of(cells, found.crop)
    # A preview may well lie where there is no cell: that is no reason to lose it.
    orders = tuple(order_cells(np.asarray(found.model.motifs_), part)) if part.any() else ()
    return replace(found, orders=orders, cells=cells)


def part_of(cells: NDArray[Any], crop: Crop | None) -> NDArray[Any]:
    """Return those of the cells (Y, X) that lie in the part that was looked at."""
    return np.asarray(cells if crop is None else cells[crop.region[1:]])


def _center(image: NDArray[np.float32]) -> tuple[float, float]:
    weights = np.where(image > _AREA * image.max(), image, 0).astype(float)
    total = weights.sum()
    if total <= 0:
        return (image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2
    y, x = np.arange(image.shape[0]), np.arange(image.shape[1])
    return float(weights.sum(axis=1) @ y / total), float(weights.sum(axis=0) @ x / total)


def _colors(model: LeMoNADe) -> tuple[str, ...]:
    """A colour for each motif that is worth one, in their order; grey for the others."""
    worth = _worth_showing(model)
    palette = iter(motif_colors(int(worth.sum())))
    return tuple(next(palette) if one else GREY for one in worth)


def _worth_showing(model: LeMoNADe) -> NDArray[np.bool_]:
    shown: NDArray[np.bool_] = np.asarray(model.significant_, bool) | np.isnan(model.p_values_)
    return shown
