"""What lets a user trust a pixel classifier: validation, importances, selection and where to paint next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, run_job

if TYPE_CHECKING:
    from ...common.axes import ImageSource
    from ..filtering.tile_features import TiledImage
    from ..forests.forest import PackedForest
    from ..forests.threaded_forest import ThreadedForest
    from ..forests.training import TrainingSet
    from ..parameters import ForestParameters
    from .importance import PermutationImportances
    from .suggestion import Suggestion
    from .validation import ValidationReport

CORRELATED = 0.95
"""Features whose ranks correlate at least so strongly are said to tell the same."""


class Reviewable(ABC):
    """The judging side of `PixelClassifier`, which inherits from it."""

    parameters: ForestParameters
    training_: TrainingSet
    classes_: NDArray[np.int32]
    forest_: PackedForest
    feature_importances_: NDArray[np.float64]
    _trees: ThreadedForest | None = None
    _oob_accuracy: float | None = None

    def validate(self, method: Literal["stroke", "image"] = "stroke", n_splits: int = 5) -> ValidationReport:
        """Judge the classifier on strokes (or images) that it was not trained on."""
        return run_job(self.validate_iter(method, n_splits))

    def validate_iter(
        self,
        method: Literal["stroke", "image"] = "stroke",
        n_splits: int = 5,
        cancel: CancelToken | None = None,
    ) -> Job[ValidationReport]:
        """`validate` as a job."""
        from .validation import validate_forest

        self.check_fitted()
        training = self.training_
        return (
            yield from validate_forest(
                training.X,
                training.y,
                training.stroke if method == "stroke" else training.image,
                [int(label) for label in self.classes_],
                self.new_forest,
                method=method,
                n_splits=n_splits,
                random_state=self.parameters.random_state,
                oob_accuracy=self.oob_accuracy_,
                cancel=cancel,
            )
        )

    @property
    def oob_accuracy_(self) -> float | None:
        """The forest's out-of-bag accuracy: optimistic, since neighbours of each pixel were trained on."""
        self.check_fitted()
        if self._oob_accuracy is None and self._trees is not None:
            self._oob_accuracy = _out_of_bag_accuracy(self._trees, self.training_)
        return self._oob_accuracy

    def permutation_importances(self, n_repeats: int = 3) -> PermutationImportances:
        """How much worse held-out strokes are judged when a feature or a group of them is shuffled."""
        return run_job(self.permutation_importances_iter(n_repeats))

    def permutation_importances_iter(
        self, n_repeats: int = 3, cancel: CancelToken | None = None
    ) -> Job[PermutationImportances]:
        """`permutation_importances` as a job."""
        from .importance import permutation_importances

        self.check_fitted()
        return (
            yield from permutation_importances(
                self.training_.X,
                self.training_.y,
                self.training_.stroke,
                self.feature_names_,
                self.new_forest,
                correlated=self.correlated_features(),
                n_repeats=n_repeats,
                random_state=self.parameters.random_state,
                cancel=cancel,
            )
        )

    def correlated_features(self, threshold: float = CORRELATED) -> tuple[tuple[str, ...], ...]:
        """Groups of features that say nearly the same, so that none of them looks important alone."""
        from .importance import correlated_groups

        self.check_fitted()
        return correlated_groups(self.training_.X, self.feature_names_, threshold)

    def useful_features(self, n: int) -> tuple[str, ...]:
        """The names of `n` features that matter and do not repeat each other, in their usual order."""
        from .importance import rank_for_selection

        self.check_fitted()
        columns = rank_for_selection(self.feature_importances_, self.training_.X, n)
        return tuple(self.feature_names_[column] for column in sorted(columns))

    def suggest(
        self,
        image: Any,
        n: int = 5,
        axes: str | None = None,
        spacing: Sequence[float] | None = None,
        annotation: Any = None,
    ) -> list[Suggestion]:
        """Regions of an image to paint next: uncertain, unlike each other and unlike what is painted.

        Parameters
        ----------
        image
            One of the training images, or another one.
        n
            Regions wanted.
        annotation
            What is painted in this image, if anything: (*spatial) or (T, *spatial).

        Returns
        -------
        list of Suggestion
            Best first, their places along the axes of the label image.
        """
        return run_job(self.suggest_iter(image, n, axes, spacing, annotation))

    def suggest_iter(
        self,
        image: Any,
        n: int = 5,
        axes: str | None = None,
        spacing: Sequence[float] | None = None,
        annotation: Any = None,
        *,
        region: Sequence[slice] | None = None,
        cancel: CancelToken | None = None,
    ) -> Job[list[Suggestion]]:
        """`suggest` as a job, for a region of the label image if one is given."""
        from .paint_next import suggest

        tiled = self.tiled_for_prediction(image, axes, spacing)
        return (yield from suggest(self, tiled, n, annotation, region, cancel or CancelToken()))

    @abstractmethod
    def check_fitted(self) -> None:
        """Raise NotFittedError before `fit`."""

    @property
    @abstractmethod
    def feature_names_(self) -> tuple[str, ...]:
        """Names of the features."""

    @property
    @abstractmethod
    def n_threads(self) -> int:
        """Threads in use."""

    @abstractmethod
    def new_forest(self) -> ThreadedForest:
        """An untrained forest."""

    @abstractmethod
    def tiled_for_prediction(
        self, image: Any | ImageSource, axes: str | None, spacing: Sequence[float] | None
    ) -> TiledImage:
        """An image with the classifier's filters."""


def _out_of_bag_accuracy(forest: ThreadedForest, training: TrainingSet) -> float | None:
    """Share of painted pixels that the trees which were not trained on them get right."""
    n = len(training.y)
    votes = np.zeros((n, len(forest.classes_)))
    everywhere = np.arange(n)
    for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        left_out = np.setdiff1d(everywhere, drawn)
        if len(left_out):
            votes[left_out] += tree.predict_proba(training.X[left_out], check_input=False)
    judged = votes.any(axis=1)
    if not judged.any():
        return None
    guessed = forest.classes_[votes[judged].argmax(axis=1)]
    return float((guessed == training.y[judged]).mean())
