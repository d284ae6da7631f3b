"""What a network is worth on held-out samples, counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ideal_maps import ideal_maps

from napari_segmotif.common.progress import run_job
from napari_segmotif.unet.learning.validation import (
    PixelCount,
    choose_crops,
    object_scores,
    tabulate,
    usual_decoder,
)
from napari_segmotif.unet.network.heads import Heads
from napari_segmotif.unet.training_data.samples import Sample

OBJECTS = Heads((0, 1), True, 2)


def sample(labels: Any, index: int = 0) -> Sample:
    labels = np.asarray(labels, np.int32)
    image = np.arange(labels.size, dtype=np.float32).reshape(1, *labels.shape)
    return Sample(image, labels, index, 0, None)


def maps_of(classes: Any, n: int) -> Any:
    return np.moveaxis(np.eye(n, dtype=np.float32)[np.asarray(classes)], -1, 0)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(10, 50), st.integers(10, 50), st.integers(1, 12), st.integers(0, 99))
def test_crops_lie_in_their_sample_and_are_annotated(n: int, y: int, x: int, most: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = [sample(rng.integers(-1, 2, (y, x)) * (rng.random((y, x)) < 0.1), i) for i in range(n)]
    crops = choose_crops(samples, (16, 16), most)
    assert 0 < len(crops) <= most
    for crop in crops:
        assert crop.image.shape == (1, 16, 16)
        assert crop.labels.shape == (16, 16)
        size = tuple(slice(0, part.stop - part.start) for part in crop.region)
        np.testing.assert_array_equal(crop.labels[size], crop.sample.labels[crop.region])
        np.testing.assert_array_equal(crop.image[0][size], crop.sample.image[0][crop.region])
        assert (crop.labels != -1).any()
        outside = np.ones((16, 16), bool)
        outside[size] = False
        assert (crop.labels[outside] == -1).all()
    seen = {crop.sample.image_index for crop in crops}
    assert len(seen) == min(n, most)  # no sample gets a second crop before all have one


def test_crops_cover_a_sample_where_so_many_may_be_taken() -> None:
    crops = choose_crops([sample(np.zeros((40, 33)))], (16, 16), 64)
    covered = np.zeros((40, 33), bool)
    for crop in crops:
        covered[crop.region] = True
    assert covered.all()
    assert len(crops) == 9


def test_parts_without_annotation_are_not_looked_at() -> None:
    labels = np.full((64, 64), -1)
    labels[:16, 48:] = 1
    crops = choose_crops([sample(labels)], (16, 16), 64)
    assert [crop.region for crop in crops] == [(slice(0, 16), slice(48, 64))]


def test_pixels_are_counted_where_they_are_annotated() -> None:
    heads = Heads((0, 3, 7), False, 2)
    count = PixelCount(heads, sparse=False)
    count.add(np.array([[0, 3, 7, -1], [0, 3, 3, 7]], np.int32), maps_of([[0, 1, 1, 2], [1, 1, 1, 2]], 3))
    assert count.confusion.tolist() == [[1, 1, 0], [0, 3, 0], [0, 1, 1]]
    assert count.dice == pytest.approx((2 * 3 / (3 + 5) + 2 * 1 / (2 + 1)) / 2)


def test_of_strokes_only_the_painted_pixels_are_counted() -> None:
    count = PixelCount(Heads((1, 2), False, 2), sparse=True)
    count.add(np.array([[0, 1, 2, 2]], np.int32), maps_of([[1, 0, 1, 0]], 2))
    assert count.confusion.tolist() == [[1, 0], [1, 1]]
    assert count.dice == pytest.approx(2 / 3)


def test_objects_are_one_class_of_pixels() -> None:
    count = PixelCount(OBJECTS, sparse=False)
    count.add(np.array([[0, 5, 9, -1]], np.int32), maps_of([[0, 1, 0, 1]], 2))
    assert count.confusion.tolist() == [[1, 0], [1, 1]]


def test_without_any_foreground_there_is_no_dice() -> None:
    count = PixelCount(OBJECTS, sparse=False)
    count.add(np.zeros((4, 4), np.int32), maps_of(np.zeros((4, 4), int), 2))
    assert np.isnan(count.dice)


def two_discs() -> Any:
    y, x = np.indices((48, 64))
    labels = np.zeros((48, 64), np.int32)
    labels[(y - 22) ** 2 + (x - 16) ** 2 < 100] = 1
    labels[(y - 22) ** 2 + (x - 46) ** 2 < 100] = 2
    return labels


def test_ideal_maps_are_perfect_and_ignored_parts_do_not_count() -> None:
    labels = two_discs()
    maps = ideal_maps(labels)
    decoder = usual_decoder(OBJECTS)
    assert object_scores(labels, maps, OBJECTS, decoder).average_precision == (1.0,) * 5
    ignored = labels.copy()
    ignored[:, 32:] = -1  # the second disc is found there, but nobody knows whether it should be
    scores = object_scores(ignored, maps, OBJECTS, decoder)
    assert scores.true_positives == (1,) * 5
    assert scores.false_positives == (0,) * 5
    maps[:, :, 32:], maps[0, :, 32:] = 0, 1
    missed = object_scores(labels, maps, OBJECTS, decoder)
    assert missed.false_negatives == (1,) * 5


def test_the_table_adds_up_all_samples() -> None:
    labels = two_discs()
    maps = ideal_maps(labels)
    nothing = np.zeros_like(maps)
    nothing[0] = 1
    samples = [sample(labels, 0), sample(labels, 1)]
    table = run_job(
        tabulate(samples, [maps, nothing], OBJECTS, usual_decoder(OBJECTS), None, sparse=False, by="image")
    )
    assert table.objects is not None
    assert table.n_samples == 2
    assert table.by == "image"
    assert table.objects.true_positives == (2,) * 5
    assert table.objects.false_negatives == (2,) * 5
    assert [scores.true_positives[0] for scores in table.objects_per_sample] == [2, 0]
    assert table.mean_average_precision == pytest.approx(0.5)
    n = int((labels > 0).sum())
    assert table.pixels.confusion.tolist() == [[2 * (labels.size - n), 0], [n, n]]
    assert table.dice == pytest.approx(2 / 3)
    text = table.to_text({0: "background", 1: "nuclei"})
    assert "nuclei" in text
    assert "0.500" in text
    assert "average precision" in text


def test_without_objects_there_are_only_pixels() -> None:
    heads = Heads((0, 1), False, 2)
    labels = (two_discs() > 0).astype(np.int32)
    table = run_job(
        tabulate(
            [sample(labels)],
            [maps_of(labels, 2)],
            heads,
            usual_decoder(heads),
            None,
            sparse=False,
            by="region",
        )
    )
    assert table.objects is None
    assert table.objects_per_sample == ()
    assert table.dice == 1
    assert np.isnan(table.mean_average_precision)
    assert "IoU" not in table.to_text()
