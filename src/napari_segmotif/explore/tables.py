"""What an object table is: one row an object, and who it is written in its identity columns.

Rows are joined by (roi_id, frame, label) and never by their place: a table may be sorted, filtered or
shuffled, may lack objects or have a row for the background, and still fits its images.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import InputError

KEY = ("roi_id", "frame", "label")
IDENTITY = (*KEY, "index")
CLUSTER, CLASS = "cluster", "class"

_ATTRIBUTE = "segmotif"
TRACK_COLUMNS = ("track_id", "track", "TRACK_ID", "particle")
"""Where programs that follow objects over time (laptrack, TrackMate, trackpy) write whose track it is."""
LABEL_COLUMNS = ("label", "ObjectNumber", "index")
"""Where tables write an object's label (regionprops, CellProfiler, napari's features); the first counts."""
IMAGE_COLUMNS = ("roi_id", "ImageNumber")
"""Where tables write which image an object is in; the first counts."""
# Who an object is, and what later steps write beside the features.
_BOOKKEEPING = frozenset(
    {*IDENTITY, *TRACK_COLUMNS, CLUSTER, CLASS, "class_probability", "predicted_class", "confidence"}
)
# Numbers of rows, objects and time points as other programs and pandas itself write them.
_COUNTING = re.compile(
    r"Unnamed: \d+|level_\d+|t|time|id|ID|object_id"
    # CellProfiler, also where the objects' name stands before; Children_…_Count describes an object.
    r"|([^_]+_)?(ImageNumber|ObjectNumber|Parent_.+)|(.+_)?Number_Object_Number"
    r"|(.+_)?Neighbors_(First|Second)ClosestObjectNumber(_.+)?"
    r"|(.+_)?TrackObjects_(Label|ParentObjectNumber|ParentImageNumber)(_.+)?"
    # TrackMate
    r"|FRAME|TRACK_ID|TRACK_INDEX|SPOT_(SOURCE_|TARGET_)?ID|VISIBILITY|MANUAL_(SPOT_)?COLOR"
)
_EMBEDDED = re.compile(r"(PCA|UMAP|tSNE)\d+")
# Where an object lies and which way it points: the same object elsewhere, or turned, has other values.
_PLACE = re.compile(
    r"(centroid|bbox|centroid_weighted|centroid_local|centroid_weighted_local|inertia_tensor"
    r"|moments|moments_central|moments_normalized|moments_weighted|moments_weighted_central"
    r"|moments_weighted_normalized)-\d+(-\d+)*"
    r"|orientation"
    # scikit-image's older names, and axes by letters
    r"|(weighted_centroid|local_centroid|weighted_local_centroid"
    r"|weighted_moments|weighted_moments_central|weighted_moments_normalized)-\d+(-\d+)*"
    r"|(weighted_|local_|weighted_local_)?centroid(_weighted|_local|_weighted_local)?[_-][xyz]"
    # CellProfiler, also where the objects' name stands before
    r"|(.+_)?Center_[XYZ]|(.+_)?BoundingBox(Minimum|Maximum)_[XYZ]"
    r"|(.+_)?Location_(MaxIntensity|CenterMassIntensity)_[XYZ](_.+)?"
    r"|(.+_)?AreaShape_(Orientation|((Spatial|Central|Normalized)Moment|InertiaTensor)(_\d+)+)"
    # TrackMate
    r"|POSITION_[XYZT]|ELLIPSE_(X0|Y0|THETA)"
)


class TableInfo(BaseModel):
    """How a table was measured: what must agree before a classifier may be applied to it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = Field(1, description="of this description")
    dimensions: int | None = Field(None, description="spatial dimensions of the objects")
    spacing: tuple[float, ...] | None = Field(None, description="size of a pixel; None where not known")
    unit: str = Field("pixel", description="unit of all lengths")
    channels: tuple[str, ...] = Field((), description="names of the channels whose intensity was measured")
    properties: tuple[str, ...] = Field((), description="properties and groups that were asked for")
    grey_ranges: tuple[tuple[float, float], ...] = Field(
        (), description="lowest and highest intensity of the textures' grey levels, for each channel"
    )


