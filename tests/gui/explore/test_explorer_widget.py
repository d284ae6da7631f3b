"""The feature explorer in a viewer, used as a user uses it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from explorer_scene import discs, table_of
from napari import Viewer

from napari_segmotif.explore.classifying.object_classifier import ObjectClassifier
from napari_segmotif.explore.table_files import write_table
from napari_segmotif.gui.explore import jobs
from napari_segmotif.gui.explore.findings import channels_of
from napari_segmotif.gui.explore.widget import FeatureExplorerWidget


def why_not(button: Any) -> str:
    """The reason in the tooltip of a button that is disabled; "" for one that is enabled."""
    assert button.isEnabled() == ("Not now" not in button.toolTip())
    return button.toolTip().partition("Not now: ")[2]


def test_nothing_can_be_done_without_objects_and_every_button_says_why(viewer: Viewer) -> None:
    widget = FeatureExplorerWidget(viewer)
    viewer.window.add_dock_widget(widget)
    form = widget.form
    assert "Labels layer" in why_not(form.objects.measure)
    for button in (
        form.embedding.make,
        form.clusters.find,
        form.clusters.check,
        form.features.find,
        form.explain.explain,
        form.classify.pick,
        form.classify.train,
        form.keep.table,
        form.keep.plot,
        form.keep.features,
    ):
        assert "measure objects or open a table first" in why_not(button)
    assert "train or load a classifier" in why_not(form.apply.apply)
    assert why_not(form.objects.open) == ""
    assert why_not(form.classify.load) == ""


def test_objects_are_measured_mapped_and_grouped(measured: FeatureExplorerWidget) -> None:
    is_large = discs()[2]
    form, session, views = measured.form, measured.session, measured.views
    assert views.dock is not None
    assert views.dock.scatter.columns == ("PCA1", "PCA2")
    assert form.sections["objects"]._summary.text().startswith("48 objects")
    assert why_not(form.clusters.find) == ""

    form.clusters.number.setValue(2)
    form.clusters.find.click()
    assert measured.wait()
    clusters = session.column("cluster")
    assert clusters is not None
    assert len(set(clusters[is_large])) == len(set(clusters[~is_large])) == 1
    assert views.dock.scatter.color_column == "cluster"
    coloring = views.link.coloring_layer("cells")
    assert coloring is not None
    labels = measured.viewer.layers["cells"].data
    assert np.array_equal(np.asarray(coloring.data), np.concatenate([[0], clusters])[labels])

    form.clusters.table.cellClicked.emit(1, 0)
    assert np.array_equal(session.selected, clusters == 2)
    assert "2 clusters" in form.sections["clusters"]._summary.text()

    form.explain.group.choose("selected")
    assert why_not(form.explain.explain) == ""
    form.explain.group.choose("cluster:1")
    form.explain.other.choose("cluster:1")
    assert "share objects" in why_not(form.explain.explain)


def test_classes_are_picked_trained_and_told(measured: FeatureExplorerWidget) -> None:
    is_large = discs()[2]
    form, session = measured.form, measured.session
    assert "at least two classes" in why_not(form.classify.train)
    session.set_current(0)
    measured.views.class_key.emit(1)  # keys give no class while Pick is off
    assert session.column("class") is None
    form.classify.pick.setChecked(True)
    for row in range(12):
        session.set_current(row)
        measured.views.class_key.emit(3 if is_large[row] else 1)
    assert [entry.label for entry in form.classify.classes.entries] == [1, 2, 3]
    classes = session.column("class")
    assert classes is not None
    assert np.array_equal(classes[:12], np.where(is_large[:12], 3, 1))
    assert not classes[12:].any()
    measured.views.class_key.emit(0)  # the last one is taken back
    assert session.column("class")[11] == 0
    assert form.sections["classify"]._summary.text() == "6 class 1 · 5 class 3"

    form.classify.classes.rename(3, "large")
    form.classify.train.click()
    assert measured.wait()
    told = session.column("predicted_class")
    assert told is not None
    assert (told == np.where(is_large, 3, 1)).mean() > 0.95
    assert ("found:3", "large (found)") in [
        (form.explain.group.itemData(i), form.explain.group.itemText(i))
        for i in range(form.explain.group.count())
    ]
    form.classify.suggest.click()
    assert measured.wait()
    assert session.current >= 0
    assert session.column("class")[session.current] == 0
    assert "large" in form.said


def test_classes_are_told_in_another_image(measured: FeatureExplorerWidget) -> None:
    labels, image, is_large = discs(5)
    form, viewer = measured.form, measured.viewer
    measured.classifying.picking.give(np.flatnonzero(discs()[2]), 2)
    measured.classifying.picking.give(np.flatnonzero(~discs()[2]), 1)
    form.classify.train.click()
    assert measured.wait()
    assert "another image" in why_not(form.apply.apply)
    viewer.add_image(image, name="other stain", translate=(0, 500))
    other = viewer.add_labels(labels, name="others", translate=(0, 500))
    form.apply.labels.choose(other)
    assert why_not(form.apply.apply) == ""
    form.apply.apply.click()
    assert measured.wait()
    shown = viewer.layers["others: predicted_class"]
    truth = np.concatenate([[0], np.where(is_large, 2, 1)])[labels]
    assert (np.asarray(shown.data) == truth).mean() > 0.99
    assert len(other.features) == len(is_large)
    assert np.array_equal(other.features["index"], np.arange(1, len(is_large) + 1))
    assert shown not in form.objects.labels.layers


def test_two_images_go_into_one_table_and_both_are_linked(
    widget: FeatureExplorerWidget, viewer: Viewer
) -> None:
    labels, image, _ = discs(2)
    panel = widget.form.objects
    panel.labels.choose(viewer.layers["cells"])
    panel.add_image()
    viewer.add_image(image, name="DAPI 2", translate=(200, 0))
    second = viewer.add_labels(labels, name="cells 2", translate=(200, 0))
    panel.labels.choose(second)
    assert [one.name for one in panel.channels.images] == ["DAPI 2"]
    assert [one.labels.name for one in panel.images] == ["cells", "cells 2"]
    widget.measure()
    assert widget.wait()
    assert widget.session.table["roi_id"].value_counts().to_dict() == {"cells": 48, "cells 2": 48}
    assert set(widget.views.link.roi_ids) == {"cells", "cells 2"}


def test_painting_makes_the_table_out_of_date(
    measured: FeatureExplorerWidget, viewer: Viewer, paint_stroke: Callable[..., None]
) -> None:
    paint_stroke(viewer, viewer.layers["cells"], [(2, 2), (2, 8)], label=99)
    assert measured.session.stale
    assert measured.form.objects._stale.text().lower().count("measure again") == 1
    assert "out of date" in measured.form.sections["objects"]._summary.text()


def test_painting_while_it_is_measured_is_noticed(
    widget: FeatureExplorerWidget, viewer: Viewer, paint_stroke: Callable[..., None]
) -> None:
    widget.measure()
    paint_stroke(viewer, viewer.layers["cells"], [(2, 2), (2, 8)], label=99)
    assert widget.wait()
    assert widget.session.n == 48
    assert "painted" in widget.session.stale


def test_the_layer_is_deleted_while_it_is_measured(widget: FeatureExplorerWidget, viewer: Viewer) -> None:
    widget.measure()
    viewer.layers.remove("cells")
    assert widget.wait()
    assert widget.session.table is None
    assert "Labels layer" in why_not(widget.form.objects.measure)


def test_the_table_outlives_its_layer(
    measured: FeatureExplorerWidget, viewer: Viewer, tmp_path: Path
) -> None:
    viewer.layers.remove("cells")
    assert measured.wait()
    assert measured.session.n == 48
    measured.keeping.update()
    assert "not linked" in why_not(measured.form.keep.features)
    measured.form.keep.table_wanted.emit(tmp_path / "kept.csv")
    assert measured.wait()
    assert len(pd.read_csv(tmp_path / "kept.csv")) == 48


def test_what_cannot_be_measured_is_said(
    widget: FeatureExplorerWidget, viewer: Viewer, notifications: list[tuple[str, str]]
) -> None:
    viewer.layers["cells"].data = np.zeros((120, 160), np.int32)
    widget.measure()
    assert widget.wait()
    assert "no object to measure" in widget.form.said
    assert widget.session.table is None
    # A plane does not show the objects of a volume.
    volume = viewer.add_labels(np.zeros((3, 120, 160), np.int32), name="volume")
    widget.form.objects.labels.choose(volume)
    assert widget.form.objects.channels.images == ()
    (_, box) = widget.form.objects.channels._boxes[0]
    assert not box.isEnabled()
    assert "shape" in box.toolTip()
    assert not widget.form.objects._axes.isHidden()
    assert not widget.form.objects.groups["intensity"].isEnabled()


def test_a_table_of_another_program_can_be_opened(
    widget: FeatureExplorerWidget, viewer: Viewer, tmp_path: Path
) -> None:
    table = table_of(20).drop(columns=["roi_id", "frame", "index"]).sample(frac=1, random_state=1)
    table.to_csv(tmp_path / "foreign.csv", index=False)
    widget.measuring.open(tmp_path / "foreign.csv")
    assert widget.wait()
    assert widget.session.n == 20
    assert widget.views.link.roi_ids == ("",)
    widget.session.select([widget.session.index.row("", 0, 7)])
    widget.views.link.flush()
    selection = widget.views.link.selection_layer("")
    assert selection is not None
    marked = np.asarray(selection.data) > 0
    assert set(np.unique(viewer.layers["cells"].data[marked])) == {7}
    # A table of ours names its layer, whatever is chosen.
    write_table(table_of(20), tmp_path / "t.parquet")
    viewer.add_labels(np.ones((9, 9), np.int32), name="something else")
    widget.measuring.open(tmp_path / "t.parquet")
    assert widget.wait()
    assert widget.views.link.layer_of("cells") is viewer.layers["cells"]


def test_picked_classes_outlive_measuring_again(measured: FeatureExplorerWidget, viewer: Viewer) -> None:
    picking = measured.classifying.picking
    picking.give([3, 7, 20], 2)
    session = measured.session
    labels = [session.table["label"].iloc[row] for row in (3, 7, 20)]
    viewer.layers["cells"].data = np.where(discs()[0] == labels[1], 0, discs()[0])
    measured.form.objects.measure.click()
    assert measured.wait()
    table = session.table
    assert session.n == 47
    assert table.loc[table["class"] > 0, "label"].tolist() == [labels[0], labels[2]]
    assert set(table["class"]) == {0, 2}
    assert "The picked classes of 2 objects were kept; 1 picked object is gone." in measured.form.said
    assert measured.form.classify.classes.table.item(1, 2).text() == "2"


def test_classes_copied_from_clusters_are_known_to_be_so_after_a_correction(
    measured: FeatureExplorerWidget,
) -> None:
    picking = measured.classifying.picking
    measured.session.set_column("cluster", np.arange(48) % 2 + 1)
    picking.take_clusters()
    picking.give([0], 2)
    assert measured.found.from_clusters
    measured.measure()
    assert measured.wait()
    assert measured.found.from_clusters  # the classes were kept, and where they are from
    picking.clear()
    assert not measured.found.from_clusters


def test_a_table_of_another_image_is_not_linked(
    widget: FeatureExplorerWidget, viewer: Viewer, tmp_path: Path
) -> None:
    table = table_of(30)
    table[["label", "index"]] += 40  # labels 41 … 70, of which the image has 8
    write_table(table, tmp_path / "other.csv")
    widget.measuring.open(tmp_path / "other.csv")
    assert widget.wait()
    assert widget.session.n == 30  # the table is kept
    assert widget.views.link.roi_ids == ()
    assert "22 of 30 objects are not in labels 'cells'." in widget.form.said
    assert "not linked" in widget.form.said
    assert widget.session.stale == ""
    # Of another one only some objects are gone.
    write_table(table_of(50), tmp_path / "more.csv")  # the image has 48
    widget.measuring.open(tmp_path / "more.csv")
    assert widget.wait()
    assert widget.views.link.roi_ids == ("cells",)
    assert widget.session.stale == "2 of 50 objects are not in labels 'cells'."
    assert "out of date" in widget.form.sections["objects"]._summary.text()


def test_texts_are_classes_and_a_map_in_the_file_is_shown(
    widget: FeatureExplorerWidget, tmp_path: Path
) -> None:
    table = table_of(20)
    table["class"] = ["round", None, "long", "long"] * 5
    table["cluster"] = [1.0, np.nan, 2.0, 2.0] * 5
    table["PCA1"], table["PCA2"] = np.arange(20.0), -np.arange(20.0)
    write_table(table, tmp_path / "t.csv")
    widget.measuring.open(tmp_path / "t.csv")
    assert widget.wait()
    session = widget.session
    assert session.column("class").tolist() == [2, 0, 1, 1] * 5
    assert session.column("cluster").tolist() == [1, 0, 2, 2] * 5
    assert session.column("class").dtype == session.column("cluster").dtype == np.int64
    assert widget.form.classify.classes.names == {1: "long", 2: "round"}
    assert session.column("PCA1").tolist() == table["PCA1"].tolist()
    assert widget.views.dock.scatter.columns == ("PCA1", "PCA2")
    assert "numbers now: 1 is “long”, 2 is “round”" in widget.form.said


def test_a_loaded_classifier_leaves_the_names_of_picked_classes(
    measured: FeatureExplorerWidget, tmp_path: Path
) -> None:
    is_large = discs()[2]
    classifier = ObjectClassifier(n_estimators=5)
    names = {1: "file one", 3: "file three"}
    classifier.fit(measured.session.table, np.where(is_large, 3, 1), class_names=names)
    classifier.save(tmp_path / "c.segmotif")
    classes = measured.form.classify.classes
    measured.classifying.picking.give([0, 1], 1)
    measured.classifying.picking.give([2], 5)
    classes.rename(1, "mine")
    measured.classifying.load(tmp_path / "c.segmotif")
    assert measured.wait()
    assert classes.names == {1: "mine", 3: "file three", 5: "class 5"}
    assert "class 1 is “mine” here and “file one” there" in measured.form.said
    assert np.count_nonzero(measured.classifying.picking.classes) == 3
    # Without picks, the classes are called as in the file.
    measured.classifying.picking.clear()
    measured.classifying.load(tmp_path / "c.segmotif")
    assert measured.wait()
    assert classes.names[1] == "file one"


def test_a_classifier_of_an_earlier_table_is_said_to_be_so(
    measured: FeatureExplorerWidget, tmp_path: Path
) -> None:
    trained = measured.form.classify.trained
    measured.classifying.picking.give(np.arange(48), 1)
    measured.classifying.picking.give(np.flatnonzero(discs()[2]), 2)
    measured.classifying.train()
    assert measured.wait()
    assert trained.text().startswith("Learned from 48 objects.")
    write_table(table_of(20), tmp_path / "t.csv")
    measured.measuring.open(tmp_path / "t.csv")
    assert measured.wait()
    assert trained.text() == "Classifier of an earlier table."
    # The classifier does not fit this table; objects worth a click are found without it.
    measured.form.classify.suggest.click()
    assert measured.wait()
    assert measured.session.current >= 0


def test_what_cannot_be_checked_is_said_after_training(widget: FeatureExplorerWidget, tmp_path: Path) -> None:
    table_of(20).to_csv(tmp_path / "foreign.csv", index=False)
    widget.measuring.open(tmp_path / "foreign.csv")
    assert widget.wait()
    widget.classifying.picking.give(np.arange(0, 20, 2), 1)
    widget.classifying.picking.give(np.arange(1, 20, 2), 2)
    widget.classifying.train()
    assert widget.wait()
    assert "does not say its unit" in widget.form.said
    assert "does not say its unit" in widget.form.classify.trained.text()
    widget.classifying.tell()
    assert widget.wait()
    assert "does not say its unit" in widget.form.said


def test_channels_of_two_images_go_together_by_their_names(
    widget: FeatureExplorerWidget, viewer: Viewer
) -> None:
    labels, image, _ = discs(2)
    panel = widget.form.objects
    viewer.add_image(np.full_like(image, 7), name="actin")
    panel.labels.choose(viewer.layers["cells"])
    panel.add_image()
    viewer.add_image(np.full_like(image, 9), name="actin 2", translate=(200, 0))
    viewer.add_image(image, name="DAPI 2", translate=(200, 0))
    panel.labels.choose(viewer.add_labels(labels, name="cells 2", translate=(200, 0)))
    widget.measure()
    assert widget.wait()
    table = widget.session.table
    assert channels_of(table) == ("DAPI", "actin")
    means = table.groupby("roi_id", sort=False)["intensity_mean-1"].unique()
    assert [values.tolist() for values in means] == [[7.0], [9.0]]
    assert [c.name for c in widget.measuring.files[1].channels] == ["DAPI 2", "actin 2"]
    assert "go together" not in widget.form.said


def test_uncertain_objects_are_grey_and_the_recommended_clusters_are_taken(
    measured: FeatureExplorerWidget, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_large = discs()[2]
    labels = np.where(is_large, 1, 2)
    confidence = np.ones(48)
    confidence[:3] = 0.2
    monkeypatch.setattr(jobs, "stability", lambda *_: _returning(_Report(labels, confidence)))
    panel = measured.form.clusters
    assert "ask first" in why_not(panel.use)
    panel.check.click()
    assert measured.wait()
    assert panel.verdict.text() == "Two. They stay."
    assert panel.number.value() == 2
    panel.use.click()
    assert np.array_equal(measured.session.column("cluster"), labels)
    assert panel.table.texts()[0] == ["1", "24", "93 %"]
    panel.grey.setChecked(True)
    measured.views.link.flush()
    coloring = np.asarray(measured.views.link.coloring_layer("cells").data)
    cells = measured.viewer.layers["cells"].data
    assert set(np.unique(coloring[np.isin(cells, [1, 2, 3])])) == {255}
    assert set(np.unique(coloring[cells > 3])) == {1, 2}


def test_one_of_each_group_of_features_is_worked_with(measured: FeatureExplorerWidget) -> None:
    form = measured.form
    before = len(measured.found.columns(measured.session.table))
    assert "find out first" in why_not(form.features.use)
    form.features.find.click()
    assert measured.wait()
    form.features.use.setChecked(True)
    columns = measured.found.columns(measured.session.table)
    assert 1 < len(columns) < before
    assert form.sections["features"]._summary.text() == f"{len(columns)} of {before} in use"
    assert form.features.groups.topLevelItemCount() == len(measured.found.pruning.stands_for)


def test_what_was_done_is_kept(measured: FeatureExplorerWidget, viewer: Viewer, tmp_path: Path) -> None:
    measured.classifying.picking.give([0, 1, 2], 2)
    keep = measured.form.keep
    keep.layer.click()
    assert measured.wait()
    made = viewer.layers["cells: class"]
    assert set(np.unique(made.data)) == {0, 2}
    assert made.metadata["segmotif"]["tool"] == "objects"
    keep.features.click()
    features = viewer.layers["cells"].features
    assert features["class"].tolist()[:4] == [2, 2, 2, 0]
    keep.plot_wanted.emit(tmp_path / "plot.svg")
    assert (tmp_path / "plot.svg").stat().st_size > 1000
    assert "measure_objects(" in measured.keeping.copy_as_python()
    assert '"tool": "objects"' in measured.keeping.copy_recipe()


def test_the_plot_can_be_closed_and_opened_again(measured: FeatureExplorerWidget, viewer: Viewer) -> None:
    dock = measured.views.dock
    assert "they are open" in why_not(measured.form.objects.plot)
    viewer.window.remove_dock_widget(dock)
    measured.wait()
    _settle()
    assert measured.views.dock is None
    measured.session.select([1, 2])
    measured.form.objects.plot.click()
    assert measured.views.dock is not None
    assert measured.views.dock.scatter.columns == ("PCA1", "PCA2")


def test_closing_the_form_closes_everything(measured: FeatureExplorerWidget, viewer: Viewer) -> None:
    names = {layer.name for layer in viewer.layers}
    assert len(names) > 2
    viewer.window.remove_dock_widget(measured)
    _settle()
    assert {layer.name for layer in viewer.layers} == {"DAPI", "cells"}
    viewer.add_labels(np.ones((5, 5), np.int32), name="later")  # nobody listens any more
    viewer.layers.remove("cells")


def test_closing_the_form_stops_what_is_running(widget: FeatureExplorerWidget, viewer: Viewer) -> None:
    before = list(viewer.layers)
    widget.measure()
    assert widget.runner.busy
    viewer.window.remove_dock_widget(widget)
    _settle()
    assert list(viewer.layers) == before  # what was measured meanwhile is shown to nobody


class _Report:
    verdict, n_clusters, stable, messages, method = "Two. They stay.", 2, True, (), "kmeans"
    table = pd.DataFrame({"n_clusters": [1, 2], "ari_resamples": [np.nan, 0.9], "silhouette": [np.nan, 0.5]})
    cluster_jaccard = {1: 0.93, 2: 0.5}  # noqa: RUF012

    def __init__(self, labels: np.ndarray, confidence: np.ndarray) -> None:
        self.labels, self.confidence = labels, confidence


def _returning(result: Any) -> Any:
    return result
    yield


def _settle() -> None:
    from qtpy.QtWidgets import QApplication

    for _ in range(5):
        QApplication.processEvents()


def test_labels_without_objects_take_no_other_image_over(
    widget: FeatureExplorerWidget, viewer: Viewer
) -> None:
    panel = widget.form.objects
    panel.add_image()
    empty = viewer.add_labels(np.zeros((120, 160), np.int32), name="control")
    panel.labels.choose(empty)
    widget.measure()
    assert widget.wait()
    assert widget.session.n == 48
    assert [(roi, layer.name) for roi, _, layer in widget.views.sources()] == [("cells", "cells")]


def test_layers_renamed_while_they_are_measured_stay_linked(
    widget: FeatureExplorerWidget, viewer: Viewer
) -> None:
    panel = widget.form.objects
    panel.add_image()
    other = viewer.add_labels(discs(1)[0], name="others")
    panel.labels.choose(other)
    widget.measure()
    viewer.layers["cells"].name = "renamed"
    assert widget.wait()
    assert [(roi, layer.name) for roi, _, layer in widget.views.sources()] == [
        ("cells", "renamed"),
        ("others", "others"),
    ]
    row = int(widget.session.index.row("cells", 0, 7))
    widget.session.select([row])
    widget.views.link.flush()
    selection = widget.views.link.selection_layer("cells")
    assert selection is not None
    assert set(np.unique(discs()[0][np.asarray(selection.data) > 0])) == {7}


def test_an_opened_table_says_what_was_measured(measured: FeatureExplorerWidget, tmp_path: Path) -> None:
    properties = measured.found.properties
    write_table(measured.session.table, tmp_path / "t.parquet")
    measured.measuring.open(tmp_path / "t.parquet")
    assert measured.wait()
    assert measured.found.properties == properties
