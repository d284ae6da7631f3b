"""From labels to rows and back, whatever the order of the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_segmotif.errors import InputError
from napari_segmotif.explore.alignment import RowIndex

keys = st.lists(
    st.tuples(st.sampled_from(["", "a", "b"]), st.integers(0, 3), st.integers(0, 30)),
    min_size=1,
    max_size=60,
    unique=True,
)


@given(keys=keys)
def test_every_object_is_found_in_its_row_and_nothing_else_is(keys):
    index = RowIndex(pd.DataFrame(keys, columns=["roi_id", "frame", "label"]))
    row_of = {key: row for row, key in enumerate(keys) if key[2] > 0}
    for roi_id in ("", "a", "b", "c"):
        for frame in range(5):
            expected = [row_of.get((roi_id, frame, label), -1) for label in range(32)]
            np.testing.assert_array_equal(index.rows(roi_id, frame, np.arange(32)), expected)
            assert index.row(roi_id, frame, 7) == expected[7]
        assert index.frames(roi_id) == tuple(sorted({key[1] for key in row_of if key[0] == roi_id}))


@given(keys=keys, fill=st.integers(-1, 0))
def test_a_lookup_paints_each_object_with_the_value_of_its_row(keys, fill):
    index = RowIndex(pd.DataFrame(keys, columns=["roi_id", "frame", "label"]))
    values = np.arange(len(keys)) + 100
    image = np.arange(31)
    painted = index.lookup(values, "a", 1, fill, size=31)[image]
    for label in image:
        rows = [row for row, key in enumerate(keys) if key == ("a", 1, label)]
        assert painted[label] == (values[rows[0]] if rows and label > 0 else fill)


def test_labels_beyond_the_lookup_are_left_out_and_colours_may_be_looked_up():
    index = RowIndex(pd.DataFrame({"label": [9, 2]}))
    colours = np.array([[1.0, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(index.lookup(colours, size=4), [[0] * 3, [0] * 3, [0, 1, 0], [0] * 3])
    assert index.lookup(np.array([True, False])).tolist() == [False] * 9 + [True]
    with pytest.raises(InputError, match="2 rows"):
        index.lookup(np.zeros(3))


def test_rows_count_in_the_present_order_whatever_the_tables_own_index_says():
    table = pd.DataFrame({"label": [4, 8, 6]}, index=[2, 0, 1])
    assert RowIndex(table).rows("", 0, [4, 6, 8, 5]).tolist() == [0, 2, 1, -1]
    assert RowIndex(table.iloc[::-1]).rows("", 0, [4, 6, 8, 5]).tolist() == [2, 0, 1, -1]
