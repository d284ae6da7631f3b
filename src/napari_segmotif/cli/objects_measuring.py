"""`segmotif objects measure`, and `segmotif run` with a recipe of objects."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from .arguments import flat, tell
from .outcomes import report_failures
from .progress import run_with_bar

if TYPE_CHECKING:
    from ..batch.object_recipe import ObjectDescription

RECIPE_SUFFIX = ".recipe.json"


def measure(options: argparse.Namespace) -> int:
    """Measure label files into one table."""
    from pydantic import ValidationError

    from ..batch.object_recipe import ObjectDescription, ObjectJobParameters

    given = {
        "properties": None if options.properties is None else flat(options.properties),
        "channel_names": options.channels,
        "unit": options.unit,
        "axes": options.axes,
        "spacing": options.spacing,
    }
    try:
        parameters = ObjectJobParameters(**{k: v for k, v in given.items() if v is not None})
    except ValidationError as error:
        raise InputError.from_validation(error) from error
    files = tuple(str(path) for path in options.files)
    recipe = ObjectDescription(parameters=parameters, inputs=files)
    return measure_files(recipe, options.files, options.intensity, options.output, options.progress)


def measure_files(
    recipe: ObjectDescription,
    files: Sequence[str],
    intensity: Sequence[str],
    output: Path,
    progress: bool | None,
    model: Path | None = None,
) -> int:
    """Measure files as a recipe says, tell their classes where there is a model, and return the exit code."""
    from ..batch.object_files import classify_job, join_measured, measure_files_iter, plan_objects
    from ..common.atomic import make_ready
    from ..common.progress import run_job
    from ..common.words import count
    from ..explore.table_files import check_suffix, write_table

    check_suffix(output)  # not only when all is measured
    parameters, classifier = recipe.parameters, None
    if model is not None:
        from ..explore.classifying.object_classifier import ObjectClassifier

        classifier = ObjectClassifier.load(model)
    tasks = plan_objects(files, intensity)
    make_ready(output)
    # Textures can be told apart as in training only by the grey levels of the training.
    known = classifier.info_ if classifier is not None else None
    job = measure_files_iter(tasks, parameters, grey_range=known.grey_ranges if known is not None else None)
    measured = run_with_bar(job, "measure", progress)
    table, found = join_measured(measured, None if classifier is None else classifier.check)
    for one in found:
        if one.table is not None and not len(one.table):
            tell(f"{one.task.labels}: no object")
    failed = [(one.task.labels, one.error) for one in found if one.error is not None]
    if table is not None:
        if classifier is not None:
            table = run_job(classify_job(classifier, table))
        write_table(table, output)
        recipe.save(output.with_suffix(RECIPE_SUFFIX))
        n_objects, n_images = count(len(table), "object"), count(table["roi_id"].nunique(), "image")
        print(f"{output}: {n_objects} of {n_images}, {len(table.columns)} columns")
    elif not failed:
        raise InputError(f"there is no object to measure (got only background in {len(found)} images)")
    return report_failures(failed, len(found), "label images")
