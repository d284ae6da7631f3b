"""What is shown of each motif over time, and how a row of pixels is painted from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtGui import QColor, QImage

from ....common.words import count
from ..words import motif_name, p_in_words
from .decimation import column_edges, column_ranges

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class MotifRow:
    """One motif: its activation (T,) in [0, 1], and when it was played."""

    name: str
    color: str
    p_value: float
    significant: bool
    activation: F32
    frames: NDArray[np.int64]
    amplitudes: F32

    @property
    def note(self) -> str:
        """Its p-value, and how often it was played."""
        text = p_in_words(self.p_value)
        if not (self.significant or math.isnan(self.p_value)):
            text = f"not significant, {text}"
        return f"{text} · {count(len(self.frames), 'time')}"

    def nearest(self, frame: float, within: float) -> int | None:
        """Index of the occurrence nearest to a frame, if it is so near."""
        if not len(self.frames):
            return None
        place = int(np.searchsorted(self.frames, frame))
        around = [i for i in (place - 1, place) if 0 <= i < len(self.frames)]
        best = min(around, key=lambda i: abs(self.frames[i] - frame))
        return best if abs(self.frames[best] - frame) <= within else None


def rows_of(model: Any, colors: Sequence[str]) -> tuple[MotifRow, ...]:
    """The rows of a fitted LeMoNADe or SparseConvolutionalCoding."""
    activations = np.clip(np.nan_to_num(np.asarray(model.activations_, np.float32)), 0, 1)
    motif = np.array([o.motif for o in model.occurrences_], np.int64)
    frames = np.array([o.frame for o in model.occurrences_], np.int64)
    amplitudes = np.array([o.amplitude for o in model.occurrences_], np.float32)
    rows = []
    for m, activation in enumerate(activations):
        own = np.nonzero(motif == m)[0]
        own = own[np.argsort(frames[own], kind="stable")]
        rows.append(
            MotifRow(
                name=motif_name(m),
                color=colors[m],
                p_value=float(model.p_values_[m]),
                significant=bool(model.significant_[m]) or math.isnan(model.p_values_[m]),
                activation=activation,
                frames=frames[own],
                amplitudes=amplitudes[own],
            )
        )
    return tuple(rows)


def trace_image(values: F32, low: float, high: float, width: int, height: int, color: QColor) -> QImage:
    """Paint a trace in [0, 1] as an area with a line on it; every column shows the range of its frames.

    Painting columns as an array is many times faster than painting lines with Qt: ten traces of 100,000
    frames take a few milliseconds.
    """
    lows, highs = _ranges(values, low, high, width)
    room = height - 1.5  # the line at 1 must not be cut
    rows = np.arange(height, dtype=np.float32)[:, np.newaxis]
    top = height - 0.75 - room * highs  # (width,)
    bottom = np.maximum(height - 0.75 - room * lows, top + 1.5)
    under_top = np.clip(rows + 1 - top + 0.25, 0, 1)
    line = np.clip(under_top - np.clip(rows + 1 - bottom + 0.25, 0, 1), 0, 1)
    return _tinted(np.maximum(0.28 * under_top, line), color)


def raster_image(
    row: MotifRow, low: float, high: float, width: int, height: int, color: QColor, thick: int
) -> QImage:
    """Paint a tick of `thick` pixels for each occurrence, the paler the less sure it is."""
    alpha = np.zeros(width, np.float32)
    columns = np.floor((row.frames - low) / (high - low) * width).astype(np.int64)
    strength = 0.35 + 0.65 * np.clip(row.amplitudes, 0, 1)
    for shift in range(-(thick // 2), thick - thick // 2):
        inside = (columns + shift >= 0) & (columns + shift < width)
        np.maximum.at(alpha, columns[inside] + shift, strength[inside])
    return _tinted(np.broadcast_to(alpha, (height, width)), color)


def _ranges(values: F32, low: float, high: float, width: int) -> tuple[F32, F32]:
    if high - low >= width:
        lows, highs = column_ranges(values[np.newaxis], column_edges(low, high, width, len(values)))
        # A peak of one column is a hair's breadth: two can be seen.
        return lows[0], np.maximum(highs[0], np.append(highs[0, 1:], 0))
    first, last = max(0, int(low) - 1), min(len(values), int(high) + 3)
    edges = np.interp(np.linspace(low, high, width + 1), np.arange(first, last), values[first:last])
    edges = edges.astype(np.float32)
    return np.minimum(edges[:-1], edges[1:]), np.maximum(edges[:-1], edges[1:])


def _tinted(alpha: NDArray[np.floating], color: QColor) -> QImage:
    """An image of one colour with the given opacity (height, width)."""
    height, width = alpha.shape
    pixels = np.empty((height, width, 4), np.uint8)
    pixels[..., :3] = color.red(), color.green(), color.blue()
    pixels[..., 3] = np.rint(255 * alpha)
    image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBA8888)
    return image.copy()  # owns its pixels
