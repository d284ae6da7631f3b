"""UNetSegmenter on all kinds of images and annotations, and what it refuses to predict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_cases import assert_same_model, discs, tiny

from napari_segmotif import UNetSegmenter
from napari_segmotif.common.progress import run_job
from napari_segmotif.errors import InputError, ModelMismatchError, NotFittedError

IMAGES, LABELS = map(list, zip(*(discs(seed) for seed in range(3)), strict=True))


def test_nothing_works_before_training(tmp_path: Path) -> None:
    unet = tiny()
    for use in (
        lambda: unet.classes_,
        lambda: unet.model_,
        lambda: unet.predict(IMAGES[0]),
        lambda: unet.predict_instances(IMAGES[0]),
        lambda: unet.predict_proba(IMAGES[0]),
        lambda: unet.predict_uncertainty(IMAGES[0]),
        lambda: unet.save(tmp_path / "model"),
        lambda: unet.export_onnx(tmp_path / "model.onnx"),
        lambda: next(unet.fine_tune_job(IMAGES, LABELS)),
        lambda: next(unet.resume_job()),
    ):
        with pytest.raises(NotFittedError):
            use()
    assert not unet.can_resume
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "settings",
    [{"n_epochs": 0}, {"width": 2}, {"dimensions": 4}, {"unknown": 1}, {"learning_rate": float("nan")}],
)
def test_settings_out_of_bounds_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"{next(iter(settings))}.*\(got"):
        UNetSegmenter(**settings)


def test_the_parts_of_a_fit() -> None:
    unet = tiny(n_epochs=1)
    assert (
        unet.fit(IMAGES, LABELS, spacing=(0.5, 0.5), channel_names=["DAPI"], class_colors={1: "#ff0000"})
        is unet
    )
    assert unet.classes_.tolist() == [0, 1]
    assert unet.class_names_ == {0: "background", 1: "objects"}
    assert unet.n_channels_ == 1
    assert unet.channel_names_ == ("DAPI",)
    assert unet.axes_ == "YX"
    assert unet.spacing_ == (0.5, 0.5)
    assert unet.annotation_ == "instances"
    assert unet.class_colors_ == {1: "#ff0000"}
    assert len(unet.history_) == 1
    assert unet.stopped_ == ""
    assert unet.configuration_.patch == (32, 32)
    assert unet.configuration_.widths == (4, 8)
    card = unet.card_
    assert card["images"] == ["image 1", "image 2", "image 3"]
    assert card["held_out_by"] == "image"
    assert card["n_training_samples"] == 2
    assert card["n_validation_samples"] == 1
    assert card["n_objects"] == 18
    assert card["annotated_pixels"] == 2 * 48 * 48
    assert card["epochs"] == 1
    table = unet.validation_
    assert table is not None
    assert table.objects is not None
    assert table.objects.true_positives[0] + table.objects.false_negatives[0] == 9
    assert table.pixels.support.sum() == 48 * 48


def test_images_that_are_held_out_by_the_user_are_not_trained_on() -> None:
    unet = tiny(n_epochs=1).fit(IMAGES[:2], LABELS[:2], validation=(IMAGES[2], LABELS[2]))
    assert unet.card_["n_training_samples"] == 2
    assert unet.card_["n_validation_samples"] == 1
    reports = list(tiny(n_epochs=1).fit_iter(IMAGES[:2], LABELS[:2], validation=(IMAGES[2:], LABELS[2:])))
    shown = reports[0].example
    assert shown is not None
    assert shown.apart
    assert shown.image_index == 0
    np.testing.assert_array_equal(shown.truth, LABELS[2][shown.region])
    with pytest.raises(InputError, match=r"\(got 2 and 1 channels\)"):
        tiny().fit(IMAGES[:2], LABELS[:2], validation=([np.stack([IMAGES[2]] * 2)], [LABELS[2]]))


def test_several_classes_with_gaps_between_their_numbers() -> None:
    classes = [np.where(labels == 0, 0, np.where(labels % 2, 3, 70)).astype(np.uint8) for labels in LABELS]
    unet = tiny(class_weights="balanced").fit(IMAGES, classes, "semantic", class_names={70: "even"})
    assert unet.classes_.tolist() == [0, 3, 70]
    assert unet.class_names_ == {0: "class 0", 3: "class 3", 70: "even"}
    found, probabilities = unet.predict(IMAGES[0]), unet.predict_proba(IMAGES[0])
    assert set(np.unique(found)) <= {0, 3, 70}
    assert probabilities.shape == (3, 48, 48)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-4)
    np.testing.assert_array_equal(found, unet.classes_[probabilities.argmax(axis=0)])
    assert unet.validation_ is not None
    assert unet.validation_.objects is None
    assert np.isnan(unet.history_[-1].validation_ap)


def strokes(labels: Any) -> Any:
    painted = np.zeros_like(labels)
    painted[::6] = np.where(labels[::6] > 0, 2, 1)
    return painted


def test_of_strokes_only_the_painted_pixels_matter() -> None:
    painted = [strokes(labels) for labels in LABELS]
    unet = tiny(n_epochs=1).fit(IMAGES, painted, "scribbles")
    assert unet.classes_.tolist() == [1, 2]
    assert unet.card_["annotated_pixels"] == 2 * 8 * 48
    assert unet.validation_ is not None
    assert unet.validation_.pixels.support.sum() == 8 * 48
    assert set(np.unique(unet.predict(IMAGES[0]))) <= {1, 2}


def test_strokes_teach_what_dense_labels_teach() -> None:
    settings = {"n_epochs": 4, "steps_per_epoch": 10, "learning_rate": 0.02, "width": 6}
    unet = tiny(**settings).fit(IMAGES, [strokes(labels) for labels in LABELS], "scribbles")
    image, labels = discs(9)
    assert ((unet.predict(image) == 2) == (labels > 0)).mean() > 0.9


def test_channels_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    two = [np.stack([rng.normal(300, 50, image.shape), image]).astype(np.float32) for image in IMAGES]
    unet = tiny(n_epochs=4, steps_per_epoch=10, learning_rate=0.02).fit(two, LABELS, axes="CYX")
    assert unet.n_channels_ == 2
    assert unet.axes_ == "CYX"
    assert len(unet.channel_names_) == 2
    image, labels = discs(9)
    found = unet.predict(np.stack([rng.normal(300, 50, image.shape), image]))
    assert found.shape == labels.shape
    assert (found == (labels > 0)).mean() > 0.85
    for wrong, axes in ((image, None), (two[0][:1], "CYX"), (np.stack([image] * 3), "CYX")):
        with pytest.raises(ModelMismatchError, match=r"2 channel\(s\).*\(got"):
            unet.predict(wrong, axes)


def test_a_time_series_is_learned_frame_by_frame() -> None:
    movie, objects = np.stack(IMAGES), np.stack(LABELS)
    unet = tiny(n_epochs=1).fit(movie, objects, axes="TYX")
    assert unet.axes_ == "TYX"
    assert unet.card_["held_out_by"] == "region"
    assert unet.predict_instances(movie).shape == movie.shape
    assert unet.predict(IMAGES[0], "YX").shape == (48, 48)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_stack_is_learned_by_planes_or_as_a_volume(dimensions: int) -> None:
    pairs = [discs(seed, (8, 32, 32), 4) for seed in range(2)]
    images, labels = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    unet = tiny(dimensions=dimensions, n_epochs=1).fit(images, labels, axes="ZYX", spacing=(2, 0.5, 0.5))
    model = unet.model_
    assert model.heads.dimensions == dimensions
    assert unet.card_["n_training_samples"] == (8 if dimensions == 2 else 1)
    assert unet.spacing_ == (2, 0.5, 0.5)[3 - dimensions :]
    if dimensions == 3:
        assert unet.configuration_.strides == ((1, 2, 2),)  # planes lie four pixels apart
    found = unet.predict_instances(images[0])
    assert found.shape == images[0].shape
    assert found.dtype == np.int32
    if dimensions == 3:
        with pytest.raises(ModelMismatchError, match=r"volumes.*\(got axes 'YX'\)"):
            unet.predict(images[0][0], "YX")
    else:
        assert unet.predict(images[0][0], "YX").shape == (32, 32)


@pytest.mark.parametrize(
    "settings",
    [
        {"normalization": "instance"},
        {"residual": True, "dropout": 0.2},
        {"class_loss": "focal", "offset_loss": "mse", "optimizer": "sgd", "schedule": "poly"},
        {"class_loss": "dice", "schedule": "constant", "momentum": 0.0, "optimizer": "sgd"},
    ],
)
def test_settings_that_change_the_training_can_be_chosen(settings: dict[str, Any]) -> None:
    unet = tiny(n_epochs=1, **settings).fit(IMAGES, LABELS)
    assert np.isfinite(unet.history_[0].train_loss)
    assert np.isfinite(unet.predict_proba(IMAGES[0])).all()


def test_objects_are_numbered_from_one_and_lie_on_the_foreground() -> None:
    settings = {"n_epochs": 4, "steps_per_epoch": 12, "learning_rate": 0.02, "width": 6}
    unet = tiny(**settings).fit(IMAGES, LABELS)
    image, labels = discs(9)
    found = unet.predict_instances(image)
    assert sorted(np.unique(found)) == list(range(found.max() + 1))
    assert found.max() > 0
    assert ((found > 0) == (labels > 0)).mean() > 0.85
    unsure = unet.predict_uncertainty(image)
    assert unsure.shape == image.shape
    assert unsure.min() >= 0
    assert unsure.max() <= 1


def test_a_saved_model_is_the_same_one(tmp_path: Path) -> None:
    unet = tiny(n_epochs=2).fit(IMAGES, LABELS, class_names={1: "nuclei"})
    loaded = UNetSegmenter.load(unet.save(tmp_path / "model"), device="cpu")
    assert_same_model(unet, loaded)
    assert loaded.parameters == unet.parameters
    assert not loaded.can_resume
    assert loaded.card_ == unet.card_
    assert loaded.messages_ == unet.messages_
    assert loaded.class_names_ == {0: "background", 1: "nuclei"}
    for output in ("predict", "predict_proba", "predict_instances"):
        np.testing.assert_array_equal(getattr(unet, output)(IMAGES[0]), getattr(loaded, output)(IMAGES[0]))


# ----------------------------------------------------------------------------- what is told of a result


def test_objects_can_be_made_another_way_than_validation_chose() -> None:
    unet = tiny(n_epochs=2).fit(IMAGES, LABELS)
    usual = unet.predict_instances(IMAGES[0])
    assert usual.max() > 0
    largest = int(np.bincount(usual[usual > 0]).max())
    none = unet.decoder_.model_copy(update={"minimum_size": largest + 48 * 48})
    assert unet.predict_instances(IMAGES[0], decoder=none).max() == 0
    np.testing.assert_array_equal(unet.predict_instances(IMAGES[0], decoder=unet.decoder_), usual)
    np.testing.assert_array_equal(unet.predict_instances(IMAGES[0]), usual)


@pytest.mark.parametrize(
    ("spacing", "told"), [((0.5, 0.5), False), ((0.55, 0.45), False), ((1.0, 0.5), True), (None, False)]
)
def test_pixels_of_another_size_than_in_training_are_said(spacing: Any, told: bool) -> None:
    unet = tiny(n_epochs=1).fit(IMAGES, LABELS, spacing=(0.5, 0.5))
    prediction = run_job(unet.predict_iter(IMAGES[0], "YX", spacing))
    assert len(prediction.messages) == told
    if told:
        assert "1 × 0.5 large, those of the training 0.5 × 0.5" in prediction.messages[0]
