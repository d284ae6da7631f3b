"""Which parts of what is visible are computed first, and how much of it at most. No Qt in here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

Region = tuple[slice, ...]

#: The first block is what a stroke is followed in; the rest of the view fills in around it.
FIRST_BLOCK = 512
NEXT_BLOCK = 768
MAX_LIVE_PIXELS = 9_000_000


def live_blocks(region: Region, focus: Sequence[float] | None = None) -> list[Region]:
    """Cut a visible region into blocks, the one around `focus` first, then outwards.

    Parameters
    ----------
    region
        One slice per axis, with start and stop; the last two are Y and X.
    focus
        Where the user works, over (Y, X); the middle of the region where it is None.

    Returns
    -------
    list of regions
        They do not overlap. Together they are the region, unless that has more than MAX_LIVE_PIXELS pixels:
        then those nearest to the focus.
    """
    *planes, ys, xs = region
    if ys.stop - ys.start <= FIRST_BLOCK * 1.5 and xs.stop - xs.start <= FIRST_BLOCK * 1.5:
        return [tuple(region)]
    center = focus if focus is not None else ((ys.start + ys.stop) / 2, (xs.start + xs.stop) / 2)
    first = (_around(center[0], ys), _around(center[1], xs))
    blocks = [(y, x) for y in _cuts(ys, first[0]) for x in _cuts(xs, first[1])]
    blocks.sort(key=lambda block: math.dist(_middle(block), _middle(first)))
    depth = math.prod(p.stop - p.start for p in planes)
    kept: list[Region] = []
    pixels = 0
    for y, x in blocks:
        pixels += depth * (y.stop - y.start) * (x.stop - x.start)
        if kept and pixels > MAX_LIVE_PIXELS:
            break
        kept.append((*planes, y, x))
    return kept


def _around(center: float, limits: slice) -> slice:
    size = min(FIRST_BLOCK, limits.stop - limits.start)
    start = min(max(round(center - size / 2), limits.start), limits.stop - size)
    return slice(start, start + size)


def _cuts(limits: slice, first: slice) -> list[slice]:
    """Cut an axis at the rims of the first block, and further out every NEXT_BLOCK pixels."""
    edges = {limits.start, limits.stop, first.start, first.stop}
    edges.update(range(first.start, limits.start, -NEXT_BLOCK))
    edges.update(range(first.stop, limits.stop, NEXT_BLOCK))
    ordered = sorted(edges)
    return [slice(a, b) for a, b in pairwise(ordered)]


def _middle(block: Sequence[slice]) -> tuple[float, ...]:
    return tuple((s.start + s.stop) / 2 for s in block)
