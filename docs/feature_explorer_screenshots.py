"""The pictures of the feature explorer's page: python docs/feature_explorer_screenshots.py [FOLDER].

They show images of the Data Science Bowl 2018 (BBBC038, CC0), which $SEGMOTIF_DATA has in its folder dsb2018.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari.layers import Image, Labels
from qtpy.QtWidgets import QApplication, QScrollArea

from napari_segmotif.common.image_io import open_image
from napari_segmotif.gui.explore.widget import FeatureExplorerWidget
from napari_segmotif.gui.virtual_display import display

_WINDOW = (1720, 1080)
_PATIENCE_S = 1800.0
_DATA = Path(os.environ.get("SEGMOTIF_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
_MEASURED = ("4dbbb275960a", "b61d3fb0d0eb")
_OTHER = "6b61ab2e3ff0"
_GAP = 30
_PICKED = 14  # objects of each class


def take_explorer_pictures(folder: Path) -> None:
    """Measure two images, look for clusters, pick a class, and tell it in a third image."""
    viewer = napari.Viewer(title="napari-segmotif")
    viewer.window.resize(*_WINDOW)
    widget = FeatureExplorerWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Feature explorer", area="right")
    pairs = [_add(viewer, name, number) for number, name in enumerate(_MEASURED)]
    _measure(viewer, widget, pairs)
    _open(widget, "objects", "embedding")
    viewer.reset_view()
    _select_largest(widget)
    _picture(viewer, widget, folder / "explorer-measure.png")

    form = widget.form
    _press(widget, form.features.find)
    form.features.use.setChecked(True)
    _press(widget, form.clusters.check)
    form.clusters.number.setValue(3)
    _press(widget, form.clusters.find)
    form.clusters.table.cellClicked.emit(1, 0)
    _open(widget, "clusters")
    _picture(viewer, widget, folder / "explorer-clusters.png")

    form.explain.group.choose("cluster:2")
    _press(widget, form.explain.explain)
    _open(widget, "explain")
    _picture(viewer, widget, folder / "explorer-explain.png")

    widget.session.select([], origin="script")
    _classify(widget)
    _open(widget, "classify")
    QApplication.processEvents()
    form.findChild(QScrollArea).ensureWidgetVisible(form.classify.warning)
    _picture(viewer, widget, folder / "explorer-classes.png")

    for layer in viewer.layers:
        layer.visible = not isinstance(layer, Labels)
    _tell_others(viewer, widget, _add(viewer, _OTHER, 2))
    _open(widget, "apply", "keep")
    _picture(viewer, widget, folder / "explorer-others.png")
    viewer.close()


def _add(viewer: napari.Viewer, name: str, number: int) -> tuple[Image, Labels]:
    """An image and its nuclei, one beside the other."""
    layers: list[Any] = []
    for kind in ("images", "labels"):
        with open_image(_DATA / "dsb2018" / kind / f"{name}.tif") as opened:
            pixels = np.array(opened.array)
        place = {"translate": (0.0, float(number * (pixels.shape[1] + _GAP)))}
        if kind == "images":
            top = float(np.percentile(pixels, 99.8))
            layers.append(viewer.add_image(pixels, name=name, contrast_limits=(0, top), **place))
        else:
            layers.append(
                viewer.add_labels(pixels.astype(np.int32), name=f"{name} nuclei", visible=False, **place)
            )
    return layers[0], layers[1]


def _measure(viewer: napari.Viewer, widget: FeatureExplorerWidget, pairs: list[tuple[Image, Labels]]) -> None:
    panel = widget.form.objects
    panel.groups["texture"].setChecked(True)
    for _, labels in pairs:
        panel.labels.choose(labels)
        panel.add_image()
    _press(widget, panel.measure)
    viewer.layers.selection.active = pairs[0][0]


def _select_largest(widget: FeatureExplorerWidget) -> None:
    """Select a tenth of the objects, as a lasso would."""
    table = widget.session.table
    assert table is not None
    first = table["PCA1"].to_numpy()
    widget.session.select(first > np.quantile(first, 0.9), origin="script")


def _classify(widget: FeatureExplorerWidget) -> None:
    """Give some objects a class as a user would by eye: small and bright ones, and others."""
    classify, session = widget.form.classify, widget.session
    table = session.table
    assert table is not None
    score = (table["intensity_mean"].rank() - table["area"].rank()).to_numpy()
    order = np.argsort(score, kind="stable")
    classify.classes.rename(1, "small and bright")
    classify.classes.rename(2, "others")
    classify.pick.setChecked(True)
    others = order[: 3 * len(order) // 4]
    for class_id, rows in ((1, order[::-1][: 2 * _PICKED]), (2, others[:: len(others) // (3 * _PICKED)])):
        for row in rows:
            session.set_current(int(row), origin="script")
            widget.views.class_key.emit(class_id)
    _press(widget, classify.train)
    _press(widget, classify.check)
    _press(widget, classify.suggest)


def _tell_others(viewer: napari.Viewer, widget: FeatureExplorerWidget, pair: tuple[Image, Labels]) -> None:
    image, labels = pair
    widget.form.apply.labels.choose(labels)
    _press(widget, widget.form.apply.apply)
    viewer.layers.selection.active = image
    height, width = image.data.shape
    viewer.reset_view()  # the last object that was asked about is shown from near
    viewer.scene.camera.zoom *= 2
    viewer.scene.camera.center = (height / 2, float(image.translate[1]) + width / 2)


def _press(widget: FeatureExplorerWidget, button: Any) -> None:
    if not button.isEnabled():
        raise SystemExit(f"it cannot be pressed: {button.toolTip()}")
    button.click()
    if not widget.wait(_PATIENCE_S):
        raise SystemExit(f"it did not come to an end: {widget.form.said}")
    print(f"{button.text()}: {widget.form.said}", flush=True)


def _open(widget: FeatureExplorerWidget, *names: str) -> None:
    for name, section in widget.form.sections.items():
        section.set_expanded(name in names)


def _picture(viewer: napari.Viewer, widget: FeatureExplorerWidget, path: Path) -> None:
    widget.wait()
    for _ in range(8):  # layouts settle in one turn of the event loop and are drawn in the next
        QApplication.processEvents()
        time.sleep(0.02)
    viewer.screenshot(path=str(path), canvas_only=False, flash=False)


def main() -> None:
    """Take them without showing a window."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "images")
    folder.mkdir(exist_ok=True)
    with display(visible=False):
        take_explorer_pictures(folder)


if __name__ == "__main__":
    main()
