from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from napari import Viewer
from skimage.data import immunohistochemistry

from napari_segmotif import PixelClassifier, SegmotifError, StorageError, open_image, write_image
from napari_segmotif.cli import main
from napari_segmotif.gui import virtual_display
from napari_segmotif.gui.demo import Demo, run_demo
from napari_segmotif.gui.demo_strokes import CLASSES, STROKES, pixels_of
from napari_segmotif.gui.interrupts import Interrupts


def painted() -> np.ndarray:
    annotation = np.zeros((512, 512), np.uint8)
    for label, strokes in STROKES.items():
        for stroke in strokes:
            annotation[pixels_of(stroke)] = label
    return annotation


def read(path: Path) -> np.ndarray:
    with open_image(path) as opened:
        return np.asarray(opened.array[:])


def test_strokes_do_not_run_over_each_other() -> None:
    n_pixels = sum(len(pixels_of(stroke)[0]) for strokes in STROKES.values() for stroke in strokes)
    overlap = n_pixels - np.count_nonzero(painted())
    assert overlap <= 0.01 * n_pixels
    assert set(STROKES) == {entry.label for entry in CLASSES}


def test_a_stroke_is_as_wide_as_its_brush() -> None:
    ys, xs = pixels_of(((10, 10), (10, 20)), brush=3)
    assert (ys.min(), ys.max(), xs.min(), xs.max()) == (9, 11, 9, 21)
    assert len(set(zip(ys.tolist(), xs.tolist(), strict=True))) == len(ys) == 13 * 3


@pytest.mark.slow
def test_the_demo_writes_what_the_command_line_gives(viewer: Viewer, tmp_path: Path) -> None:
    result = Demo(viewer).play(tmp_path)
    assert sorted(path.name for path in result.written) == [
        "colon.segmotif", "colon_labels.ome.tif", "colon_nuclei.ome.tif", "napari.png", "napari_outputs.png",
    ]  # fmt: skip
    assert 100 < result.n_objects < 500
    assert result.report.scores.accuracy > 0.8
    assert "optimistic" in result.in_words()

    labels = read(tmp_path / "colon_labels.ome.tif")
    strokes = painted()
    assert (labels[strokes > 0] == strokes[strokes > 0]).mean() > 0.95
    classifier = PixelClassifier.load(tmp_path / "colon.segmotif")
    assert classifier.class_names_ == {entry.label: entry.name for entry in CLASSES}

    write_image(tmp_path / "colon.tif", immunohistochemistry(), axes="YXC")
    model, image, out = (str(tmp_path / name) for name in ("colon.segmotif", "colon.tif", "out"))
    objects = ["--outputs", "labels", "objects", "--object-class", "nuclei", "--minimum-size", "40"]
    assert main(["pixel", "predict", model, image, "-o", out, *objects]) == 0
    np.testing.assert_array_equal(read(tmp_path / "out/colon_labels.ome.tif"), labels)
    np.testing.assert_array_equal(
        read(tmp_path / "out/colon_objects.ome.tif"), read(tmp_path / "colon_nuclei.ome.tif")
    )

    write_image(tmp_path / "strokes.tif", strokes, axes="YX", labels=True)
    again = str(tmp_path / "again.segmotif")
    pair = ["--image", image, "--annotation", str(tmp_path / "strokes.tif")]
    assert main(["pixel", "train", *pair, "--model", again]) == 0
    retrained = PixelClassifier.load(again)
    np.testing.assert_array_equal(retrained.predict(immunohistochemistry()), labels)
    assert retrained.feature_names_ == classifier.feature_names_


def test_closing_the_window_early_is_said(viewer: Viewer) -> None:
    demo = Demo(viewer)
    demo.paint()
    demo.widget.form.train.train_clicked.emit()
    viewer.window.remove_dock_widget(demo.widget)
    with pytest.raises(SegmotifError, match="window was closed"):
        demo.wait("training")


def test_a_job_that_fails_ends_the_demo(
    viewer: Viewer, notifications: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = Demo(viewer)

    def broken(*_: object) -> None:
        raise SegmotifError("the disk is gone (got nothing)")

    monkeypatch.setattr(demo.widget.session, "train", broken)
    demo.paint()
    with pytest.raises(SegmotifError, match=r"training failed: the disk is gone"):
        demo.train_and_predict()


def test_ctrl_c_stops_the_job_and_then_the_demo(viewer: Viewer) -> None:
    with Interrupts() as interrupts:
        demo = Demo(viewer, interrupts)
        demo.paint()
        demo.widget.runner.started.connect(lambda _name: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            demo.train_and_predict()
    assert not demo.widget.session.fitted
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_folder_that_cannot_be_made_is_refused_before_anything_opens(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="could not be made"):
        run_demo(tmp_path / "file" / "out")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Xvfb is of Linux")
def test_without_display_and_xvfb_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("PATH", "")
    with (
        pytest.raises(SegmotifError, match=r"apt install xvfb.*\(got no DISPLAY\)"),
        virtual_display.display(visible=True),
    ):
        pytest.fail("there is no display")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Xvfb is of Linux")
def test_a_virtual_display_comes_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with virtual_display.display(visible=True) as seen:
        assert not seen
        number = os.environ["DISPLAY"].removeprefix(":")
        assert Path(f"/tmp/.X11-unix/X{number}").exists()
    assert "DISPLAY" not in os.environ
    assert not Path(f"/tmp/.X11-unix/X{number}").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Xvfb is of Linux")
def test_a_display_that_is_there_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":77")
    with virtual_display.display(visible=True) as seen:
        assert seen
        assert os.environ["DISPLAY"] == ":77"
