"""An object classifier as a `.segmotif` file: model, preparation, the objects it learned from; no pickle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from ...common.model_files import ModelContents, read_model, write_model
from ...errors import InputError, ModelFileError
from ..preparation import Preparation
from ..tables import TableInfo
from .object_forest import ObjectForest
from .object_logistic import ObjectLogistic
from .object_model import ObjectModel, ObjectParameters
from .object_training import TrainingObjects

if TYPE_CHECKING:
    from .object_classifier import ObjectClassifier

TOOL = "objects"
_MODEL, _TRAINING = "model.", "training."
_KINDS: dict[str, type[ObjectForest] | type[ObjectLogistic]] = {
    "random_forest": ObjectForest,
    "logistic_regression": ObjectLogistic,
}


class _Description(BaseModel):
    """Everything of the classifier that is no array, as it stands in model.json."""

    model_config = ConfigDict(extra="forbid")

    parameters: ObjectParameters
    preparation: dict[str, Any]
    columns: tuple[str, ...]
    class_names: dict[int, str]
    class_colors: dict[int, str]
    info: TableInfo | None
    from_clusters: bool
    roi_names: tuple[str, ...]
    messages: tuple[str, ...]


def save(classifier: ObjectClassifier, path: Path) -> Path:
    """Write a trained classifier; its objects go along, so that it can be validated and extended."""
    training = classifier.training_
    description = _Description(
        parameters=classifier.parameters,
        preparation=classifier.model_.preparation.to_dict(),
        columns=classifier.columns_,
        class_names=classifier.class_names_,
        class_colors=classifier.class_colors_,
        info=classifier.info_,
        from_clusters=classifier.from_clusters_,
        roi_names=training.roi_names,
        messages=classifier.messages_,
    )
    arrays = {f"{_MODEL}{name}": array for name, array in classifier.model_.model.to_arrays().items()}
    arrays |= {f"{_TRAINING}{name}": getattr(training, name) for name in _ROWS}
    arrays["classes"] = classifier.classes_
    return write_model(path, TOOL, description.model_dump(mode="json"), arrays)


def load(path: Path, n_jobs: int | None) -> ObjectClassifier:
    """Read a classifier, checking that its parts fit together before anything is computed with them."""
    from .object_classifier import ObjectClassifier

    contents = read_model(path, TOOL)
    try:
        described = _Description.model_validate(contents.metadata)
        preparation = Preparation.from_dict(described.preparation)
    except ValidationError as error:
        problem = InputError.from_validation(error)
        raise ModelFileError(f"the description in {path.name} is damaged (got {problem})") from error
    except (InputError, TypeError, ValueError, OverflowError) as error:
        raise ModelFileError(f"the features in {path.name} are damaged (got {error})") from error
    classes = contents.array("classes", np.int32, (None,))
    _check_description(described, preparation, classes, path)
    settings = described.parameters.model_dump()
    settings["class_weight"] = None if settings["class_weight"] == "none" else "balanced"
    classifier = ObjectClassifier(**settings, n_jobs=n_jobs)
    own = {
        name.removeprefix(_MODEL): array for name, array in contents.arrays.items() if name.startswith(_MODEL)
    }
    kind = _KINDS[described.parameters.method]
    model = kind.from_arrays(own, len(described.columns), len(classes))
    classifier.model_ = ObjectModel(preparation, model)
    classifier.training_ = _training(contents, described, classes)
    with np.errstate(all="ignore"):
        if not np.isfinite(preparation.transform(classifier.training_.table())).all():
            raise ModelFileError(
                f"the features in {path.name} are damaged (got a scale of 0 for one of them)"
            )
    classifier.classes_ = classes
    classifier.class_names_ = described.class_names
    classifier.class_colors_ = described.class_colors
    classifier.info_ = described.info
    classifier.from_clusters_ = described.from_clusters
    classifier.messages_ = described.messages
    return classifier


def _check_description(
    described: _Description, preparation: Preparation, classes: NDArray[np.int32], path: Path
) -> None:
    ids = {int(c) for c in classes}
    consistent = (
        getattr(preparation, "columns_", None) == described.columns
        and len(set(described.columns)) == len(described.columns) >= 1
        and len(classes) >= 2
        and classes[0] >= 1
        and bool((np.diff(classes) > 0).all())
        and set(described.class_names) == ids
        and set(described.class_colors) <= ids
    )
    if not consistent:
        raise ModelFileError(
            f"the description in {path.name} contradicts itself: save the model again "
            f"(got {len(described.columns)} features, classes {classes.tolist()[:10]})"
        )


_ROWS: dict[str, tuple[Any, int]] = {  # array → dtype, dimensions
    "values": (np.float64, 2),
    "y": (np.int32, 1),
    "roi": (np.int32, 1),
    "frame": (np.int64, 1),
    "label": (np.int64, 1),
    "position": (np.float64, 2),
    "track": (np.int64, 1),
}


def _training(
    contents: ModelContents, described: _Description, classes: NDArray[np.int32]
) -> TrainingObjects:
    n = len(contents.array(f"{_TRAINING}y", np.int32, (None,)))
    widths = {"values": len(described.columns), "position": None}
    rows = {
        name: contents.array(f"{_TRAINING}{name}", dtype, (n,) if n_axes == 1 else (n, widths[name]))
        for name, (dtype, n_axes) in _ROWS.items()
    }
    roi, n_images, n_axes = rows["roi"], len(described.roi_names), rows["position"].shape[1]
    y = np.unique(rows["y"])
    problems = {
        f"classes {y.tolist()[:10]} instead of {classes.tolist()[:10]}": not np.array_equal(y, classes),
        f"numbers of images that are not from 0 to {n_images - 1}": ((roi < 0) | (roi >= n_images)).any(),
        "infinite values of features": np.isinf(rows["values"]).any(),
        "infinite positions": np.isinf(rows["position"]).any(),
        f"positions of {n_axes} coordinates": n_axes > 3,
    }
    if wrong := [words for words, found in problems.items() if found]:
        raise ModelFileError(
            f"the objects in this model file are damaged: save it again (got {', '.join(wrong)})"
        )
    return TrainingObjects(columns=described.columns, roi_names=described.roi_names, **rows)
