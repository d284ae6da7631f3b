"""Fixtures for widget tests: a viewer, real brush strokes, notifications, and checks for what leaks.

They need a screen with OpenGL: pytest-xvfb starts one where there is none.
"""

from __future__ import annotations

import gc
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.layers import Labels
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks
from napari.utils.notifications import Notification, NotificationSeverity, notification_manager
from napari.utils.progress import progress
from qtpy.QtCore import QCoreApplication, QEvent, QThread, QThreadPool
from qtpy.QtWidgets import QApplication, QWidget

from napari_segmotif.common.progress import CancelToken, Job, Progress

_REFERRERS_SHOWN = 6
_COLLECTED_FOR = pytest.StashKey[object]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Keep what is there before a test out of the collections during and after it.

    napari's fixture and ours look for leaks by collecting garbage, several times a test. Most of that time
    went into the modules that are imported; now a collection goes through what the test itself made.
    """
    module, stash = getattr(item, "module", None), item.session.stash
    if stash.get(_COLLECTED_FOR, None) is not module:
        stash[_COLLECTED_FOR] = module
        gc.unfreeze()  # what a test of the last module left is not kept for good
        gc.collect()
    gc.freeze()


class Gate:
    """A job that stops where the test wants it, and tells how it ended."""

    def __init__(self, poll: bool = True) -> None:
        self.entered, self.open, self.closed = threading.Event(), threading.Event(), threading.Event()
        self.thread: threading.Thread | None = None
        self.poll = poll

    def __call__(self, cancel: CancelToken) -> Job[str]:
        self.thread = threading.current_thread()
        try:
            yield Progress(0, 2, "first step")
            self.entered.set()
            while not self.open.wait(0.005):
                if self.poll:
                    cancel.raise_if_cancelled()
            yield Progress(1, 2, "second step", partial="half")
            return "whole"
        finally:
            self.closed.set()


@pytest.fixture
def make_gate() -> type[Gate]:
    """A job that waits for the test: `entered`, `open` and `closed` are events; poll=False ignores Cancel."""
    return Gate


@pytest.fixture
def docked(viewer: Viewer) -> QWidget:
    """An empty widget in a dock of the viewer."""
    widget = QWidget()
    viewer.window.add_dock_widget(widget, name="tool")
    return widget


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Viewer]) -> Viewer:
    """A napari viewer that is not shown; what it leaks fails the test."""
    return make_napari_viewer(strict_qt=True)


@pytest.fixture
def paint_stroke() -> Callable[..., None]:
    """A function that paints as a user does: press, drag, release through napari's own mouse callbacks.

    paint_stroke(viewer, layer, points, label=1, brush=None): `points` are pixel coordinates, one row per stop
    of the mouse; label 0 erases. Undo history and paint events are the real ones.
    """
    return _paint_stroke


def _paint_stroke(
    viewer: Viewer, layer: Labels, points: Sequence[Sequence[float]], label: int = 1, brush: int | None = None
) -> None:
    viewer.layers.selection.active = layer
    layer.mode = "paint" if label else "erase"
    if label:
        layer.selected_label = label
    if brush is not None:
        layer.brush_size = brush
    stops = [np.asarray(layer.data_to_world(point), dtype=float) for point in points]
    _mouse(viewer, layer, mouse_press_callbacks, "mouse_press", stops[0], dragging=False)
    for stop in stops[1:]:
        _mouse(viewer, layer, mouse_move_callbacks, "mouse_move", stop, dragging=True)
    _mouse(viewer, layer, mouse_release_callbacks, "mouse_release", stops[-1], dragging=False)


def _mouse(
    viewer: Viewer, layer: Labels, callbacks: Callable[..., None], kind: str, world: Any, dragging: bool
) -> None:
    position = np.array(viewer.dims.point, dtype=float)
    position[len(position) - len(world) :] = world
    event = types.SimpleNamespace(
        type=kind,
        position=tuple(position),
        pos=(0, 0),
        button=1,
        buttons=[1],
        modifiers=(),
        is_dragging=dragging,
        handled=False,
        view_direction=None,
        up_direction=None,
        camera_zoom=viewer.scene.camera.zoom,
        dims_displayed=list(viewer.dims.displayed),
        dims_point=list(viewer.dims.point),
    )
    event = ReadOnlyWrapper(event, exceptions=("handled",))
    callbacks(viewer, event)
    callbacks(layer, event)


@pytest.fixture
def notifications(_notifications: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What the user was told during the test, as (severity, message); allows error notifications."""
    return _notifications


