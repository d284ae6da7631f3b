"""What the user sees of a running job: the bar in the activity dock, and the line in our own dock."""

from __future__ import annotations

from typing import Any

import pytest
from napari import Viewer
from napari.utils.progress import progress as napari_progress
from qtpy.QtWidgets import QPushButton, QWidget

from napari_segmotif.common.progress import CancelToken, Job, Progress
from napari_segmotif.gui.activity import remaining_text
from napari_segmotif.gui.job_status import JobStatus
from napari_segmotif.gui.runner import JobRunner


def quick(cancel: CancelToken) -> Job[str]:
    yield Progress(0, 1)
    return "done"


def test_activity_bar_shows_message_percent_and_cancels(
    make_gate: Any, viewer: Viewer, docked: QWidget, qtbot: Any
) -> None:
    runner, gate = JobRunner(docked, viewer), make_gate()
    runner.start(gate, name="Train")
    qtbot.waitUntil(lambda: len(napari_progress._all_instances) == 1, timeout=5000)
    (bar,) = napari_progress._all_instances
    assert bar.desc.startswith("Train: first step")
    assert bar.total == 100
    bar.cancel()  # the button in the activity dock
    assert runner.wait(5)
    assert len(napari_progress._all_instances) == 0


def test_short_jobs_show_no_bar(viewer: Viewer, docked: QWidget, qtbot: Any) -> None:
    runner = JobRunner(docked, viewer)
    runner.start(quick, name="Live")
    assert runner.wait(5)
    qtbot.wait(400)
    assert len(napari_progress._all_instances) == 0


def test_job_status_line_follows_the_runner(
    make_gate: Any, docked: QWidget, viewer: Viewer, qtbot: Any
) -> None:
    runner, gate = JobRunner(docked, viewer), make_gate()
    status = JobStatus(runner, docked)
    assert status.isHidden()
    runner.start(gate, name="Train")
    qtbot.waitUntil(lambda: status._message.text() == "first step", timeout=5000)
    assert not status.isHidden()
    status.findChild(QPushButton).click()
    assert status._message.text() == "stopping …"
    assert runner.wait(5)
    assert status.isHidden()


def test_job_status_offers_to_stop_and_then_to_drop(
    make_gate: Any, docked: QWidget, viewer: Viewer, qtbot: Any
) -> None:
    runner, gate = JobRunner(docked, viewer), make_gate()
    status = JobStatus(runner, docked)
    button = status.findChild(QPushButton)
    runner.start(gate, name="Find", stop=CancelToken())
    assert button.text() == "Stop"
    button.click()
    assert button.text() == "Drop it"
    assert "best so far" in status._message.text()
    assert runner.busy
    button.click()
    assert runner.wait(5)
    runner.start(quick, name="Train")
    assert button.text() == "Cancel"
    assert runner.wait(5)


@pytest.mark.parametrize(
    ("elapsed", "fraction", "text"),
    [
        (0.1, 0.5, "50 %"),
        (10, 0.001, "0 %"),
        (10, 0.5, "50 %, about 10 s left"),
        (9.9, 0.99, "99 %, about 1 s left"),
        (60, 0.1, "10 %, about 9 min left"),
        (3600, 0.1, "10 %, about 9.0 h left"),
        (10, 1.0, "100 %"),
    ],
)
def test_remaining_time_in_words(elapsed: float, fraction: float, text: str) -> None:
    assert remaining_text(elapsed, fraction) == text