def table_info(table: pd.DataFrame) -> TableInfo | None:
    """How the table was measured, or None where it does not say (a table of another program)."""
    described = table.attrs.get(_ATTRIBUTE)
    if described is None:
        return None
    try:
        return TableInfo.model_validate(described)
    except ValidationError:
        return None


def with_info(table: pd.DataFrame, info: TableInfo) -> pd.DataFrame:
    """The same table (not a copy), which from now on says how it was measured."""
    table.attrs[_ATTRIBUTE] = info.model_dump(mode="json")
    return table


def checked_table(table: pd.DataFrame | ArrayLike) -> pd.DataFrame:
    """Return a table that can be worked on.

    Parameters
    ----------
    table
        An object table, any DataFrame with an object a row, or an array (n, n_features), whose columns are
        then called feature_1, feature_2, …

    Raises
    ------
    InputError
        If it is neither, has no rows, has a column twice, or holds an object twice.
    """
    if not isinstance(table, pd.DataFrame):
        values = np.asarray(table)
        if values.ndim != 2 or values.dtype.kind not in "fiub":
            raise InputError(
                f"give a table of objects: a DataFrame, or an array of numbers with a row for each object "
                f"(got {type(table).__name__} of shape {values.shape}, {values.dtype})"
            )
        table = pd.DataFrame(values, columns=[f"feature_{i + 1}" for i in range(values.shape[1])])
    if not len(table):
        raise InputError("measure at least one object first (got a table without rows)")
    if not table.columns.is_unique:
        twice = sorted({str(name) for name in table.columns[table.columns.duplicated()]})
        raise InputError(f"give each column a name of its own (got twice: {', '.join(twice)})")
    key = [name for name in (_first_of(IMAGE_COLUMNS, table), "frame", "label") if name in table.columns]
    if "label" in key and table.duplicated(key).any():
        first = table.loc[table.duplicated(key), key].iloc[0].to_dict()
        raise InputError(
            f"an object must have one row; give images that share labels a roi_id each (got twice: {first})"
        )
    return table


