"""Which columns of an object table can be plotted, and what their values mean. No Qt in here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ....explore.tables import CLASS, CLUSTER, feature_columns
from .scatter_points import Kind

_CLASSES = (CLUSTER, CLASS, "predicted_class")
_NOT_PLOTTED = ("label", "index")
_FAMILIES = ("UMAP", "tSNE", "PCA")


@dataclass(frozen=True)
class ColorValues:
    """What colours are made of.

    Attributes
    ----------
    values
        (n,) numbers, or ids of classes.
    kind
        Which of both.
    class_names
        Names of classes that are named in the table itself: the images.
    """

    values: NDArray[np.float64]
    kind: Kind
    class_names: dict[int, str]


def axis_columns(table: pd.DataFrame) -> list[str]:
    """Columns of numbers that points can be laid out by: maps first, then the others in the table's order."""
    numeric = [
        name
        for name in table.columns
        if isinstance(name, str)
        and name not in _NOT_PLOTTED
        and pd.api.types.is_numeric_dtype(table[name])
        and not pd.api.types.is_complex_dtype(table[name])
        and (name != "frame" or _varies(table, name))
    ]
    maps = [name for family in _FAMILIES for name in numeric if name.startswith(family)]
    return maps + [name for name in numeric if name not in maps]


def color_columns(table: pd.DataFrame) -> list[str]:
    """Columns that points can be coloured by: clusters, classes and images first."""
    first = [name for name in _CLASSES if name in table.columns]
    if "roi_id" in table.columns and _varies(table, "roi_id"):
        first.append("roi_id")
    return first + [name for name in axis_columns(table) if name not in first]


def first_columns(table: pd.DataFrame) -> tuple[str, str] | None:
    """Columns to begin with: a map where there is one, else size against brightness or shape."""
    columns = axis_columns(table)
    if len(columns) < 2:
        return None
    if columns[0].startswith(_FAMILIES):
        return columns[0], columns[1]
    features = feature_columns(table) or columns
    size = next((name for name in ("area", "volume") if name in features), features[0])
    others = [name for name in features if name != size] or [name for name in columns if name != size]
    wanted = [name for name in others if name.startswith("intensity_mean")]
    wanted += [name for name in ("eccentricity", "solidity", "circularity") if name in others]
    return size, (wanted or others)[0]


def color_values(table: pd.DataFrame, name: str) -> ColorValues:
    """What colours are made of for a column of `color_columns`."""
    column = table[name]
    if name == "roi_id":
        codes, images = pd.factorize(column, sort=True)
        return ColorValues(
            codes.astype(np.float64) + 1, "class", {i: str(x) for i, x in enumerate(images, 1)}
        )
    values = column.to_numpy(np.float64, na_value=np.nan)
    if name in _CLASSES or column.dtype == bool:
        return ColorValues(values, "class", {})
    return ColorValues(values, "number", {})


def _varies(table: pd.DataFrame, name: str) -> bool:
    return bool(table[name].nunique() > 1)
