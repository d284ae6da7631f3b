"""`segmotif motifs simulate | find`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .arguments import DEVICES, command, numbers, positive_int
from .finding import find_in_files

if TYPE_CHECKING:
    from ..batch.motif_recipe import MotifJobParameters
    from .arguments import Commands

_SIMULATE = """\
  segmotif motifs simulate -o simulated
  segmotif motifs simulate -o simulated --shape 256 256 --frames 3000 --spurious 0.5 --seed 3
"""
_FIND = """\
  segmotif motifs find video.tif --motifs 3 --length 31 -o results
  segmotif motifs find videos/ --motifs 5 --length 40 --frame-rate 30 --motion rigid -o results
  segmotif motifs find video.h5 --dataset /movie --motifs 3 --length 31 -o results \\
      --cells cells.tif --nwb
"""


def add_commands(commands: Commands) -> None:
    """Add the commands of the motif detector."""
    from .arguments import Parser

    tool = commands.add_parser(
        "motifs",
        help="the motif detector: simulate, find",
        description="The motif detector: repeating patterns of activity in calcium-imaging videos.",
    )
    tools = tool.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    _add_simulate(tools)
    _add_find(tools)


def _add_simulate(commands: Commands) -> None:
    parser = command(
        commands,
        "simulate",
        "make a video with known motifs",
        "Simulate a calcium-imaging video in which assemblies of cells fire in repeating patterns, and write "
        "it with everything that is known about it: its cells, motifs, and when they were played.",
        _SIMULATE,
        progress=False,
    )
    add = parser.add_argument
    add("-o", "--output", required=True, type=Path, metavar="OUT", help="folder for the video and its truth")
    add("--name", default="video", metavar="NAME", help="with what the files' names begin (video)")
    add("--shape", type=positive_int, nargs=2, metavar=("Y", "X"), help="pixels of a frame (128 128)")
    add("--frames", type=positive_int, dest="n_frames", metavar="N", help="length of the video (1800)")
    add("--motifs", type=int, dest="n_motifs", metavar="N", help="number of motifs; 0 for none (3)")
    add("--length", type=int, dest="motif_length", metavar="N", help="longest motif in frames (30)")
    add("--cells", type=positive_int, dest="n_cells", metavar="N", help="number of cells; else by area")
    add("--frame-rate", type=float, metavar="R", help="frames per second (30)")
    add("--rate", type=float, dest="activation_rate", metavar="R", help="starts of a motif per second (0.15)")
    add("--spurious", type=float, metavar="S", help="share of spikes that belong to no motif, 0 to 0.95 (0)")
    add("--noise", type=float, metavar="S", help="pixel noise, relative to a transient's peak (0.6)")
    add("--neuropil", type=float, metavar="S", help="strength of a smooth, slow background (0)")
    add("--bleaching", type=float, metavar="S", help="share of brightness lost by the end (0)")
    add("--motion", type=float, metavar="P", help="largest movement of the frame in pixels (0)")
    add("--jitter", type=float, metavar="F", help="scatter of the spikes' times in frames (0)")
    add("--dtype", choices=("uint16", "float32"), default="uint16", help="type of the pixels (uint16)")
    add("--format", choices=("tif", "zarr", "h5", "npy"), default="tif", help="of the video (OME-TIFF)")
    add("--seed", type=int, dest="random_state", metavar="N", help="the same seed, the same video (0)")
    parser.set_defaults(run=_simulate)


def _add_find(commands: Commands) -> None:
    parser = command(
        commands,
        "find",
        "find motifs in videos",
        "Find repeating patterns of activity in calcium-imaging videos of one plane and one channel, tell "
        "which are significant, and write them, when they were played, and a recipe with which `segmotif "
        "run` repeats the search. Each video has a folder in OUT that is called like it. Videos may be "
        "larger than memory.",
        _FIND,
    )
    add = parser.add_argument
    add("files", nargs="+", metavar="VIDEO", help="TIFF, HDF5, zarr or NumPy files, folders or patterns")
    add("-o", "--output", required=True, metavar="OUT", help="folder for the results")
    add("--motifs", type=int, dest="n_motifs", metavar="N", help="at most so many motifs (3)")
    add("--length", type=int, dest="motif_length", metavar="N", help="longest motif in frames (31)")
    add("--frame-rate", type=float, metavar="R", help="frames per second; else what the file says, else 30")
    add("--seed", type=int, dest="random_state", metavar="N", help="the same seed gives the same motifs (0)")
    add("--device", choices=DEVICES, default="auto", help="what computes; auto takes a GPU if there is one")
    add("--nwb", action="store_true", help="write an NWB file, too (needs the extra 'nwb')")
    add("--cells", type=Path, metavar="LABELS", help="labelled cells: which take part, in which order")
    add("--json", action="store_true", help="print JSON for programs instead of text")
    add("--skip-existing", action="store_true", help="leave out videos whose results are there already")
    add("--axes", help="what the axes mean, as letters of TCZYX; by default what the files say, or TYX")
    add("--spacing", type=numbers, metavar="S,S", help="size of a pixel along Y and X")
    add("--dataset", metavar="PATH", help="which dataset of HDF5 files is the video")
    _add_settings(parser)
    parser.set_defaults(run=_find)


def _add_settings(parser: Any) -> None:
    video = parser.add_argument_group("how the video is made ready").add_argument
    video("--motion", choices=("none", "rigid"), help="'rigid' shifts every frame onto the mean image (none)")
    video("--dff", action="store_true", help="divide by the baseline (ΔF/F), not only subtract it")
    video("--no-bleaching", action="store_true", help="do not correct bleaching")
    video("--cell-size", type=float, metavar="P", help="diameter of a cell in pixels; else found")
    search = parser.add_argument_group("the search").add_argument
    search(
        "--restarts", type=int, dest="n_restarts", metavar="N", help="searches whose consensus is taken (400)"
    )
    search("--init", choices=("sparse_coding", "random"), help="where to start; 'random' is the plain model")
    search("--steps", type=int, dest="n_steps", metavar="N", help="steps of refinement (200)")
    search("--significance", type=float, dest="significance_level", metavar="P", help="level (0.05)")
    search("--surrogates", type=int, dest="n_surrogates", metavar="N", help="motif-free copies (999)")


def _simulate(options: argparse.Namespace) -> int:
    from pydantic import ValidationError

    from ..motifs.results.export import make_folder
    from ..motifs.simulating.simulation_parameters import SimulationParameters
    from ..motifs.simulating.truth_files import simulate_to_files

    given = _given(options, SimulationParameters.model_fields)
    try:
        parameters = SimulationParameters(**given)
    except ValidationError as error:
        raise InputError.from_validation(error) from error
    if Path(options.name).name != options.name:
        raise InputError(f"the name is that of files: leave folders out (got {options.name!r})")
    suffix = {"tif": ".ome.tif", "zarr": ".ome.zarr"}.get(options.format, f".{options.format}")
    folder = make_folder(options.output)
    for path in simulate_to_files(folder, parameters, name=options.name, suffix=suffix):
        print(path)
    return 0


def _find(options: argparse.Namespace) -> int:
    from ..batch.motif_recipe import MotifRecipe

    files = options.files
    if options.dataset is not None:
        files = [_with_dataset(path, options.dataset) for path in files]
    recipe = MotifRecipe.of(_job_parameters(options), files)
    return find_in_files(recipe, files, options, cells=options.cells, as_json=options.json)


def _with_dataset(path: str, dataset: str) -> str:
    from ..common.image_paths import split_path

    file, named = split_path(path)
    if named is not None or file.suffix.lower() not in (".h5", ".hdf5"):
        raise InputError(f"--dataset is for HDF5 files that name none themselves (got {path})")
    return f"{file}:{dataset}"


def _job_parameters(options: argparse.Namespace) -> MotifJobParameters:
    """What was asked for on the command line, checked."""
    from pydantic import ValidationError

    from ..batch.motif_recipe import MotifJobParameters
    from ..motifs.parameters import MotifParameters

    given = _given(options, MotifParameters.model_fields)
    if options.dff:
        given["normalization"] = "dff"
    if options.no_bleaching:
        given["bleaching"] = False
    try:
        return MotifJobParameters(
            settings=MotifParameters(**given),
            frame_rate_from_file=options.frame_rate is None,
            axes=options.axes,
            spacing=options.spacing,
            nwb=options.nwb,
        )
    except ValidationError as error:
        raise InputError.from_validation(error) from error


def _given(options: argparse.Namespace, names: Any) -> dict[str, Any]:
    """The options of these names that the command line gave; the others keep their defaults."""
    return {name: value for name in names if (value := getattr(options, name, None)) is not None}
