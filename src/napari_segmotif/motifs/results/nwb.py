"""Motifs and activations as Neurodata Without Borders (NWB) 2 files, through pynwb.

The processing module "motifs" has "activations", a TimeSeries (T, M) from 0 to 1; "motif_1" and so on, each
an ImageSeries (F, X, Y), which is NWB's order of axes; and "significance", a DynamicTable with a p-value for
each motif. The TimeIntervals "motif_occurrences" have start, stop, motif, frame and amplitude of each.
"""

from __future__ import annotations

import importlib.util
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...common.atomic import write_atomically
from ...errors import MissingExtraError

if TYPE_CHECKING:
    from ..lemonade import LeMoNADe

_DESCRIPTION = (
    "Motifs found in a calcium-imaging video by napari-segmotif (LeMoNADe, Kirschbaum et al., ICLR 2019). "
    "Times count from the video's first frame; when it was recorded is not known, and session_start_time is "
    "when this file was written."
)


def require_pynwb() -> None:
    """Raise MissingExtraError where pynwb is not installed."""
    if importlib.util.find_spec("pynwb") is None:
        raise MissingExtraError(
            'NWB files need the package pynwb: pip install "napari-segmotif[nwb]" (got no pynwb)'
        )


def write_nwb(
    path: str | Path,
    model: LeMoNADe,
    *,
    spacing: Sequence[float] | None = None,
    units: str | Sequence[str | None] | None = None,
) -> Path:
    """Write what was found as an NWB file.

    Parameters
    ----------
    path
        The file (.nwb).
    model
        A fitted motif detector.
    spacing, units
        Size of a pixel along Y and X, and its unit.

    Raises
    ------
    MissingExtraError
        If the package pynwb is not installed.
    StorageError
        If the disk is full or writing is not permitted; an older file stays whole.
    """
    require_pynwb()
    import pynwb

    path = Path(path)
    content = pynwb.NWBFile(
        session_description=_DESCRIPTION,
        identifier=str(uuid.uuid4()),
        session_start_time=datetime.now(UTC),
        notes="\n".join([model.summary(), *model.messages_]),
        data_collection="settings of the search: " + json.dumps(model.parameters.model_dump(mode="json")),
    )
    module = content.create_processing_module(
        "motifs", "Repeating spatio-temporal patterns of activity, and when they were played."
    )
    if len(model.motifs_):
        _add_activations(module, model)
        _add_motifs(module, model, spacing, units)
        _add_significance(module, model)
    if model.occurrences_:
        content.add_time_intervals(_occurrences(model))
    with write_atomically(path) as temporary, pynwb.NWBHDF5IO(str(temporary), "w") as file:
        file.write(content)
    return path


def _add_activations(module: Any, model: LeMoNADe) -> None:
    from pynwb import TimeSeries

    module.add(
        TimeSeries(
            name="activations",
            description="Probability that a motif begins in a frame; one column per motif.",
            data=np.ascontiguousarray(np.asarray(model.activations_, np.float32).T),
            unit="probability",
            rate=float(model.parameters.frame_rate),
            starting_time=0.0,
        )
    )


def _add_motifs(
    module: Any,
    model: LeMoNADe,
    spacing: Sequence[float] | None,
    units: str | Sequence[str | None] | None,
) -> None:
    from pynwb.image import ImageSeries

    height, width = model.frame_shape_
    for m, motif in enumerate(model.motifs_):
        module.add(
            ImageSeries(
                name=f"motif_{m + 1}",
                description=f"Motif {m + 1}: frame, x, y; brightness above the baseline.",
                data=np.ascontiguousarray(np.asarray(motif, np.float32).transpose(0, 2, 1)),
                dimension=[width, height],
                format="raw",
                unit="brightness",
                rate=float(model.parameters.frame_rate),
                starting_time=0.0,
                comments=_pixel_size(spacing, units),
            )
        )


def _pixel_size(spacing: Sequence[float] | None, units: str | Sequence[str | None] | None) -> str:
    if spacing is None:
        return "size of a pixel not known"
    along = [units, units] if units is None or isinstance(units, str) else list(units)
    y, x = (f"{size:g} {unit or ''}".strip() for size, unit in zip(spacing, along, strict=True))
    return f"size of a pixel: x {x}, y {y}"


def _add_significance(module: Any, model: LeMoNADe) -> None:
    from pynwb.core import DynamicTable, VectorData

    level = model.parameters.significance_level
    columns = {
        "motif": ("Number of the motif, from 1.", np.arange(1, len(model.motifs_) + 1)),
        "p_value": ("p-value of the motif.", np.asarray(model.p_values_, np.float64)),
        "significant": (f"Whether the p-value is below {level:g}.", np.asarray(model.significant_, bool)),
    }
    module.add(
        DynamicTable(
            name="significance",
            description="Each motif compared with motif-free copies of the video.",
            columns=[
                VectorData(name=name, description=text, data=values)
                for name, (text, values) in columns.items()
            ],
        )
    )


def _occurrences(model: LeMoNADe) -> Any:
    from pynwb.epoch import TimeIntervals

    rate, length = float(model.parameters.frame_rate), model.motifs_.shape[1]
    last = model.n_frames_ / rate
    table = TimeIntervals(name="motif_occurrences", description="Each time a motif was played.")
    table.add_column(name="motif", description="Number of the motif, from 1.")
    table.add_column(name="frame", description="Frame in which it begins, from 0.")
    table.add_column(name="amplitude", description="Probability of this occurrence.")
    for occurrence in sorted(model.occurrences_, key=lambda o: (o.frame, o.motif)):
        start = occurrence.frame / rate
        table.add_row(
            start_time=start,
            stop_time=min(start + length / rate, last),
            motif=int(occurrence.motif) + 1,
            frame=int(occurrence.frame),
            amplitude=float(occurrence.amplitude),
        )
    return table