@pytest.fixture(autouse=True)
def _notifications(request: pytest.FixtureRequest) -> Iterator[list[tuple[str, str]]]:
    """Fail a test that shows an error to the user without asking for `notifications`."""
    told: list[tuple[str, str]] = []

    def note(notification: Notification) -> None:
        told.append((str(notification.severity), str(notification.message)))

    notification_manager.notification_ready.connect(note)
    yield told
    notification_manager.notification_ready.disconnect(note)
    notification_manager.records.clear()
    errors = [message for severity, message in told if severity == str(NotificationSeverity.ERROR)]
    if "notifications" not in request.fixturenames:
        assert not errors, f"the user was shown errors that the test does not expect (got {errors})"


@pytest.fixture(autouse=True)
def no_leaks(
    qapp: QApplication,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    no_leaked_threads: None,
    _notifications: list[tuple[str, str]],
) -> Iterator[None]:
    """Fail a test that leaves top-level widgets, progress bars or Qt threads, and say who holds them."""
    started: list[weakref.ref[QThread]] = []
    start = QThread.start

    def noted_start(thread: QThread, *args: Any) -> None:
        started.append(weakref.ref(thread))
        start(thread, *args)

    monkeypatch.setattr(QThread, "start", noted_start)
    before = {id(widget) for widget in QApplication.topLevelWidgets()}
    yield
    report = getattr(request.node, "rep_call", None)
    if report is None or report.failed or report.skipped:
        return  # the traceback holds on to whatever the test had
    _settle()
    if _leaked(before):
        gc.collect()
        _settle()
    assert not (left := _leaked(before)), "widgets leaked:\n" + "\n".join(_described(one) for one in left)
    bars = [str(bar) for bar in progress._all_instances]
    assert not bars, f"progress bars were not closed (got {bars})"
    running = [thread for ref in started if (thread := ref()) is not None and _is_running(thread)]
    assert not running, f"QThreads still run: quit and wait for them (got {running})"
    assert QThreadPool.globalInstance().waitForDone(2000), "a job still runs in Qt's global thread pool"


def _settle() -> None:
    for _ in range(2):
        QApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def _leaked(before: set[int]) -> list[QWidget]:
    # vispy keeps its canvas, and pytest-qt names what it takes care of itself.
    return [
        widget
        for widget in QApplication.topLevelWidgets()
        if id(widget) not in before
        and type(widget).__name__ != "CanvasBackendDesktop"
        and widget.objectName() != "handled_widget"
    ]


def _is_running(thread: QThread) -> bool:
    try:
        return bool(thread.isRunning())
    except RuntimeError:  # its C++ side is gone, so it does not run
        return False


def _described(widget: QWidget) -> str:
    """A leaked widget and who refers to it."""
    own = {id(frame) for frame in _frames()}
    referrers = [one for one in gc.get_referrers(widget) if id(one) not in own and not isinstance(one, list)]
    lines = [f"  {type(widget).__name__} '{widget.objectName()}', referred to by"]
    lines += [f"    {_short(one)}" for one in referrers[:_REFERRERS_SHOWN]]
    return "\n".join(
        lines if referrers else [*lines, "    nothing in Python: its C++ parent was never deleted"]
    )


def _frames() -> Iterator[types.FrameType]:
    frame: types.FrameType | None = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


def _short(thing: Any) -> str:
    if isinstance(thing, dict):
        owners = [one for one in gc.get_referrers(thing) if getattr(one, "__dict__", None) is thing]
        names = [key for key in thing if isinstance(key, str)][:8]
        return f"attributes of {type(owners[0]).__name__}" if owners else f"a dict with keys {names}"
    if isinstance(thing, types.FrameType):
        return f"frame {thing.f_code.co_qualname} ({thing.f_code.co_filename}:{thing.f_lineno})"
    if isinstance(thing, types.CellType):
        return "a closure"
    return f"{type(thing).__module__}.{type(thing).__name__} {str(thing)[:80]}"
