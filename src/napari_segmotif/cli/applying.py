"""What `pixel predict` and `run` have in common: a model, a recipe, many files, and a summary at the end."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from .arguments import OUTPUTS, flat, words
from .outcomes import existing_images, report_failures
from .progress import run_with_bar

if TYPE_CHECKING:
    from ..batch.files import FileResult
    from ..batch.recipe import ObjectParameters, PixelParameters, Recipe
    from ..pixel.classifier import PixelClassifier
    from .arguments import Parser


def add_outputs(parser: Parser) -> None:
    """What is written for each image, and how objects are made."""
    parser.add_argument(
        "--outputs",
        type=words,
        nargs="+",
        default=[("labels",)],
        metavar="NAME",
        help=f"one or more of {', '.join(OUTPUTS)} (labels)",
    )
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


def apply_to_files(
    classifier: PixelClassifier, recipe: Recipe, files: Sequence[str], options: argparse.Namespace
) -> int:
    """Predict files, write a recipe beside the results, say what came of each; return the exit code."""
    from ..batch.files import FileResult, plan, predict_files_iter
    from ..common.image_io import is_image_path

    classifier.n_jobs = options.jobs
    images, missing = existing_images(files)
    destination = Path(options.output)
    tasks = plan(images, recipe.parameters.outputs, destination, options.format) if images else []
    job = predict_files_iter(classifier, tasks, recipe, skip_existing=options.skip_existing)
    results = run_with_bar(job, "predict", options.progress)
    if tasks and not is_image_path(destination) and destination.is_dir():
        recipe.save(destination / "recipe.json")
    return _summary([*results, *(FileResult(path, {}, error=error) for path, error in missing)])


def _summary(results: Sequence[FileResult]) -> int:
    for result in results:
        if result.error is None:
            note = " (was there already)" if result.skipped else ""
            for target in result.written.values():
                print(f"{target}{note}")
    failed = [(result.image, result.error) for result in results if result.error is not None]
    return report_failures(failed, len(results), "images")
