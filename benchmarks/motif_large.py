"""A video on disk that is larger than what a fit may use: written block by block, fitted in a process alone.

`python -c "import motif_large; motif_large.measure()" VIDEO.zarr` fits it and prints the figures as JSON.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import zarr

from motif_data import LENGTH, N_MOTIFS, TRUE_LENGTH
from napari_segmotif import LeMoNADe, motif_similarity
from napari_segmotif.motifs.simulating.simulation import simulate_video

BLOCK_FRAMES = 16
SPURIOUS = 0.5


def lacking_space(folder: Path, shape: tuple[int, int, int]) -> str | None:
    """Why a uint16 video cannot be written into a folder, in words."""
    needed, free = 2 * int(np.prod(shape)), shutil.disk_usage(folder).free
    if free > 1.2 * needed:
        return None
    return f"--scratch needs a folder with {needed / 1e9:.1f} GB ({folder} has {free / 1e9:.1f} GB free)"


def write_video(path: Path, shape: tuple[int, int, int], seed: int) -> None:
    """Simulate a uint16 video into a zarr array, uncompressed; its true motifs go beside it."""
    chunks = (BLOCK_FRAMES, *shape[1:])
    video = zarr.create_array(path, shape=shape, chunks=chunks, dtype="uint16", compressors=None)
    truth = simulate_video(
        shape[1:],
        shape[0],
        N_MOTIFS,
        TRUE_LENGTH,
        spurious=SPURIOUS,
        dtype="uint16",
        random_state=seed,
        out=video,
    )
    np.save(path.with_suffix(".npy"), truth.motifs)


def peak_mb() -> float:
    """Largest resident memory of this process so far, in MB; not a number where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def measure() -> None:
    """Fit the video that the command line names; print time, memory and quality."""
    path = Path(sys.argv[1])
    import torch  # noqa: F401 -- what a library weighs is not the fit's doing

    video = zarr.open_array(path, mode="r")
    before = peak_mb()
    model = LeMoNADe(n_motifs=N_MOTIFS, motif_length=LENGTH)
    start = time.perf_counter()
    model.fit(video)
    seconds, peak = time.perf_counter() - start, peak_mb()
    found = model.motifs_[model.significant_]
    figures = {"fit_s": seconds, "peak_mb": peak, "before_mb": before, "significant": len(found)}
    figures |= {"similarity": 0.0, "recall": 0.0, "messages": list(model.messages_)}
    if len(found):
        match = motif_similarity(found, np.load(path.with_suffix(".npy"), mmap_mode="r"))
        figures |= {"similarity": float(match.similarity), "recall": float(match.recall)}
    print(json.dumps(figures))
