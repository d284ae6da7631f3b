"""The recipe of a U-Net's job: what it was given, so that it can be repeated exactly."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator

from ..unet.inference.prediction import Output, Uncertainty
from ..unet.objects.decoding import Decoder
from .model_recipe import ImageJobParameters, ModelRecipe, ModelReference, each_once
from .recipe_file import RecipeBase, versions

_PACKAGES = ("napari-segmotif", "numpy", "scikit-image", "scipy", "torch")


class UNetJobParameters(ImageJobParameters):
    """What is computed with a trained network."""

    outputs: tuple[Output, ...] = Field(
        default=("labels",), min_length=1, title="Outputs", description="What is written for every image."
    )
    augment: bool = Field(
        default=False,
        title="Flips",
        description="Whether the mean over mirrored images is taken: a little better, several times slower.",
    )
    uncertainty: Uncertainty = Field(
        default="flips",
        title="Uncertainty from",
        description="How much mirrored images, or networks without some features, disagree.",
    )

    decoder: Decoder | None = Field(
        default=None,
        title="Objects",
        description="How objects are made of what the network says; by default as was chosen on the held-out "
        "part of the training.",
    )

    _each_once = field_validator("outputs")(each_once)


class UNetDescription(RecipeBase):
    """What a job was given, but for its model: all there is to tell while a network is in no file.

    See RecipeBase for the attributes.
    """

    tool: Literal["unet"] = "unet"
    parameters: UNetJobParameters = UNetJobParameters()
    made_with: dict[str, str] = Field(default_factory=lambda: dict(versions(*_PACKAGES)))

    def giving(self, *outputs: Output) -> Self:
        """The same with other outputs."""
        return self.model_copy(update={"parameters": self.parameters.model_copy(update={"outputs": outputs})})

    def with_model(self, model: ModelReference) -> UNetRecipe:
        """The recipe that this is, now that the network is in a file."""
        return UNetRecipe(**{name: getattr(self, name) for name in UNetDescription.model_fields}, model=model)


class UNetRecipe(UNetDescription, ModelRecipe):
    """What a job with a network was given: with this it can be repeated. See ModelRecipe."""
