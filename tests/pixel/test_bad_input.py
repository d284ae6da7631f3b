"""What a user may hand in by mistake: each gets a clear error and loses nothing."""

from __future__ import annotations

import numpy as np
import pytest
from pixel_images import painted, two_halves

from napari_segmotif import PixelClassifier, PixelFeatures
from napari_segmotif.errors import (
    AnnotationError,
    AxesError,
    InputError,
    ModelMismatchError,
    NotFittedError,
)


def raises_saying(error, match):
    return pytest.raises(error, match=rf"{match}.*\(got")


def test_no_annotation(classifier: PixelClassifier) -> None:
    with raises_saying(AnnotationError, "nothing is annotated"):
        classifier.fit(two_halves(), np.zeros((96, 120), np.uint8))


def test_one_class(classifier: PixelClassifier) -> None:
    with raises_saying(AnnotationError, "at least two classes"):
        classifier.fit(two_halves(), painted(left=4, right=4))


@pytest.mark.parametrize("shape", [(95, 120), (120, 96), (96, 120, 2), (96,)])
def test_an_annotation_of_another_shape(classifier: PixelClassifier, shape) -> None:
    with raises_saying(AnnotationError, "shape of its image"):
        classifier.fit(two_halves(), np.ones(shape, np.uint8))


@pytest.mark.parametrize("dtype", [float, np.float32, bool])
def test_an_annotation_of_another_type(classifier: PixelClassifier, dtype) -> None:
    with raises_saying(AnnotationError, "whole-number class labels"):
        classifier.fit(two_halves(), painted().astype(dtype))


def test_negative_labels(classifier: PixelClassifier) -> None:
    with raises_saying(AnnotationError, "positive"):
        classifier.fit(two_halves(), painted().astype(np.int16) - 2 * (painted() == 1))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite(classifier: PixelClassifier, trained: PixelClassifier, bad) -> None:
    image = two_halves().astype(np.float32)
    image[40, 60] = bad
    before = trained.predict(two_halves())
    with raises_saying(InputError, "not finite"):
        trained.fit(image, painted())
    with raises_saying(InputError, "not finite"):
        trained.predict(image)
    np.testing.assert_array_equal(trained.predict(two_halves()), before)


def test_a_constant_image_gives_an_answer(classifier: PixelClassifier) -> None:
    image = np.full((96, 120), 7, np.uint16)
    classifier.fit(image, painted())
    assert len(np.unique(classifier.predict(image))) == 1
    assert classifier.predict_uncertainty(image).min() > 0.9


@pytest.mark.parametrize("shape", [(1, 200), (200, 1), (2, 3)])
def test_thin_images(classifier: PixelClassifier, shape) -> None:
    image = np.random.default_rng(0).random(shape)
    annotation = np.zeros(shape, np.uint8)
    annotation.flat[0], annotation.flat[-1] = 1, 2
    assert classifier.fit(image, annotation, axes="YX").predict(image).shape == shape


def test_bool_images_are_images(classifier: PixelClassifier) -> None:
    image = two_halves() > 120
    assert (classifier.fit(image, painted()).predict(image)[:, :40] == 1).mean() > 0.9


def test_an_empty_image(classifier: PixelClassifier) -> None:
    with raises_saying(InputError, "empty"):
        classifier.fit(np.zeros((0, 10)), np.zeros((0, 10), np.uint8))


def test_a_four_dimensional_image_without_axes(classifier: PixelClassifier) -> None:
    with raises_saying(AxesError, "pass axes"):
        classifier.fit(np.zeros((2, 5, 30, 30)), np.zeros((7, 30, 30), np.uint8))


def test_images_and_annotations_of_different_number(classifier: PixelClassifier) -> None:
    with raises_saying(InputError, "one annotation"):
        classifier.fit([two_halves(), two_halves()], [painted()])
    with raises_saying(InputError, "one annotation"):
        classifier.fit([two_halves()], painted())


