"""Tables as CSV files, each written whole or not at all."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.atomic import write_atomically


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    """Write a table; floating-point numbers have all their digits.

    Raises
    ------
    StorageError
        If the disk is full, the folder is missing or writing is not permitted; an older file stays whole.
    """
    with write_atomically(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return path


def write_activations(path: Path, activations: NDArray[Any], frame_rate: float) -> Path:
    """Write activations (M, T): a row for each frame with its number, its time in seconds, and each motif."""
    header = ["frame", "time_s", *(f"motif_{m + 1}" for m in range(len(activations)))]
    # str() of a float32 is the shortest text that reads back as the same float32.
    rows = (
        [frame, seconds(frame, frame_rate), *map(str, values)]
        for frame, values in enumerate(np.asarray(activations, np.float32).T)
    )
    return write_table(path, header, rows)


def seconds(frame: float, frame_rate: float) -> str:
    """The time of a frame, to the microsecond."""
    return f"{frame / frame_rate:.6f}"
