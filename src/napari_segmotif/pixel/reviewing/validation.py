"""How good is a pixel classifier really: judged on strokes, or images, that it was not trained on.

A pixel and its neighbour are nearly copies. Whoever holds out single pixels, as a forest's out-of-bag
estimate does, keeps a copy of each in the training part and measures memory. So whole strokes (or whole
images) are held out. Two more things keep the estimate honest:

- A class of one stroke cannot be judged: without that stroke the forest would not know the class. Its pixels
  always stay in the training part and the class is reported as unjudged.
- People paint classes in other proportions than the image has them. The plain accuracy is about the painted
  pixels; `ValidationReport.accuracy_at` carries it over to an image of known class proportions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...common.metrics import ClassificationScores, confusion_matrix
from ...common.progress import CancelToken, Job, Progress
from ...errors import AnnotationError, InputError
from .held_out import MakeForest, assign_folds, fit_in_steps, groups_per_class

Method = Literal["stroke", "image"]
_OPTIMISM_WORTH_SAYING = 0.02
_ENOUGH_GROUPS = 5


@dataclass(frozen=True)
class ValidationReport:
    """What came out when strokes (or images) were held out.

    Attributes
    ----------
    scores
        Precision, recall, F1, Jaccard of each class, accuracy and confusion over the held-out pixels.
    method
        "stroke" or "image": what was held out as a whole.
    unjudged
        Classes with only one stroke (or in only one image): always trained on, never held out.
    n_groups
        Number of strokes (or images) of each class.
    n_folds
        How many forests were trained; 0 where no class could be judged.
    y_pred
        (n,) int32, what each pixel was taken for by the forest that had not seen its group; 0 = not held out.
    group_accuracy
        Accuracy when every held-out stroke (or image) counts the same, however long, and every class the
        same; NaN where nothing was judged.
    accuracy_error
        Standard error of `scores.accuracy` with strokes (images) and not pixels as the independent units; NaN
        with fewer than two of them.
    oob_accuracy
        The forest's own out-of-bag accuracy, or None. Optimistic: shown to be compared, not to be believed.
    """

    scores: ClassificationScores
    method: Method
    unjudged: tuple[int, ...]
    n_groups: Mapping[int, int]
    n_folds: int
    y_pred: NDArray[np.int32]
    group_accuracy: float
    accuracy_error: float
    oob_accuracy: float | None = None

    @property
    def classes(self) -> tuple[int, ...]:
        """All classes, ascending."""
        return self.scores.classes

    @property
    def accuracy(self) -> float:
        """Share of the held-out pixels that were right."""
        return self.scores.accuracy

    @property
    def confusion(self) -> NDArray[np.int64]:
        """(n_classes, n_classes) held-out pixels: rows as painted, columns as taken for."""
        return self.scores.confusion

    @property
    def judged(self) -> tuple[int, ...]:
        """Classes that were held out."""
        return tuple(c for c in self.scores.classes if c not in self.unjudged)

    def accuracy_at(self, proportions: Mapping[int, float], *, predicted: bool = True) -> float:
        """Accuracy to expect on an image in which the classes have these proportions.

        Recall does not depend on how much of a class was painted, accuracy does. This is the recall of each
        class weighted with its share of the image. It is unbiased as far as the strokes of a class are a fair
        sample of that class.

        Parameters
        ----------
        proportions
            Class id → share of the image, any positive scale (pixel counts will do).
        predicted
            Whether the shares are those of a segmentation by this classifier. They are then first corrected
            for the classifier's own mistakes by inverting the confusion (adjusted counts; Forman 2008). False
            for true shares.

        Returns
        -------
        float in [0, 1], NaN when a class with a positive share was not judged.

        Raises
        ------
        InputError
            For shares that are negative, all zero, or of classes that the classifier does not have.
        """
        classes = self.scores.classes
        share = np.array([float(proportions.get(c, 0.0)) for c in classes])
        if (
            set(proportions) - set(classes)
            or not np.isfinite(share).all()
            or (share < 0).any()
            or not share.any()
        ):
            raise InputError(
                f"give a share of 0 or more for each of the classes {list(classes)} (got {dict(proportions)})"
            )
        share /= share.sum()
        use = (share > 0) | (self.scores.support > 0)
        recall = self.scores.recall[use]
        if np.isnan(recall).any():
            return float("nan")
        share = share[use]
        if predicted:
            share = _true_shares(share, self.scores.confusion[np.ix_(use, use)])
        return float(share @ recall)

    def summary(self, class_names: Mapping[int, str] | None = None) -> str:
        """Return the report in plain words, a sentence a line."""
        return "\n".join(_sentences(self, class_names or {}))


def validate_forest(
    X: NDArray[np.float32],
    y: NDArray[np.integer],
    groups: NDArray[np.integer],
    classes: Sequence[int],
    make_forest: MakeForest,
    method: Method = "stroke",
    n_splits: int = 5,
    random_state: int = 0,
    oob_accuracy: float | None = None,
    cancel: CancelToken | None = None,
) -> Job[ValidationReport]:
    """Judge a forest on groups of pixels that were held out as a whole.

    Parameters
    ----------
    X
        (n, n_features) features of the annotated pixels.
    y
        (n,) their classes, as painted.
    groups
        (n,) the stroke of each pixel, unique over all images; with method "image" its image.
    classes
        The class ids, ascending.
    make_forest
        Returns an unfitted classifier like scikit-learn's (fit, predict), with its seed. A forest is grown a
        few trees at a time, so that a cancel need not wait.
    method
        What `groups` are, for the words of the report.
    n_splits
        Folds at most; there are never more than the class with the most groups has groups.
    random_state
        Seed of the assignment to folds. The forests' seeds are the business of `make_forest`.
    oob_accuracy
        The trained forest's out-of-bag accuracy, to be shown beside.
    cancel
        Looked at between folds and between groups of trees.

    Yields
    ------
    Progress

    Returns
    -------
    ValidationReport
        Also where no class can be judged (`n_folds` 0, scores NaN): its summary says what to paint.

    Raises
    ------
    AnnotationError
        If nothing, or only one class, is annotated.
    JobCancelled
    """
    _check(X, y, groups, classes, n_splits)
    counts = groups_per_class(y, groups, classes)
    unjudged = tuple(c for c in classes if counts[c] < 2)
    fold = assign_folds(y, groups, n_splits, random_state)
    n_folds = int(fold.max()) + 1
    y_pred = np.zeros(len(y), np.int32)
    for k in range(n_folds):
        yield Progress(k, n_folds, f"held-out {method}s, part {k + 1} of {n_folds}")
        held_out = fold == k
        forest = make_forest()
        for share in fit_in_steps(forest, X[~held_out], y[~held_out], cancel):
            yield Progress(k + 0.9 * share, n_folds, f"held-out {method}s, part {k + 1} of {n_folds}")
        y_pred[held_out] = forest.predict(X[held_out])
        if cancel is not None:
            cancel.raise_if_cancelled()
    yield Progress(n_folds, n_folds, "validated")
    judged = y_pred > 0
    confusion = confusion_matrix(np.where(judged, y, 0), np.where(judged, y_pred, 0), classes)
    accuracy_error, group_accuracy = _by_group(y[judged], groups[judged], y_pred[judged])
    return ValidationReport(
        scores=ClassificationScores.from_confusion(confusion, classes),
        method=method,
        unjudged=unjudged,
        n_groups=counts,
        n_folds=n_folds,
        y_pred=y_pred,
        group_accuracy=group_accuracy,
        accuracy_error=accuracy_error,
        oob_accuracy=oob_accuracy,
    )


def _check(X: Any, y: Any, groups: Any, classes: Sequence[int], n_splits: int) -> None:
    if not len(X) == len(y) == len(groups):
        raise InputError(
            f"X, y and groups must have one entry a pixel (got {len(X)}, {len(y)} and {len(groups)})"
        )
    if n_splits < 2:
        raise InputError(f"n_splits must be 2 or more (got {n_splits})")
    painted = np.unique(y)
    if len(painted) < 2:
        raise AnnotationError(f"paint at least two classes before validating (got {painted.tolist()})")
    if not np.isin(painted, classes).all():
        raise InputError(f"y must be among the classes {list(classes)} (got {painted.tolist()})")


def _true_shares(predicted: NDArray[np.float64], confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Shares of the classes that, seen through these confusions, give the predicted shares."""
    seen_as = confusion / confusion.sum(axis=1, keepdims=True)  # (K, K): P(predicted j | true i)
    shares = np.clip(np.linalg.lstsq(seen_as.T, predicted, rcond=None)[0], 0, None)
    return shares / shares.sum() if shares.any() else predicted


