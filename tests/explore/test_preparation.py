from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_segmotif.errors import InputError, NotFittedError
from napari_segmotif.explore.preparation import Preparation, feature_matrix

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False) | st.just(np.nan) | st.just(np.inf)


def a_table(n: int = 400, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "label": np.arange(1, n + 1),
            "area": random.lognormal(5, 1, n),
            "solidity": random.normal(0.9, 0.02, n),
            "intensity_mean": random.normal(3000, 400, n),
            "centroid-0": random.uniform(0, 100, n),
        }
    )


def test_robust_scaling_is_that_of_the_quartiles():
    table = a_table()
    prepared = Preparation(log_skewed=False).fit_transform(table, ["solidity", "intensity_mean"])
    for column, name in zip(prepared.T, ("solidity", "intensity_mean"), strict=True):
        low, median, high = np.quantile(table[name], (0.25, 0.5, 0.75))
        expected = (table[name].to_numpy() - median) / (high - low) * 1.3489795003921634
        np.testing.assert_allclose(column, expected, rtol=1e-7, atol=1e-12)
    assert prepared.std(axis=0) == pytest.approx([1, 1], abs=0.12)  # they are normal


def test_standard_scaling_and_none():
    table = a_table()
    standard = Preparation("standard", log_skewed=False).fit_transform(table, ["intensity_mean"])
    assert standard.mean() == pytest.approx(0, abs=1e-12)
    assert standard.std() == pytest.approx(1)
    plain = Preparation("none").fit_transform(table, ["area", "solidity"])
    np.testing.assert_array_equal(plain, table[["area", "solidity"]])


def test_logarithm_only_of_what_is_skewed():
    table = a_table()
    preparation = Preparation().fit(table)
    assert preparation.columns_ == ("area", "solidity", "intensity_mean")  # neither label nor position
    assert preparation.logged_ == ("area",)
    random = np.random.default_rng(1)
    table["net"] = random.lognormal(0, 1, len(table)) - 1.0  # skewed, but negative for some
    table["left"] = 10 - random.lognormal(0, 0.4, len(table))
    assert Preparation().fit(table, ["net", "left"]).logged_ == ()


def test_the_logarithm_makes_units_immaterial():
    """An area in pixels or in µm² gives the same prepared values, zeros among them or not."""
    table = a_table()
    counts = np.random.default_rng(3).poisson(0.7, len(table)) ** 2
    first = pd.DataFrame({"area": table["area"], "sum": counts * 1.0})
    second = pd.DataFrame({"area": table["area"] * 0.1056**2, "sum": counts * 7.5})
    assert Preparation().fit(first).logged_ == ("area", "sum")
    np.testing.assert_allclose(
        Preparation().fit_transform(first), Preparation().fit_transform(second), rtol=1e-9, atol=1e-9
    )


def test_a_new_table_is_scaled_as_the_first_was():
    table = a_table()
    preparation = Preparation().fit(table)
    whole = preparation.transform(table)
    some = table.iloc[[17, 3, 200]]
    np.testing.assert_array_equal(preparation.transform(some), whole[[17, 3, 200]])
    np.testing.assert_array_equal(preparation.transform(table.iloc[[5]]), whole[[5]])
    moved = table[["intensity_mean", "label", "solidity", "area"]]
    np.testing.assert_array_equal(preparation.transform(moved), whole)
    np.testing.assert_array_equal(Preparation().fit_transform(table), whole)


def test_zeros_and_less_in_a_later_image():
    preparation = Preparation().fit(pd.DataFrame({"area": np.geomspace(1, 1000, 50)}))
    later = preparation.transform(pd.DataFrame({"area": [0.0, -5.0, 0.4, 1.0, 1e30]})).ravel()
    assert np.isfinite(later).all()
    assert later[0] == later[1] == later[2] < later[3]
    assert later[4] == 10


def test_missing_and_infinite_values_get_the_median():
    table = a_table()
    table.loc[[0, 1], "solidity"] = [np.nan, np.inf]
    table.loc[2, "area"] = -np.inf
    preparation = Preparation()
    prepared = preparation.fit_transform(table)
    assert np.isfinite(prepared).all()
    assert prepared[0, 1] == prepared[1, 1] == prepared[2, 0] == 0
    assert "2 features have missing values" in preparation.messages_[0]
    strict = Preparation(missing="drop").fit(table)
    assert strict.columns_ == ("intensity_mean",)
    assert strict.dropped_["solidity"] == "is missing for 2 of 400 objects"
    # What was complete when fitted may be missing later.
    table["intensity_mean"] = np.nan
    np.testing.assert_array_equal(strict.transform(table), np.zeros((400, 1)))


def test_features_that_say_nothing_are_left_out():
    table = a_table()
    table["flat"] = 3.3
    table["nearly"] = 0.1 + 0.2 + np.where(np.arange(400) % 2, 0, 5.6e-17)
    table["absent"] = np.nan
    table["few"] = np.where(np.arange(400) < 5, 1.0, np.nan)
    preparation = Preparation().fit(table)
    assert preparation.columns_ == ("area", "solidity", "intensity_mean")
    assert preparation.dropped_ == {
        "flat": "is the same for all objects",
        "nearly": "is the same for all objects",
        "absent": "is missing for all objects",
        "few": "is the same for all objects",
    }
    assert any("absent" in message for message in preparation.messages_)


