"""`segmotif objects measure | embed | cluster | explain | classify`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import add_reading, class_names, command, positive_int, words
from .object_tables import classify, cluster, embed, explain
from .objects_measuring import measure

if TYPE_CHECKING:
    from .arguments import Commands, Parser

_MEASURE = """\
  segmotif objects measure cells_labels.tif --intensity cells.tif -o cells.parquet
  segmotif objects measure labels/ --intensity images/ --properties shape,intensity,texture -o all.csv
"""
_EMBED = """\
  segmotif objects embed cells.parquet -o cells_map.parquet
  segmotif objects embed cells.parquet --method umap --neighbors 30 --seed 1 --overlap -o cells_map.csv
"""
_CLUSTER = """\
  segmotif objects cluster cells.parquet -o clustered.parquet
  segmotif objects cluster cells.parquet --method hdbscan -o clustered.parquet
  segmotif objects cluster cells.parquet --clusters 4 -o clustered.parquet
"""
_EXPLAIN = """\
  segmotif objects explain clustered.parquet --group cluster=2
  segmotif objects explain clustered.parquet --group cluster=2 --other cluster=1 -o difference.csv
"""
_CLASSIFY = """\
  segmotif objects classify cells.csv --classes picked.csv --save cells.segmotif -o classified.csv
  segmotif objects classify clustered.parquet --classes cluster --from-clusters --save types.segmotif
  segmotif objects classify others.csv --model cells.segmotif -o others_classified.csv
