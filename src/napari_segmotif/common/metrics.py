"""How well labels agree with the truth: confusion, precision, recall, F1, Jaccard, accuracy, mean IoU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_CHUNK = 1 << 22  # pixels counted at a time, so that label volumes need no index array of their own size


def confusion_matrix(truth: ArrayLike, predicted: ArrayLike, classes: Sequence[int]) -> Ints:
    """Count how often each class was taken for each class.

    Parameters
    ----------
    truth, predicted
        Integer labels of the same shape, any axes. Pixels whose truth is not one of `classes` are left out,
        so an annotation with 0 = not annotated can be given as the truth.
    classes
        The K class ids, ascending.

    Returns
    -------
    array (K, K) int64
        Rows are the truth, columns the prediction.

    Raises
    ------
    InputError
        For shapes that differ, labels that are not integers, classes that are not ascending, or a counted
        pixel that was predicted as none of `classes`.
    """
    truth_array, predicted_array = _labels(truth, "truth"), _labels(predicted, "predicted")
    if truth_array.shape != predicted_array.shape:
        raise InputError(
            "truth and predicted must have the same shape "
            f"(got {truth_array.shape} and {predicted_array.shape})"
        )
    ids = _class_ids(classes)
    n_classes = len(ids)
    counts = np.zeros(n_classes * n_classes, np.int64)
    truth_flat, predicted_flat = truth_array.reshape(-1), predicted_array.reshape(-1)
    for start in range(0, truth_flat.size, _CHUNK):
        rows, counted = _position(truth_flat[start : start + _CHUNK], ids)
        columns, known = _position(predicted_flat[start : start + _CHUNK][counted], ids)
        if not known.all():
            strange = predicted_flat[start : start + _CHUNK][counted][~known][0]
            raise InputError(f"predicted labels must be among the classes {ids.tolist()} (got {strange})")
        counts += np.bincount(rows[counted] * n_classes + columns, minlength=n_classes * n_classes)
    return counts.reshape(n_classes, n_classes)


@dataclass(frozen=True)
class ClassificationScores:
    """What a confusion matrix says, class by class.

    A score whose denominator is zero is NaN: recall of a class that is not in the truth, precision of a class
    that was never predicted, F1 and Jaccard of a class that is in neither.

    Attributes
    ----------
    classes
        The K class ids, ascending.
    confusion
        (K, K) int64, rows the truth, columns the prediction.
    precision, recall, f1, jaccard
        (K,) float64 in [0, 1] or NaN. Jaccard is the intersection over the union (IoU).
    accuracy
        Share of counted pixels that are right, NaN where none was counted.
    support
        (K,) int64, pixels of each class in the truth.
    """

    classes: tuple[int, ...]
    confusion: Ints
    precision: Floats
    recall: Floats
    f1: Floats
    jaccard: Floats
    accuracy: float
    support: Ints

    @classmethod
    def from_confusion(cls, confusion: ArrayLike, classes: Sequence[int]) -> ClassificationScores:
        """Derive every score from a confusion matrix (K, K), rows the truth.

        Raises
        ------
        InputError
            When the matrix is not K × K counts.
        """
        ids = _class_ids(classes)
        counts = np.asarray(confusion)
        if counts.shape != (len(ids), len(ids)) or counts.dtype.kind not in "iu" or (counts < 0).any():
            raise InputError(
                f"a confusion matrix of {len(ids)} classes must be {len(ids)} × {len(ids)} counts "
                f"(got shape {counts.shape}, {counts.dtype})"
            )
        counts = counts.astype(np.int64)
        hit, support, claimed = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
        return cls(
            classes=tuple(int(c) for c in ids),
            confusion=counts,
            precision=_ratio(hit, claimed),
            recall=_ratio(hit, support),
            f1=_ratio(2 * hit, support + claimed),
            jaccard=_ratio(hit, support + claimed - hit),
            accuracy=float(_ratio(hit.sum()[None], counts.sum()[None])[0]),
            support=support,
        )

    @property
    def mean_iou(self) -> float:
        """Mean Jaccard over the classes for which it is defined; NaN where there is none."""
        return _nanmean(self.jaccard)

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall over the classes for which it is defined: every class counts the same."""
        return _nanmean(self.recall)

    def as_rows(self, class_names: Mapping[int, str] | None = None) -> list[dict[str, int | float | str]]:
        """One dict a class (class, name, precision, recall, f1, jaccard, support): a table, a CSV, JSON."""
        names = class_names or {}
        return [
            {
                "class": c,
                "name": names.get(c, f"class {c}"),
                "precision": float(self.precision[k]),
                "recall": float(self.recall[k]),
                "f1": float(self.f1[k]),
                "jaccard": float(self.jaccard[k]),
                "support": int(self.support[k]),
            }
            for k, c in enumerate(self.classes)
        ]

    def to_text(self, class_names: Mapping[int, str] | None = None) -> str:
        """Return the scores as a plain text table for a terminal; undefined scores are shown as "–"."""
        table = [["class", "precision", "recall", "F1", "Jaccard", "pixels"]]
        for row in self.as_rows(class_names):
            shares = [_percent(float(row[key])) for key in ("precision", "recall", "f1", "jaccard")]
            table.append([str(row["name"]), *shares, str(row["support"])])
        name_width, *widths = (max(map(len, column)) for column in zip(*table, strict=True))
        lines = []
        for name, *cells in table:
            right = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
            lines.append("  ".join([name.ljust(name_width), *right]))
        return "\n".join([*lines, f"accuracy {_percent(self.accuracy)}"])


def mean_iou(truth: ArrayLike, predicted: ArrayLike, classes: Sequence[int]) -> float:
    """Mean intersection over union of the classes that are in the truth or in the prediction.

    Parameters and errors are those of `confusion_matrix`. NaN where no pixel is counted.
    """
    return ClassificationScores.from_confusion(confusion_matrix(truth, predicted, classes), classes).mean_iou


def _labels(values: ArrayLike, name: str) -> NDArray[np.integer]:
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise InputError(f"{name} must be integer class labels; convert it first (got {array.dtype})")
    return array


def _class_ids(classes: Sequence[int]) -> Ints:
    ids = np.asarray(classes, dtype=np.int64)
    if ids.ndim != 1 or ids.size == 0 or (np.diff(ids) <= 0).any():
        raise InputError(f"classes must be one or more ids in ascending order (got {list(classes)})")
    return ids


def _position(values: NDArray[np.integer], ids: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Index of each value in `ids`, and whether it is there at all."""
    index = np.minimum(np.searchsorted(ids, values), len(ids) - 1)
    return index.astype(np.int64), ids[index] == values


def _ratio(numerator: Ints, denominator: Ints) -> Floats:
    safe = np.where(denominator > 0, denominator, 1)
    return np.where(denominator > 0, numerator / safe, np.nan)


def _nanmean(values: Floats) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def _percent(value: float) -> str:
    return "–" if np.isnan(value) else f"{100 * value:.1f} %"
