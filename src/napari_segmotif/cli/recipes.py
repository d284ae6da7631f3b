"""`segmotif run RECIPE FILES…`: the same job again, on other files, with the same numbers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from .arguments import add_computing, add_writing, command
from .finding import find_in_files
from .objects_measuring import measure_files
from .pixel_applying import apply_classifier
from .unet_applying import apply_unet

if TYPE_CHECKING:
    from ..batch.motif_recipe import MotifRecipe
    from ..batch.object_recipe import ObjectDescription
    from .arguments import Commands

_EXAMPLES = """\
  segmotif run results/recipe.json more_images/ -o more_results
  segmotif run results/cells_labels.ome.tif more_images/ -o more_results
  segmotif run results/mouse/recipe.json more_videos/ -o more_results
  segmotif run cells.recipe.json more_labels/ --intensity more_images/ -o more_cells.parquet
"""


def add_command(commands: Commands) -> None:
    """Add the command."""
    parser = command(
        commands,
        "run",
        "repeat a job on other files",
        "Repeat a job with the same model and parameters, or a search for motifs with the same settings. The "
        "recipe is the recipe.json beside earlier results, or one of those results. A model that was changed "
        "since is refused.",
        _EXAMPLES,
    )
    parser.add_argument(
        "recipe", type=Path, metavar="RECIPE", help="recipe.json, or an image made by segmotif"
    )
    parser.add_argument("files", nargs="+", metavar="FILES", help="images, folders or patterns")
    parser.add_argument(
        "--intensity", nargs="+", default=[], metavar="IMAGE", help="for objects: images to measure on"
    )
    parser.add_argument("--model", type=Path, metavar="FILE", help="take this model instead of the recipe's")
    add_writing(parser)
    add_computing(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from ..batch.motif_recipe import MotifRecipe
    from ..batch.object_recipe import ObjectDescription
    from ..batch.recipe import load_recipe
    from ..batch.unet_recipe import UNetRecipe

    recipe = load_recipe(options.recipe)
    if isinstance(recipe, ObjectDescription):
        return _measure_again(recipe, options)
    if options.intensity:
        raise InputError(f"this recipe measures no objects: leave --intensity out (got {options.intensity})")
    if isinstance(recipe, MotifRecipe):
        return _find_again(recipe, options)
    model = options.model or recipe.checked_model()
    if isinstance(recipe, UNetRecipe):
        if options.jobs is not None:
            raise InputError(f"a network takes the threads it finds: leave --jobs out (got {options.jobs})")
        from ..unet.segmenter import UNetSegmenter

        segmenter = UNetSegmenter.load(model, device=options.device)
        return apply_unet(segmenter, recipe.on(model, options.files), options.files, options)
    from ..pixel.classifier import PixelClassifier

    classifier = PixelClassifier.load(model, device=options.device)
    return apply_classifier(classifier, recipe.on(model, options.files), options.files, options)


def _find_again(recipe: MotifRecipe, options: argparse.Namespace) -> int:
    if options.model is not None:
        raise InputError(f"motifs are searched without a model: leave --model out (got {options.model})")
    if options.format != "tif":
        raise InputError(f"motifs are written as OME-TIFF: leave --format out (got {options.format})")
    repeated = type(recipe).of(recipe.parameters, options.files)
    return find_in_files(repeated, options.files, options)


def _measure_again(recipe: ObjectDescription, options: argparse.Namespace) -> int:
    from ..batch.object_recipe import ObjectRecipe

    model = options.model
    if isinstance(recipe, ObjectRecipe):
        model = model or recipe.checked_model()
        repeated: ObjectDescription = recipe.on(model, options.files)
    else:
        repeated = recipe.model_copy(update={"inputs": tuple(str(path) for path in options.files)})
    output = Path(options.output)
    return measure_files(repeated, options.files, options.intensity, output, options.progress, model)
