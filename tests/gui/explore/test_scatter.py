"""The scatter plot: what is drawn, found, chosen and said; beside a real viewer, and after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QMouseEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QToolTip

from napari_segmotif.errors import InputError
from napari_segmotif.gui.explore.plot.scatter import Scatter
from napari_segmotif.gui.explore.plot.scatter_points import look_of
from napari_segmotif.gui.explore.point_colors import PALETTE, class_color

_Shift, _Ctrl = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
_None = Qt.KeyboardModifier.NoModifier
_Left = Qt.MouseButton.LeftButton


@pytest.fixture
def scatter(qtbot: Any) -> Iterator[Scatter]:
    plot = Scatter()
    qtbot.addWidget(plot)
    plot.resize(500, 400)
    plot.show()
    yield plot
    plot.release()


class _Mouse:
    """Real Qt events, to where they go when a user moves the mouse over the plot."""

    def __init__(self, plot: Scatter) -> None:
        self.plot = plot
        self.target = plot.childAt(QPoint(250, 150))

    def at(self, x: float, y: float) -> tuple[float, float]:
        px, py = self.plot.view.to_screen(x, y)
        return float(px), float(py)

    def send(
        self, kind: QEvent.Type, place: tuple[float, float], mods: Any = _None, button: Any = _Left
    ) -> None:
        local = QPointF(*place)
        moves = kind == QEvent.Type.MouseMove
        held = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else button
        pressed = Qt.MouseButton.NoButton if moves else button
        far = self.target.mapToGlobal(local)
        QApplication.sendEvent(self.target, QMouseEvent(kind, local, far, pressed, held, mods))

    def move(self, x: float, y: float) -> None:
        self.send(QEvent.Type.MouseMove, self.at(x, y), button=Qt.MouseButton.NoButton)

    def drag(self, places: Any, mods: Any = _None, button: Any = _Left) -> None:
        self.send(QEvent.Type.MouseButtonPress, places[0], mods, button)
        for place in places[1:]:
            self.send(QEvent.Type.MouseMove, place, mods, button)
        self.send(QEvent.Type.MouseButtonRelease, places[-1], mods, button)

    def click(self, x: float, y: float, mods: Any = _None) -> None:
        self.drag([self.at(x, y)], mods)

    def wheel(self, place: tuple[float, float], notches: int) -> None:
        local = QPointF(*place)
        event = QWheelEvent(
            local, self.target.mapToGlobal(local), QPoint(), QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton, _None, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(self.target, event)


@pytest.fixture
def mouse(scatter: Scatter) -> _Mouse:
    return _Mouse(scatter)


@pytest.fixture
def heard(scatter: Scatter) -> list[tuple[Any, ...]]:
    told: list[tuple[Any, ...]] = []
    scatter.lassoed.connect(lambda rows, mode: told.append(("lassoed", rows.tolist(), mode)))
    scatter.clicked.connect(lambda row, mode: told.append(("clicked", row, mode)))
    scatter.hovered.connect(lambda row: told.append(("hovered", row)))
    return told


_X, _Y = np.array([0.0, 1.0, 2.0, 3.0, np.nan]), np.array([0.0, 1.0, 0.0, 1.0, 0.5])


def _around(mouse: _Mouse, x: float, y: float, radius: float = 0.4) -> list[tuple[float, float]]:
    return [mouse.at(x + radius * np.cos(a), y + radius * np.sin(a)) for a in np.linspace(0, 6, 20)]


def test_a_lasso_finds_the_points_in_it(scatter: Scatter, mouse: _Mouse, heard: list[Any]) -> None:
    scatter.set_points(_X, _Y, ("area", "solidity"))
    scatter.tool = "lasso"
    mouse.drag(_around(mouse, 1, 1))
    mouse.drag(_around(mouse, 2, 0), _Shift)
    mouse.drag(_around(mouse, 1.5, 0.5, 1.2), _Ctrl)
    assert heard == [
        ("lassoed", [1], "replace"),
        ("lassoed", [2], "add"),
        ("lassoed", [1, 2], "subtract"),
    ]
    mouse.drag(_around(mouse, 1.5, 0.5, 0.2), Qt.KeyboardModifier.AltModifier)
    assert heard[-1] == ("lassoed", [], "subtract")


def test_a_rectangle_finds_the_points_in_it_from_any_corner(
    scatter: Scatter, mouse: _Mouse, heard: list[Any]
) -> None:
    scatter.set_points(_X, _Y)
    scatter.tool = "rectangle"
    mouse.drag([mouse.at(2.5, 1.04), mouse.at(1.8, 0.5), mouse.at(0.5, -0.04)])
    assert heard == [("lassoed", [1, 2], "replace")]


def test_escape_gives_a_lasso_up(scatter: Scatter, mouse: _Mouse, heard: list[Any]) -> None:
    scatter.set_points(_X, _Y)
    scatter.tool = "lasso"
    places = _around(mouse, 1, 1)
    mouse.send(QEvent.Type.MouseButtonPress, places[0])
    for place in places[1:]:
        mouse.send(QEvent.Type.MouseMove, place)
    QTest.keyClick(mouse.target, Qt.Key.Key_Escape)
    mouse.send(QEvent.Type.MouseButtonRelease, places[-1])
    assert heard == []
    QTest.keyClick(mouse.target, Qt.Key.Key_Escape)
    assert heard == [("clicked", -1, "replace")]


@pytest.mark.parametrize("tool", ["pan", "lasso", "rectangle"])
def test_a_click_finds_the_nearest_point_whatever_the_tool(
    scatter: Scatter, mouse: _Mouse, heard: list[Any], tool: Any
) -> None:
    scatter.set_points(_X, _Y)
    scatter.tool = tool
    mouse.click(1.01, 0.99)
    mouse.click(2.0, 0.0, _Shift)
    px, py = mouse.at(3.0, 1.0)
    mouse.drag([(px, py), (px + 2, py + 1)], _Ctrl)  # a hand that shakes
    assert heard == [("clicked", 1, "replace"), ("clicked", 2, "add"), ("clicked", 3, "subtract")]


def test_a_click_beside_the_points_clears_but_not_at_a_double_click(
    scatter: Scatter, mouse: _Mouse, heard: list[Any], qtbot: Any
) -> None:
    scatter.set_points(_X, _Y)
    mouse.wheel(mouse.at(1.5, 0.5), 3)
    near = scatter.view.limits
    mouse.click(1.5, 0.5)
    mouse.send(QEvent.Type.MouseButtonDblClick, mouse.at(1.5, 0.5))
    assert scatter.view.limits == scatter.points.limits != near
    mouse.send(QEvent.Type.MouseButtonRelease, mouse.at(1.5, 0.5))
    qtbot.wait(QApplication.doubleClickInterval() + 100)
    assert heard == []
    mouse.click(1.5, 0.5)
    qtbot.waitUntil(lambda: heard == [("clicked", -1, "replace")], timeout=2000)


def test_dragging_pans_and_the_wheel_zooms_at_the_mouse(
    scatter: Scatter, mouse: _Mouse, heard: list[Any]
) -> None:
    scatter.set_points(_X, _Y)
    before = scatter.view
    px, py = mouse.at(1, 1)
    mouse.drag([(px, py), (px + 20, py + 5), (px + 40, py + 10)])
    np.testing.assert_allclose(mouse.at(1, 1), (px + 40, py + 10))
    assert heard == []
    mouse.wheel((px, py), 2)
    assert scatter.view.scale[0] == pytest.approx(1.44 * before.scale[0])
    scatter.tool = "lasso"
    limits = scatter.view.limits
    mouse.drag([(px, py), (px + 30, py)], button=Qt.MouseButton.RightButton)
    assert scatter.view.limits[0] < limits[0]
    assert heard == []


def test_over_an_axis_the_wheel_zooms_along_it_alone(scatter: Scatter, mouse: _Mouse) -> None:
    scatter.set_points(_X, _Y)
    view = scatter.view
    mouse.wheel((view.left + 50, view.bottom + 12), 1)
    assert scatter.view.scale[1] == view.scale[1]
    assert scatter.view.scale[0] > view.scale[0]
    along_x = scatter.view
    mouse.wheel((view.left - 12, view.top + 50), 1)
    assert scatter.view.scale[0] == along_x.scale[0]
    assert scatter.view.scale[1] > along_x.scale[1]


def test_hovering_says_which_object_it_is(scatter: Scatter, mouse: _Mouse, heard: list[Any]) -> None:
    scatter.set_points(_X, _Y)
    asked: list[int] = []

    def text(row: int) -> str:
        asked.append(row)
        return f"object {row}"

    scatter.set_labels(text)
    mouse.move(1.0, 1.0)
    mouse.move(1.01, 1.0)
    mouse.move(1.5, 0.5)
    assert asked == [1, 1]
    assert heard == [("hovered", 1), ("hovered", -1)]
    mouse.move(2.0, 0.0)
    QApplication.sendEvent(mouse.target, QEvent(QEvent.Type.Leave))
    assert heard[2:] == [("hovered", 2), ("hovered", -1)]
    QToolTip.hideText()


def test_hidden_and_missing_points_are_never_found(scatter: Scatter, mouse: _Mouse, heard: list[Any]) -> None:
    scatter.set_points(_X, _Y, visible=np.array([True, False, True, True, True]))
    limits = scatter.view.limits
    scatter.tool = "lasso"
    mouse.drag(_around(mouse, 1.5, 0.5, 1.7))
    assert heard == [("lassoed", [0, 2, 3], "replace")]
    mouse.move(1.0, 1.0)
    assert len(heard) == 1
    scatter.set_visible(np.array([False, True, False, False, True]))
    assert scatter.view.limits == limits
    mouse.drag(_around(mouse, 1.5, 0.5, 1.7))
    assert heard[1:] == [("lassoed", [1], "replace")]


def test_a_class_of_the_legend_is_chosen_by_a_click(
    scatter: Scatter, mouse: _Mouse, heard: list[Any]
) -> None:
    scatter.set_points(_X, _Y)
    scatter.set_values([2, 0, 2, 1, 2], "class", "cluster")
    scatter.grab()
    places = {chip.class_id: place.center() for place, chip in scatter._scene.chips}
    assert set(places) == {0, 1, 2}
    mouse.drag([(places[2].x(), places[2].y())])
    mouse.drag([(places[0].x(), places[0].y())], _Shift)
    assert heard == [("lassoed", [0, 2], "replace"), ("lassoed", [1], "add")]


def test_number_keys_are_told(scatter: Scatter, mouse: _Mouse) -> None:
    pressed: list[int] = []
    scatter.class_key.connect(pressed.append)
    for key in (Qt.Key.Key_3, Qt.Key.Key_0, Qt.Key.Key_A):
        QTest.keyClick(mouse.target, key)
    QTest.keyClick(mouse.target, Qt.Key.Key_4, _Ctrl)
    assert pressed == [3, 0]


# ---------------------------------------------------------------------------------------------- what is drawn
def _pixels(scatter: Scatter) -> np.ndarray:
    """What OpenGL draws, once the layout has come to rest."""
    deadline = time.monotonic() + 5
    QApplication.processEvents()
    while time.monotonic() < deadline:
        canvas = scatter._canvas
        if canvas.ready and canvas.size == (scatter.width(), scatter.height()):
            break
        QTest.qWait(5)
    return scatter._canvas.picture()[..., :3].astype(int)


def _color_at(scatter: Scatter, x: float, y: float) -> np.ndarray:
    pixels = _pixels(scatter)
    px, py = scatter.view.to_screen(x, y)
    return pixels[int(py), int(px)]


def _bytes(code_or_color: Any) -> np.ndarray:
    color = QColor(code_or_color)
    return np.array([color.red(), color.green(), color.blue()])


@pytest.fixture
def shown(scatter: Scatter, qtbot: Any) -> Scatter:
    qtbot.waitExposed(scatter)
    scatter.set_points(_X, _Y, ("area", "solidity"))
    return scatter


def test_points_are_drawn_where_they_are_found(shown: Scatter) -> None:
    for x, y in zip(_X[:4], _Y[:4], strict=True):
        np.testing.assert_allclose(_color_at(shown, x, y), _bytes(PALETTE[0]), atol=14)
    background = _bytes(shown._scene.theme.background)
    np.testing.assert_array_equal(_color_at(shown, 1.5, 0.5), background)
    shown.set_visible(np.array([True, False, True, True, True]))
    np.testing.assert_array_equal(_color_at(shown, 1.0, 1.0), background)
    assert (_color_at(shown, 0.0, 0.0) != background).any()


def test_points_far_from_zero_stay_apart(shown: Scatter, mouse: _Mouse) -> None:
    # In float32, which graphics cards count in, these three are one number.
    shown.set_points([1e9, 1e9 + 1, 1e9 + 2], [0.0, 1.0, 0.0])
    background = _bytes(shown._scene.theme.background)
    for x, y in ((1e9, 0), (1e9 + 1, 1), (1e9 + 2, 0)):
        assert (_color_at(shown, x, y) != background).any()
    np.testing.assert_array_equal(_color_at(shown, 1e9 + 0.5, 0.5), background)


def test_colours_are_those_of_the_classes(shown: Scatter) -> None:
    shown.set_values([1, 2, 3, 0, 1], "class", "class", {2: "#00ff00"})
    expected = [_bytes(PALETTE[0]), _bytes("#00ff00"), _bytes(PALETTE[2]), 255 * np.array(class_color(0)[:3])]
    for x, y, color in zip(_X, _Y, expected, strict=False):
        np.testing.assert_allclose(_color_at(shown, x, y), color, atol=20)


def test_what_is_not_selected_fades(shown: Scatter) -> None:
    background = _bytes(shown._scene.theme.background)
    before = np.abs(_color_at(shown, 0, 0) - background).sum()
    shown.set_selected(np.array([False, True, False, False, False]))
    assert np.abs(_color_at(shown, 0, 0) - background).sum() < 0.5 * before
    np.testing.assert_allclose(_color_at(shown, 1, 1), _bytes(PALETTE[0]), atol=3)
    shown.set_selected(None)
    assert np.abs(_color_at(shown, 0, 0) - background).sum() == before


def test_selected_points_lie_above_the_others(shown: Scatter) -> None:
    for chosen in (0, 1):
        shown.set_points([0.0, 0.0, 1.0], [0.0, 0.0, 1.0])
        shown.set_values([2, 3, 1], "class")
        shown.set_selected(np.arange(3) == chosen)
        np.testing.assert_allclose(_color_at(shown, 0, 0), _bytes(PALETTE[chosen + 1]), atol=3)


def test_greyed_points_keep_no_colour(shown: Scatter) -> None:
    shown.set_values([1, 1, 1, 1, 1], "class", greyed=np.array([True, False, False, False, False]))
    color = _color_at(shown, 0, 0)
    assert np.ptp(color) < 20 < np.ptp(_color_at(shown, 1, 1))


def test_the_current_point_has_a_ring(shown: Scatter) -> None:
    def ring() -> np.ndarray:
        px, py = shown.view.to_screen(1.0, 1.0)
        radius = shown._scene.look.selected_size / 2 + 4
        color = shown.grab().toImage().pixelColor(round(float(px) + radius), round(float(py)))
        return _bytes(color)

    np.testing.assert_array_equal(ring(), _bytes(shown._scene.theme.background))
    shown.set_current(1)
    assert np.abs(ring() - _bytes(shown._scene.theme.text)).max() < 60
    shown.set_current(None)
    np.testing.assert_array_equal(ring(), _bytes(shown._scene.theme.background))
    shown.set_current(4)  # it has no place
    shown.set_current(99)
    shown.grab()


def test_showing_a_row_moves_the_view_only_where_it_must(scatter: Scatter) -> None:
    scatter.set_points(_X, _Y)
    scatter.show_row(3)
    assert scatter.view.limits == scatter.points.limits
    scatter.set_limits((-0.1, 0.5, -0.1, 0.5))
    scatter.show_row(3)
    view = scatter.view
    assert view.holds(*(float(one) for one in view.to_screen(3.0, 1.0)))
    assert view.limits[1] - view.limits[0] == pytest.approx(0.6)
    limits = view.limits
    scatter.show_row(4)
    scatter.show_row(-1)
    assert scatter.view.limits == limits


def test_many_points_become_a_density_and_points_again_near_by(shown: Scatter) -> None:
    rng = np.random.default_rng(0)
    n = 210_000
    shown.set_points(rng.normal(0, 1, n), rng.normal(0, 1, n))
    assert shown.density_shown
    assert (_color_at(shown, 0, 0) != _bytes(shown._scene.theme.background)).any()
    shown.set_density(False)
    assert not shown.density_shown
    shown.set_density(None)
    assert shown.density_shown
    shown.set_limits((0, 0.05, 0, 0.05))
    shown._draw()
    assert not shown.density_shown


def test_a_density_on_request_has_the_colours_of_the_classes(shown: Scatter) -> None:
    shown.set_points([0.0, 0.0, 1.0], [0.0, 0.0, 1.0])
    shown.set_values([2, 2, 3], "class")
    shown.set_density(True)
    assert shown.density_shown
    np.testing.assert_allclose(_color_at(shown, 0, 0), _bytes(PALETTE[1]), atol=3)
    shown.set_selected(np.array([False, False, True]))
    np.testing.assert_allclose(_color_at(shown, 1, 1), _bytes(PALETTE[2]), atol=3)
    assert np.abs(_color_at(shown, 0, 0) - _bytes(PALETTE[1])).max() > 60


def test_fewer_points_are_larger() -> None:
    sizes = [look_of(n, False).size for n in (0, 10, 1000, 30_000, 100_000, 10**7)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 2 * sizes[-1] > 0
    assert look_of(100, True).fade > look_of(100, False).fade == 0


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_or_no_points(shown: Scatter, n: int) -> None:
    shown.set_points(np.full(n, 3.0), np.full(n, 4.0), ("area", "area"))
    shown.set_values(np.full(n, np.nan), "number", "nothing")
    shown.set_selected(np.ones(n, bool))
    shown.set_current(0)
    shown.grab()
    if n:
        assert (_color_at(shown, 3.0, 4.0) != _bytes(shown._scene.theme.background)).any()


def test_no_point_has_a_place(shown: Scatter, mouse: _Mouse, heard: list[Any]) -> None:
    shown.set_points([np.nan, np.inf], [1.0, 2.0])
    shown.tool = "lasso"
    mouse.drag(_around(mouse, 0.5, 0.5))
    shown.grab()
    assert heard == [("lassoed", [], "replace")]


def test_wrong_lengths_are_refused(scatter: Scatter) -> None:
    with pytest.raises(InputError, match=r"one x and one y .*\(got 3 x and 2 y\)"):
        scatter.set_points([1, 2, 3], [1, 2])
    scatter.set_points(_X, _Y)
    with pytest.raises(InputError, match=r"one value for each of the 5 points \(got 2\)"):
        scatter.set_values([1, 2])
    for wrong in (np.ones(3, bool), np.ones(5)):
        with pytest.raises(InputError, match="is selected, by True or False"):
            scatter.set_selected(wrong)


# ------------------------------------------------------------------------------------------ beside the viewer
def test_a_viewer_draws_on_beside_a_plot(make_napari_viewer: Callable[..., Viewer], qtbot: Any) -> None:
    viewer = make_napari_viewer(strict_qt=True, show=True)
    viewer.add_image(np.random.default_rng(0).random((40, 50)))
    viewer.add_labels(np.arange(2000).reshape(40, 50) // 300)
    plot = Scatter(napari_viewer=viewer)
    dock = viewer.window.add_dock_widget(plot, area="bottom")
    qtbot.waitExposed(plot)
    plot.set_points(_X, _Y)
    shot = viewer.screenshot(canvas_only=True)
    assert len(np.unique(shot.reshape(-1, 4), axis=0)) > 100
    np.testing.assert_allclose(_color_at(plot, 1, 1), _bytes(PALETTE[0]), atol=14)
    dock.setFloating(True)
    QApplication.processEvents()
    np.testing.assert_allclose(_color_at(plot, 1, 1), _bytes(PALETTE[0]), atol=14)
    dock.setFloating(False)
    QApplication.processEvents()
    plot.set_values([1, 2, 3, 4, 5], "class")
    np.testing.assert_allclose(_color_at(plot, 1, 1), _bytes(PALETTE[1]), atol=14)
    assert _color_at(plot, 1.5, 0.5).mean() < 80
    viewer.theme = "light"
    qtbot.waitUntil(lambda: _color_at(plot, 1.5, 0.5).mean() > 180)
    viewer.add_image(np.random.default_rng(1).random((40, 50)))
    assert len(np.unique(viewer.screenshot(canvas_only=True).reshape(-1, 4), axis=0)) > 100
    plot.release()
    viewer.window.remove_dock_widget(dock)
    dock.deleteLater()
    assert len(np.unique(viewer.screenshot(canvas_only=True).reshape(-1, 4), axis=0)) > 100


def test_nothing_happens_after_release(scatter: Scatter, mouse: _Mouse, heard: list[Any]) -> None:
    scatter.set_points(_X, _Y)
    mouse.click(1.5, 0.5)  # waits for a second click
    scatter.release()
    scatter.release()
    QTest.qWait(QApplication.doubleClickInterval() + 50)
    scatter.set_points(_X, _Y)
    scatter.set_selected(np.ones(5, bool))
    scatter.reset_view()
    assert heard == []
