"""The objects that somebody gave a class, with all that is needed to train on them and to judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ...errors import AnnotationError
from ..alignment import ABSENT, RowIndex
from ..given import in_table_order
from ..preparation import feature_matrix
from ..tables import CLUSTER, KEY, LABEL_COLUMNS, TRACK_COLUMNS, identified

Classes = ArrayLike | Mapping[tuple[str, int, int], int] | Mapping[int, int]
_MOSTLY = 0.9
_MOST_SHOWN = 4


@dataclass(frozen=True)
class TrainingObjects:
    """Objects with a class.

    Attributes
    ----------
    columns
        Names of the F features.
    values
        (n, F) float64 features as measured, NaN where missing.
    y
        (n,) int32, classes ≥ 1.
    roi_names, roi
        Names of the images, and (n,) int32 which of them each object is in.
    frame, label
        (n,) int64; label 0 where the table has none.
    position
        (n, D) float64 centroids, D = 0 where they were not measured.
    track
        (n,) int64, −1 where no track is known.
    """

    columns: tuple[str, ...]
    values: NDArray[np.float64]
    y: NDArray[np.int32]
    roi_names: tuple[str, ...]
    roi: NDArray[np.int32]
    frame: NDArray[np.int64]
    label: NDArray[np.int64]
    position: NDArray[np.float64]
    track: NDArray[np.int64]

    @classmethod
    def from_table(
        cls, table: pd.DataFrame, classes: NDArray[np.int32], columns: Sequence[str]
    ) -> TrainingObjects:
        """Take the rows of a table that have a class, `classes` (n_rows,) not 0."""
        rows = np.flatnonzero(classes)
        own = table.iloc[rows]
        has_labels = any(name in table.columns for name in LABEL_COLUMNS)
        known = identified(own) if has_labels else own
        n = len(rows)
        roi = known["roi_id"].astype(str) if "roi_id" in known.columns else pd.Series([""] * n)
        codes, names = pd.factorize(roi, sort=True)
        tracks = [name for name in TRACK_COLUMNS if name in table.columns]
        return cls(
            columns=tuple(columns),
            values=feature_matrix(own, columns),
            y=classes[rows],
            roi_names=tuple(str(name) for name in names),
            roi=codes.astype(np.int32),
            frame=_whole(known, "frame", 0),
            label=_whole(known, "label", 0),
            position=_centroids(own),
            track=_whole(own, tracks[0], -1) if tracks else np.full(n, -1),
        )

    def table(self, rows: NDArray[Any] | slice = slice(None)) -> pd.DataFrame:
        """The features of some of the objects as a table."""
        return pd.DataFrame(self.values[rows], columns=list(self.columns))

    def rows_in(self, table: pd.DataFrame) -> NDArray[np.int64]:
        """Rows of these objects in a table with labels; those that it does not have are left out."""
        index = RowIndex(table)
        found = [np.empty(0, np.int64)]
        for image, frame in sorted(set(zip(self.roi.tolist(), self.frame.tolist(), strict=True))):
            here = (self.roi == image) & (self.frame == frame)
            found.append(index.rows(self.roi_names[image], frame, self.label[here]))
        rows = np.concatenate(found)
        return np.unique(rows[rows != ABSENT])


def class_per_row(table: pd.DataFrame, classes: Any) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """The class of each row of a table, 0 where none is given, and what the user should know.

    Parameters
    ----------
    table
        (n,) objects.
    classes
        (n,) whole numbers ≥ 0 in the order of the rows (NaN counts as 0); a Series with the index of the
        table, in any order; a Series or a dict whose keys are (roi_id, frame, label); or, where the table is
        of one image and one frame, a dict with labels as keys.

    Raises
    ------
    AnnotationError
        If they do not fit the table or are no classes.
    """
    if isinstance(classes, pd.Series):
        if classes.index.nlevels == len(KEY) and not classes.index.equals(table.index):
            classes = _as_dict(classes)
        else:
            classes = in_table_order(table, classes, "classes", AnnotationError)
    if isinstance(classes, Mapping):
        return _by_key(table, classes)
    values = np.asarray(classes.to_numpy(na_value=0) if isinstance(classes, pd.Series) else classes)
    if values.shape != (len(table),):
        raise AnnotationError(
            f"give one class for each of the {len(table)} objects, 0 where none is known "
            f"(got shape {values.shape})"
        )
    return _whole_classes(values), ()


def checked_classes(classes: NDArray[np.int32]) -> None:
    """Raise AnnotationError where there are fewer than two classes to tell apart."""
    present = np.unique(classes[classes > 0])
    if not len(present):
        raise AnnotationError("give some objects a class first, of at least two classes (got none)")
    if len(present) == 1:
        raise AnnotationError(
            "a classifier needs at least two classes: give other objects another class "
            f"(got only class {present[0]})"
        )


def labelled_rows(
    table: pd.DataFrame, labelled: ArrayLike | None, training: TrainingObjects | None
) -> NDArray[np.bool_]:
    """Which rows (n,) of a table have a class: by a mask or classes, else those that were trained on."""
    if labelled is not None:
        labelled = in_table_order(table, labelled, "labelled")
        mask = np.asarray(labelled)
        if mask.dtype == bool and mask.shape == (len(table),):
            return mask
        return class_per_row(table, labelled)[0] > 0
    known = np.zeros(len(table), bool)
    if training is not None and any(name in table.columns for name in LABEL_COLUMNS):
        known[training.rows_in(table)] = True
    return known


def cluster_per_row(table: pd.DataFrame) -> NDArray[np.int64] | None:
    """The table's clusters (n,), 0 = none, or None where it has none."""
    if CLUSTER not in table.columns:
        return None
    cluster = pd.to_numeric(table[CLUSTER], errors="coerce").fillna(0).to_numpy(np.int64)
    return cluster if (cluster > 0).any() else None


