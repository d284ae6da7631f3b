"""What is held out: other images or another part, never the same pixels, never nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_segmotif.common.simulation import simulate_nuclei_2d
from napari_segmotif.errors import AnnotationError
from napari_segmotif.unet.training_data.samples import Sample, SampleSet
from napari_segmotif.unet.training_data.split import Split, split_samples

NUCLEI = simulate_nuclei_2d((256, 256), n_nuclei=24)


def sample(labels: Any, index: int = 0, frame: int = 0) -> Sample:
    labels = np.asarray(labels, np.int32)
    return Sample(np.zeros((1, *labels.shape), np.float32), labels, index, frame, None)


def sample_set(samples: list[Sample], annotation: Any = "instances", classes: Any = (0, 1)) -> SampleSet:
    return SampleSet(tuple(samples), annotation, classes, 1, "YX", None)


def squares(n: int, size: int = 4, gap: int = 4) -> Any:
    labels = np.zeros((n * (size + gap), n * (size + gap)), np.int32)
    for i in range(n * n):
        y, x = (size + gap) * (i // n), (size + gap) * (i % n)
        labels[y : y + size, x : x + size] = i + 1
    return labels


def ids(samples: tuple[Sample, ...]) -> set[int]:
    return {int(v) for s in samples for v in np.unique(s.labels) if v > 0}


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 20), share=st.floats(0.01, 0.6), seed=st.integers(0, 50), frames=st.integers(1, 3))
def test_images_are_never_on_both_sides(n: int, share: float, seed: int, frames: int) -> None:
    samples = [sample(squares(2), i, t) for i in range(n) for t in range(frames)]
    split = split_samples(sample_set(samples), share, seed)
    train, held = ({s.image_index for s in side} for side in (split.train, split.validation))
    assert split.by == "image"
    assert train | held == set(range(n))
    assert not train & held
    assert len(held) == min(n - 1, max(1, round(share * n)))
    assert len(split.train) + len(split.validation) == len(samples)
    assert f"{len(held)} of {n} images" in split.message


def test_seed_decides_which_images() -> None:
    samples = sample_set([sample(squares(2), i) for i in range(12)])
    held = [tuple(s.image_index for s in split_samples(samples, 0.25, seed).validation) for seed in range(6)]
    assert held[0] == tuple(s.image_index for s in split_samples(samples, 0.25, 0).validation)
    assert len(set(held)) > 1


def test_a_rare_class_stays_in_training() -> None:
    common = np.tile([[0, 1]], (4, 4))
    rare = common.copy()
    rare[0, 0] = 2
    for seed in range(20):
        samples = [sample(common, i) for i in range(5)] + [sample(rare, 5)]
        split = split_samples(sample_set(samples, "semantic", (0, 1, 2)), 0.2, seed)
        assert 5 in {s.image_index for s in split.train}
        assert ids(split.validation)


def test_validation_images_have_something_to_judge_by() -> None:
    for seed in range(20):
        empty = [sample(np.zeros((16, 16)), i) for i in range(9)]
        split = split_samples(sample_set([*empty, *(sample(squares(2), 9 + i) for i in range(2))]), 0.1, seed)
        assert ids(split.validation)
        assert ids(split.train)


def check_region(split: Split, truth: Any) -> None:
    assert split.by == "region"
    (train,), (held,) = split.train, split.validation
    for side in (train.labels, held.labels):
        np.testing.assert_array_equal(side[side >= 0], truth[side >= 0])
    assert not ((train.labels >= 0) & (held.labels >= 0)).any()


@pytest.mark.parametrize("seed", range(5))
def test_one_image_is_cut_with_whole_objects_on_both_sides(seed: int) -> None:
    truth = NUCLEI.labels
    split = split_samples(sample_set([sample(truth)]), 0.2, seed)
    check_region(split, truth)
    (train,), (held,) = split.train, split.validation
    assert not ids(split.train) & ids(split.validation)
    for side in (train.labels, held.labels):
        for label in np.unique(side[side > 0]):
            np.testing.assert_array_equal(side == label, truth == label)
    share = len(ids(split.validation)) / (len(ids(split.validation)) + len(ids(split.train)))
    assert 0.1 < share < 0.35
    assert 0.15 < (held.labels >= 0).mean() <= 0.2
    # between the two lies a gap: no pixel of one is near one of the other
    distance = np.abs(
        np.argwhere((held.labels >= 0).any(axis=1)) - np.argwhere((train.labels >= 0).any(axis=1)).T
    )
    across = np.abs(
        np.argwhere((held.labels >= 0).any(axis=0)) - np.argwhere((train.labels >= 0).any(axis=0)).T
    )
    assert max(distance.min(), across.min()) > 5


@pytest.mark.parametrize("seed", range(5))
def test_strokes_of_every_class_are_on_both_sides(seed: int) -> None:
    classes = tuple(int(c) for c in np.unique(NUCLEI.annotation) if c)
    split = split_samples(sample_set([sample(NUCLEI.annotation)], "scribbles", classes), 0.2, seed)
    check_region(split, NUCLEI.annotation)
    assert ids(split.train) == ids(split.validation) == set(classes)


def test_frames_of_one_image_are_cut_at_the_same_place() -> None:
    samples = [sample(NUCLEI.labels, 0, t) for t in range(3)]
    split = split_samples(sample_set(samples), 0.2, 0)
    assert split.by == "region"
    assert len(split.train) == len(split.validation) == 3
    np.testing.assert_array_equal(split.train[0].labels, split.train[2].labels)
    np.testing.assert_array_equal(split.validation[0].labels, split.validation[1].labels)


def test_volumes_are_cut() -> None:
    truth = np.stack([squares(6)] * 3)
    split = split_samples(sample_set([sample(truth)]), 0.3, 0)
    check_region(split, truth)
    assert ids(split.train)
    assert ids(split.validation)


def test_only_one_of_several_images_is_annotated() -> None:
    samples = [sample(squares(5), 0), sample(np.zeros((40, 40)), 1)]
    split = split_samples(sample_set(samples), 0.2, 0)
    assert split.by == "region"
    assert ids(split.train)
    assert ids(split.validation)


def test_strokes_in_one_corner_only_are_still_split() -> None:
    labels = np.zeros((400, 400), np.int32)
    labels[10:12, 10:40], labels[20:22, 10:40] = 1, 2
    split = split_samples(sample_set([sample(labels)], "scribbles", (1, 2)), 0.2, 0)
    check_region(split, labels)
    assert ids(split.train) == {1, 2}
    assert ids(split.validation)


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (16, 16)])
def test_one_object_cannot_be_split(shape: tuple[int, int]) -> None:
    labels = np.zeros(shape, np.int32)
    labels[: shape[0] // 2 + 1] = 1
    with pytest.raises(AnnotationError, match=r"too little is annotated.*\(got 1 object"):
        split_samples(sample_set([sample(labels)]), 0.2, 0)


def test_two_small_objects_are_split() -> None:
    labels = np.zeros((64, 64), np.int32)
    labels[4:8, 4:8], labels[50:54, 50:54] = 1, 2
    split = split_samples(sample_set([sample(labels)]), 0.2, 0)
    assert len(ids(split.train)) == len(ids(split.validation)) == 1


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000), n=st.integers(8, 60), share=st.floats(0.05, 0.6), kind=st.sampled_from("is")
)
def test_no_side_is_ever_empty(seed: int, n: int, share: float, kind: str) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, (n, n)) * (rng.random((n, n)) < 0.1)
    wanted = ("instances", (0, 1)) if kind == "i" else ("scribbles", (1, 2, 3))
    try:
        split = split_samples(sample_set([sample(labels)], *wanted), share, seed)
    except AnnotationError:
        return
    check_region(split, labels)
    assert ids(split.validation)
    assert len(ids(split.train)) >= (1 if kind == "i" else 3)