def _by_group(
    y: NDArray[np.integer], groups: NDArray[np.integer], y_pred: NDArray[np.integer]
) -> tuple[float, float]:
    """Standard error of the accuracy with groups as units, and the accuracy with every group the same."""
    if len(y) == 0:
        return float("nan"), float("nan")
    right = (y == y_pred).astype(np.float64)
    _, group = np.unique(groups, return_inverse=True)
    n_groups = int(group.max()) + 1
    # a ratio of sums over clusters, linearised (Cochran, Sampling Techniques, 1977, ch. 6)
    residual = np.bincount(group, weights=right - right.mean())
    spread = n_groups / (n_groups - 1) * (residual**2).sum() if n_groups > 1 else np.nan
    per_class = []
    for class_id in np.unique(y):
        mine = y == class_id
        pixels = np.bincount(group[mine], minlength=n_groups)
        hits = np.bincount(group[mine], weights=right[mine], minlength=n_groups)
        per_class.append((hits[pixels > 0] / pixels[pixels > 0]).mean())
    return float(np.sqrt(spread) / len(y)), float(np.mean(per_class))


def _sentences(report: ValidationReport, names: Mapping[int, str]) -> list[str]:
    def name(class_id: int) -> str:
        return names.get(class_id, f"class {class_id}")

    unit = report.method
    scores = report.scores
    lines = []
    if report.n_folds == 0:
        lines.append(f"Nothing could be judged: no class is in two or more {unit}s.")
    else:
        judged = [report.n_groups[c] for c in report.judged]
        # Strokes that are all right, or too few, say nothing about how far the figure could be off.
        margin = f" ± {100 * report.accuracy_error:.1f}" if report.accuracy_error > 0 else ""
        lines.append(
            f"On {unit}s that the classifier had not seen, {100 * scores.accuracy:.1f}{margin} % of the "
            f"annotated pixels were right."
        )
        lines += _weakest(report, name)
        if min(judged) < _ENOUGH_GROUPS:
            lines.append(
                f"This rests on few {unit}s: {_ENOUGH_GROUPS} or more of each class make the figure firm."
            )
    if report.unjudged:
        listed = ", ".join(name(c) for c in report.unjudged)
        advice = (
            "paint another stroke of it, away from the first"
            if unit == "stroke"
            else "annotate it in a second image"
        )
        lines.append(f"Not judged, because in one {unit} only: {listed}. To judge a class, {advice}.")
    if report.oob_accuracy is not None:
        lines.append(_about_oob(report.oob_accuracy, scores.accuracy, unit))
    return lines


def _weakest(report: ValidationReport, name: Callable[[int], str]) -> list[str]:
    scores = report.scores
    k = int(np.nanargmin(scores.recall))
    mistakes = np.where(np.arange(len(scores.classes)) == k, 0, scores.confusion[k])
    if not mistakes.any():
        return ["No class was taken for another."]
    taken_for = name(scores.classes[int(mistakes.argmax())])
    return [
        f"Weakest class: {name(scores.classes[k])}, of which {100 * scores.recall[k]:.1f} % were recognised; "
        f"what was missed was mostly taken for {taken_for}. Paint more of both where they are confused."
    ]


def _about_oob(oob: float, held_out: float, unit: str) -> str:
    text = (
        f"The out-of-bag accuracy is {100 * oob:.1f} %. It is optimistic, because neighbouring pixels of the "
        f"same stroke are on both sides of that test"
    )
    if oob - held_out > _OPTIMISM_WORTH_SAYING:
        return f"{text}: {100 * (oob - held_out):.1f} points above the figure for unseen {unit}s. Trust that."
    return f"{text}. Trust the figure for unseen {unit}s."
