"""`segmotif pixel train | predict | validate`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .arguments import (
    add_computing,
    add_model,
    add_model_and_files,
    add_reading,
    class_names,
    command,
    flat,
    number_or_null,
    numbers,
    positive_int,
    ready_model,
    tell,
    words,
)
from .pixel_applying import add_results, apply_classifier, parameters_from
from .progress import run_with_bar

if TYPE_CHECKING:
    from ..pixel.classifier import PixelClassifier
    from ..pixel.filtering.features import PixelFeatures
    from ..pixel.reviewing.validation import ValidationReport
    from .arguments import Commands

_TRAIN = """\
  segmotif pixel train --image cells.tif --annotation scribbles.tif --model cells.segmotif
  segmotif pixel train --image images/ --annotation scribbles/ --model cells.segmotif \\
      --class-names 1=background,2=cells --sigmas 0.7,1.6,3.5
"""
_PREDICT = """\
  segmotif pixel predict cells.segmotif new_images/ -o results
  segmotif pixel predict cells.segmotif a.tif b.tif -o results --outputs labels,uncertainty --format zarr
  segmotif pixel predict cells.segmotif a.tif -o results --outputs objects --object-class cells
"""
_VALIDATE = """\
  segmotif pixel validate cells.segmotif
  segmotif pixel validate cells.segmotif --method image --json > scores.json
