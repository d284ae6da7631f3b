"""Verdicts on tables of which is known whether there are clusters; and words, inputs and jobs around it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_segmotif.common.progress import CancelToken, run_job
from napari_segmotif.errors import InputError, JobCancelled
from napari_segmotif.explore.clusters.clustering import Clustering
from napari_segmotif.explore.clusters.partition_agreement import adjusted_rand
from napari_segmotif.explore.clusters.stability import (
    StabilityReport,
    cluster_stability,
    cluster_stability_job,
)
from napari_segmotif.explore.clusters.valleys import Valley, ValleySearch, main_directions
from napari_segmotif.explore.table_simulation import simulate_blobs, simulate_gaussian

QUICK: dict[str, Any] = {"n_resamples": 8, "n_seeds": 1, "n_clouds": 3, "n_clusters": range(1, 6)}


def judged(table: Any, random_state: int = 0, **changed: Any) -> StabilityReport:
    return cluster_stability(table, random_state, **QUICK | changed)


@pytest.fixture(scope="module")
def four() -> tuple[pd.DataFrame, NDArray[np.int64], StabilityReport]:
    table, truth = simulate_blobs(240, 5, 4, shares=(4, 3, 2, 1.5), random_state=1)
    return table, truth, judged(table)


@pytest.fixture(scope="module")
def ring() -> NDArray[np.float64]:
    rng = np.random.default_rng(1)
    angle = rng.uniform(0, 2 * np.pi, 400)
    return 5 * np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.4, (400, 2))


def test_four_blobs_are_four_stable_clusters(four: Any) -> None:
    _, truth, report = four
    assert report.n_clusters == 4
    assert report.stable
    assert report.verdict.startswith("Four clusters, all stable")
    assert adjusted_rand(report.labels, truth) == 1.0
    assert set(report.cluster_words.values()) == {"stable"}
    assert min(report.cluster_jaccard.values()) > 0.95
    assert report.confidence.min() > 0.9


def test_clusters_are_numbered_by_falling_size_and_agree_with_clustering(four: Any) -> None:
    table, _, report = four
    sizes = np.bincount(report.labels)
    assert sizes[0] == 0
    assert (np.diff(sizes[1:]) <= 0).all()
    assert (report.labels == Clustering("kmeans", 4, random_state=0).fit(table).labels_).all()


def test_the_table_has_a_row_for_each_number_and_each_measure(four: Any) -> None:
    numbers = four[2].table.set_index("n_clusters")
    assert numbers.index.tolist() == [1, 2, 3, 4, 5]
    assert numbers.loc[4, ["ari_resamples", "ari_seeds"]].to_numpy(float) == pytest.approx(1.0, abs=0.05)
    assert numbers.loc[4, "silhouette"] > numbers.loc[5, "silhouette"] > 0.5
    assert numbers["gap"].idxmax() in (4, 5)
    assert numbers.loc[4, "evidence"] == "clear"
    assert numbers.loc[5, "evidence"] == "none"  # one blob is cut in two: no valley there
    assert (numbers.loc[2:, "gap_error"] > 0).all()


@pytest.mark.parametrize("shape", ["gaussian", "correlated", "uniform", "heavy", "curved"])
def test_no_cloud_has_clusters(shape: Any) -> None:
    table, _ = simulate_gaussian(250, 6, 7, shape=shape)
    report = judged(table)
    assert report.n_clusters == 1
    assert not report.stable
    assert report.verdict.startswith("No clusters: one cloud")
    assert (report.labels == 1).all()
    assert (report.confidence == 1).all()
    assert report.cluster_jaccard == {}


def test_a_bent_cloud_is_followed_around_its_bend(ring: NDArray[np.float64]) -> None:
    # Its halves come back and look apart from the side, but it is connected everywhere.
    report = judged(ring)
    assert report.n_clusters == 1


def test_an_elongated_cloud_is_cut_at_the_same_place_and_still_is_no_clusters() -> None:
    table, _ = simulate_gaussian(400, 2, 3)
    elongated = table[["feature_001", "feature_002"]].to_numpy() @ np.array([[9.0, 9.0], [0.0, 1.0]])
    report = judged(elongated, n_clusters=(2,))
    assert report.table.set_index("n_clusters").loc[2, "ari_resamples"] > 0.75
    assert report.n_clusters == 1


def test_overlapping_clusters_are_not_called_clear() -> None:
    table, _ = simulate_blobs(400, 3, 2, separation=2.0, random_state=2)
    report = judged(table)
    assert not report.stable
    assert report.verdict.startswith(("No clusters", "Doubtful"))


@pytest.mark.parametrize("method", ["gaussian_mixture", "agglomerative"])
def test_other_methods_judge_alike(method: Any) -> None:
    table, truth = simulate_blobs(180, 3, 3, random_state=4)
    report = judged(table, method=method, n_resamples=6, n_clusters=(2, 3, 4))
    assert report.n_clusters == 3
    assert adjusted_rand(report.labels, truth) > 0.95
    assert report.table["n_clusters"].tolist() == [1, 2, 3, 4]


def test_hdbscan_is_scanned_over_its_smallest_cluster() -> None:
    table, truth = simulate_blobs(240, 3, 3, random_state=5)
    report = judged(table, method="hdbscan", n_resamples=5, n_clusters=(8, 24))
    assert report.n_clusters == 3
    assert report.table["min_cluster_size"].tolist() == [8, 24]
    clustered = report.labels > 0
    assert adjusted_rand(report.labels[clustered], truth[clustered]) == 1.0
    assert np.isnan(report.table["gap"]).all()
    cloud, _ = simulate_gaussian(240, 3, 5)
    assert judged(cloud, method="hdbscan", n_resamples=5, n_clusters=(8, 24)).n_clusters == 1


def test_of_a_large_table_a_part_is_judged_and_said(four: Any) -> None:
    table, truth = simulate_blobs(900, 4, 3, random_state=6)
    report = judged(table, max_objects=150, n_clusters=(2, 3, 4))
    assert report.n_judged == 150
    assert any("150 of 900 objects" in message for message in report.messages)
    assert len(report.labels) == len(report.confidence) == 900
    assert adjusted_rand(report.labels, truth) > 0.98
    assert not any("150 of" in message for message in four[2].messages)


def test_the_same_seed_gives_the_same_report() -> None:
    table, _ = simulate_blobs(90, 3, 2, random_state=3)
    first, second = (judged(table, 5, n_clusters=(2, 3)) for _ in range(2))
    pd.testing.assert_frame_equal(first.table, second.table)
    assert (first.confidence == second.confidence).all()
    assert first.summary() == second.summary()


def test_the_largest_number_tried_is_said() -> None:
    table, _ = simulate_blobs(120, 3, 3, random_state=3)
    assert any("largest number" in m for m in judged(table, n_clusters=(2, 3)).messages)


# ------------------------------------------------------------------------------------------------- bad input


def test_too_few_objects_are_said() -> None:
    for n in (1, 2, 15):
        report = cluster_stability(np.random.default_rng(0).random((n, 3)))
        assert report.n_clusters == 1
        assert not report.stable
        assert f"Too few objects ({n})" in report.verdict
        assert report.labels.tolist() == [1] * n


def test_more_clusters_than_objects_are_refused() -> None:
    with pytest.raises(InputError, match=r"got 31 clusters"):
        cluster_stability(np.random.default_rng(0).random((30, 3)), n_clusters=(2, 31))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "magic"}, r"got 'magic'"),
        ({"n_clusters": ()}, r"got \[\]"),
        ({"n_clusters": (0, 2)}, r"whole numbers"),
        ({"n_clusters": (2.5,)}, r"whole numbers"),
        ({"n_resamples": 1}, r"n_resamples must be at least 2 \(got 1\)"),
        ({"max_objects": 3}, r"max_objects"),
        ({"random_state": -1}, r"random_state must be at least 0 \(got -1\)"),
        ({"random_state": None}, r"random_state must be a whole number.*\(got None\)"),
        ({"random_state": 2**40}, r"random_state must be at most"),
        ({"n_seeds": None}, r"n_seeds must be a whole number.*\(got None\)"),
    ],
)
def test_wrong_parameters_are_explained(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        cluster_stability(np.random.default_rng(0).random((30, 3)), **wrong)


def test_objects_that_are_all_alike_are_explained() -> None:
    with pytest.raises(InputError, match="differ between the objects"):
        cluster_stability(np.ones((40, 3)))


def test_few_different_objects_and_missing_values_are_no_obstacle() -> None:
    values = np.repeat([[0.0, 0.0, 1.0], [9.0, 1.0, 1.0], [0.0, 9.0, 1.0]], 20, axis=0)
    values[3, 0] = np.nan
    report = judged(values)
    assert report.n_clusters == 3
    assert report.table["n_clusters"].max() == 3  # no more than there are different objects
    assert any("the same for all" in message for message in report.messages)


def test_it_can_be_cancelled_and_says_how_far_it_is() -> None:
    token = CancelToken()
    job = cluster_stability_job(simulate_blobs(60, 3, 2)[0], **QUICK, cancel=token)
    steps = [next(job) for _ in range(30)]
    shares = [step.fraction for step in steps]
    assert shares == sorted(shares)
    assert 0 < shares[-1] < 1
    token.cancel()
    with pytest.raises(JobCancelled):
        run_job(job)


# --------------------------------------------------------------------------------------------------- valleys


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 80), st.floats(0, 80), st.floats(0, 80))
def test_a_valley_is_as_deep_from_either_side(left: float, middle: float, right: float) -> None:
    there, back = Valley(left, middle, right), Valley(right, middle, left)
    assert there.p_value == back.p_value
    assert there.depth_ratio == back.depth_ratio
    assert 0 <= there.p_value <= 1
    if middle >= min(left, right):  # no fewer in the middle: no valley
        assert there.p_value >= 0.5
        assert there.depth_ratio >= 1


def test_valley_p_is_the_binomial_one_for_whole_counts() -> None:
    from scipy.stats import binom

    assert Valley(40, 3, 12).p_value == pytest.approx(binom.cdf(3, 15, 0.5))


@pytest.mark.parametrize(("separation", "is_valley"), [(8.0, True), (0.0, False)])
def test_a_valley_is_found_between_clusters_and_not_within(separation: float, is_valley: bool) -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([1, 2], 300)
    X = rng.standard_normal((600, 20))
    X[truth == 2, 3] += separation
    if not separation:  # the split that k-means finds in noise
        truth = np.where(X @ rng.standard_normal(20) > 0, 1, 2)
    order = rng.permutation(600)
    search = ValleySearch(X, main_directions(X, rng))
    (found,) = search.valleys(truth, np.sort(order[:400]), np.sort(order[400:]))
    assert found.pair == (1, 2)
    assert (found.held_out.depth_ratio < 0.2) == is_valley
    assert (found.held_out.p_value < 0.01) == is_valley


def test_main_directions_are_those_in_which_features_vary_together() -> None:
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((3, 12))
    mixing /= np.linalg.norm(mixing, axis=0)  # the features vary equally
    X = rng.standard_normal((500, 3)) @ mixing + 0.3 * rng.standard_normal((500, 12))
    found = main_directions(X, rng)
    assert found.shape == (12, 3)
    within, _ = np.linalg.qr(mixing.T)
    assert np.linalg.norm(within.T @ found, axis=0) == pytest.approx(1.0, abs=0.02)
    assert main_directions(rng.standard_normal((500, 12)), rng).shape == (12, 2)
