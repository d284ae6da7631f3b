"""Matching of objects: equal to brute force, one to one, and its counts add up over images."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_segmotif.common.object_metrics import (
    IOU_THRESHOLDS,
    ObjectScores,
    dice,
    find_overlaps,
    match_objects,
)
from napari_segmotif.errors import InputError

LABELS = hnp.arrays(
    np.int32, hnp.array_shapes(min_dims=2, max_dims=3, max_side=5), elements=st.integers(0, 4)
)


def brute_force(truth: np.ndarray, found: np.ndarray, threshold: float) -> int:
    """Most pairs with IoU >= threshold over all one-to-one assignments."""
    true_ids, found_ids = np.unique(truth[truth > 0]), np.unique(found[found > 0])
    if len(true_ids) > len(found_ids):
        truth, found, true_ids, found_ids = found, truth, found_ids, true_ids
    good = np.array(
        [
            [
                ((truth == i) & (found == j)).sum() / ((truth == i) | (found == j)).sum() >= threshold
                for j in found_ids
            ]
            for i in true_ids
        ]
    ).reshape(len(true_ids), len(found_ids))
    return max(
        sum(bool(good[i, j]) for i, j in enumerate(choice))
        for choice in itertools.permutations(range(len(found_ids)), len(true_ids))
    )


@settings(max_examples=150, deadline=None)
@given(data=st.data(), truth=LABELS, threshold=st.sampled_from([0.1, 0.25, 1 / 3, 0.5, 0.6, 0.75, 1.0]))
def test_matching_is_the_best_one_to_one_assignment(data, truth, threshold):
    found = data.draw(hnp.arrays(np.int32, truth.shape, elements=st.integers(0, 4)))
    scores = match_objects(truth, found, [threshold])
    hits = brute_force(truth, found, threshold)
    n_true, n_found = len(np.unique(truth[truth > 0])), len(np.unique(found[found > 0]))
    assert scores.true_positives == (hits,)
    assert scores.false_positives == (n_found - hits,)
    assert scores.false_negatives == (n_true - hits,)


@settings(max_examples=50, deadline=None)
@given(truth=LABELS, step=st.integers(1, 10**6))
def test_an_objects_number_means_nothing(truth, step):
    """Gaps, huge numbers and other integer types are the same objects."""
    n = len(np.unique(truth[truth > 0]))
    scores = match_objects(truth, (truth.astype(np.uint64) * step * 1000))
    assert scores.true_positives == (n,) * 5
    assert scores.false_positives == scores.false_negatives == (0,) * 5


def test_average_precision_of_a_known_case():
    truth = np.zeros((20, 20), np.uint16)
    found = np.zeros((20, 20), np.int64)
    truth[:10, :10], found[:10, :8] = 1, 7  # IoU 0.8
    truth[10:, 10:], found[10:, 10:15] = 2, 3  # IoU 0.5
    truth[:5, 15:] = 9  # missed
    scores = match_objects(truth, found)
    assert scores.thresholds == IOU_THRESHOLDS
    assert scores.true_positives == (2, 1, 1, 1, 0)
    assert scores.average_precision == pytest.approx((2 / 3, 1 / 4, 1 / 4, 1 / 4, 0))
    assert scores.mean_average_precision == pytest.approx((2 / 3 + 3 / 4) / 5)
    assert scores.precision == (1, 0.5, 0.5, 0.5, 0)
    assert scores.recall == pytest.approx((2 / 3, 1 / 3, 1 / 3, 1 / 3, 0))
    assert scores.f1 == pytest.approx((0.8, 0.4, 0.4, 0.4, 0))
    assert (scores.n_true, scores.n_found) == (3, 2)
    assert [row["threshold"] for row in scores.as_rows()] == list(IOU_THRESHOLDS)
    assert scores.as_rows()[0]["average_precision"] == pytest.approx(2 / 3)


def test_one_object_over_two_halves_matches_one_of_them():
    truth = np.array([[1, 1, 0]])
    assert match_objects(truth, np.array([[5, 6, 0]]), [0.5]).true_positives == (1,)
    # a greedy choice would take the first pair and leave the second object alone
    truth, found = np.array([[1, 1, 2, 2, 2, 2]]), np.array([[1, 2, 2, 2, 2, 3]])
    assert match_objects(truth, found, [0.1]).true_positives == (2,)


def test_scores_of_images_add_up_over_objects():
    a = match_objects(np.array([[1, 2, 0, 0]]), np.array([[1, 2, 0, 3]]))
    b = match_objects(np.array([[1, 0, 0, 0]]), np.array([[0, 0, 0, 0]]))
    both = sum([a, b], start=ObjectScores.empty())
    assert both.true_positives == (2,) * 5
    assert both.false_positives == both.false_negatives == (1,) * 5
    assert both.mean_average_precision == 0.5
    with pytest.raises(InputError, match=r"same thresholds.*\(got"):
        _ = a + match_objects(np.array([1]), np.array([1]), [0.5])


def test_without_any_object_the_scores_are_not_defined():
    scores = match_objects(np.zeros((4, 4), int), np.zeros((4, 4), int))
    assert all(math.isnan(value) for value in (*scores.average_precision, *scores.f1, *scores.recall))
    assert math.isnan(scores.mean_average_precision)
    assert match_objects(np.zeros((0, 4), int), np.zeros((0, 4), int)).n_true == 0


def test_pixels_that_are_not_known_count_for_nothing():
    truth = np.array([[1, 1, 1, -1, -1, -1, 0, 0]])
    found = np.array([[4, 4, 4, 4, 5, 5, 5, 0]])
    scores = match_objects(truth, found, [1.0])
    # 4 is the object as far as it is known; 5 lies in the unknown for the most part
    assert (scores.true_positives, scores.false_positives) == ((1,), (0,))


def test_small_objects_are_left_out_of_the_same_overlaps():
    rng = np.random.default_rng(0)
    truth, found = rng.integers(0, 30, (40, 40)), rng.integers(0, 40, (40, 40))
    overlaps = find_overlaps(truth, found)
    sizes = np.bincount(found.ravel())
    for minimum in (1, 38, 45, 1000):
        large = np.where(sizes[found] >= minimum, found, 0)
        assert overlaps.scores([0.02, 0.05], minimum) == match_objects(truth, large, [0.02, 0.05])


def test_many_objects_take_no_table_of_all_pairs():
    """20,000 objects a side: a table of pairs would have 4·10⁸ cells."""
    truth = np.repeat(np.arange(20_000), 5).reshape(-1, 100)
    scores = match_objects(truth, np.roll(truth, 1))
    assert scores.thresholds[1] == 0.6
    assert scores.true_positives[1] >= 19_998  # IoU 4/6
    assert scores.true_positives[2] <= 1


@pytest.mark.parametrize(
    ("truth", "found", "thresholds", "words"),
    [
        (np.zeros((3, 3), int), np.zeros((3, 4), int), [0.5], "same shape"),
        (np.zeros((2, 6), int), np.zeros((3, 4), int), [0.5], "same shape"),
        (np.zeros((3, 3)), np.zeros((3, 3), int), [0.5], "truth must be integer"),
        (np.zeros((3, 3), int), np.zeros((3, 3), bool), [0.5], "predicted must be integer"),
        (np.zeros((3, 3), int), np.full((3, 3), -1), [0.5], "0 or more"),
        (np.zeros((3, 3), int), np.zeros((3, 3), int), [0.0], "thresholds"),
        (np.zeros((3, 3), int), np.zeros((3, 3), int), [], "thresholds"),
    ],
)
def test_bad_input_is_refused(truth, found, thresholds, words):
    with pytest.raises(InputError, match=rf"{words}.*\(got"):
        match_objects(truth, found, thresholds)


@settings(max_examples=50, deadline=None)
@given(a=hnp.arrays(bool, (3, 4)), b=hnp.arrays(bool, (3, 4)))
def test_dice_is_twice_the_overlap_over_both(a, b):
    if a.any() or b.any():
        assert dice(a, b) == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
    else:
        assert math.isnan(dice(a, b))


def test_dice_of_masks_of_different_shapes_is_refused():
    with pytest.raises(InputError, match=r"same shape.*\(got"):
        dice(np.zeros((2, 2)), np.zeros((2, 3)))
