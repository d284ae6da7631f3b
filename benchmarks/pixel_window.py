"""The pixel classifier in the real napari window: from a stroke to what is seen, and how long it freezes.

    python benchmarks/pixel_window.py [--runs 7]

A 2048² image with 5,000 painted pixels, zoomed so that 512² are visible, Live on. A stroke is painted through
the layer's own paint call; the clock stops when the shown segmentation layer changes (first look), and when
all trees have answered. A timer of 2 ms in the window's thread tells how long it was held at most.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import napari
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from machine import describe_machine
from napari_segmotif.gui.pixel.widget import PixelClassifierWidget
from napari_segmotif.gui.virtual_display import display
from pixel import scene_2d

RESULTS = Path(__file__).parent / "results" / "pixel_window.json"


class Heartbeat:
    """The longest time between two beats of a timer in the window's thread."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setInterval(2)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._last)
        self._last = now

    def reset(self) -> None:
        self.longest, self._last = 0.0, time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    image, annotation = scene_2d("nuclei", 2048)
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1500, 950)
    viewer.add_image(image, name="nuclei")
    widget = PixelClassifierWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Pixel classifier", area="right")
    layer = widget.new_annotation()
    painted = np.nonzero(annotation)
    layer.data_setitem(painted, annotation[painted])
    viewer.scene.camera.center = (0, 1024, 1024)
    viewer.scene.camera.zoom = min(viewer.window._qt_viewer.canvas.size) / 512
    widget.form.train.set_live(True)
    widget.wait(120)
    segmentation = next(shown for shown in viewer.layers if "segmentation" in shown.name)
    heart = Heartbeat()
    first, final, held = [], [], []
    for number in range(options.runs):
        widget.wait(60)
        row = 900 + 12 * number
        with layer.block_history():  # leaving it is what releasing the mouse does
            for column in range(900, 960, 3):
                layer.paint((row, column), 1 + number % 2)
        heart.reset()
        seen: list[float] = []
        start = time.perf_counter()

        def note(event: object = None, seen: list[float] = seen, start: float = start) -> None:
            seen.append(time.perf_counter() - start)

        segmentation.events.set_data.connect(note)
        widget.wait(60)
        final.append(time.perf_counter() - start)
        segmentation.events.set_data.disconnect(note)
        first.append(seen[0] if seen else float("nan"))
        held.append(heart.longest)
        for _ in range(20):
            QApplication.processEvents()
    rows = {
        "stroke to first look, s": statistics.median(first),
        "stroke to all trees, s": statistics.median(final),
        "longest hold of the window, median over strokes, s": statistics.median(held),
        "longest hold of the window, worst stroke, s": max(held),
        "runs": options.runs,
    }
    for name, value in rows.items():
        print(f"{name}: {value:.3g}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"machine": describe_machine(), **rows}, indent=1) + "\n")
    viewer.close()


if __name__ == "__main__":
    with display(visible=False):
        main()
