from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_segmotif import (
    CancelToken,
    InputError,
    JobCancelled,
    PixelClassifier,
    PixelFeatures,
    make_objects,
    open_image,
    run_job,
    simulate_nuclei_2d,
    write_image,
)
from napari_segmotif.batch.files import predict_file_iter, predict_files_iter
from napari_segmotif.batch.objects import predict_objects_iter
from napari_segmotif.batch.recipe import METADATA_KEY, ObjectParameters, PixelParameters, Recipe
from napari_segmotif.batch.tasks import plan
from napari_segmotif.common.axes import ImageSource


@pytest.fixture(scope="module")
def nuclei() -> Any:
    return simulate_nuclei_2d(shape=(160, 180), random_state=3)


@pytest.fixture(scope="module")
def model(nuclei: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    classifier = PixelClassifier(PixelFeatures(sigmas=(1.0, 3.5)), n_estimators=10)
    classifier.fit(nuclei.image, nuclei.annotation, class_names={1: "background", 2: "nucleus"})
    return classifier.save(tmp_path_factory.mktemp("model") / "nuclei.segmotif")


def recipe_for(model: Path, *outputs: str, **more: Any) -> Recipe:
    return Recipe.of(model, PixelParameters(outputs=outputs, **more), [])


def read(path: Path) -> np.ndarray:
    with open_image(path) as opened:
        return np.asarray(opened.array[:])


def test_plan_names_results_after_their_images() -> None:
    images = [Path("in/a.ome.tif"), Path("in/b.h5:/raw")]
    tasks = plan(images, ("labels", "objects"), Path("out"), "zarr")
    assert tasks[0].targets == {
        "labels": Path("out/a_labels.ome.zarr"),
        "objects": Path("out/a_objects.ome.zarr"),
    }
    assert tasks[1].targets["labels"] == Path("out/b_raw_labels.ome.zarr")


def test_plan_takes_a_file_name_for_a_single_result() -> None:
    (task,) = plan([Path("a.tif")], ("labels",), Path("out/mine.h5"))
    assert task.targets == {"labels": Path("out/mine.h5")}
    with pytest.raises(InputError, match="several results need a folder"):
        plan([Path("a.tif"), Path("b.tif")], ("labels",), Path("out/mine.h5"))


def test_plan_refuses_results_that_would_replace_something() -> None:
    with pytest.raises(InputError, match="same result"):
        plan([Path("x/a.tif"), Path("y/a.tif")], ("labels",), Path("out"))
    with pytest.raises(InputError, match="replace an input"):
        plan([Path("a.tif")], ("labels",), Path("a.tif"))
    with pytest.raises(InputError, match="replace an input"):
        plan([Path("d/a.tif"), Path("d/a_labels.ome.tif")], ("labels",), Path("d"))


def test_objects_are_those_of_the_probabilities(nuclei: Any, model: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "a.tif", nuclei.image, axes="YX", spacing=(0.3, 0.3), units="micrometer")
    objects = ObjectParameters(class_id=2, threshold=0.6, minimum_size=30)
    recipe = recipe_for(model, "labels", "probabilities", "objects", objects=objects)
    (task,) = plan([tmp_path / "a.tif"], recipe.parameters.outputs, tmp_path / "out")
    classifier = PixelClassifier.load(model)
    run_job(predict_file_iter(classifier, task, recipe))
    probabilities = classifier.predict_proba(nuclei.image)
    np.testing.assert_array_equal(read(task.targets["labels"]), classifier.predict(nuclei.image))
    np.testing.assert_array_equal(read(task.targets["probabilities"]), probabilities)
    found = read(task.targets["objects"])
    expected = make_objects(probabilities[1], threshold=0.6, minimum_size=30)  # trained without a size
    np.testing.assert_array_equal(found, expected)
    assert ((found > 0) == (nuclei.labels > 0)).mean() > 0.85
    with open_image(task.targets["objects"]) as opened:
        assert opened.spacing == pytest.approx((0.3, 0.3))
        assert opened.labels


def test_objects_of_different_frames_are_different_objects(nuclei: Any, model: Path, tmp_path: Path) -> None:
    video = np.stack([nuclei.image, nuclei.image[::-1]])
    write_image(tmp_path / "video.tif", video, axes="TYX")
    recipe = recipe_for(model, "labels", "objects", objects=ObjectParameters(class_id=2))
    (task,) = plan([tmp_path / "video.tif"], recipe.parameters.outputs, tmp_path / "out")
    classifier = PixelClassifier.load(model)
    run_job(predict_file_iter(classifier, task, recipe))
    first, second = read(task.targets["objects"])
    assert not set(np.unique(first[first > 0])) & set(np.unique(second[second > 0]))
    np.testing.assert_array_equal(read(task.targets["labels"]), classifier.predict(video, axes="TYX"))


def test_objects_of_an_unknown_class_are_refused(nuclei: Any, model: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "a.tif", nuclei.image, axes="YX")
    recipe = recipe_for(model, "objects", objects=ObjectParameters(class_id=7))
    (task,) = plan([tmp_path / "a.tif"], ("objects",), tmp_path / "out")
    with pytest.raises(InputError, match=r"out of \[1, 2\] \(got 7\)"):
        run_job(predict_file_iter(PixelClassifier.load(model), task, recipe))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_result_knows_its_recipe(nuclei: Any, model: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "a.tif", nuclei.image, axes="YX")
    recipe = recipe_for(model, "labels")
    (task,) = plan([tmp_path / "a.tif"], ("labels",), tmp_path / "out")
    run_job(predict_file_iter(PixelClassifier.load(model), task, recipe))
    with open_image(task.targets["labels"]) as opened:
        kept = Recipe.model_validate(opened.metadata[METADATA_KEY])
        assert opened.metadata["class_names"] == {"1": "background", "2": "nucleus"}
    assert kept.inputs == (str(tmp_path / "a.tif"),)
    assert kept.checked_model() == model


def test_a_failure_leaves_no_result_and_does_not_stop_the_others(
    nuclei: Any, model: Path, tmp_path: Path
) -> None:
    poisoned = nuclei.image.astype(np.float32)
    poisoned[-1, -1] = np.nan
    write_image(tmp_path / "bad.tif", poisoned, axes="YX")
    write_image(tmp_path / "good.tif", nuclei.image, axes="YX")
    recipe = recipe_for(model, "labels", "uncertainty")
    tasks = plan([tmp_path / "bad.tif", tmp_path / "good.tif"], recipe.parameters.outputs, tmp_path / "out")
    seen = []
    bad, good = run_job(predict_files_iter(PixelClassifier.load(model), tasks, recipe), seen.append)
    assert bad.error is not None
    assert "NaN" in bad.error
    assert good.error is None
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["good_labels.ome.tif", "good_uncertainty.ome.tif"]
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_cancelling_leaves_nothing_half_written(nuclei: Any, model: Path, tmp_path: Path) -> None:
    large = np.tile(nuclei.image, (6, 6))
    write_image(tmp_path / "large.tif", large, axes="YX")
    recipe = recipe_for(model, "labels")
    tasks = plan([tmp_path / "large.tif"], ("labels",), tmp_path / "out")
    cancel = CancelToken()
    with pytest.raises(JobCancelled):
        run_job(
            predict_files_iter(PixelClassifier.load(model), tasks, recipe, cancel=cancel),
            lambda _progress: cancel.cancel(),
        )
    assert list((tmp_path / "out").iterdir()) == []


def test_input_and_output_may_be_zarr(nuclei: Any, model: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "a.zarr", nuclei.image, axes="YX", spacing=(0.3, 0.3), units="micrometer")
    recipe = recipe_for(model, "labels")
    (task,) = plan([tmp_path / "a.zarr"], ("labels",), tmp_path / "out", "zarr")
    classifier = PixelClassifier.load(model)
    run_job(predict_file_iter(classifier, task, recipe))
    np.testing.assert_array_equal(read(task.targets["labels"]), classifier.predict(nuclei.image))


def dumbbells() -> tuple[np.ndarray, np.ndarray]:
    """Squares joined by a bar along X, and strokes on them. Pixels that are flat hide the neck."""
    truth = np.zeros((80, 70), bool)
    for top in (10, 50):
        truth[top : top + 20, 10:30] = truth[top : top + 20, 40:60] = True
        truth[top + 2 : top + 18, 30:40] = True
    annotation = np.zeros(truth.shape, np.uint8)
    annotation[::4] = np.where(truth[::4], 2, 1)
    return np.where(truth, 200, 20).astype(np.uint8), annotation


@pytest.mark.parametrize("trained_at", [None, (1.0, 0.3)])
def test_objects_do_not_depend_on_whether_the_file_or_the_layer_kept_the_pixel_size(
    tmp_path: Path, trained_at: tuple[float, float] | None
) -> None:
    """napari's own reader drops the pixel size: the window's layer has none, the file for `run` has one."""
    image, annotation = dumbbells()
    classifier = PixelClassifier(PixelFeatures(sigmas=(0.7,)), n_estimators=10)
    classifier.fit(image, annotation, spacing=trained_at)
    model = classifier.save(tmp_path / "dumbbells.segmotif")
    parameters = ObjectParameters(class_id=2)
    in_window = np.zeros(image.shape, np.int32)
    layer = ImageSource.of(image, "YX")
    n = run_job(predict_objects_iter(classifier, layer, {"objects": in_window}, parameters))
    write_image(tmp_path / "a.tif", image, axes="YX", spacing=(1.0, 0.3), units="micrometer")
    recipe = recipe_for(model, "objects", objects=parameters)
    (task,) = plan([tmp_path / "a.tif"], ("objects",), tmp_path / "out")
    run_job(predict_file_iter(PixelClassifier.load(model), task, recipe))
    np.testing.assert_array_equal(read(task.targets["objects"]), in_window)
    mask = classifier.predict_proba(image)[1] >= 0.5
    assert n == make_objects(mask, spacing=trained_at).max() == (4 if trained_at is None else 2)
    with open_image(task.targets["objects"]) as opened:
        assert opened.spacing == pytest.approx((1.0, 0.3))  # the result keeps that of its file
