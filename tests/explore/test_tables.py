"""Object tables: identity, which columns are features, joining, and files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_segmotif.errors import ImageFileError, InputError, StorageError
from napari_segmotif.explore.table_files import read_table, write_table
from napari_segmotif.explore.tables import (
    TableInfo,
    checked_table,
    feature_columns,
    identified,
    join_tables,
    table_info,
    with_info,
)

INFO = TableInfo(
    dimensions=2, spacing=(0.5, 0.5), unit="micrometer", channels=("DAPI",), properties=("shape",)
)


def measured(n: int = 4, roi_id: str = "a", **columns: object) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "roi_id": roi_id,
            "frame": 0,
            "label": np.arange(1, n + 1),
            "index": np.arange(1, n + 1),
            "area": np.linspace(1, 2, n) ** 7,
            "centroid-0": np.arange(n, dtype=float),
            **columns,
        }
    )
    return with_info(table, INFO)


def test_features_are_neither_identity_nor_position_nor_what_was_found_later():
    table = measured(
        **{"bbox-1": 1, "cluster": 1, "class": 2, "PCA1": 0.1, "UMAP12": 0.2, "tSNE2": 0.3, "note": "text"},
        **{"moments_hu-0": 1.0, "PCA": 5.0, "confidence": 0.5, "centroid_weighted-0-1": 3.0},
        **{"orientation": 0.1, "inertia_tensor-0-1": 1.0, "inertia_tensor_eigvals-0": 2.0},
    )
    assert feature_columns(table) == ["area", "moments_hu-0", "PCA", "inertia_tensor_eigvals-0"]
    assert {"centroid-0", "orientation"} <= set(feature_columns(table, include_position=True))


def test_numbers_of_rows_objects_and_time_points_are_no_features():
    counting = ["Unnamed: 0", "Unnamed: 12", "level_0", "t", "time", "id", "ID", "object_id"]
    table = measured(**dict.fromkeys(counting, 1.0), **{"thickness": 1.0, "width": 2.0})
    assert feature_columns(table) == ["area", "thickness", "width"]


def test_a_csv_that_was_written_with_its_row_numbers_reads_as_without(tmp_path):
    table = measured()
    table.to_csv(tmp_path / "rows.csv")
    assert list(read_table(tmp_path / "rows.csv").columns) == list(table.columns)


def test_a_table_of_another_program_is_given_the_identity_it_lacks():
    table = identified(pd.DataFrame({"size": [3.0, 4.0], "index": [7.0, 2.0]}, index=[5, 5]))
    assert list(table.columns) == ["roi_id", "frame", "label", "index", "size"]
    assert table["label"].tolist() == [7, 2]
    assert table["roi_id"].tolist() == ["", ""]
    assert table_info(table) is None


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pd.DataFrame({"size": []}), "measure at least one object"),
        (pd.DataFrame({"size": [1.0]}), "needs the column 'label'"),
        (pd.DataFrame({"label": [1.5]}), "whole numbers"),
        (pd.DataFrame({"label": ["x"]}), "whole numbers"),
        (pd.DataFrame({"label": [1, 1]}), "one row"),
        (pd.DataFrame([[1, 2]], columns=["label", "label"]), "a name of its own"),
    ],
)
def test_what_is_no_object_table_is_said(table, words):
    with pytest.raises(InputError, match=words):
        identified(table)


def test_an_array_becomes_a_table_and_text_does_not():
    assert list(checked_table(np.zeros((2, 3))).columns) == ["feature_1", "feature_2", "feature_3"]
    with pytest.raises(InputError, match="array of numbers"):
        checked_table(np.array([["a"]]))


def test_the_same_label_in_two_images_is_two_objects():
    whole = join_tables([measured(3, "a"), measured(2, "b")])
    assert whole[["roi_id", "label"]].apply(tuple, axis=1).tolist() == [
        ("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2),
    ]  # fmt: skip
    assert table_info(whole) == INFO
    with pytest.raises(InputError, match="one row"):
        join_tables([measured(3, "a"), measured(2, "a")])


def test_tables_of_other_units_are_not_joined():
    other = with_info(measured(2, "b"), INFO.model_copy(update={"unit": "pixel"}))
    with pytest.raises(InputError, match=r"unit agree.*micrometer and, for 'b', pixel"):
        join_tables([measured(), other])
    finer = with_info(measured(2, "b"), INFO.model_copy(update={"spacing": (0.1, 0.1)}))
    joined = table_info(join_tables([measured(), finer]))
    assert joined is not None
    assert joined.spacing is None


def test_images_without_objects_do_not_hinder_joining():
    empty = measured(2, "empty").iloc[:0]
    whole = join_tables([empty, measured(3, "a"), empty, measured(2, "b")])
    assert whole["roi_id"].tolist() == ["a"] * 3 + ["b"] * 2
    assert table_info(whole) == INFO
    with pytest.raises(InputError, match=r"with objects to join \(got 2 without rows\)"):
        join_tables([empty, empty])
    with pytest.raises(InputError, match=r"\(got none\)"):
        join_tables([])


def test_joined_textures_of_other_grey_levels_are_said():
    def textured(roi_id: str, *ranges: tuple[float, float]) -> pd.DataFrame:
        return with_info(measured(2, roi_id), INFO.model_copy(update={"grey_ranges": ranges}))

    alike = join_tables([textured("a", (0, 1)), textured("b", (0, 1)), measured(2, "no texture")])
    assert "messages" not in alike.attrs
    other = join_tables([textured("a", (0, 1)), textured("b", (0, 2))])
    for whole in (alike, other):
        info = table_info(whole)
        assert info is not None
        assert info.grey_ranges == ((0, 1),)
    assert "other grey levels" in other.attrs["messages"][-1]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".h5ad"])
@settings(max_examples=8, deadline=None)
@given(
    values=st.lists(st.floats(allow_nan=True, allow_infinity=False), min_size=1, max_size=6),
    roi_id=st.sampled_from(["", "007", "Zelle µ", "a,b"]),
)
def test_tables_read_back_as_they_were_written(tmp_path_factory, suffix, values, roi_id):
    if suffix == ".h5ad":
        pytest.importorskip("anndata")
    path = tmp_path_factory.mktemp("table") / f"objects{suffix}"
    table = measured(len(values), roi_id, value=values, cluster=1)
    back = read_table(write_table(table, path))
    assert table_info(back) == INFO
    pd.testing.assert_frame_equal(back[table.columns], table, check_dtype=False, check_exact=True)
    assert {path.name, path.with_suffix(".info.json").name} >= {p.name for p in path.parent.iterdir()}


def test_a_csv_without_a_description_forgets_that_of_the_file_before(tmp_path):
    path = tmp_path / "objects.csv"
    write_table(measured(), path)
    plain = measured()
    plain.attrs.clear()
    write_table(plain, path)
    assert table_info(read_table(path)) is None


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".h5ad"])
def test_broken_and_missing_files_are_said(tmp_path, suffix):
    path = tmp_path / f"objects{suffix}"
    with pytest.raises(ImageFileError, match="exists"):
        read_table(path)
    path.write_bytes(b"\x00\xff\x13nothing" if suffix != ".csv" else b"")
    with pytest.raises(ImageFileError, match="cannot be read as a table"):
        read_table(path)
    with pytest.raises(InputError, match="endings"):
        write_table(measured(), tmp_path / "objects.xlsx")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path, suffix, monkeypatch):
    path = write_table(measured(), tmp_path / f"objects{suffix}")
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(StorageError, match="no space"):
        write_table(measured(2), path)
    assert path.read_bytes() == before
    assert not [name for name in os.listdir(tmp_path) if "partial" in name]
    with pytest.raises(StorageError):
        write_table(measured(), Path(tmp_path / "nowhere" / f"objects{suffix}"))
