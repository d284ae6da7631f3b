"""What is suggested has no class yet, comes from every cluster, from doubt, and from places not seen yet."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_segmotif.errors import InputError, NotFittedError
from napari_segmotif.explore.classifying.object_classifier import ObjectClassifier
from napari_segmotif.explore.classifying.object_suggestion import (
    Pool,
    own_clusters,
    suggest_rows,
    uncertainty,
)
from napari_segmotif.explore.table_simulation import simulate_blobs

from .picking_simulation import labels_needed, learning_curve, simulated_pools

NOBODY = np.zeros(240, bool)


@pytest.fixture(scope="module")
def blobs():
    table, truth = simulate_blobs(240, 4, 4, separation=12, shares=[10, 5, 3, 1], random_state=2)
    return table, truth, table.filter(like="feature_").to_numpy()


def test_each_cluster_comes_first_by_size_with_its_most_typical_object(blobs) -> None:
    _, truth, X = blobs
    rows = suggest_rows(Pool(X, NOBODY, cluster=truth), 4, "clusters")
    assert truth[rows].tolist() == [1, 2, 3, 4]
    for row, cluster in zip(rows, (1, 2, 3, 4), strict=True):
        distance = np.linalg.norm(X - np.median(X[truth == cluster], axis=0), axis=1)
        assert distance[row] == distance[truth == cluster].min()


def test_clusters_with_examples_wait_and_noise_is_no_cluster(blobs) -> None:
    _, truth, X = blobs
    labelled = NOBODY.copy()
    labelled[np.flatnonzero(truth == 1)[0]] = True
    cluster = np.where(truth == 4, 0, truth)
    rows = suggest_rows(Pool(X, labelled, cluster=cluster), 5, "clusters")
    assert cluster[rows].tolist() == [2, 3, 1, 2, 3]


def test_without_clusters_all_groups_are_found_all_the_same(blobs) -> None:
    _, truth, X = blobs
    groups = own_clusters(X)
    assert all(len(np.unique(truth[groups == g])) == 1 for g in np.unique(groups))
    rows = suggest_rows(Pool(X, NOBODY), len(np.unique(groups)), "auto")
    assert set(truth[rows]) == {1, 2, 3, 4}


def test_uncertainty_takes_the_least_sure_first() -> None:
    p = np.array([0.9, 0.52, 0.7, 0.1, 0.45])
    X = np.arange(5.0)[:, None] * 100
    pool = Pool(X, np.array([False, False, True, False, False]), np.column_stack([p, 1 - p]))
    assert suggest_rows(pool, 1, "uncertainty").tolist() == [1]
    assert sorted(suggest_rows(pool, 10, "uncertainty")) == [0, 1, 3, 4]  # never the one that has a class
    np.testing.assert_allclose(uncertainty(pool.probabilities), 1 - np.abs(2 * p - 1))


def test_a_batch_of_uncertain_objects_is_not_one_object_many_times() -> None:
    X = np.r_[np.zeros((10, 2)), np.ones((1, 2)) * 5, np.ones((20, 2)) * [5, 0]]
    p = np.r_[np.full(10, 0.5), 0.6, np.full(20, 0.95)]
    rows = suggest_rows(Pool(X, np.zeros(31, bool), np.column_stack([p, 1 - p])), 2, "uncertainty")
    assert rows[0] < 10
    assert rows[1] == 10


def test_diversity_goes_where_nothing_has_a_class_but_not_to_lone_outliers() -> None:
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(0, 0.3, (50, 2)), rng.normal(5, 0.3, (50, 2)), [[40.0, -40.0]]]
    labelled = np.zeros(101, bool)
    labelled[:5] = True
    rows = suggest_rows(Pool(X, labelled), 1, "diversity")
    assert 50 <= rows[0] < 100


def test_auto_turns_to_doubt_once_every_cluster_has_an_example(blobs) -> None:
    table, truth, _ = blobs
    with_clusters = table.assign(cluster=truth)
    given_classes = np.zeros(240, int)
    first = ObjectClassifier().suggest(with_clusters, 4)
    assert sorted(truth[first]) == [1, 2, 3, 4]
    given_classes[first] = [1, 1, 2, 2]
    classifier = ObjectClassifier(n_estimators=20).fit(with_clusters, given_classes)
    doubt = classifier.predict_uncertainty(with_clusters)
    following = classifier.suggest(with_clusters, 3)
    assert not set(first) & set(following)
    assert doubt[following[0]] > np.median(doubt)


def test_trained_objects_are_known_by_their_key_in_any_order(blobs) -> None:
    table, truth, _ = blobs
    classes = np.where(np.arange(240) % 2, truth, 0)
    classifier = ObjectClassifier(n_estimators=5).fit(table, classes)
    shuffled = table.sample(frac=1, random_state=1)
    keys = set(table.loc[classes > 0, "label"])
    for strategy in ("auto", "uncertainty", "diversity", "clusters"):
        rows = classifier.suggest(shuffled, 120, strategy)
        assert len(rows) == len(set(rows.tolist())) == 120
        assert not keys & set(shuffled["label"].iloc[rows])
    # in another image all objects are new
    assert len(classifier.suggest(table.assign(roi_id="new"), 240)) == 240
    assert classifier.suggest(table, 5, labelled=np.ones(240, bool)).tolist() == []


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 50))
def test_suggestions_are_rows_without_class_once_each_and_repeatable(seed, n, wanted) -> None:
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, (n, 2)).astype(float)  # many of them equal
    p = rng.dirichlet(np.ones(3), n)
    pool = Pool(X, rng.random(n) < 0.3, p, rng.integers(0, 4, n) if seed % 2 else None)
    for strategy in ("auto", "uncertainty", "diversity", "clusters"):
        rows = suggest_rows(pool, wanted, strategy)
        left = np.flatnonzero(~pool.labelled)
        assert set(rows) <= set(left)
        assert len(set(rows.tolist())) == len(rows)
        if strategy != "clusters":
            assert len(rows) == min(wanted, len(left))
        np.testing.assert_array_equal(rows, suggest_rows(pool, wanted, strategy))


def test_bad_wishes_are_refused(blobs) -> None:
    table, _, X = blobs
    with pytest.raises(InputError, match="strategy must be"):
        suggest_rows(Pool(X, NOBODY), 3, "luck")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="one object or more"):
        suggest_rows(Pool(X, NOBODY), 0)
    with pytest.raises(InputError, match="train first"):
        ObjectClassifier().suggest(table, 3, "uncertainty")
    with pytest.raises(NotFittedError):
        ObjectClassifier().check(table)


def test_a_rare_class_needs_fewer_labels_when_objects_are_suggested() -> None:
    pools = simulated_pools(1001)
    assert list(pools) == ["rare", "overlapping", "nested"]
    assert all(set(truth) == set(test_truth) for _, truth, _, test_truth in pools.values())
    needed = {
        p: labels_needed(*pools["rare"], picks=p, n_estimators=25, random_state=1001)
        for p in ("auto", "random")
    }
    assert needed["auto"] <= 0.6 * needed["random"]


def test_a_learning_curve_ends_with_all_objects() -> None:
    table, truth = simulate_blobs(40, 3, 2, separation=8, random_state=4)
    test: tuple[pd.DataFrame, np.ndarray] = (table, truth)
    curve = list(learning_curve(table, truth, *test, picks="random", batch=15, n_estimators=5))
    assert [n for n, _ in curve] == [15, 30, 40]
    assert curve[-1][1] == pytest.approx(1)
    with pytest.raises(InputError, match="batch"):
        next(learning_curve(table, truth, *test, batch=0))


@pytest.mark.parametrize("n_features", [8, 20])
def test_picks_are_not_wasted_on_groups_where_there_are_none(n_features: int) -> None:
    before_the_doubtful_one = []
    for seed in range(10):
        X = np.random.default_rng(seed).standard_normal((300, n_features))
        labelled = np.zeros(300, bool)
        labelled[::60] = True
        doubtful = int(np.argmin(np.where(labelled, np.inf, (X**2).mean(axis=1))))
        p = np.full(300, 0.98)
        p[doubtful] = 0.5
        rows = suggest_rows(Pool(X, labelled, np.column_stack([p, 1 - p])), 12).tolist()
        before_the_doubtful_one.append(rows.index(doubtful))
    assert np.mean(before_the_doubtful_one) <= 2
