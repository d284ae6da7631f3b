"""The real window is closed while all is open. In a process of its own: a crash would end all tests."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

SCRIPT = """
import napari, numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from napari_segmotif.gui.explore.widget import FeatureExplorerWidget

labels = np.kron(np.arange(1, 26).reshape(5, 5), np.pad(np.ones((8, 8), int), 2))
viewer = napari.Viewer(show=True)
viewer.add_labels(labels, name="cells")
widget = FeatureExplorerWidget(viewer)
viewer.window.add_dock_widget(widget, name="Feature explorer")
widget.measure()
assert widget.wait()
widget.session.select([1, 2, 3], origin="plot")
for _ in range(20):
    QApplication.processEvents()
HOW
for _ in range(20):
    QApplication.processEvents()
print("closed")
"""
HOW = {
    "viewer, with a selection just made": "widget.session.select([4], origin='plot'); viewer.close()",
    "form": "viewer.window.remove_dock_widget(widget); del widget; viewer.close()",
}


@pytest.mark.parametrize("how", HOW.values(), ids=HOW.keys())
def test_closing_crashes_nothing(how: str) -> None:
    script = textwrap.dedent(SCRIPT).replace("HOW", how)
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", script],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "NAPARI_ASYNC": "0"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "closed" in done.stdout
