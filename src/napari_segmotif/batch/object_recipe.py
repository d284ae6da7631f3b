"""The recipe of measuring objects, and of telling their classes by a saved classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator

from ..explore.measuring.properties import DEFAULT_GROUPS, GROUPS, PROPERTIES
from .model_recipe import ImageJobParameters, ModelRecipe, ModelReference, each_once
from .recipe_file import RecipeBase, read_content, versions

_PACKAGES = ("napari-segmotif", "numpy", "scikit-image", "scikit-learn", "scipy")


class ObjectJobParameters(ImageJobParameters):
    """How the objects of every label image are measured."""

    properties: tuple[str, ...] = Field(
        default=DEFAULT_GROUPS, min_length=1, title="Features", description="Groups and names of features."
    )
    channel_names: tuple[str, ...] = Field(
        default=(), title="Channels", description="What the channels are called; overrules the files."
    )
    unit: str | None = Field(
        default=None, title="Unit", description="Of the pixel size; overrules what the files say."
    )

    @field_validator("properties")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in names if name not in GROUPS and name not in PROPERTIES]
        if unknown:
            raise ValueError(f"there is no such feature or group of features: {', '.join(unknown)}")
        return each_once(names)


class ObjectDescription(RecipeBase):
    """What a measurement was given. See RecipeBase for the attributes."""

    tool: Literal["objects"] = "objects"
    parameters: ObjectJobParameters = ObjectJobParameters()
    made_with: dict[str, str] = Field(default_factory=lambda: dict(versions(*_PACKAGES)))

    def with_model(self, model: ModelReference) -> ObjectRecipe:
        """The recipe of measuring, and then telling the classes by this classifier."""
        return ObjectRecipe(
            **{name: getattr(self, name) for name in ObjectDescription.model_fields}, model=model
        )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a recipe from a JSON file.

        Raises
        ------
        InputError
            If there is no recipe of objects in it, or it is damaged or of a newer version.
        """
        return cls.parse(read_content(Path(path)), Path(path))


class ObjectRecipe(ObjectDescription, ModelRecipe):
    """What a classification of objects was given: with this it can be repeated. See ModelRecipe."""


def has_model(content: Any) -> bool:
    """Whether a recipe of objects, as it was read from a file, names a classifier."""
    if isinstance(content, bytes):
        import json

        content = json.loads(content)
    return isinstance(content, dict) and content.get("model") is not None
