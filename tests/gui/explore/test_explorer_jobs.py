"""The jobs of the feature explorer, without Qt and napari."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from explorer_scene import discs, layers, table_of
from napari.layers import Labels

from napari_segmotif.common.progress import CancelToken, run_job
from napari_segmotif.errors import InputError, JobCancelled
from napari_segmotif.explore.tables import table_info
from napari_segmotif.gui.explore import jobs
from napari_segmotif.gui.explore.inputs import LabelledImage, MeasureInput, take

PROPERTIES = ("shape", "intensity", "position")


def given(seed: int = 0, name: str = "cells") -> MeasureInput:
    labels, image = layers(seed, name)
    return take(LabelledImage(labels, "YX", (image,)))


@pytest.fixture(scope="module")
def measured() -> jobs.Measured:
    return run_job(jobs.measure([given()], PROPERTIES, CancelToken()))


@pytest.fixture(scope="module")
def is_large() -> np.ndarray:
    return discs(0)[2]


def test_objects_are_measured_and_mapped_at_once(measured: jobs.Measured, is_large: np.ndarray) -> None:
    labels, image, _ = discs(0)
    table = measured.table
    assert table["label"].tolist() == list(range(1, len(is_large) + 1))
    assert table["area"].tolist() == [int((labels == k).sum()) for k in table["label"]]
    assert float(table["intensity_mean"].iloc[0]) == pytest.approx(float(image[labels == 1].mean()), rel=1e-6)
    assert set(table["roi_id"]) == {"cells"}
    info = table_info(table)
    assert info is not None
    assert info.channels == ("cells image",)
    assert measured.pca is not None
    first = np.asarray(measured.pca.embedding_)[:, 0]
    low, high = sorted((first[is_large].mean(), first[~is_large].mean()))
    assert (first[is_large] > (low + high) / 2).all() != (first[~is_large] > (low + high) / 2).all()


def test_several_images_go_into_one_table() -> None:
    job = jobs.measure([given(0, "one"), given(1, "two")], PROPERTIES, CancelToken())
    progress, result = _all_progress(job)
    table = result.table
    assert table.groupby("roi_id", sort=False).size().to_dict() == {"one": 48, "two": 48}
    assert not table.duplicated(["roi_id", "frame", "label"]).any()
    assert "channels" not in table.columns
    assert any(said.startswith("two: ") for _, said in progress)
    shares = [share for share, said in progress if said.startswith(("one", "two"))]
    assert shares == sorted(shares)


def test_an_image_without_objects_has_no_part_in_the_table() -> None:
    empty = take(LabelledImage(Labels(np.zeros((40, 40), np.int32), name="empty"), "YX"))
    with pytest.raises(InputError, match=r"no object to measure.*\(got only 0 in 'empty'\)"):
        run_job(jobs.measure([empty], ("shape",), CancelToken()))


def test_one_object_is_a_table_without_a_map() -> None:
    labels = np.zeros((30, 30), np.int32)
    labels[5:12, 5:9] = 4
    one = take(LabelledImage(Labels(labels, name="one"), "YX"))
    result = run_job(jobs.measure([one], ("shape",), CancelToken()))
    assert result.table["area"].tolist() == [28]
    assert result.pca is None
    assert "too few" in result.message.lower()


def test_measuring_can_be_cancelled() -> None:
    token = CancelToken()
    job = jobs.measure([given()], PROPERTIES, token)
    next(job)
    token.cancel()
    with pytest.raises(JobCancelled):
        run_job(job)


def test_a_table_is_kept_and_opened(measured: jobs.Measured, tmp_path: Path) -> None:
    path = run_job(jobs.save_table(measured.table, tmp_path / "t.csv", CancelToken()))
    again = run_job(jobs.open_table(path, CancelToken()))
    pd.testing.assert_frame_equal(again.table, measured.table, check_dtype=False)
    assert table_info(again.table) == table_info(measured.table)
    assert again.pca is not None


def test_clusters_are_the_two_kinds(measured: jobs.Measured, is_large: np.ndarray) -> None:
    settings = {"method": "kmeans", "n_clusters": 2, "space": "features"}
    clustering = run_job(jobs.cluster(measured.table, settings, None, None, CancelToken()))
    assert settings["method"] == "kmeans"
    labels = np.asarray(clustering.labels_)
    assert len(set(labels[is_large])) == len(set(labels[~is_large])) == 1


def test_more_clusters_than_objects_are_refused() -> None:
    settings = {"method": "kmeans", "n_clusters": 9, "space": "features"}
    with pytest.raises(InputError, match=r"\(got "):
        run_job(jobs.cluster(table_of(4), settings, None, None, CancelToken()))


def test_features_that_say_the_same_are_found() -> None:
    pruning = run_job(jobs.prune(table_of(), 0.9, "spearman", None, CancelToken()))
    assert pruning.stands_for["area"] == ("area_filled",)


def test_a_classifier_is_trained_kept_and_applied_to_another_image(
    measured: jobs.Measured, is_large: np.ndarray, tmp_path: Path
) -> None:
    classes = np.zeros(len(measured.table), np.int64)
    classes[:12] = np.where(is_large[:12], 5, 2)
    options = {"class_names": {2: "small", 5: "large"}, "class_colors": {5: "#112233"}}
    trained = run_job(jobs.train(measured.table, classes, "random_forest", None, options, CancelToken()))
    truth = np.where(is_large, 5, 2)
    assert (trained.predicted.classes == truth).mean() > 0.95
    assert (trained.predicted.confidence > 0.5).all()
    path = run_job(jobs.save_model(trained.classifier, tmp_path / "c.segmotif", CancelToken()))
    loaded = run_job(jobs.load_model(path, CancelToken()))

    labels, image = layers(3, "others")
    other = take(LabelledImage(labels, "YX", (image,)), [("cells image", image, None)])
    applied = run_job(jobs.apply(loaded, other, PROPERTIES, CancelToken()))
    other_truth = np.where(discs(3)[2], 5, 2)
    assert (applied.table["predicted_class"].to_numpy() == other_truth).mean() > 0.95
    expected = np.concatenate([[0], applied.table["predicted_class"].to_numpy()])[labels.data]
    assert np.array_equal(applied.image, expected)


def test_a_classifier_refuses_an_image_measured_otherwise(
    measured: jobs.Measured, is_large: np.ndarray
) -> None:
    classes = np.where(is_large, 1, 2)
    trained = run_job(jobs.train(measured.table, classes, "random_forest", None, {}, CancelToken()))
    with pytest.raises(InputError, match="cells image"):
        run_job(jobs.apply(trained.classifier, given(1, "others"), PROPERTIES, CancelToken()))


def test_the_first_suggestions_need_no_classifier(measured: jobs.Measured) -> None:
    classes = np.zeros(len(measured.table), np.int64)
    rows = run_job(jobs.suggest(None, measured.table, classes, "auto", CancelToken()))
    assert len(set(rows.tolist())) == len(rows) == 10
    assert ((rows >= 0) & (rows < len(classes))).all()


def _all_progress(job: Iterator) -> tuple[list[tuple[float, str]], jobs.Measured]:
    said: list[tuple[float, str]] = []
    result = run_job(job, lambda progress: said.append((progress.fraction, progress.message)))
    return said, result
