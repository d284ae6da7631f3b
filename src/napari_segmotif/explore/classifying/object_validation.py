"""How good is an object classifier really: judged on objects that it has not seen, and against chance.

Whole images are held out where the classes lie in several, else regions. Beside the figures stands what the
same procedure, with a smaller classifier, gives for shuffled classes: a classifier of many features finds
something in any data, and rare classes make any accuracy look good. Classes that are clusters get a word of
warning: the clusters were drawn from the same features, and finding them again says nothing about whether
they are real.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...common.metrics import ClassificationScores, confusion_matrix
from ...common.progress import CancelToken, Job, Progress, run_job
from ...errors import InputError
from ..preparation import Preparation
from .object_folds import By, Folds, Method, choose_folds
from .object_model import ObjectParameters, new_preparation, train
from .object_training import TrainingObjects
from .object_verdict import sentences

R = TypeVar("R")
N_SHUFFLES = 20
_NULL_TREES = 10  # shuffled classes are not learned any better by more
_SHARE_OF_TRUTH = 0.6  # of the time of a fold
_NULL_OBJECTS = 300
_RANGE = (0.025, 0.975)


@dataclass(frozen=True)
class ShuffledScores:
    """What a validation of the same folds gives when the classes are shuffled, again and again.

    To save time its forests have at most 10 trees, and are trained on at most 300 objects, drawn at random;
    all objects are held out and told. There is nothing to be learned from shuffled classes that more of both
    would find, but the figures scatter somewhat more than those of a classifier of full size.

    Attributes
    ----------
    accuracy, macro_f1
        (n_shuffles,) float64.
    shuffled
        What was exchanged: "object", or "image", "region" or "track" where all objects of one share a class.
    n_trees, n_objects
        Of the smaller classifiers: trees, and most objects trained on; None where that is as in the one that
        is judged.
    """

    accuracy: NDArray[np.float64]
    macro_f1: NDArray[np.float64]
    shuffled: str
    n_trees: int | None = None
    n_objects: int | None = None

    @classmethod
    def of(cls, scores: Sequence[ClassificationScores], shuffled: str, **smaller: int | None) -> Self:
        """Take the two figures from each validation."""
        accuracy = np.array([score.accuracy for score in scores])
        return cls(accuracy, np.array([macro_f1(score) for score in scores]), shuffled, **smaller)

    @property
    def accuracy_mean(self) -> float:
        """Mean accuracy of shuffled classes."""
        return float(self.accuracy.mean())

    @property
    def accuracy_range(self) -> tuple[float, float]:
        """95 % of the accuracies lie within."""
        return _range(self.accuracy)

    @property
    def macro_f1_mean(self) -> float:
        """Mean macro-averaged F1 of shuffled classes."""
        return float(self.macro_f1.mean())

    @property
    def macro_f1_range(self) -> tuple[float, float]:
        """95 % of the macro-averaged F1 lie within."""
        return _range(self.macro_f1)


@dataclass(frozen=True)
class ObjectValidation:
    """What came out when objects were held out.

    Attributes
    ----------
    scores
        Precision, recall, F1, Jaccard of each class, accuracy and confusion over the held-out objects.
    method
        What was held out: "image", "position" (regions of the images) or "random" (single objects).
    n_folds
        How many classifiers were trained; 0 where no class could be judged.
    unjudged
        Classes in one image (or region) only: always trained on, never held out.
    n_groups
        Class → images (or regions) it lies in.
    predicted
        (n,) int32 what each object with a class was taken for by a classifier that had not seen it; 0 = not
        held out.
    null
        What shuffled classes give, or None where no class could be judged.
    messages
        What must be known to read the figures, in sentences.
    """

    scores: ClassificationScores
    method: Method
    n_folds: int
    unjudged: tuple[int, ...]
    n_groups: Mapping[int, int]
    predicted: NDArray[np.int32]
    null: ShuffledScores | None
    messages: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        """Share of the held-out objects that were right."""
        return self.scores.accuracy

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that were judged; NaN where none was."""
        return macro_f1(self.scores)

    @property
    def beats_null(self) -> bool:
        """Whether the macro-averaged F1 is above 95 % of what shuffled classes give."""
        return self.null is not None and self.macro_f1 > self.null.macro_f1_range[1]

    @property
    def p_value(self) -> float:
        """Share of the shuffles that did as well, itself among them; NaN where nothing was judged."""
        if self.null is None:
            return float("nan")
        as_good = int((self.null.macro_f1 >= self.macro_f1).sum())
        return (1 + as_good) / (1 + len(self.null.macro_f1))

    def summary(self) -> str:
        """The result in plain words, a sentence a line."""
        return "\n".join(self.messages)


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(values, _RANGE)
    return float(low), float(high)


