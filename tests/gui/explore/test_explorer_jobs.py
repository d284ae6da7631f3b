"""The jobs of the feature explorer, without Qt and napari."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from explorer_scene import discs, layers, table_of
from napari.layers import Labels

from napari_segmotif.common.progress import CancelToken, run_job
from napari_segmotif.errors import InputError, JobCancelled, ModelMismatchError
from napari_segmotif.explore.classifying.object_classifier import ObjectClassifier
from napari_segmotif.explore.tables import feature_columns, table_info
from napari_segmotif.gui.explore import jobs
from napari_segmotif.gui.explore.foreign_columns import tidied
from napari_segmotif.gui.explore.inputs import LabelledImage, MeasureInput, take
from napari_segmotif.gui.explore.kept_classes import keep_classes
from napari_segmotif.gui.explore.table_links import Candidate, TableLink, link_job

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


def test_a_classifier_of_another_table_does_not_stop_suggestions(measured: jobs.Measured) -> None:
    classifier = ObjectClassifier(n_estimators=5).fit(measured.table, np.arange(48) % 2 + 1)
    foreign, none = table_of(), np.zeros(30, np.int64)
    rows = run_job(jobs.suggest(classifier, foreign, none, "auto", CancelToken()))
    assert np.array_equal(rows, run_job(jobs.suggest(None, foreign, none, "auto", CancelToken())))
    with pytest.raises(ModelMismatchError):  # there is nothing to be uncertain of
        run_job(jobs.suggest(classifier, foreign, none, "uncertainty", CancelToken()))


def test_a_table_with_a_map_keeps_it(tmp_path: Path) -> None:
    table = table_of().assign(PCA1=np.arange(30.0), PCA2=0.5)
    table.to_csv(tmp_path / "t.csv", index=False)
    opened = run_job(jobs.open_table(tmp_path / "t.csv", CancelToken()))
    assert opened.pca is None
    assert opened.message == ""
    assert opened.table["PCA1"].tolist() == table["PCA1"].tolist()


def test_picked_and_found_classes_that_are_texts_have_the_same_numbers() -> None:
    table = table_of(4).assign(
        **{"class": ["b", None, "", "a"], "predicted_class": pd.Categorical(["c", "b", "a", "b"])}
    )
    tidy = tidied(table)
    assert tidy.table["class"].tolist() == [2, 0, 0, 1]
    assert tidy.table["predicted_class"].tolist() == [3, 2, 1, 2]
    assert tidy.names == {1: "a", 2: "b", 3: "c"}
    assert table["class"].tolist()[0] == "b"  # what was given is left as it is


def test_classes_that_are_texts_do_not_take_the_numbers_of_others() -> None:
    tidy = tidied(table_of(3).assign(**{"class": [4, 0, 1], "predicted_class": ["x", "y", "x"]}))
    assert tidy.table["class"].tolist() == [4, 0, 1]
    assert tidy.names == {5: "x", 6: "y"}


def test_missing_classes_are_none_and_noise_is_no_cluster() -> None:
    tidy = tidied(table_of(4).assign(**{"class": [1, np.nan, 3, np.nan], "cluster": [-1, 0, 1, 0]}))
    assert tidy.table["class"].tolist() == [1, 0, 3, 0]
    assert tidy.table["cluster"].tolist() == [0, 1, 2, 1]
    assert any("2 objects without a class" in said for said in tidy.messages)
    assert any("“cluster” counts from 1" in said for said in tidy.messages)
    numbers = tidied(table_of(12).assign(cluster=[str(k) for k in range(12)]))
    assert numbers.table["cluster"].tolist() == list(range(1, 13))  # "2" comes before "10"


@pytest.mark.parametrize(
    "values", [np.linspace(0, 1, 150), [f"cell {k}" for k in range(150)], [np.inf] * 150]
)
def test_what_is_no_class_is_kept_under_another_name(values: Any) -> None:
    table = table_of(150).assign(**{"class": values})
    tidy = tidied(table)
    assert "class" not in tidy.table
    assert tidy.table["class_text"].tolist() == [str(value) for value in table["class"]]
    assert "class_text" not in feature_columns(tidy.table)
    assert "“class_text”" in tidy.messages[0]


def test_a_table_of_cellprofiler_opens_and_says_who_its_objects_are(tmp_path: Path) -> None:
    path, own = tmp_path / "Nuclei.csv", table_of(12).drop(columns=["roi_id", "frame", "label", "index"])
    own.assign(ImageNumber=np.repeat([1, 2], 6), ObjectNumber=[*range(1, 7)] * 2).to_csv(path, index=False)
    opened = run_job(jobs.open_table(path, CancelToken()))
    assert opened.table["label"].tolist() == [*range(1, 7)] * 2
    assert opened.table["roi_id"].tolist() == ["1"] * 6 + ["2"] * 6
    assert opened.notes == (
        "“ObjectNumber” is taken as the objects' label.",
        "“ImageNumber” is taken as the images' names: “1”, “2”.",
    )
    table_of(12).assign(ObjectNumber="x", ImageNumber=1).to_csv(path, index=False)
    assert run_job(jobs.open_table(path, CancelToken())).notes == ()


def link(table: pd.DataFrame, array: np.ndarray, *axes: str) -> TableLink:
    (found,) = run_job(link_job(table, [Candidate("cells", array, axes)], "cells", CancelToken()))
    return found


def test_the_objects_of_a_table_are_looked_for_where_they_should_be(measured: jobs.Measured) -> None:
    labels = discs(0)[0]
    assert link(measured.table, labels, "YX").problem == ""
    moved = link(measured.table, np.roll(labels, 60, axis=1), "YX")  # the same labels, at other places
    assert not moved.fits
    assert moved.looked_up == 48
    by_label = measured.table[["roi_id", "frame", "label", "area"]]
    assert link(by_label, np.roll(labels, 60, axis=1), "YX").problem == ""  # the table does not say where
    fewer = link(measured.table, np.where(labels > 40, 0, labels), "YX")
    assert (fewer.missing, fewer.looked_up, fewer.fits) == (8, 48, True)


def test_frames_and_dimensions_of_a_table_are_compared(measured: jobs.Measured) -> None:
    stack = np.stack([discs(0)[0]] * 2)
    # A plane's table and a stack: it can be of a time series, and of no volume.
    assert link(measured.table, stack, "ZYX", "TYX").axes == "TYX"
    volume = link(measured.table, stack, "ZYX")
    assert not volume.fits
    assert "2 dimensions in space" in volume.problem
    later = measured.table.assign(frame=np.repeat([0, 5], 24))
    assert link(later, stack, "TYX").missing == 24


def test_lazy_labels_are_looked_up_alike(measured: jobs.Measured) -> None:
    lazy = da.from_array(discs(0)[0], chunks=40)
    assert link(measured.table, lazy, "YX").problem == ""


def test_a_table_that_names_no_layer_is_of_the_chosen_one_only_if_it_is_of_one_image() -> None:
    candidates = [Candidate("x", discs(0)[0], ("YX",))]
    one = table_of(9).assign(roi_id="")
    assert [found.roi_id for found in run_job(link_job(one, candidates, "x", CancelToken()))] == [""]
    assert run_job(link_job(one, candidates, "", CancelToken())) == ()
    two = table_of(9).assign(roi_id=["a"] * 4 + ["b"] * 5)
    assert run_job(link_job(two, candidates, "x", CancelToken())) == ()


def test_picked_classes_are_found_again_by_image_frame_and_label() -> None:
    old = table_of(6).assign(**{"class": [1, 0, 2, 0, 3, 0]})
    new = table_of(8).iloc[[7, 4, 0, 1]]
    kept = keep_classes(old, new)
    assert kept.classes.tolist() == [0, 3, 1, 0]
    assert (kept.n_kept, kept.n_gone) == (2, 1)
    elsewhere = keep_classes(old, new.assign(roi_id="b"))
    assert (elsewhere.n_kept, elsewhere.n_gone) == (0, 3)
    assert "3 objects of the earlier table are gone" in elsewhere.message
    assert keep_classes(old, new.assign(roi_id="b"), {"cells": "b"}).n_kept == 2
    assert not keep_classes(old, new.assign(frame=1)).classes.any()
    assert keep_classes(table_of(6), new).message == ""


def _all_progress(job: Iterator) -> tuple[list[tuple[float, str]], jobs.Measured]:
    said: list[tuple[float, str]] = []
    result = run_job(job, lambda progress: said.append((progress.fraction, progress.message)))
    return said, result


def test_textures_of_all_images_have_the_same_grey_levels() -> None:
    labels, image = layers(0, "a")
    brighter = Labels(labels.data, name="b")
    signal = image.data.copy()
    signal[labels.data > 40] += 500  # eight of the 48 objects; the others are the same in both images
    images = [
        LabelledImage(labels, "YX", (image,)),
        LabelledImage(brighter, "YX", (type(image)(signal, name="b image"),)),
    ]
    table = run_job(jobs.measure_table([take(one) for one in images], ("texture",), CancelToken()))
    alike = table[table["label"] <= 40].set_index("label")
    columns = [name for name in table.columns if name.startswith("haralick")]
    one, other = (alike.loc[alike["roi_id"] == name, columns] for name in ("a", "b"))
    pd.testing.assert_frame_equal(one, other)
