"""The pictures of the motif detector's pages, taken by make_screenshots.py."""

from __future__ import annotations

from pathlib import Path

import napari
from qtpy.QtWidgets import QApplication

from napari_segmotif.gui.motifs.widget import MotifDetectorWidget

_WINDOW = (1500, 960)
_PATIENCE_S = 600.0


def take_motif_pictures(folder: Path) -> None:
    """Find the motifs of the sample video, and take a picture of each step."""
    viewer = napari.Viewer(title="napari-segmotif")
    viewer.window.resize(*_WINDOW)
    widget = MotifDetectorWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Motif detector", area="right")
    viewer.open_sample("napari-segmotif", "assemblies")
    viewer.reset_view()
    widget.form.settings.set_parameters(
        widget.form.settings.parameters().model_copy(update={"motif_length": 21})
    )
    _picture(viewer, folder / "motifs-video.png")
    _run(widget)
    _picture(viewer, folder / "motifs-map.png")
    _open(widget, "motifs", "activations")
    assert widget.found is not None
    occurrence = next(one for one in widget.found.model.occurrences_ if one.frame > 100)
    widget.go_to(occurrence.frame)
    # A little later, when some of its cells have fired.
    viewer.dims.set_current_step(0, occurrence.frame + int(widget.found.lengths[occurrence.motif]) // 3)
    _picture(viewer, folder / "motifs-activations.png")
    widget.form.cell_layer.choose(viewer.layers["Assemblies cells"])
    widget.wait(_PATIENCE_S)
    widget.form.motifs.view_wanted.emit("map")
    viewer.layers["All motifs"].visible = False
    _open(widget, "cells", "export")
    _picture(viewer, folder / "motifs-cells.png")
    viewer.layers["Cells by motif"].visible = False
    _open(widget, "video", "find", "motifs")
    widget.form.motifs.explained_wanted.emit("residual", True)
    _picture(viewer, folder / "motifs-residual.png")
    viewer.close()


def _run(widget: MotifDetectorWidget) -> None:
    widget.run()
    if not widget.wait(_PATIENCE_S) or widget.found is None:
        raise SystemExit(f"no motifs were found: {widget.form.said}")


def _open(widget: MotifDetectorWidget, *names: str) -> None:
    for name, section in widget.form.sections.items():
        section.set_expanded(name in names)


def _picture(viewer: napari.Viewer, path: Path) -> None:
    for _ in range(5):  # layouts settle in one turn of the event loop and are drawn in the next
        QApplication.processEvents()
    viewer.screenshot(path=str(path), canvas_only=False, flash=False)
