"""What the recipes of all tools have in common, and how they are read and written: plain JSON."""

from __future__ import annotations

import functools
import importlib.metadata
import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..common.atomic import write_atomically
from ..common.image_io import is_image_path, open_image
from ..errors import InputError

METADATA_KEY = "segmotif"
"""Where an image that was written by a job keeps its recipe."""
_LARGEST = 16 * 2**20


class Frozen(BaseModel):
    """A part of a recipe: unknown names and numbers that are none are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RecipeBase(Frozen):
    """What a job was given, whatever the tool.

    Attributes
    ----------
    tool
        Which tool did it.
    parameters
        What was asked of it.
    inputs
        The files that it was given. A recipe may be repeated on others.
    made_with
        Versions of the packages that decide about the numbers.
    details
        What else is worth knowing, in JSON's types. A repetition does not look at it.
    """

    recipe_version: Literal[1] = 1
    tool: str
    parameters: Frozen
    inputs: tuple[str, ...] = ()
    made_with: dict[str, str] = Field(default_factory=dict)
    details: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """In plain types, as it stands in files and in the metadata of images and layers."""
        return self.model_dump(mode="json", exclude_none=True)

    def save(self, path: str | Path) -> Path:
        """Write the recipe as JSON."""
        path = Path(path)
        with write_atomically(path) as temporary:
            text = self.model_dump_json(indent=2, exclude_none=True)
            temporary.write_text(text + "\n", encoding="utf-8")
        return path

    @classmethod
    def parse(cls, content: Any, path: Path) -> Self:
        """Check what `read_content` found in a file.

        Raises
        ------
        InputError
            If it is no recipe of this kind, or damaged, or of a newer version.
        """
        try:
            if isinstance(content, bytes):
                return cls.model_validate_json(content)
            return cls.model_validate(content)
        except ValidationError as error:
            raise InputError(
                f"{path} is no recipe that can be repeated (got {InputError.from_validation(error)})"
            ) from error


@functools.cache
def versions(*packages: str) -> dict[str, str]:
    """Versions of installed packages."""
    return {name: importlib.metadata.version(name) for name in packages}


def read_content(path: Path) -> Any:
    """Return the bytes of a JSON file, or what an image that a job wrote has in the place of a recipe."""
    if is_image_path(path):
        with open_image(path) as opened:
            return opened.metadata.get(METADATA_KEY)
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise InputError(f"{path} is too large to be a recipe (got {size} bytes)")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"there is no such recipe: check its name (got {path}: {error.strerror})") from error


def tool_of(content: Any) -> Any:
    """Which tool a recipe says it is of; None where it says nothing, or is no recipe."""
    if isinstance(content, bytes):
        try:
            content = json.loads(content)
        except (ValueError, RecursionError):
            return None
    return content.get("tool") if isinstance(content, dict) else None
