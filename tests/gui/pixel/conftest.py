"""Fixtures for the tests of the Pixel classifier widget."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from napari import Viewer
from napari.layers import Labels
from pytestqt.qtbot import QtBot

sys.path.insert(0, str(Path(__file__).parent))

from scene import Paint, docked, halves, settled, two_strokes

from napari_segmotif.gui.pixel import warm_up
from napari_segmotif.gui.pixel.widget import PixelClassifierWidget


@pytest.fixture(autouse=True)
def already_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open widgets without the warm-up: warning filters, which napari changes, are no thread's own."""
    monkeypatch.setattr(warm_up, "_done", True)


@pytest.fixture
def painted(viewer: Viewer, qtbot: QtBot, paint_stroke: Paint) -> tuple[PixelClassifierWidget, Labels]:
    """A widget with an image, Live on, and a stroke of each of two classes."""
    viewer.add_image(halves(), name="cells", scale=(0.5, 0.25), units=("um", "um"), translate=(3, 4))
    widget = docked(viewer)
    annotation = widget.new_annotation()
    assert annotation is not None
    widget.form.train.set_live(True)
    two_strokes(viewer, annotation, paint_stroke)
    settled(widget, qtbot)
    return widget, annotation
