"""Scores in closed form, against scikit-learn, and at the edges where they are undefined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as reference

from napari_segmotif.common import metrics
from napari_segmotif.common.metrics import ClassificationScores, confusion_matrix, mean_iou
from napari_segmotif.errors import InputError

CLASSES = (1, 3, 8)
label_arrays = hnp.arrays(np.uint8, st.just((6, 7)), elements=st.sampled_from(CLASSES))


def test_closed_form() -> None:
    truth = np.array([1, 1, 1, 1, 3, 3, 0, 0])
    predicted = np.array([1, 1, 1, 3, 3, 1, 1, 3])
    scores = ClassificationScores.from_confusion(confusion_matrix(truth, predicted, (1, 3)), (1, 3))
    np.testing.assert_array_equal(scores.confusion, [[3, 1], [1, 1]])
    np.testing.assert_allclose(scores.precision, [3 / 4, 1 / 2])
    np.testing.assert_allclose(scores.recall, [3 / 4, 1 / 2])
    np.testing.assert_allclose(scores.f1, [3 / 4, 1 / 2])
    np.testing.assert_allclose(scores.jaccard, [3 / 5, 1 / 3])
    assert scores.accuracy == pytest.approx(4 / 6)
    assert scores.mean_iou == pytest.approx((3 / 5 + 1 / 3) / 2)
    assert scores.balanced_accuracy == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert scores.support.tolist() == [4, 2]


@settings(max_examples=100, deadline=None)
@given(label_arrays, label_arrays)
def test_equal_to_scikit_learn(truth: np.ndarray, predicted: np.ndarray) -> None:
    scores = ClassificationScores.from_confusion(confusion_matrix(truth, predicted, CLASSES), CLASSES)
    t, p = truth.ravel(), predicted.ravel()
    np.testing.assert_array_equal(scores.confusion, reference.confusion_matrix(t, p, labels=CLASSES))
    precision, recall, f1, support = reference.precision_recall_fscore_support(
        t, p, labels=CLASSES, zero_division=np.nan
    )
    np.testing.assert_allclose(scores.precision, precision)
    np.testing.assert_allclose(scores.recall, recall)
    np.testing.assert_allclose(scores.f1, f1)
    np.testing.assert_array_equal(scores.support, support)
    present = [c for c in CLASSES if c in t or c in p]
    jaccard = reference.jaccard_score(t, p, labels=present, average=None)
    np.testing.assert_allclose(scores.jaccard[~np.isnan(scores.jaccard)], jaccard)
    assert scores.accuracy == pytest.approx(reference.accuracy_score(t, p))
    assert mean_iou(truth, predicted, CLASSES) == pytest.approx(jaccard.mean())


def test_undefined_scores_are_nan_and_shown_as_a_dash() -> None:
    scores = ClassificationScores.from_confusion(confusion_matrix([1, 1], [1, 1], (1, 2)), (1, 2))
    assert scores.jaccard[0] == 1
    for undefined in (scores.precision[1], scores.recall[1], scores.f1[1], scores.jaccard[1]):
        assert np.isnan(undefined)
    assert scores.mean_iou == 1
    text = scores.to_text({1: "nuclei"})
    assert "nuclei" in text
    assert "class 2" in text
    assert "–" in text
    empty = ClassificationScores.from_confusion(np.zeros((2, 2), int), (1, 2))
    assert np.isnan([empty.accuracy, empty.mean_iou, empty.balanced_accuracy]).all()


def test_rows_carry_names_and_plain_numbers() -> None:
    row = ClassificationScores.from_confusion([[2, 0], [1, 1]], (1, 5)).as_rows({5: "cell"})[1]
    assert row == {
        "class": 5,
        "name": "cell",
        "precision": 1.0,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
        "jaccard": 0.5,
        "support": 2,
    }


def test_counting_in_chunks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    truth, predicted = rng.integers(0, 3, (2, 1000))
    predicted[predicted == 0] = 2
    whole = confusion_matrix(truth, predicted, (1, 2))
    monkeypatch.setattr(metrics, "_CHUNK", 7)
    np.testing.assert_array_equal(confusion_matrix(truth, predicted, (1, 2)), whole)


@pytest.mark.parametrize(
    ("truth", "predicted", "classes"),
    [
        ([1, 2], [1, 2, 2], (1, 2)),
        ([1.0, 2.0], [1, 2], (1, 2)),
        ([1, 2], [True, False], (1, 2)),
        ([1, 2], [1, 3], (1, 2)),
        ([1, 2], [1, 2], ()),
        ([1, 2], [1, 2], (2, 1)),
    ],
)
def test_what_cannot_be_counted_is_refused(truth: list, predicted: list, classes: tuple) -> None:
    with pytest.raises(InputError, match=r"\(got .*\)$"):
        confusion_matrix(truth, predicted, classes)


@pytest.mark.parametrize("confusion", [[[1, 2]], [[0.5, 0], [0, 1]], [[-1, 0], [0, 1]]])
def test_what_is_no_confusion_matrix_is_refused(confusion: list) -> None:
    with pytest.raises(InputError, match=r"\(got .*\)$"):
        ClassificationScores.from_confusion(confusion, (1, 2))