def macro_f1(scores: ClassificationScores) -> float:
    """Mean F1 of the classes that occur in the truth; NaN where there is none."""
    judged = scores.support > 0
    return float(scores.f1[judged].mean()) if judged.any() else float("nan")


def validate_objects(
    objects: TrainingObjects,
    parameters: ObjectParameters,
    preparation: Preparation,
    *,
    by: By = "auto",
    n_splits: int = 5,
    n_shuffles: int = N_SHUFFLES,
    from_clusters: bool = False,
    class_names: Mapping[int, str] | None = None,
    n_threads: int = 1,
    cancel: CancelToken | None = None,
) -> Job[ObjectValidation]:
    """Judge a classifier with these settings on objects that were held out.

    Parameters
    ----------
    objects
        Those that have a class, of two or more classes.
    parameters
        Settings of the classifier.
    preparation
        That of the trained classifier; used where the part to train on does not suffice to fit a new one.
    by, n_splits
        See `choose_folds`.
    n_shuffles
        How often the classes are shuffled; 20 or more.
    from_clusters
        Whether the classes are clusters.
    class_names
        Class → name, for the words.

    Yields
    ------
    Progress

    Raises
    ------
    InputError
        For parameters out of bounds.
    JobCancelled
    """
    if n_shuffles < 20:
        raise InputError(f"n_shuffles must be 20 or more (got {n_shuffles})")
    folds = choose_folds(objects, by, n_splits, parameters.random_state)
    classes, y = np.unique(objects.y, return_inverse=True)
    rng = np.random.default_rng([parameters.random_state, 1])
    shuffled, mixed = _shuffled_classes(objects, folds, y, n_shuffles, rng)
    some = np.zeros(len(y), bool)
    some[rng.permutation(len(y))[:_NULL_OBJECTS]] = True
    small = parameters.model_copy(update={"n_estimators": min(_NULL_TREES, parameters.n_estimators)})
    predicted = np.full(len(y), -1)
    by_chance = np.full((n_shuffles, len(y)), -1)
    for k in range(folds.n_folds):
        message = f"held-out {_PLACES[folds.method]}, part {k + 1} of {folds.n_folds}"
        out = folds.fold == k
        X, X_out = _prepared(objects, out, parameters, preparation)
        job = train(X, y[~out], len(classes), parameters, n_threads, cancel)
        model = yield from _within(job, k, folds.n_folds, message)
        predicted[out] = model.predict_proba(X_out, n_threads, cancel).argmax(axis=1)
        few = some[~out]
        for number in range(n_shuffles):
            share = _SHARE_OF_TRUTH + (1 - _SHARE_OF_TRUTH) * number / n_shuffles
            yield Progress(k + share, folds.n_folds, f"{message}: shuffled classes")
            job = train(X[few], mixed[number, ~out][few], len(classes), small, 1, cancel)
            by_chance[number, out] = run_job(job).predict_proba(X_out, n_threads, cancel).argmax(axis=1)
    null = None
    if folds.n_folds:
        chance = [_scores(m, p, classes) for m, p in zip(mixed, by_chance, strict=True)]
        fewer_trees = parameters.method == "random_forest" and parameters.n_estimators > _NULL_TREES
        null = ShuffledScores.of(
            chance,
            shuffled,
            n_trees=_NULL_TREES if fewer_trees else None,
            n_objects=_NULL_OBJECTS if len(y) > _NULL_OBJECTS else None,
        )
    scores = _scores(y, predicted, classes)
    result = ObjectValidation(
        scores=scores,
        method=folds.method,
        n_folds=folds.n_folds,
        unjudged=folds.unjudged,
        n_groups=folds.n_groups,
        predicted=np.where(predicted >= 0, classes[np.maximum(predicted, 0)], 0).astype(np.int32),
        null=null,
        messages=(),
    )
    words = sentences(result, objects, from_clusters, class_names or {})
    return replace(result, messages=tuple(words))


