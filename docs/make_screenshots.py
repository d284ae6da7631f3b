"""Take the pictures of docs/images from the real window: python docs/make_screenshots.py [FOLDER]."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import napari
from motif_screenshots import take_motif_pictures
from PIL import Image
from qtpy.QtCore import QRect
from qtpy.QtWidgets import QApplication, QWidget
from unet_screenshots import take_unet_pictures

from napari_segmotif.gui.demo import Demo
from napari_segmotif.gui.demo_strokes import CLASSES
from napari_segmotif.gui.motifs.colors import motif_colors
from napari_segmotif.gui.virtual_display import display


def main() -> None:
    """Play the demo, take a picture of each step, and then those of the motif detector."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "images")
    folder.mkdir(exist_ok=True)
    with display(visible=False):
        viewer = napari.Viewer(title="napari-segmotif")
        demo = Demo(viewer)
        demo.open_sections("data", "classes")
        annotation = demo.paint()
        demo.screenshot(folder / "pixel-paint.png")
        demo.open_sections("features")
        crop(demo, folder / "pixel-features.png", "features")
        demo.train_and_predict()
        demo.validate()
        demo.widget.form.importance.wanted.emit("impurity")
        demo.wait("importances")
        demo.make_nuclei()
        demo.show_overlay()
        demo.screenshot(folder / "pixel-segmentation.png")
        demo.show_outputs()
        demo.open_sections("train", "objects", "model")
        demo.screenshot(folder / "pixel-outputs.png")
        demo.open_sections("check")
        crop(demo, folder / "pixel-check.png", "check")
        show_objects(demo)
        demo.open_sections("objects")
        demo.screenshot(folder / "pixel-objects.png")
        demo.widget.form.next.wanted.emit()
        demo.wait("suggesting")
        show_next(demo, annotation)
        demo.open_sections("classes", "check")
        demo.screenshot(folder / "pixel-next.png")
        viewer.close()
        take_motif_pictures(folder)
        take_unet_pictures(folder)
    for path in folder.glob("pixel-*.png"):
        shrink(path, [entry.color for entry in CLASSES])
    for path in folder.glob("motifs-*.png"):
        shrink(path, motif_colors(3))
    for path in folder.glob("unet-*.png"):
        shrink(path, [])


def shrink(path: Path, colors: Sequence[str]) -> None:
    """Keep 256 colours, some given ones among them: a picture for a web page need not have more."""
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    with_colors = Image.new("RGB", (picture.width, picture.height + 20 * len(colors)))
    with_colors.paste(picture)
    for number, color in enumerate(colors):
        top = picture.height + 20 * number
        with_colors.paste(color, (0, top, picture.width, top + 20))
    palette = with_colors.quantize(256, dither=Image.Dither.NONE)
    picture.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)


def crop(demo: Demo, path: Path, section: str) -> None:
    """Take a picture of one open section of the form."""
    for _ in range(5):
        QApplication.processEvents()
    widget: QWidget = demo.widget.form.sections[section]
    size = widget.sizeHint()
    widget.grab(QRect(0, 0, widget.width(), max(widget.height(), size.height()))).save(str(path))


def show_objects(demo: Demo) -> None:
    """Show the nuclei as outlines over the image."""
    demo.show_overlay()
    demo.result("segmentation").visible = False
    objects = demo.result("objects")
    objects.visible = True
    objects.contour = 2
    objects.opacity = 1.0


def show_next(demo: Demo, annotation: object) -> None:
    """Show the uncertainty around the region to paint next."""
    shown = {demo.image, demo.result("uncertainty"), annotation}
    for layer in demo.viewer.layers:
        layer.visible = layer in shown or layer.name == "paint here next"


if __name__ == "__main__":
    main()
