"""Jobs that tell whether a classifier can be trusted, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...common.progress import CancelToken, Job, Progress
from ...errors import SegmotifError
from ...pixel.classifier import PixelClassifier
from ...pixel.reviewing.importance import correlation_warning
from ...pixel.reviewing.suggestion import Suggestion
from ...pixel.reviewing.validation import ValidationReport
from ..layers import LayerSnapshot
from .panels.check_panel import IMPURITY
from .workbench import Workbench


@dataclass(frozen=True)
class Importances:
    """How much each feature matters, by name, and a warning that names features which say nearly the same."""

    values: Mapping[str, float]
    method: str
    warning: str


class Checks:
    """Starts validation, importances, selection of features, and suggestions."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def validate(self, method: str, show: Callable[[ValidationReport], object]) -> None:
        """Hold out strokes or images; `show` gets the report."""
        if self._is_trained():
            require = self._bench.session.require
            self._start(lambda cancel: require().validate_iter(method, cancel=cancel), "Validate", show)  # type: ignore[arg-type]

    def importances(self, method: str, show: Callable[[Importances], object]) -> None:
        """Work out importances, from the forest or by permutation, and which features are correlated."""
        if self._is_trained():
            require = self._bench.session.require
            self._start(lambda cancel: _importances(require(), method, cancel), "Feature importances", show)

    def select(self, n: int, take_over: Callable[[PixelClassifier], object]) -> None:
        """Train with the best `n` features only; `take_over` gets the smaller classifier."""
        if self._is_trained():
            require = self._bench.session.require
            self._start(
                lambda cancel: _selected(require(), n, cancel), f"Select the best {n} features", take_over
            )

    def suggest(self, n: int, show: Callable[[LayerSnapshot, Sequence[Suggestion]], object]) -> None:
        """Rank regions of the image in view to paint next."""
        bench = self._bench
        if not self._is_trained():
            return
        try:
            intent, source = bench.intent(), bench.source()
        except SegmotifError as error:
            bench.warn(str(error))
            return
        pair = intent.in_view

        def factory(cancel: CancelToken) -> Job[list[Suggestion]]:
            frozen = pair.frozen()
            classifier = bench.session.require()
            return classifier.suggest_iter(frozen.image, n, annotation=frozen.annotation, cancel=cancel)

        self._start(factory, "Paint here next", lambda found: show(source, found))

    def _is_trained(self) -> bool:
        try:
            self._bench.session.require()
        except SegmotifError as error:
            self._bench.warn(str(error))
            return False
        return True

    def _start(
        self, factory: Callable[[CancelToken], Job[Any]], name: str, show: Callable[[Any], object]
    ) -> None:
        bench = self._bench
        bench.start(factory, name, with_last_strokes=True, on_result=show, on_error=bench.say_error)


def _importances(classifier: PixelClassifier, method: str, cancel: CancelToken) -> Job[Importances]:
    yield Progress(0, 0, "comparing features")
    warning = correlation_warning(classifier.correlated_features()) or ""
    if method == IMPURITY:
        names, values = classifier.feature_names_, classifier.feature_importances_
    else:
        found = yield from classifier.permutation_importances_iter(cancel=cancel)
        names, values = found.names, found.confidence_drop
    return Importances(dict(zip(names, values.tolist(), strict=True)), method, warning)


def _selected(classifier: PixelClassifier, n: int, cancel: CancelToken) -> Job[PixelClassifier]:
    yield Progress(0, 0, f"training with the best {n} features")
    return (yield from classifier.select_features_iter(n, cancel))
