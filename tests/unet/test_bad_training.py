"""What cannot be learned from is refused in words that say what to do; what can be is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from training_cases import discs, tiny

from napari_segmotif.errors import AnnotationError, AxesError, InputError, SegmotifError

IMAGES, LABELS = map(list, zip(*(discs(seed) for seed in range(2)), strict=True))
IMAGE, LABEL = IMAGES[0], LABELS[0]
EMPTY = np.zeros_like(LABEL)
ONE = (LABEL == 5).astype(np.int32)


@pytest.mark.parametrize("annotation", ["instances", "semantic", "scribbles"])
@pytest.mark.parametrize("n", [1, 2])
def test_no_label(annotation: Any, n: int) -> None:
    with pytest.raises(AnnotationError, match=r"nothing is annotated.*\(got"):
        tiny().fit([IMAGE] * n, [EMPTY] * n, annotation)


@pytest.mark.parametrize(
    ("images", "labels", "annotation", "axes", "error"),
    [
        ([], [], "instances", None, InputError),
        (IMAGES, LABELS[:1], "instances", None, InputError),
        (IMAGE, LABEL[:-1], "instances", None, AnnotationError),
        (IMAGES, [LABEL, LABEL[:, :-2]], "instances", None, AnnotationError),
        ([IMAGE, np.stack([IMAGE] * 2)], LABELS, "instances", None, InputError),
        (IMAGE, LABEL + 0.5, "instances", None, AnnotationError),
        (IMAGE, np.where(LABEL, LABEL, np.nan), "instances", None, AnnotationError),
        (IMAGE, -LABEL, "instances", None, AnnotationError),
        (IMAGE, LABEL.astype("U3"), "instances", None, AnnotationError),
        (IMAGE, np.ones_like(LABEL), "semantic", None, AnnotationError),
        (IMAGE, ONE, "scribbles", None, AnnotationError),
        (IMAGE, LABEL, "instances", "XZQ", InputError),
        (IMAGE, np.arange(LABEL.size).reshape(LABEL.shape), "semantic", None, AnnotationError),
    ],
)
def test_what_does_not_fit_together(
    images: Any, labels: Any, annotation: Any, axes: str | None, error: type[SegmotifError]
) -> None:
    unet = tiny()
    with pytest.raises(error, match=r"\(got"):
        unet.fit(images, labels, annotation, axes)
    assert not unet.can_resume


def test_planes_where_volumes_are_wanted() -> None:
    with pytest.raises(AxesError, match=r"\(got axes 'YX'"):
        tiny(dimensions=3).fit(IMAGE, LABEL)


def test_an_old_model_survives_bad_input() -> None:
    unet = tiny(n_epochs=1).fit(IMAGES, LABELS)
    model = unet.model_
    with pytest.raises(AnnotationError):
        unet.fit(IMAGES, [EMPTY] * 2)
    assert unet.model_ is model


def test_images_may_have_other_sizes_and_types_of_numbers() -> None:
    small = (IMAGES[1][:40, :24] / 4).astype(np.uint8)
    unet = tiny(n_epochs=1).fit([IMAGE.astype(np.uint16), small], [LABEL, LABELS[1][:40, :24]])
    assert any("uint16, uint8" in message for message in unet.messages_)
    assert unet.predict(small).shape == small.shape


def test_images_smaller_than_a_patch() -> None:
    images, labels = [image[:16, :16] for image in IMAGES], [label[:16, :16] for label in LABELS]
    unet = tiny(n_epochs=1).fit(images, labels)
    assert unet.predict_instances(images[0]).shape == (16, 16)


def test_one_object_on_one_image_cannot_be_held_out() -> None:
    with pytest.raises(AnnotationError, match=r"annotate more.*\(got 1 object\(s\)\)"):
        tiny().fit(IMAGE, ONE)


def test_one_object_on_each_of_two_images_is_enough_but_said() -> None:
    unet = tiny(n_epochs=1).fit(IMAGES, [ONE, ONE])
    assert unet.card_["n_objects"] == 1
    apart = tiny(n_epochs=1).fit(IMAGE, ONE, validation=(IMAGES[1], LABELS[1]))
    assert any("Only one object" in message for message in apart.messages_)


def test_objects_of_one_pixel() -> None:
    specks = [np.zeros_like(LABEL) for _ in IMAGES]
    for labels in specks:
        labels[4::8, 4::8] = np.arange(1, 37).reshape(6, 6)
    unet = tiny(n_epochs=1).fit(IMAGES, specks)
    assert any("single pixel" in message for message in unet.messages_)
    assert np.isfinite(unet.history_[0].train_loss)


def test_objects_with_the_largest_numbers() -> None:
    large = [np.where(labels > 0, np.iinfo(np.int32).max - labels, 0).astype(np.int32) for labels in LABELS]
    unet, plain = tiny(n_epochs=1).fit(IMAGES, large), tiny(n_epochs=1).fit(IMAGES, LABELS)
    assert unet.history_[0].validation_loss == pytest.approx(plain.history_[0].validation_loss)


def test_a_frame_without_a_label_is_learned_as_background_and_said() -> None:
    unet = tiny(n_epochs=1).fit([*IMAGES, IMAGE], [*LABELS, EMPTY])
    assert any("no label" in message for message in unet.messages_)


def test_a_constant_image() -> None:
    unet = tiny(n_epochs=1).fit([np.full_like(IMAGE, 7), IMAGES[1]], LABELS)
    assert np.isfinite(unet.history_[0].train_loss)


def test_a_validation_image_without_a_label() -> None:
    with pytest.raises(AnnotationError, match=r"nothing is annotated.*\(got"):
        tiny().fit(IMAGES, LABELS, validation=([IMAGE], [EMPTY]))


@pytest.mark.parametrize("normalization", ["batch", "instance"])
def test_a_network_deeper_than_its_patch_is_refused(normalization: str) -> None:
    with pytest.raises(InputError, match=r"depth.*\(got"):
        tiny(normalization=normalization, depth=5, patch_size=16).fit(IMAGES, LABELS)


@pytest.mark.parametrize("normalization", ["batch", "instance"])
def test_patches_of_which_one_pixel_is_left_at_the_deepest_level(normalization: str) -> None:
    unet = tiny(normalization=normalization, depth=4, patch_size=16, batch_size=1, n_epochs=1)
    with pytest.raises(InputError, match=r"lower depth \(got a patch of 16 pixels, depth=4\)"):
        unet.fit(IMAGES, LABELS)
    of_two = tiny(depth=4, patch_size=16, batch_size=2, n_epochs=1).fit(IMAGES, LABELS)
    assert np.isfinite(of_two.predict_proba(IMAGES[0])).all()
