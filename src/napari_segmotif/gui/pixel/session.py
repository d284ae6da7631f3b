"""The jobs that what the user wants turns into. No Qt, no napari: a job never sees a layer.

The session keeps the classifier from one job to the next. Jobs run one at a time (the runner sees to it), so
nothing here is locked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...batch.recipe import ModelReference, ObjectParameters
from ...common.axes import ImageSource
from ...common.progress import CancelToken, Job, Progress
from ...errors import AnnotationError, InputError, NotFittedError
from ...pixel.classifier import PixelClassifier
from ...pixel.filtering.feature_cache import FeatureCache
from ...pixel.parameters import ForestParameters
from ...pixel.prediction import Output, Prediction
from ..classes.entries import ClassEntry, colors_of, names_of
from .intent import Counted, Intent, cannot_train, count
from .live_region import Region, live_blocks

_ADOPTED = ("a classifier that was loaded or selected: it is kept until something is painted",)


@dataclass(frozen=True)
class Shown:
    """A prediction to be shown, the version of the classifier that made it, and its classes."""

    prediction: Prediction
    version: int
    classes: tuple[int, ...]


@dataclass(frozen=True)
class Followed:
    """What following the user came to; `problem` says in words why nothing could be trained."""

    trained: bool
    problem: str = ""
    partly: bool = False


class Session:
    """The classifier, and the jobs on it."""

    def __init__(self) -> None:
        self.classifier: PixelClassifier | None = None
        self.version = 0
        self._objects: tuple[int, ObjectParameters] | None = None  # made last, by which version
        self._n_versions = 0
        self._file: tuple[int, ModelReference] | None = None
        self._cache = FeatureCache()
        self._draft: PixelClassifier | None = None  # what training works on; it may be cancelled half-way
        self._setup: tuple[Any, ...] | None = None
        self._trained_on: tuple[Any, ...] | None = None
        self._strokes: Any = None  # those that an adopted classifier was trained on, where that is known

    @property
    def fitted(self) -> bool:
        """Whether there is a classifier that can predict."""
        return self.classifier is not None and hasattr(self.classifier, "classes_")

    @property
    def classes(self) -> tuple[int, ...]:
        """The labels that the classifier knows, ascending; none where it is not trained."""
        return tuple(int(label) for label in self.require().classes_) if self.fitted else ()

    def require(self) -> PixelClassifier:
        """Return the trained classifier.

        Raises
        ------
        NotFittedError
            Where there is none yet.
        """
        if self.classifier is None or not self.fitted:
            raise NotFittedError("train a classifier first: paint two classes and press Train (got none)")
        return self.classifier

    # ---- jobs

    def follow(
        self,
        intent: Intent,
        region: Region | None,
        *,
        outputs: Sequence[Output],
        live: bool,
        cancel: CancelToken,
    ) -> Job[Followed]:
        """Count what is painted; where `live`, train again if that changed, and predict the visible region.

        Yields Progress whose `partial` is first a Counted, then a Shown of a small forest, of the full one,
        and of the blocks around it.
        """
        intent = intent.frozen()
        counted = count(intent)
        yield Progress(0, 0, "counting strokes", partial=counted)
        if not live or region is None or not outputs:
            return Followed(False)
        blocks = live_blocks(region)
        partly = sum(_size(block) for block in blocks) < _size(region)
        state = intent.state()
        self._keep_for(state)
        if self.fitted and (state == self._trained_on or not counted.labels):
            yield from self._predict_blocks(intent, blocks, outputs, cancel)
            return Followed(False, partly=partly)
        problem = (
            "tick at least one feature." if intent.features is None else cannot_train(counted, intent.entries)
        )
        if problem:
            return Followed(False, problem)
        yield from self._retrain(intent, counted, blocks[0], outputs, cancel)
        self._trained_on = state
        yield from self._predict_blocks(intent, blocks[1:], outputs, cancel)
        return Followed(True, partly=partly)

    def _retrain(
        self, intent: Intent, counted: Counted, region: Region, outputs: Sequence[Output], cancel: CancelToken
    ) -> Job[None]:
        classifier = self._prepare(intent)
        version, classes = self._next_version(), counted.labels
        job = classifier.live_iter(
            **_training(intent), image_index=intent.view, region=region, outputs=tuple(outputs), cancel=cancel
        )
        try:
            while True:
                progress = next(job)
                if progress.partial is not None:
                    progress = replace(progress, partial=Shown(progress.partial, version, classes))
                yield progress
        except StopIteration as end:
            full = end.value
        finally:
            job.close()
        self.classifier, self.version = classifier, version
        yield Progress(1, 1, "trained", partial=Shown(full, version, classes))

    def _predict_blocks(
        self, intent: Intent, blocks: Sequence[Region], outputs: Sequence[Output], cancel: CancelToken
    ) -> Job[None]:
        for index, block in enumerate(blocks):
            yield Progress(index, len(blocks), "showing the visible part")
            prediction = yield from self.predict(intent.in_view.image, outputs, cancel, region=block)
            shown = Shown(prediction, self.version, self.classes)
            yield Progress(index + 1, len(blocks), "showing the visible part", partial=shown)

    def train(self, intent: Intent, cancel: CancelToken) -> Job[PixelClassifier]:
        """Train on every pair with all trees.

        Raises
        ------
        AnnotationError, InputError
            Where nothing, or one class only, is painted, or no feature is ticked.
        """
        intent = intent.frozen()
        counted = count(intent)
        yield Progress(0, 0, "counting strokes", partial=counted)
        if intent.features is None:
            raise InputError("tick at least one feature (got none)")
        problem = cannot_train(counted, intent.entries)
        if problem:
            raise AnnotationError(f"{problem.rstrip('.')} (got {len(counted.labels)} painted classes)")
        classifier = self._prepare(intent)
        yield from classifier.fit_iter(**_training(intent), cancel=cancel)
        self.classifier = classifier
        self._trained_on = intent.state()
        self.version = self._next_version()
        return classifier

    def update(self, intent: Intent, cancel: CancelToken) -> Job[None]:
        """Train where that is due: nothing is trained yet, or something was painted or chosen since.

        An image on which nothing is painted is predicted with the classifier there is.
        """
        intent = intent.frozen()
        state = intent.state()
        self._keep_for(state)
        nothing_painted = not count(intent).labels
        if self.fitted and (state == self._trained_on or nothing_painted):
            return
        yield from self.train(intent, cancel)

    def catch_up(self, intent: Intent, cancel: CancelToken) -> Job[None]:
        """`update` where it is possible; strokes that cannot be trained on leave the classifier as it is."""
        try:
            yield from self.update(intent, cancel)
        except InputError:  # an AnnotationError is one
            if not self.fitted:
                raise

    def predict(
        self,
        image: ImageSource,
        outputs: Sequence[Output],
        cancel: CancelToken,
        *,
        out: Mapping[str, Any] | None = None,
        region: Region | None = None,
    ) -> Job[Prediction]:
        """Predict an image, or a region of it; into `out` where that is given."""
        job = self.require().predict_iter(
            image, outputs=tuple(outputs), region=region, out=out, cancel=cancel
        )  # type: ignore[arg-type]
        return (yield from job)

    def save(self, path: Path, entries: Sequence[ClassEntry]) -> Job[ModelReference]:
        """Write the classifier with the names and colours in the table."""
        self.rename(entries)
        yield Progress(0, 0, f"writing {path.name}")
        model = ModelReference.of(self.require().save(path))
        self._file = self.version, model
        return model

    def model_of(self, version: int) -> ModelReference | None:
        """The file that holds the classifier `version`, or None where there is none."""
        return self._file[1] if self._file is not None and self._file[0] == version else None

    def remember_objects(self, parameters: ObjectParameters) -> None:
        """Keep how objects were made with this classifier: a recipe makes them again."""
        self._objects = self.version, parameters

    @property
    def objects(self) -> ObjectParameters | None:
        """How objects were made last with the classifier as it is now, or None where none were."""
        return self._objects[1] if self._objects is not None and self._objects[0] == self.version else None

    def adopt(
        self,
        classifier: PixelClassifier,
        model: ModelReference | None = None,
        *,
        same_strokes: bool = False,
    ) -> PixelClassifier:
        """Take over a trained classifier, from the file `model` where it is in one.

        It is not trained again until something is painted or changed; see `keep_until_painted`. With
        `same_strokes` it comes of the strokes of the classifier before it, and what was painted since then
        is still to be trained on.
        """
        classifier.cache = self._cache
        self.classifier = classifier
        self._draft = None
        before = None if self.adopted else self._trained_on
        self._strokes = before[0] if same_strokes and before is not None else None
        self._trained_on = _ADOPTED
        self.version = self._next_version()
        self._file = None if model is None else (self.version, model)
        return classifier

    @property
    def adopted(self) -> bool:
        """Whether a classifier was adopted, and it is not known yet for which strokes it is kept."""
        return self._trained_on is _ADOPTED

    def keep_until_painted(self, intent: Intent) -> None:
        """Keep an adopted classifier for what is painted and chosen now, and only for that.

        To be called as soon as there is an intent: whoever waited for the next job would take strokes that
        were painted meanwhile for those that the classifier is kept for.
        """
        if self.adopted:
            self._keep_for(intent.state())

    def rename(self, entries: Sequence[ClassEntry]) -> None:
        """Give the classifier the names and colours in the table; no training is needed for that."""
        if self.fitted:
            classifier = self.require()
            classifier.class_names_.update({k: v for k, v in names_of(entries).items() if k in self.classes})
            classifier.class_colors_.update(
                {k: v for k, v in colors_of(entries).items() if k in self.classes}
            )

    # ---- helpers

    def _keep_for(self, state: tuple[Any, ...]) -> None:
        if self.adopted:
            strokes, *chosen = state
            self._trained_on = (strokes if self._strokes is None else self._strokes, *chosen)

    def _next_version(self) -> int:
        """A number that no training had before, cancelled ones included."""
        self._n_versions += 1
        return self._n_versions

    def _prepare(self, intent: Intent) -> PixelClassifier:
        """The classifier to train: the same while its parameters stay; else a new one with the old cache."""
        setup = (intent.features, intent.forest)
        if self._draft is None or self._setup != setup:
            self._draft = PixelClassifier(
                intent.features,
                **constructor_arguments(intent.forest),
            )
            self._draft.cache = self._cache
            self._setup = setup
        return self._draft


def constructor_arguments(forest: ForestParameters) -> dict[str, Any]:
    """Return the forest's parameters as PixelClassifier takes them."""
    arguments = forest.model_dump()
    if arguments["class_weight"] == "none":
        arguments["class_weight"] = None
    return arguments


def _training(intent: Intent) -> dict[str, Any]:
    return {
        "images": [p.image for p in intent.pairs],
        "annotations": [p.annotation for p in intent.pairs],
        "class_names": names_of(intent.entries),
        "class_colors": colors_of(intent.entries),
        "channel_names": intent.pairs[0].channel_names,
    }


def _size(region: Region) -> int:
    return int(np.prod([s.stop - s.start for s in region]))


def read(path: Path) -> Job[tuple[PixelClassifier, ModelReference]]:
    """Read a classifier from a file."""
    yield Progress(0, 0, f"reading {path.name}")
    return PixelClassifier.load(path), ModelReference.of(path)