def copies_clusters(table: pd.DataFrame, classes: NDArray[np.int32]) -> bool:
    """Whether classes are the table's clusters under other names, some of them corrected.

    Each cluster stands for the class that most of its objects were given. So it is where 90 % of the objects
    have the class of their cluster, two classes or more, and 90 % of the clusters' objects have a class.
    """
    cluster, given = cluster_per_row(table), classes > 0
    if cluster is None or not given.any():
        return False
    numbers, member = np.unique(cluster[given], return_inverse=True)
    ids, y = np.unique(classes[given], return_inverse=True)
    votes = np.zeros((len(numbers), len(ids)), np.int64)
    np.add.at(votes, (member, y), 1)
    votes = votes[numbers > 0]  # objects in no cluster follow none
    if not len(votes) or len(np.unique(votes.argmax(axis=1))) < 2:
        return False
    covered = votes.sum() >= _MOSTLY * np.isin(cluster, numbers[numbers > 0]).sum()
    return bool(covered and votes.max(axis=1).sum() >= _MOSTLY * given.sum())


def _by_key(table: pd.DataFrame, classes: Mapping[Any, Any]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    keys = _whole_keys(table, list(classes))
    values = _whole_classes(np.asarray(list(classes.values())))
    found = np.zeros(len(table), np.int32)
    index = RowIndex(table)
    absent = 0
    for (roi_id, frame, label), value in zip(keys, values, strict=True):
        row = index.row(str(roi_id), int(frame), int(label))
        if row == ABSENT:
            absent += 1
        else:
            found[row] = value
    if not absent:
        return found, ()
    return found, (f"{absent} of {len(classes)} objects with a class are not in the table: left out.",)


def _as_dict(classes: pd.Series[Any]) -> dict[Any, Any]:
    if not classes.index.is_unique:
        twice = classes.index[classes.index.duplicated()][0]
        raise AnnotationError(f"give each object one class (got {twice!r} twice)")
    return dict(classes.to_dict())


def _whole_keys(table: pd.DataFrame, keys: Sequence[Any]) -> list[tuple[Any, Any, Any]]:
    """The keys as (roi_id, frame, label); a bare label is one where the table leaves no doubt."""
    if any(isinstance(key, (int, np.integer)) for key in keys):
        places = identified(table)[["roi_id", "frame"]].drop_duplicates()
        if len(places) > 1:
            raise AnnotationError(
                "classes are given by (roi_id, frame, label) where a table has several images or frames "
                f"(got labels, and {len(places)} images or frames)"
            )
        roi_id, frame = places.iloc[0]
        keys = [(roi_id, frame, key) if isinstance(key, (int, np.integer)) else key for key in keys]
    for key in keys:
        if not isinstance(key, tuple) or len(key) != len(KEY):
            raise AnnotationError(f"classes are given by (roi_id, frame, label) (got the key {key!r})")
    return list(keys)


def _numbers_in(values: NDArray[Any]) -> NDArray[np.float64]:
    """Numbers among objects or texts, NaN for those that are missing or empty."""
    given = pd.Series(values, dtype=object)
    numbers = pd.to_numeric(given, errors="coerce")
    words = given[numbers.isna() & given.notna() & (given.astype(str).str.strip() != "")].unique()
    if len(words):
        shown = ", ".join(repr(str(word)) for word in words[:_MOST_SHOWN])
        more = ", …" if len(words) > _MOST_SHOWN else ""
        raise AnnotationError(
            "classes are whole numbers, 0 where none is given: number them, and give their names as "
            f"class_names (got {shown}{more})"
        )
    return cast("NDArray[np.float64]", numbers.to_numpy(np.float64, na_value=np.nan))


def _whole_classes(values: NDArray[Any]) -> NDArray[np.int32]:
    if values.dtype.kind in "OUS":
        values = _numbers_in(values)
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), 0, values)
    if values.dtype.kind not in "iuf" or (values != np.floor(values)).any():
        raise AnnotationError(f"classes are whole numbers, 0 where none is given (got {values.dtype})")
    if len(values) and (values.min() < 0 or values.max() > np.iinfo(np.int32).max):
        wrong = values.min() if values.min() < 0 else values.max()
        raise AnnotationError(f"classes are 1 or more, 0 where none is given, and fit 32 bits (got {wrong})")
    return values.astype(np.int32)


def _whole(table: pd.DataFrame, name: str, missing: int) -> NDArray[np.int64]:
    if name not in table.columns:
        return np.full(len(table), missing, np.int64)
    numbers = pd.to_numeric(table[name], errors="coerce").fillna(missing)
    return cast("NDArray[np.int64]", numbers.to_numpy(np.int64))


def _centroids(table: pd.DataFrame) -> NDArray[np.float64]:
    names = sorted(name for name in ("centroid-0", "centroid-1", "centroid-2") if name in table.columns)
    if not names:
        return np.empty((len(table), 0))
    return feature_matrix(table, names)
