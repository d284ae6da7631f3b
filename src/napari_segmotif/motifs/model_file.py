"""A fitted motif detector as a `.segmotif` file: motifs, activations, significance, settings; no pickle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..common.model_files import ModelContents, read_model, write_model
from ..errors import InputError, ModelFileError
from .parameters import MotifParameters
from .results.findings import Occurrence

if TYPE_CHECKING:
    from .lemonade import LeMoNADe

TOOL = "motifs"
_ATTRIBUTES = ("motifs", "activations", "p_values", "significant", "baseline", "bleaching", "loss_curve")
_OCCURRENCE = {"motif": np.int32, "frame": np.int64, "time": np.float64, "amplitude": np.float64}
_FLOATS = (np.float32, np.float64)


class _Description(BaseModel):
    """Everything of the model that is no array, as it stands in model.json."""

    model_config = ConfigDict(extra="forbid")

    parameters: MotifParameters
    n_frames: int = Field(ge=1)
    frame_shape: tuple[int, int]
    suggested_motif_length: int = Field(ge=0)
    suggested_n_motifs: int = Field(ge=0)
    messages: tuple[str, ...]
    stopped_early: bool


def to_file(path: str | Path, model: LeMoNADe) -> Path:
    """Write a fitted motif detector; the video does not go along.

    Raises
    ------
    StorageError
        If the disk is full, the folder is missing or writing is not permitted; an older file stays whole.
    """
    description = _Description(
        parameters=model.parameters,
        n_frames=model.n_frames_,
        frame_shape=model.frame_shape_,
        suggested_motif_length=model.suggested_motif_length_,
        suggested_n_motifs=model.suggested_n_motifs_,
        messages=model.messages_,
        stopped_early=model.stopped_early_,
    )
    arrays = {name: np.asarray(getattr(model, f"{name}_")) for name in _ATTRIBUTES}
    if model.shifts_ is not None:
        arrays["shifts"] = np.asarray(model.shifts_)
    for name, dtype in _OCCURRENCE.items():
        column = [getattr(occurrence, name) for occurrence in model.occurrences_]
        arrays[f"occurrences.{name}"] = np.array(column, dtype)
    return write_model(path, TOOL, description.model_dump(mode="json"), arrays)


def state_from_file(path: str | Path) -> dict[str, Any]:
    """Read a fitted motif detector, checking that its parts fit together.

    Returns
    -------
    dict
        "parameters", and every learned attribute (with its "_" at the end) of a LeMoNADe.

    Raises
    ------
    ModelFileError
        If the file is missing, truncated, altered, of another tool, or contradicts itself.
    """
    path = Path(path)
    contents = read_model(path, TOOL)
    try:
        described = _Description.model_validate(contents.metadata)
    except ValidationError as error:
        problem = InputError.from_validation(error)
        raise ModelFileError(f"the description in {path.name} is damaged (got {problem})") from error
    motifs = _array(contents, "motifs", _FLOATS, (None, None, *described.frame_shape))
    n_motifs, length = motifs.shape[:2]
    n_frames = described.n_frames
    state = {
        "parameters": described.parameters,
        "n_frames_": n_frames,
        "frame_shape_": described.frame_shape,
        "suggested_motif_length_": described.suggested_motif_length,
        "suggested_n_motifs_": described.suggested_n_motifs,
        "messages_": described.messages,
        "stopped_early_": described.stopped_early,
        "motifs_": motifs,
        "activations_": _array(contents, "activations", _FLOATS, (n_motifs, n_frames)),
        "p_values_": _array(contents, "p_values", _FLOATS, (n_motifs,), not_a_number=True),
        "significant_": _array(contents, "significant", (np.bool_,), (n_motifs,)),
        "baseline_": _array(contents, "baseline", _FLOATS, described.frame_shape),
        "bleaching_": _array(contents, "bleaching", _FLOATS, (n_frames,)),
        "loss_curve_": _array(contents, "loss_curve", _FLOATS, (None,), not_a_number=True),
        "shifts_": None,
        "occurrences_": _occurrences(contents, n_motifs, n_frames),
    }
    if "shifts" in contents.arrays:
        state["shifts_"] = _array(contents, "shifts", _FLOATS, (n_frames, 2))
    if length < 1 or min(described.frame_shape) < 1 or not _are_probabilities(state):
        raise ModelFileError(
            f"the arrays in {path.name} contradict themselves: save the model again (got {n_motifs} "
            f"motifs of {length} frames of {described.frame_shape} pixels, or probabilities that are none)"
        )
    return state


def _are_probabilities(state: dict[str, Any]) -> bool:
    values = np.concatenate([state["p_values_"], state["activations_"].ravel()])
    values = values[~np.isnan(values)]
    return bool(((values >= 0) & (values <= 1)).all())


def _occurrences(contents: ModelContents, n_motifs: int, n_frames: int) -> tuple[Occurrence, ...]:
    motif = _array(contents, "occurrences.motif", (np.int32,), (None,))
    columns = {
        name: _array(contents, f"occurrences.{name}", (dtype,), motif.shape)
        for name, dtype in _OCCURRENCE.items()
    }
    for name, limit in (("motif", n_motifs), ("frame", n_frames)):
        values = columns[name]
        if len(values) and not 0 <= values.min() <= values.max() < limit:
            raise ModelFileError(
                f"an occurrence in this model file is outside of the video or of no motif (got {name} "
                f"{values.min()} to {values.max()}, where 0 to {limit - 1} is possible)"
            )
    rows = zip(*(columns[name].tolist() for name in _OCCURRENCE), strict=True)
    return tuple(Occurrence(*row) for row in rows)


def _array(
    contents: ModelContents,
    name: str,
    dtypes: tuple[type, ...],
    shape: tuple[int | None, ...],
    *,
    not_a_number: bool = False,
) -> NDArray[Any]:
    array = contents.array(name, dtypes, shape)
    if array.dtype.kind == "f" and not not_a_number and not np.isfinite(array).all():
        raise ModelFileError(f"the array {name!r} in this model file is damaged (got NaN or infinity)")
    return array
