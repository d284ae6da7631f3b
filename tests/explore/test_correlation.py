from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_segmotif.errors import InputError
from napari_segmotif.explore.correlation import (
    correlated_groups,
    correlation_table,
    prune_correlated,
    warn_of_copies,
)


def mixed(n: int = 300, seed: int = 0) -> pd.DataFrame:
    """Two factors with copies of each, and two features on their own."""
    random = np.random.default_rng(seed)
    size, light, other = random.normal(size=(3, n))

    def noisy(values):
        return values + random.normal(scale=0.05, size=n)

    return pd.DataFrame(
        {
            "label": np.arange(1, n + 1),
            "perimeter": noisy(size),
            "intensity_sum": -noisy(light),
            "area": size,
            "intensity_mean": light,
            "area_filled": noisy(size),
            "eccentricity": other,
            "holes": 2.0,
        }
    )


def test_groups_are_found_and_the_kept_feature_is_said():
    pruning = prune_correlated(mixed())
    assert pruning.kept == ("area", "intensity_mean", "eccentricity", "holes")
    assert pruning.stands_for == {"area": ("area_filled", "perimeter"), "intensity_mean": ("intensity_sum",)}
    assert pruning.dropped == ("area_filled", "intensity_sum", "perimeter")
    assert pruning.groups == (
        ("area", "area_filled", "perimeter"),
        ("intensity_mean", "intensity_sum"),
        ("eccentricity",),
        ("holes",),
    )
    applied = pruning.apply(mixed())
    assert list(applied.columns) == ["label", "area", "intensity_mean", "eccentricity", "holes"]
    assert "holes" in pruning.messages[0]
    assert "area stands for area_filled, perimeter" in pruning.summary()


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_correlations_are_those_of_pandas(method):
    table = mixed().drop(columns="label")
    np.testing.assert_allclose(
        correlation_table(table, method=method), table.corr(method=method), atol=2e-6, equal_nan=True
    )


def test_missing_values_are_left_out_pair_by_pair():
    random = np.random.default_rng(5)
    table = mixed(200).drop(columns=["label", "holes"])
    holed = table.mask(random.random(table.shape) < 0.3)
    holed["eccentricity"] = table["eccentricity"]
    np.testing.assert_allclose(correlation_table(holed), holed.corr(), atol=3e-6)
    infinite = holed.fillna(np.inf)
    pd.testing.assert_frame_equal(correlation_table(infinite), correlation_table(holed))


def test_of_two_copies_the_one_without_gaps_is_kept():
    table = pd.DataFrame({"a": np.arange(50.0), "b": np.arange(50.0)})
    assert prune_correlated(table).kept == ("a",)
    table.loc[3, "a"] = np.nan
    assert prune_correlated(table).kept == ("b",)


def test_a_large_mean_is_no_matter():
    random = np.random.default_rng(2)
    values = random.normal(size=(500, 2))
    table = pd.DataFrame(values + 1e8, columns=["a", "b"])
    expected = np.corrcoef(values.T)[0, 1]
    assert correlation_table(table).loc["a", "b"] == pytest.approx(expected, abs=2e-6)
    assert correlation_table(table * 1e180).loc["a", "b"] == pytest.approx(expected, abs=2e-6)


def test_a_chain_is_not_one_group():
    """a–b and b–c are alike, a–c are not: b stands for both, and not for what is like them only."""
    angles = np.deg2rad(np.array([0, 20, 40, 60, 80]))
    random = np.random.default_rng(0)
    plane = random.normal(size=(400, 2))
    plane, _ = np.linalg.qr(plane - plane.mean(axis=0))
    values = plane @ np.stack([np.cos(angles), np.sin(angles)])
    table = pd.DataFrame(values, columns=list("abcde"))
    pruning = prune_correlated(table, 0.9)  # cos 20° = 0.94, cos 40° = 0.77
    assert pruning.stands_for == {"b": ("a", "c"), "d": ("e",)}


def test_threshold_of_one_drops_exact_copies_alone():
    table = mixed().drop(columns="label")
    table["area_again"] = table["area"] * 3 - 7
    assert prune_correlated(table, 1.0).stands_for == {"area": ("area_again",)}


def test_spearman_sees_a_bent_relation_and_says_when_it_samples():
    x = np.random.default_rng(0).normal(size=25_000)
    table = pd.DataFrame({"x": x, "bent": np.exp(4 * x)})
    assert prune_correlated(table).stands_for == {}
    bent = prune_correlated(table, method="spearman")
    assert bent.stands_for == {"bent": ("x",)}
    assert "20,000 of 25,000" in bent.messages[0]


def test_errors():
    for threshold in (0, 1.1, -0.5, float("nan")):
        with pytest.raises(InputError, match="threshold"):
            prune_correlated(mixed(), threshold)
    with pytest.raises(InputError, match="method"):
        prune_correlated(mixed(), method="kendall")
    with pytest.raises(InputError):
        prune_correlated(mixed(), columns=["nothing"])


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_objects_to_compare(n):
    pruning = prune_correlated(mixed(n))
    assert pruning.dropped == ()
    assert pruning.correlation.isna().all(axis=None)


def test_features_of_which_all_is_missing():
    table = mixed()
    table["absent"] = np.nan
    table["rare"] = np.where(np.arange(len(table)) < 2, table["area"], np.nan)
    pruning = prune_correlated(table)
    assert {"absent", "rare"} <= set(pruning.kept)
    assert pruning.correlation["absent"].isna().all()


@given(st.integers(0, 10_000), st.integers(2, 9), st.floats(0.2, 1.0), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_order_of_columns_and_rows_is_no_matter(seed, n_features, threshold, shuffler):
    random = np.random.default_rng(seed)
    factors = random.normal(size=(40, 3)) @ random.normal(size=(3, n_features))
    values = factors + random.normal(scale=0.3, size=factors.shape)
    values[random.random(values.shape) < 0.05] = np.nan
    table = pd.DataFrame(values, columns=[f"f{j}" for j in range(n_features)])
    pruning = prune_correlated(table, threshold)
    names = list(table.columns)
    shuffler.shuffle(names)
    again = prune_correlated(table[names], threshold)
    assert again.groups == pruning.groups
    assert again.stands_for == pruning.stands_for
    pd.testing.assert_frame_equal(again.correlation.loc[table.columns, table.columns], pruning.correlation)
    # Every feature is kept or stood for, once; who stands for another is like it; the kept are not alike.
    assert sorted(n for group in pruning.groups for n in group) == sorted(table.columns)
    assert sorted((*pruning.kept, *pruning.dropped)) == sorted(table.columns)
    strength = pruning.correlation.abs()
    for kept, others in pruning.stands_for.items():
        assert (strength.loc[kept, list(others)] >= threshold).all()
    among = strength.loc[list(pruning.kept), list(pruning.kept)].to_numpy(copy=True)
    np.fill_diagonal(among, 0)
    assert not (among >= threshold).any()
    assert correlated_groups(table, threshold) == pruning.groups


def test_the_warning_of_copies():
    random = np.random.default_rng(0)
    values = random.normal(size=(400, 8))
    names = [f"f{j}" for j in range(8)]
    assert warn_of_copies(values, names) == ()
    values[:, :5] = values[:, [0]] + 0.01 * values[:, :5]
    (message,) = warn_of_copies(values, names)
    assert "5 of 8 features" in message
