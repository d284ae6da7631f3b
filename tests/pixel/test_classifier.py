"""The pixel classifier as a user meets it: what it learns, and that the same always comes out."""

from __future__ import annotations

import subprocess
import sys

import dask.array as da
import numpy as np
import pytest
import zarr
from pixel_images import painted, two_halves
from sklearn.ensemble import RandomForestClassifier

from napari_segmotif import PixelClassifier, PixelFeatures
from napari_segmotif.common.axes import ImageSource
from napari_segmotif.common.progress import CancelToken, run_job
from napari_segmotif.errors import JobCancelled

LEFT, RIGHT = (slice(None), slice(0, 50)), (slice(None), slice(70, 120))


def test_two_textures_are_told_apart(trained: PixelClassifier) -> None:
    labels = trained.predict(two_halves(seed=9))
    assert labels.dtype == np.uint8
    assert (labels[LEFT] == 1).mean() > 0.98
    assert (labels[RIGHT] == 2).mean() > 0.98


def test_labels_stay_as_painted_with_gaps(classifier: PixelClassifier) -> None:
    classifier.fit(two_halves(), painted(left=3, right=7))
    np.testing.assert_array_equal(classifier.classes_, [3, 7])
    assert set(np.unique(classifier.predict(two_halves()))) == {3, 7}
    wide = painted().astype(np.int32)
    wide[wide == 2] = 70_000
    assert classifier.fit(two_halves(), wide).predict(two_halves()).dtype == np.int32


def test_probabilities_equal_scikit_learns(trained: PixelClassifier) -> None:
    image = two_halves(seed=3)
    tiled = trained.tiled_for_prediction(image, None, None)
    forest = RandomForestClassifier(20, random_state=0).fit(trained.training_.X, trained.training_.y)
    found = trained.predict_proba(image)
    assert found.dtype == np.float32
    for where in tiled.tiles():
        features = tiled.features(where)
        rows = features.transpose(0, 2, 1).reshape(-1, features.shape[1])
        expected = forest.predict_proba(rows).reshape(len(features), 64, 2)
        layout = tiled.layout(where.tile)
        for c in range(2):
            plane = np.empty(layout.tile)
            layout.gather(np.ascontiguousarray(expected[:, :, c]), plane)
            np.testing.assert_allclose(found[(c, *where.tile.inner)], plane[0], atol=1e-6)


def test_labels_alone_are_the_most_probable_class(trained: PixelClassifier) -> None:
    image = two_halves(seed=4)
    expected = trained.classes_[trained.predict_proba(image).argmax(axis=0)]
    np.testing.assert_array_equal(trained.predict(image), expected)


def test_uncertainty_is_the_normalised_entropy(trained: PixelClassifier) -> None:
    image = two_halves(seed=5)
    p = trained.predict_proba(image).astype(float)
    terms = np.where(p > 0, p * np.log2(np.maximum(p, 1e-300)), 0.0)
    np.testing.assert_allclose(trained.predict_uncertainty(image), -terms.sum(axis=0), atol=1e-5)


def test_a_region_is_the_same_part_of_the_whole(trained: PixelClassifier) -> None:
    image = two_halves((300, 290))
    whole = trained.predict_proba(image)
    region = (slice(100, 280), slice(3, 270))
    part = run_job(trained.predict_iter(image, region=region))
    np.testing.assert_array_equal(part.probabilities, whole[(slice(None), *region)])
    np.testing.assert_array_equal(part.labels, trained.predict(image)[region])
    assert part.region == region


def test_threads_change_nothing() -> None:
    image, annotation = two_halves((280, 300)), painted((280, 300))
    one, three = (
        PixelClassifier(PixelFeatures(sigmas=(1.0,)), n_estimators=15, n_jobs=n).fit(image, annotation)
        for n in (1, 3)
    )
    np.testing.assert_array_equal(one.predict_proba(image), three.predict_proba(image))


