"""The pictures of the U-Net segmenter's page: python docs/unet_screenshots.py [FOLDER]."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import napari
from napari.layers import Image, Labels
from PIL import Image as Picture
from qtpy.QtCore import QRect
from qtpy.QtWidgets import QApplication

from napari_segmotif import simulate_nuclei_2d
from napari_segmotif.gui.unet.panels.predict_panel import PredictWish
from napari_segmotif.gui.unet.widget import UNetSegmenterWidget
from napari_segmotif.gui.virtual_display import display

_WINDOW = (1500, 960)
_PATIENCE_S = 1800.0
_SIDE = 320
_TRAINING = {"width": 16, "max_minutes": 3.0, "n_epochs": 1000}
_CURVE = {"width": 16, "max_minutes": 2.0, "n_epochs": 1000}


def take_unet_pictures(folder: Path) -> None:
    """Train on four simulated images, segment a fifth, and take a picture of each step."""
    viewer = napari.Viewer(title="napari-segmotif")
    viewer.window.resize(*_WINDOW)
    widget = UNetSegmenterWidget(viewer)
    viewer.window.add_dock_widget(widget, name="U-Net segmenter", area="right")
    pairs = [_add_pair(viewer, number) for number in range(4)]
    viewer.reset_view()
    data = widget.form.data.layers
    for image, labels in pairs:
        data.image.choose(image)
        data.annotation.choose(labels)
        data.add_pair()
    widget.wait()
    _open(widget, "data", "train")
    _picture(viewer, folder / "unet-data.png")
    widget.form.settings.set_parameters(_TRAINING)
    widget.train()
    _wait_for_epochs(widget, 15)
    for _, labels in pairs:
        labels.visible = False
    widget.preview.go_to()
    _open(widget, "train")
    _picture(viewer, folder / "unet-training.png")
    _finish(widget)
    _predict_another(viewer, widget)
    _open(widget, "predict")
    _picture(viewer, folder / "unet-predict.png")
    widget.form.settings.set_parameters(_CURVE)
    widget.using.learn_curve()
    _finish(widget)
    _stack(widget, ("card", "growth"), folder / "unet-check.png")
    viewer.close()


def _add_pair(viewer: napari.Viewer, number: int) -> tuple[Image, Labels]:
    """A simulated image and its nuclei, in their place of a row of two by two."""
    sample = simulate_nuclei_2d((_SIDE, _SIDE), n_nuclei=40, random_state=number)
    place: dict[str, Any] = {"scale": sample.spacing, "units": ("um", "um")}
    step = 1.05 * _SIDE * sample.spacing[0]
    place["translate"] = [step * k for k in divmod(number, 2)]
    image = viewer.add_image(sample.image, name=f"Nuclei {number + 1}", **place)
    labels = viewer.add_labels(sample.labels, name=f"Nuclei {number + 1} · labels", **place)
    return image, labels


def _predict_another(viewer: napari.Viewer, widget: UNetSegmenterWidget) -> None:
    """Predict an image that was not trained on, and show three outputs beside it."""
    widget.preview.clear()
    _settle()
    sample = simulate_nuclei_2d(random_state=99)
    # Beside the others: hiding all of them, once the preview is gone, crashes napari 0.9.2 under Mesa.
    aside = 3 * _SIDE * sample.spacing[1]
    image = viewer.add_image(
        sample.image, name="New image", scale=sample.spacing, units=("um", "um"), translate=(0, aside)
    )
    known = set(viewer.layers)
    predict = widget.form.use.predict
    predict.image.choose(image)
    predict.set_wish(PredictWish(("instances", "probabilities", "uncertainty"), False, "flips"))
    predict.predict_clicked.emit("layer")
    _finish(widget)
    results = [layer for layer in viewer.layers if layer not in known]
    width = 1.05 * sample.image.shape[1] * sample.spacing[1]
    height = 1.05 * sample.image.shape[0] * sample.spacing[0]
    shown = [layer for layer in results if "background" not in layer.name.lower()]
    for layer in results:
        layer.visible = layer in shown[:3]
    for number, layer in enumerate(shown[:3], start=1):  # beside the image instead of over it
        row, column = divmod(number, 2)
        layer.translate = [row * height, aside + column * width]
    viewer.scene.camera.center = (height, aside + width)
    viewer.scene.camera.zoom = 320 / height  # canvas pixels for each unit: two images in 640


def _wait_for_epochs(widget: UNetSegmenterWidget, n: int) -> None:
    """Let it train for some epochs."""
    deadline = time.monotonic() + _PATIENCE_S
    while widget.runner.busy and len(widget.form.training.reports) < n and time.monotonic() < deadline:
        QApplication.processEvents()
        time.sleep(0.01)


def _finish(widget: UNetSegmenterWidget) -> None:
    if not widget.wait(_PATIENCE_S) or widget.segmenter is None:
        raise SystemExit(f"it did not come to an end: {widget.form.said}")


def _open(widget: UNetSegmenterWidget, *names: str) -> None:
    for name, section in widget.form.sections.items():
        section.set_expanded(name in names)


def _stack(widget: UNetSegmenterWidget, names: tuple[str, ...], path: Path) -> None:
    """One picture of several sections of the form, one below the other."""
    _open(widget, *names)
    _settle()
    parts = []
    for name in names:
        section = widget.form.sections[name]
        size = section.sizeHint()
        part = path.with_name(f"{path.stem}-{name}.png")
        section.grab(QRect(0, 0, section.width(), max(section.height(), size.height()))).save(str(part))
        with Picture.open(part) as opened:
            parts.append(opened.convert("RGB"))
        part.unlink()
    whole = Picture.new("RGB", (max(p.width for p in parts), sum(p.height for p in parts)))
    top = 0
    for part_picture in parts:
        whole.paste(part_picture, (0, top))
        top += part_picture.height
    whole.save(path)


def _settle() -> None:
    for _ in range(5):  # layouts settle in one turn of the event loop and are drawn in the next
        QApplication.processEvents()


def _picture(viewer: napari.Viewer, path: Path) -> None:
    _settle()
    viewer.screenshot(path=str(path), canvas_only=False, flash=False)


def main() -> None:
    """Take them without showing a window."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "images")
    folder.mkdir(exist_ok=True)
    with display(visible=False):
        take_unet_pictures(folder)


if __name__ == "__main__":
    main()
