"""The jobs of the Motif detector: generators that know neither napari nor Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...batch.motif_recipe import MotifRecipe
from ...common.axes import ImageSource
from ...common.progress import CancelToken, Job, Progress
from ...motifs.parameters import MotifParameters
from .crop import Crop
from .found import Found, look_at, with_orders

if TYPE_CHECKING:
    from ...motifs.lemonade import LeMoNADe
    from ...motifs.results.cells import MotifCells

_AXES = "TYX"


def make_estimator(parameters: MotifParameters) -> LeMoNADe:
    """Make the estimator that a run fits."""
    from ...motifs.lemonade import LeMoNADe

    return LeMoNADe(**parameters.model_dump())


def load_estimator(path: Path) -> LeMoNADe:
    """Read a model that was saved."""
    from ...motifs.lemonade import LeMoNADe

    return LeMoNADe.load(path)


def find(
    parameters: MotifParameters,
    video: ImageSource,
    cells: NDArray[Any] | None,
    crop: Crop | None,
    stop: CancelToken,
    token: CancelToken,
) -> Job[Found]:
    """Look for motifs in a video, or in a part of it.

    Parameters
    ----------
    parameters
        All settings.
    video
        (T, Y, X).
    cells
        (Y, X) labels, or None.
    crop
        The part to look at; None: all of it.
    stop, token
        "Finish now, and keep the best so far", and cancel.
    """
    if crop is not None:
        yield Progress(0, 0, "reading the part to look at")
        video = ImageSource(np.asarray(video.array[crop.region]), _AXES, video.spacing)
    model = yield from make_estimator(parameters).fit_iter(video, token=token, stop=stop)
    yield Progress(1, 1, "preparing the layers")
    return _looked_at(model, crop, cells)


def load(path: Path, cells: NDArray[Any] | None, token: CancelToken) -> Job[Found]:
    """Read a model that was saved, to be shown on its video."""
    yield Progress(0, 0, f"reading {path.name}")
    return _looked_at(load_estimator(path), None, cells)


def _looked_at(model: LeMoNADe, crop: Crop | None, cells: NDArray[Any] | None) -> Found:
    found = look_at(model, crop)
    return found if cells is None else with_orders(found, cells)


def order(found: Found, cells: NDArray[Any], token: CancelToken) -> Job[Found]:
    """Find out which cells belong to which motif."""
    yield Progress(0, 0, "ordering the cells")
    return with_orders(found, cells)


def save(model: LeMoNADe, path: Path, recipe: MotifRecipe, token: CancelToken) -> Job[Path]:
    """Write a model to a file, and beside it the recipe that `segmotif run` repeats on other videos."""
    yield Progress(0, 0, f"writing {path.name}")
    model.save(path)
    recipe.save(path.with_suffix(".recipe.json"))
    return path


def export(
    model: LeMoNADe,
    folder: Path,
    nwb: bool,
    spacing: tuple[float, ...] | None,
    units: tuple[str, ...] | None,
    recipe: Mapping[str, Any],
    orders: Sequence[MotifCells],
    token: CancelToken,
) -> Job[tuple[Path, ...]]:
    """Write motifs, activations, occurrences, cells and the model to a folder, as the command line does."""
    from ...motifs.results.export import make_folder, write_cells, write_results

    folder = make_folder(folder)
    yield Progress(0, 0, "writing the model")
    written = [model.save(folder / "model.segmotif")]
    if orders:
        written.append(write_cells(folder / "cells.csv", orders, model.parameters.frame_rate))
    token.raise_if_cancelled()
    yield Progress(0, 0, "writing the results")
    results = write_results(folder, model, nwb=nwb, spacing=spacing, units=units, recipe=dict(recipe))
    return (*written, *results)