def test_half_of_the_objects_sharing_a_value_is_no_division_by_zero():
    holes = np.r_[np.zeros(90), np.ones(10)]
    prepared = Preparation(log_skewed=False).fit_transform(pd.DataFrame({"holes": holes}))
    assert prepared[-1, 0] - prepared[0, 0] == pytest.approx(1 / holes.std())


def test_one_broken_object_does_not_outweigh_the_others():
    table = a_table()
    broken = table.copy()
    broken.loc[7, "intensity_mean"] = 1e12
    columns = ["intensity_mean"]
    clean, prepared = (Preparation().fit_transform(t, columns) for t in (table, broken))
    assert prepared[7, 0] == 10
    others = np.arange(400) != 7
    np.testing.assert_allclose(prepared[others], clean[others], atol=0.02)


def test_column_kinds():
    table = pd.DataFrame(
        {
            "flag": [True, False, True],
            "count": np.array([1, 2, 4], np.uint8),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "real": pd.array([0.5, None, 2.5], dtype="Float64"),
        }
    )
    values = feature_matrix(table)
    np.testing.assert_array_equal(values, [[1, 1, 1, 0.5], [0, 2, np.nan, np.nan], [1, 4, 3, 2.5]])
    assert np.isfinite(Preparation().fit_transform(table)).all()
    assert feature_matrix(np.eye(3)).shape == (3, 3)


def test_an_array_is_a_table_too():
    values = np.random.default_rng(0).normal(size=(30, 4))
    preparation = Preparation().fit(values)
    assert preparation.columns_ == ("feature_1", "feature_2", "feature_3", "feature_4")
    assert preparation.transform(values[:2]).shape == (2, 4)


def test_what_is_asked_for_is_left_as_it_was():
    table = a_table()
    before = table.copy(deep=True)
    preparation = Preparation()
    preparation.fit_transform(table)
    preparation.transform(table)
    pd.testing.assert_frame_equal(table, before)


def test_errors():
    table = a_table()
    with pytest.raises(InputError, match="scale must be"):
        Preparation("loud")
    with pytest.raises(InputError, match="missing must be"):
        Preparation(missing="zero")
    with pytest.raises(NotFittedError):
        Preparation().transform(table)
    with pytest.raises(InputError, match=r"differ between the objects.*1 object and 3 features"):
        Preparation().fit(table.iloc[[0]])
    with pytest.raises(InputError, match=r"lacks solidity"):
        Preparation().fit(table).transform(table.drop(columns="solidity"))
    with pytest.raises(InputError, match="at least one object"):
        Preparation().fit(table.iloc[:0])


def test_to_dict_survives_json_to_the_bit():
    table = a_table()
    table["absent"] = np.nan
    preparation = Preparation("standard").fit(table)
    again = Preparation.from_dict(json.loads(json.dumps(preparation.to_dict())))
    np.testing.assert_array_equal(again.transform(table), preparation.transform(table))
    for name in ("columns_", "logged_", "dropped_", "messages_", "n_objects_", "scale", "log_skewed"):
        assert getattr(again, name) == getattr(preparation, name)
    with pytest.raises(NotFittedError):
        Preparation.from_dict(Preparation().to_dict()).transform(table)


@pytest.mark.parametrize(
    "change",
    [{"scale": "x"}, {"fill": [1.0]}, {"spread": ["a", 1, 2]}, {"columns": 3}, {"centre": [np.nan] * 3}],
)
def test_a_damaged_description_is_an_error(change):
    state = Preparation().fit(a_table()).to_dict()
    with pytest.raises(InputError):
        Preparation.from_dict(state | change)
    with pytest.raises(InputError):
        Preparation.from_dict({})


@given(arrays(np.float64, st.tuples(st.integers(2, 12), st.integers(1, 4)), elements=NUMBERS))
@settings(max_examples=60, deadline=None)
def test_whatever_comes_in_finite_numbers_come_out(values):
    preparation = Preparation()
    try:
        prepared = preparation.fit_transform(values)
    except InputError:
        finite = np.where(np.isfinite(values), values, np.nan)
        spans = [np.ptp(c[~np.isnan(c)]) if not np.isnan(c).all() else 0 for c in finite.T]
        assert max(spans) <= 1e-6  # so it is true that nothing differs
        return
    assert np.isfinite(prepared).all()
    assert np.abs(prepared).max() <= 10
    np.testing.assert_array_equal(preparation.transform(values), prepared)
    for name, column in zip(preparation.columns_, prepared.T, strict=True):
        raw = values[:, int(name.split("_")[1]) - 1]
        present = np.isfinite(raw)
        order = np.argsort(raw[present], kind="stable")
        assert (np.diff(column[present][order]) >= 0).all()  # the order of the objects stays
