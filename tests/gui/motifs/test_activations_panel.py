"""The Activations panel: it shows every peak, zooms, pans, follows the slider, and says what was clicked."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QImage, QWheelEvent
from qtpy.QtWidgets import QApplication, QPushButton

from napari_segmotif.gui.motifs.colors import GREY, motif_colors
from napari_segmotif.gui.motifs.panels.activations_panel import ActivationsPanel
from napari_segmotif.gui.motifs.plots.decimation import column_edges, column_ranges
from napari_segmotif.gui.motifs.plots.motif_rows import rows_of, trace_image
from napari_segmotif.gui.motifs.plots.time_window import TimeWindow, round_ticks, time_text
from napari_segmotif.motifs.results.findings import Occurrence

RATE = 20.0
STARTS = ((100, 400, 700), (250, 550))
COLORS = (*motif_colors(2), GREY)


def fitted(n_frames: int = 1000) -> Any:
    """Two motifs that are played at STARTS, and one that is not significant and never played."""
    activations = np.zeros((3, n_frames), np.float32)
    occurrences = []
    for motif, frames in enumerate(STARTS):
        activations[motif, list(frames)] = 0.9
        occurrences += [Occurrence(motif, frame, frame / RATE, 0.9) for frame in frames]
    return SimpleNamespace(
        activations_=activations,
        p_values_=np.array([0.001, 0.0002, 0.4]),
        significant_=np.array([True, True, False]),
        occurrences_=tuple(reversed(occurrences)),
        parameters=SimpleNamespace(frame_rate=RATE),
    )


@pytest.fixture
def panel(viewer: Viewer, qtbot: QtBot) -> ActivationsPanel:
    """A docked panel that shows a result."""
    viewer.add_image(np.zeros((1000, 8, 8), np.uint8), name="video")
    panel = ActivationsPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Activations", area="bottom")
    panel.show_result(fitted(), COLORS)
    panel.setFixedSize(600, 320)
    QApplication.processEvents()
    return panel


def place(panel: ActivationsPanel, row: int, frame: float) -> QPoint:
    """Where a frame of a motif is on the plot."""
    box = panel.plot.row_box(row)
    return QPointF(panel.plot.x_of(frame), box.center().y()).toPoint()


def clicked(panel: ActivationsPanel, qtbot: QtBot, where: QPoint) -> int:
    with qtbot.waitSignal(panel.frame_clicked) as signal:
        qtbot.mouseClick(panel.plot, Qt.MouseButton.LeftButton, pos=where)
    return int(signal.args[0])


def wheel(panel: ActivationsPanel, where: QPoint, notches: int) -> None:
    plot = panel.plot
    event = QWheelEvent(
        QPointF(where),
        QPointF(plot.mapToGlobal(where)),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(plot, event)


def columns_of(image: QImage, color: QColor, top: int, bottom: int) -> list[int]:
    """The columns that hold a colour between two rows."""
    wanted = color.rgb()
    return [x for x in range(image.width()) if any(image.pixel(x, y) == wanted for y in range(top, bottom))]


def test_a_click_near_a_peak_gives_its_frame(panel: ActivationsPanel, qtbot: QtBot) -> None:
    for motif, frames in enumerate(STARTS):
        for frame in frames:
            for aside in (-4, 0, 4):
                assert clicked(panel, qtbot, place(panel, motif, frame) + QPoint(aside, 0)) == frame


def test_a_click_elsewhere_gives_the_frame_under_the_mouse(panel: ActivationsPanel, qtbot: QtBot) -> None:
    # The peak of another motif is not meant, nor one far away.
    assert clicked(panel, qtbot, place(panel, 1, 100)) == pytest.approx(100, abs=2)
    assert clicked(panel, qtbot, place(panel, 0, 100)) == 100
    assert clicked(panel, qtbot, place(panel, 2, 830)) == pytest.approx(830, abs=2)
    assert clicked(panel, qtbot, QPoint(1, 60)) == 0
    assert clicked(panel, qtbot, QPoint(panel.plot.width() - 1, 200)) == 999


def test_a_click_on_the_axis_gives_a_frame(panel: ActivationsPanel, qtbot: QtBot) -> None:
    where = QPointF(panel.axis.x_of(500), 8).toPoint()
    with qtbot.waitSignal(panel.frame_clicked) as signal:
        qtbot.mouseClick(panel.axis, Qt.MouseButton.LeftButton, pos=where)
    assert signal.args[0] == pytest.approx(500, abs=2)


def test_peaks_are_painted_where_they_are(panel: ActivationsPanel) -> None:
    image = panel.plot.grab().toImage()
    for motif, frames in enumerate(STARTS):
        box = panel.plot.row_box(motif)
        ink = panel.plot._color(panel.plot._rows[motif])
        columns = columns_of(image, ink, round(box.top() + 0.2 * box.height()), round(box.center().y()))
        distances = np.abs([[panel.plot.x_of(frame) - x for x in columns] for frame in frames])
        assert np.all(distances.min(axis=0) <= 3)  # every inked column is at a peak
        assert np.all(distances.min(axis=1) <= 3)  # every peak is inked


def test_the_raster_has_a_tick_for_each_occurrence(panel: ActivationsPanel, qtbot: QtBot) -> None:
    before = panel.plot.grab().toImage()
    raster = next(b for b in panel.findChildren(QPushButton) if b.text() == "Raster")
    qtbot.mouseClick(raster, Qt.MouseButton.LeftButton)
    QApplication.processEvents()
    image = panel.plot.grab().toImage()
    assert image != before
    background = image.pixel(image.width() // 2, 0)
    for motif, frames in enumerate(STARTS):
        box = panel.plot.row_box(motif)
        y = round(box.top() + 2)
        inked = [x for x in range(round(box.left()), image.width() - 8) if image.pixel(x, y) != background]
        assert len(inked) <= 3 * len(frames)
        for frame in frames:
            assert min(abs(panel.plot.x_of(frame) - x) for x in inked) <= 2
    assert clicked(panel, qtbot, place(panel, 0, 400)) == 400


def test_the_wheel_zooms_around_the_mouse(panel: ActivationsPanel) -> None:
    where = place(panel, 0, 400)
    span = panel.window_.span
    wheel(panel, where, 3)
    assert panel.window_.span == pytest.approx(0.8**3 * span)
    assert panel.plot.frame_at(where.x()) == pytest.approx(400, abs=2)
    wheel(panel, where, 100)
    assert panel.window_.span == pytest.approx(8)
    wheel(panel, where, -200)
    assert (panel.window_.low, panel.window_.high) == (-0.5, 999.5)


def test_dragging_moves_along_and_is_no_click(panel: ActivationsPanel, qtbot: QtBot) -> None:
    wheel(panel, place(panel, 0, 400), 6)
    frame, start = panel.plot.frame_at(300), QPoint(300, 60)
    with qtbot.assertNotEmitted(panel.frame_clicked):
        qtbot.mousePress(panel.plot, Qt.MouseButton.LeftButton, pos=start)
        qtbot.mouseMove(panel.plot, start + QPoint(-80, 0))
        qtbot.mouseRelease(panel.plot, Qt.MouseButton.LeftButton, pos=start + QPoint(-80, 0))
    assert panel.plot.frame_at(220) == pytest.approx(frame, abs=1)


def test_a_double_click_or_the_button_shows_everything(panel: ActivationsPanel, qtbot: QtBot) -> None:
    button = next(b for b in panel.findChildren(QPushButton) if b.text() == "Show all")
    assert not button.isEnabled()
    wheel(panel, place(panel, 0, 400), 6)
    qtbot.mouseDClick(panel.plot, Qt.MouseButton.LeftButton, pos=QPoint(300, 60))
    assert panel.window_.is_whole
    wheel(panel, place(panel, 0, 400), 6)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert panel.window_.is_whole
    assert not button.isEnabled()


def test_the_cursor_follows_the_slider(panel: ActivationsPanel, viewer: Viewer) -> None:
    viewer.dims.set_current_step(0, 640)
    image = panel.plot.grab().toImage()
    x = int(panel.plot.x_of(640))
    text = panel.plot._colors.text.rgb()
    y = round(panel.plot.row_box(2).top()) + 3
    assert any(image.pixel(x + d, y) == text for d in (-1, 0, 1))
    assert panel._place.text() == "32.00 s · frame 640"
    viewer.dims.set_current_step(0, 0)
    image = panel.plot.grab().toImage()
    assert not any(image.pixel(x + d, y) == text for d in (-1, 0, 1))


def test_what_is_in_view_follows_the_cursor(panel: ActivationsPanel) -> None:
    wheel(panel, place(panel, 0, 400), 8)
    panel.set_current_frame(900)
    assert panel.window_.low <= 900 <= panel.window_.high


def test_closed_down_it_follows_no_more(panel: ActivationsPanel, viewer: Viewer) -> None:
    viewer.dims.set_current_step(0, 10)
    panel.close_down()
    viewer.dims.set_current_step(0, 20)
    assert panel._place.text().endswith("frame 10")


def test_the_tooltip_says_time_frame_and_amplitude(panel: ActivationsPanel) -> None:
    said = panel.plot._said(QPointF(place(panel, 1, 250)))
    assert said == "Motif 2 begins at 12.50 s, frame 250\namplitude 0.90"
    said = panel.plot._said(QPointF(place(panel, 2, 250)))
    assert said.startswith("Motif 3, 12.")
    assert said.endswith("activation 0.00")


def test_notes_tell_significant_motifs_from_others() -> None:
    rows = rows_of(fitted(), COLORS)
    assert [row.note for row in rows] == [
        "p = .001 · 3 times",
        "p < .001 · 2 times",
        "not significant, p = .40 · 0 times",
    ]
    np.testing.assert_array_equal(rows[0].frames, STARTS[0])  # in order, whatever the order of occurrences


def test_no_motifs_and_clear(panel: ActivationsPanel, qtbot: QtBot) -> None:
    none = SimpleNamespace(
        activations_=np.zeros((0, 1000), np.float32),
        p_values_=np.zeros(0),
        significant_=np.zeros(0, bool),
        occurrences_=(),
        parameters=SimpleNamespace(frame_rate=RATE),
    )
    for act in (lambda: panel.show_result(none, ()), panel.clear):
        act()
        with qtbot.assertNotEmitted(panel.frame_clicked):
            qtbot.mouseClick(panel.plot, Qt.MouseButton.LeftButton, pos=QPoint(200, 20))
        wheel(panel, QPoint(200, 20), 2)
        assert not panel.grab().isNull()
    panel.show_result(fitted(), COLORS)
    assert clicked(panel, qtbot, place(panel, 0, 400)) == 400


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_it_fits_a_narrow_dock_in_both_themes(panel: ActivationsPanel, viewer: Viewer, theme: str) -> None:
    viewer.theme = theme
    panel.setFixedSize(360, 320)
    QApplication.processEvents()
    panel.set_current_frame(999)
    assert panel.minimumSizeHint().width() <= 360
    text = panel._place.fontMetrics().horizontalAdvance(panel._place.text())
    assert text <= panel._place.width()
    image = panel.axis.grab().toImage()
    edges = {image.pixel(x, y) for x in (0, image.width() - 1) for y in range(8, image.height())}
    assert len(edges) == 1  # nothing is cut off at either side


def test_no_peak_is_lost_in_a_long_video() -> None:
    values = np.zeros((2, 100_000), np.float32)
    values[0, 77_777], values[1, 0], values[1, 99_999] = 1, 1, 1
    lows, highs = column_ranges(values, column_edges(-0.5, 99_999.5, 600, 100_000))
    np.testing.assert_array_equal(np.nonzero(highs[0])[0], [77_777 * 600 // 100_000])
    np.testing.assert_array_equal(np.nonzero(highs[1])[0], [0, 599])
    assert not lows.any()
    image = trace_image(values[0], -0.5, 99_999.5, 600, 40, QColor("red"))
    peak = [x for x in range(600) if QColor.fromRgba(image.pixel(x, 5)).alpha() > 200]
    assert 466 in peak
    assert len(peak) <= 2


@pytest.mark.parametrize("n", [1, 7, 600, 601])
def test_columns_show_all_frames_once(n: int) -> None:
    values = np.random.default_rng(0).random((1, 600)).astype(np.float32)
    edges = column_edges(-0.5, 599.5, n, 600)
    lows, highs = column_ranges(values, edges)
    shown: list[NDArray[Any]] = [
        values[0, a : max(b, a + 1)] if a < 600 else values[0, -1:] for a, b in itertools.pairwise(edges)
    ]
    np.testing.assert_array_equal(highs[0], [part.max() for part in shown])
    np.testing.assert_array_equal(lows[0], [part.min() for part in shown])
    assert sum(b - a for a, b in itertools.pairwise(edges)) == 600


def test_zoomed_in_a_trace_goes_through_its_values() -> None:
    values = np.array([0, 1, 0, 0.5, 0], np.float32)
    image = trace_image(values, -0.5, 4.5, 100, 41, QColor("red"))
    for frame, value in enumerate(values):
        opaque = [y for y in range(41) if QColor.fromRgba(image.pixel(20 * frame + 10, y)).alpha() > 150]
        assert opaque
        assert min(opaque) == pytest.approx(40 - 40 * value, abs=2)


def test_a_window_never_leaves_the_video() -> None:
    window = TimeWindow()
    window.set_video(100, 10.0)
    window.zoom(90, 0.5)
    window.move(1000)
    assert (window.low, window.high) == (49.5, 99.5)
    window.move(-1000)
    assert (window.low, window.high) == (-0.5, 49.5)
    assert window.seconds(30) == 3
    for n in (0, 1, 3):
        window.set_video(n, 10.0)
        window.zoom(0, 0.01)
        assert window.span == max(n, 1)


def test_ticks_and_times() -> None:
    assert round_ticks(0, 60, 6) == [0, 10, 20, 30, 40, 50, 60]
    assert round_ticks(0.3, 2.2, 4, whole=True) == [1, 2]
    assert [time_text(s, 0.5) for s in (0, 12.5)] == ["0.0 s", "12.5 s"]
    assert time_text(75, 5) == "75 s"
    assert [time_text(s, 30) for s in (600, 3630)] == ["10:00 min", "60:30 min"]
    assert time_text(659.96, 0.1) == "11:00.0 min"
