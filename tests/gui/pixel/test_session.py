"""The jobs without any widget: what is trained when, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_segmotif.batch.objects import predict_objects_iter
from napari_segmotif.batch.recipe import ObjectParameters
from napari_segmotif.common.axes import ImageSource
from napari_segmotif.common.progress import CancelToken, run_job
from napari_segmotif.errors import AnnotationError, InputError, NotFittedError
from napari_segmotif.gui.classes.entries import starting_classes
from napari_segmotif.gui.pixel import warm_up
from napari_segmotif.gui.pixel.intent import Counted, Intent, Pair
from napari_segmotif.gui.pixel.live_region import MAX_LIVE_PIXELS, live_blocks
from napari_segmotif.gui.pixel.object_jobs import objects_of
from napari_segmotif.gui.pixel.panels.feature_text import in_plain_names
from napari_segmotif.gui.pixel.recipe import FileOfLayer
from napari_segmotif.gui.pixel.script import as_python
from napari_segmotif.gui.pixel.session import Followed, Session, Shown, read
from napari_segmotif.pixel.classifier import PixelClassifier
from napari_segmotif.pixel.filtering.features import PixelFeatures
from napari_segmotif.pixel.parameters import ForestParameters

FEATURES = PixelFeatures(families=("gaussian", "gradient_magnitude"), sigmas=(1.0,))
WHOLE = (slice(0, 40), slice(0, 60))


def two_halves() -> tuple[np.ndarray, np.ndarray]:
    """A dark left and a bright right half with noise, and a stroke on each."""
    image = np.where(np.arange(60) < 30, 50, 180) + np.random.default_rng(0).normal(0, 10, (40, 60))
    annotation = np.zeros((40, 60), np.uint8)
    annotation[10:13, 5:20], annotation[25:28, 40:55] = 1, 2
    return image.astype(np.float32), annotation


def intent(annotation: np.ndarray | None = None, **changes: Any) -> Intent:
    image, painted = two_halves()
    pair = Pair(ImageSource.of(image, "YX"), painted if annotation is None else annotation)
    return replace(
        Intent((pair,), FEATURES, starting_classes(), ForestParameters(n_estimators=20)), **changes
    )


def follow(session: Session, what: Intent, region: Any = WHOLE) -> tuple[Followed, list[Any]]:
    partials: list[Any] = []
    job = session.follow(what, region, outputs=("labels",), live=True, cancel=CancelToken())
    result = run_job(job, lambda p: partials.append(p.partial) if p.partial is not None else None)
    return result, partials


def test_following_a_stroke_counts_then_shows_a_quick_then_the_full_forest() -> None:
    session = Session()
    result, (counted, quick, full) = follow(session, intent())
    assert result == Followed(True)
    assert isinstance(counted, Counted)
    assert counted.in_view[1].pixels == 45
    assert isinstance(quick, Shown)
    assert quick.prediction.n_trees < full.prediction.n_trees == 20
    image, annotation = two_halves()
    alone = PixelClassifier(FEATURES, n_estimators=20).fit(image, annotation)
    np.testing.assert_array_equal(full.prediction.labels, alone.predict(image))
    assert (full.prediction.labels[:, :25] == 1).all()


def test_unchanged_strokes_are_not_trained_again_and_changed_ones_are() -> None:
    session = Session()
    what = intent()
    first, _ = follow(session, what)
    version = session.version
    again, partials = follow(session, replace(what))
    assert (first.trained, again.trained) == (True, False)
    assert session.version == version
    assert isinstance(partials[-1], Shown)  # what is visible is still predicted
    annotation = two_halves()[1]
    annotation[0, 0] = 1
    assert follow(session, intent(annotation))[0] == Followed(True)
    annotation = two_halves()[1]
    annotation[0, 0] = 1
    assert follow(session, intent(annotation))[0] == Followed(True)  # another image, though it looks the same
    # without a region (a 3D view) or outputs nothing is trained
    assert follow(Session(), intent(), region=None)[0] == Followed(False)


def test_a_loaded_classifier_is_kept_until_something_is_painted(tmp_path: Any) -> None:
    image, annotation = two_halves()
    saved = PixelClassifier(FEATURES, n_estimators=3).fit(image, annotation).save(tmp_path / "m.segmotif")
    session = Session()
    session.adopt(*run_job(read(saved)))
    what = intent()
    assert follow(session, what)[0] == Followed(False)
    assert session.require().parameters.n_estimators == 3
    annotation[0, 0] = 1
    assert follow(session, intent(annotation))[0] == Followed(True)
    assert session.require().parameters.n_estimators == 20


@pytest.mark.parametrize("n_classes", [0, 1])
def test_too_few_classes_are_a_hint_when_live_and_an_error_when_asked_to_train(n_classes: int) -> None:
    annotation = np.zeros((40, 60), np.uint8)
    annotation[:3, :3] = n_classes
    session = Session()
    followed, _ = follow(session, intent(annotation))
    assert "paint" in followed.problem
    with pytest.raises(AnnotationError, match=rf"\(got {n_classes} painted"):
        run_job(session.train(intent(annotation), CancelToken()))
    with pytest.raises(NotFittedError):
        session.require()


def test_objects_instead_of_classes_and_no_features_are_refused() -> None:
    annotation = np.zeros((40, 60), np.int32)
    annotation.ravel()[:200:2] = np.arange(1, 101)
    with pytest.raises(AnnotationError, match="layer of objects"):
        run_job(Session().train(intent(annotation), CancelToken()))
    with pytest.raises(InputError, match="tick at least one feature"):
        run_job(Session().train(intent(features=None), CancelToken()))


def test_a_failed_training_leaves_the_classifier_before_it() -> None:
    session = Session()
    before = run_job(session.train(intent(), CancelToken()))
    image, annotation = two_halves()
    image[10:13, 5:20] = np.nan
    bad = replace(intent(), pairs=(Pair(ImageSource.of(image, "YX"), annotation),))
    with pytest.raises(InputError, match="NaN"):
        run_job(session.train(replace(bad, forest=ForestParameters(n_estimators=7)), CancelToken()))
    assert session.require() is before
    assert session.require().parameters.n_estimators == 20


def test_an_annotation_that_is_painted_on_is_copied_before_it_is_looked_at() -> None:
    image, annotation = two_halves()
    live = replace(intent(), pairs=(Pair(ImageSource.of(image, "YX"), annotation, painted_on=True),))
    frozen = live.frozen().pairs[0]
    annotation[:] = 0
    assert frozen.annotation.any()
    assert not frozen.painted_on
    assert frozen.frozen() is frozen


def test_objects_are_those_of_the_command_line_whatever_the_pixel_size() -> None:
    session = Session()
    run_job(session.train(intent(), CancelToken()))
    image = two_halves()[0]
    image[2:6, 2:6] = 180  # a small object in the dark half
    coarse = ImageSource.of(image, "YX", (4.0, 0.5))
    found = {}
    for minimum_size in (0, 8, 40):  # in pixels, of which each is 2 units large
        parameters = ObjectParameters(class_id=2, minimum_size=minimum_size)
        found[minimum_size] = run_job(objects_of(session.require(), coarse, parameters, CancelToken()))
        out = np.zeros(image.shape, np.int32)
        n = run_job(predict_objects_iter(session.require(), coarse, {"objects": out}, parameters))
        np.testing.assert_array_equal(found[minimum_size].labels, out)
        assert found[minimum_size].n == n
        sizes = np.bincount(out.ravel())[1:]
        assert (sizes >= minimum_size).all()
        assert found[minimum_size].median_size == np.median(sizes)
    assert found[8].labels[3, 3] > 0
    assert found[40].labels[3, 3] == 0


def test_a_training_that_was_cancelled_leaves_no_version_behind() -> None:
    session = Session()
    follow(session, intent())
    version, classifier = session.version, session.require()
    annotation = two_halves()[1]
    annotation[0, 0] = 1
    job = session.follow(intent(annotation), WHOLE, outputs=("labels",), live=True, cancel=CancelToken())
    quick = next(p.partial for p in job if isinstance(p.partial, Shown))
    job.close()  # between the first look and the full forest
    assert quick.version > version
    assert (session.version, session.require()) == (version, classifier)
    _, partials = follow(session, intent(annotation))
    assert partials[-1].version == session.version > quick.version


def test_objects_are_numbered_on_over_the_frames_of_a_time_series() -> None:
    session = Session()
    run_job(session.train(intent(), CancelToken()))
    image = two_halves()[0]
    movie = ImageSource.of(np.stack([image, image]), "TYX")
    parameters = ObjectParameters(class_id=2, minimum_size=10, split_touching=False)
    objects = run_job(objects_of(session.require(), movie, parameters, CancelToken()))
    assert objects.n == 2
    assert set(np.unique(objects.labels[0])) == {0, 1}
    assert set(np.unique(objects.labels[1])) == {0, 2}


@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(0, 500), st.integers(1, 4))
def test_live_blocks_tile_the_view_without_overlap(height: int, width: int, start: int, depth: int) -> None:
    region = (slice(2, 2 + depth), slice(start, start + height), slice(7, 7 + width))
    blocks = live_blocks(region)
    areas = [(y.stop - y.start) * (x.stop - x.start) * depth for _, y, x in blocks]
    assert all(b[0] == region[0] for b in blocks)
    assert min(areas) > 0
    rims = {(y.start, x.start) for _, y, x in blocks}
    assert len(rims) == len(blocks)
    if height * width * depth <= MAX_LIVE_PIXELS:
        assert sum(areas) == height * width * depth
    else:
        assert sum(areas) <= MAX_LIVE_PIXELS or len(blocks) == 1


def test_the_script_says_what_was_done_and_compiles() -> None:
    image = FileOfLayer("cells", "/data/cells.tif", "YXC", (0.5, 0.5))
    annotation = FileOfLayer("strokes", None, "YXC", (0.5, 0.5))
    script = as_python(
        [image], [annotation], {"features": {"sigmas": (1.0,)}, "n_estimators": 5}, {1: "a"}, {1: "#123456"}
    )
    compile(script, "script", "exec")
    assert "/data/cells.tif" in script
    assert "'strokes' is in no file yet" in script
    assert "n_estimators=5" in script


def test_the_warm_up_goes_through_every_output_and_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_up, "_done", False)
    shown = []
    run_job(warm_up.warm_up(CancelToken()), lambda p: shown.append(p.partial))
    assert warm_up.is_warm()
    first_look = next(p for p in shown if p is not None)
    assert first_look.probabilities is not None
    assert first_look.uncertainty is not None


def test_names_of_filters_in_plain_words() -> None:
    assert (
        in_plain_names("red: gaussian σ=1 ≈ difference_of_gaussians σ=2") == "red: Brightness σ=1 ≈ Spots σ=2"
    )
