"""Held-out validation: no leak, every class always trained on, honest where out-of-bag is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier

from napari_segmotif.common.progress import CancelToken, Progress, run_job
from napari_segmotif.errors import AnnotationError, InputError, JobCancelled
from napari_segmotif.pixel.reviewing.held_out import assign_folds, fit_in_steps
from napari_segmotif.pixel.reviewing.validation import ValidationReport, validate_forest


def forest(**settings: Any) -> Callable[[], RandomForestClassifier]:
    return lambda: RandomForestClassifier(**{"n_estimators": 20, "random_state": 0, "n_jobs": 1, **settings})


def stroke_data(
    n_strokes: int = 12, pixels: int = 40, apart: float = 1.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Strokes whose pixels are near copies of one another: X (n, 6), y in {1, 4}, stroke ids."""
    rng = np.random.default_rng(seed)
    X, y, stroke = [], [], []
    for k in range(n_strokes):
        class_id = (1, 4)[k % 2]
        center = rng.normal(0, 1, 6) + apart * (class_id == 4)
        X.append(center + rng.normal(0, 0.05, (pixels, 6)))
        y += [class_id] * pixels
        stroke += [k + 1] * pixels
    return np.concatenate(X).astype(np.float32), np.array(y), np.array(stroke)


class Constant:
    """Predicts one class, whatever it was trained on."""

    def __init__(self, class_id: int) -> None:
        self.class_id = class_id

    def fit(self, X: np.ndarray, y: np.ndarray) -> Constant:
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.class_id)


class Spy(Constant):
    """Remembers what it saw."""

    seen: list[tuple[np.ndarray, np.ndarray]]

    def __init__(self, log: list[tuple[np.ndarray, np.ndarray]]) -> None:
        super().__init__(1)
        self.log = log

    def fit(self, X: np.ndarray, y: np.ndarray) -> Spy:
        self.trained = X[:, 0].copy()
        self.trained_classes = y.copy()
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        self.log.append((self.trained, X[:, 0].copy()))
        assert set(self.trained_classes) == {1, 2, 3}
        return super().predict(X)


group_tables = st.lists(
    st.tuples(st.integers(0, 8), st.integers(1, 4), st.integers(1, 6)), min_size=1, max_size=30
)


@settings(max_examples=300, deadline=None)
@given(group_tables, st.integers(2, 6), st.integers(0, 3))
def test_folds_keep_groups_whole_and_leave_every_class_to_train_on(
    table: list[tuple[int, int, int]], n_splits: int, seed: int
) -> None:
    groups = np.concatenate([[g] * n for g, _, n in table])
    y = np.concatenate([[c] * n for _, c, n in table])
    fold = assign_folds(y, groups, n_splits, seed)
    for class_id in np.unique(y):
        mine = y == class_id
        if len(np.unique(groups[mine])) < 2:
            assert (fold[mine] == -1).all()
        else:
            assert (fold[mine] >= 0).all()
            assert len(np.unique(fold[mine])) >= 2, "some of the class is always left to train on"
    for group in np.unique(groups):
        assert len(np.unique(fold[(groups == group) & (fold >= 0)])) <= 1
    used = np.unique(fold[fold >= 0])
    assert used.tolist() == list(range(len(used)))
    np.testing.assert_array_equal(fold, assign_folds(y, groups, n_splits, seed))


def test_folds_are_balanced_within_each_class() -> None:
    groups = np.repeat(np.arange(20), 10)
    y = np.where(groups < 10, 1, 2)
    fold = assign_folds(y, groups, 5)
    for class_id in (1, 2):
        assert np.bincount(fold[y == class_id]).tolist() == [20] * 5


def test_no_pixel_of_a_held_out_stroke_is_trained_on() -> None:
    y = np.array([1] * 30 + [2] * 30 + [3] * 10)
    stroke = np.repeat(np.arange(7), 10)
    X = np.stack([stroke, stroke], axis=1).astype(np.float32)
    log: list[tuple[np.ndarray, np.ndarray]] = []
    report = run_job(validate_forest(X, y, stroke, (1, 2, 3), lambda: Spy(log)))
    assert len(log) == report.n_folds == 3
    for trained, judged in log:
        assert not set(trained) & set(judged)
    assert report.unjudged == (3,)
    assert report.judged == (1, 2)
    assert report.n_groups == {1: 3, 2: 3, 3: 1}
    assert (report.y_pred[y == 3] == 0).all()
    np.testing.assert_array_equal(report.scores.confusion, [[30, 0, 0], [30, 0, 0], [0, 0, 0]])
    assert np.isnan(report.scores.recall[2])


