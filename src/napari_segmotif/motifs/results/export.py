"""What was found, as files that other programs read: OME-TIFF, CSV, JSON, text, and NWB."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...common.atomic import storage_error, write_atomically
from ...common.image_io import open_image, write_image
from ...errors import SegmotifError
from .cells import MotifCells
from .nwb import require_pynwb, write_nwb
from .tables import seconds, write_activations, write_table

if TYPE_CHECKING:
    from ..lemonade import LeMoNADe

RECIPE_KEY = "segmotif"
"""Where an image keeps the recipe that made it."""
SUMMARY = "summary.json"
"""Written last: where it is, everything is."""
_MOTIF_FILE = re.compile(r"motif_(\d+)\.ome\.tif")


def write_results(
    folder: str | Path,
    model: LeMoNADe,
    *,
    nwb: bool = False,
    spacing: Sequence[float] | None = None,
    units: str | Sequence[str | None] | None = None,
    recipe: Mapping[str, Any] | None = None,
) -> tuple[Path, ...]:
    """Write what a motif detector found; motifs count from 1 in the files, frames from 0.

    Parameters
    ----------
    folder
        Where to; it is made if it is not there. Older results in it are replaced.
    model
        A fitted motif detector.
    nwb
        Whether all of it is written as motifs.nwb, too.
    spacing, units
        Size of a pixel along Y and X, and its unit.
    recipe
        What the detector was given, as JSON; it is written as recipe.json and goes into the images.

    Returns
    -------
    tuple of Path
        The files: motif_1.ome.tif and so on (TYX, float32), activations.csv, occurrences.csv, loss.csv,
        motifs.nwb, recipe.json, summary.txt and summary.json.

    Raises
    ------
    StorageError
        If the disk is full or writing is not permitted. Each file is written whole or not at all.
    MissingExtraError
        If `nwb` is asked for without the package pynwb.
    """
    folder = make_folder(folder)
    if nwb:
        require_pynwb()
    rate = model.parameters.frame_rate
    written = _write_motifs(folder, model, spacing, units, recipe)
    written.append(write_activations(folder / "activations.csv", model.activations_, rate))
    written.append(_write_occurrences(folder / "occurrences.csv", model))
    losses = ([step, str(loss)] for step, loss in enumerate(model.loss_curve_))
    written.append(write_table(folder / "loss.csv", ("step", "loss"), losses))
    if nwb:
        written.append(write_nwb(folder / "motifs.nwb", model, spacing=spacing, units=units))
    if recipe is not None:
        written.append(_write_text(folder / "recipe.json", _as_text(recipe)))
    written.append(_write_text(folder / "summary.txt", model.summary()))
    written.append(_write_text(folder / SUMMARY, _as_text(summary_of(model))))
    return tuple(written)


def write_cells(path: str | Path, orders: Sequence[MotifCells], frame_rate: float) -> Path:
    """Write which cells belong to each motif, in the order in which they fire, as a CSV file.

    Parameters
    ----------
    path
        The file.
    orders
        From `order_cells`.
    frame_rate
        Frames per second.

    Returns
    -------
    Path
        The file; its columns are motif (from 1), order (from 1), cell (its label), onset_frame and peak_frame
        (of the motif, from 0), time_s (of the onset) and weight.
    """
    rows = (
        [order.motif + 1, place, label, onset, peak, seconds(onset, frame_rate), str(weight)]
        for order in orders
        for place, (label, onset, peak, weight) in enumerate(
            zip(order.labels, order.onset_frames, order.peak_frames, order.weights, strict=True), start=1
        )
    )
    header = ("motif", "order", "cell", "onset_frame", "peak_frame", "time_s", "weight")
    return write_table(Path(path), header, rows)


def summary_of(model: LeMoNADe) -> dict[str, Any]:
    """What was found, in JSON's types; a number that is not known is None."""
    times: dict[int, list[float]] = {m: [] for m in range(len(model.motifs_))}
    for occurrence in model.occurrences_:
        times[occurrence.motif].append(float(occurrence.time))
    return {
        "n_frames": int(model.n_frames_),
        "frame_shape": [int(n) for n in model.frame_shape_],
        "frame_rate": float(model.parameters.frame_rate),
        "motif_length": int(model.motifs_.shape[1]),
        "suggested_motif_length": int(model.suggested_motif_length_),
        "suggested_n_motifs": int(model.suggested_n_motifs_),
        "n_significant": int(model.significant_.sum()),
        "motifs": [
            {
                "motif": m + 1,
                "p_value": _number(model.p_values_[m]),
                "significant": bool(model.significant_[m]),
                "n_occurrences": len(times[m]),
                "times_s": [round(time, 6) for time in times[m]],
            }
            for m in range(len(model.motifs_))
        ],
        "messages": list(model.messages_),
        "stopped_early": bool(model.stopped_early_),
        "parameters": model.parameters.model_dump(mode="json"),
    }


def make_folder(folder: str | Path) -> Path:
    """Make a folder for results, and those above it.

    Raises
    ------
    StorageError
        If that is not possible.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder) from error
    return folder


def _write_motifs(
    folder: Path,
    model: LeMoNADe,
    spacing: Sequence[float] | None,
    units: str | Sequence[str | None] | None,
    recipe: Mapping[str, Any] | None,
) -> list[Path]:
    written = []
    for m, motif in enumerate(model.motifs_):
        found = {
            "motif": m + 1,
            "p_value": _number(model.p_values_[m]),
            "significant": bool(model.significant_[m]),
        }
        written.append(
            write_image(
                folder / f"motif_{m + 1}.ome.tif",
                motif,
                axes="TYX",
                spacing=spacing,
                units=units if spacing is not None else None,
                time_interval=1 / model.parameters.frame_rate,
                metadata=found if recipe is None else {**found, RECIPE_KEY: dict(recipe)},
            )
        )
    _remove_older(folder, len(written))
    return written


def _remove_older(folder: Path, n_motifs: int) -> None:
    """Remove further motifs that an earlier search left: they would be taken for results of this one."""
    for path in folder.iterdir():
        match = _MOTIF_FILE.fullmatch(path.name)
        if match is None or int(match[1]) <= n_motifs:
            continue
        try:
            with open_image(path) as opened:
                ours = opened.metadata.get("motif") == int(match[1])
        except SegmotifError:
            continue  # not written by us: not ours to remove
        if ours:
            try:
                path.unlink()
            except OSError as error:
                raise storage_error(error, path) from error


def _write_occurrences(path: Path, model: LeMoNADe) -> Path:
    rows = (
        [
            occurrence.motif + 1,
            occurrence.frame,
            seconds(occurrence.frame, model.parameters.frame_rate),
            f"{occurrence.amplitude:.6g}",
            f"{model.p_values_[occurrence.motif]:.6g}",
            int(model.significant_[occurrence.motif]),
        ]
        for occurrence in sorted(model.occurrences_, key=lambda o: (o.motif, o.frame))
    )
    return write_table(path, ("motif", "frame", "time_s", "amplitude", "p_value", "significant"), rows)


def _write_text(path: Path, text: str) -> Path:
    with write_atomically(path) as temporary:
        temporary.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    return path


def _as_text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)


def _number(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None
