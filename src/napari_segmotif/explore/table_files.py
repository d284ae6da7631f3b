"""Object tables as files: CSV, Parquet and AnnData.

How a table was measured travels along: inside a Parquet or AnnData file, beside a CSV file (which has no room
for it) as `<name>.info.json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from ..common.atomic import write_atomically
from ..errors import ImageFileError, InputError, MissingExtraError, StorageError
from .tables import IDENTITY, TableInfo, checked_table, feature_columns, table_info, with_info

SUFFIXES = (".csv", ".parquet", ".h5ad")
_NAMELESS = re.compile(r"Unnamed: \d+")
_MARK = "="  # no matter which
F = TypeVar("F", bound=Callable[..., object])


def write_table(table: pd.DataFrame, path: str | Path) -> Path:
    """Write a table whole or not at all; numbers read back as they were.

    Parameters
    ----------
    table
        An object table.
    path
        Ends in .csv, .parquet or .h5ad (AnnData; needs the extra `anndata`): objects are observations,
        features X, and everything else stands in obs.

    Raises
    ------
    InputError
        For another ending.
    StorageError
        If the disk is full, the folder is missing or writing is not permitted; an older file stays whole.
    MissingExtraError
        For .h5ad where anndata is not installed.
    """
    path = Path(path)
    write = _by_suffix(path, {".csv": _write_csv, ".parquet": _write_parquet, ".h5ad": _write_anndata})
    write(checked_table(table), path)
    return path


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table that write_table, or another program, wrote.

    Raises
    ------
    InputError
        For another ending than .csv, .parquet or .h5ad, or a table without rows.
    ImageFileError
        If the file is not there, is truncated, or holds no table.
    MissingExtraError
        For .h5ad where anndata is not installed.
    """
    path = Path(path)
    read = _by_suffix(path, {".csv": _read_csv, ".parquet": _read_parquet, ".h5ad": _read_anndata})
    if not path.is_file():
        raise ImageFileError(f"choose a table that exists (got {path})")
    try:
        table = read(path)
    except MissingExtraError:
        raise
    except Exception as error:  # each reader has exceptions of its own for a broken file
        raise ImageFileError(
            f"this file cannot be read as a table: write it anew or choose another one "
            f"(got {path}: {type(error).__name__}: {str(error)[:200]})"
        ) from error
    if "roi_id" in table.columns:  # an empty text is read as a missing one
        table["roi_id"] = table["roi_id"].fillna("").astype(str)
    return checked_table(table)


def check_suffix(path: str | Path) -> None:
    """Refuse a file name that no table can have, before anything is computed.

    Raises
    ------
    InputError
        For another ending than .csv, .parquet or .h5ad.
    """
    _by_suffix(Path(path), dict.fromkeys(SUFFIXES, _info_path))


def _by_suffix(path: Path, known: dict[str, F]) -> F:
    try:
        return known[path.suffix.lower()]
    except KeyError:
        raise InputError(
            f"give the table's file one of the endings {', '.join(SUFFIXES)} (got {path.name})"
        ) from None


# ------------------------------------------------------------------------------------------------------- CSV
def _info_path(path: Path) -> Path:
    return path.with_suffix(".info.json")


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    with write_atomically(path) as temporary:
        _stored(path, lambda: table.to_csv(temporary, index=False, lineterminator="\n"))
    if info := table_info(table):
        with write_atomically(_info_path(path)) as temporary:
            temporary.write_text(info.model_dump_json(indent=1) + "\n", encoding="utf-8")
    else:
        _info_path(path).unlink(missing_ok=True)


def _read_csv(path: Path) -> pd.DataFrame:
    # The column roi_id is text even where images are called by numbers, or by NA, None and the like, which
    # pandas takes for missing (what a converter returns, too): no word with the mark before it is one.
    table = pd.read_csv(path, converters={"roi_id": lambda text: f"{_MARK}{text}"})
    if "roi_id" in table.columns:
        table["roi_id"] = table["roi_id"].str.removeprefix(_MARK)
    # Numbers of rows that were written along have no name.
    table = table[[name for name in table.columns if not _NAMELESS.fullmatch(name)]]
    if _info_path(path).exists():
        with_info(table, TableInfo.model_validate_json(_info_path(path).read_text(encoding="utf-8")))
    return table


# --------------------------------------------------------------------------------------------------- Parquet
def _write_parquet(table: pd.DataFrame, path: Path) -> None:
    named = table.rename(columns=str)
    with write_atomically(path) as temporary:
        _stored(path, lambda: named.to_parquet(temporary, engine="pyarrow", index=False))


def _read_parquet(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path, engine="pyarrow")


# --------------------------------------------------------------------------------------------------- AnnData
def _write_anndata(table: pd.DataFrame, path: Path) -> None:
    anndata = _anndata()
    features = feature_columns(table)
    others = table.drop(columns=features)
    # anndata does not write pandas' own text columns.
    texts = {name: object for name in others.columns if not pd.api.types.is_numeric_dtype(others[name])}
    adata = anndata.AnnData(
        X=table[features].to_numpy(np.float64),
        obs=others.astype(texts).set_axis(pd.Index(map(str, range(len(table))), dtype=object)),
        var=pd.DataFrame(index=pd.Index(features, dtype=object)),
    )
    if info := table_info(table):
        adata.uns["segmotif"] = info.model_dump_json()
    with write_atomically(path) as temporary:
        _stored(path, lambda: adata.write_h5ad(temporary))


def _read_anndata(path: Path) -> pd.DataFrame:
    adata = _anndata().read_h5ad(path)
    values = np.asarray(adata.X.todense() if hasattr(adata.X, "todense") else adata.X)
    features = pd.DataFrame(values, columns=[str(name) for name in adata.var_names])
    others = adata.obs.reset_index(drop=True)
    for name in others.columns:  # texts are kept as categories
        if isinstance(others[name].dtype, pd.CategoricalDtype):
            others[name] = others[name].astype(str)
    first = [name for name in IDENTITY if name in others.columns]
    table = pd.concat([others[first], features, others.drop(columns=first)], axis=1)
    if (described := adata.uns.get("segmotif")) is not None:
        with_info(table, TableInfo.model_validate(json.loads(str(described))))
    return table


def _anndata() -> Any:
    try:
        import anndata
    except ImportError as error:
        raise MissingExtraError(
            "to read and write .h5ad, install anndata: "
            'pip install "napari-segmotif[anndata]" (got no anndata)'
        ) from error
    return anndata


def _stored(path: Path, write: Callable[[], object]) -> None:
    """Writers raise more than OSError where the disk is full."""
    try:
        write()
    except OSError:
        raise
    except Exception as error:
        raise StorageError(
            f"the table could not be written: check the disk or choose another place "
            f"(got {path}: {type(error).__name__}: {str(error)[:200]})"
        ) from error
