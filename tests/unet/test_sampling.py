"""Where patches are taken from, and that a step is always the same batch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_segmotif.common.simulation import simulate_nuclei_2d
from napari_segmotif.errors import AnnotationError
from napari_segmotif.unet.network.configuration import Configuration
from napari_segmotif.unet.parameters import UNetParameters
from napari_segmotif.unet.training_data.samples import Sample
from napari_segmotif.unet.training_data.sampling import PatchSampler

PLAIN = {
    "flip": False, "turn": False, "rotation": 0, "scaling": 0, "elastic": 0,
    "brightness": 0, "contrast": 0, "gamma": 0, "noise": 0, "blur": 0,
}  # fmt: skip


def sample(labels: Any, index: int = 0, image: Any = None) -> Sample:
    labels = np.asarray(labels, np.int32)
    image = np.random.default_rng(index).random((1, *labels.shape), np.float32) if image is None else image
    return Sample(image, labels, index, 0, None)


def sampler(
    samples: list[Sample],
    patch: tuple[int, ...] = (32, 32),
    batch: int = 4,
    seed: int = 0,
    annotation: Any = "instances",
    **settings: Any,
) -> PatchSampler:
    d = len(patch)
    configuration = Configuration(
        depth=1,
        patch=patch,
        batch_size=batch,
        steps_per_epoch=1,
        strides=((2,) * d,),
        kernels=((3,) * d,) * 2,
        widths=(4, 8),
        annotation=annotation,
    )
    return PatchSampler(samples, configuration, UNetParameters(dimensions=d, **settings), seed)


NUCLEI = simulate_nuclei_2d((96, 120), n_nuclei=6).labels


def test_shapes_and_types() -> None:
    volume = np.stack([NUCLEI] * 5)
    image = np.random.default_rng(0).random((3, 5, 96, 120), np.float32)
    images, labels = sampler([sample(volume, image=image)], (4, 16, 32), 3).batch(0)
    assert images.shape == (3, 3, 4, 16, 32)
    assert labels.shape == (3, 4, 16, 32)
    assert (images.dtype, labels.dtype) == (np.float32, np.int32)
    assert images.flags.c_contiguous
    assert labels.flags.c_contiguous


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), step=st.integers(0, 10**6))
def test_a_step_is_always_the_same_batch(seed: int, step: int) -> None:
    samples = [sample(NUCLEI), sample(NUCLEI[:50], 1)]
    first = sampler(samples, seed=seed)
    first.batch(0)
    once, again = first.batch(step), sampler(samples, seed=seed).batch(step)
    for a, b in zip(once, again, strict=True):
        np.testing.assert_array_equal(a, b)
    other = first.batch(step + 1)
    assert not np.array_equal(once[0], other[0])
    assert not np.array_equal(sampler(samples, seed=seed + 1).batch(step)[0], once[0])


def test_threads_do_not_change_a_batch() -> None:
    mine = sampler([sample(NUCLEI)])
    alone = [mine.batch(step) for step in range(6)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(mine.batch, range(6)))
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])


def test_batch_size_does_not_change_the_patches() -> None:
    """Patch number n is the same whatever the batches are, so that a smaller batch sees the same data."""
    small, large = (sampler([sample(NUCLEI)], batch=n) for n in (2, 4))
    np.testing.assert_array_equal(np.concatenate([small.batch(2)[0], small.batch(3)[0]]), large.batch(1)[0])


def test_samples_are_not_changed() -> None:
    one = sample(NUCLEI)
    image, labels = one.image.copy(), one.labels.copy()
    mine = sampler([one])
    for step in range(10):
        mine.batch(step)
    np.testing.assert_array_equal(one.image, image)
    np.testing.assert_array_equal(one.labels, labels)


def test_every_pixel_is_seen() -> None:
    """Also those far away from the few objects, and at the border."""
    labels = np.zeros((90, 70), np.int32)
    labels[40:44, 30:34] = 1
    place = np.arange(labels.size, dtype=np.float32).reshape(1, *labels.shape)
    seen = np.zeros(labels.size, int)
    mine = sampler([sample(labels, image=place)], **PLAIN)
    for step in range(60):
        images, found = mine.batch(step)
        np.add.at(seen, images[found[:, None] >= 0].astype(int), 1)
    assert seen.min() > 0


def test_foreground_is_oversampled() -> None:
    labels = np.zeros((600, 600), np.int32)
    labels[300:304, 300:304] = 1
    for share in (0.0, 0.33, 1.0):
        mine = sampler([sample(labels)], batch=50, foreground_share=share)
        hits = np.mean([(mine.batch(step)[1] == 1).any(axis=(1, 2)) for step in range(8)])
        assert share - 0.08 <= hits <= share + 0.12


def test_rare_classes_are_as_frequent_as_others() -> None:
    labels = np.zeros((400, 400), np.int32)
    labels[:, :200] = 1
    labels[390:393, 390:393] = 2
    mine = sampler([sample(labels)], batch=50, annotation="semantic", foreground_share=1.0)
    hits = np.mean([(mine.batch(step)[1] == 2).any(axis=(1, 2)) for step in range(8)])
    assert 0.4 < hits < 0.6


def test_patches_lie_on_strokes() -> None:
    labels = np.zeros((800, 800), np.int32)
    labels[100:102, 100:140], labels[700:702, 600:640] = 1, 2
    mine = sampler([sample(labels)], (64, 64), batch=50, annotation="scribbles")
    painted = np.concatenate([(mine.batch(step)[1] > 0).any(axis=(1, 2)) for step in range(8)])
    assert painted.mean() > 0.9
    classes = [np.unique(mine.batch(0)[1][i]) for i in range(50)]
    assert 10 < sum(1 in found for found in classes) < 40


def test_all_images_are_used_and_large_ones_more() -> None:
    samples = [sample(np.pad([[i + 1]], ((n, n), (n, n))), i) for i, n in enumerate((16, 16, 64, 128))]
    for one in samples:
        one.image[:] = one.image_index
    mine = sampler(samples, **PLAIN)
    counts = np.bincount(
        np.concatenate([mine.batch(step)[0].mean(axis=(1, 2, 3)) for step in range(100)]).astype(int),
        minlength=4,
    )
    shares = counts / counts.sum()
    sizes = np.array([33, 33, 129, 257])  # in proportion to the side, as the root of the area
    np.testing.assert_allclose(shares, sizes / sizes.sum(), atol=0.01)


@settings(max_examples=25, deadline=None)
@given(shape=st.tuples(st.integers(1, 40), st.integers(1, 40)), seed=st.integers(0, 1000))
def test_images_smaller_than_the_patch(shape: tuple[int, int], seed: int) -> None:
    labels = np.ones(shape, np.int32)
    images, found = sampler([sample(labels)], (32, 32), seed=seed, **PLAIN).batch(0)
    assert np.isfinite(images).all()
    inside = [min(n, 32) for n in shape]
    for patch in found:
        assert (patch == 1).sum() == inside[0] * inside[1]


def test_ignored_parts_are_avoided() -> None:
    labels = np.full((300, 300), -1)
    labels[:60, :60] = 0
    labels[10:14, 10:14] = 5
    mine = sampler([sample(labels)], **PLAIN)
    for step in range(10):
        assert (mine.batch(step)[1] >= 0).all()


def test_samples_that_are_ignored_wholly_are_left_out() -> None:
    ignored = sample(np.full((40, 40), -1), 1)
    mine = sampler([ignored, sample(NUCLEI)])
    for step in range(10):
        assert (mine.batch(step)[1] >= 0).any(axis=(1, 2)).all()
    with pytest.raises(AnnotationError, match="nothing to train on"):
        sampler([ignored])
    with pytest.raises(AnnotationError, match="nothing to train on"):
        sampler([])
    with pytest.raises(AnnotationError, match="nothing to train on"):
        sampler([sample(np.zeros((40, 40)))], annotation="scribbles")


def test_only_the_window_is_read() -> None:
    """A large sample that lives on disk: its pages away from the patches are never touched."""

    class Counted(np.ndarray):
        n_read = 0

        def __getitem__(self, index: Any) -> Any:
            found = super().__getitem__(index)
            if isinstance(found, np.ndarray):
                Counted.n_read = max(Counted.n_read, found.size)
            return found

    labels = np.zeros((2000, 2000), np.int32)
    labels[500:520, 500:520] = 1
    counted = np.zeros((1, 2000, 2000), np.float32).view(Counted)
    mine = sampler([sample(labels, image=counted)], **PLAIN)
    mine.batch(0)
    assert 0 < Counted.n_read <= 32 * 32
