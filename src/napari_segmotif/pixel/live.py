"""The moment after a stroke: a first answer from a small forest, then that of the whole one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.progress import CancelToken, Job, Progress
from .filtering.tile_features import TiledImage
from .forests.forest import PackedForest
from .forests.training import collect, grow_forest, thinned
from .prediction import OUTPUTS, Output, Prediction

if TYPE_CHECKING:
    from .classifier import PixelClassifier
    from .inputs import Names

QUICK_TREES = 12
QUICK_PIXELS = 4_000
"""The first answer comes from so many trees, trained on at most so many pixels."""


@dataclass(frozen=True)
class Look:
    """What the user looks at: a region of one image, and which outputs are shown."""

    image: TiledImage
    region: Sequence[slice] | None = None
    outputs: Sequence[Output] = OUTPUTS


def update(
    classifier: PixelClassifier,
    images: Sequence[TiledImage],
    annotations: Sequence[Any],
    look: Look,
    names: Names,
    cancel: CancelToken,
) -> Job[Prediction]:
    """Retrain on all annotations and predict what is looked at, twice: soon, and well.

    Yields
    ------
    Progress
        One of them carries the quick `Prediction` as `partial`.

    Returns
    -------
    Prediction
        Of the whole forest, which the classifier has then learned.
    """
    training = yield from collect(images, annotations, classifier.n_threads, cancel)
    classes = np.unique(training.y)

    def predict(forest: Any) -> Job[Prediction]:
        packed = PackedForest.from_sklearn(forest)
        return classifier.predict_tiled(look.image, packed, classes, look.outputs, look.region, None, cancel)

    n_trees = classifier.parameters.n_estimators
    if n_trees > QUICK_TREES:
        rows = thinned(training.y, QUICK_PIXELS)
        quick = classifier.new_forest(training.y[rows])
        yield from grow_forest(quick, training.X[rows], training.y[rows], QUICK_TREES, cancel)
        first = yield from predict(quick)
        yield Progress(0, 1, "first look; growing all trees", first)
    forest = classifier.new_forest(training.y)
    yield from grow_forest(forest, training.X, training.y, n_trees, cancel)
    prediction = yield from predict(forest)
    classifier.learn(forest, training, images[0].source.axes, images[0].bank, names)
    return prediction
