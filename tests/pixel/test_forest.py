"""The packed forest answers as scikit-learn's does, and refuses arrays that are no forest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier

from napari_segmotif.errors import ModelFileError
from napari_segmotif.pixel.forests.forest import PackedForest


def rows_and_classes(n_features=12, n_classes=3, n=64 * 40, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features)).astype(np.float32)
    score = X[:, 0] + X[:, 1] ** 2 + 0.5 * rng.normal(size=n)
    y = np.digitize(score, np.quantile(score, np.linspace(0, 1, n_classes + 1)[1:-1]))
    return X, y


def as_packets(X: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(X.reshape(-1, 64, X.shape[1]).transpose(0, 2, 1))


def as_rows(lanes: np.ndarray) -> np.ndarray:
    return lanes.transpose(0, 2, 1).reshape(-1, lanes.shape[1])


@pytest.mark.parametrize("n_classes", [2, 3, 9])
@pytest.mark.parametrize(
    "settings_", [{}, {"max_depth": 3}, {"min_samples_leaf": 9}, {"max_depth": 1}, {"bootstrap": False}]
)
def test_probabilities_equal_scikit_learn(n_classes, settings_) -> None:
    X, y = rows_and_classes(n_classes=n_classes)
    forest = RandomForestClassifier(60, random_state=0, **settings_).fit(X[:900], y[:900])
    packed = PackedForest.from_sklearn(forest)
    probabilities = as_rows(packed.vote(as_packets(X))) / packed.n_trees
    np.testing.assert_allclose(probabilities, forest.predict_proba(X), atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5), st.sampled_from((None, 2, 5)), st.integers(1, 40))
def test_a_certain_majority_is_the_final_majority(seed, n_classes, depth, n_trees) -> None:
    X, y = rows_and_classes(n_classes=n_classes, n=64 * 8, seed=seed)
    forest = RandomForestClassifier(n_trees, max_depth=depth, random_state=0).fit(X[:200], y[:200])
    packed = PackedForest.from_sklearn(forest)
    whole = packed.vote(as_packets(X))
    stopped = packed.vote(as_packets(X), stop_when_decided=True)
    np.testing.assert_array_equal(stopped.argmax(axis=1), whole.argmax(axis=1))
    assert (stopped <= whole + 1e-4).all()


def test_thresholds_between_two_floats_send_every_value_the_same_way() -> None:
    # scikit-learn's thresholds are doubles: half-way between these neighbours lies no float32.
    low = np.float32(0.1)
    high = np.nextafter(low, np.float32(1))
    X = np.repeat(np.array([[low], [high]], np.float32), 32, axis=0)
    y = (X[:, 0] == high).astype(int)
    forest = RandomForestClassifier(20, random_state=0).fit(X, y)
    packed = PackedForest.from_sklearn(forest)
    np.testing.assert_allclose(as_rows(packed.vote(as_packets(X))) / 20, forest.predict_proba(X))


def test_a_forest_survives_being_arrays() -> None:
    X, y = rows_and_classes()
    packed = PackedForest.from_sklearn(RandomForestClassifier(7, max_depth=4, random_state=0).fit(X, y))
    again = PackedForest.from_arrays(packed.as_arrays(), packed.n_features, packed.n_classes)
    np.testing.assert_array_equal(again.vote(as_packets(X)), packed.vote(as_packets(X)))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_altered_array_makes_a_walk_leave_the_forest(data) -> None:
    """Either the arrays are refused, or they are a forest that can be walked."""
    X, y = rows_and_classes(n=64 * 3)
    forest = RandomForestClassifier(3, max_depth=data.draw(st.sampled_from((2, None))), random_state=0)
    packed = PackedForest.from_sklearn(forest.fit(X, y))
    arrays = {name: array.copy() for name, array in packed.as_arrays().items()}
    name = data.draw(st.sampled_from(("roots", "feature", "right")))
    position = data.draw(st.integers(0, len(arrays[name]) - 1))
    arrays[name][position] = data.draw(st.integers(0, int(np.iinfo(arrays[name].dtype).max)))
    try:
        altered = PackedForest.from_arrays(arrays, packed.n_features, packed.n_classes)
    except ModelFileError:
        return
    sums = altered.vote(as_packets(X))
    assert np.isfinite(sums).all()
    assert (sums.sum(axis=1) <= altered.n_trees * 1.001).all()


@pytest.mark.parametrize("name", ["roots", "feature", "threshold", "right", "leaf_values"])
@pytest.mark.parametrize("how", ["missing", "double", "more axes"])
def test_missing_or_mistyped_arrays_are_refused(name, how) -> None:
    X, y = rows_and_classes()
    forest = RandomForestClassifier(3, max_depth=2, random_state=0).fit(X, y)
    packed = PackedForest.from_sklearn(forest)
    arrays = packed.as_arrays()
    array = arrays.pop(name)
    if how != "missing":
        arrays[name] = array.astype(np.float64) if how == "double" else array[..., np.newaxis]
    with pytest.raises(ModelFileError, match=r"damaged \(got"):
        PackedForest.from_arrays(arrays, packed.n_features, packed.n_classes)
