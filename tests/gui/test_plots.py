"""Plots: they show what they were given, fit a narrow dock, and follow the theme."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from qtpy.QtCore import QPointF
from qtpy.QtGui import QColor, QImage

from napari_segmotif.errors import InputError, StorageError
from napari_segmotif.gui.curve_plot import _log_ticks, _ticks
from napari_segmotif.gui.plot_base import Plot, short_number
from napari_segmotif.gui.plots import BarPlot, CurvePlot, MatrixPlot, cell_colors, luminance
from napari_segmotif.gui.theme import theme_colors

LONG = [f"structure_tensor_eigenvalues[{i}] σ=10.0" for i in range(12)]


def shown(plot: Plot, qtbot: Any, width: int = 300) -> QImage:
    qtbot.addWidget(plot)
    plot.resize(width, plot.sizeHint().height())
    return plot.grab().toImage()


def share_of(image: QImage, color: QColor) -> float:
    """Share of the pixels that have a colour."""
    wanted = color.rgb()
    hits = sum(image.pixel(x, y) == wanted for x in range(image.width()) for y in range(image.height()))
    return hits / (image.width() * image.height())


def filled() -> list[Plot]:
    bars, matrix, curves = BarPlot(), MatrixPlot(), CurvePlot()
    bars.set_bars(LONG, np.linspace(0.3, 0.01, 12), errors=[0.01] * 12, xlabel="importance")
    matrix.set_matrix([[1234567, 3], [20, 80]], ["a very long name of a class", "b"])
    curves.set_curves({"training loss": ([0, 1, 2], [3, 2, 1]), "validation loss": ([0, 1, 2], [3, 3, 2])})
    curves.set_labels("epoch", "loss")
    return [bars, matrix, curves]


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("width", [160, 300, 700])
def test_nothing_is_painted_beyond_the_edge(qtbot: Any, index: int, width: int) -> None:
    plot = filled()[index]
    image = shown(plot, qtbot, width)
    assert plot.minimumSizeHint().width() <= 300
    edges = {image.pixel(x, y) for x in (0, image.width() - 1) for y in range(image.height())}
    edges |= {image.pixel(x, y) for y in (0, image.height() - 1) for x in range(image.width())}
    assert len(edges) == 1  # the padding is empty all around


def test_bars_are_as_long_as_their_values(qtbot: Any) -> None:
    plot = BarPlot()
    plot.set_bars(["a", "b", "c"], [1.0, 0.5, 0.0])
    image = shown(plot, qtbot)
    accent = theme_colors(None).accent.rgb()
    lengths = [
        max(sum(image.pixel(x, y) == accent for x in range(image.width())) for y in rows)
        for rows in (range(round(t.top()), round(t.bottom())) for t, _ in plot._targets)
    ]
    assert lengths[0] > 100
    assert lengths[1] == pytest.approx(lengths[0] / 2, abs=2)
    assert lengths[2] == 0


def test_too_many_bars_are_counted_not_squeezed(qtbot: Any) -> None:
    plot = BarPlot()
    plot.set_bars([str(i) for i in range(100)], np.ones(100), max_bars=10)
    shown(plot, qtbot)
    assert len(plot._targets) == 10
    assert plot._hidden == 90


@pytest.mark.parametrize("values", [[0.0, 0.0], [-1.0, 2.0], [float("nan"), 1.0], [1e-9, 1e9]])
def test_odd_values_are_drawn(qtbot: Any, values: list[float]) -> None:
    plot = BarPlot()
    plot.set_bars(["a", "b"], values)
    assert not shown(plot, qtbot).isNull()


def test_matrix_says_counts_and_shares(qtbot: Any) -> None:
    plot = MatrixPlot()
    plot.set_matrix([[90, 10], [0, 0]], ["cell", "rest"])
    shown(plot, qtbot)
    said = [text for _, text in plot._targets]
    assert said[1] == "10 pixels painted as cell were predicted as rest (10.0 %)"
    assert said[3] == "0 pixels painted as rest were predicted as rest (–)"


def test_matrix_cells_are_filled_by_their_share_of_the_row(qtbot: Any) -> None:
    plot, colors = MatrixPlot(), theme_colors(None)
    plot.set_matrix([[90, 10], [40, 60]], ["cell", "rest"])
    image = shown(plot, qtbot)
    for (cell, _), (share, right) in zip(
        plot._targets, [(0.9, True), (0.1, False), (0.4, False), (0.6, True)], strict=True
    ):
        corner = image.pixelColor(round(cell.left()) + 2, round(cell.top()) + 2)
        expected = cell_colors(colors, share, right)[0]
        assert corner.getRgb()[:3] == pytest.approx(expected.getRgb()[:3], abs=2)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_matrix_text_can_be_read_on_every_cell(viewer: Viewer, theme: str) -> None:
    viewer.theme = theme
    colors = theme_colors(viewer)
    for share in np.linspace(0, 1, 21):
        for right in (True, False):
            fill, ink = cell_colors(colors, float(share), right)
            light, dark = sorted((luminance(fill), luminance(ink)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 3.0  # WCAG: large text, and graphics


def test_curves_grow_and_clear(qtbot: Any) -> None:
    plot = CurvePlot()
    empty = shown(plot, qtbot)
    for i in range(5):
        plot.add_point("loss", i, 1 / (i + 1))
    assert plot._points()["loss"].shape == (5, 2)
    assert plot.grab().toImage() != empty
    plot.clear()
    plot.resize(empty.width(), empty.height())
    assert plot.grab().toImage() == empty


def test_a_logarithmic_axis_leaves_out_what_is_not_positive(qtbot: Any) -> None:
    plot = CurvePlot()
    plot.set_curves({"loss": ([0, 1, 2, 3], [0.0, 1.0, 0.1, float("nan")])})
    plot.set_labels("epoch", "loss", log_y=True)
    np.testing.assert_allclose(plot._points()["loss"], [[1, 0], [2, -1]])
    assert not shown(plot, qtbot).isNull()


@pytest.mark.parametrize("curve", [([1], [2]), ([1, 1], [2, 2]), ([0, 1], [0, 0])])
def test_flat_and_single_point_curves_are_drawn(qtbot: Any, curve: tuple[list[float], list[float]]) -> None:
    plot = CurvePlot()
    plot.set_curves({"loss": curve})
    assert not shown(plot, qtbot).isNull()


def test_ticks_are_round_and_inside() -> None:
    assert _ticks(0, 1, 4) == [0, 0.25, 0.5, 0.75, 1.0]
    assert _ticks(-3, 17, 4) == [0, 5, 10, 15]
    np.testing.assert_allclose(10 ** np.array(_log_ticks(-2, 0)), [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1][::3])
    assert 1 <= len(_log_ticks(-9, 9)) <= 7


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.13712, "0.137"), (12.5, "12.5"), (3400, "3,400"), (2.1e-5, "2.1e-05")]
)
def test_short_numbers(value: float, text: str) -> None:
    assert short_number(value) == text


def test_wrong_sizes_are_refused() -> None:
    bars, matrix = BarPlot(), MatrixPlot()
    with pytest.raises(InputError, match="one name per value"):
        bars.set_bars(["a"], [1, 2])
    with pytest.raises(InputError, match="is square"):
        matrix.set_matrix([[1, 2]], ["a", "b"])
    for plot in (bars, matrix):
        plot.deleteLater()


def test_plots_follow_the_theme(viewer: Viewer) -> None:
    plot = CurvePlot(napari_viewer=viewer)
    plot.set_curves({"loss": ([0, 1], [0, 1])})
    viewer.window.add_dock_widget(plot, name="plot")
    viewer.theme = "dark"
    dark = plot.grab().toImage()
    viewer.theme = "light"
    light = plot.grab().toImage()
    assert dark != light
    assert theme_colors(viewer).dark is False


def test_save(qtbot: Any, tmp_path: Path) -> None:
    plot = filled()[0]
    shown(plot, qtbot)
    assert QImage(str(plot.save(tmp_path / "bars"))).width() == 300
    with pytest.raises(StorageError, match="choose another folder"):
        plot.save(tmp_path / "no such folder" / "bars")


def test_tooltip_targets_lie_in_the_plot(qtbot: Any) -> None:
    for plot in filled()[:2]:
        shown(plot, qtbot)
        assert plot._targets
        assert all(plot.rect().contains(QPointF(t.center()).toPoint()) for t, _ in plot._targets)