def identified(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with all identity columns, first and of the right types.

    A table of one image needs no roi_id, one without time no frame, and where there is an `index` (as in
    napari's layer.features) there need be no `label`. CellProfiler's `ObjectNumber` is the label, and its
    `ImageNumber`, as a text, the roi_id, where the table has none of its own.

    Raises
    ------
    InputError
        If there is none of LABEL_COLUMNS, or it holds something else than whole numbers.
    """
    table = checked_table(table)
    where, image = _first_of(LABEL_COLUMNS, table), _first_of(IMAGE_COLUMNS, table)
    if where is None:
        raise InputError(
            "a table needs the column 'label' to be joined with an image "
            f"(got the columns {', '.join(map(str, table.columns[:12]))})"
        )
    label = _whole(table[where], where)
    roi_id = pd.Series("", index=table.index) if image is None else table[image]
    if image is not None and pd.api.types.is_float_dtype(roi_id) and image not in IDENTITY:
        roi_id = roi_id.astype(object).map(lambda number: f"{number:.15g}", na_action="ignore")
    frame = table["frame"] if "frame" in table.columns else pd.Series(0, index=table.index)
    identity = {
        "roi_id": roi_id.fillna("").astype(str),
        "frame": _whole(frame, "frame"),
        "label": label,
        "index": label,
    }
    others = table.drop(columns=[name for name in IDENTITY if name in table.columns])
    whole = pd.concat([pd.DataFrame(identity, index=table.index), others], axis=1)
    whole.attrs.update(table.attrs)
    return checked_table(whole)


def feature_columns(table: pd.DataFrame, include_position: bool = False) -> list[str]:
    """Names of the columns that describe an object, in the table's order.

    Neither who it is (identity, a row's number), nor what was found later (clusters, classes, embeddings),
    nor, unless asked for, where it lies and which way it points.
    """
    return [
        name
        for name in table.columns
        if isinstance(name, str)
        and pd.api.types.is_numeric_dtype(table[name])
        and not pd.api.types.is_complex_dtype(table[name])
        and name not in _BOOKKEEPING
        and not _COUNTING.fullmatch(name)
        and not _EMBEDDED.fullmatch(name)
        and (include_position or not _PLACE.fullmatch(name))
    ]


def chosen_columns(table: pd.DataFrame, columns: Sequence[str] | None) -> list[str]:
    """The columns to work on: those asked for, else all features.

    Raises
    ------
    InputError
        If one is not there or holds no numbers, or there is none at all.
    """
    if columns is None:
        chosen = feature_columns(table)
        if not chosen:
            raise InputError(
                "the table has no feature to work on: measure shape, intensity or texture first "
                f"(got the columns {', '.join(map(str, table.columns[:12]))})"
            )
        return chosen
    if isinstance(columns, str) or not len(columns):
        raise InputError(f"name at least one column, in a list (got {columns!r})")
    if missing := [name for name in columns if name not in table.columns]:
        raise InputError(
            f"choose among the columns {', '.join(feature_columns(table)[:12])}, … "
            f"(got {', '.join(map(str, missing[:6]))})"
        )
    if words := [name for name in columns if not pd.api.types.is_numeric_dtype(table[name])]:
        raise InputError(f"choose columns of numbers (got {', '.join(words[:6])})")
    return list(columns)


def join_tables(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put the tables of several images into one; those without rows are left out.

    `attrs` are the first's. Where textures were measured with other grey levels, `attrs["messages"]` says so.

    Raises
    ------
    InputError
        If none has a row, if they were measured in different units, dimensions or channels, or hold an object
        twice. A column that only some have is filled with missing values.
    """
    given = list(tables)
    parts = [identified(table) for table in given if len(table)]
    if not parts:
        got = f"{len(given)} without rows" if given else "none"
        raise InputError(f"give at least one table with objects to join (got {got})")
    infos = [table_info(part) for part in parts]
    first = infos[0]
    for part, info in zip(parts[1:], infos[1:], strict=True):
        if first is not None and info is not None:
            _check_alike(first, info, part["roi_id"].iloc[0])
    whole = pd.concat([part.set_axis(range(len(part))) for part in parts], ignore_index=True)
    whole.attrs = dict(parts[0].attrs)
    if first is not None:
        known = [info for info in infos if info is not None]
        spacing = first.spacing if len({info.spacing for info in known}) == 1 else None
        greys = list(dict.fromkeys(info.grey_ranges for info in known if info.grey_ranges))
        if len(greys) > 1:
            whole.attrs["messages"] = [
                *whole.attrs.get("messages", ()),
                "textures were measured with other grey levels in some images and cannot be compared between "
                "them: measure them together, or with the same grey_range",
            ]
        update = {"spacing": spacing, "grey_ranges": greys[0] if greys else ()}
        with_info(whole, first.model_copy(update=update))
    return checked_table(whole)


def _check_alike(first: TableInfo, info: TableInfo, roi_id: str) -> None:
    for name in ("unit", "dimensions", "channels"):
        if getattr(first, name) != getattr(info, name):
            raise InputError(
                f"tables can be joined only where their {name} agree: measure all images alike "
                f"(got {getattr(first, name)} and, for {roi_id!r}, {getattr(info, name)})"
            )


def _first_of(names: Sequence[str], table: pd.DataFrame) -> str | None:
    return next((name for name in names if name in table.columns), None)


def _whole(values: Any, name: str) -> pd.Series[Any]:
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.isna().any() or not np.equal(np.mod(numbers, 1), 0).all():
        wrong = values[numbers.isna() | ~np.equal(np.mod(numbers.fillna(0.5), 1), 0)].iloc[0]
        raise InputError(f"the column {name!r} must hold whole numbers (got {wrong!r})")
    return numbers.astype(np.int64)
