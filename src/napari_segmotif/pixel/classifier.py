"""The pixel classifier: paint a few strokes, and a random forest continues them over the whole image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from ..common.axes import ImageSource
from ..common.device import MemoryLadder, resolve_device
from ..common.progress import CancelToken, Job, run_job
from ..errors import InputError, NotFittedError
from . import live, model_file
from .filtering.feature_cache import FeatureCache
from .filtering.features import PixelFeatures
from .filtering.filters import FilterBank
from .filtering.tile_features import TiledImage
from .forests.forest import PackedForest
from .forests.training import TrainingSet, collect, grow_forest, usable_cores
from .inputs import Names, as_lists, check_alike, prepare
from .parameters import ForestParameters
from .prediction import OUTPUTS, Output, Prediction, Sums, predict_region
from .reviewing.review import Reviewable

if TYPE_CHECKING:
    from .forests.threaded_forest import ThreadedForest


class PixelClassifier(Reviewable):
    """A random forest on multi-scale filter responses (as in ilastik; Berg et al., Nature Methods 2019).

    Trained by scikit-learn and evaluated by fused, vectorised code: probabilities equal scikit-learn's
    `predict_proba`, and no feature stack of an image is ever held in memory.

    Parameters
    ----------
    features
        The filters.
    n_estimators
        Number of trees.
    class_weight
        None, or "balanced" to weigh classes by the inverse of how much of each was painted.
    max_depth, min_samples_leaf, max_features
        As in `sklearn.ensemble.RandomForestClassifier`.
    random_state
        Seed; the same annotation and seed give the same forest on every machine and in every process.
    device
        "auto" (a CUDA device where there is one), "cpu", "cuda" or "mps".
    n_jobs
        Threads; None takes all cores. Results do not depend on it.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.repeat(np.array([[20, 200]], dtype=np.uint8), 32, axis=1).repeat(64, axis=0)
    >>> annotation = np.zeros(image.shape, dtype=np.uint8)
    >>> annotation[10:14, 5:15], annotation[10:14, 45:55] = 1, 3
    >>> classifier = PixelClassifier(PixelFeatures(sigmas=(1.0,))).fit(image, annotation)
    >>> classifier.predict(image)[0, [0, -1]]
    array([1, 3], dtype=uint8)
    """

    def __init__(
        self,
        features: PixelFeatures | None = None,
        *,
        n_estimators: int = 100,
        class_weight: Literal["balanced"] | None = None,
        max_depth: int | None = None,
        min_samples_leaf: int = 1,
        max_features: Literal["sqrt", "log2"] | float = "sqrt",
        random_state: int = 0,
        device: str = "auto",
        n_jobs: int | None = None,
    ) -> None:
        self.features = features if features is not None else PixelFeatures()
        try:
            self.parameters = ForestParameters(
                n_estimators=n_estimators,
                class_weight=class_weight or "none",
                max_depth=max_depth,
                min_samples_leaf=min_samples_leaf,
                max_features=max_features,
                random_state=random_state,
            )
        except ValidationError as error:
            raise InputError.from_validation(error) from error
        self.device = device
        self.n_jobs = n_jobs
        self.cache = FeatureCache()
        self._ladders: dict[str, MemoryLadder[int]] = {}  # what did not fit into a device's memory once

    def fit(
        self,
        images: Any,
        annotations: Any,
        axes: str | None = None,
        spacing: Sequence[float] | None = None,
        **names: Unpack[Names],
    ) -> PixelClassifier:
        """Train on painted pixels.

        Parameters
        ----------
        images
            One image, or a list of images: arrays (NumPy, dask, zarr) or `ImageSource`s.
        annotations
            One integer array per image, of the image's shape without channels; 0 = not annotated. Labels
            keep their numbers, gaps included.
        axes
            Letters of "TCZYX" for all images; None infers them from the shapes.
        spacing
            Physical size of a pixel along each spatial axis, or None.
        **names
            `class_names` {label: name}, `class_colors` {label: "#rrggbb"} and `channel_names`: they travel
            with the model.

        Raises
        ------
        AnnotationError
            If nothing or only one class is painted, or an annotation does not fit its image.
        InputError
            If an image holds NaN, or the images do not go together.
        """
        run_job(self.fit_iter(images, annotations, axes, spacing, **names))
        return self

    def fit_iter(
        self,
        images: Any,
        annotations: Any,
        axes: str | None = None,
        spacing: Sequence[float] | None = None,
        *,
        cancel: CancelToken | None = None,
        **names: Unpack[Names],
    ) -> Job[PixelClassifier]:
        """`fit` as a job that yields Progress and returns the classifier.

        A cancelled or failed job leaves the classifier as it was.
        """
        cancel = cancel or CancelToken()
        images, annotations = self.tile(images, annotations, axes, spacing, names)
        training = yield from collect(images, annotations, self.n_threads, cancel)
        forest = self.new_forest(training.y)
        yield from grow_forest(forest, training.X, training.y, self.parameters.n_estimators, cancel)
        self.learn(forest, training, images[0].source.axes, images[0].bank, names)
        return self

    def live_iter(
        self,
        images: Any,
        annotations: Any,
        image_index: int = 0,
        region: Sequence[slice] | None = None,
        *,
        outputs: Sequence[Output] = OUTPUTS,
        axes: str | None = None,
        spacing: Sequence[float] | None = None,
        cancel: CancelToken | None = None,
        **names: Unpack[Names],
    ) -> Job[Prediction]:
        """Train and predict what the user looks at, with a first answer from a small forest.

        Parameters
        ----------
        image_index
            Which of the images is looked at.
        region
            The visible part of its label image, one slice per axis.

        Yields
        ------
        Progress
            One of them carries the first `Prediction` as `partial`.

        Returns
        -------
        Prediction
            Of the full forest, which the classifier then holds. Equal to that of `fit` and `predict`.
        """
        tiled, painted = self.tile(images, annotations, axes, spacing, names)
        look = live.Look(tiled[image_index], region, outputs)
        return (yield from live.update(self, tiled, painted, look, names, cancel or CancelToken()))

    def predict(
        self, image: Any, axes: str | None = None, spacing: Sequence[float] | None = None
    ) -> NDArray[Any]:
        """The class of every pixel, as painted: (*spatial) or (T, *spatial), uint8, uint16 or int32.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ModelMismatchError
            If the image has other channels, dimensions or pixel size than the training images.
        """
        labels = run_job(self.predict_iter(image, axes, spacing, outputs=("labels",))).labels
        assert labels is not None
        return labels

    def predict_proba(
        self, image: Any, axes: str | None = None, spacing: Sequence[float] | None = None
    ) -> NDArray[np.float32]:
        """Probability of every class, (n_classes, *spatial) or (n_classes, T, *spatial), in [0, 1]."""
        found = run_job(self.predict_iter(image, axes, spacing, outputs=("probabilities",))).probabilities
        assert found is not None
        return found

    def predict_uncertainty(
        self, image: Any, axes: str | None = None, spacing: Sequence[float] | None = None
    ) -> NDArray[np.float32]:
        """Normalised entropy of the probabilities, in [0, 1]: where painting more would help."""
        found = run_job(self.predict_iter(image, axes, spacing, outputs=("uncertainty",))).uncertainty
        assert found is not None
        return found

    def predict_iter(
        self,
        image: Any,
        axes: str | None = None,
        spacing: Sequence[float] | None = None,
        *,
        outputs: Sequence[Output] = OUTPUTS,
        region: Sequence[slice] | None = None,
        out: Mapping[str, Any] | None = None,
        cancel: CancelToken | None = None,
    ) -> Job[Prediction]:
        """Predict as a job, wholly or a region, into new arrays or into given ones (see `predict_region`)."""
        tiled = self.tiled_for_prediction(image, axes, spacing)
        return (
            yield from self.predict_tiled(tiled, self.forest_, self.classes_, outputs, region, out, cancel)
        )

    def select_features(self, n: int) -> PixelClassifier:
        """A new classifier, trained on the same pixels with the `n` most useful features only."""
        return run_job(self.select_features_iter(n))

    def select_features_iter(self, n: int, cancel: CancelToken | None = None) -> Job[PixelClassifier]:
        """`select_features` as a job. Nothing is filtered again, and no image is needed."""
        names = self.useful_features(n)
        columns = [self.feature_names_.index(name) for name in names]
        features = self.features.model_copy(update={"selected": names})
        smaller = PixelClassifier(features, **self.settings())
        smaller.cache = self.cache
        training = replace(self.training_, X=np.ascontiguousarray(self.training_.X[:, columns]))
        forest = smaller.new_forest(training.y)
        yield from grow_forest(
            forest, training.X, training.y, self.parameters.n_estimators, cancel or CancelToken()
        )
        bank = replace(self.bank_, features=features)
        named: Names = {"class_names": self.class_names_, "class_colors": self.class_colors_}
        smaller.learn(forest, training, self.axes_, bank, named)
        return smaller

    def restore_out_of_bag(self, accuracy: float | None) -> None:
        """Take the out-of-bag accuracy from a model file, which does not hold the trees it came from."""
        self._oob_accuracy = accuracy

    def save(self, path: str | Path) -> Path:
        """Write the model, its annotated pixels included, as a `.segmotif` file."""
        self.check_fitted()
        return model_file.save(self, Path(path))

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> PixelClassifier:
        """Read a model; raises ModelFileError where the file is damaged or of another tool."""
        return model_file.load(Path(path), device)

    @property
    def n_threads(self) -> int:
        """Threads in use."""
        return self.n_jobs if self.n_jobs is not None and self.n_jobs > 0 else usable_cores()

    def new_forest(self, y: NDArray[Any] | None = None) -> ThreadedForest:
        """An untrained scikit-learn forest with this classifier's settings, for pixels of classes `y`."""
        return self.parameters.new_forest(self.n_threads, y)

    @property
    def feature_names_(self) -> tuple[str, ...]:
        """Names of the features, in the order of `feature_importances_`."""
        return self.bank_.names

    @property
    def spacing_(self) -> tuple[float, ...] | None:
        """Pixel size of the training images, or None where it is not known."""
        return self.bank_.spacing

    @property
    def n_channels_(self) -> int:
        """Number of channels of the training images."""
        return self.bank_.n_channels

    @property
    def channel_names_(self) -> tuple[str, ...]:
        """Names of their channels, or () where they have none."""
        return self.bank_.channel_names

    def settings(self) -> dict[str, Any]:
        """The keyword arguments, features aside, that make a classifier like this one."""
        settings = self.parameters.model_dump()
        settings["class_weight"] = None if settings["class_weight"] == "none" else "balanced"
        return settings | {"device": self.device, "n_jobs": self.n_jobs}

    def check_fitted(self) -> None:
        """Raise NotFittedError before `fit`."""
        if not hasattr(self, "forest_"):
            raise NotFittedError(
                "this classifier is not trained yet: call fit(image, annotation) first (got no forest)"
            )

    def _bank(self, source: ImageSource, channel_names: tuple[str, ...]) -> FilterBank:
        return FilterBank(
            self.features, source.spatial_axes, source.spacing, source.n_channels, channel_names
        )

    def tile(
        self,
        images: Any,
        annotations: Any,
        axes: str | None,
        spacing: Sequence[float] | None,
        names: Names,
    ) -> tuple[list[TiledImage], list[Any]]:
        """Images ready to be filtered, and their annotations, both as lists."""
        sources, painted = as_lists(images, annotations, axes, spacing)
        first, channels = sources[0], tuple(names.get("channel_names") or ())
        for source in sources[1:]:
            check_alike(source, first.n_channels, first.spatial_axes, first.spacing, self.features)
        tiled = [TiledImage(source, self._bank(source, channels), self.cache) for source in sources]
        return tiled, painted

    def learn(
        self,
        forest: ThreadedForest,
        training: TrainingSet,
        axes: str,
        bank: FilterBank,
        names: Names,
    ) -> None:
        """Take over what a finished job found; nothing before this changes the classifier."""
        self.forest_ = PackedForest.from_sklearn(forest)
        self.training_ = training
        self.classes_ = np.unique(training.y)
        labels = [int(label) for label in self.classes_]
        named, coloured = names.get("class_names") or {}, names.get("class_colors") or {}
        self.class_names_ = {label: named.get(label, f"class {label}") for label in labels}
        self.class_colors_ = {label: coloured[label] for label in labels if label in coloured}
        self.bank_ = bank
        self.feature_importances_ = forest.feature_importances_.astype(np.float64)
        self.axes_ = axes
        self._trees = forest
        self._oob_accuracy = None

    def tiled_for_prediction(
        self, image: Any, axes: str | None, spacing: Sequence[float] | None
    ) -> TiledImage:
        """An image with the classifier's filters; ModelMismatchError where they cannot look at it."""
        self.check_fitted()
        source = prepare(image, axes, spacing, self)
        return TiledImage(source, self._bank(source, self.channel_names_), self.cache)

    def predict_tiled(
        self,
        tiled: TiledImage,
        forest: PackedForest,
        classes: NDArray[np.int32],
        outputs: Sequence[Output],
        region: Sequence[slice] | None,
        out: Mapping[str, Any] | None,
        cancel: CancelToken | None,
    ) -> Job[Prediction]:
        """Predict with a forest, on the classifier's device."""
        return (
            yield from predict_region(
                tiled, forest, classes, outputs=outputs, region=region, out=out,
                n_jobs=self.n_threads, cancel=cancel, sums=self._device_sums(tiled, forest),
            )
        )  # fmt: skip

    def _device_sums(self, tiled: TiledImage, forest: PackedForest) -> Sums | None:
        device = resolve_device(self.device)
        if device == "cpu":
            return None
        from .forests.torch_backend import memory_ladder, tile_sums

        ladder = self._ladders.setdefault(device, memory_ladder(device))
        return tile_sums(tiled, forest, device, ladder)
