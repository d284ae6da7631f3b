"""Recipes of jobs that use a model.

It is named together with its SHA-256, so that "the same" means the same numbers.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import Field

from ..errors import InputError, ModelMismatchError
from .recipe_file import Frozen, RecipeBase, read_content

T = TypeVar("T")


class ImageJobParameters(Frozen):
    """What is asked of a model for every image, whatever the model; it has `outputs`, too."""

    axes: str | None = Field(
        default=None, title="Axes", description="Letters of TCZYX that overrule what the files say."
    )
    spacing: tuple[Annotated[float, Field(gt=0)], ...] | None = Field(
        default=None, title="Pixel size", description="Along each spatial axis; overrules what the files say."
    )


def each_once(outputs: tuple[T, ...]) -> tuple[T, ...]:
    """The same in the same order, without repetitions."""
    return tuple(dict.fromkeys(outputs))


class ModelReference(Frozen):
    """A model file and the SHA-256 of its bytes."""

    path: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @classmethod
    def of(cls, path: Path) -> Self:
        """Describe a model file as it is now."""
        return cls(path=str(path.resolve()), sha256=_sha256(path))


class ModelRecipe(RecipeBase):
    """What a job with a model was given.

    Attributes
    ----------
    model
        Which model it used; see RecipeBase for the others.
    """

    model: ModelReference

    @classmethod
    def of(cls, model: Path, parameters: Frozen, inputs: Sequence[str | Path]) -> Self:
        """Describe the job of applying a model file to files."""
        return cls(  # type: ignore[call-arg]  # every tool has its own name by default
            parameters=parameters, model=ModelReference.of(model), inputs=tuple(str(path) for path in inputs)
        )

    def on(self, model: Path, inputs: Sequence[str | Path]) -> Self:
        """The same job, with this model file, of other files."""
        return type(self).of(model, self.parameters, inputs)

    def save(self, path: str | Path) -> Path:
        """Write the recipe as JSON; the model's path is kept relative where it stands beside or below."""
        path = Path(path)
        relative = _relative(Path(self.model.path), path.resolve().parent)
        kept = self.model_copy(update={"model": self.model.model_copy(update={"path": relative})})
        return super(ModelRecipe, kept).save(path)

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


def _relative(model: Path, folder: Path) -> str:
    return model.relative_to(folder).as_posix() if model.is_relative_to(folder) else str(model)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
