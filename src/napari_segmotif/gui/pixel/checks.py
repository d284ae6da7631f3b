"""Jobs that tell whether a classifier can be trusted, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...common.progress import CancelToken, Job, Progress
from ...errors import SegmotifError
from ...pixel.classifier import PixelClassifier
from ...pixel.importance import correlation_warning
from ...pixel.suggestion import Suggestion
from ...pixel.validation import ValidationReport
from ..layers import LayerSnapshot
from .check_panel import IMPURITY
from .workbench import Workbench


class Checks:
    """Starts validation, importances, selection of features, and suggestions."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def validate(self, method: str, show: Callable[[ValidationReport], object]) -> None:
        """Hold out strokes or images; `show` gets the report."""
        classifier = self._classifier()
        if classifier is not None:
            self._start(lambda cancel: classifier.validate_iter(method, cancel=cancel), "Validate", show)  # type: ignore[arg-type]

    def importances(self, method: str, show: Callable[[Mapping[str, float]], object]) -> None:
        """Work out importances, from the forest or by permutation; `show` gets them by feature name."""
        classifier = self._classifier()
        if classifier is None:
            return
        if method == IMPURITY:
            show(dict(zip(classifier.feature_names_, classifier.feature_importances_, strict=True)))
        else:
            self._start(lambda cancel: _permuted(classifier, cancel), "Feature importances", show)

    def correlations(self, show: Callable[[str], object]) -> None:
        """Look for features that say nearly the same; `show` gets a warning in words, or ""."""
        classifier = self._classifier()
        if classifier is not None:
            self._start(lambda cancel: _correlated(classifier), "Compare features", show)

    def select(self, n: int, take_over: Callable[[PixelClassifier], object]) -> None:
        """Train with the best `n` features only; `take_over` gets the smaller classifier."""
        classifier = self._classifier()
        if classifier is not None:
            self._start(lambda cancel: _selected(classifier, n), f"Select the best {n} features", take_over)

    def suggest(self, n: int, show: Callable[[LayerSnapshot, Sequence[Suggestion]], object]) -> None:
        """Rank regions of the image in view to paint next."""
        bench, classifier = self._bench, self._classifier()
        if classifier is None:
            return
        try:
            intent, source = bench.intent(), bench.source()
        except SegmotifError as error:
            bench.warn(str(error))
            return
        pair = intent.pairs[0]

        def factory(cancel: CancelToken) -> Job[list[Suggestion]]:
            frozen = pair.frozen()
            return classifier.suggest_iter(frozen.image, n, annotation=frozen.annotation, cancel=cancel)

        self._start(factory, "Paint here next", lambda found: show(source, found))

    def _classifier(self) -> PixelClassifier | None:
        try:
            return self._bench.session.require()
        except SegmotifError as error:
            self._bench.warn(str(error))
            return None

    def _start(self, factory: Callable[[CancelToken], Job[Any]], name: str, show: Callable[[Any], object]) -> None:
        bench = self._bench
        bench.start(factory, name, on_result=show, on_error=self._say_error)

    def _say_error(self, error: Exception) -> bool:
        self._bench.say(str(error), "error")
        return False


def _permuted(classifier: PixelClassifier, cancel: CancelToken) -> Job[dict[str, float]]:
    found = yield from classifier.permutation_importances_iter(cancel=cancel)
    return dict(zip(found.names, found.confidence_drop.tolist(), strict=True))


def _correlated(classifier: PixelClassifier) -> Job[str]:
    yield Progress(0, 0, "comparing features")
    return correlation_warning(classifier.correlated_features()) or ""


def _selected(classifier: PixelClassifier, n: int) -> Job[PixelClassifier]:
    yield Progress(0, 0, f"training with the best {n} features")
    return classifier.select_features(n)
