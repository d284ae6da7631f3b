"""`segmotif demo`: the pixel classifier on a real image, as a user sees it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import command

if TYPE_CHECKING:
    from .arguments import Commands

_EXAMPLES = """\
  segmotif demo
  segmotif demo --output my_folder --no-window
"""


def add_command(commands: Commands) -> None:
    """Add the command."""
    parser = command(
        commands,
        "demo",
        "the pixel classifier on a real microscope image, in napari",
        "Open napari with a stained tissue section and a few strokes; train, segment, validate, make objects "
        "and write what came out. With a display the window stays open.",
        _EXAMPLES,
        progress=False,
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("demo_output"),
        metavar="DIR",
        help="folder for the results (demo_output)",
    )
    parser.add_argument(
        "--no-window",
        action="store_true",
        help="end when all is written; on Linux with Xvfb nothing appears on the screen",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from ..gui.demo import run_demo

    return run_demo(options.output, window=not options.no_window)
