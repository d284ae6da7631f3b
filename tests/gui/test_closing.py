"""A layer, a dock or the viewer goes away while a job runs: it stops, tells nobody, and holds nothing up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from qtpy.QtWidgets import QWidget

from napari_segmotif.gui.runner import JobRunner
from napari_segmotif.gui.teardown import teardown_on_close


def test_removing_the_layer_cancels_the_job(make_gate: Any, viewer: Viewer, docked: QWidget) -> None:
    runner, gate, delivered = JobRunner(docked, viewer), make_gate(), []
    cancelled: list[str] = []
    runner.cancelled.connect(cancelled.append)
    image, other = viewer.add_image(np.zeros((8, 8))), viewer.add_image(np.zeros((8, 8)))
    runner.start(gate, name="Predict", on_result=delivered.append, layers=[image])
    assert gate.entered.wait(5)
    viewer.layers.remove(other)
    assert not runner.cancelling
    viewer.layers.remove(image)
    assert runner.cancelling
    assert runner.wait(5)
    assert delivered == []
    assert cancelled == ["Predict"]


def test_closing_the_dock_cancels_and_delivers_nothing(make_gate: Any, viewer: Viewer, qtbot: Any) -> None:
    widget, delivered, gate = QWidget(), [], make_gate()
    runner = JobRunner(widget, viewer)
    dock = viewer.window.add_dock_widget(widget, name="tool")
    runner.start(gate, name="Train", on_partial=delivered.append, on_result=delivered.append)
    assert gate.entered.wait(5)
    dock.destroyOnClose()  # what the ✕ does
    qtbot.waitUntil(gate.closed.is_set, timeout=5000)
    qtbot.wait(50)
    assert delivered == []
    assert gate.thread is not None
    gate.thread.join(5)
    assert not gate.thread.is_alive()


def test_hiding_and_tabbing_the_dock_cancel_nothing(make_gate: Any, viewer: Viewer, qtbot: Any) -> None:
    widget, gate, delivered = QWidget(), make_gate(), []
    runner = JobRunner(widget, viewer)
    dock = viewer.window.add_dock_widget(widget, name="tool")
    viewer.window.add_dock_widget(QWidget(), name="other", tabify=True)
    runner.start(gate, name="Train", on_result=delivered.append)
    dock.hide()
    qtbot.wait(50)
    dock.show()
    dock.setFloating(True)
    dock.setFloating(False)
    qtbot.wait(50)
    gate.open.set()
    assert runner.wait(5)
    assert delivered == ["whole"]


@pytest.mark.parametrize("poll", [True, False], ids=["cooperative", "stuck in a step"])
def test_closing_the_viewer_never_waits_for_the_job(
    make_gate: Any, make_napari_viewer: Callable[..., Viewer], qtbot: Any, poll: bool
) -> None:
    viewer = make_napari_viewer(strict_qt=True)
    widget, gate, delivered = QWidget(), make_gate(poll), []
    runner = JobRunner(widget, viewer)
    viewer.window.add_dock_widget(widget, name="tool")
    runner.start(gate, name="Train", on_partial=delivered.append, on_result=delivered.append)
    assert gate.entered.wait(5)
    assert gate.thread is not None
    del widget
    viewer.close()
    qtbot.wait(50)
    assert gate.thread.is_alive() is not poll  # closing did not wait for the one that is stuck
    gate.open.set()
    gate.thread.join(5)
    assert not gate.thread.is_alive()
    qtbot.wait(20)
    assert delivered == []


def test_teardown_runs_once_and_deletes_the_widget(viewer: Viewer, qtbot: Any) -> None:
    widget, calls = QWidget(), []
    gone: list[bool] = []
    widget.destroyed.connect(lambda: gone.append(True))
    teardown_on_close(widget, viewer, lambda: calls.append("torn down"))
    viewer.window.add_dock_widget(widget, name="tool")
    viewer.window.remove_dock_widget(widget)
    del widget
    qtbot.waitUntil(lambda: bool(gone), timeout=5000)
    assert calls == ["torn down"]
