"""The object classifier finds known classes again, the same everywhere, and refuses other tables."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_segmotif.common.progress import CancelToken, run_job
from napari_segmotif.errors import (
    AnnotationError,
    InputError,
    JobCancelled,
    ModelMismatchError,
    NotFittedError,
)
from napari_segmotif.explore.classifying.object_classifier import ObjectClassifier
from napari_segmotif.explore.classifying.object_forest import grow_forest
from napari_segmotif.explore.classifying.object_logistic import fit_logistic
from napari_segmotif.explore.table_simulation import simulate_blobs
from napari_segmotif.explore.tables import TableInfo, with_info

INFO = TableInfo(dimensions=2, spacing=(0.5, 0.5), unit="micrometer", channels=("DAPI", "GFP"))


@pytest.fixture(scope="module")
def blobs() -> tuple[pd.DataFrame, np.ndarray]:
    table, truth = simulate_blobs(240, 5, 3, separation=9, n_images=3, random_state=5)
    return with_info(table, INFO), truth * 2  # classes 2, 4 and 6: gaps stay


def partly(truth: np.ndarray, n: int = 90) -> np.ndarray:
    return np.where(np.arange(len(truth)) < n, truth, 0)


@pytest.mark.parametrize("method", ["random_forest", "logistic_regression"])
def test_a_third_of_the_classes_is_continued_to_all(blobs, method) -> None:
    table, truth = blobs
    classifier = ObjectClassifier(method, n_estimators=20).fit(table, partly(truth))
    assert classifier.classes_.tolist() == [2, 4, 6]
    assert (classifier.predict(table) == truth).mean() > 0.97
    probabilities = classifier.predict_proba(table)
    assert probabilities.shape == (240, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_array_equal(classifier.classes_of(probabilities), classifier.predict(table))
    assert classifier.feature_importances_.sum() == pytest.approx(1)
    assert set(classifier.importances["feature"]) == set(classifier.columns_)


def test_classes_by_key_equal_classes_by_row_in_a_shuffled_table(blobs) -> None:
    table, truth = blobs
    classes = partly(truth)
    keys = list(zip(table["roi_id"], table["frame"], table["label"], strict=True))
    by_key = {key: int(c) for key, c in zip(keys, classes, strict=True)}
    shuffled = table.sample(frac=1, random_state=0)
    one = ObjectClassifier(n_estimators=5).fit(table, classes)
    two = ObjectClassifier(n_estimators=5).fit(table, by_key)
    series = pd.Series(
        by_key.values(), index=pd.MultiIndex.from_tuples(by_key, names=["roi_id", "frame", "label"])
    )
    three = ObjectClassifier(n_estimators=5).fit(table, series.sample(frac=1, random_state=1))
    four = ObjectClassifier(n_estimators=5).fit(shuffled, by_key)
    for other in (two, three):
        np.testing.assert_array_equal(one.predict_proba(table), other.predict_proba(table))
    expected = [by_key[k] for k in zip(shuffled["roi_id"], shuffled["frame"], shuffled["label"], strict=True)]
    np.testing.assert_array_equal(four.training_.y, [c for c in expected if c])
    gone = ObjectClassifier(n_estimators=5).fit(table, by_key | {("no image", 0, 1): 2})
    assert "1 of 241 objects" in gone.messages_[0]


def test_a_series_in_another_order_is_joined_by_its_index(blobs) -> None:
    table, truth = blobs
    classes = pd.Series(partly(truth), index=table.index)
    shuffled = table.sample(frac=1, random_state=4)
    for own, series in ((table, classes.sample(frac=1, random_state=3)), (shuffled, classes)):
        trained = ObjectClassifier(n_estimators=2).fit(own, series).training_
        expected = classes.loc[own.index]
        np.testing.assert_array_equal(trained.y, expected[expected > 0])
    known = pd.Series(np.arange(240) != 7, index=table.index)
    for labelled in (known.iloc[::-1], known.astype(int).iloc[::-1]):
        assert ObjectClassifier().suggest(table, 5, labelled=labelled).tolist() == [7]
    by_key = pd.Series([1, 2], index=pd.MultiIndex.from_tuples([(table["roi_id"].iloc[0], 0, 1)] * 2))
    with pytest.raises(AnnotationError, match="twice"):
        ObjectClassifier().fit(table, by_key)


def test_labels_suffice_where_there_is_one_image_and_one_frame(blobs) -> None:
    table, truth = blobs
    own = table[table["roi_id"] == table["roi_id"].iloc[0]]
    known = truth[(table["roi_id"] == table["roi_id"].iloc[0]).to_numpy()]
    by_label = {int(label): int(c) for label, c in zip(own["label"], known, strict=True)}
    trained = ObjectClassifier(n_estimators=2).fit(own.sample(frac=1, random_state=0), by_label)
    one = ObjectClassifier(n_estimators=2).fit(own, known)
    assert (trained.predict(own) == known).mean() > 0.9
    assert sorted(trained.training_.y) == sorted(one.training_.y)


@pytest.mark.parametrize("method", ["random_forest", "logistic_regression"])
def test_columns_may_be_more_and_in_another_order(blobs, method) -> None:
    table, truth = blobs
    classifier = ObjectClassifier(method, n_estimators=5).fit(table, partly(truth))
    other = table[table.columns[::-1]].assign(extra=1.0, words="a")
    other.attrs = dict(table.attrs)
    np.testing.assert_array_equal(classifier.predict_proba(other), classifier.predict_proba(table))


def test_what_is_missing_counts_as_the_median_of_the_training_table(blobs) -> None:
    table, truth = blobs
    classifier = ObjectClassifier(n_estimators=5).fit(table, partly(truth))
    holes = table.assign(feature_001=[np.nan, np.inf] * 120)
    filled = table.assign(feature_001=table["feature_001"].median())
    np.testing.assert_array_equal(classifier.predict_proba(holes), classifier.predict_proba(filled))
    holes = table.assign(feature_002=table["feature_002"].where(table.index % 7 > 0))
    trained_on_holes = ObjectClassifier(n_estimators=5).fit(holes, partly(truth))
    assert (trained_on_holes.predict(holes) == truth).mean() > 0.9


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"unit": "pixel", "spacing": None}, "unit pixel, where it was micrometer"),
        ({"unit": "nanometer"}, "unit nanometer"),
        ({"channels": ("GFP", "DAPI")}, "channels GFP, DAPI, where they were DAPI, GFP"),
        ({"channels": ("DAPI",)}, "channels DAPI, where"),
        ({"channels": ()}, "channels none"),
        ({"dimensions": 3}, "3D objects, where they were 2D"),
    ],
)
def test_a_table_measured_otherwise_is_refused_by_name(blobs, changes, words) -> None:
    table, truth = blobs
    classifier = ObjectClassifier(n_estimators=2).fit(table, truth)
    other = with_info(table.copy(), INFO.model_copy(update=changes))
    for method in (classifier.predict, classifier.predict_proba, classifier.suggest):
        with pytest.raises(ModelMismatchError, match=words):
            method(other)


def test_another_pixel_size_or_spelling_in_the_same_unit_is_fine(blobs) -> None:
    table, truth = blobs
    classifier = ObjectClassifier(n_estimators=2).fit(table, truth)
    other = with_info(table.copy(), INFO.model_copy(update={"spacing": (0.1, 0.1), "unit": "µm"}))
    assert classifier.check(other) == ()
    joined = with_info(table.copy(), INFO.model_copy(update={"spacing": None}))
    assert classifier.check(joined) == ()


def test_missing_features_are_named_and_foreign_tables_are_doubted(blobs) -> None:
    table, truth = blobs
    classifier = ObjectClassifier(n_estimators=2).fit(table, truth)
    with pytest.raises(ModelMismatchError, match="no features feature_002"):
        classifier.predict(table.drop(columns="feature_002"))
    with pytest.raises(ModelMismatchError, match="no numbers in feature_002"):
        classifier.predict(table.assign(feature_002="much"))
    foreign = table.copy()
    foreign.attrs = {}
    assert "does not say" in classifier.check(foreign)[0]
    np.testing.assert_array_equal(classifier.predict(foreign), classifier.predict(table))


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ([0] * 240, "give some objects a class"),
        ([1] * 240, "at least two classes"),
        ([1, 2], "one class for each of the 240"),
        ([-1, 2] * 120, "classes are 1 or more"),
        ([0.5, 2] * 120, "whole numbers"),
        (["a", "b"] * 120, "whole numbers"),
        (["round", "long"] * 120, r"class_names \(got 'round', 'long'\)"),
        (pd.Series(["round", None, 1] * 80), r"class_names \(got 'round'\)"),
        ({"a": 1}, "by \\(roi_id, frame, label\\)"),
        ({5: 1, 6: 2}, r"several images or frames \(got labels, and 3"),
        (pd.Series([1, 2] * 120, index=np.arange(240) + 1), r"index of the table \(got a Series of 240"),
    ],
)
def test_what_are_no_classes_is_refused(blobs, classes, words) -> None:
    with pytest.raises(AnnotationError, match=words):
        ObjectClassifier().fit(blobs[0], classes)


def test_bad_input_says_what_to_do(blobs) -> None:
    table, truth = blobs
    with pytest.raises(NotFittedError, match="fit"):
        ObjectClassifier().predict(table)
    with pytest.raises(InputError, match="n_estimators"):
        ObjectClassifier(n_estimators=0)
    for wrong in (-1, None):
        with pytest.raises(InputError, match=rf"random_state.*\(got {wrong}\)"):
            ObjectClassifier(random_state=wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least one object"):
        ObjectClassifier().fit(table.iloc[:0], [])
    with pytest.raises(AnnotationError):
        ObjectClassifier().fit(table.iloc[:1], [1])
    with pytest.raises(InputError, match="choose features that differ"):
        ObjectClassifier().fit(np.ones((4, 3)), [1, 1, 2, 2])
    with pytest.raises(InputError):
        ObjectClassifier().fit(table, truth, columns=["no such"])


def test_two_objects_a_constant_column_and_huge_numbers_suffice() -> None:
    X = np.array([[1.0, 5.0, 1e300], [2.0, 5.0, -1e300], [1.1, 5.0, 1e300]])
    for method in ("random_forest", "logistic_regression"):
        classifier = ObjectClassifier(method, n_estimators=5).fit(X, [1, 2, 0])
        assert classifier.predict(X).tolist() == [1, 2, 1]
        assert classifier.columns_ == ("feature_1", "feature_3")


def test_the_number_of_a_track_is_no_feature(blobs) -> None:
    table, truth = blobs
    classifier = ObjectClassifier(n_estimators=2).fit(table.assign(track_id=truth), truth)
    assert "track_id" not in classifier.columns_


def test_a_rare_class_is_in_every_tree() -> None:
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(0, 1, (300, 2)), rng.normal(6, 0.1, (2, 2))]
    y = np.r_[np.zeros(300, int), [1, 1]]
    forest = run_job(grow_forest(X, y, 2, n_estimators=30))
    # Each tree drew the rare class, and so each gives its place to it.
    assert forest.predict_proba(np.array([[6.0, 6.0]]))[0, 1] == 1


def test_the_forest_walks_its_trees_as_scikit_learn_does() -> None:
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(3)
    X = rng.normal(size=(80, 4))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    forest = run_job(
        grow_forest(X, y, 2, n_estimators=1, max_features=1.0, min_samples_leaf=3, random_state=8)
    )
    # the same draw, made again
    draws = np.random.default_rng([8, 0])
    seed = int(draws.integers(2**31 - 1))
    weight = np.zeros(80)
    for c in (0, 1):
        own = np.flatnonzero(y == c)
        weight[own] = (
            80 / (2 * len(own)) * np.bincount(draws.integers(0, len(own), len(own)), minlength=len(own))
        )
    used = weight > 0
    tree = DecisionTreeClassifier(min_samples_leaf=3, max_features=1.0, random_state=seed)
    tree.fit(X[used], y[used], sample_weight=weight[used])
    new = rng.normal(size=(500, 4))
    np.testing.assert_allclose(forest.predict_proba(new), tree.predict_proba(new), atol=1e-12)


@pytest.mark.parametrize("balanced", [True, False])
def test_logistic_regression_equals_scikit_learns(balanced) -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(1)
    X = rng.normal(size=(150, 4))
    y = (X[:, 0] + 0.5 * rng.normal(size=150) > 0).astype(int) + (X[:, 1] > 1)
    model = run_job(fit_logistic(X, y, 3, balanced=balanced))
    peer = LogisticRegression(class_weight="balanced" if balanced else None, tol=1e-8, max_iter=1000).fit(
        X, y
    )
    np.testing.assert_allclose(model.predict_proba(X), peer.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("method", ["random_forest", "logistic_regression"])
def test_results_do_not_depend_on_threads(blobs, method) -> None:
    table, truth = blobs
    one = ObjectClassifier(method, n_estimators=20, n_jobs=1).fit(table, partly(truth))
    many = ObjectClassifier(method, n_estimators=20, n_jobs=5).fit(table, partly(truth))
    big = pd.concat([table] * 20, ignore_index=True).drop(columns=["label", "index"])
    np.testing.assert_array_equal(one.predict_proba(big), many.predict_proba(big))
    found: list[np.ndarray] = []
    workers = [
        threading.Thread(
            target=lambda: found.append(
                ObjectClassifier(method, n_estimators=20).fit(table, partly(truth)).predict_proba(table)
            )
        )
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for other in found:
        np.testing.assert_array_equal(other, one.predict_proba(table))
    assert len(found) == 2


def test_another_process_gives_the_same_bits(blobs, tmp_path) -> None:
    script = (
        "import sys, numpy as np\n"
        "from napari_segmotif.explore.classifying.object_classifier import ObjectClassifier\n"
        "from napari_segmotif.explore.table_simulation import simulate_blobs\n"
        "table, truth = simulate_blobs(240, 5, 3, separation=9, n_images=3, random_state=5)\n"
        "classes = np.where(np.arange(240) < 90, truth * 2, 0)\n"
        "found = [ObjectClassifier(m, n_estimators=5).fit(table, classes).predict_proba(table)\n"
        "         for m in ('random_forest', 'logistic_regression')]\n"
        "np.save(sys.argv[1], found)\n"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3", "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "found.npy")], check=True, env=environment)
    table, truth = blobs
    for method, there in zip(
        ("random_forest", "logistic_regression"), np.load(tmp_path / "found.npy"), strict=True
    ):
        here = ObjectClassifier(method, n_estimators=5).fit(table, partly(truth)).predict_proba(table)
        np.testing.assert_array_equal(here, there)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(1, 4), st.integers(2, 4))
def test_any_table_gives_probabilities(seed, n, n_features, n_classes) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features)) * 10.0 ** rng.integers(-8, 8, n_features)
    X[rng.random(X.shape) < 0.1] = np.nan
    X[:2] = rng.normal(size=(2, n_features))
    classes = rng.integers(0, n_classes + 1, n)
    classes[:2] = 1, 2
    for method in ("random_forest", "logistic_regression"):
        classifier = ObjectClassifier(method, n_estimators=3).fit(X, classes)
        found = classifier.predict_proba(X)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-9)
        assert set(classifier.predict(X)) <= set(classes[classes > 0])


def test_a_cancelled_training_leaves_the_classifier_as_it_was(blobs) -> None:
    table, truth = blobs
    classifier = ObjectClassifier(n_estimators=40).fit(table, partly(truth))
    before = classifier.predict_proba(table)
    cancel = CancelToken()
    job = classifier.fit_job(table, truth, cancel=cancel)
    next(job)
    next(job)
    cancel.cancel()
    with pytest.raises(JobCancelled):
        run_job(job)
    np.testing.assert_array_equal(classifier.predict_proba(table), before)
