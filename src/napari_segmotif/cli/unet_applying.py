"""What `unet predict` and `run` have in common: what is asked of a network, and applying it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .applying import apply_to_files
from .arguments import add_outputs, flat
from .unet_settings import assignment

if TYPE_CHECKING:
    from ..batch.unet_recipe import UNetJobParameters, UNetRecipe
    from ..unet.segmenter import UNetSegmenter
    from .arguments import Parser

_OUTPUTS = ("labels", "instances", "probabilities", "uncertainty")


def add_results(parser: Parser) -> None:
    """What is written for each image."""
    add_outputs(parser, _OUTPUTS, None, "instances where the model learned objects, else labels")
    parser.add_argument(
        "--augment",
        action="store_true",
        help="take the mean over mirrored images: a little better, several times slower",
    )
    parser.add_argument(
        "--uncertainty",
        choices=("flips", "dropout"),
        default="flips",
        help="what the uncertainty is made of: how much mirrored images (flips), or networks without some of "
        "their features (dropout) disagree",
    )
    objects = parser.add_argument_group("objects", "as chosen on the held-out part of the training, unless")
    objects.add_argument(
        "--foreground-threshold",
        type=float,
        metavar="P",
        help="objects are where they are more probable than this",
    )
    objects.add_argument("--minimum-size", type=int, metavar="N", help="leave out objects of fewer pixels")
    objects.add_argument(
        "--decoder",
        action="append",
        default=[],
        type=assignment,
        metavar="NAME=VALUE",
        help="any other setting of how objects are made, as in method=votes or seed_threshold=0.6",
    )


def parameters_from(options: argparse.Namespace, segmenter: UNetSegmenter) -> UNetJobParameters:
    """What was asked for on the command line, checked."""
    from pydantic import ValidationError

    from ..batch.unet_recipe import UNetJobParameters

    usual = "instances" if segmenter.annotation_ == "instances" else "labels"
    try:
        return UNetJobParameters(
            outputs=(usual,) if options.outputs is None else flat(options.outputs),
            augment=options.augment,
            uncertainty=options.uncertainty,
            decoder=_decoder_from(options, segmenter),
            axes=options.axes,
            spacing=options.spacing,
        )
    except ValidationError as error:
        raise InputError.from_validation(error) from error


def _decoder_from(options: argparse.Namespace, segmenter: UNetSegmenter) -> dict[str, Any] | None:
    """The model's way to make objects with what was asked to be changed; None where nothing was."""
    changed: dict[str, Any] = {
        name: value
        for name in ("foreground_threshold", "minimum_size")
        if (value := getattr(options, name)) is not None
    }
    changed.update(options.decoder)
    return {**segmenter.decoder_.model_dump(), **changed} if changed else None


def apply_unet(
    segmenter: UNetSegmenter, recipe: UNetRecipe, files: Sequence[str], options: argparse.Namespace
) -> int:
    """Segment files, say what came of each, and return the exit code."""
    from ..batch.unet_files import predict_unet_files_iter

    return apply_to_files(
        lambda tasks: predict_unet_files_iter(segmenter, tasks, recipe, skip_existing=options.skip_existing),
        recipe,
        files,
        options,
    )
