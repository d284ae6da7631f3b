"""What goes wrong or goes away: videos that cannot be used, cancelling, removed layers, closed docks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
import pytest
from motif_scene import PHASES, Double, docked, finished, names, video
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QPushButton

from napari_segmotif.gui.job_status import JobStatus
from napari_segmotif.gui.motifs.colors import GREY
from napari_segmotif.gui.motifs.widget import MotifDetectorWidget


@pytest.mark.parametrize(
    ("array", "kwargs", "words"),
    [
        (np.zeros((6, 3, 8, 8), np.float32), {}, ("four axes", "Take the plane in view")),
        (np.zeros((6, 8, 8, 3), np.uint8), {"rgb": True}, ("colour video", "Split RGB")),
        (np.zeros((1, 8, 8), np.float32), {}, ("one frame",)),
        (np.zeros((8, 8), np.float32), {}, ("no video", "(T, Y, X)")),
        (np.zeros((5, 8, 8), np.float32), {}, ("shorter than the video", "5 frames")),
    ],
    ids=["4-D", "RGB", "one frame", "2-D", "short"],
)
def test_what_is_no_video_is_refused_in_the_form(
    viewer: Viewer, array: Any, kwargs: dict[str, Any], words: tuple[str, ...]
) -> None:
    viewer.add_image(array, name="image", contrast_limits=(0, 1), **kwargs)
    widget = docked(viewer)
    run = widget.form.settings._run
    assert not run.isEnabled()
    for word in words:
        assert word in run.toolTip()
    if len(words) > 1 and "shorter" not in words[0]:
        assert words[0] in widget.form.video._problem.text()
    widget.run()
    assert not widget.runner.busy
    assert words[0] in widget.form.said


def test_one_plane_of_a_stack_can_be_taken(viewer: Viewer) -> None:
    stack = np.stack([video(), video() + 5], axis=1)
    viewer.add_image(da.from_array(stack, chunks=(10, 1, 24, 32)), name="stack", scale=(1, 2, 3, 3))
    widget = docked(viewer)
    viewer.dims.set_current_step(1, 1)
    assert not widget.form.video._plane.isHidden()
    widget.form.video._plane.click()
    plane = widget.form.video.layer.layer
    assert plane is not None
    assert plane.name == "stack · plane 1"
    np.testing.assert_array_equal(np.asarray(plane.data), stack[:, 1])
    np.testing.assert_allclose(plane.scale, (1, 3, 3))
    assert widget.form.settings._run.isEnabled()


def turned(first: int, second: int, degrees: float = 30.0) -> np.ndarray:
    """A rotation of (T, Z, Y, X) in the plane of two axes."""
    matrix = np.eye(4)
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    matrix[[first, first, second, second], [first, second, first, second]] = cos, -sin, sin, cos
    return matrix


def with_shift(linear: np.ndarray) -> np.ndarray:
    matrix = np.eye(5)
    matrix[:4, :4], matrix[:4, 4] = linear, (0, 5, 6, 7)
    return matrix


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")  # napari's, of the stack
@pytest.mark.parametrize(
    "place",
    [
        {"rotate": turned(2, 3)},
        {"shear": (0, 0, 0, 0, 0, 0.4)},
        {"shear": (0, 0, 0, 0.5, 0.2, 0.4)},
        {"affine": with_shift(turned(2, 3))},
        {"rotate": turned(1, 2)},
        {"rotate": turned(2, 3), "affine": with_shift(turned(1, 3))},
    ],
    ids=["rotate", "shear", "shear along Z", "affine", "rotate out of plane", "both"],
)
def test_a_plane_lies_where_it_was_in_the_stack(viewer: Viewer, place: dict[str, Any]) -> None:
    stack = viewer.add_image(
        np.zeros((6, 3, 24, 32), np.float32), name="stack", contrast_limits=(0, 1),
        scale=(0.05, 4, 2, 3), translate=(0, 1, 8, 9), units=("s", "um", "um", "um"), **place,
    )  # fmt: skip
    widget = docked(viewer)
    viewer.dims.point = stack.data_to_world((0, 2, 12, 16))
    widget.form.video._plane.click()
    plane = widget.form.video.layer.layer
    z = int(plane.name.removeprefix("stack · plane "))
    assert z > 0  # the first plane lies right by chance
    for t, y, x in [(0, 0, 0), (5, 0, 0), (0, 23, 0), (0, 0, 31), (3, 10, 20)]:
        expected = np.asarray(stack.data_to_world((t, z, y, x)))[[0, 2, 3]]
        np.testing.assert_allclose(plane.data_to_world((t, y, x)), expected, atol=1e-9)
    assert widget.form.video.frame_rate == 20


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")  # napari's, of the stack
def test_a_plane_that_is_seen_from_its_side_can_be_taken(viewer: Viewer) -> None:
    stack = viewer.add_image(
        np.zeros((6, 3, 24, 32), np.float32), name="stack", contrast_limits=(0, 1), rotate=turned(1, 2, 90)
    )
    widget = docked(viewer)
    viewer.dims.point = stack.data_to_world((0, 1, 12, 16))
    widget.form.video._plane.click()
    assert widget.form.video.source is not None
    assert widget.form.video.source.shape == (6, 24, 32)


def test_multiscale_lazy_video_is_used_at_its_finest_level(viewer: Viewer, double: type[Double]) -> None:
    levels = [da.from_array(video(), chunks=(10, 24, 32)), da.from_array(video()[:, ::2, ::2])]
    viewer.add_image(levels, name="levels", multiscale=True)
    widget = docked(viewer)
    widget.run()
    finished(widget)
    assert widget.found is not None
    assert widget.found.model.frame_shape_ == (24, 32)
    widget.layers.show_explained("residual", True)
    assert viewer.layers[1].data.shape == (120, 24, 32)


def test_a_constant_video_is_told_in_words(
    viewer: Viewer, double: type[Double], notifications: list[tuple[str, str]]
) -> None:
    viewer.add_image(np.ones((50, 8, 8), np.float32), name="dark", contrast_limits=(0, 2))
    widget = docked(viewer)
    widget.run()
    finished(widget)
    assert "constant" in widget.form.said
    assert any("constant" in message for _, message in notifications)
    assert names(viewer) == ["dark"]


@pytest.mark.parametrize("phase", PHASES)
def test_stop_keeps_the_best_so_far(viewer: Viewer, double: type[Double], qtbot: QtBot, phase: str) -> None:
    viewer.add_image(video(), name="calcium")
    widget = docked(viewer)
    double.hold = phase
    widget.run()
    qtbot.waitUntil(double.entered.is_set, timeout=5000)
    status = widget.findChild(JobStatus)
    button = status.findChild(QPushButton)
    assert button.text() == "Stop"
    button.click()
    finished(widget)
    assert widget.found is not None
    assert widget.found.model.stopped_early_
    assert "Stopped early" in widget.form.motifs._messages.text()
    assert "Motif 1 (p = .001)" in names(viewer)


def test_what_was_stopped_before_its_test_is_shown_in_colour(
    viewer: Viewer, double: type[Double], qtbot: QtBot
) -> None:
    viewer.add_image(video(), name="calcium")
    widget = docked(viewer)
    double.p_values = (np.nan, np.nan)
    widget.run()
    finished(widget)
    assert "Motif 1 (not tested)" in names(viewer)
    assert widget.form.motifs.said == "2 motifs, not tested; 0 occurrences."
    assert widget.found is not None
    assert widget.found.colors[0] != GREY
    assert viewer.layers["All motifs"].data[..., 3].any()
    assert widget.form.motifs.table.table.item(0, 2).text() == "?"


@pytest.mark.parametrize("phase", ["prepare", "search", "motifs"])
@pytest.mark.parametrize("how", ["nothing to keep", "twice", "layer removed"])
def test_cancelled_for_good_leaves_everything_as_it_was(
    viewer: Viewer, double: type[Double], qtbot: QtBot, phase: str, how: str
) -> None:
    source = viewer.add_image(video(), name="calcium")
    widget = docked(viewer)
    double.hold, double.has_kept = phase, False
    widget.run()
    qtbot.waitUntil(double.entered.is_set, timeout=5000)
    if how == "layer removed":
        viewer.layers.remove(source)
    else:
        widget.runner.cancel()
    if how == "twice":
        widget.runner.cancel()
    finished(widget)
    assert widget.found is None
    assert names(viewer) == ([] if how == "layer removed" else ["calcium"])
    assert not widget.form.sections["motifs"].isHidden()
    assert "Nothing was looked for" in widget.form.motifs.said


def test_the_video_is_removed_after_the_run(viewer: Viewer, ran: tuple[MotifDetectorWidget, Any]) -> None:
    widget, source = ran
    viewer.layers.remove(source)
    widget.go_to(30)
    widget.layers.show_explained("residual", True)
    assert not widget.form.settings._run.isEnabled()
    assert "Residual" not in names(viewer)
    assert widget.keeping.copy_as_python()


def test_a_playing_motif_is_removed(
    viewer: Viewer, ran: tuple[MotifDetectorWidget, Any], qtbot: QtBot
) -> None:
    widget, source = ran
    widget.form.motifs.table.button(0).click()
    assert widget.player.layer is not None
    viewer.layers.remove(widget.player.layer)
    qtbot.waitUntil(lambda: widget.player.layer is None, timeout=2000)
    assert source.visible
    assert widget.form.motifs.table.button(0).text() == "Play"


def test_closing_the_dock_while_it_runs(viewer: Viewer, double: type[Double], qtbot: QtBot) -> None:
    viewer.add_image(video(), name="calcium")
    widget = docked(viewer)
    double.hold = "search"
    widget.run()
    qtbot.waitUntil(double.entered.is_set, timeout=5000)
    viewer.window.remove_dock_widget(widget)
    qtbot.wait(50)
    viewer.dims.set_current_step(0, 5)  # nobody listens any more, and nothing breaks
    assert names(viewer) == ["calcium"]


@pytest.mark.parametrize("playing", [False, True])
def test_closing_the_viewer(
    make_napari_viewer: Callable[..., Viewer], double: type[Double], qtbot: QtBot, playing: bool
) -> None:
    viewer = make_napari_viewer(strict_qt=True)
    viewer.add_image(video(), name="calcium")
    widget = docked(viewer)
    if playing:
        widget.run()
        finished(widget)
        widget.form.motifs.table.button(0).click()
    else:
        double.hold = "search"
        widget.run()
        qtbot.waitUntil(double.entered.is_set, timeout=5000)
    viewer.close()
