"""Write beside the target, then rename over it: a full disk or a crash leaves the old file whole."""

from __future__ import annotations

import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import StorageError

_NO_SPACE = "there is no space left for it: free some space or choose another folder"
_NO_PERMISSION = (
    "writing there is not permitted: choose another folder, or close the program that holds the file open"
)
_ADVICE = {
    errno.ENOSPC: _NO_SPACE,
    errno.EDQUOT: _NO_SPACE,
    errno.EFBIG: "the file system or the account allows no file of that size: choose another folder",
    errno.EACCES: _NO_PERMISSION,
    errno.EPERM: _NO_PERMISSION,
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.ENOENT: "its folder does not exist: create it first or choose another one",
    errno.ENOTDIR: "its folder is a file: choose another folder",
    errno.EISDIR: "a folder of that name stands there: choose another name",
    errno.ENAMETOOLONG: "its name is too long: choose a shorter one",
}
_FALLBACK = "the disk refused it: check the disk or choose another folder"


@contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; what is written there takes the place of `path` at the end.

    Files and folders (such as a .zarr) are both fine. The temporary path keeps the suffix. A symbolic
    link is followed, so that the link stays.

    Parameters
    ----------
    path
        Where the result belongs. Its folder must exist.

    Yields
    ------
    Path
        Where to write. If the block raises anything, what was written is removed and `path` stays as it was.

    Raises
    ------
    StorageError
        For every OSError: no space, no permission, no such folder.
    """
    target = Path(os.path.realpath(path))
    token = uuid.uuid4().hex[:12]
    temporary = target.with_name(f".{token}.partial{target.suffix}")
    try:
        _check_target(target)
        yield temporary
        _flush_to_disk(temporary)
        _put_in_place(temporary, target, aside=target.with_name(f".{token}.old{target.suffix}"))
    except OSError as error:
        raise storage_error(error, target) from error
    finally:
        _remove(temporary)


def make_ready(path: str | Path) -> None:
    """Make the folder of a file, and check that the file can be written, before the work is done.

    Parameters
    ----------
    path
        The file that is going to be written.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    target = Path(os.path.realpath(path))
    try:
        _check_folder(target.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        _check_target(target)
        if target.is_dir():
            raise OSError(errno.EISDIR, "is a folder")
    except OSError as error:
        raise storage_error(error, path) from error


def check_folder(path: str | Path) -> None:
    """Check that files can be written to a folder, which may be made later, before the work is done.

    Parameters
    ----------
    path
        The folder; it is not made here.

    Raises
    ------
    StorageError
        If it cannot be made, or nothing be written there.
    """
    folder = Path(os.path.realpath(path))
    try:
        _check_folder(folder)
    except OSError as error:
        raise storage_error(error, path) from error


def _check_folder(folder: Path) -> None:
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise OSError(errno.ENOTDIR, f"{there} is no folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OSError(errno.EACCES, f"no permission to write to {there}")


def storage_error(error: OSError, path: str | Path) -> StorageError:
    """Say in a user's words why a file could not be written, and what to do about it.

    Parameters
    ----------
    error
        What the operating system (or HDF5, which hides the number in its message) reported.
    path
        The file that was to be written.
    """
    number = error.errno
    if number is None and (hidden := re.search(r"errno = (\d+)", str(error))):
        number = int(hidden.group(1))
    advice = _ADVICE.get(number, _FALLBACK) if number is not None else _FALLBACK
    reason = error.strerror or str(error) or type(error).__name__
    return StorageError(
        f"{path} could not be written: {advice}; what stood there is untouched (got: {reason})"
    )


def _check_target(target: Path) -> None:
    """Fail before the work is done rather than after it."""
    if not target.parent.is_dir():
        raise OSError(errno.ENOTDIR if target.parent.exists() else errno.ENOENT, "no such folder")
    # Renaming needs no permission for the file itself, but a read-only file was protected by somebody.
    if target.exists() and not os.access(target, os.W_OK):
        raise OSError(errno.EACCES, "the existing one is read-only")


def _flush_to_disk(path: Path) -> None:
    """Let the data reach the disk before the name does: the order a crash must not reverse."""
    if path.is_dir():
        for folder, _, files in os.walk(path):
            for name in files:
                _flush_file(Path(folder) / name)
            _flush_folder(Path(folder))
    else:
        _flush_file(path)


def _flush_file(path: Path) -> None:
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


def _flush_folder(path: Path) -> None:
    if os.name == "nt":  # Windows opens no folders and needs no flush of them
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems know no flush of a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_in_place(temporary: Path, target: Path, aside: Path) -> None:
    if target.is_dir() and not temporary.is_dir():
        raise OSError(errno.EISDIR, "is a folder")
    if not target.exists():
        os.replace(temporary, target)
    elif temporary.is_dir():  # a folder cannot be renamed over another one that is not empty
        os.rename(target, aside)
        try:
            os.rename(temporary, target)
        except BaseException:
            os.rename(aside, target)
            raise
        _remove(aside)
    else:
        with suppress(OSError):
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    _flush_folder(target.parent)


def _remove(path: Path) -> None:
    """Remove a leftover without hiding the error that left it over."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
