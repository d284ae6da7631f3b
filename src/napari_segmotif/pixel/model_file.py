"""A pixel classifier as a `.segmotif` file: forest, annotated pixels, names and settings; no pickle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from ..common.axes import SPATIAL
from ..common.model_files import ModelContents, read_model, write_model
from ..errors import InputError, ModelFileError
from .filtering.features import PixelFeatures
from .filtering.filters import FilterBank
from .forests.forest import PackedForest
from .forests.training import TrainingSet
from .parameters import ForestParameters

if TYPE_CHECKING:
    from .classifier import PixelClassifier

TOOL = "pixel"
_FOREST = "forest."


class _Description(BaseModel):
    """Everything of the model that is no array, as it stands in model.json."""

    model_config = ConfigDict(extra="forbid")

    features: PixelFeatures
    forest: ForestParameters
    axes: str
    spacing: tuple[float, ...] | None
    n_channels: int
    channel_names: tuple[str, ...]
    feature_names: tuple[str, ...]
    class_names: dict[int, str]
    class_colors: dict[int, str]
    oob_accuracy: float | None
    shapes: tuple[tuple[int, ...], ...]
    time_axis: tuple[bool, ...]


def save(classifier: PixelClassifier, path: Path) -> Path:
    """Write a trained classifier; the annotated pixels go along, so that it can be validated and extended."""
    training = classifier.training_
    description = _Description(
        features=classifier.features,
        forest=classifier.parameters,
        axes=classifier.axes_,
        spacing=classifier.spacing_,
        n_channels=classifier.n_channels_,
        channel_names=classifier.channel_names_,
        feature_names=classifier.feature_names_,
        class_names=classifier.class_names_,
        class_colors=classifier.class_colors_,
        oob_accuracy=classifier.oob_accuracy_,
        shapes=training.shapes,
        time_axis=training.time_axis,
    )
    arrays = {f"{_FOREST}{name}": array for name, array in classifier.forest_.as_arrays().items()}
    arrays |= {
        "classes": classifier.classes_,
        "feature_importances": classifier.feature_importances_,
        "X": training.X,
        "y": training.y,
        "image": training.image,
        "position": training.position,
    }
    return write_model(path, TOOL, description.model_dump(mode="json"), arrays)


def load(path: Path, device: str) -> PixelClassifier:
    """Read a classifier, checking that its parts fit together before anything is computed with them."""
    from .classifier import PixelClassifier

    contents = read_model(path, TOOL)
    try:
        described = _Description.model_validate(contents.metadata)
    except ValidationError as error:
        problem = InputError.from_validation(error)
        raise ModelFileError(f"the description in {path.name} is damaged (got {problem})") from error
    classes = contents.array("classes", np.int32, (None,))
    names = described.feature_names
    bank = _checked_bank(described, classes, path)
    forest = described.forest.model_dump()
    forest["class_weight"] = None if forest["class_weight"] == "none" else "balanced"
    classifier = PixelClassifier(described.features, device=device, **forest)
    trees = {
        name.removeprefix(_FOREST): array
        for name, array in contents.arrays.items()
        if name.startswith(_FOREST)
    }
    classifier.forest_ = PackedForest.from_arrays(trees, len(names), len(classes))
    classifier.training_ = _training(contents, described, classes)
    classifier.bank_ = bank
    classifier.axes_ = described.axes
    classifier.classes_ = classes
    classifier.class_names_ = described.class_names
    classifier.class_colors_ = described.class_colors
    classifier.feature_importances_ = contents.array("feature_importances", np.float64, (len(names),))
    classifier.restore_out_of_bag(described.oob_accuracy)
    return classifier


def _checked_bank(described: _Description, classes: NDArray[Any], path: Path) -> FilterBank:
    """The filters the description stands for; ModelFileError where it contradicts itself."""
    axes, spacing = described.axes, described.spacing
    spatial = "".join(letter for letter in axes if letter in SPATIAL)
    consistent = (
        spatial in ("YX", "ZYX")
        and set(axes) <= set("TCZYX")
        and len(set(axes)) == len(axes)
        and 1 <= described.n_channels <= 10_000
        and (spacing is None or (len(spacing) == len(spatial) and min(spacing) > 0 and max(spacing) < np.inf))
        and len(classes) >= 2
        and classes[0] >= 1
        and bool((np.diff(classes) > 0).all())
        and set(described.class_names) == {int(label) for label in classes}
    )
    if consistent:
        try:
            bank = FilterBank(
                described.features, spatial, spacing, described.n_channels, described.channel_names
            )
        except InputError as error:
            raise ModelFileError(f"the features in {path.name} are damaged (got {error})") from error
        if bank.names == described.feature_names:
            return bank
    raise ModelFileError(
        f"the description in {path.name} contradicts itself: save the model again (got axes {axes!r}, "
        f"{described.n_channels} channels, {len(described.feature_names)} features, "
        f"classes {classes.tolist()[:10]})"
    )


def _training(contents: ModelContents, described: _Description, classes: NDArray[Any]) -> TrainingSet:
    y = contents.array("y", np.int32, (None,))
    n, n_images = len(y), len(described.shapes)
    X = contents.array("X", np.float32, (n, len(described.feature_names)))
    image = contents.array("image", np.int32, (n,))
    position = contents.array("position", np.int64, (n, None))
    fits = n_images == len(described.time_axis) and np.isin(y, classes).all() and np.isfinite(X).all()
    if not fits or (n and not 0 <= image.min() <= image.max() < n_images):
        raise ModelFileError("the annotated pixels in this model file are damaged (got impossible values)")
    for number, shape in enumerate(described.shapes):
        places = position[image == number][:, -len(shape) :]
        if not shape or places.shape[1] != len(shape) or (places < 0).any() or (places >= shape).any():
            raise ModelFileError(
                f"annotated pixels in this model file lie outside their image (got shape {shape})"
            )
    return TrainingSet(X, y, image, position, described.shapes, described.time_axis)
