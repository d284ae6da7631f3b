"""What `predict` and `run` have in common: a model, a recipe, many files, and a summary at the end."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .outcomes import existing_images, report_failures
from .progress import run_with_bar

if TYPE_CHECKING:
    from ..batch.recipe import Recipe
    from ..batch.tasks import FileResult, FileTask
    from ..batch.unet_recipe import UNetRecipe
    from ..common.progress import Job

    Work = Callable[[Sequence[FileTask]], Job[list[FileResult]]]


def apply_to_files(
    work: Work, recipe: Recipe | UNetRecipe, files: Sequence[str], options: argparse.Namespace
) -> int:
    """Predict files, write a recipe beside the results, say what came of each; return the exit code."""
    from ..batch.tasks import FileResult, plan
    from ..common.image_io import is_image_path

    images, missing = existing_images(files)
    destination = Path(options.output)
    tasks = plan(images, recipe.parameters.outputs, destination, options.format) if images else []
    results = run_with_bar(work(tasks), "predict", options.progress)
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
