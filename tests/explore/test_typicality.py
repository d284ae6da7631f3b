"""Typical objects lie in the middle of their group, untypical ones at its edge."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_segmotif.errors import InputError
from napari_segmotif.explore.typicality import typical_objects


def test_the_middle_and_the_ends_of_a_line():
    table = pd.DataFrame({"size": [5.0, 1, 9, 4, 6, 100, 101, 102, 103]})
    most, least = typical_objects(table, np.arange(9) < 5, 2)
    assert table["size"].iloc[most].tolist()[0] == 5
    assert set(table["size"].iloc[most]) < {4, 5, 6}
    assert set(table["size"].iloc[least]) == {1, 9}


def test_none_is_both_and_one_alone_is_typical():
    table = pd.DataFrame({"size": [1.0, 2, 4]})
    most, least = typical_objects(table, np.ones(3, bool), 8)
    assert not set(most) & set(least)
    most, least = typical_objects(table, np.array([False, True, False]))
    assert (most.tolist(), least.tolist()) == ([1], [])


def test_a_mask_with_an_index_is_joined_by_it():
    table = pd.DataFrame({"size": [5.0, 1, 9, 4, 6, 100, 101, 102, 103]}, index=list("abcdefghi"))
    small = table["size"] < 50
    for found, expected in zip(
        typical_objects(table, small.iloc[::-1], 2), typical_objects(table, small, 2), strict=True
    ):
        assert found.tolist() == expected.tolist()
    with pytest.raises(InputError, match=r"index of the table \(got a Series of 9"):
        typical_objects(table, small.reset_index(drop=True))


def test_fewer_than_one_object_is_refused():
    with pytest.raises(InputError, match=r"n must be at least 1 \(got 0\)"):
        typical_objects(pd.DataFrame({"size": [1.0, 2, 4]}), np.ones(3, bool), 0)


@pytest.mark.parametrize("group", [np.zeros(3, bool), np.ones(2, bool), np.array([0, 1, 2])])
def test_a_group_that_is_none_is_said(group):
    with pytest.raises(InputError, match=r"\(got"):
        typical_objects(pd.DataFrame({"size": [1.0, 2, 4]}), group)
