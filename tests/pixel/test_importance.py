"""Importances on held-out strokes, correlated groups, and the choice of a few features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.ensemble import RandomForestClassifier

from napari_segmotif.common.progress import CancelToken, Progress, run_job
from napari_segmotif.errors import AnnotationError, InputError, JobCancelled
from napari_segmotif.pixel.reviewing.importance import (
    correlated_groups,
    correlation_warning,
    permutation_importances,
    rank_correlation,
    rank_for_selection,
)

NAMES = ("signal", "twin", "noise a", "noise b", "constant")


def make_forest() -> RandomForestClassifier:
    return RandomForestClassifier(n_estimators=30, random_state=0, n_jobs=1)


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One informative feature, its near copy, two of noise and a constant: X, y, stroke."""
    rng = np.random.default_rng(0)
    stroke = np.repeat(np.arange(20), 30)
    y = np.where(stroke % 2 == 0, 2, 5)
    signal = rng.normal(0, 1, len(y)) + 3 * (y == 5)
    noise = rng.normal(0, 1, (len(y), 2))
    X = np.column_stack([signal, signal + rng.normal(0, 0.01, len(y)), noise, np.ones(len(y))])
    return X.astype(np.float32), y, stroke


def test_what_matters_and_what_hides_behind_its_twin(data: tuple[np.ndarray, ...]) -> None:
    X, y, stroke = data
    groups = correlated_groups(X, NAMES)
    assert groups == (("signal", "twin"),)
    found = run_job(permutation_importances(X, y, stroke, NAMES, make_forest, groups))
    assert found.names == NAMES
    signal, twin, *noise, constant = found.confidence_drop
    assert min(signal, twin) > 5 * max(np.abs(noise))
    assert constant == pytest.approx(0, abs=1e-12)
    assert found.group_confidence_drop[0] > 1.5 * max(signal, twin), "shuffled as one they cannot stand in"
    assert found.group_accuracy_drop[0] > 0.25
    # shuffling all that is informative leaves a guess between the two classes
    assert found.accuracy - found.group_accuracy_drop[0] == pytest.approx(0.5, abs=0.1)
    assert found.accuracy > 0.85


def test_importances_repeat_themselves_and_do_not_change_the_features(data: tuple[np.ndarray, ...]) -> None:
    X, y, stroke = data
    before = X.copy()
    once, again = (run_job(permutation_importances(X, y, stroke, NAMES, make_forest)) for _ in range(2))
    np.testing.assert_array_equal(once.confidence_drop, again.confidence_drop)
    np.testing.assert_array_equal(X, before)
    assert once.groups == ()
    assert once.group_confidence_drop.shape == (0,)


def test_every_class_and_stroke_is_looked_at_when_only_some_pixels_are() -> None:
    class Counts:
        """Notes the strokes it is asked about: they are the only feature."""

        asked: set[float] = set()  # noqa: RUF012  (one for the whole test)
        classes_ = np.array([1, 2])

        def fit(self, X: np.ndarray, y: np.ndarray) -> Counts:
            return self

        def predict_proba(self, X: np.ndarray) -> np.ndarray:
            self.asked.update(X[:, 0].tolist())
            return np.full((len(X), 2), 0.5)

    stroke = np.concatenate([np.repeat(np.arange(6), 1000), np.repeat(np.arange(6, 12), 5)])
    y = np.where(stroke < 6, 1, 2)
    job = permutation_importances(stroke[:, None].astype(np.float32), y, stroke, ["s"], Counts, max_pixels=36)
    found = run_job(job)
    assert Counts.asked == set(range(12))
    assert found.confidence == 0.5


def test_without_a_second_stroke_there_are_no_importances() -> None:
    X, y = np.zeros((4, 1), np.float32), np.array([1, 1, 2, 2])
    with pytest.raises(AnnotationError, match="second stroke"):
        run_job(permutation_importances(X, y, y, ["a"], make_forest))


def test_progress_and_cancel(data: tuple[np.ndarray, ...]) -> None:
    X, y, stroke = data
    steps: list[Progress] = []
    run_job(permutation_importances(X, y, stroke, NAMES, make_forest, n_repeats=2), steps.append)
    shares = [step.fraction for step in steps]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    cancel = CancelToken()
    with pytest.raises(JobCancelled):
        run_job(
            permutation_importances(X, y, stroke, NAMES, make_forest, cancel=cancel),
            lambda _: cancel.cancel(),
        )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.6, 0.8, 0.95]))
def test_groups_do_not_depend_on_the_order_of_columns(seed: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    base = rng.normal(0, 1, (80, 3))
    X = np.repeat(base, 3, axis=1) + rng.choice([0.0, 0.3, 1.0], 9) * rng.normal(0, 1, (80, 9))
    X[:, 8] = np.round(X[:, 8])
    names = np.array([f"feature {k}" for k in range(9)])
    order = rng.permutation(9)
    groups = correlated_groups(X, names.tolist(), threshold)
    assert correlated_groups(X[:, order], names[order].tolist(), threshold) == groups
    strength = np.abs(spearmanr(X).statistic)
    for group in groups:
        columns = [names.tolist().index(name) for name in group]
        assert strength[np.ix_(columns, columns)].min() >= threshold - 1e-6, "every two of a group correlate"


def test_rank_correlation_is_spearmans() -> None:
    X = np.random.default_rng(0).exponential(1, (200, 4))
    X[:, 3] = X[:, 0] ** 3
    np.testing.assert_allclose(rank_correlation(X), np.abs(spearmanr(X).statistic), atol=1e-12)
    assert rank_correlation(X)[0, 3] == pytest.approx(1)
    assert rank_correlation(np.ones((10, 2))).tolist() == [[0, 0], [0, 0]]


def test_the_warning_names_the_features() -> None:
    assert correlation_warning(()) is None
    text = correlation_warning([("a", "b", "c"), ("d", "e"), ("f", "g"), ("h", "i"), ("j", "k")])
    assert text is not None
    assert "a ≈ b ≈ c; d ≈ e; f ≈ g; and 2 more groups" in text


def test_selection_takes_what_matters_and_no_copies(data: tuple[np.ndarray, ...]) -> None:
    X, _, _ = data
    assert rank_for_selection([0.5, 0.49, 0.02, 0.01, 0.4], X, 3).tolist() == [0, 2, 3]
    everything = rank_for_selection([0.5, 0.49, 0.02, -0.01, 0.4], X, 5)
    assert sorted(everything.tolist()) == [0, 1, 2, 3, 4]
    assert everything[-1] == 4, "a constant feature comes last"
    assert rank_for_selection([0, 0, 0, 0, 0], X, 4).tolist()[-1] == 1, "a copy comes after all that is new"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda X, y, s: rank_for_selection([1.0], X, 1),
        lambda X, y, s: rank_for_selection([np.nan] * 5, X, 1),
        lambda X, y, s: rank_for_selection([1.0] * 5, X, 0),
        lambda X, y, s: rank_for_selection([1.0] * 5, X, 6),
        lambda X, y, s: correlated_groups(X, ["a"]),
        lambda X, y, s: correlated_groups(X, ["a"] * 5),
        lambda X, y, s: correlated_groups(X, NAMES, 0),
        lambda X, y, s: run_job(permutation_importances(X, y, s, NAMES, make_forest, [("signal", "?")])),
    ],
)
def test_what_makes_no_sense_is_refused(
    wrong: Callable[..., object], data: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    with pytest.raises(InputError, match=r"\(got .*\)$"):
        wrong(*data)