"""


def add_commands(commands: Commands) -> None:
    """Add the commands of the pixel classifier."""
    from .arguments import Parser

    tool = commands.add_parser(
        "pixel", help="the pixel classifier: train, predict, validate", description="The pixel classifier."
    )
    tools = tool.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    _add_train(tools)
    _add_predict(tools)
    _add_validate(tools)


def _add_train(commands: Commands) -> None:
    parser = command(
        commands,
        "train",
        "train on annotated images",
        "Train a pixel classifier on images and their annotations: images of whole numbers in which 0 is "
        "not annotated. Single files are paired in their order, folders by name: the annotation of "
        "'cells.tif' is called 'cells' or 'cells_…'.",
        _TRAIN,
    )
    add = parser.add_argument
    add("--image", nargs="+", required=True, metavar="PATH", help="images, folders or patterns")
    add("--annotation", nargs="+", required=True, metavar="PATH", help="their annotations")
    add("--model", required=True, type=Path, metavar="FILE", help="the model to write (.segmotif)")
    add("--class-names", type=class_names, metavar="1=NAME,2=NAME", help="names of the classes")
    add("--sigmas", type=numbers, nargs="+", metavar="S", help="scales of the filters in pixels")
    add("--families", type=words, nargs="+", metavar="NAME", help="kinds of filter (see the docs)")
    add("--dimensions", type=int, choices=(2, 3), default=2, help="filter planes (2) or volumes (3)")
    add("--sigma-unit", choices=("pixel", "physical"), default="pixel", help="what the sigmas count")
    add("--trees", type=positive_int, default=100, metavar="N", help="trees of the forest (100)")
    add("--balanced", action="store_true", help="let every class count the same")
    add("--seed", type=int, default=0, metavar="N", help="the same seed gives the same model (0)")
    add_reading(parser)
    add_computing(parser)
    parser.set_defaults(run=_train)


def _add_predict(commands: Commands) -> None:
    parser = command(
        commands,
        "predict",
        "segment images with a trained model",
        "Segment files and folders. Images may be larger than memory. Pixel sizes are carried over, and a "
        "recipe with which `segmotif run` repeats the job is written beside the results.",
        _PREDICT,
    )
    add_model_and_files(parser)
    add_results(parser)
    add_reading(parser)
    add_computing(parser)
    parser.set_defaults(run=_predict)


def _add_validate(commands: Commands) -> None:
    parser = command(
        commands,
        "validate",
        "judge a model on strokes, or images, that it was not trained on",
        "Train the model again without some of its strokes (or images) and see how well those are found.",
        _VALIDATE,
    )
    add_model(parser)
    parser.add_argument(
        "--method", choices=("stroke", "image"), default="stroke", help="what is held out as a whole (stroke)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs instead of a table")
    parser.add_argument("--jobs", type=positive_int, metavar="N", help="threads; all cores by default")
    parser.set_defaults(run=_validate)


def _train(options: argparse.Namespace) -> int:
    from ..batch.pairs import match_pairs
    from ..batch.pixel_training import train_iter
    from ..pixel.classifier import PixelClassifier

    classifier = PixelClassifier(
        _features(options),
        n_estimators=options.trees,
        class_weight="balanced" if options.balanced else None,
        random_state=options.seed,
        device=options.device,
        n_jobs=options.jobs,
    )
    pairs, alone = match_pairs(options.image, options.annotation)
    for image in alone:
        tell(f"{image}: has no annotation and is left out")
    target = ready_model(options.model)
    job = train_iter(
        classifier, pairs, axes=options.axes, spacing=options.spacing, class_names=options.class_names
    )
    run_with_bar(job, "train", options.progress)
    print(f"{classifier.save(target)}: {_in_words(classifier, len(pairs))}")
    return 0


def _features(options: argparse.Namespace) -> PixelFeatures:
    from pydantic import ValidationError

    from ..pixel.filtering.features import PixelFeatures

    chosen: dict[str, Any] = {"dimensions": options.dimensions, "sigma_unit": options.sigma_unit}
    if options.sigmas:
        chosen["sigmas"] = tuple(flat(options.sigmas))
    if options.families:
        chosen["families"] = tuple(flat(options.families))
    try:
        return PixelFeatures(**chosen)
    except ValidationError as error:
        raise InputError.from_validation(error) from error


def _in_words(classifier: PixelClassifier, n_images: int) -> str:
    training = classifier.training_
    classes = [
        f"{label} {name}: {(training.y == label).sum():,} pixels in "
        f"{len(set(training.stroke[training.y == label].tolist()))} strokes"
        for label, name in sorted(classifier.class_names_.items())
    ]
    return (
        f"{classifier.parameters.n_estimators} trees on {len(classifier.feature_names_)} features of "
        f"{n_images} image(s); " + "; ".join(classes)
    )


def _predict(options: argparse.Namespace) -> int:
    from ..batch.recipe import Recipe
    from ..pixel.classifier import PixelClassifier

    classifier = PixelClassifier.load(options.model, device=options.device)
    recipe = Recipe.of(options.model, parameters_from(options, classifier), options.files)
    return apply_classifier(classifier, recipe, options.files, options)


def _validate(options: argparse.Namespace) -> int:
    from ..pixel.classifier import PixelClassifier

    classifier = PixelClassifier.load(options.model)
    classifier.n_jobs = options.jobs
    report = run_with_bar(classifier.validate_iter(options.method), "validate", options.progress)
    names = classifier.class_names_
    print(json.dumps(_as_json(report, names), indent=2) if options.json else _as_text(report, names))
    return 0


def _as_text(report: ValidationReport, names: dict[int, str]) -> str:
    parts = [report.summary(names)]
    if report.n_folds:
        parts += [report.scores.to_text(names), _confusion_table(report, names)]
    return "\n\n".join(parts)


def _confusion_table(report: ValidationReport, names: dict[int, str]) -> str:
    classes = [names.get(label, str(label)) for label in report.scores.classes]
    cells = [[str(n) for n in row] for row in report.scores.confusion]
    first = max(len(name) for name in [*classes, "painted as"])
    widths = [max(len(name), *(len(row[k]) for row in cells)) for k, name in enumerate(classes)]
    lines = [["painted as".ljust(first), *(n.rjust(w) for n, w in zip(classes, widths, strict=True))]]
    for name, row in zip(classes, cells, strict=True):
        lines.append([name.ljust(first), *(cell.rjust(w) for cell, w in zip(row, widths, strict=True))])
    title = f"pixels of held-out {report.method}s, and what they were taken for:"
    return "\n".join([title, *("  ".join(line) for line in lines)])


def _as_json(report: ValidationReport, names: dict[int, str]) -> dict[str, Any]:
    classes = [
        {key: number_or_null(value) for key, value in row.items()}
        | {"strokes" if report.method == "stroke" else "images": report.n_groups[int(row["class"])]}
        | {"judged": row["class"] in report.judged}
        for row in report.scores.as_rows(names)
    ]
    return {
        "method": report.method,
        "accuracy": number_or_null(report.scores.accuracy),
        "accuracy_error": number_or_null(report.accuracy_error),
        "classes": classes,
        "confusion": report.scores.confusion.tolist(),
        "oob_accuracy_optimistic": number_or_null(report.oob_accuracy),
        "summary": report.summary(names).splitlines(),
    }
