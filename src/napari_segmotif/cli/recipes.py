"""`segmotif run RECIPE FILES…`: the same job again, on other files, with the same numbers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .applying import apply_to_files
from .arguments import add_computing, add_writing, command

if TYPE_CHECKING:
    from .arguments import Commands

_EXAMPLES = """\
  segmotif run results/recipe.json more_images/ -o more_results
  segmotif run results/cells_labels.ome.tif more_images/ -o more_results
"""


def add_command(commands: Commands) -> None:
    """Add the command."""
    parser = command(
        commands,
        "run",
        "repeat a job on other files",
        "Repeat a job with the same model and parameters. The recipe is the recipe.json beside earlier "
        "results, or one of those results. A model that was changed since is refused.",
        _EXAMPLES,
    )
    parser.add_argument(
        "recipe", type=Path, metavar="RECIPE", help="recipe.json, or an image made by segmotif"
    )
    parser.add_argument("files", nargs="+", metavar="FILES", help="images, folders or patterns")
    parser.add_argument("--model", type=Path, metavar="FILE", help="take this model instead of the recipe's")
    add_writing(parser)
    add_computing(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from ..batch.recipe import Recipe
    from ..pixel.classifier import PixelClassifier

    recipe = Recipe.load(options.recipe)
    model = options.model or recipe.checked_model()
    classifier = PixelClassifier.load(model, device=options.device)
    repeated = Recipe.of(model, recipe.parameters, options.files)
    return apply_to_files(classifier, repeated, options.files, options)
