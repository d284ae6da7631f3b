"""A network applied to files, trained on files, and judged on files; a tiny one."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from napari_segmotif import CancelToken, InputError, JobCancelled, open_image, run_job, write_image
from napari_segmotif.batch.pairs import Pair
from napari_segmotif.batch.recipe import METADATA_KEY
from napari_segmotif.batch.tasks import plan
from napari_segmotif.batch.unet_evaluation import evaluate_iter
from napari_segmotif.batch.unet_files import predict_unet_file_iter, predict_unet_files_iter
from napari_segmotif.batch.unet_recipe import UNetJobParameters, UNetRecipe
from napari_segmotif.batch.unet_training import TrainingFiles, train_unet_iter
from napari_segmotif.unet.learning.reports import EpochReport
from napari_segmotif.unet.segmenter import UNetSegmenter

TINY = {
    "n_epochs": 2, "steps_per_epoch": 3, "batch_size": 1, "patch_size": 16, "width": 4, "depth": 1,
    "learning_rate": 0.02, "device": "cpu",
}  # fmt: skip


def squares(n_frames: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Bright squares on a dark ground, (T, Y, X), and their numbers, which differ between frames."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((n_frames, 48, 56), np.int32)
    for frame in range(n_frames):
        for number, (y, x) in enumerate([(4, 4), (4, 30), (26, 8), (28, 36)]):
            labels[frame, y : y + 13, x : x + 13] = 4 * frame + number + 1
    image = rng.normal(20, 3, labels.shape) + 150 * (labels > 0)
    return image.clip(0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    image, labels = squares(2)
    longer = {**TINY, "n_epochs": 8, "steps_per_epoch": 10, "patch_size": 32}
    segmenter = UNetSegmenter(**longer).fit(image, labels, "instances", axes="TYX")
    return segmenter.save(tmp_path_factory.mktemp("model") / "squares.segmotif")


def recipe_for(model: Path, *outputs: str, **more: object) -> UNetRecipe:
    return UNetRecipe.of(model, UNetJobParameters(outputs=outputs, **more), [])  # type: ignore[arg-type]


def read(path: Path) -> np.ndarray:
    with open_image(path) as opened:
        return np.asarray(opened.array[:])


def test_frames_are_segmented_as_in_python(model: Path, tmp_path: Path) -> None:
    image, _ = squares(3, seed=1)
    write_image(tmp_path / "video.tif", image, axes="TYX", spacing=(0.5, 0.5), units="micrometer")
    recipe = recipe_for(model, "labels", "instances", "probabilities", augment=True)
    (task,) = plan([tmp_path / "video.tif"], recipe.parameters.outputs, tmp_path / "out")
    segmenter = UNetSegmenter.load(model, device="cpu")
    run_job(predict_unet_file_iter(segmenter, task, recipe))
    python = run_job(
        segmenter.predict_iter(image, "TYX", outputs=("labels", "instances", "probabilities"), augment=True)
    )
    np.testing.assert_array_equal(read(task.targets["labels"]), python.labels)
    np.testing.assert_array_equal(read(task.targets["instances"]), python.instances)
    with open_image(task.targets["probabilities"]) as opened:
        written = np.moveaxis(np.asarray(opened.array[:]), opened.axes.index("C"), 0)
        assert opened.channel_names == ("background", "objects")
        np.testing.assert_array_equal(written, python.probabilities)
    with open_image(task.targets["instances"]) as opened:
        assert opened.labels
        assert opened.spacing == pytest.approx((0.5, 0.5))
        kept = UNetRecipe.model_validate(opened.metadata[METADATA_KEY])
    assert kept.inputs == (str(tmp_path / "video.tif"),)
    assert kept.checked_model() == model


def test_axes_that_a_file_does_not_say_are_those_of_the_training(model: Path, tmp_path: Path) -> None:
    image, _ = squares(2, seed=2)
    np.save(tmp_path / "video.npy", image)
    recipe = recipe_for(model, "labels")
    (task,) = plan([tmp_path / "video.npy"], ("labels",), tmp_path / "out", "zarr")
    segmenter = UNetSegmenter.load(model, device="cpu")
    run_job(predict_unet_file_iter(segmenter, task, recipe))
    with open_image(task.targets["labels"]) as opened:
        assert opened.axes == "TYX"


def test_cancelling_leaves_nothing_half_written(model: Path, tmp_path: Path) -> None:
    image, _ = squares(6)
    write_image(tmp_path / "video.tif", image, axes="TYX")
    tasks = plan([tmp_path / "video.tif"], ("labels", "instances"), tmp_path / "out")
    cancel = CancelToken()
    with pytest.raises(JobCancelled):
        run_job(
            predict_unet_files_iter(
                UNetSegmenter.load(model, device="cpu"), tasks, recipe_for(model, "labels"), cancel=cancel
            ),
            lambda _progress: cancel.cancel(),
        )
    assert list((tmp_path / "out").iterdir()) == []


def write_pairs(folder: Path, n: int, seed: int = 0) -> list[Pair]:
    pairs = []
    for number in range(n):
        image, labels = squares(1, seed=seed + number)
        names = {"class_names": {"1": "background", "2": "cells"}}
        i = write_image(folder / f"s{seed + number}.tif", image[0], axes="YX")
        a = write_image(
            folder / f"s{seed + number}_objects.tif", labels[0], axes="YX", labels=True, metadata=names
        )
        pairs.append(Pair(i, a))
    return pairs


def test_validation_files_are_held_out_and_names_of_classes_are_none_of_objects(tmp_path: Path) -> None:
    pairs, apart = write_pairs(tmp_path, 2), write_pairs(tmp_path, 1, seed=5)
    segmenter = UNetSegmenter(**TINY)
    seen: list[EpochReport] = []
    job = train_unet_iter(segmenter, TrainingFiles(pairs, apart, annotation="instances"))
    run_job(job, lambda p: seen.append(p) if isinstance(p, EpochReport) else None)
    assert [report.epoch for report in seen] == [1, 2]
    assert segmenter.class_names_ == {0: "background", 1: "objects"}
    assert segmenter.card_["n_training_samples"] == 2
    assert segmenter.card_["n_validation_samples"] == 1
    assert segmenter.card_["images"] == ["s0.tif", "s1.tif"]


def test_training_without_files_is_refused() -> None:
    with pytest.raises(InputError, match=r"no image has labels.*\(got no pair\)"):
        run_job(train_unet_iter(UNetSegmenter(**TINY), TrainingFiles([], annotation="instances")))


def test_scores_are_counted_by_image_and_together(model: Path, tmp_path: Path) -> None:
    """The labels are the prediction with one object erased and one added: TP n − 1, FP 1, FN 1."""
    segmenter = UNetSegmenter.load(model, device="cpu")
    image, _ = squares(1, seed=7)
    write_image(tmp_path / "a.tif", image[0], axes="YX")
    truth = segmenter.predict_instances(image[0])
    n_found = int(truth.max())
    assert n_found > 0
    added = np.argwhere(truth == 0)[0]
    truth[truth == 1] = 0
    truth[tuple(added)] = n_found + 5
    write_image(tmp_path / "a_labels.tif", truth, axes="YX", labels=True)
    pairs = [Pair(tmp_path / "a.tif", tmp_path / "a_labels.tif")]
    (tmp_path / "bad.tif").write_bytes(b"no image")
    pairs.append(Pair(tmp_path / "bad.tif", tmp_path / "a_labels.tif"))
    found = run_job(evaluate_iter(segmenter, pairs))
    good, bad = found.images
    assert bad.error is not None
    assert good.objects == found.objects
    assert good.objects is not None
    assert good.objects.true_positives == (n_found - 1,) * 5
    assert good.objects.false_positives == good.objects.false_negatives == (1,) * 5
    assert found.mean_of_images == pytest.approx([(n_found - 1) / (n_found + 1)] * 5)
    assert found.pixels.confusion.sum() == truth.size
    foreground = segmenter.predict(image[0]) == 1
    shared = 2 * (foreground & (truth > 0)).sum()
    assert found.dice() == pytest.approx(shared / (foreground.sum() + (truth > 0).sum()))


@pytest.mark.parametrize(
    ("annotation", "trained", "asked", "complaint"),
    [
        ("semantic", (0, 1), (0, 255), r"for the training, 0 sky, 1 \(got 255\)$"),
        ("semantic", (0, 1), (1, 2), r"\(got 2\)$"),
        ("scribbles", (1, 2), (0, 2), None),  # 0 is not annotated
        ("scribbles", (1, 2), (1, 7), r"\(got 7\)$"),
    ],
)
def test_labels_of_classes_that_were_never_learned_are_refused(
    tmp_path: Path, annotation: str, trained: tuple[int, int], asked: tuple[int, int], complaint: str | None
) -> None:
    """Without their pixels a network that finds none of them would have the best of scores."""
    (image,), (labels,) = squares()
    segmenter = UNetSegmenter(**TINY).fit(
        image,
        np.where(labels > 0, *trained[::-1]).astype(np.uint8),
        annotation,
        axes="YX",
        class_names={trained[0]: "sky"},
    )
    write_image(tmp_path / "image.tif", image, axes="YX")
    truth = np.where(labels > 0, *asked[::-1]).astype(np.uint8)
    write_image(tmp_path / "labels.tif", truth, axes="YX", labels=True)
    found = run_job(evaluate_iter(segmenter, [Pair(tmp_path / "image.tif", tmp_path / "labels.tif")]))
    error = found.images[0].error
    if complaint is None:
        assert error is None
        assert found.images[0].confusion.sum() == (truth > 0).sum()
    else:
        assert error is not None
        assert error.startswith("the labels have classes that the network does not know: ")
        assert re.search(complaint, error)