_PLACES: dict[Method, str] = {"image": "images", "position": "regions", "random": "objects"}


def _prepared(
    objects: TrainingObjects, out: NDArray[np.bool_], parameters: ObjectParameters, preparation: Preparation
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features of the objects to train on and of those held out, as if nobody had seen the latter."""
    seen, unseen = objects.table(~out), objects.table(out)
    with suppress(InputError):  # no feature varies among so few objects: keep what all the table taught
        preparation = new_preparation(parameters).fit(seen)
    return preparation.transform(seen), preparation.transform(unseen)


def _shuffled_classes(
    objects: TrainingObjects, folds: Folds, y: NDArray[np.int64], n_shuffles: int, rng: np.random.Generator
) -> tuple[str, NDArray[np.int64]]:
    """What is exchanged, and classes (n_shuffles, n) that mean nothing; those not judged stay."""
    mixed = np.tile(y, (n_shuffles, 1))
    judged = np.flatnonzero(folds.fold >= 0)
    if not len(judged):
        return "object", mixed
    shuffled, unit = _exchangeable(objects, folds, judged, y)
    first = np.unique(unit, return_index=True)[1]
    for row in mixed:
        row[judged] = rng.permutation(y[judged][first])[unit]
    return shuffled, mixed


def _exchangeable(
    objects: TrainingObjects, folds: Folds, judged: NDArray[np.int64], y: NDArray[np.int64]
) -> tuple[str, NDArray[np.int64]]:
    """What can be exchanged if classes mean nothing: the largest thing whose objects all share a class.

    Where each image holds one class only, objects of an image are no independent examples, and shuffling
    them one by one would let the light of an image pass for its class.
    """
    candidates: list[tuple[str, NDArray[np.int64]]] = []
    if len(objects.roi_names) > 1:
        candidates.append(("image", objects.roi.astype(np.int64)))
    if folds.method == "position":
        candidates.append(("region", folds.group))
    candidates.append(("track", folds.unit))
    for name, group in candidates:
        _, member = np.unique(group[judged], return_inverse=True)
        pairs = np.unique(np.column_stack([member, y[judged]]), axis=0)
        n_groups = int(member.max()) + 1
        if len(pairs) == n_groups:
            return (name if n_groups < len(judged) else "object"), member
    return "object", np.arange(len(judged))


def _scores(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: NDArray[np.int32]
) -> ClassificationScores:
    """Scores of the objects that were held out; both (n,) are indices of classes, −1 for others."""
    out = predicted >= 0
    ids = [int(c) for c in classes]
    confusion = confusion_matrix(classes[truth[out]], classes[predicted[out]], ids)
    return ClassificationScores.from_confusion(confusion, ids)


def _within(job: Job[R], done: float, total: float, message: str) -> Job[R]:
    """A job as the first part of a step of a longer one."""
    try:
        while True:
            progress = next(job)
            yield Progress(done + _SHARE_OF_TRUTH * progress.fraction, total, message)
    except StopIteration as end:
        result: R = end.value
        return result
