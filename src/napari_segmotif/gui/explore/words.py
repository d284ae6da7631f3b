"""What the feature explorer says, in plain words. No Qt in here."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...common.words import count

if TYPE_CHECKING:
    from ...common.metrics import ClassificationScores

__all__ = [
    "CLUSTERINGS",
    "EMBEDDINGS",
    "GROUPS",
    "SPACES",
    "answers_in_words",
    "class_counts",
    "feature_in_words",
    "features_in_words",
    "first_sentence",
    "marked",
    "measured_in_words",
    "object_in_words",
    "picked_in_words",
    "question_in_words",
    "scores_rows",
    "share",
]

_FEWEST_ANSWERS = 5

GROUPS: dict[str, tuple[str, str]] = {
    "shape": (
        "Size and shape",
        "Area or volume, outline, the two main axes, how round, how compact, how ragged.",
    ),
    "intensity": (
        "Brightness",
        "Mean, spread, extremes, sum and quantiles in each channel. Needs an image.",
    ),
    "texture": (
        "Texture",
        "How the grey values of neighbouring pixels go together (Haralick). Needs an image; takes longer.",
    ),
    "neighbourhood": (
        "Neighbours",
        "How many objects touch it, how far the next one is, how much of its outline is touched.",
    ),
    "moments": ("Moments", "Central and Hu moments: shape as numbers that are hard to name."),
    "position": (
        "Position",
        "Where it lies. Kept in the table, and never used to group or to classify objects.",
    ),
}
"""Groups of features: what to call them, and what is in them."""

EMBEDDINGS: dict[str, tuple[str, str]] = {
    "pca": ("PCA", "Straight view along the directions in which the objects differ most. At once, exact."),
    "umap": ("UMAP", "Keeps neighbours together. Distances between clouds mean little."),
    "tsne": ("t-SNE", "Keeps close neighbours together. Sizes of clouds and distances mean little."),
}
"""Maps of the objects: what to call them, and what they are good for."""

CLUSTERINGS: dict[str, tuple[str, str]] = {
    "kmeans": ("k-means", "Round groups of similar width. Quick."),
    "gaussian_mixture": ("Gaussian mixture", "Longish groups that may overlap."),
    "agglomerative": ("Tree (Ward)", "Joins the two most alike groups, again and again."),
    "hdbscan": (
        "Dense regions (HDBSCAN)",
        "Finds the number of groups itself; objects in between have none.",
    ),
}
"""Ways to group objects."""

SPACES: dict[str, tuple[str, str]] = {
    "features": ("All features in use", "Every feature counts the same after scaling."),
    "pca": ("Main components (PCA)", "Features that say the same count once."),
    "embedding": (
        "The map (UMAP or t-SNE)",
        "Groups what looks grouped in the map, which may show groups that are not there.",
    ),
}
"""What objects are grouped by."""


def share(value: float) -> str:
    """Say a share as a percentage: "71 %"; "–" where there is none."""
    return "–" if math.isnan(value) else f"{100 * value:.0f} %"


def marked(text: str, otherwise: bool) -> str:
    """Mark what was found with other features than are worked with now."""
    return f"{text} (with other features)" if text and otherwise else text


def first_sentence(text: str) -> str:
    """Return the first sentence of a text: the footer has three lines."""
    head, dot, _ = text.partition(". ")
    return head + ("." if dot else "")


def number(value: object) -> str:
    """Say a value of the table in few characters."""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return f"{int(value):,}"
    if isinstance(value, (float, np.floating)):
        return "–" if math.isnan(value) else f"{float(value):.4g}"
    return str(value)


def feature_in_words(name: str, channels: Sequence[str] = ()) -> str:
    """Say a column's name with the channel's name in it: "intensity_mean-1" is "intensity mean · GFP"."""
    stem, dash, tail = name.rpartition("-")
    if dash and tail.isdigit() and ("intensity" in stem or "haralick" in stem) and int(tail) < len(channels):
        return f"{stem.replace('_', ' ')} · {channels[int(tail)]}"
    return name.replace("_", " ")


def features_in_words(text: str, names: Sequence[str], channels: Sequence[str] = ()) -> str:
    """Say a sentence in which columns are named, with each as `feature_in_words` says it."""
    if not names:
        return text
    longest_first = sorted(map(re.escape, names), key=len, reverse=True)
    return re.sub(
        rf"(?<![\w-])({'|'.join(longest_first)})(?![\w-])",
        lambda found: feature_in_words(found[1], channels),
        text,
    )


def object_in_words(row: pd.Series, columns: Sequence[str], classes: Mapping[int, str]) -> str:
    """Say which object a row is, and the numbers in some of its columns, a line each.

    Parameters
    ----------
    row
        A row of an object table.
    columns
        What to say of it.
    classes
        Names of classes by id.
    """
    place = [f"object {int(row['label'])}"] if "label" in row else []
    if int(row.get("frame", 0) or 0):
        place.append(f"frame {int(row['frame'])}")
    if row.get("roi_id", ""):
        place.append(str(row["roi_id"]))
    lines = [" · ".join(place)]
    for column in columns:
        if column in row:
            value = row[column]
            said = classes.get(int(value), "") if column == "class" and value else ""
            lines.append(f"{column}: {said or number(value)}")
    return "\n".join(lines)


def measured_in_words(table: pd.DataFrame, n_features: int) -> str:
    """Say what is in a table: "312 objects · 41 features · 2 images · 5 frames"."""
    parts = [count(len(table), "object"), count(n_features, "feature")]
    for column, noun in (("roi_id", "image"), ("frame", "frame")):
        n = int(table[column].nunique()) if column in table else 1
        if n > 1:
            parts.append(count(n, noun))
    return " · ".join(parts)


def class_counts(classes: NDArray[np.int64]) -> dict[int, int]:
    """Count the objects of each class; 0 (none) is left out."""
    ids, counts = np.unique(classes[classes > 0], return_counts=True)
    return {int(i): int(n) for i, n in zip(ids, counts, strict=True)}


def picked_in_words(counts: Mapping[int, int], names: Mapping[int, str]) -> str:
    """Say how many objects of each class were picked: "12 round · 9 long"."""
    said = [f"{n} {names.get(label, f'class {label}')}" for label, n in counts.items()]
    return " · ".join(said) if said else "none picked yet"


def question_in_words(names: Mapping[int, str]) -> str:
    """Ask for an object's class: "What is this object? Press 1: round, 2: long."."""
    keys = ", ".join(f"{key}: {name}" for key, name in names.items() if key < 10)
    return f"What is this object? Press {keys or 'the key of its class, 1 to 9'}."


def answers_in_words(right: Sequence[bool], *, doubtful: bool) -> str:
    """Say how often the classifier had guessed what was answered; "" before there are a few answers.

    `doubtful` is whether it asks about objects that it is not sure of.
    """
    if len(right) < _FEWEST_ANSWERS:
        return ""
    why = "; it asks about doubtful ones" if doubtful else ""
    return f"It had guessed {sum(right)} of the last {len(right)} right{why}."


def scores_rows(scores: ClassificationScores, names: Mapping[int, str]) -> list[list[str]]:
    """Return a row of texts per class: name, precision, recall, Jaccard, objects."""
    return [
        [
            str(row["name"]),
            *(share(float(row[key])) for key in ("precision", "recall", "jaccard")),
            f"{row['support']:,}",
        ]
        for row in scores.as_rows(names)
    ]
