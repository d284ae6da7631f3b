"""A recipe: what a job was given (tool, parameters, model, inputs), so that it can be repeated exactly.

It is plain JSON. The model is named together with its SHA-256, so that "the same" means the same numbers.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..common.atomic import write_atomically
from ..common.image_io import is_image_path, open_image
from ..errors import InputError, ModelMismatchError
from ..pixel.prediction import Output

METADATA_KEY = "segmotif"
"""Where an image that was written by a job keeps its recipe."""
_LARGEST = 16 * 2**20
_PACKAGES = ("napari-segmotif", "numpy", "scikit-image", "scikit-learn", "scipy")

BatchOutput = Output | Literal["objects"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ObjectParameters(_Frozen):
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


class PixelParameters(_Frozen):
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


class ModelReference(_Frozen):
    """A model file and the SHA-256 of its bytes."""

    path: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @classmethod
    def of(cls, path: Path) -> Self:
        """Describe a model file as it is now."""
        return cls(path=str(path.resolve()), sha256=_sha256(path))


@functools.cache
def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in _PACKAGES}


class Description(_Frozen):
    """What a job was given, but for its model: all there is to tell while a classifier is in no file.

    Attributes
    ----------
    tool
        Which tool did it.
    parameters
        What was asked of it.
    inputs
        The files that it was given. A recipe may be repeated on others.
    made_with
        Versions of the packages that decide about the numbers.
    details
        What else is worth knowing, in JSON's types. A repetition does not look at it.
    """

    recipe_version: Literal[1] = 1
    tool: Literal["pixel"] = "pixel"
    parameters: PixelParameters = PixelParameters()
    inputs: tuple[str, ...] = ()
    made_with: dict[str, str] = Field(default_factory=_versions)
    details: dict[str, Any] | None = None

    def giving(self, *outputs: BatchOutput) -> Self:
        """The same with other outputs."""
        objects = self.parameters.objects if "objects" in outputs else None
        changed = {"outputs": outputs, "objects": objects}
        return self.model_copy(update={"parameters": self.parameters.model_copy(update=changed)})

    def with_model(self, model: ModelReference) -> Recipe:
        """The recipe that this is, now that the model is in a file."""
        return Recipe(**{name: getattr(self, name) for name in Description.model_fields}, model=model)

    def as_json(self) -> dict[str, Any]:
        """In plain types, as it stands in files and in the metadata of images and layers."""
        return self.model_dump(mode="json", exclude_none=True)


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
        with write_atomically(path) as temporary:
            text = kept.model_dump_json(indent=2, exclude_none=True)
            temporary.write_text(text + "\n", encoding="utf-8")
        return path

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a recipe from a JSON file, or from an image that a job wrote.

        Raises
        ------
        InputError
            If there is no recipe in it, or it is damaged or of a newer version.
        """
        path = Path(path)
        try:
            if is_image_path(path):
                with open_image(path) as opened:
                    recipe = cls.model_validate(opened.metadata.get(METADATA_KEY))
            else:
                recipe = cls.model_validate_json(_read(path))
        except ValidationError as error:
            raise InputError(
                f"{path} is no recipe that can be repeated (got {InputError.from_validation(error)})"
            ) from error
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


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise InputError(f"{path} is too large to be a recipe (got {size} bytes)")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"there is no such recipe: check its name (got {path}: {error.strerror})") from error


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
