"""What tells groups apart: planted features are found among their copies, and nothing where nothing is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_segmotif.common.progress import CancelToken
from napari_segmotif.errors import InputError, JobCancelled
from napari_segmotif.explore.explaining.effect_sizes import area_under_curve, effect_size
from napari_segmotif.explore.explaining.explanation import explain, explain_job
from napari_segmotif.explore.table_simulation import simulate_planted

numbers = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=25)


@given(group=numbers, other=numbers)
def test_the_auc_is_the_share_of_pairs_in_order(group, other):
    a, b = np.array(group), np.array(other)
    pairs = (a[:, None] > b).mean() + 0.5 * (a[:, None] == b).mean()
    size = effect_size(a, b)
    assert size.auc == pytest.approx(pairs)
    assert 0 <= size.low <= size.auc <= size.high <= 1
    assert effect_size(b, a).auc == pytest.approx(1 - pairs)
    assert area_under_curve(np.concatenate([a, b])[None], len(a))[0] == pytest.approx(pairs)


def test_cohens_d_of_two_normal_groups_is_their_distance():
    rng = np.random.default_rng(0)
    size = effect_size(rng.normal(3, 2, 40_000), rng.normal(1, 2, 30_000))
    assert size.cohens_d == pytest.approx(1.0, abs=0.02)
    assert size.auc == pytest.approx(0.7602, abs=0.005)  # Φ(d / √2)
    assert size.direction == "larger"


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(1)
    sizes = [effect_size(rng.normal(1, 1, 30), rng.normal(0, 1, 45)) for _ in range(400)]
    assert 0.91 <= np.mean([size.low <= 0.7602 <= size.high for size in sizes]) <= 0.99


def test_missing_values_are_left_out_and_nothing_at_all_is_no_effect():
    size = effect_size(np.array([1.0, np.nan, 2.0]), np.array([0.0, np.inf]))
    assert size.auc == 1
    assert np.isnan(effect_size(np.array([np.nan]), np.array([1.0])).auc)
    assert effect_size(np.array([2.0, 2]), np.array([2.0, 2])).cohens_d == 0


@pytest.fixture(scope="module")
def planted():
    table, truth = simulate_planted(500, 24, 3, 2, effect=1.2, random_state=1000)
    return table, truth, explain(table, truth.group)


def test_planted_features_come_first_each_with_its_copies(planted):
    _, truth, found = planted
    top = found.groups[: len(truth.planted)]
    families = [{name, *truth.duplicates[name]} for name in truth.planted]
    assert sorted(map(sorted, families)) == sorted(sorted(group.features) for group in top)
    assert all(group.direction != "alike" for group in top)
    assert min(group.shap for group in top) > 2 * max(group.shap for group in found.groups[3:])
    assert all(group.importance > 2 * group.importance_error for group in top)
    assert found.auc_low > 0.5
    assert found.groups[0].representative in found.verdict
    assert any("by construction" in message for message in found.messages)


def test_shuffling_one_of_several_copies_says_less_than_shuffling_all(planted):
    *_, found = planted
    for group in found.groups[:3]:
        alone = found.features.set_index("feature").loc[list(group.features), "importance"]
        assert alone.mean() < group.importance


def test_shap_values_add_up_to_the_forests_probability(planted):
    table, truth, found = planted
    said = found.base_value + found.shap_values.sum(axis=1)
    assert ((said > -1e-9) & (said < 1 + 1e-9)).all()
    in_group = truth.group[found.shap_rows]
    assert said[in_group].mean() > said[~in_group].mean() + 0.3
    assert found.values.shape == found.shap_values.shape == (len(found.shap_rows), len(found.columns))
    assert len(np.unique(found.shap_rows)) == len(found.shap_rows)
    assert len(found.features) == len(table.columns.intersection(found.columns))


def test_groups_drawn_by_lot_are_not_told_apart():
    rng = np.random.default_rng(3)
    table = pd.DataFrame(rng.normal(size=(240, 8))).rename(columns=lambda j: f"f{j}")
    found = explain(table, rng.permutation(240) < 100)
    assert found.auc_low <= 0.5
    assert "no better than chance" in found.verdict


def test_the_same_seed_gives_the_same_and_the_order_of_rows_given_does_not_matter(planted):
    table, truth, found = planted
    again = explain(table, np.flatnonzero(truth.group)[::-1], np.flatnonzero(~truth.group))
    pd.testing.assert_frame_equal(again.features, found.features)
    np.testing.assert_array_equal(again.shap_values, found.shap_values)
    assert again.groups == found.groups


def test_one_object_against_many_is_described_but_not_tested():
    table = pd.DataFrame({"a": [9.0, 1, 2, 3, 2, 1, 2, 3], "b": [1.0, 2, 1, 2, 1, 2, 1, 2]})
    found = explain(table, [0])
    assert found.groups[0].representative == "a"
    assert np.isnan(found.auc)
    assert found.shap_values.shape == (0, 2)
    assert "too few objects" in found.verdict
    assert "a" in found.summary()


@pytest.mark.parametrize(
    ("group", "other", "words"),
    [
        ([], None, "at least one object"),
        (np.ones(6, bool), None, "whole table"),
        ([0, 1], [1, 2], "share no object"),
        (np.ones(5, bool), None, "one entry for each of the 6 rows"),
        ([0, 9], None, "from 0 to 5"),
        ([0.5], None, "row numbers"),
    ],
)
def test_groups_that_cannot_be_compared_are_said(group, other, words):
    with pytest.raises(InputError, match=words):
        explain(pd.DataFrame({"a": np.arange(6.0)}), group, other)


def test_masks_with_an_index_are_joined_by_it():
    table = pd.DataFrame({"a": [9.0, 8, 1, 2, 3, 0]}, index=[10, 11, 12, 13, 14, 15])
    large, small = table["a"] > 5, table["a"] < 2
    there = explain(table, large.iloc[::-1], small.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(there.features, explain(table, large, small).features)
    assert there.features["auc"].tolist() == [1.0]
    with pytest.raises(InputError, match=r"give other as an array.*\(got a Series of 6"):
        explain(table, large, small.reset_index(drop=True))
    rows = pd.Series([0, 1], index=[7, 7])  # row numbers are row numbers
    assert explain(table, rows).features["auc"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"random_state": -1}, r"random_state must be at least 0 \(got -1\)"),
        ({"random_state": None}, r"random_state must be a whole number.*\(got None\)"),
        ({"n_repeats": 0}, r"n_repeats must be at least 1 \(got 0\)"),
        ({"n_repeats": 1.5}, r"n_repeats must be a whole number.*\(got 1.5\)"),
        ({"max_objects": 11}, r"max_objects must be at least 12 \(got 11\)"),
    ],
)
def test_parameters_out_of_range_are_said(wrong, words):
    with pytest.raises(InputError, match=words):
        explain(pd.DataFrame({"a": np.arange(40.0)}), np.arange(40) < 20, **wrong)


def test_as_few_objects_as_are_allowed_suffice():
    table = pd.DataFrame({"a": np.arange(40.0)})
    assert explain(table, np.arange(40) < 20, n_repeats=1, max_objects=12).n_group == 20


def test_features_that_are_constant_or_missing_are_left_out_and_said():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=30), "same": 1.0, "none": np.nan})
    found = explain(table, np.arange(30) < 12)
    assert found.columns == ("a",)
    assert any("same" in message for message in found.messages)
    with pytest.raises(InputError, match=r"no feature|constant|same"):
        explain(table[["same", "none"]], np.arange(30) < 12)


def test_it_can_be_cancelled():
    table, truth = simulate_planted(120, 9, 2, 1, random_state=0)
    cancel = CancelToken()
    job = explain_job(table, truth.group, cancel=cancel)
    for progress in job:
        if "shuffling" in progress.message:
            cancel.cancel()
            break
    with pytest.raises(JobCancelled):
        next(job)