"""


def add_commands(commands: Commands) -> None:
    """Add the commands of the feature explorer."""
    from .arguments import Parser

    tool = commands.add_parser(
        "objects",
        help="the feature explorer: measure, embed, cluster, explain, classify",
        description="The feature explorer: tables of objects, maps of them, clusters, and classes.",
    )
    tools = tool.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    _add_measure(tools)
    _add_embed(tools)
    _add_cluster(tools)
    _add_explain(tools)
    _add_classify(tools)


def _add_measure(commands: Commands) -> None:
    parser = command(
        commands,
        "measure",
        "measure the objects of label images",
        "Measure every object of one or several label images into one table (CSV, Parquet or .h5ad), with a "
        "recipe beside it that `segmotif run` repeats on other files. Images are told apart by their "
        "file names, in the column roi_id. Textures of all images have the grey levels of the first; where a "
        "recipe names a classifier, those of the table it was trained in.",
        _MEASURE,
    )
    add = parser.add_argument
    add("files", nargs="+", metavar="LABELS", help="label images, folders or patterns")
    add("-o", "--output", required=True, type=Path, metavar="TABLE", help=".csv, .parquet or .h5ad")
    add("--intensity", nargs="+", default=[], metavar="IMAGE", help="images to measure on, paired by name")
    add(
        "--properties",
        type=words,
        nargs="+",
        metavar="NAME",
        help="groups (shape, moments, intensity, texture, neighbourhood, position) and names as in "
        "scikit-image's regionprops",
    )
    add("--channels", type=words, metavar="NAME,NAME", help="what the channels are called")
    add("--unit", help="unit of the pixel size, for instance um; by default what the files say")
    add_reading(parser)
    parser.set_defaults(run=measure)


def _add_embed(commands: Commands) -> None:
    parser = command(
        commands,
        "embed",
        "put objects on a map",
        "Add the axes of a map to a table: principal components, UMAP or t-SNE.",
        _EMBED,
    )
    _add_table(parser)
    add = parser.add_argument
    add("--method", choices=("pca", "umap", "tsne"), default="pca", help="pca (default), umap or tsne")
    add("--components", type=positive_int, default=2, metavar="N", help="axes of the map (2)")
    add("--neighbors", type=positive_int, metavar="N", help="UMAP: what counts as near")
    add("--min-dist", type=float, metavar="D", help="UMAP: how closely points may lie")
    add("--perplexity", type=float, metavar="P", help="t-SNE: what counts as near")
    add("--overlap", action="store_true", help="say how much of the map stays from seed to seed (slow)")
    _add_features(parser)
    parser.set_defaults(run=embed)


def _add_cluster(commands: Commands) -> None:
    parser = command(
        commands,
        "cluster",
        "group objects, and say whether the groups are real",
        "Add the column cluster (1 is the largest, 0 none). Without --clusters the number is found by how "
        "stable the clusters are, and it may be that there are none. HDBSCAN always finds it itself.",
        _CLUSTER,
    )
    _add_table(parser)
    add = parser.add_argument
    add(
        "--method",
        choices=("kmeans", "gaussian_mixture", "hdbscan", "agglomerative"),
        default="kmeans",
        help="how (kmeans)",
    )
    add("--clusters", type=positive_int, metavar="K", help="how many; by default found")
    add("--most", type=positive_int, metavar="K", help="where it is found: try up to K (10)")
    add(
        "--space", choices=("features", "pca"), help="with --clusters: what distances are taken in (features)"
    )
    _add_features(parser)
    parser.set_defaults(run=cluster)


def _add_explain(commands: Commands) -> None:
    parser = command(
        commands,
        "explain",
        "say which features tell groups apart",
        "Say which features make a group of objects different from another, or from all others: effect "
        "sizes, importances of correlated features together, and SHAP values.",
        _EXPLAIN,
    )
    _add_table(parser, output=False)
    add = parser.add_argument
    add("--group", required=True, metavar="COLUMN=VALUE", help="the objects in question")
    add("--other", metavar="COLUMN=VALUE", help="those to compare with; by default all others")
    add("-o", "--output", type=Path, metavar="CSV", help="a row for each feature")
    _add_features(parser)
    parser.set_defaults(run=explain)


def _add_classify(commands: Commands) -> None:
    parser = command(
        commands,
        "classify",
        "train a classifier of objects, or apply one",
        "With --classes train on a table's objects whose class is known, say how good it is on objects held "
        "out, and tell the classes of all. With --model tell the classes of another table, which must have "
        "been measured alike.",
        _CLASSIFY,
    )
    _add_table(parser, required=False)
    add = parser.add_argument
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", type=Path, metavar="FILE", help="a saved classifier (.segmotif)")
    which.add_argument(
        "--classes",
        metavar="COLUMN|FILE",
        help="a column of the table (0 or empty: not known), or a table with label (roi_id, frame) and class",
    )
    add("--save", type=Path, metavar="FILE", help="write the trained classifier (.segmotif)")
    add("--method", choices=("random_forest", "logistic_regression"), default="random_forest", help="how")
    add("--names", type=class_names, metavar="1=A,2=B", help="what the classes are called")
    add("--from-clusters", action="store_true", help="the classes are clusters: say what accuracy is worth")
    add(
        "--validate-by",
        choices=("auto", "image", "position", "random", "none"),
        default="auto",
        help="what is held out; none skips it (auto)",
    )
    add("--suggest", type=positive_int, metavar="N", help="list N objects whose class would teach most")
    _add_features(parser)
    parser.set_defaults(run=classify)


def _add_table(parser: Parser, *, output: bool = True, required: bool = True) -> None:
    parser.add_argument("table", type=Path, metavar="TABLE", help=".csv, .parquet or .h5ad")
    if output:
        parser.add_argument(
            "-o", "--output", required=required, type=Path, metavar="TABLE", help=".csv, .parquet or .h5ad"
        )


def _add_features(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--columns", type=words, nargs="+", metavar="NAME", help="features to use; by default all"
    )
    parser.add_argument(
        "--prune",
        type=float,
        metavar="R",
        help="leave out features that are correlated by more than R with one that stays, for instance 0.9",
    )
    parser.add_argument(
        "--seed",
        type=_seed,
        default=0,
        dest="random_state",
        metavar="N",
        help="the same seed, the same result",
    )


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"give a whole number from 0 to {2**31 - 1} (got {text!r})")
    return int(text)
