"""The plot follows the session and tells it what the user does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QApplication

from napari_segmotif.explore.tables import TableInfo, with_info
from napari_segmotif.gui.explore.plot.linked_scatter import LinkedScatter
from napari_segmotif.gui.explore.plot.scatter_columns import (
    axis_columns,
    color_columns,
    color_values,
    first_columns,
)
from napari_segmotif.gui.explore.point_colors import class_colors, parse_color
from napari_segmotif.gui.explore.session import ObjectSession


def _table(n: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "roi_id": np.where(np.arange(n) < n // 2, "left", "right"),
            "frame": np.arange(n) % 3,
            "label": np.arange(n, 0, -1),
            "index": np.arange(n, 0, -1),
            "area": rng.random(n) * 100,
            "intensity_mean-0": rng.random(n),
            "intensity_mean-1": rng.random(n),
            "solidity": rng.random(n),
        }
    )
    return with_info(table, TableInfo(channels=("DAPI", "GFP")))


@pytest.fixture
def session() -> ObjectSession:
    session = ObjectSession()
    session.set_table(_table())
    return session


@pytest.fixture
def linked(session: ObjectSession, qtbot: Any) -> Iterator[LinkedScatter]:
    widget = LinkedScatter(session)
    qtbot.addWidget(widget)
    widget.resize(700, 400)
    yield widget
    widget.close_down()


def _keys(choice: Any) -> list[str]:
    return [choice.itemData(i) for i in range(choice.count())]


# ---------------------------------------------------------------------------------------------- columns
def test_columns_of_numbers_can_be_plotted_maps_first() -> None:
    table = _table().assign(PCA1=0.0, UMAP1=0.0, UMAP2=0.0, cluster=1, remark="x", odd=1j)
    assert axis_columns(table)[:3] == ["UMAP1", "UMAP2", "PCA1"]
    assert {"label", "index", "roi_id", "remark", "odd"}.isdisjoint(axis_columns(table))
    assert "frame" in axis_columns(table)
    assert "frame" not in axis_columns(table.assign(frame=0))
    assert color_columns(table)[:2] == ["cluster", "roi_id"]
    assert "roi_id" not in color_columns(table.assign(roi_id="one"))
    assert len(set(color_columns(table))) == len(color_columns(table))


def test_the_plot_begins_with_a_map_or_with_size_and_brightness() -> None:
    assert first_columns(_table()) == ("area", "intensity_mean-0")
    assert first_columns(_table().assign(PCA1=0.0, PCA2=0.0)) == ("PCA1", "PCA2")
    bare = _table()[["roi_id", "label", "solidity", "area"]]
    assert first_columns(bare) == ("area", "solidity")
    assert first_columns(bare[["label", "area"]]) is None


def test_images_are_coloured_as_classes_with_their_names() -> None:
    found = color_values(_table(4), "roi_id")
    assert found.kind == "class"
    assert [found.class_names[int(i)] for i in found.values] == ["left", "left", "right", "right"]


def test_missing_clusters_are_none_and_missing_numbers_stay_missing() -> None:
    table = _table(3).assign(
        cluster=pd.array([1, None, 2], "Int64"), area=pd.array([1.5, None, 2], "Float64")
    )
    assert np.isnan(color_values(table, "cluster").values[1])
    assert color_values(table, "cluster").kind == "class"
    assert np.isnan(color_values(table, "area").values[1])


# ------------------------------------------------------------------------------------------ session → plot
def test_what_is_plotted_are_the_columns_row_by_row(linked: LinkedScatter, session: ObjectSession) -> None:
    assert linked.columns == ("area", "intensity_mean-0")
    np.testing.assert_array_equal(linked.plot.points.x, session.column("area"))
    linked.set_columns("solidity", "intensity_mean-1")
    np.testing.assert_array_equal(linked.plot.points.x, session.column("solidity"))
    np.testing.assert_array_equal(linked.plot.points.y, session.column("intensity_mean-1"))
    assert linked.y_choice.currentText() == "intensity mean · GFP"
    linked.set_columns("nonsense", "area")
    assert linked.columns == ("solidity", "area")


def test_a_map_can_be_shown_as_soon_as_it_is_in_the_table(
    linked: LinkedScatter, session: ObjectSession
) -> None:
    session.set_column("UMAP1", np.arange(12.0))
    session.set_column("UMAP2", -np.arange(12.0))
    linked.set_columns("UMAP1", "UMAP2")
    np.testing.assert_array_equal(linked.plot.points.x, np.arange(12.0))
    session.set_column("UMAP1", np.arange(12.0) * 2)
    QApplication.processEvents()
    np.testing.assert_array_equal(linked.plot.points.x, np.arange(12.0) * 2)
    session.set_column("UMAP1", None)
    QApplication.processEvents()
    assert linked.columns != ("UMAP1", "UMAP2")
    assert "UMAP1" not in _keys(linked.x_choice)


def test_another_table_keeps_the_columns_it_has(linked: LinkedScatter, session: ObjectSession) -> None:
    linked.set_columns("solidity", "area")
    session.set_table(_table(5))
    assert linked.columns == ("solidity", "area")
    assert linked.plot.points.n == 5
    session.set_table(_table(5).drop(columns="solidity"))
    assert linked.columns == ("area", "intensity_mean-0")
    session.set_table(None)
    assert linked.plot.points.n == 0
    assert linked.columns == ("", "")
    session.set_table(_table(4))
    assert linked.columns == ("area", "intensity_mean-0")
    assert linked.plot.points.n == 4


def test_a_table_with_too_few_columns_is_empty_not_wrong(
    session: ObjectSession, linked: LinkedScatter
) -> None:
    session.set_table(pd.DataFrame({"label": [1, 2]}))
    assert linked.plot.points.n == 0
    session.set_table(pd.DataFrame({"label": [1, 2], "area": [3.0, 4.0]}))
    assert linked.columns == ("area", "area")
    assert linked.plot.points.n == 2


def test_selection_and_current_object_are_shown(linked: LinkedScatter, session: ObjectSession) -> None:
    session.select([3, 5], origin="image")
    np.testing.assert_array_equal(np.flatnonzero(linked.plot.points.selected), [3, 5])
    assert "2 of 12 selected" in linked._count.text()
    session.set_current(5, "image")
    assert linked.plot._scene.current == 5
    linked.set_columns("solidity", "area")  # other points, the same rows
    np.testing.assert_array_equal(np.flatnonzero(linked.plot.points.selected), [3, 5])
    assert linked.plot._scene.current == 5


def test_colours_follow_the_column(linked: LinkedScatter, session: ObjectSession) -> None:
    cluster = np.arange(12) % 3
    session.set_column("cluster", cluster)
    linked.color_by("cluster")
    np.testing.assert_allclose(linked.plot.points.colors(True), class_colors(cluster), rtol=1e-6)
    session.set_column("cluster", cluster[::-1])
    QApplication.processEvents()
    np.testing.assert_allclose(linked.plot.points.colors(True), class_colors(cluster[::-1]), rtol=1e-6)
    greyed = np.arange(12) < 4
    linked.color_by("cluster", colors={1: "#ff0000"}, greyed=greyed)
    colors = linked.plot.points.colors(True)
    assert len(np.unique(colors[greyed], axis=0)) == 1
    red = ~greyed & (cluster[::-1] == 1)
    np.testing.assert_allclose(colors[red], [parse_color("#ff0000")] * red.sum(), rtol=1e-6)
    linked.color_by("")
    assert not linked.plot.points.has_values
    linked.color_by("no such column")
    assert linked.color_column == ""


def test_classes_have_their_names_and_colours(linked: LinkedScatter, session: ObjectSession) -> None:
    session.set_column("class", np.arange(12) % 3)
    linked.set_classes({1: "round", 2: "long"}, {1: "#00ff00"})
    linked.color_by("class")
    chips = {chip.class_id: chip for chip in linked.plot.points.legend().chips}
    assert [chips[i].name for i in (1, 2, 0)] == ["round", "long", "none"]
    assert [chips[i].count for i in (1, 2, 0)] == [4, 4, 4]
    assert chips[1].color == "#00ff00"


def test_a_colour_chosen_by_the_user_is_told_and_one_that_is_set_is_not(
    linked: LinkedScatter, session: ObjectSession
) -> None:
    told: list[str] = []
    linked.colored.connect(told.append)
    linked.color_by("area")
    session.set_column("cluster", np.ones(12, int))
    QApplication.processEvents()
    assert told == []
    linked.color_choice.choose("solidity")
    QApplication.processEvents()
    assert told == ["solidity"]
    assert linked.plot.points.legend().title == "solidity"


def test_only_the_objects_of_this_frame(linked: LinkedScatter, session: ObjectSession) -> None:
    assert not linked.this_frame.isHidden()
    linked.set_frame(1)
    assert linked.plot.points.drawn.all()
    linked.this_frame.setChecked(True)
    limits = linked.plot.view.limits
    frames = session.column("frame")
    np.testing.assert_array_equal(linked.plot.points.drawn, frames == 1)
    linked.set_frame(2)
    np.testing.assert_array_equal(linked.plot.points.drawn, frames == 2)
    assert linked.plot.view.limits == limits
    session.set_table(_table().assign(frame=0))
    assert linked.this_frame.isHidden()
    assert linked.plot.points.drawn.all()


def test_objects_without_a_value_are_counted(linked: LinkedScatter, session: ObjectSession) -> None:
    area = np.array(session.column("area"))
    area[[2, 7]] = np.nan
    session.set_column("area", area)
    QApplication.processEvents()
    assert not linked.plot.points.drawn[[2, 7]].any()
    assert "2 without a value" in linked._count.text()


# ------------------------------------------------------------------------------------------ plot → session
def test_a_lasso_selects_rows(linked: LinkedScatter, session: ObjectSession) -> None:
    origins: list[str] = []
    session.selection_changed.connect(origins.append)
    linked.plot.lassoed.emit(np.array([1, 2, 3]), "replace")
    linked.plot.lassoed.emit(np.array([7]), "add")
    linked.plot.lassoed.emit(np.array([2]), "subtract")
    assert np.flatnonzero(session.selected).tolist() == [1, 3, 7]
    assert origins == ["scatter"] * 3
    np.testing.assert_array_equal(linked.plot.points.selected, session.selected)


def test_a_click_selects_one_and_makes_it_current(linked: LinkedScatter, session: ObjectSession) -> None:
    linked.plot.clicked.emit(4, "replace")
    assert (session.current, session.current_origin) == (4, "scatter")
    linked.plot.clicked.emit(6, "add")
    assert np.flatnonzero(session.selected).tolist() == [4, 6]
    linked.plot.clicked.emit(-1, "add")  # a slip, with Shift held
    assert session.selected.sum() == 2
    linked.plot.clicked.emit(-1, "replace")
    assert session.current == -1
    assert not session.selected.any()


def test_a_tooltip_says_which_object_and_its_numbers(linked: LinkedScatter, session: ObjectSession) -> None:
    session.set_column("class", np.full(12, 2))
    linked.set_classes({2: "long"}, {})
    linked.color_by("class")
    text = linked._tooltip(3)
    assert text.splitlines()[0] == "object 9 · left"
    assert "area: " in text
    assert "class: long" in text
    assert linked._tooltip(99) == ""


def test_tools_and_density_are_chosen_by_button(linked: LinkedScatter) -> None:
    for tool in ("lasso", "rectangle", "pan"):
        linked._tools.button(tool).click()
        assert linked.plot.tool == tool
    linked.density_choice.choose("density")
    assert linked.plot.density_shown
    linked.density_choice.choose("auto")
    assert not linked.plot.density_shown


def test_nothing_follows_after_it_is_closed(linked: LinkedScatter, session: ObjectSession) -> None:
    linked.close_down()
    linked.close_down()
    session.select([1])
    session.set_current(1)
    session.set_column("area", np.zeros(12))
    session.set_table(None)
    assert linked.plot.points.n == 12


def test_it_lets_go_of_the_session_when_qt_deleted_it(session: ObjectSession, qapp: QApplication) -> None:
    widget = LinkedScatter(session)
    widget.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    widget.close_down()
    session.select([1])
    assert session.selected.sum() == 1  # and no slot of the plot raised, which pytest-qt would tell
    session.set_table(None)
