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

from napari_segmotif.explore.table_files import write_table
from napari_segmotif.gui.explore import jobs
from napari_segmotif.gui.explore.widget import FeatureExplorerWidget


@pytest.fixture
def widget(viewer: Viewer) -> FeatureExplorerWidget:
    labels, image, _ = discs()
    viewer.add_image(image, name="DAPI")
    viewer.add_labels(labels, name="cells")
    widget = FeatureExplorerWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Feature explorer")
    widget.form.objects.groups["neighbourhood"].setChecked(False)
    return widget


@pytest.fixture
def measured(widget: FeatureExplorerWidget) -> FeatureExplorerWidget:
    widget.measure()
    assert widget.wait()
    assert widget.session.n == 48
    return widget


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
    assert "Measure again" in measured.form.objects._stale.text()
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
    widget.measure()
    viewer.window.remove_dock_widget(widget)
    _settle()


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