def test_another_process_gives_the_same_bits(tmp_path) -> None:
    code = (
        "import sys, numpy as np; from napari_segmotif import PixelClassifier, PixelFeatures;"
        "image = np.load(sys.argv[1] + '/image.npy'); annotation = np.load(sys.argv[1] + '/painted.npy');"
        "c = PixelClassifier(PixelFeatures(sigmas=(1.0,)), n_estimators=10).fit(image, annotation);"
        "np.save(sys.argv[1] + '/p.npy', c.predict_proba(image))"
    )
    np.save(tmp_path / "image.npy", two_halves())
    np.save(tmp_path / "painted.npy", painted())
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    here = PixelClassifier(PixelFeatures(sigmas=(1.0,)), n_estimators=10).fit(two_halves(), painted())
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), here.predict_proba(two_halves()))


def test_a_second_stroke_filters_no_tile_again(classifier: PixelClassifier) -> None:
    image, annotation = two_halves((512, 512)), painted((512, 512))
    region = (slice(0, 512), slice(0, 512))
    run_job(classifier.live_iter([image], [annotation], 0, region))
    assert classifier.cache.n_computed == 4
    annotation[200:204, 40:90] = 1
    run_job(classifier.live_iter([image], [annotation], 0, region))
    assert classifier.cache.n_computed == 4
    image[300, 300] ^= 1
    run_job(classifier.live_iter([image], [annotation], 0, region))
    assert classifier.cache.n_computed == 5, "only the edited tile is filtered again"


def test_the_visible_part_of_a_large_image_is_remembered(classifier: PixelClassifier) -> None:
    image, annotation = two_halves((1500, 1500)), painted((1500, 1500))
    region = (slice(300, 900), slice(300, 900))
    classifier.cache.capacity = 20 * 256 * 256 * 12 * 4
    run_job(classifier.live_iter([image], [annotation], 0, region))
    filtered = classifier.cache.n_computed
    annotation[500:504, 500:520] = 2
    run_job(classifier.live_iter([image], [annotation], 0, region))
    assert classifier.cache.n_computed == filtered


def test_the_cache_keeps_to_its_cap(classifier: PixelClassifier) -> None:
    image = two_halves((600, 700))
    classifier.fit(image, painted((600, 700)))
    classifier.cache.clear()
    classifier.cache.capacity = 3 * 256 * 256 * len(classifier.feature_names_) * 4
    with_cap = classifier.predict(image)
    assert classifier.cache.size <= classifier.cache.capacity
    classifier.cache.capacity = 0
    classifier.cache.clear()
    np.testing.assert_array_equal(classifier.predict(image), with_cap)
    assert classifier.cache.size == 0


def test_the_first_look_comes_before_the_whole_forest() -> None:
    classifier = PixelClassifier(PixelFeatures(sigmas=(1.0,)), n_estimators=30)
    looks = []
    final = run_job(
        classifier.live_iter([two_halves()], [painted()], 0, None),
        lambda progress: looks.append(progress.partial) if progress.partial is not None else None,
    )
    assert [look.n_trees for look in looks] == [12]
    assert final.n_trees == 30
    np.testing.assert_array_equal(final.labels, classifier.predict(two_halves()))
    fitted = PixelClassifier(PixelFeatures(sigmas=(1.0,)), n_estimators=30).fit(two_halves(), painted())
    np.testing.assert_array_equal(final.probabilities, fitted.predict_proba(two_halves()))


def test_many_images_make_one_classifier(classifier: PixelClassifier) -> None:
    dark, bright = two_halves(), two_halves((64, 80), seed=2)
    only_left = painted()
    only_left[:, 60:] = 0
    only_right = painted((64, 80))
    only_right[:, :40] = 0
    classifier.fit([dark, bright], [only_left, only_right])
    assert set(classifier.training_.image) == {0, 1}
    assert (classifier.predict(dark)[RIGHT] == 2).mean() > 0.95