def test_the_stroke_estimate_tells_the_truth_and_out_of_bag_does_not() -> None:
    estimates, truths, bags = [], [], []
    for seed in range(8):
        X, y, stroke = stroke_data(seed=seed)
        X_new, y_new, _ = stroke_data(n_strokes=400, pixels=1, seed=1000 + seed)
        trained = RandomForestClassifier(50, oob_score=True, random_state=0, n_jobs=1).fit(X, y)
        truths.append(trained.score(X_new, y_new))
        bags.append(trained.oob_score_)
        estimates.append(
            run_job(validate_forest(X, y, stroke, (1, 4), forest(), n_splits=12)).scores.accuracy
        )
    assert abs(np.mean(estimates) - np.mean(truths)) < 0.08
    assert np.mean(bags) - np.mean(truths) > 0.15


def test_by_image() -> None:
    X, y, _ = stroke_data(n_strokes=12, apart=9)
    image = np.repeat(np.arange(3), 160)
    report = run_job(validate_forest(X, y, image, (1, 4), forest(), method="image"))
    assert report.method == "image"
    assert report.n_groups == {1: 3, 4: 3}
    assert report.scores.accuracy > 0.95
    assert "images that the classifier had not seen" in report.summary()


def test_standard_error_counts_strokes_not_pixels() -> None:
    y = np.array([1] * 400 + [2] * 400)
    stroke = np.repeat(np.arange(8), 100)  # four strokes a class; the constant gets one class right
    report = run_job(validate_forest(np.zeros((800, 1), np.float32), y, stroke, (1, 2), lambda: Constant(1)))
    assert report.scores.accuracy == 0.5
    # residual of each of the 8 strokes is ± 50 of 800 pixels
    assert report.accuracy_error == pytest.approx(np.sqrt(8 / 7 * 8 * 50**2) / 800)


def test_every_stroke_counts_the_same_in_the_group_accuracy() -> None:
    y = np.array([1] * 110 + [2] * 20)
    stroke = np.array([1] * 100 + [2] * 10 + [3] * 10 + [4] * 10)

    class KnowsLongStrokes(Constant):
        def predict(self, X: np.ndarray) -> np.ndarray:
            return np.where(X[:, 0] == 1, 1, 2)

    X = stroke[:, None].astype(np.float32)
    report = run_job(validate_forest(X, y, stroke, (1, 2), lambda: KnowsLongStrokes(1)))
    assert report.scores.accuracy == pytest.approx(120 / 130)
    assert report.group_accuracy == pytest.approx((0.5 + 1) / 2)


def report_with(confusion: list[list[int]], oob: float | None = None) -> ValidationReport:
    """A report whose confusion over classes 1, 2 is the given one."""
    wanted = np.array(confusion)
    y = np.repeat([1, 1, 2, 2], wanted.ravel())
    taken = np.repeat([1, 2, 1, 2], wanted.ravel())

    class Oracle(Constant):
        def predict(self, X: np.ndarray) -> np.ndarray:
            return X[:, 0].astype(int)

    stroke = np.arange(len(y))
    job = validate_forest(
        taken[:, None].astype(np.float32), y, stroke, (1, 2), lambda: Oracle(1), oob_accuracy=oob
    )
    return run_job(job)


def test_accuracy_is_carried_over_to_the_proportions_of_the_image() -> None:
    report = report_with([[90, 10], [30, 70]])
    assert report.scores.accuracy == pytest.approx(0.8)
    true = {1: 0.95, 2: 0.05}
    expected = 0.95 * 0.9 + 0.05 * 0.7
    assert report.accuracy_at(true, predicted=False) == pytest.approx(expected)
    seen = {1: 0.95 * 0.9 + 0.05 * 0.3, 2: 0.95 * 0.1 + 0.05 * 0.7}  # what the classifier makes of them
    assert report.accuracy_at(seen) == pytest.approx(expected)
    assert report.accuracy_at({1: 1000 * seen[1], 2: 1000 * seen[2]}) == pytest.approx(expected)


