"""The plots of the form: what the mouse finds in the heat map, curves of stability, swarms of SHAP values."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPointF
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QWidget

from napari_segmotif.explore.explaining.explanation import explain
from napari_segmotif.explore.table_simulation import simulate_planted
from napari_segmotif.gui.explore.panels.heat_map import HeatMap
from napari_segmotif.gui.explore.panels.shap_plot import ShapPlot, _swarm
from napari_segmotif.gui.explore.panels.stability_plot import StabilityPlot


def drawn(plot: QWidget, qtbot: QtBot) -> Any:
    qtbot.addWidget(plot)
    plot.resize(plot.sizeHint())
    return plot.grab().toImage()


def test_the_heat_map_knows_the_pair_under_the_mouse(qtbot: QtBot) -> None:
    names = ["a", "b", "c"]
    values = np.array([[1, 0.9, -0.8], [0.9, 1, np.nan], [-0.8, np.nan, 1]])
    plot = HeatMap()
    plot.set_correlation(pd.DataFrame(values, names, names), [("c", "a")])
    image = drawn(plot, qtbot)
    square = plot._square
    step = square.width() / 3

    def place(row: int, column: int) -> QPointF:
        return QPointF(square.left() + (column + 0.5) * step, square.top() + (row + 0.5) * step)

    assert plot.pair_at(place(0, 1)) == ("c", "a", -0.8)
    assert plot.pair_at(place(1, 2)) == ("a", "b", 0.9)
    assert plot.pair_at(QPointF(square.left() - 5, square.top())) is None
    opposite, alike = (QColor(image.pixel(place(*at).toPoint())) for at in ((0, 1), (1, 2)))
    assert opposite.blue() > opposite.red() + 60
    assert alike.red() > alike.blue() + 60
    plot.set_correlation(None)
    assert plot.pair_at(place(0, 1)) is None


def test_stability_is_shown_for_two_clusters_and_more(qtbot: QtBot) -> None:
    table = pd.DataFrame(
        {"n_clusters": [3, 1, 2], "ari_resamples": [0.9, np.nan, 0.5], "silhouette": [0.4, np.nan, 0.3]}
    )
    plot = StabilityPlot()
    qtbot.addWidget(plot)
    plot.show_report(SimpleNamespace(table=table))  # type: ignore[arg-type]
    assert plot._curves == {
        "other objects": ([2.0, 3.0], [0.5, 0.9]),
        "silhouette": ([2.0, 3.0], [0.3, 0.4]),
    }
    plot.show_report(None)
    assert plot.isHidden()


def test_features_that_matter_come_first_and_pull_their_objects_to_the_right(qtbot: QtBot) -> None:
    table, truth = simulate_planted(120, 9, 2, 1, effect=2.0, random_state=0)
    explanation = explain(table, truth.group, n_repeats=1)
    plot = ShapPlot()
    plot.show_explanation(explanation)
    assert plot._names[0].startswith(explanation.groups[0].representative.replace("_", " "))
    in_group = truth.group[explanation.shap_rows]
    assert plot._pull[0][in_group].mean() > 0 > plot._pull[0][~in_group].mean()
    image = drawn(plot, qtbot)
    colours = {image.pixel(x, y) for x in range(image.width()) for y in range(0, image.height(), 3)}
    assert len(colours) > 30
    plot.show_explanation(None)
    assert plot.isHidden()


@pytest.mark.parametrize("n", [1, 2, 7, 300])
def test_points_at_one_place_lie_beside_each_other(n: int) -> None:
    offsets = _swarm(np.zeros(n))
    assert len(np.unique(offsets)) == n
    assert np.abs(offsets).max() <= 1 + 1e-9