def test_an_image_without_strokes_may_be_in_the_set(classifier: PixelClassifier) -> None:
    classifier.fit([two_halves(), two_halves()], [painted(), np.zeros((96, 120), np.uint8)])
    assert set(classifier.training_.image) == {0}


def test_rgb_and_channels_first_are_the_same_image(classifier: PixelClassifier) -> None:
    rgb = np.stack([two_halves(seed=s) for s in range(3)], axis=-1)
    classifier.fit(rgb, painted())
    assert (classifier.axes_, classifier.n_channels_) == ("YXC", 3)
    first = np.moveaxis(rgb, -1, 0)
    np.testing.assert_array_equal(classifier.predict(rgb), classifier.predict(first, axes="CYX"))


def test_time_is_never_filtered(classifier: PixelClassifier) -> None:
    video = two_halves((4, 96, 120))
    classifier.fit(video, painted((4, 96, 120)), axes="TYX")
    together = classifier.predict(video)
    for t in range(4):
        np.testing.assert_array_equal(together[t], classifier.predict(video[t], axes="YX"))


def test_channels_and_time_and_depth_together(classifier: PixelClassifier) -> None:
    image = two_halves((2, 3, 4, 48, 60))
    classifier.fit(image, painted((2, 4, 48, 60)), axes="TCZYX")
    assert classifier.predict(image).shape == (2, 4, 48, 60)
    assert classifier.predict_proba(image).shape == (2, 2, 4, 48, 60)


def test_volumes_are_filtered_in_three_dimensions() -> None:
    image, annotation = two_halves((20, 40, 60)), painted((20, 40, 60))
    features = PixelFeatures(sigmas=(1.0,), dimensions=3)
    classifier = PixelClassifier(features, n_estimators=10).fit(image, annotation, spacing=(2.0, 1.0, 1.0))
    labels = classifier.predict(image)
    assert labels.shape == image.shape
    assert (labels[..., :25] == 1).mean() > 0.95
    assert any(name.startswith("hessian_eigenvalues[2]") for name in classifier.feature_names_)


def test_lazy_images_give_the_same_as_arrays(trained: PixelClassifier, tmp_path) -> None:
    image = two_halves((300, 280))
    stored = zarr.create_array(tmp_path / "image.zarr", shape=image.shape, chunks=(64, 64), dtype=image.dtype)
    stored[:] = image
    expected = trained.predict(image)
    np.testing.assert_array_equal(trained.predict(stored), expected)
    np.testing.assert_array_equal(trained.predict(da.from_array(image, chunks=50)), expected)


def test_a_prediction_is_written_piece_by_piece(trained: PixelClassifier) -> None:
    image = two_halves((300, 280))

    class Target:
        def __init__(self) -> None:
            self.written: list[int] = []
            self.labels = np.zeros(image.shape, np.uint8)

        def __setitem__(self, index, values) -> None:
            self.written.append(values.size)
            self.labels[index] = values

    target = Target()
    run_job(trained.predict_iter(image, outputs=("labels",), out={"labels": target}))
    np.testing.assert_array_equal(target.labels, trained.predict(image))
    assert max(target.written) <= 256 * 256


def test_cancelling_leaves_what_was_learned(trained: PixelClassifier) -> None:
    before = trained.predict(two_halves())
    token = CancelToken()
    job = trained.fit_iter(two_halves(seed=8), painted(left=2, right=1), cancel=token)
    with pytest.raises(JobCancelled):
        run_job(job, lambda progress: token.cancel())
    np.testing.assert_array_equal(trained.predict(two_halves()), before)


def test_class_weights_count_every_class_the_same() -> None:
    image = np.random.default_rng(0).normal(100, 10, (96, 120)).astype(np.float32)
    annotation = painted()
    annotation[20:40, 10:50] = 1
    plain, balanced = (
        PixelClassifier(PixelFeatures(sigmas=(1.0,)), class_weight=weight, min_samples_leaf=30).fit(
            image, annotation
        )
        for weight in (None, "balanced")
    )
    share = [float((c.predict(image) == 2).mean()) for c in (plain, balanced)]
    assert share[1] > share[0] + 0.1, "without a difference in the image, balance decides"


