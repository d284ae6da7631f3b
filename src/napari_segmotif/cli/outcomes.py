"""What commands that work on many files say in the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import ImageFileError
from .arguments import tell


def existing_images(files: Sequence[str]) -> tuple[list[Path], list[tuple[Path, str]]]:
    """The images, and what is wrong with every path that is none: it does not stop the others."""
    from ..common.image_io import find_images

    images: dict[Path, None] = {}
    missing = []
    for path in files:
        try:
            images.update(dict.fromkeys(find_images([path])))
        except ImageFileError as error:
            missing.append((Path(path), str(error)))
    return list(images), missing


def report_failures(failed: Sequence[tuple[Path, str]], n_files: int, what: str) -> int:
    """Say which files failed, and why; return the exit code.

    Parameters
    ----------
    failed
        Files and what was wrong with each.
    n_files
        Of how many.
    what
        What they are: "images".
    """
    if not failed:
        return 0
    if n_files == 1:
        tell(f"segmotif: error: {one_line(failed[0][1])}")
        return 1
    for path, error in failed:
        tell(f"{path}: failed: {one_line(error)}")
    names = ", ".join(str(path) for path, _ in failed)
    tell(f"segmotif: error: {len(failed)} of {n_files} {what} failed: {names}")
    return 1


def one_line(text: str) -> str:
    """The same without line breaks."""
    return " ".join(text.split())
