"""The settings of the U-Net, with their bounds: what the constructor checks and the form shows."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..common.device import Device

Annotation = Literal["instances", "semantic", "scribbles"]
"""What training labels are: numbered objects; a class for every pixel; or strokes, 0 = not annotated."""


class NetworkParameters(BaseModel):
    """Shape of the network (Ronneberger et al., MICCAI 2015)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    dimensions: Literal[2, 3] = Field(
        default=2, title="Dimensions", description="2: each plane by itself; 3: whole volumes."
    )
    width: int | None = Field(
        default=None,
        ge=4,
        le=256,
        title="Width",
        description=(
            "Channels at full resolution; twice as many at every level. Wider is better with much time and "
            "data; empty: 24 on the CPU, 32 on a GPU."
        ),
    )
    depth: int | None = Field(
        default=None,
        ge=1,
        le=7,
        title="Depth",
        description="How often the resolution is halved; empty: from the size of the objects.",
    )
    normalization: Literal["batch", "instance"] = Field(
        default="batch",
        title="Normalisation",
        description=(
            "'batch' looks at single pixels when it predicts, so that results do not depend on tiles; "
            "'instance' adapts to every tile."
        ),
    )
    residual: bool = Field(
        default=False,
        title="Residual blocks",
        description="Add a shortcut around every pair of convolutions.",
    )
    dropout: float = Field(
        default=0.0,
        ge=0,
        le=0.8,
        title="Dropout",
        description="Share of features that are left out at random in training, and for the uncertainty.",
    )


class AugmentationParameters(BaseModel):
    """How training images are varied. 0 switches a variation off."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    flip: bool = Field(default=True, title="Flips", description="Mirror along every axis, half of the time.")
    turn: bool = Field(default=True, title="Quarter turns", description="Turn by 0, 90, 180 or 270° in YX.")
    rotation: float = Field(
        default=20.0,
        ge=0,
        le=180,
        title="Rotation",
        description="Turn by up to so many degrees more, in YX.",
        json_schema_extra={"unit": "°"},
    )
    scaling: float = Field(
        default=0.25,
        ge=0,
        le=0.8,
        title="Scaling",
        description="Make up to so much larger or smaller; 0.25: from 1/1.25 to 1.25.",
    )
    elastic: float = Field(
        default=2.0,
        ge=0,
        le=20,
        title="Elastic",
        description="Bend by about so many pixels.",
        json_schema_extra={"unit": "px"},
    )
    brightness: float = Field(
        default=0.1, ge=0, le=1, title="Brightness", description="Add up to so much of the image's range."
    )
    contrast: float = Field(
        default=0.3, ge=0, le=0.9, title="Contrast", description="Stretch or squeeze by up to so much."
    )
    gamma: float = Field(
        default=0.4, ge=0, le=1, title="Gamma", description="Bend the brightness curve by up to so much."
    )
    noise: float = Field(
        default=0.05,
        ge=0,
        le=1,
        title="Noise",
        description="Add noise of up to so much of the image's range.",
    )
    blur: float = Field(
        default=1.0,
        ge=0,
        le=5,
        title="Blur",
        description="Blur with a Gaussian of up to so many pixels.",
        json_schema_extra={"unit": "px"},
    )


class TrainingParameters(BaseModel):
    """How the network is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    n_epochs: int = Field(
        default=60, ge=1, le=100_000, title="Epochs", description="At most so many rounds of training."
    )
    max_minutes: float | None = Field(
        default=None,
        gt=0,
        le=100_000,
        title="Time limit",
        description="Training ends within so many minutes; its result then depends on the machine's speed.",
        json_schema_extra={"unit": "min"},
    )
    steps_per_epoch: int | None = Field(
        default=None, ge=1, le=100_000, title="Steps", description="Per epoch; empty: from the images' area."
    )
    batch_size: int | None = Field(
        default=None, ge=1, le=1024, title="Batch", description="Patches a step; empty: from their size."
    )
    patch_size: int | None = Field(
        default=None,
        ge=16,
        le=4096,
        title="Patch",
        description="Side of the patches in Y and X; empty: from the size of images and objects.",
        json_schema_extra={"unit": "px"},
    )
    foreground_share: float = Field(
        default=0.33,
        ge=0,
        le=1,
        title="Foreground patches",
        description="At least so large a share of the patches is put onto an object or a stroke.",
    )
    class_loss: Literal["dice+ce", "ce", "dice", "focal"] = Field(
        default="dice+ce",
        title="Loss of classes",
        description="Dice + cross-entropy, one of them, or focal loss for rare classes.",
    )
    offset_loss: Literal["mae", "mse"] = Field(
        default="mae", title="Loss of offsets", description="Mean absolute or mean squared error."
    )
    class_weights: Literal["none", "balanced"] = Field(
        default="none", title="Class weights", description="'balanced': every class counts the same."
    )
    optimizer: Literal["adamw", "sgd"] = Field(
        default="adamw", title="Optimiser", description="AdamW, or SGD with momentum."
    )
    learning_rate: float = Field(
        default=3e-3, gt=0, le=10, title="Learning rate", description="The highest one, after a warm-up."
    )
    schedule: Literal["cosine", "poly", "constant"] = Field(
        default="cosine", title="Schedule", description="How the learning rate falls towards the end."
    )
    momentum: float = Field(default=0.9, ge=0, lt=1, title="Momentum", description="Of SGD.")
    weight_decay: float = Field(
        default=1e-3, ge=0, le=1, title="Weight decay", description="Keeps weights small."
    )
    gradient_clip: float = Field(
        default=5.0,
        gt=0,
        le=1e6,
        title="Gradient clip",
        description="Longer gradients are cut to this length.",
    )
    validation_share: float = Field(
        default=0.2,
        gt=0,
        le=0.6,
        title="Held out",
        description="Share of images, or of the area of a single one, that is kept for validation.",
    )
    patience: int = Field(
        default=0,
        ge=0,
        le=100_000,
        title="Patience",
        description="Stop after so many epochs without a better validation score; 0: never.",
    )
    mixed_precision: bool = Field(
        default=True,
        title="Mixed precision",
        description="Train with 16-bit numbers where the device is faster with them.",
    )
    random_state: int = Field(
        default=0, ge=0, le=2**31 - 1, title="Seed", description="The same seed gives the same network."
    )


class UNetParameters(TrainingParameters, AugmentationParameters, NetworkParameters):
    """All settings of a UNetSegmenter."""

    device: Device = Field(default="auto", title="Device", description="Where the network computes.")
