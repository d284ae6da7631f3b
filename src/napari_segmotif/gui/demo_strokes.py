"""The strokes of the demo, painted on `skimage.data.immunohistochemistry()`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .classes.entries import ClassEntry

Point = tuple[int, int]
Stroke = Sequence[Point]  # (y, x) from stop to stop of the brush

CLASSES = (
    ClassEntry(1, "epithelium", "#ffb000"),
    ClassEntry(2, "nuclei", "#2f8fff"),
    ClassEntry(3, "stroma", "#35c26b"),
    ClassEntry(4, "lumen", "#8f6bf2"),
)
BRUSH = 3
"""Diameter of the brush in pixels."""

STROKES: Mapping[int, Sequence[Stroke]] = {
    1: (
        ((25, 70), (45, 58)),
        ((10, 218), (40, 240)),
        ((205, 95), (211, 118)),
        ((172, 346), (205, 348)),
        ((210, 392), (240, 402)),
        ((118, 362), (120, 400)),
        ((288, 38), (308, 58)),
        ((333, 60), (334, 90)),
        ((406, 100), (412, 125), (424, 150)),
        ((428, 55), (438, 85)),
        ((425, 300), (440, 292)),
        ((402, 312), (415, 318)),
        ((332, 345), (342, 358)),
        ((480, 300), (495, 310)),
    ),
    2: (
        ((54, 73), (64, 71)),
        ((98, 32), (110, 32)),
        ((130, 125), (144, 123)),
        ((190, 133), (203, 136)),
        ((184, 14), (200, 6)),
        ((216, 54), (228, 46)),
        ((222, 196), (242, 203)),
        ((33, 312), (37, 322)),
        ((108, 430), (114, 420)),
        ((164, 442), (168, 456)),
        ((174, 310), (186, 306)),
        ((125, 303), (126, 316)),
        ((33, 443), (43, 449)),
        ((34, 483), (50, 484)),
        ((361, 340), (361, 348)),
        ((370, 329), (378, 331)),
        ((362, 418), (376, 418)),
        ((287, 351), (295, 359)),
        ((374, 463), (388, 464)),
        ((354, 108), (357, 140)),
        ((424, 122), (434, 145)),
        ((346, 188), (364, 189)),
        ((420, 212), (432, 222)),
        ((478, 125), (490, 140)),
    ),
    3: (
        ((60, 468), (90, 472)),
        ((112, 474), (150, 472)),
        ((286, 150), (284, 200)),
        ((340, 168), (375, 172)),
        ((312, 365), (302, 345)),
        ((312, 262), (296, 258)),
        ((450, 397), (490, 393)),
        ((280, 470), (300, 466)),
        ((15, 500), (35, 496)),
        ((445, 226), (470, 232)),
        ((150, 463), (182, 462)),
        ((212, 262), (226, 270)),
        ((330, 158), (400, 163)),
        ((318, 258), (308, 270)),
        ((395, 388), (440, 387)),
    ),
    4: (
        ((300, 8), (380, 22)),
        ((340, 32), (385, 36)),
        ((6, 62), (10, 72)),
        ((105, 328), (130, 340)),
        ((15, 145), (32, 150)),
        ((408, 452), (445, 460)),
        ((440, 12), (475, 18)),
        ((470, 432), (484, 430)),
        ((345, 45), (385, 47)),
        ((148, 345), (172, 362)),
    ),
}


def pixels_of(stroke: Stroke, brush: int = BRUSH) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels (y, x) that a round brush paints on the way along a stroke."""
    stops = np.asarray(stroke, dtype=float)
    reach = np.arange(-(brush // 2), brush // 2 + 1)
    disc = np.array([(dy, dx) for dy in reach for dx in reach if dy * dy + dx * dx <= (brush / 2) ** 2])
    painted = []
    for start, stop in pairwise(stops):
        n_steps = int(np.abs(stop - start).max()) + 1
        path = np.round(np.linspace(start, stop, n_steps)).astype(np.int64)
        painted.append((path[:, np.newaxis] + disc).reshape(-1, 2))
    rows = np.unique(np.concatenate(painted), axis=0)
    return rows[:, 0], rows[:, 1]
