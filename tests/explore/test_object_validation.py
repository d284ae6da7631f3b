"""Validation holds out what belongs together, says what chance gives, and warns where a figure misleads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_segmotif.common.metrics import confusion_matrix
from napari_segmotif.common.progress import CancelToken, run_job
from napari_segmotif.errors import InputError, JobCancelled
from napari_segmotif.explore.classifying.object_classifier import ObjectClassifier
from napari_segmotif.explore.classifying.object_folds import choose_folds, same_objects
from napari_segmotif.explore.classifying.object_training import TrainingObjects
from napari_segmotif.explore.table_simulation import simulate_blobs, simulate_gaussian


def objects(
    y: Any, *, roi: Any = "", frame: Any = 0, position: Any = None, track: Any = None
) -> TrainingObjects:
    y = np.asarray(y)
    columns: dict[str, Any] = {"roi_id": roi, "frame": frame, "label": np.arange(len(y)) + 1, "f": 1.0 * y}
    if position is not None:
        columns |= {f"centroid-{axis}": values for axis, values in enumerate(np.transpose(position))}
    if track is not None:
        columns["track_id"] = track
    return TrainingObjects.from_table(pd.DataFrame(columns), y.astype(np.int32), ["f"])


def trained(table: pd.DataFrame, classes: Any, **given: Any) -> ObjectClassifier:
    return ObjectClassifier(n_estimators=5).fit(table, classes, **given)


# ---------------------------------------------------------------------------------------------------- folds


def test_images_are_held_out_whole_where_every_class_is_in_several() -> None:
    rng = np.random.default_rng(0)
    roi = rng.integers(0, 7, 200).astype(str)
    folds = choose_folds(objects(rng.integers(1, 4, 200), roi=roi, position=rng.random((200, 2))))
    assert folds.method == "image"
    assert folds.n_folds == 5
    assert all(len(np.unique(folds.fold[roi == name])) == 1 for name in np.unique(roi))


def test_a_class_in_one_image_sends_auto_to_positions_and_is_unjudged_by_image() -> None:
    rng = np.random.default_rng(0)
    roi = np.repeat(["a", "b"], 40)
    y = np.where(roi == "a", np.tile([1, 2], 40), np.tile([1, 3], 40))
    some = objects(y, roi=roi, position=rng.random((80, 2)))
    assert choose_folds(some).method == "position"
    by_image = choose_folds(some, "image")
    assert by_image.unjudged == (2, 3)
    assert by_image.n_groups == {1: 2, 2: 1, 3: 1}
    assert (by_image.fold[y > 1] == -1).all()
    assert (by_image.fold[y == 1] >= 0).all()


def test_regions_are_contiguous() -> None:
    """Between two objects of a region, along one axis, there is no object of another region of that row."""
    line = np.column_stack([np.arange(100.0), np.zeros(100)])
    folds = choose_folds(objects(np.tile([1, 2], 50), position=np.random.default_rng(1).permutation(line)))
    assert folds.method == "position"
    # 100 objects on a line in about 20 regions: the order along the line visits each region once
    place = np.argsort(objects(np.tile([1, 2], 50), position=line).position[:, 0])
    ordered = choose_folds(objects(np.tile([1, 2], 50), position=line)).group[place]
    assert len(np.unique(ordered)) == np.count_nonzero(np.diff(ordered)) + 1
    assert 10 <= len(np.unique(ordered)) <= 30


def test_a_class_in_one_corner_is_cut_so_that_it_can_be_judged() -> None:
    rng = np.random.default_rng(2)
    position = np.r_[rng.uniform(0, 1000, (100, 2)), rng.uniform(0, 5, (6, 2))]
    folds = choose_folds(objects(np.r_[np.ones(100), 2 * np.ones(6)], position=position))
    assert folds.unjudged == ()
    assert len(np.unique(folds.fold[100:])) >= 2


def test_without_images_and_positions_objects_are_dealt_evenly() -> None:
    folds = choose_folds(objects(np.repeat([1, 2], [50, 10])), n_splits=5)
    assert folds.method == "random"
    assert np.bincount(folds.fold[:50]).tolist() == [10] * 5
    assert np.bincount(folds.fold[50:]).tolist() == [2] * 5


@pytest.mark.parametrize("by", ["position", "random"])
def test_a_track_is_never_on_both_sides(by) -> None:
    rng = np.random.default_rng(3)
    track = np.tile(np.arange(30), 5)
    some = objects(
        1 + track % 2, frame=np.repeat(np.arange(5), 30), position=rng.uniform(0, 100, (150, 2)), track=track
    )
    folds = choose_folds(some, by)
    assert all(len(np.unique(folds.fold[track == t])) == 1 for t in range(30))


@pytest.mark.parametrize("by", ["position", "random"])
def test_objects_that_stay_or_creep_are_the_same_object_in_all_frames(by) -> None:
    rng = np.random.default_rng(4)
    grid = np.stack(np.meshgrid(np.arange(6), np.arange(5)), -1).reshape(-1, 2) * 20.0
    who = np.tile(np.arange(30), 8)
    frame = np.repeat(np.arange(8), 30)
    position = grid[who] + rng.normal(0, 1, (240, 2)) + 0.5 * frame[:, None]
    seen = rng.random(240) < 0.8  # an object that is missing for a frame is found again
    order = rng.permutation(np.flatnonzero(seen))
    some = objects(1 + who[order] % 2, frame=frame[order], position=position[order])
    unit = same_objects(some)
    pairs = np.unique(np.column_stack([who[order], unit]), axis=0)
    assert len(pairs) == 30
    assert len(np.unique(unit)) == 30
    folds = choose_folds(some, by)
    assert all(len(np.unique(folds.fold[who[order] == w])) == 1 for w in range(30))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 60), st.integers(1, 4), st.integers(2, 6), st.booleans())
def test_every_class_that_is_judged_is_always_in_the_training_part(
    seed, n, n_images, n_splits, placed
) -> None:
    rng = np.random.default_rng(seed)
    y = rng.integers(1, 5, n)
    roi = rng.integers(0, n_images, n).astype(str)
    position = rng.integers(0, 6, (n, 2)) if placed else None
    some = objects(y, roi=roi, frame=rng.integers(0, 3, n), position=position)
    for by in ("auto", "image", "random", *(["position"] if placed else [])):
        folds = choose_folds(some, by, n_splits, seed)
        assert folds.n_folds <= n_splits
        judged = ~np.isin(y, folds.unjudged)
        assert ((folds.fold >= 0) == judged).all()
        assert set(folds.fold[judged]) == set(range(folds.n_folds))
        for k in range(folds.n_folds):
            assert set(y[judged]) <= set(y[folds.fold != k])
            assert not set(folds.group[folds.fold == k]) & set(folds.group[judged & (folds.fold != k)])


def test_bad_choices_are_refused() -> None:
    some = objects([1, 2, 1, 2])
    with pytest.raises(InputError, match="by must be"):
        choose_folds(some, "stroke")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="n_splits"):
        choose_folds(some, n_splits=1)
    with pytest.raises(InputError, match="measure the objects' position"):
        choose_folds(some, "position")


# --------------------------------------------------------------------------------------------------- scores


def test_clear_classes_beat_chance_and_the_scores_are_those_of_the_predictions() -> None:
    table, truth = simulate_blobs(150, 4, 3, separation=8, n_images=3, random_state=1)
    result = trained(table, truth).validate(n_shuffles=20)
    assert result.method == "image"
    assert result.accuracy > 0.95
    assert result.beats_null
    assert result.p_value == pytest.approx(1 / 21)
    assert result.null is not None
    low, high = result.null.accuracy_range
    assert low <= result.null.accuracy_mean <= high < result.accuracy
    np.testing.assert_array_equal(
        result.scores.confusion, confusion_matrix(truth, result.predicted, [1, 2, 3])
    )
    assert "better than chance" in result.summary()
    assert "3 images" in result.summary()


def test_features_that_say_nothing_are_no_better_than_chance() -> None:
    """At 97.5 % one validation of forty may be fooled: of eight, more than one is a fault."""
    fooled = 0
    for seed in range(8):
        table, _ = simulate_gaussian(60, 5, seed)
        y = np.random.default_rng(seed).permutation(np.repeat([1, 2], 30))
        result = ObjectClassifier(n_estimators=5).fit(table, y).validate(n_splits=2, n_shuffles=20)
        fooled += result.beats_null
        assert ("no better than chance" in result.summary()) == (not result.beats_null)
    assert fooled <= 1


def test_images_of_one_class_each_are_shuffled_as_a_whole() -> None:
    """Four images, each with its own light and one class only: their objects are no independent examples."""
    rng = np.random.default_rng(0)
    image = np.repeat(np.arange(4), 20)
    table = pd.DataFrame({"roi_id": image.astype(str), "label": np.tile(np.arange(1, 21), 4)})
    table["light"] = np.array([0.0, 5.0, 1.0, 6.0])[image] + rng.normal(0, 0.1, 80)
    result = trained(table, np.array([1, 2, 1, 2])[image]).validate(n_shuffles=20)
    assert result.null is not None
    assert result.null.shuffled == "image"
    assert result.accuracy > 0.9
    assert not result.beats_null  # 2 of the 6 ways to name four images are as good


def test_accuracy_on_clusters_is_said_to_measure_copying() -> None:
    table, truth = simulate_blobs(60, 3, 2, separation=8, random_state=2)
    assert (
        "copies the clustering" in trained(table, truth, from_clusters=True).validate(n_shuffles=20).summary()
    )
    # noticed without being told, under other numbers, too
    assert trained(table.assign(cluster=truth), 3 - truth).from_clusters_
    # not where somebody looked at the objects
    some = np.where(np.arange(60) < 20, truth, 0)
    assert not trained(table.assign(cluster=truth), some).from_clusters_
    own = np.where(np.arange(60) % 7 == 0, 3 - truth, truth)
    assert not trained(table.assign(cluster=truth), own).from_clusters_
    # a correction or two makes nobody's own classes of them, nor objects that were in no cluster
    corrected = np.where(np.arange(60) % 15 == 0, 3, 3 - truth)
    assert trained(table.assign(cluster=truth), corrected).from_clusters_
    noise = np.where(np.arange(60) % 15 == 0, 0, truth)
    assert trained(table.assign(cluster=noise), truth).from_clusters_
    # a class that is rare does not make clusters that split another one its copy
    rare = np.where(np.arange(60) < 4, 2, 1)
    halves = 1 + np.arange(60) % 2
    assert not trained(table.assign(cluster=halves), rare).from_clusters_


def test_chance_is_said_to_come_from_smaller_classifiers() -> None:
    table, truth = simulate_blobs(340, 3, 2, separation=8, n_images=2, random_state=2)
    large = ObjectClassifier(n_estimators=12).fit(table, truth).validate(n_shuffles=20)
    assert large.null is not None
    assert (large.null.n_trees, large.null.n_objects) == (10, 300)
    assert "learned by forests of only 10 trees from at most 300 objects, to save time" in large.summary()
    small = trained(table.iloc[::4], truth[::4]).validate(n_shuffles=20)
    assert small.null is not None
    assert (small.null.n_trees, small.null.n_objects) == (None, None)
    assert "to save time" not in small.summary()


def test_few_examples_are_named() -> None:
    table, truth = simulate_blobs(60, 3, 2, separation=8, random_state=2)
    rare = np.where((truth == 2) & (np.cumsum(truth == 2) > 4), 0, truth)
    words = trained(table, rare, class_names={2: "mitotic"}).validate(n_shuffles=20).summary()
    assert "few examples of mitotic (4)" in words


def test_a_common_class_does_not_hide_a_rare_one() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([1, 2], [190, 15])
    table = pd.DataFrame({"centroid-0": rng.random(205), "centroid-1": rng.random(205), "a": rng.random(205)})
    result = trained(table, y, class_names={1: "common", 2: "rare"}).validate(n_shuffles=20)
    assert result.accuracy > 0.8
    assert "mostly about common. Look at rare" in result.summary()
    assert "Jaccard" in result.summary()


def test_objects_held_out_at_random_are_said_to_be_optimistic() -> None:
    table, truth = simulate_blobs(60, 3, 2, separation=8, random_state=2)
    words = trained(table[["feature_001", "feature_002"]], truth).validate(n_shuffles=20).summary()
    assert "optimistic" in words
    by_position = trained(table, truth).validate(n_shuffles=20)
    assert by_position.method == "position"
    assert "Regions of the same images" in by_position.summary()


def test_classes_of_one_object_each_cannot_be_judged() -> None:
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    result = trained(table, [1, 2, 0]).validate(n_shuffles=20)
    assert result.n_folds == 0
    assert result.unjudged == (1, 2)
    assert result.null is None
    assert not result.beats_null
    assert np.isnan(result.accuracy)
    assert "Nothing could be judged" in result.summary()


def test_a_neighbour_that_is_a_copy_does_not_help() -> None:
    """Objects come in pairs of equal features side by side, with random classes: nothing can be learned."""
    rng = np.random.default_rng(5)
    features = np.repeat(rng.normal(size=(60, 3)), 2, axis=0)
    place = np.repeat(rng.uniform(0, 1000, (60, 2)), 2, axis=0)
    y = np.repeat(rng.permutation([1, 2] * 30), 2)
    table = pd.DataFrame(np.c_[place, features], columns=["centroid-0", "centroid-1", "a", "b", "c"])
    assert trained(table, y).validate("random", n_shuffles=20).accuracy > 0.75
    assert trained(table, y).validate("position", n_shuffles=20).accuracy < 0.7


def test_validation_can_be_cancelled_and_repeated() -> None:
    table, truth = simulate_blobs(60, 3, 2, separation=3, random_state=2)
    classifier = trained(table, truth)
    one, two = classifier.validate(n_shuffles=20), classifier.validate(n_shuffles=20)
    assert one.summary() == two.summary()
    cancel = CancelToken()
    job = classifier.validate_job(cancel=cancel)
    next(job)
    cancel.cancel()
    with pytest.raises(JobCancelled):
        run_job(job)
    with pytest.raises(InputError, match="n_shuffles"):
        classifier.validate(n_shuffles=5)
