"""The recipe of a pixel classifier's job: what it was given, so that it can be repeated exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator

from ..pixel.prediction import Output
from .model_recipe import ImageJobParameters, ModelRecipe, ModelReference, each_once
from .motif_recipe import MotifRecipe
from .object_recipe import ObjectDescription, ObjectRecipe, has_model
from .recipe_file import METADATA_KEY, Frozen, RecipeBase, read_content, tool_of, versions
from .unet_recipe import UNetRecipe

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


class PixelParameters(ImageJobParameters):
    """What is computed with a pixel classifier."""

    outputs: tuple[BatchOutput, ...] = Field(
        default=("labels",), min_length=1, title="Outputs", description="What is written for every image."
    )
    objects: ObjectParameters | None = Field(
        default=None, title="Objects", description="How objects are made, where they are among the outputs."
    )

    _each_once = field_validator("outputs")(each_once)


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


class Recipe(Description, ModelRecipe):
    """What a job with a pixel classifier was given: with this it can be repeated. See ModelRecipe."""


def load_recipe(path: str | Path) -> Recipe | UNetRecipe | MotifRecipe | ObjectDescription:
    """Read a recipe of any tool from a JSON file, or from an image that a job wrote.

    Raises
    ------
    InputError
        If there is no recipe in it, or it is damaged or of a newer version.
    """
    path = Path(path)
    content = read_content(path)
    tool = tool_of(content)
    if tool == "motifs":
        return MotifRecipe.parse(content, path)
    if tool == "objects":
        if has_model(content):
            return ObjectRecipe.from_content(content, path)
        return ObjectDescription.parse(content, path)
    return (UNetRecipe if tool == "unet" else Recipe).from_content(content, path)
