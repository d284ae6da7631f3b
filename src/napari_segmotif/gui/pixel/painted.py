"""How much of each class is painted. No Qt in here."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import AnnotationError
from ...pixel.strokes import StrokeCount

MAX_CLASSES = 64
"""More labels than this in an annotation are objects, not classes."""

Counts = Mapping[int, StrokeCount]


def check_counts(counts: Counts) -> None:
    """Refuse an annotation that cannot be one.

    Raises
    ------
    AnnotationError
        Where there are more labels than a user can have painted as classes.
    """
    if len(counts) > MAX_CLASSES:
        raise AnnotationError(
            f"an annotation has at most {MAX_CLASSES} classes; this looks like a layer of objects: choose "
            f"another annotation layer, or make a new one (got {len(counts)} labels)"
        )
