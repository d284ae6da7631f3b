"""Where a training stands, as plain arrays and JSON: what a model file keeps so that training can go on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .reports import EpochReport

Arrays = dict[str, NDArray[Any]]

_ROW = [f.name for f in fields(EpochReport) if f.name not in ("partial", "example")]


def reports_as_json(reports: list[EpochReport] | tuple[EpochReport, ...]) -> list[dict[str, Any]]:
    """Reports as JSON, which knows no NaN: such numbers are null."""
    return [{name: None if _is_nan(getattr(r, name)) else getattr(r, name) for name in _ROW} for r in reports]


def reports_from_json(rows: list[dict[str, Any]]) -> list[EpochReport]:
    """The reverse of `reports_as_json`.

    Raises
    ------
    TypeError, ValueError
        If these are no reports.
    """
    known: list[dict[str, Any]] = [{k: math.nan if v is None else v for k, v in row.items()} for row in rows]
    return [EpochReport(**row) for row in known]


def with_prefix(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    """The arrays whose names begin with a prefix, by the rest of their names."""
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def shapes_of(arrays: Arrays) -> dict[str, tuple[int, ...]]:
    """Name → shape."""
    return {name: array.shape for name, array in arrays.items()}


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and not np.isfinite(value)
