"""The gap statistic against closed forms, and silhouettes, agreement and Jaccard against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score

from napari_segmotif.explore.clusters.co_assignment import CoAssignment, stability_word
from napari_segmotif.explore.clusters.gap import SingleCloud, best_by_gap, dispersion, gap_table
from napari_segmotif.explore.clusters.partition_agreement import adjusted_rand, cluster_overlaps
from napari_segmotif.explore.clusters.silhouettes import Silhouettes

Labels = NDArray[np.int64]
partitions = st.integers(2, 60).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(1, 5), min_size=n, max_size=n) for _ in range(2)])
)


@settings(max_examples=60, deadline=None)
@given(partitions)
def test_adjusted_rand_is_scikit_learns(both: tuple[list[int], list[int]]) -> None:
    first, second = (np.array(labels) for labels in both)
    assert adjusted_rand(first, second) == pytest.approx(adjusted_rand_score(first, second))
    assert adjusted_rand(first, second) == pytest.approx(adjusted_rand(second, first))
    renamed = np.array([0, 3, 1, 5, 2, 4])[second]
    assert adjusted_rand(first, renamed) == pytest.approx(adjusted_rand(first, second))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=5, max_size=40), st.integers(0, 99))
def test_silhouette_is_scikit_learns(labels: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((len(labels), 3))
    found = Silhouettes(X, rng).mean(np.array(labels))
    if 1 < len(set(labels)) < len(labels):
        assert found == pytest.approx(silhouette_score(X, labels))
    elif len(set(labels)) == 1:
        assert np.isnan(found)


def test_dispersion_is_the_inertia_of_k_means() -> None:
    X = np.random.default_rng(0).standard_normal((80, 4))
    fitted = KMeans(3, n_init=1, random_state=0, tol=0).fit(X)
    assert dispersion(X, fitted.labels_.astype(np.int64) + 1) == pytest.approx(fitted.inertia_)


def test_a_cloud_has_the_covariance_of_the_objects() -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((20_000, 3)) @ rng.standard_normal((3, 3)) + 5.0
    drawn = SingleCloud(X).draw(rng)
    of_drawn = np.sort(np.linalg.eigvalsh(np.cov(drawn.T)))
    assert of_drawn == pytest.approx(np.sort(np.linalg.eigvalsh(np.cov(X.T))), rel=0.05)
    assert SingleCloud(X[:2]).draw(rng).shape == (2, 2)


def test_gap_is_the_difference_of_logarithms_and_may_say_one() -> None:
    clouds = np.array([[5.0, 4.0, 3.0], [5.2, 4.2, 3.2]])
    gap, error = gap_table(np.array([5.1, 3.1, 2.0]), clouds)
    assert gap == pytest.approx([0.0, 1.0, 1.1])
    assert error == pytest.approx(0.1 * np.sqrt(1.5))
    assert best_by_gap((1, 2, 3), gap, error) == 2  # 3 is larger by less than twice the error
    assert best_by_gap((1, 2, 3), gap, error / 10) == 3
    assert best_by_gap((1, 2, 3), np.array([0.0, -0.1, -0.3]), error) == 1


def test_jaccard_and_companions_by_hand() -> None:
    reference = np.array([1, 1, 1, 1, 2, 2, 2, 0])
    resample = np.array([2, 2, 2, 1, 1, 1, 1, 0])
    everyone = np.ones(8, bool)
    overlaps = cluster_overlaps(reference, resample, everyone)
    assert overlaps[1:, 1:] == pytest.approx(np.array([[1 / 7, 3 / 4], [3 / 4, 0.0]]))
    together = CoAssignment(reference)
    together.add(resample, everyone)
    together.add(reference, everyone)
    assert together.jaccard() == pytest.approx({1: 7 / 8, 2: 7 / 8})
    kept = together.agreement(0, reference, resample)
    assert kept == pytest.approx([3 / 4, 3 / 4, 3 / 4, 1 / 7, 3 / 4, 3 / 4, 3 / 4, 1.0])
    assert together.agreement(1, reference, reference) == pytest.approx(np.ones(8))


def test_only_objects_that_were_drawn_count_for_the_jaccard() -> None:
    reference = np.array([1, 1, 1, 2, 2, 2])
    wrong_where_left_out = np.array([1, 1, 2, 2, 2, 1])
    together = CoAssignment(reference)
    together.add(wrong_where_left_out, np.array([1, 1, 0, 1, 1, 0], bool))
    assert together.jaccard() == {1: 1.0, 2: 1.0}


@pytest.mark.parametrize(
    ("value", "word"), [(0.75, "stable"), (0.74, "doubtful"), (0.6, "doubtful"), (0.59, "not stable")]
)
def test_words_of_stability(value: float, word: str) -> None:
    assert stability_word(value) == word
