"""Fixtures for the tests of the U-Net segmenter widget."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from unet_scene import Double

from napari_segmotif.gui.unet import work


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Double]]:
    """Train with a segmenter that knows the answer."""

    class Fresh(Double):
        go, entered = threading.Event(), threading.Event()
        made: list[Double] = []  # noqa: RUF012 - each test has its own class

    monkeypatch.setattr(work, "make_segmenter", lambda parameters: Fresh(**parameters.model_dump()))
    yield Fresh
    Fresh.go.set()
    Fresh.made.clear()
