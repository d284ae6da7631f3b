"""From images and labels to samples, and what is said about those that cannot be used."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest

from napari_segmotif.common.axes import ImageSource
from napari_segmotif.common.progress import CancelToken, Progress, run_job
from napari_segmotif.errors import AnnotationError, AxesError, InputError, JobCancelled
from napari_segmotif.unet.training_data.samples import SampleSet, collect_samples

RNG = np.random.default_rng(0)


def collect(images: Any, labels: Any, annotation: Any = "instances", **settings: Any) -> SampleSet:
    return run_job(collect_samples(images, labels, annotation, **settings))


def image(*shape: int) -> Any:
    return RNG.random(shape)


def two_objects(*shape: int) -> Any:
    labels = np.zeros(shape, np.uint16)
    labels[..., 1:4, 1:4] = 1
    labels[..., 6:9, 1:4] = 2
    return labels


def test_one_image() -> None:
    picture, labels = image(12, 14), two_objects(12, 14)
    found = collect(picture, labels, spacing=(0.5, 0.25))
    (sample,) = found.samples
    assert sample.image.shape == (1, 12, 14)
    assert sample.image.dtype == np.float32
    assert sample.labels.dtype == np.int32
    np.testing.assert_array_equal(sample.labels, labels)
    assert (sample.image_index, sample.frame, sample.plane) == (0, 0, None)
    assert (found.classes, found.n_channels, found.axes) == ((0, 1), 1, "YX")
    assert found.spacing == (0.5, 0.25)
    assert found.messages == ()
    low, high = np.percentile(picture, (1, 99.8))
    np.testing.assert_allclose(sample.image[0], (picture - low) / (high - low), atol=1e-5)


def test_every_plane_of_every_frame_is_a_sample_in_2d_and_every_frame_in_3d() -> None:
    picture, labels = image(2, 3, 10, 12, 4), two_objects(2, 3, 10, 12)
    labels[1, 2] *= 5
    source = ImageSource(picture, "TZYXC", (2.0, 0.5, 0.5))
    flat = collect([source], [labels])
    assert [(s.frame, s.plane) for s in flat.samples] == [(t, z) for t in range(2) for z in range(3)]
    assert {s.image.shape for s in flat.samples} == {(4, 10, 12)}
    np.testing.assert_array_equal(flat.samples[5].labels, labels[1, 2])
    assert flat.spacing == (0.5, 0.5)
    assert flat.samples[5].shape == (10, 12)
    deep = collect([source], [labels], dimensions=3)
    assert [(s.frame, s.plane, s.image.shape) for s in deep.samples] == [
        (0, None, (4, 3, 10, 12)),
        (1, None, (4, 3, 10, 12)),
    ]
    np.testing.assert_array_equal(deep.samples[1].labels, labels[1])
    assert deep.spacing == (2.0, 0.5, 0.5)


def test_images_of_different_sizes_and_kinds() -> None:
    pictures = [image(12, 14), image(2, 20, 22), da.from_array(image(30, 10), chunks=8)]
    labels = [two_objects(12, 14), two_objects(2, 20, 22), da.from_array(two_objects(30, 10), chunks=8)]
    found = collect(pictures, labels)
    assert [s.shape for s in found.samples] == [(12, 14), (20, 22), (20, 22), (30, 10)]
    assert [s.image_index for s in found.samples] == [0, 1, 1, 2]


def test_different_number_types_are_scaled_alike_and_said() -> None:
    picture = RNG.integers(0, 255, (16, 16)).astype(np.uint8)
    found = collect([picture, picture.astype(np.uint16) * 100], [two_objects(16, 16)] * 2)
    np.testing.assert_allclose(found.samples[0].image, found.samples[1].image, atol=1e-5)
    assert "uint16, uint8" in found.messages[0]


def test_different_pixel_sizes_are_said() -> None:
    sources = [ImageSource(image(12, 12), "YX", (s, s)) for s in (0.5, 0.52, 1.0)]
    labels = [two_objects(12, 12)] * 3
    assert collect(sources[:2], labels[:2]).messages == ()
    assert "pixel sizes" in collect(sources, labels).messages[0]


def test_classes_of_each_annotation() -> None:
    labels = np.zeros((12, 12), np.uint8)
    labels[2:4], labels[8:10] = 3, 7
    assert collect(image(12, 12), labels, "semantic").classes == (0, 3, 7)
    assert collect(image(12, 12), labels, "scribbles").classes == (3, 7)
    labels[labels == 0] = 1
    assert collect(image(12, 12), labels, "semantic").classes == (1, 3, 7)


def test_planes_without_strokes_are_left_out_and_empty_ones_are_background() -> None:
    labels = np.zeros((4, 12, 12), np.uint8)
    labels[1, :3], labels[1, 5:7] = 1, 2
    for annotation, planes in (("scribbles", [1]), ("semantic", [0, 1, 2, 3]), ("instances", [0, 1, 2, 3])):
        found = collect(image(4, 12, 12), labels, annotation, axes="ZYX")
        assert [s.plane for s in found.samples] == planes
        assert "3 of 4 planes" in found.messages[0]


def test_whole_floats_and_booleans_are_labels() -> None:
    labels = two_objects(12, 12)
    found = collect(image(12, 12), labels.astype(np.float64))
    np.testing.assert_array_equal(found.samples[0].labels, labels)
    assert collect(image(12, 12), labels > 0, "semantic").classes == (0, 1)


def test_gaps_and_huge_ids_stay_objects() -> None:
    labels = two_objects(12, 12).astype(np.uint64)
    labels[labels == 2] = 2**40
    (sample,) = collect(image(12, 12), labels).samples
    assert sample.labels.shape == labels.shape
    np.testing.assert_array_equal(sample.labels > 0, labels > 0)
    assert len(np.unique(sample.labels)) == 3
    labels[labels == 2**40] = 900_000_000
    (sample,) = collect(image(12, 12), labels).samples
    np.testing.assert_array_equal(sample.labels, labels)


def test_progress_counts_samples_and_cancel_is_heard() -> None:
    seen: list[Progress] = []
    run_job(collect_samples(image(5, 12, 12), two_objects(5, 12, 12), "instances"), seen.append)
    assert [(p.done, p.total) for p in seen] == [(i, 5) for i in range(1, 6)]
    token = CancelToken()
    job = collect_samples(image(5, 12, 12), two_objects(5, 12, 12), "instances", cancel=token)
    next(job)
    token.cancel()
    with pytest.raises(JobCancelled):
        next(job)


@pytest.mark.parametrize("annotation", ["instances", "semantic", "scribbles"])
def test_nothing_annotated(annotation: str) -> None:
    with pytest.raises(AnnotationError, match=r"nothing is annotated.*\(got no label but 0\)"):
        collect([image(9, 9)] * 2, [np.zeros((9, 9), int)] * 2, annotation)


@pytest.mark.parametrize("annotation", ["semantic", "scribbles"])
def test_one_class_only(annotation: str) -> None:
    labels = np.full((9, 9), 3)
    with pytest.raises(AnnotationError, match=r"two classes.*\(got only class 3\)"):
        collect(image(9, 9), labels, annotation)


def test_objects_taken_for_classes() -> None:
    labels = np.arange(100).reshape(10, 10)
    with pytest.raises(AnnotationError, match=r"instances.*\(got 100 classes\)"):
        collect(image(10, 10), labels, "semantic")


def test_one_object_only_is_said() -> None:
    labels = np.zeros((9, 9), int)
    labels[2:5, 2:5] = 1
    (message,) = collect(image(9, 9), labels).messages
    assert "Only one object" in message


def test_objects_of_one_pixel_are_said() -> None:
    labels = two_objects(12, 12)
    labels[11, 11] = 3
    found = collect(image(12, 12), labels)
    assert found.messages == ("1 of 3 objects are a single pixel: erase them if they are slips.",)


def test_classes_taken_for_objects_are_said() -> None:
    labels = np.zeros((20, 20), int)
    labels[::4, ::4] = 1
    assert any("look like classes" in message for message in collect(image(20, 20), labels).messages)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.zeros((9, 8), int), r"label layer must have the shape.*\(9, 9\).*\(got \(9, 8\)\)"),
        (np.full((9, 9), 0.5), r"whole numbers.*\(got 0.5\)"),
        (np.full((9, 9), np.nan), r"whole numbers.*\(got nan\)"),
        (np.full((9, 9), -2), r"negative.*\(got -2\)"),
        (np.full((9, 9), "a"), r"whole numbers \(got dtype"),
        (np.full((9, 9), 1j), r"whole numbers \(got dtype"),
    ],
)
def test_labels_that_are_none(labels: Any, said: str) -> None:
    with pytest.raises(AnnotationError, match=said):
        collect(image(9, 9), labels)


def test_the_odd_label_layer_is_named() -> None:
    with pytest.raises(AnnotationError, match=r"label layer 2 must have the shape"):
        collect([image(9, 9)] * 2, [two_objects(9, 9), np.zeros((9, 8), int)])


def test_class_numbers_beyond_32_bits() -> None:
    labels = np.array([[1, 2**40]] * 2)
    with pytest.raises(AnnotationError, match=r"32 bits.*\(got 1099511627776\)"):
        collect(image(2, 2), labels, "semantic")


def test_other_channels() -> None:
    pictures = [ImageSource(image(12, 12, 3), "YXC"), ImageSource(image(12, 12), "YX")]
    with pytest.raises(
        InputError, match=r"same channels.*\(got 3 channel\(s\) in image 1 and 1 in image 2\)"
    ):
        collect(pictures, [two_objects(12, 12)] * 2)


def test_flat_images_in_3d() -> None:
    with pytest.raises(AxesError, match=r"3D needs images with a Z axis.*\(got axes 'YX' in image 1\)"):
        collect(image(12, 12), two_objects(12, 12), dimensions=3)


@pytest.mark.parametrize(
    ("images", "labels"), [([], []), ([np.ones((4, 4))], []), ([np.ones((4, 4))] * 2, 3)]
)
def test_images_without_labels(images: Any, labels: Any) -> None:
    with pytest.raises(InputError, match="every image needs one label layer"):
        collect(images, labels)


def test_nan_in_an_image() -> None:
    picture = image(9, 9)
    picture[0, 0] = np.inf
    with pytest.raises(InputError, match=r"not finite.*\(got 0 NaN and 1 infinite"):
        collect(picture, two_objects(9, 9))


def test_empty_image() -> None:
    with pytest.raises(InputError, match="empty"):
        collect(np.zeros((0, 9)), np.zeros((0, 9), int))
