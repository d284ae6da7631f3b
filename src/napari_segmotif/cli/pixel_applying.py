"""What `pixel predict` and `run` have in common: what is asked of a pixel classifier, and applying it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import InputError
from .applying import apply_to_files
from .arguments import add_outputs, flat

if TYPE_CHECKING:
    from ..batch.recipe import ObjectParameters, PixelParameters, Recipe
    from ..pixel.classifier import PixelClassifier
    from .arguments import Parser

_OUTPUTS = ("labels", "probabilities", "uncertainty", "objects")


def add_results(parser: Parser) -> None:
    """What is written for each image, and how objects are made."""
    add_outputs(parser, _OUTPUTS, default=("labels",))
    objects = parser.add_argument_group("objects")
    objects.add_argument("--object-class", metavar="CLASS", help="name or label of the class that is objects")
    objects.add_argument("--threshold", type=float, default=0.5, help="probability from which on (0.5)")
    objects.add_argument(
        "--minimum-size", type=int, default=20, metavar="PIXELS", help="drop smaller ones (20)"
    )
    objects.add_argument("--keep-holes", action="store_true", help="do not fill holes")
    objects.add_argument("--keep-touching", action="store_true", help="do not split objects that touch")


def parameters_from(options: argparse.Namespace, classifier: PixelClassifier) -> PixelParameters:
    """What was asked for on the command line, checked."""
    from pydantic import ValidationError

    from ..batch.recipe import PixelParameters

    try:
        return PixelParameters(
            outputs=flat(options.outputs),
            objects=_objects(options, classifier) if "objects" in flat(options.outputs) else None,
            axes=options.axes,
            spacing=options.spacing,
        )
    except ValidationError as error:
        raise InputError.from_validation(error) from error


def _objects(options: argparse.Namespace, classifier: PixelClassifier) -> ObjectParameters:
    from ..batch.recipe import ObjectParameters

    names = classifier.class_names_
    wanted = options.object_class
    labels = [label for label, name in names.items() if wanted in (name, str(label))]
    if len(labels) != 1:
        known = ", ".join(f"{label} {name}" for label, name in names.items())
        raise InputError(f"choose the class of the objects with --object-class out of {known} (got {wanted})")
    return ObjectParameters(
        class_id=labels[0],
        threshold=options.threshold,
        minimum_size=options.minimum_size,
        fill_holes=not options.keep_holes,
        split_touching=not options.keep_touching,
    )


def apply_classifier(
    classifier: PixelClassifier, recipe: Recipe, files: Sequence[str], options: argparse.Namespace
) -> int:
    """Segment files, say what came of each, and return the exit code."""
    from ..batch.files import predict_files_iter

    classifier.n_jobs = options.jobs
    return apply_to_files(
        lambda tasks: predict_files_iter(classifier, tasks, recipe, skip_existing=options.skip_existing),
        recipe,
        files,
        options,
    )
