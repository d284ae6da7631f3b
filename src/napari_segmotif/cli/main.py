"""`segmotif`: its commands, its exit codes, and what it says when something goes wrong.

Exit codes: 0 all done; 1 something failed, and one line on stderr says what; 2 the command line itself is
wrong; 130 interrupted with Ctrl-C (143: by SIGTERM, as clusters do), with nothing half-written.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from ..errors import SegmotifError
from . import demo, motifs, objects, pixel, recipes, unet
from .arguments import Parser

_EPILOG = """\
examples:
  segmotif demo
  segmotif pixel train --image cells.tif --annotation scribbles.tif --model cells.segmotif
  segmotif pixel predict cells.segmotif folder_of_images -o results
  segmotif pixel validate cells.segmotif
  segmotif unet train images/ labels/ -o nuclei.segmotif
  segmotif unet predict nuclei.segmotif folder_of_images -o results
  segmotif motifs find video.tif --motifs 3 --length 31 -o results
  segmotif objects measure labels/ --intensity images/ -o cells.parquet
  segmotif run results/recipe.json other_images -o other_results

Each command has a --help of its own.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    _print_anything()
    parser = build_parser()
    options = parser.parse_args(arguments)
    debug = bool(getattr(options, "debug", False))
    try:
        with _terminated_like_interrupted():
            return int(options.run(options))
    except _Terminated:
        return _fail("terminated; nothing is half-written", 143)
    except KeyboardInterrupt:
        return _fail("interrupted; nothing is half-written", 130)
    except BrokenPipeError:
        # Whoever read the output has left (`segmotif … | head`): nothing is wrong, and nobody listens.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (SegmotifError, OSError) as error:
        if debug:
            traceback.print_exc()
        return _fail(f"error: {' '.join(str(error).split())}", 1)
    except MemoryError:
        if debug:
            traceback.print_exc()
        return _fail("error: the memory does not suffice: close other programs or take a smaller image", 1)


def build_parser() -> Parser:
    """The parser of all commands."""
    parser = Parser(
        prog="segmotif",
        description="Segment bio-images by painting, and find neuronal assemblies in videos: the command "
        "line of napari-segmotif.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, help="show the version and leave")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    demo.add_command(commands)
    pixel.add_commands(commands)
    unet.add_commands(commands)
    motifs.add_commands(commands)
    objects.add_commands(commands)
    recipes.add_command(commands)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from .. import __version__

        print(f"napari-segmotif {__version__}")
        parser.exit()


class _Terminated(KeyboardInterrupt):
    """SIGTERM: leave like after Ctrl-C, so that temporary files go."""


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    def leave(_number: int, _frame: FrameType | None) -> NoReturn:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _print_anything() -> None:
    """Let no name or sign end the command where the output cannot show it, as in pipes on Windows."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # notebooks have streams of their own
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _fail(message: str, code: int) -> int:
    print(f"segmotif: {message}", file=sys.stderr)
    return code
