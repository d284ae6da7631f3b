"""Columns as other programs write them: clusters and classes made whole numbers, identities said. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...common.words import count
from ...explore.tables import CLASS, CLUSTER, IMAGE_COLUMNS, LABEL_COLUMNS
from .findings import PREDICTED

_MOST_NAMES = 100  # a column with more texts than this describes objects, and no classes of them
_MOST_SAID = 6
_NOISE = -1  # how scikit-learn and others write "in no cluster": their clusters count from 0


@dataclass(frozen=True)
class Tidied:
    """A table whose clusters and classes are whole numbers, 0 for none.

    Attributes
    ----------
    table
        The table.
    names
        Names of the classes that were texts, by their numbers.
    messages
        What was changed, and which columns say who an object is where those are another program's.
    """

    table: pd.DataFrame
    names: dict[int, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


def tidied(table: pd.DataFrame) -> Tidied:
    """Turn `cluster`, `class` and `predicted_class` into int64, with 0 for what is missing.

    Texts are numbered in the order of their names; picked and found classes of one name have one number.
    Noise (−1) becomes 0, and the clusters beside it count from 1. A column that holds neither is kept
    under another name, as texts.

    Parameters
    ----------
    table
        An object table with identity columns, as it was read.
    """
    messages: list[str] = _identity_said(table)
    columns: dict[str, NDArray[np.int64]] = {}
    texts: dict[str, pd.Series[str]] = {}
    refused: list[str] = []
    for name in [name for name in (CLUSTER, CLASS, PREDICTED) if name in table.columns]:
        whole = _whole(table[name], name, messages)
        if whole is not None:
            columns[name] = whole
        elif (text := _texts(table[name])) is not None:
            texts[name] = text
        else:
            refused.append(name)
    clusters, _ = _numbered({n: t for n, t in texts.items() if n == CLUSTER}, 0)
    taken = max((int(columns[n].max(initial=0)) for n in (CLASS, PREDICTED) if n in columns), default=0)
    classes, names = _numbered({n: t for n, t in texts.items() if n != CLUSTER}, taken)
    for name, numbers in (clusters | classes).items():
        columns[name] = numbers
        said = dict(sorted(zip(numbers[numbers > 0].tolist(), texts[name][numbers > 0], strict=True)))
        listed = [f"{number} is “{text}”" for number, text in list(said.items())[:_MOST_SAID]]
        more = ", …" if len(said) > _MOST_SAID else ""
        messages.append(f"The texts in “{name}” are numbers now: {', '.join(listed)}{more}.")
    whole_table = table.assign(**columns)
    for name in refused:
        other = _free_name(f"{name}_text", whole_table.columns)
        whole_table[name] = whole_table[name].astype(str)
        whole_table = whole_table.rename(columns={name: other})
        messages.append(f"“{name}” holds no classes: it is called “{other}” now.")
    whole_table.attrs = dict(table.attrs)
    return Tidied(whole_table, names, tuple(messages))


def _identity_said(table: pd.DataFrame) -> list[str]:
    """Where CellProfiler's columns say who an object is, in sentences."""
    messages = []
    number, image = LABEL_COLUMNS[1], IMAGE_COLUMNS[1]
    if _agree(table, number, "label"):
        messages.append(f"“{number}” is taken as the objects' label.")
    if _agree(table, image, "roi_id"):
        names = [f"“{name}”" for name in table["roi_id"].unique()[: _MOST_SAID + 1]]
        more = ", …" if len(names) > _MOST_SAID else ""
        messages.append(f"“{image}” is taken as the images' names: {', '.join(names[:_MOST_SAID])}{more}.")
    return messages


def _agree(table: pd.DataFrame, foreign: str, own: str) -> bool:
    if foreign not in table or own not in table:
        return False
    one, other = (pd.to_numeric(table[name], errors="coerce") for name in (foreign, own))
    return bool((one == other).all())


def _whole(values: pd.Series, name: str, messages: list[str]) -> NDArray[np.int64] | None:
    """The column as whole numbers, or None where it holds something else."""
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_complex_dtype(values):
        return None
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    missing = np.isnan(numbers)
    known = numbers[~missing]
    if not np.isfinite(known).all() or (known != np.rint(known)).any() or known.min(initial=0) < _NOISE:
        return None
    if known.max(initial=0) > np.iinfo(np.int32).max:
        return None
    if missing.any():
        messages.append(f"{count(int(missing.sum()), 'object')} without a {name.replace('_', ' ')}: 0 now.")
    shift = int(known.min(initial=0) == _NOISE)
    if shift:
        messages.append(f"“{name}” counts from 1 now, and 0 is none (it was −1).")
    return np.where(missing, 0, numbers + shift).astype(np.int64)


def _texts(values: pd.Series) -> pd.Series[str] | None:
    """The column as texts, "" for what is missing; None where every object has its own."""
    if pd.api.types.is_numeric_dtype(values):
        return None
    texts = values.astype(object).where(values.notna(), "").astype(str).str.strip()
    named = texts[texts != ""]
    return None if named.nunique() > _MOST_NAMES else texts


def _numbered(
    texts: dict[str, pd.Series[str]], taken: int
) -> tuple[dict[str, NDArray[np.int64]], dict[int, str]]:
    """Number the texts of some columns alike, from `taken` + 1 on: the columns, and the names by number."""
    every: set[str] = set()
    for column in texts.values():
        every |= set(column) - {""}
    numbers = {text: taken + k for k, text in enumerate(_ordered(sorted(every)), start=1)}
    columns = {
        name: np.array([numbers.get(text, 0) for text in column], np.int64) for name, column in texts.items()
    }
    return columns, {number: text for text, number in numbers.items()}


def _ordered(names: Sequence[str]) -> list[str]:
    """In the order of the names; names that are whole numbers in theirs: "2" before "10"."""
    return sorted(names, key=lambda name: (0, int(name), name) if name.isdecimal() else (1, 0, name))


def _free_name(name: str, taken: pd.Index) -> str:
    while name in taken:
        name += "_"
    return name
