"""A display to draw on where there is none: Xvfb, started and ended by us. Linux only, and no Qt in here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import SegmotifError

_SIZE = "1600x1000x24"
_NO_DISPLAY = (
    "there is no display to open a window on, and no Xvfb to do without: run this on a desktop, or install "
    "Xvfb (Debian and Ubuntu: apt install xvfb; Fedora: dnf install xorg-x11-server-Xvfb)"
)


def has_display() -> bool:
    """Whether windows can be opened here, as far as the environment tells."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@contextmanager
def display(*, visible: bool) -> Iterator[bool]:
    """See to it that windows can be opened inside this block.

    Parameters
    ----------
    visible
        Whether a display that the user can see should be used, if there is one.

    Yields
    ------
    bool
        Whether the user sees what is drawn.

    Raises
    ------
    SegmotifError
        If there is neither a display nor Xvfb.
    """
    xvfb = shutil.which("Xvfb") if sys.platform.startswith("linux") else None
    if has_display() and (visible or xvfb is None):
        yield True
        return
    if xvfb is None:
        raise SegmotifError(f"{_NO_DISPLAY} (got no DISPLAY)")
    before = {name: os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    server, number = _start(xvfb)
    os.environ.update(DISPLAY=f":{number}", QT_QPA_PLATFORM="xcb")
    os.environ.pop("WAYLAND_DISPLAY", None)
    try:
        yield False
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        server.terminate()
        server.wait()


def _start(xvfb: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start Xvfb on a free display; it writes the number when it is ready."""
    reader, writer = os.pipe()
    try:
        server = subprocess.Popen(
            [xvfb, "-displayfd", str(writer), "-screen", "0", _SIZE, "-nolisten", "tcp"],
            pass_fds=[writer],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            number = pipe.readline().strip()
    except OSError as error:
        raise SegmotifError(f"Xvfb could not be started: {_NO_DISPLAY} (got {error})") from error
    if not number.isdigit():
        code = server.wait()
        raise SegmotifError(f"Xvfb could not be started: try 'Xvfb :99' by hand (got exit code {code})")
    return server, int(number)
