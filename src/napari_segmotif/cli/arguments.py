"""Pieces of command lines that several commands share."""

from __future__ import annotations

import argparse
import math
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction["Parser"]

DEVICES = ("auto", "cpu", "cuda", "mps")


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where to read how it is right."""
        self.exit(2, f"segmotif: error: {message} (see {self.prog} --help)\n")


def command(
    commands: Commands, name: str, summary: str, description: str, examples: str, *, progress: bool = True
) -> Parser:
    """Add a command with the options that every command has."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=textwrap.fill(description, 100),
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if progress:
        parser.add_argument(
            "--progress",
            action=argparse.BooleanOptionalAction,
            default=None,
            help="show a progress bar; by default only on a terminal",
        )
    parser.add_argument("--debug", action="store_true", help="show a traceback when something fails")
    return parser


def add_model_and_files(parser: Parser) -> None:
    """A model, and the images to apply it to."""
    add_model(parser)
    parser.add_argument("files", nargs="+", metavar="FILES", help="images, folders or patterns")
    add_writing(parser)


def add_model(parser: Parser) -> None:
    """A model."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="a trained model (.segmotif)")


def add_device(parser: Parser) -> None:
    """--device."""
    parser.add_argument(
        "--device", choices=DEVICES, default="auto", help="what computes; auto takes a GPU where there is one"
    )


def add_computing(parser: Parser) -> None:
    """--device and --jobs."""
    add_device(parser)
    parser.add_argument(
        "--jobs",
        type=positive_int,
        metavar="N",
        help="threads; all cores by default. Results do not depend on it",
    )


def add_reading(parser: Parser) -> None:
    """--axes and --spacing."""
    parser.add_argument(
        "--axes", help="what the axes of the images mean, as letters of TCZYX; by default what the files say"
    )
    parser.add_argument(
        "--spacing",
        type=numbers,
        metavar="S,S[,S]",
        help="size of a pixel along (Z,) Y and X, for instance 2,0.5,0.5; by default what the files say",
    )


def add_writing(parser: Parser) -> None:
    """The output folder, the format, and what to do with results that exist."""
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="folder for the results")
    parser.add_argument(
        "--format",
        choices=("tif", "zarr", "h5", "npy"),
        default="tif",
        help="OME-TIFF (default), OME-Zarr, HDF5 or NumPy (which keeps no pixel size)",
    )
    parser.add_argument(
        "--skip-existing",
        action="store_true",
        help="leave out images whose results are all there: goes on with a run that was broken off",
    )


def add_outputs(parser: Parser, names: Sequence[str], default: Sequence[str] | None, what: str = "") -> None:
    """--outputs: what is written for each image.

    Parameters
    ----------
    names
        All there are.
    default
        What is written where nothing is said; None leaves it to the command.
    what
        How the help calls the default, where it is None.
    """
    parser.add_argument(
        "--outputs",
        type=words,
        nargs="+",
        default=None if default is None else [tuple(default)],
        metavar="NAME",
        help=f"one or more of {', '.join(names)} ({what if default is None else ', '.join(default)})",
    )


def positive_int(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"give a whole number of at least 1 (got {text!r})")
    return int(text)


def numbers(text: str) -> tuple[float, ...]:
    """Numbers with commas between them."""
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"give numbers with commas between them (got {text!r})") from error


def words(text: str) -> tuple[str, ...]:
    """Words with commas between them."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def class_names(text: str, lowest: int = 1) -> dict[int, str]:
    """Names of classes: 1=background,2=cells."""
    names = {}
    for part in words(text):
        label, equals, name = part.partition("=")
        if not equals or not label.strip().isdecimal() or int(label) < lowest or not name.strip():
            raise argparse.ArgumentTypeError(
                f"give label=name pairs with commas between them, as in 1=background,2=cells (got {part!r})"
            )
        names[int(label)] = name.strip()
    return names


def flat(values: Any) -> list[Any]:
    """One list of what an option with several values of several parts was given."""
    return [part for value in values for part in value]


def number_or_null(value: Any) -> Any:
    """JSON knows no NaN: what is not defined is null."""
    return None if isinstance(value, float) and math.isnan(value) else value


def ready_model(path: Path) -> Path:
    """The file of a model, with its ending, in a folder that is there: said before training, not after it."""
    from ..common.atomic import make_ready
    from ..common.model_files import SUFFIX

    target = path if path.suffix.lower() == SUFFIX else path.with_name(path.name + SUFFIX)
    make_ready(target)
    return target


def tell(text: str) -> None:
    """Say something that is no result: it goes to stderr, so that stdout stays clean for programs."""
    print(text, file=sys.stderr)
