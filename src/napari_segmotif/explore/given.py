"""Checks of what callers hand in beside a table: values for its rows, and whole numbers within bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError


def in_table_order(table: pd.DataFrame, values: Any, name: str, error: type[InputError] = InputError) -> Any:
    """Return values for the rows of a table in their order; only a Series may come in another.

    Parameters
    ----------
    table
        (n,) objects.
    values
        What was given. A Series is joined by its index, as pandas does; all else is returned as it is.
    name
        What the values are, for the message.
    error
        What is raised.

    Raises
    ------
    InputError
        If a Series has other rows than the table, or rows of one name make it unclear which is meant.
    """
    if not isinstance(values, pd.Series) or values.index.equals(table.index):
        return values
    own, wanted = values.index, table.index
    if len(own) == len(wanted) and own.is_unique and wanted.is_unique and own.isin(wanted).all():
        return values.reindex(wanted)
    raise error(
        f"give {name} as an array in the order of the {len(table)} rows, or as a Series with the index of "
        f"the table (got a Series of {len(values)} with the index {_shown(own)}, where the table has "
        f"{_shown(wanted)})"
    )


def check_whole(name: str, value: Any, least: int, most: int | None = None) -> None:
    """Raise InputError where a parameter is no whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise InputError(f"{name} must be a whole number, {least} or more (got {value!r})")
    if value < least:
        raise InputError(f"{name} must be at least {least} (got {value})")
    if most is not None and value > most:
        raise InputError(f"{name} must be at most {most} (got {value})")


def _shown(index: pd.Index[Any]) -> str:
    some = ", ".join(repr(name) for name in index[:3].tolist())
    return f"{some}, …" if len(index) > 3 else some or "without rows"
