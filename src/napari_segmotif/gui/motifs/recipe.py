"""The recipe that every result carries. No Qt in here."""

from __future__ import annotations

from typing import Any

from ...batch.motif_recipe import MotifJobParameters, MotifRecipe
from ...motifs.parameters import MotifParameters
from ..source_file import FileOfLayer
from .crop import Crop


def describe(parameters: MotifParameters, video: FileOfLayer, crop: Crop | None) -> MotifRecipe:
    """Say what made a result: settings, the video that it was made from, and which part of it."""
    details: dict[str, Any] = {"video": {"name": video.name, "axes": video.axes}}
    if crop is not None:
        details["region"] = [[part.start, part.stop] for part in crop.region]
    return MotifRecipe.of(
        MotifJobParameters(settings=parameters),
        [video.path] if video.path else [],
        details,
    )
