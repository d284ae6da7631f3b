"""A recipe: what a job was given (tool, parameters, model, inputs), so that it can be repeated exactly.

It is plain JSON. The model is named together with its SHA-256, so that "the same" means the same numbers.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator

from ..errors import InputError, ModelMismatchError
from ..pixel.prediction import Output
from .motif_recipe import MotifRecipe
from .recipe_file import METADATA_KEY, Frozen, RecipeBase, read_content, tool_of, versions

__all__ = [
    "METADATA_KEY",
    "BatchOutput",
    "Description",
    "ModelReference",
    "ObjectParameters",
    "PixelParameters",
    "Recipe",
    "load_recipe",
]

_PACKAGES = ("napari-segmotif", "numpy", "scikit-image", "scikit-learn", "scipy")

BatchOutput = Output | Literal["objects"]


class ObjectParameters(Frozen):
    """How objects are made of the probability of one class."""

    class_id: int = Field(ge=1, title="Class", description="The class whose pixels become objects.")
    threshold: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        title="Threshold",
        description="Probability from which a pixel belongs to it.",
    )
    minimum_size: int = Field(
        default=20,
        ge=0,
        title="Minimum size",
        description="Smaller objects are dropped, in pixels or voxels.",
    )
    fill_holes: bool = Field(default=True, title="Fill holes", description="Whether holes are filled.")
    split_touching: bool = Field(
        default=True, title="Split touching objects", description="Whether objects are split at their necks."
    )


class PixelParameters(Frozen):
    """What is computed with a pixel classifier."""

    outputs: tuple[BatchOutput, ...] = Field(
        default=("labels",), min_length=1, title="Outputs", description="What is written for every image."
    )
    objects: ObjectParameters | None = Field(
        default=None, title="Objects", description="How objects are made, where they are among the outputs."
    )
    axes: str | None = Field(
        default=None, title="Axes", description="Letters of TCZYX that overrule what the files say."
    )
    spacing: tuple[Annotated[float, Field(gt=0)], ...] | None = Field(
        default=None, title="Pixel size", description="Along each spatial axis; overrules what the files say."
    )

    @field_validator("outputs")
    @classmethod
    def _each_once(cls, outputs: tuple[BatchOutput, ...]) -> tuple[BatchOutput, ...]:
        return tuple(dict.fromkeys(outputs))


class ModelReference(Frozen):
    """A model file and the SHA-256 of its bytes."""

    path: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @classmethod
    def of(cls, path: Path) -> Self:
        """Describe a model file as it is now."""
        return cls(path=str(path.resolve()), sha256=_sha256(path))


class Description(RecipeBase):
    """What a job was given, but for its model: all there is to tell while a classifier is in no file.

    See RecipeBase for the attributes.
    """

    tool: Literal["pixel"] = "pixel"
    parameters: PixelParameters = PixelParameters()
    made_with: dict[str, str] = Field(default_factory=lambda: dict(versions(*_PACKAGES)))

    def giving(self, *outputs: BatchOutput) -> Self:
        """The same with other outputs."""
        objects = self.parameters.objects if "objects" in outputs else None
        changed = {"outputs": outputs, "objects": objects}
        return self.model_copy(update={"parameters": self.parameters.model_copy(update=changed)})

    def with_model(self, model: ModelReference) -> Recipe:
        """The recipe that this is, now that the model is in a file."""
        return Recipe(**{name: getattr(self, name) for name in Description.model_fields}, model=model)


class Recipe(Description):
    """What a job was given: with this it can be repeated.

    Attributes
    ----------
    model
        Which model it used; see Description for the others.
    """

    model: ModelReference

    @classmethod
    def of(cls, model: Path, parameters: PixelParameters, inputs: Sequence[str | Path]) -> Self:
        """Describe the job of applying a model file to files."""
        return cls(
            parameters=parameters, model=ModelReference.of(model), inputs=tuple(str(path) for path in inputs)
        )

    def save(self, path: str | Path) -> Path:
        """Write the recipe as JSON; the model's path is kept relative where it stands beside or below."""
        path = Path(path)
        relative = _relative(Path(self.model.path), path.resolve().parent)
        kept = self.model_copy(update={"model": self.model.model_copy(update={"path": relative})})
        return super(Recipe, kept).save(path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a recipe from a JSON file, or from an image that a job wrote.

        Raises
        ------
        InputError
            If there is no recipe in it, or it is damaged or of a newer version.
        """
        return cls.from_content(read_content(Path(path)), Path(path))

    @classmethod
    def from_content(cls, content: Any, path: Path) -> Self:
        """Check what was read, and say where its model is as seen from here."""
        recipe = cls.parse(content, path)
        model = path.resolve().parent / recipe.model.path  # an absolute path stays as it is
        return recipe.model_copy(
            update={"model": recipe.model.model_copy(update={"path": os.path.normpath(model)})}
        )

    def checked_model(self) -> Path:
        """The path of the model, which is the very one that the recipe was made with.

        Raises
        ------
        InputError
            If there is no such file.
        ModelMismatchError
            If the file was changed since.
        """
        path = Path(self.model.path)
        if not path.is_file():
            raise InputError(
                f"the recipe's model is not there: copy it back, or give another with --model (got {path})"
            )
        found = _sha256(path)
        if found != self.model.sha256:
            raise ModelMismatchError(
                "the model was changed since the recipe was made, so that the numbers would not be the same: "
                f"restore it, or give it explicitly with --model (got {path}, SHA-256 {found[:12]}… instead "
                f"of {self.model.sha256[:12]}…)"
            )
        return path


def load_recipe(path: str | Path) -> Recipe | MotifRecipe:
    """Read a recipe of any tool from a JSON file, or from an image that a job wrote.

    Raises
    ------
    InputError
        If there is no recipe in it, or it is damaged or of a newer version.
    """
    path = Path(path)
    content = read_content(path)
    if tool_of(content) == "motifs":
        return MotifRecipe.parse(content, path)
    return Recipe.from_content(content, path)


def _relative(model: Path, folder: Path) -> str:
    return model.relative_to(folder).as_posix() if model.is_relative_to(folder) else str(model)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
