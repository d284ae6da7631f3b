"""`segmotif unet train | predict | evaluate | export | settings`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from .arguments import add_device, add_model, add_model_and_files, add_reading, command
from .unet_applying import add_results, apply_unet, parameters_from
from .unet_evaluating import evaluate
from .unet_settings import list_settings
from .unet_training import add_training, train

if TYPE_CHECKING:
    from .arguments import Commands

_TRAIN = """\
  segmotif unet train images/ labels/ -o nuclei.segmotif
  segmotif unet train images/ strokes/ -o nuclei.segmotif --annotation scribbles --minutes 20
  segmotif unet train images/ labels/ -o nuclei.segmotif --epochs 100 --set elastic=4 --set patience=15
  segmotif unet train images/ labels/ -o nuclei.segmotif --resume nuclei.segmotif
  segmotif unet train others/ their_labels/ -o others.segmotif --fine-tune nuclei.segmotif --epochs 20
"""
_PREDICT = """\
  segmotif unet predict nuclei.segmotif new_images/ -o results
  segmotif unet predict nuclei.segmotif a.tif -o results --outputs instances,uncertainty --augment
  segmotif unet predict nuclei.segmotif large.zarr -o results --format zarr
"""
_EVALUATE = """\
  segmotif unet evaluate nuclei.segmotif test_images/ test_labels/
  segmotif unet evaluate nuclei.segmotif test_images/ test_labels/ --json > scores.json
"""
_EXPORT = """\
  segmotif unet export nuclei.segmotif -o nuclei.onnx
  segmotif unet export nuclei.segmotif -o nuclei.zip --format bioimageio
"""
_SETTINGS = """\
  segmotif unet settings
  segmotif unet settings nuclei.segmotif
"""
_FORMATS = {".onnx": "onnx", ".zip": "bioimageio"}


def add_commands(commands: Commands) -> None:
    """Add the commands of the U-Net segmenter."""
    from .arguments import Parser

    tool = commands.add_parser(
        "unet",
        help="the U-Net segmenter: train, predict, evaluate, export, settings",
        description="The U-Net segmenter: a network that learns classes and separate objects.",
    )
    tools = tool.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    _add_train(tools)
    _add_predict(tools)
    _add_evaluate(tools)
    _add_export(tools)
    _add_settings(tools)


def _add_train(commands: Commands) -> None:
    parser = command(
        commands,
        "train",
        "train on annotated images",
        "Train a U-Net on images and their labels: numbered objects, the class of every pixel, or strokes "
        "(0 = not annotated). Folders are paired by name: the labels of 'cells.tif' are called 'cells' or "
        "'cells_…'. Some images are held out to choose the best network. Ctrl-C ends training and keeps the "
        "best network so far; --resume goes on from there. A second Ctrl-C leaves at once.",
        _TRAIN,
    )
    add_training(parser)
    add_reading(parser)
    add_device(parser)
    parser.set_defaults(run=train)


def _add_predict(commands: Commands) -> None:
    parser = command(
        commands,
        "predict",
        "segment images with a trained network",
        "Segment files and folders. Images may be larger than memory. Pixel sizes are carried over, and a "
        "recipe with which `segmotif run` repeats the job is written beside the results.",
        _PREDICT,
    )
    add_model_and_files(parser)
    add_results(parser)
    add_reading(parser)
    add_device(parser)
    parser.set_defaults(run=_predict)


def _add_evaluate(commands: Commands) -> None:
    parser = command(
        commands,
        "evaluate",
        "compare what a network finds with known labels",
        "Segment images whose labels are known, and say how well they were found: average precision of the "
        "objects at several overlaps (IoU), and Dice of the pixels, image by image and all together. Take "
        "images that the network was not trained on.",
        _EVALUATE,
    )
    add_model(parser)
    parser.add_argument("images", metavar="IMAGES", help="an image, a folder or a pattern")
    parser.add_argument("labels", metavar="LABELS", help="their labels, paired as for train")
    parser.add_argument("--augment", action="store_true", help="take the mean over mirrored images")
    parser.add_argument("--json", action="store_true", help="print JSON for programs instead of a table")
    add_reading(parser)
    add_device(parser)
    parser.set_defaults(run=evaluate)


def _add_export(commands: Commands) -> None:
    parser = command(
        commands,
        "export",
        "write a network for other programs",
        "Write a trained network as ONNX, or as a bioimage.io package, which says how it is used, too.",
        _EXPORT,
        progress=False,
    )
    add_model(parser)
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="FILE", help="the file to write")
    parser.add_argument(
        "--format",
        choices=tuple(_FORMATS.values()),
        help="of the file; by default what its name says: .onnx, or .zip for bioimageio",
    )
    parser.set_defaults(run=_export)


def _add_settings(commands: Commands) -> None:
    parser = command(
        commands,
        "settings",
        "list what can be set for training",
        "List the settings that `segmotif unet train --set NAME=VALUE` takes, with what they mean; with a "
        "model, those that it was trained with.",
        _SETTINGS,
        progress=False,
    )
    parser.add_argument("model", type=Path, nargs="?", metavar="MODEL", help="a trained model (.segmotif)")
    parser.set_defaults(run=list_settings)


def _predict(options: argparse.Namespace) -> int:
    from ..batch.unet_recipe import UNetRecipe
    from ..unet.segmenter import UNetSegmenter

    segmenter = UNetSegmenter.load(options.model, device=options.device)
    recipe = UNetRecipe.of(options.model, parameters_from(options, segmenter), options.files)
    return apply_unet(segmenter, recipe, options.files, options)


def _export(options: argparse.Namespace) -> int:
    from ..unet.segmenter import UNetSegmenter

    path = options.output
    format_ = options.format or _FORMATS.get(path.suffix.lower())
    if format_ is None:
        raise InputError(f"say with --format what to write: onnx or bioimageio (got {path})")
    if path.resolve() == options.model.resolve():
        raise InputError(f"the export would replace the model: choose another name (got {path})")
    segmenter = UNetSegmenter.load(options.model, device="cpu")
    write = segmenter.export_onnx if format_ == "onnx" else segmenter.export_bioimageio
    print(write(path))
    return 0
