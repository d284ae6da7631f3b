"""The recipe of finding motifs: settings and inputs. There is no model in it, as each video is its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from ..motifs.parameters import MotifParameters
from .recipe_file import Frozen, RecipeBase, read_content, versions

_PACKAGES = ("napari-segmotif", "numpy", "scikit-image", "scipy", "torch")

PositiveNumber = Annotated[float, Field(gt=0)]


class MotifJobParameters(Frozen):
    """What is asked of the motif detector for every video."""

    settings: MotifParameters = MotifParameters()
    frame_rate_from_file: bool = Field(
        default=False,
        title="Frame rate from the file",
        description="Whether the frame rate that a video's file states comes before that of the settings.",
    )
    axes: str | None = Field(
        default=None, title="Axes", description="Letters of TCZYX that overrule what the files say."
    )
    spacing: tuple[PositiveNumber, PositiveNumber] | None = Field(
        default=None, title="Pixel size", description="Along Y and X; overrules what the files say."
    )
    nwb: bool = Field(default=False, title="NWB", description="Whether an NWB file is written, too.")


class MotifRecipe(RecipeBase):
    """What a search for motifs was given: with this it can be repeated, on the same video or on others.

    The device is not part of it: it is chosen where the recipe is repeated. For the attributes see
    RecipeBase.
    """

    tool: Literal["motifs"] = "motifs"
    parameters: MotifJobParameters = MotifJobParameters()
    made_with: dict[str, str] = Field(default_factory=lambda: dict(versions(*_PACKAGES)))

    @classmethod
    def of(
        cls,
        parameters: MotifJobParameters,
        inputs: Sequence[str | Path],
        details: dict[str, Any] | None = None,
    ) -> Self:
        """Describe the job of finding motifs in files; see RecipeBase."""
        anywhere = parameters.settings.model_copy(update={"device": "auto"})
        return cls(
            parameters=parameters.model_copy(update={"settings": anywhere}),
            inputs=tuple(str(path) for path in inputs),
            details=details,
        )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a recipe from a JSON file, or from a motif that a job wrote as an image.

        Raises
        ------
        InputError
            If there is no recipe of motifs in it, or it is damaged or of a newer version.
        """
        return cls.parse(read_content(Path(path)), Path(path))
