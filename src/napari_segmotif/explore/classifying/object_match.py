"""Whether a classifier may be applied to a table: same features, same unit, same channels."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ...common.units import normalise_unit
from ...errors import ModelMismatchError
from ..tables import TableInfo, table_info

_MOST_LISTED = 6


def check_match(table: pd.DataFrame, columns: Sequence[str], trained: TableInfo | None) -> tuple[str, ...]:
    """Compare a table with the one a classifier was trained on.

    Parameters
    ----------
    table
        What the classifier shall be applied to.
    columns
        The features it needs.
    trained
        How the training table was measured, or None where it did not say.

    Returns
    -------
    tuple of str
        What could not be checked, in sentences.

    Raises
    ------
    ModelMismatchError
        Naming all that differs: features, unit, dimensions, channels.
    """
    info = table_info(table)
    problems = _features(table, columns)
    if trained is not None and info is not None:
        problems += _measured_otherwise(trained, info)
    if problems:
        raise ModelMismatchError(
            "this classifier cannot be applied to this table: measure it as the one it was trained on "
            f"(got {'; '.join(problems)})"
        )
    if trained is None or info is None:
        which = "table the classifier was trained on" if trained is None else "table"
        return (f"The {which} does not say its unit, channels and dimensions: make sure that they agree.",)
    return ()


def _features(table: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    missing = [name for name in columns if name not in table.columns]
    words = [
        name for name in columns if name in table.columns and not pd.api.types.is_numeric_dtype(table[name])
    ]
    problems = []
    if missing:
        problems.append(f"no features {_listed(missing)}")
    if words:
        problems.append(f"no numbers in {_listed(words)}")
    return problems


def _measured_otherwise(trained: TableInfo, info: TableInfo) -> list[str]:
    problems = []
    if _unit(trained) != _unit(info):
        problems.append(f"unit {_unit(info)}, where it was {_unit(trained)}")
    if None not in (trained.dimensions, info.dimensions) and trained.dimensions != info.dimensions:
        problems.append(f"{info.dimensions}D objects, where they were {trained.dimensions}D")
    if trained.channels != info.channels:
        problems.append(f"channels {_channels(info)}, where they were {_channels(trained)}")
    return problems


def _unit(info: TableInfo) -> str:
    """What lengths are in; a table of several images may have a unit, and no spacing that is that of all."""
    if unit := normalise_unit(info.unit):
        return unit
    plain = info.spacing is None or all(step == 1 for step in info.spacing)
    return "pixel" if plain else "an unnamed unit of length"


def _channels(info: TableInfo) -> str:
    return ", ".join(info.channels) if info.channels else "none"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
