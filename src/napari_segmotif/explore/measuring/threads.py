"""Work spread over threads: kernels that let go of the interpreter, each on a range of its own.

The ranges depend on the data alone and none writes where another does, so that results are the same whatever
the number of threads. (numba's own parallel loops may not be started from two threads at once.)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from ...common.progress import CancelToken


def spread(
    work: Callable[[int, int], object], ranges: Iterable[tuple[int, int]], cancel: CancelToken | None = None
) -> None:
    """Call `work(begin, end)` for every range, in as many threads as there are cores.

    Raises
    ------
    JobCancelled
        If `cancel` was raised; what has begun is waited for, a moment's work each.
    """
    pieces = list(ranges)
    if len(pieces) < 2:
        for begin, end in pieces:
            work(begin, end)
        return

    def step(piece: tuple[int, int]) -> None:
        if cancel is None or not cancel.cancelled:
            work(*piece)

    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, len(pieces))) as pool:
        list(pool.map(step, pieces))  # raises here what a piece raised
    if cancel is not None:
        cancel.raise_if_cancelled()


def pieces_of(length: int, size: int) -> list[tuple[int, int]]:
    """Ranges of `size`, the last of what is left, that cover 0 to `length`."""
    size = max(1, size)
    return [(begin, min(length, begin + size)) for begin in range(0, length, size)]
