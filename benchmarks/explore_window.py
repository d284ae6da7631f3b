"""The feature explorer in the real napari window: from a lasso to colours in the image, clicks, and frames.

    python benchmarks/explore_window.py [--runs 7] [--quick]

- lasso: the points inside a polygon of the plot that holds a tenth of all are selected; the clock stops when
  both the plot and napari's canvas have been drawn;
- click: a click on an object in the image; the clock stops when its point is marked and the plot drawn;
- frame: one frame of the plot of 100,000 points while it is zoomed.

Drawing is forced and waited for by reading the canvas's picture, which Qt renders anew for it. Prints a
table and writes benchmarks/results/explore_window.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from explore_learning import row
from explore_scene import ellipses
from machine import describe_machine
from napari_segmotif.explore.measuring.measurement import measure_objects
from napari_segmotif.gui.explore.inputs import LabelledImage
from napari_segmotif.gui.explore.widget import FeatureExplorerWidget
from napari_segmotif.gui.virtual_display import display

RESULTS = Path(__file__).resolve().parent / "results" / "explore_window.json"
Row = dict[str, Any]


class Scene:
    """A viewer with many objects, measured, attached and plotted."""

    def __init__(self, n_objects: int, side: int) -> None:
        labels, image = ellipses(n_objects, side)
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(1500, 950)
        shown = self.viewer.add_image(image, name="nuclei")
        self.labels = self.viewer.add_labels(labels, name="objects", opacity=0.3)
        self.widget = FeatureExplorerWidget(self.viewer)
        self.viewer.window.add_dock_widget(self.widget, name="Feature explorer", area="right")
        table = measure_objects(labels, image, properties=("area", "bbox", "centroid", "intensity_mean"))
        table["roi_id"] = "objects"
        self.n = len(table)
        self.widget.session.set_table(table)
        self.widget.views.attach([LabelledImage(self.labels, "YX", (shown,))])
        self.widget.views.open()
        self.widget.views.show_columns("area", "intensity_mean")
        self.settle()
        dock = self.widget.views.dock
        assert dock is not None
        self.scatter = dock.scatter
        self.settle()

    def settle(self) -> None:
        for _ in range(15):
            QApplication.processEvents()
            time.sleep(0.01)

    def draw_image(self) -> None:
        """Napari's canvas, drawn now."""
        self.viewer.window._qt_viewer.canvas.native.grabFramebuffer()

    def draw_plot(self) -> None:
        self.scatter.plot._canvas.native.grabFramebuffer()

    def flush(self) -> None:
        self.widget.views.link.flush()
        self.scatter.flush()

    def polygon(self, number: int) -> list[tuple[float, float]]:
        """A slanted strip of the plot, in its pixels, that holds about a tenth of the points."""
        table = self.widget.session.table
        assert table is not None
        low, high = np.quantile(table["area"], (0.08 * number, 0.08 * number + 0.1))
        bottom, top = table["intensity_mean"].min() - 10, table["intensity_mean"].max() + 10
        px, py = self.scatter.plot.view.to_screen([low, high, high, low], [bottom, bottom, top, top])
        return list(zip(px.tolist(), py.tolist(), strict=True))

    def close(self) -> None:
        self.viewer.close()
        QApplication.processEvents()


def timed(work: Callable[[], object], n_runs: int, between: Callable[[], object]) -> list[float]:
    found = []
    for _ in range(n_runs + 1):
        between()
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return found[1:]


def lasso(scene: Scene, n_runs: int) -> tuple[float, float]:
    """Median seconds, and what share of the objects was selected."""
    number = iter(range(n_runs + 1))

    def work() -> None:
        scene.scatter.plot._take_outline(scene.polygon(next(number)), "replace")
        scene.flush()
        scene.draw_plot()
        scene.draw_image()

    seconds = statistics.median(timed(work, n_runs, scene.settle))
    return seconds, float(scene.widget.session.selected.mean())


def click(scene: Scene, n_runs: int) -> float:
    """A click on an object, by what napari's mouse callback calls."""
    link = scene.widget.views.link
    (one,) = link._visible()
    labels = iter(np.linspace(5, scene.n - 5, n_runs + 1).astype(int).tolist())

    def work() -> None:
        link._on_hit(one, 0, next(labels), "replace")
        scene.scatter.flush()
        scene.draw_plot()

    return statistics.median(timed(work, n_runs, scene.settle))


def frame(scene: Scene, n_runs: int) -> float:
    plot = scene.scatter.plot
    size = plot.size()
    factors = iter([1.05, 0.95] * n_runs)

    def work() -> None:
        plot._zoom(size.width() / 2, size.height() / 2, next(factors))
        scene.draw_plot()

    return statistics.median(timed(work, n_runs, lambda: None))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing is written")
    options = parser.parse_args()
    rows: list[Row] = []
    sizes = ((400, 700, 0.2, 0.5), (900, 1000, 1.0, 2.0)) if options.quick else (
        (10_000, 4096, 0.2, 0.5),
        (100_000, 8192, 1.0, 2.0),
    )  # fmt: skip
    for n_objects, side, goal, least in sizes:
        scene = Scene(n_objects, side)
        seconds, share = lasso(scene, options.runs)
        what = f"lasso of {share:.0%} → image recoloured, {scene.n:,} objects on {side:,}²"
        rows.append(row(what, f"≤ {goal:g} s", f"{least:g} s", f"{seconds:.3f} s", seconds <= goal))
        if (n_objects, side) == sizes[-1][:2]:
            took = click(scene, options.runs)
            what = f"click on an object → its point marked, {scene.n:,} objects"
            rows.append(row(what, "≤ 50 ms", "", f"{1000 * took:.0f} ms", took <= 0.05))
            took = frame(scene, options.runs)
            what = f"a frame of the scatter at {scene.n:,} points"
            rows.append(row(what, "≤ 150 ms", "", f"{1000 * took:.0f} ms", took <= 0.15))
        scene.close()
    print("| what | goal | least | measured | goal met |\n| --- | --- | --- | --- | --- |")
    for found in rows:
        cells = [found[key] for key in ("what", "goal", "least", "measured")]
        print(f"| {' | '.join([*cells, 'yes' if found['met'] else 'no'])} |")
    if not options.quick:
        RESULTS.parent.mkdir(exist_ok=True)
        written = {"machine": describe_machine(), "runs": options.runs, "rows": rows}
        RESULTS.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    with display(visible=False):
        main()