def test_training_images_with_other_channels(classifier: PixelClassifier) -> None:
    rgb = np.repeat(two_halves()[..., None], 3, axis=-1)
    with raises_saying(ModelMismatchError, "channel"):
        classifier.fit([two_halves(), rgb], [painted(), painted()])


def test_predicting_other_channels(trained: PixelClassifier) -> None:
    with raises_saying(ModelMismatchError, "channel"):
        trained.predict(np.repeat(two_halves()[..., None], 3, axis=-1))


def test_rgb_against_rgba(classifier: PixelClassifier) -> None:
    rgb = np.repeat(two_halves()[..., None], 3, axis=-1)
    rgba = np.repeat(two_halves()[..., None], 4, axis=-1)
    classifier.fit(rgb, painted())
    with raises_saying(ModelMismatchError, r"3 channel\(s\)"):
        classifier.predict(rgba)


def test_predicting_another_pixel_size(classifier: PixelClassifier) -> None:
    classifier.fit(two_halves(), painted(), spacing=(0.5, 0.5))
    classifier.predict(two_halves(), spacing=(0.51, 0.5))
    classifier.predict(two_halves())
    with raises_saying(ModelMismatchError, "pixel size"):
        classifier.predict(two_halves(), spacing=(0.25, 0.25))


def test_physical_sigmas_work_at_another_pixel_size() -> None:
    features = PixelFeatures(sigmas=(1.0,), sigma_unit="physical")
    classifier = PixelClassifier(features, n_estimators=10)
    classifier.fit(two_halves(), painted(), spacing=(0.5, 0.5))
    assert classifier.predict(two_halves(), spacing=(0.25, 0.25)).shape == (96, 120)


def test_a_plane_for_a_volume_classifier() -> None:
    features = PixelFeatures(sigmas=(1.0,), dimensions=3)
    volume = PixelClassifier(features, n_estimators=5).fit(two_halves((6, 40, 60)), painted((6, 40, 60)))
    with raises_saying(ModelMismatchError, "3-D filters"):
        volume.predict(two_halves())


def test_time_taken_for_depth_is_refused_where_filters_are_3d() -> None:
    features = PixelFeatures(sigmas=(1.0,), dimensions=3)
    volume = PixelClassifier(features, n_estimators=5).fit(two_halves((6, 40, 60)), painted((6, 40, 60)))
    with raises_saying(ModelMismatchError, "3-D filters"):
        volume.predict(two_halves((6, 40, 60)), axes="TYX")


@pytest.mark.parametrize(
    "use",
    [
        lambda c: c.predict(two_halves()),
        lambda c: c.validate(),
        lambda c: c.save("nowhere.segmotif"),
        lambda c: c.suggest(two_halves()),
        lambda c: c.select_features(2),
        lambda c: c.correlated_features(),
        lambda c: c.permutation_importances(),
        lambda c: c.oob_accuracy_,
    ],
)
def test_using_a_classifier_before_training(classifier: PixelClassifier, use) -> None:
    with raises_saying(NotFittedError, "not trained"):
        use(classifier)


@pytest.mark.parametrize(
    "settings",
    [
        {"n_estimators": 0},
        {"n_estimators": 2.5},
        {"class_weight": "fair"},
        {"min_samples_leaf": 0},
        {"max_features": "all"},
        {"random_state": -1},
    ],
)
def test_impossible_settings(settings) -> None:
    with raises_saying(InputError, next(iter(settings))):
        PixelClassifier(**settings)


@pytest.mark.parametrize("n", [0, -1, 10_000])
def test_selecting_an_impossible_number_of_features(trained: PixelClassifier, n) -> None:
    with raises_saying(InputError, ""):
        trained.select_features(n)


def test_an_unknown_output(trained: PixelClassifier) -> None:
    with raises_saying(InputError, "outputs"):
        next(trained.predict_iter(two_halves(), outputs=("entropy",)))


def test_an_empty_region(trained: PixelClassifier) -> None:
    with raises_saying(InputError, "empty"):
        next(trained.predict_iter(two_halves(), region=(slice(5, 5), slice(0, 10))))
