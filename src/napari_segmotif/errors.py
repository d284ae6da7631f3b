"""Everything that can go wrong for a user, as exceptions whose message says what was got and what to do."""

from __future__ import annotations

from typing import Any, Self


class SegmotifError(Exception):
    """The parent of every error that napari-segmotif raises on purpose."""


class InputError(SegmotifError, ValueError):
    """Something handed in cannot be used as it is: an image, a table, a parameter."""

    @classmethod
    def from_validation(cls, error: Any) -> Self:
        """The same complaint as a pydantic ValidationError, in one line a user can act on."""
        lines = []
        for problem in error.errors():
            name = ".".join(str(part) for part in problem["loc"])
            reason = problem["msg"].removeprefix("Value error, ")
            got = "" if "(got" in reason else f" (got {problem['input']!r})"
            lines.append(f"{name}: {reason}{got}" if name else f"{reason}{got}")
        return cls("; ".join(lines))


class AxesError(InputError):
    """The axes of an array do not fit its shape, or are not what a tool can work on."""


class AnnotationError(InputError):
    """An annotation is empty, has one class only, or does not fit its image."""


class NotFittedError(SegmotifError):
    """A model was asked to predict before it was trained."""


class ModelFileError(SegmotifError):
    """A model file is truncated, altered, of another tool, or not a model at all."""


class ModelMismatchError(InputError):
    """A model was trained on other channels, axes or spacing than the image it is applied to."""


class ImageFileError(SegmotifError):
    """An image file cannot be read, or holds nothing that is an image."""


class StorageError(SegmotifError):
    """A file could not be written; whatever stood in its place before is untouched."""


class DeviceMemoryError(SegmotifError):
    """Even the smallest step of the out-of-memory ladder did not fit."""


class MissingExtraError(SegmotifError, ImportError):
    """An optional dependency is needed for this; the message names the extra to install."""


class JobCancelled(SegmotifError):
    """The user cancelled; what was there before is untouched."""
