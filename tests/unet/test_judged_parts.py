"""The part of held-out samples that is judged: all that is annotated, and no more than memory allows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_segmotif.unet.learning.judged_parts import judged_parts
from napari_segmotif.unet.training_data.samples import Sample


def sample(labels: np.ndarray) -> Sample:
    """A sample whose image says where each pixel is from."""
    image = np.arange(labels.size, dtype=np.float32).reshape(1, *labels.shape)
    return Sample(image, labels.astype(np.int32), image_index=0, frame=0, plane=None)


def test_what_is_annotated_all_over_is_judged_as_it_is():
    whole = sample(np.zeros((30, 40)))
    assert judged_parts([whole], "instances") == [whole]


@settings(deadline=None, max_examples=40)
@given(top=st.integers(0, 150), left=st.integers(0, 150), height=st.integers(1, 60), width=st.integers(1, 60))
def test_nothing_annotated_is_lost_and_the_image_stays_with_it(top, left, height, width):
    labels = np.full((210, 230), -1)
    labels[top : top + height, left : left + width] = 1
    (part,) = judged_parts([sample(labels)], "semantic")
    found = part.labels >= 0
    assert found.sum() == height * width
    at = np.unravel_index(part.image[0][found].astype(int), labels.shape)
    assert (labels[at] == 1).all()
    assert part.labels.shape[0] <= height + 128


@pytest.mark.parametrize("shape", [(300, 500), (20, 90, 110), (4, 20_000)])
def test_a_sample_too_large_is_judged_in_its_middle(shape):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, shape)
    (part,) = judged_parts([sample(labels)], "semantic", most=20_000)
    kept = part.labels >= 0
    assert 5_000 < kept.sum() <= 20_000
    at = np.unravel_index(part.image[0].astype(int), shape)
    np.testing.assert_array_equal(part.labels[kept], labels[at][kept])


def test_objects_at_the_border_of_the_middle_are_not_judged():
    labels = np.repeat(np.arange(1, 41), 10)[None].repeat(50, axis=0)  # stripes of 10 columns
    (part,) = judged_parts([sample(labels)], "instances", most=50 * 95)
    ids, sizes = np.unique(part.labels[part.labels > 0], return_counts=True)
    assert len(ids) in (8, 9)
    assert (sizes == 500).all()


def test_samples_are_taken_as_long_as_there_is_room():
    small = [sample(np.zeros((10, 10))) for _ in range(5)]
    assert judged_parts(small, "semantic", most=350) == small[:3]
    assert judged_parts(small, "semantic", most=100) == small[:1]