def test_accuracy_at_proportions_of_an_unjudged_class_is_unknown() -> None:
    y = np.array([1] * 20 + [2] * 10)
    stroke = np.array([1] * 10 + [2] * 10 + [3] * 10)
    report = run_job(validate_forest(np.zeros((30, 1), np.float32), y, stroke, (1, 2), lambda: Constant(1)))
    assert np.isnan(report.accuracy_at({1: 0.5, 2: 0.5}))
    assert report.accuracy_at({1: 1}) == 1


@pytest.mark.parametrize("proportions", [{}, {1: -1, 2: 2}, {1: 1, 9: 1}, {1: np.nan}])
def test_impossible_proportions_are_refused(proportions: dict[int, float]) -> None:
    with pytest.raises(InputError, match=r"\(got .*\)$"):
        report_with([[9, 1], [3, 7]]).accuracy_at(proportions)


def test_summary_in_words() -> None:
    text = report_with([[90, 10], [30, 70]], oob=0.99).summary({1: "background", 2: "nuclei"})
    assert "80.0" in text
    assert "Weakest class: nuclei, of which 70.0 % were recognised" in text
    assert "mostly taken for background" in text
    assert "99.0 %. It is optimistic" in text
    assert "19.0 points above" in text
    assert "optimistic" in report_with([[90, 10], [30, 70]], oob=0.8).summary()
    assert "out-of-bag" not in report_with([[90, 10], [30, 70]]).summary()
    assert "No class was taken for another." in report_with([[9, 0], [0, 9]]).summary()


def test_one_stroke_a_class_is_reported_and_not_judged() -> None:
    y, stroke = np.array([1, 1, 2, 2]), np.array([1, 1, 2, 2])
    report = run_job(validate_forest(np.zeros((4, 1), np.float32), y, stroke, (1, 2), lambda: Constant(1)))
    assert report.n_folds == 0
    assert report.unjudged == (1, 2)
    assert np.isnan(report.scores.accuracy)
    text = report.summary({2: "nuclei"})
    assert "Nothing could be judged" in text
    assert "class 1, nuclei" in text
    assert "paint another stroke" in text


def test_what_cannot_be_validated_is_refused() -> None:
    X = np.zeros((4, 1), np.float32)
    with pytest.raises(AnnotationError, match="two classes"):
        run_job(validate_forest(X, np.ones(4, int), np.arange(4), (1, 2), forest()))
    with pytest.raises(InputError, match="one entry a pixel"):
        run_job(validate_forest(X, np.array([1, 2]), np.arange(4), (1, 2), forest()))
    with pytest.raises(InputError, match="n_splits"):
        run_job(validate_forest(X, np.array([1, 2, 1, 2]), np.arange(4), (1, 2), forest(), n_splits=1))
    with pytest.raises(InputError, match="among the classes"):
        run_job(validate_forest(X, np.array([1, 2, 1, 3]), np.arange(4), (1, 2), forest()))


def test_progress_goes_up_to_the_end_and_a_cancel_is_heard_between_trees() -> None:
    X, y, stroke = stroke_data()
    steps: list[Progress] = []
    run_job(validate_forest(X, y, stroke, (1, 4), forest(n_estimators=30)), steps.append)
    shares = [step.fraction for step in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    cancel = CancelToken()
    heard: list[Progress] = []

    def stop_in_the_first_forest(step: Progress) -> None:
        heard.append(step)
        if step.done > 0:
            cancel.cancel()

    with pytest.raises(JobCancelled):
        run_job(
            validate_forest(X, y, stroke, (1, 4), forest(n_estimators=200), cancel=cancel),
            stop_in_the_first_forest,
        )
    assert heard[-1].done < 0.1


@pytest.mark.parametrize("class_weight", [None, "balanced", "balanced_subsample", {1: 1.0, 4: 5.0}])
def test_a_forest_grown_in_steps_is_the_same_forest(class_weight: Any) -> None:
    X, y, _ = stroke_data()
    keep = np.r_[:200, 240:260]
    make = forest(n_estimators=60, class_weight=class_weight, oob_score=True)
    at_once = make().fit(X[keep], y[keep])
    in_steps = make()
    shares = list(fit_in_steps(in_steps, X[keep], y[keep]))
    assert shares[-1] == 1
    assert len(in_steps.estimators_) == 60
    np.testing.assert_array_equal(in_steps.predict_proba(X), at_once.predict_proba(X))