def test_strokes_are_what_touches_in_one_class_and_image(classifier: PixelClassifier) -> None:
    classifier.fit([two_halves(), two_halves()], [painted(), painted()])
    strokes = classifier.training_.stroke
    assert len(np.unique(strokes)) == 12
    for stroke in np.unique(strokes):
        rows = strokes == stroke
        assert len(np.unique(classifier.training_.y[rows])) == 1
        assert len(np.unique(classifier.training_.image[rows])) == 1


def test_selecting_features_needs_no_image(trained: PixelClassifier) -> None:
    smaller = trained.select_features(3)
    assert len(smaller.feature_names_) == 3
    assert set(smaller.feature_names_) <= set(trained.feature_names_)
    assert (smaller.predict(two_halves())[RIGHT] == 2).mean() > 0.95
    refitted = PixelClassifier(smaller.features, n_estimators=20).fit(two_halves(), painted())
    np.testing.assert_array_equal(refitted.predict(two_halves()), smaller.predict(two_halves()))


def test_validation_holds_out_strokes_and_shows_out_of_bag_beside(trained: PixelClassifier) -> None:
    report = trained.validate()
    assert report.scores.accuracy > 0.95
    assert report.oob_accuracy == trained.oob_accuracy_
    assert "optimistic" in report.summary()


def test_strokes_that_are_all_right_promise_no_margin(classifier: PixelClassifier) -> None:
    image = np.repeat(np.array([[20, 200]], np.uint8), 60, axis=1).repeat(96, axis=0)
    report = classifier.fit(image, painted()).validate()
    assert report.accuracy == 1.0
    assert "±" not in report.summary()


def test_suggestions_lie_where_nothing_is_painted(trained: PixelClassifier) -> None:
    image, annotation = two_halves(), painted()
    uncertainty = trained.predict_uncertainty(image)
    found = trained.suggest(image, 3, annotation=annotation)
    assert found
    for suggestion in found:
        assert annotation[suggestion.center] == 0
        assert uncertainty[suggestion.region].mean() > 0
    assert [s.score for s in found] == sorted((s.score for s in found), reverse=True)


def test_large_images_are_ranked_on_averages(trained: PixelClassifier, monkeypatch) -> None:
    image, annotation = two_halves((301, 517)), painted((301, 517))
    image[180:220, 60:100] = np.random.default_rng(1).integers(0, 255, (40, 40))
    monkeypatch.setattr("napari_segmotif.pixel.reviewing.paint_next.MAX_CELLS", 5_000)
    part = (slice(33, 301), slice(0, 490))
    found = run_job(trained.suggest_iter(image, 4, annotation=annotation, region=part))
    assert found
    for suggestion in found:
        for center, block, limit in zip(suggestion.center, suggestion.region, part, strict=True):
            assert 0 <= block.start <= center < block.stop <= limit.stop
    uncertainty = trained.predict_uncertainty(image)
    assert uncertainty[found[0].region].mean() > uncertainty.mean()


def test_suggestions_in_a_video_say_the_frame(classifier: PixelClassifier) -> None:
    video = two_halves((3, 96, 120))
    video[1, 30:60, 40:80] = np.random.default_rng(0).integers(0, 255, (30, 40))
    classifier.fit(video, painted((3, 96, 120)), axes="TYX")
    best = classifier.suggest(video, 1, annotation=painted((3, 96, 120)))[0]
    assert len(best.center) == 3
    assert best.region[0] == slice(best.center[0], best.center[0] + 1)


def test_an_image_source_brings_its_own_axes(trained: PixelClassifier) -> None:
    source = ImageSource.of(two_halves((2, 96, 120)), "TYX")
    assert trained.predict(source).shape == (2, 96, 120)
