"""Fixtures for the tests of the Motif detector widget."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from napari import Viewer

sys.path.insert(0, str(Path(__file__).parent))

from motif_scene import Double, docked, finished, video

from napari_segmotif.gui.motifs import work
from napari_segmotif.gui.motifs.widget import MotifDetectorWidget


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Double]]:
    """Fit with an estimator that knows the answer."""

    class Fresh(Double):
        go, entered = threading.Event(), threading.Event()

    monkeypatch.setattr(work, "make_estimator", lambda parameters: Fresh(**parameters.model_dump()))
    monkeypatch.setattr(work, "load_estimator", Fresh.load)
    yield Fresh
    Fresh.go.set()


@pytest.fixture
def ran(viewer: Viewer, double: type[Double]) -> tuple[MotifDetectorWidget, Any]:
    """A widget that has found the motifs of a video."""
    layer = viewer.add_image(video(), name="calcium", scale=(2, 0.5, 0.5), translate=(0, 3, 4))
    widget = docked(viewer)
    widget.run()
    finished(widget)
    return widget, layer
