"""Simulated tables are what they claim: separations, shares, correlations and planted differences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_segmotif.errors import InputError
from napari_segmotif.explore.table_simulation import simulate_blobs, simulate_gaussian, simulate_planted


def features_of(table: pd.DataFrame) -> np.ndarray:
    return table.filter(like="feature_").to_numpy()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 7), st.integers(1, 12), st.integers(7, 60), st.integers(0, 99))
def test_blobs_have_the_asked_size_and_every_cluster(k: int, n_features: int, n: int, seed: int) -> None:
    table, truth = simulate_blobs(n, n_features, k, random_state=seed)
    assert features_of(table).shape == (n, n_features)
    assert set(truth) == set(range(1, k + 1))
    assert np.ptp(np.bincount(truth)[1:]) <= 1
    again, _ = simulate_blobs(n, n_features, k, random_state=seed)
    pd.testing.assert_frame_equal(table, again)


def test_the_closest_centres_are_as_far_apart_as_asked() -> None:
    table, truth = simulate_blobs(40_000, 3, 4, separation=5.0, random_state=3)
    values = features_of(table)
    centres = np.array([values[truth == c].mean(axis=0) for c in range(1, 5)])
    gaps = np.linalg.norm(centres[:, None] - centres, axis=2)
    assert gaps[gaps > 0].min() == pytest.approx(5.0, abs=0.1)
    assert np.std(values[truth == 1], axis=0) == pytest.approx(1.0, abs=0.05)


def test_shares_are_kept() -> None:
    _, truth = simulate_blobs(1000, 2, 3, shares=(1, 1, 8))
    assert np.bincount(truth)[1:] == pytest.approx([100, 100, 800], abs=2)


def test_identity_is_unique_over_images_and_labels_are_indices() -> None:
    table, _ = simulate_blobs(50, 2, 2, n_images=3)
    assert not table.duplicated(["roi_id", "frame", "label"]).any()
    assert table["roi_id"].nunique() == 3
    assert (table["label"] >= 1).all()
    assert (table["label"] == table["index"]).all()


@pytest.mark.parametrize("shape", ["gaussian", "correlated", "uniform", "heavy", "skewed", "curved"])
def test_a_cloud_has_no_groups_and_no_missing_values(shape: str) -> None:
    table, truth = simulate_gaussian(200, 12, 5, shape=shape)  # type: ignore[arg-type]
    assert features_of(table).shape == (200, 12)
    assert np.isfinite(features_of(table)).all()
    assert (truth == 1).all()


def test_planted_features_differ_and_their_copies_are_correlated() -> None:
    table, truth = simulate_planted(20_000, 20, 3, 2, effect=1.5, correlation=0.9, random_state=1)
    group = truth.group
    assert group.mean() == pytest.approx(0.4)
    inside, outside = table[group], table[~group]
    carriers = set(truth.planted)
    for name, copies in truth.duplicates.items():
        carriers |= set(copies)
        for copy in copies:
            assert np.corrcoef(inside[name], inside[copy])[0, 1] == pytest.approx(0.9, abs=0.02)
    for name in table.filter(like="feature_"):
        expected = 1.5 if name in carriers else 0.0
        assert inside[name].mean() - outside[name].mean() == pytest.approx(expected, abs=0.06)
    assert len(carriers) == 9
    assert sorted(carriers | {n for members in truth.decoys for n in members}) == sorted(
        table.filter(like="feature_")
    )


def test_bad_requests_are_explained() -> None:
    with pytest.raises(InputError, match=r"got 5 for 3"):
        simulate_blobs(3, 2, 5)
    with pytest.raises(InputError, match=r"one positive number a cluster"):
        simulate_blobs(30, 2, 3, shares=(1, 2))
    with pytest.raises(InputError, match=r"got 40"):
        simulate_planted(100, 30, 10, 3)
    with pytest.raises(InputError, match=r"got 'star'"):
        simulate_gaussian(10, 2, shape="star")  # type: ignore[arg-type]
