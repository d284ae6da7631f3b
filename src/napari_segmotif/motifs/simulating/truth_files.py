"""A simulated video and its ground truth as files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...common.atomic import write_atomically
from ...common.image_io import ImageWriter, write_image
from ..results.tables import seconds, write_activations, write_table
from .simulation import SimulatedVideo, simulate
from .simulation_parameters import SimulationParameters


def simulate_to_files(
    folder: str | Path,
    parameters: SimulationParameters,
    *,
    name: str = "video",
    suffix: str = ".ome.tif",
    spacing: Sequence[float] | None = None,
    units: str | None = None,
) -> tuple[Path, ...]:
    """Simulate a video straight into a file, so that it may be larger than memory, and write its truth.

    Parameters
    ----------
    folder
        Where to; it must exist.
    parameters
        Of `simulate_video`.
    name
        With what the files' names begin.
    suffix
        Format of the video.
    spacing, units
        Size of a pixel along Y and X, and its unit.

    Returns
    -------
    tuple of Path
        The video (TYX), and what `write_truth` writes.

    Raises
    ------
    StorageError
        If the disk is full or writing is not permitted.
    """
    writer = ImageWriter(
        Path(folder) / f"{name}{suffix}",
        (parameters.n_frames, *parameters.shape),
        parameters.dtype,
        axes="TYX",
        spacing=spacing,
        units=units,
        time_interval=1 / parameters.frame_rate,
    )
    with writer:
        sample = simulate(parameters, out=writer)
    return (writer.path, *write_truth(folder, sample, name=name, spacing=spacing, units=units))


def write_truth(
    folder: str | Path,
    sample: SimulatedVideo,
    *,
    name: str = "video",
    spacing: Sequence[float] | None = None,
    units: str | None = None,
) -> tuple[Path, ...]:
    """Write the ground truth of a simulated video; motifs and orders count from 1, frames from 0.

    Returns
    -------
    tuple of Path
        NAME_cells.ome.tif (labels), NAME_truth_motif_1.ome.tif and so on (TYX), NAME_truth_activations.csv (1
        where a motif begins), NAME_truth_cells.csv (the cells of each motif in the order in which they fire)
        and NAME_truth.json (how the video was made).
    """
    folder = Path(folder)
    place: dict[str, Any] = {"spacing": spacing, "units": units}
    written = [
        write_image(folder / f"{name}_cells.ome.tif", _narrow(sample.cells), axes="YX", labels=True, **place)
    ]
    for m, motif in enumerate(sample.motifs):
        path = folder / f"{name}_truth_motif_{m + 1}.ome.tif"
        written.append(write_image(path, motif, axes="TYX", time_interval=1 / sample.frame_rate, **place))
    activations = folder / f"{name}_truth_activations.csv"
    written.append(write_activations(activations, sample.activations, sample.frame_rate))
    written.append(_write_members(folder / f"{name}_truth_cells.csv", sample))
    made = folder / f"{name}_truth.json"
    with write_atomically(made) as temporary:
        text = json.dumps(sample.parameters.model_dump(mode="json"), indent=2)
        temporary.write_text(text + "\n", encoding="utf-8")
    return (*written, made)


def _write_members(path: Path, sample: SimulatedVideo) -> Path:
    rows = []
    for m, offsets in enumerate(sample.offsets):
        cells = np.flatnonzero(offsets >= 0)
        cells = cells[np.lexsort((cells, offsets[cells]))]
        for place, cell in enumerate(cells, start=1):
            frame = int(offsets[cell])
            rows.append([m + 1, place, int(cell) + 1, frame, seconds(frame, sample.frame_rate)])
    return write_table(path, ("motif", "order", "cell", "frame", "time_s"), rows)


def _narrow(labels: Any) -> Any:
    """Labels in the smallest type that holds them."""
    return labels.astype("uint8" if labels.max() < 256 else "uint16" if labels.max() < 65_536 else "int32")
