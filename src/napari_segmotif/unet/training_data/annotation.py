"""What the labels of a training are: checked, counted, and what the user should know about them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...errors import AnnotationError
from ..parameters import Annotation
from .annotation_kind import describe_annotation, guess_annotation
from .label_counts import count_labels

__all__ = ["LabelSurvey", "as_labels", "check_label_array", "describe_annotation", "guess_annotation"]

MOST_CLASSES = 64
"""More classes than this are object numbers that were taken for classes."""
_FEW_OBJECTS = 5  # where there are so few, it is looked whether they are classes of many pieces
_MANY_PIECES = 3

Labels = NDArray[np.int32]


def check_label_array(labels: Any, shape: tuple[int, ...], number: int | None = None) -> None:
    """Raise AnnotationError where an array cannot be the labels of an image whose label shape is `shape`.

    `number` tells which of several images it belongs to, from 0.
    """
    which = "the label layer" if number is None else f"label layer {number + 1}"
    kind = np.dtype(labels.dtype).kind
    if kind not in "buif":
        raise AnnotationError(f"{which} must hold whole numbers (got dtype {labels.dtype})")
    if tuple(labels.shape) != shape:
        raise AnnotationError(
            f"{which} must have the shape of its image without the channels, here {shape}: choose the label "
            f"layer that was made on this image (got {tuple(labels.shape)})"
        )


def as_labels(values: NDArray[Any], annotation: Annotation) -> Labels:
    """Labels of one sample as int32, of the same shape, where their numbers allow for it.

    Raises
    ------
    AnnotationError
        For fractions, NaN, negative numbers, or (except of objects) numbers beyond 32 bits.
    """
    if values.dtype.kind == "f":
        odd = ~np.isfinite(values) | (values != np.rint(values))
        if odd.any():
            raise AnnotationError(
                "labels must be whole numbers: choose a label layer, not an image or a probability map "
                f"(got {values[odd][0]})"
            )
    if values.size and (lowest := values.min()) < 0:
        raise AnnotationError(f"labels must not be negative: 0 is the background (got {int(lowest)})")
    if values.size and values.max() > np.iinfo(np.int32).max:
        if annotation != "instances":
            raise AnnotationError(f"class numbers must fit into 32 bits (got {int(values.max())})")
        # numbers of objects mean nothing but which pixels belong together
        _, dense = np.unique(np.append(values, values.dtype.type(0)), return_inverse=True)
        return dense.reshape(-1)[:-1].reshape(values.shape).astype(np.int32)
    return np.ascontiguousarray(values, dtype=np.int32)


class LabelSurvey:
    """What is found in the labels of one sample after the other.

    Parameters
    ----------
    annotation
        What the labels are.
    """

    def __init__(self, annotation: Annotation) -> None:
        self._annotation = annotation
        self._values: set[int] = set()
        self._n_objects = 0
        self._n_specks = 0
        self._n_samples = 0
        self._n_empty = 0
        self._few = 0
        self._pieces_of_few = 0

    def add(self, labels: Labels) -> bool:
        """Look at a sample; returns whether it is of use to the training."""
        present, sizes = count_labels(labels)
        objects, sizes = present[present > 0], sizes[present > 0]
        self._n_samples += 1
        self._n_empty += int(not len(objects))
        if self._annotation == "instances":
            self._values |= {0, 1} if len(objects) else {0}
            self._n_objects += len(objects)
            self._n_specks += int(np.count_nonzero(sizes == 1))
            if len(objects) <= _FEW_OBJECTS:
                self._few += len(objects)
                self._pieces_of_few += sum(ndimage.label(labels == label)[1] for label in objects)
            return True
        self._values |= set(present.tolist())
        return self._annotation == "semantic" or bool(len(objects))

    def classes(self) -> tuple[int, ...]:
        """Class labels, the background first.

        Raises
        ------
        AnnotationError
            Where there is nothing to learn: no label, or one class only; or more classes than can be meant.
        """
        painted = sorted(self._values - {0})
        if not painted:
            what = "paint strokes of two classes" if self._annotation == "scribbles" else "annotate an image"
            raise AnnotationError(
                f"nothing is annotated: {what}, or choose another label layer (got no label but 0)"
            )
        if self._annotation == "instances":
            return (0, 1)
        classes = painted if self._annotation == "scribbles" else sorted(self._values)
        if len(classes) == 1:
            raise AnnotationError(
                "two classes are needed, background and something else: annotate another class too "
                f"(got only class {classes[0]})"
            )
        if len(classes) > MOST_CLASSES:
            raise AnnotationError(
                f"there are more than {MOST_CLASSES} classes: if the numbers are those of objects, choose "
                f"'instances' as the kind of annotation (got {len(classes)} classes)"
            )
        return tuple(classes)

    def messages(self) -> tuple[str, ...]:
        """What the user should know, in plain words."""
        said = [*self._on_empty()]
        if self._annotation != "instances":
            return tuple(said)
        if self._pieces_of_few >= _MANY_PIECES * self._few > 0:
            said.append(
                f"The labels look like classes, not like objects: {self._few} number(s) stand for "
                f"{self._pieces_of_few} separate pieces. Choose 'semantic', or give every object a number "
                "of its own."
            )
        if self._n_objects == 1:
            said.append(
                "Only one object is annotated: annotate more, so that the network sees how they differ."
            )
        if self._n_specks:
            said.append(
                f"{self._n_specks} of {self._n_objects} objects are a single pixel: erase them if they are "
                "slips."
            )
        return tuple(said)

    def _on_empty(self) -> list[str]:
        if not self._n_empty:
            return []
        some = f"{self._n_empty} of {self._n_samples} planes or images have no label"
        if self._annotation == "scribbles":
            return [f"{some}: they are left out."]
        return [f"{some}: they are learned as background. Leave them out if they are only not annotated yet."]
