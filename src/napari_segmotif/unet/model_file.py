"""A U-Net as a `.segmotif` file: weights, how objects are made, the model card; no pickle."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from ..common.metrics import ClassificationScores
from ..common.model_files import ModelContents, read_model, write_model
from ..common.object_metrics import ObjectScores
from ..errors import InputError, ModelFileError
from .learning.training_state import reports_as_json, reports_from_json
from .learning.validation import ValidationTable
from .network.configuration import Configuration
from .network.heads import Heads
from .objects.decoding import Decoder
from .parameters import Annotation, UNetParameters
from .trained import TrainedUNet, network_arguments

TOOL = "unet"
_WEIGHTS, _TRAINING = "network.", "training."
_MOST_CHANNELS = 10_000
_MOST_LEVELS = 16
_LARGEST = 1 << 20


@dataclass(frozen=True)
class KeptTraining:
    """Where a stopped training stands; see `training.TrainingRun.state`."""

    arrays: Mapping[str, NDArray[Any]]
    metadata: Mapping[str, Any]


class _Counts(BaseModel):
    """Objects found, wrongly found and missed, by IoU threshold."""

    model_config = ConfigDict(extra="forbid")

    thresholds: tuple[float, ...]
    true_positives: tuple[int, ...]
    false_positives: tuple[int, ...]
    false_negatives: tuple[int, ...]


class _Validation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    objects: _Counts | None
    per_sample: tuple[_Counts, ...]
    confusion: list[list[int]]
    dice: float | None
    by: str
    n_samples: int


class Description(BaseModel):
    """Everything of the model that is no array, as it stands in model.json."""

    model_config = ConfigDict(extra="forbid")

    parameters: UNetParameters
    configuration: Configuration
    annotation: Annotation
    classes: tuple[int, ...]
    background: int | None = None
    n_channels: int
    axes: str
    spacing: tuple[float, ...] | None
    class_names: dict[int, str]
    class_colors: dict[int, str]
    channel_names: tuple[str, ...]
    decoder: Decoder
    history: list[dict[str, Any]]
    validation: _Validation | None
    messages: tuple[str, ...]
    stopped: str
    diverged: bool = False
    card: dict[str, Any]
    training: dict[str, Any] | None = None

    @classmethod
    def of(cls, model: TrainedUNet, training: Mapping[str, Any] | None = None) -> Description:
        """Describe a model."""
        return cls(
            parameters=model.parameters.model_copy(update={"device": "auto"}),
            configuration=model.configuration,
            annotation=model.annotation,
            classes=model.heads.classes,
            background=model.heads.background,
            n_channels=model.n_channels,
            axes=model.axes,
            spacing=model.spacing,
            class_names=dict(model.class_names),
            class_colors=dict(model.class_colors),
            channel_names=model.channel_names,
            decoder=model.decoder,
            history=reports_as_json(model.history),
            validation=_validation_as_json(model.validation),
            messages=model.messages,
            stopped=model.stopped,
            diverged=model.diverged,
            card=dict(model.card),
            training=None if training is None else dict(training),
        )

    @property
    def heads(self) -> Heads:
        """What the network says of every pixel."""
        objects = self.annotation == "instances"
        return Heads(self.classes, objects, self.parameters.dimensions, self.background)

    def model(self, weights: Mapping[str, NDArray[Any]]) -> TrainedUNet:
        """The described model with its weights.

        Raises
        ------
        RuntimeError, TypeError, ValueError
            If the parts do not fit together.
        """
        from .exchange.torch_export import expected_shapes
        from .network.torch_building import network_with

        heads = self.heads
        self._check(heads)
        arguments = network_arguments(self.configuration, heads, self.n_channels, self.parameters)
        # Compared before any network of the size that the description asks for is made.
        if {name: array.shape for name, array in weights.items()} != expected_shapes(arguments):
            raise ValueError(f"{len(weights)} weights that are not those of the described network")
        if not all(np.isfinite(w).all() for w in weights.values()):
            raise ValueError("weights that are not finite")
        return TrainedUNet(
            network=network_with(arguments, weights),
            heads=heads,
            configuration=self.configuration,
            parameters=self.parameters,
            annotation=self.annotation,
            n_channels=self.n_channels,
            axes=self.axes,
            spacing=self.spacing,
            class_names=self.class_names,
            class_colors=self.class_colors,
            channel_names=self.channel_names,
            decoder=self.decoder,
            history=tuple(reports_from_json(self.history)),
            validation=_validation_from_json(self.validation, heads),
            messages=self.messages,
            stopped=self.stopped,
            diverged=self.diverged,
            card=self.card,
        )

    def _check(self, heads: Heads) -> None:
        """Raise ValueError where the parts contradict each other."""
        if not 1 <= self.n_channels <= _MOST_CHANNELS or len(self.channel_names) != self.n_channels:
            raise ValueError(f"{self.n_channels} channels with {len(self.channel_names)} names")
        if not self.classes or list(self.classes) != sorted(set(self.classes)):
            raise ValueError(f"classes {self.classes[:10]}")
        if self.background is not None and self.background not in self.classes:
            raise ValueError(f"a background of {self.background} in classes {self.classes[:10]}")
        if heads.objects and self.classes != (0, 1):
            raise ValueError(f"objects of the classes {self.classes[:10]}")
        if self.spacing is not None and not (
            len(self.spacing) == heads.dimensions and all(0 < step < math.inf for step in self.spacing)
        ):
            raise ValueError(f"a spacing of {self.spacing[:10]} in {heads.dimensions}D")
        if len(set(self.axes)) != len(self.axes) or not set("YX") <= set(self.axes) <= set("TCZYX"):
            raise ValueError(f"axes {self.axes[:10]!r}")
        _check_configuration(self.configuration, heads.dimensions)


def _check_configuration(configuration: Configuration, dimensions: int) -> None:
    """Raise ValueError where no network can be of this shape."""
    c = configuration
    if not 1 <= c.depth == len(c.strides) == len(c.widths) - 1 == len(c.kernels) - 1 <= _MOST_LEVELS:
        raise ValueError(f"a depth of {c.depth} with {len(c.strides)} strides, {len(c.widths)} widths")
    if any(len(part) != dimensions for part in (c.patch, *c.strides, *c.kernels)):
        raise ValueError(f"a patch of {len(c.patch)} axes in {dimensions}D")
    numbers = [*c.widths, *c.patch, *(n for part in (*c.strides, *c.kernels) for n in part)]
    if not all(1 <= n <= _LARGEST for n in (*numbers, c.batch_size, c.steps_per_epoch)):
        raise ValueError(f"widths {c.widths}, a patch of {c.patch}, batches of {c.batch_size}")
    if any(side % step for side, step in zip(c.patch, c.total_stride, strict=True)):
        raise ValueError(f"a patch of {c.patch} with strides of {c.total_stride}")
    if c.object_diameter is not None and not 0 < c.object_diameter < math.inf:
        raise ValueError(f"objects of {c.object_diameter} pixels")


def save(model: TrainedUNet, path: Path, kept: KeptTraining | None = None) -> Path:
    """Write a model, and where its training stands if it was stopped."""
    weights = {f"{_WEIGHTS}{k}": v.cpu().numpy() for k, v in model.network.state_dict().items()}
    if kept is not None:
        weights |= {f"{_TRAINING}{k}": v for k, v in kept.arrays.items()}
    description = Description.of(model, None if kept is None else kept.metadata)
    arrays = {} if model.example is None else {"example": model.example}
    return write_model(path, TOOL, description.model_dump(mode="json"), arrays, weights)


def load(path: Path) -> tuple[TrainedUNet, KeptTraining | None]:
    """Read a model, checking that its parts fit together.

    Raises
    ------
    ModelFileError
        For everything that can be wrong with the file.
    """
    contents = read_model(path, TOOL)
    try:
        described = Description.model_validate(contents.metadata)
    except ValidationError as error:
        problem = InputError.from_validation(error)
        raise ModelFileError(f"the description in {path.name} is damaged (got {problem})") from error
    try:
        model = replace(described.model(_part(contents, _WEIGHTS)), example=_example(contents, described))
    except (RuntimeError, TypeError, ValueError, KeyError) as error:
        raise ModelFileError(
            f"the parts of {path.name} do not fit together: save the model again (got {error})"
        ) from error
    training = _part(contents, _TRAINING)
    kept = None
    if described.training is not None and training:
        kept = KeptTraining(training, described.training)
    return model, kept


def _example(contents: ModelContents, described: Description) -> NDArray[np.float32] | None:
    example = contents.arrays.get("example")
    if example is not None and example.shape[:1] != (described.n_channels,):
        raise ValueError(f"an example of shape {example.shape}")
    return example


def _part(contents: ModelContents, prefix: str) -> dict[str, NDArray[Any]]:
    weights = contents.weights or {}
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


def _validation_as_json(table: ValidationTable | None) -> _Validation | None:
    if table is None:
        return None
    return _Validation(
        objects=None if table.objects is None else _counts(table.objects),
        per_sample=tuple(_counts(scores) for scores in table.objects_per_sample),
        confusion=table.pixels.confusion.tolist(),
        dice=None if np.isnan(table.dice) else table.dice,
        by=table.by,
        n_samples=table.n_samples,
    )


def _validation_from_json(stored: _Validation | None, heads: Heads) -> ValidationTable | None:
    if stored is None:
        return None
    return ValidationTable(
        objects=None if stored.objects is None else ObjectScores(**stored.objects.model_dump()),
        objects_per_sample=tuple(ObjectScores(**counts.model_dump()) for counts in stored.per_sample),
        pixels=ClassificationScores.from_confusion(np.array(stored.confusion), heads.classes),
        dice=float("nan") if stored.dice is None else stored.dice,
        by=stored.by,
        n_samples=stored.n_samples,
        background=heads.background_index,
    )


def _counts(scores: ObjectScores) -> _Counts:
    return _Counts(
        thresholds=scores.thresholds,
        true_positives=scores.true_positives,
        false_positives=scores.false_positives,
        false_negatives=scores.false_negatives,
    )
