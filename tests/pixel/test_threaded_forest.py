"""Our threads grow scikit-learn's own forest."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from napari_segmotif.pixel.forests.threaded_forest import ThreadedForest


def rows_and_classes(n=400):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 9)).astype(np.float32)
    return X, np.where(X[:, 0] + X[:, 1] > 1, 7, np.where(X[:, 2] > 0, 3, 4))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"class_weight": "balanced"},
        {"class_weight": {3: 1.0, 4: 2.0, 7: 0.5}},
        {"max_depth": 3, "min_samples_leaf": 4, "max_features": 0.5},
        {"max_features": "log2", "random_state": 42},
    ],
)
def test_the_forest_is_scikit_learns(settings) -> None:
    X, y = rows_and_classes()
    settings = {"n_estimators": 12, "random_state": 0, **settings}
    ours = ThreadedForest(n_jobs=3, **settings).fit(X, y)
    theirs = RandomForestClassifier(**settings).fit(X, y)
    np.testing.assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(ours.feature_importances_, theirs.feature_importances_)
    for mine, other in zip(ours.estimators_samples_, theirs.estimators_samples_, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_growing_in_steps_gives_the_same_forest() -> None:
    X, y = rows_and_classes()
    at_once = ThreadedForest(11, random_state=5).fit(X, y)
    grown = ThreadedForest(3, random_state=5, warm_start=True).fit(X, y)
    for n in (4, 11):
        grown.set_params(n_estimators=n).fit(X, y)
    np.testing.assert_array_equal(grown.predict_proba(X), at_once.predict_proba(X))


def test_a_forest_of_one_leaf_has_no_importances() -> None:
    X, _ = rows_and_classes()
    constant = np.zeros_like(X)
    forest = ThreadedForest(3, random_state=0).fit(constant, np.arange(len(X)) % 2)
    np.testing.assert_array_equal(forest.feature_importances_, 0.0)
