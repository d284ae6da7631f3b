"""The demo: a real microscope image, our strokes, and everything the Pixel classifier does with them.

It drives the docked widget as a user does, and goes on when a job has really ended.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..common.image_io import write_image
from ..errors import SegmotifError, StorageError
from .demo_strokes import BRUSH, CLASSES, STROKES, pixels_of
from .interrupts import Interrupts
from .virtual_display import display

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image, Labels, Layer

    from ..pixel.reviewing.validation import ValidationReport
    from .layers import LayerSnapshot
    from .pixel.widget import PixelClassifierWidget

NAME = "colon"
_NUCLEI = 2
_SMALLEST_NUCLEUS = 40  # pixels
_WINDOW = (1500, 960)
_PATIENCE_S = 600.0


@dataclass(frozen=True)
class DemoResult:
    """What the demo wrote, and how good the classifier is by its own account."""

    written: tuple[Path, ...]
    n_objects: int
    report: ValidationReport

    def in_words(self) -> str:
        """All of it, as it is printed."""
        names = {entry.label: entry.name for entry in CLASSES}
        files = "\n".join(f"  {path}" for path in self.written)
        return f"{self.report.summary(names)}\n{self.n_objects} nuclei were found. Written:\n{files}"


def run_demo(output: Path, *, window: bool = True) -> int:
    """Run the demo, say what it wrote, and leave the window open if the user can see it.

    Parameters
    ----------
    output
        Folder for the results; it is made if need be.
    window
        False ends the demo when all is written, and draws on a virtual display where there can be one.

    Returns
    -------
    int
        Exit code.

    Raises
    ------
    SegmotifError
        If there is no display, the window was closed too early, or a job failed.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"the folder {output} could not be made: choose another one (got: {error.strerror})"
        ) from error
    with display(visible=window) as seen:
        import napari

        with Interrupts() as interrupts:
            viewer = napari.Viewer(title="napari-segmotif demo")
            try:
                result = Demo(viewer, interrupts).play(output)
            except BaseException:
                _close(viewer)
                raise
        try:
            print(result.in_words(), flush=True)
            if window and seen:
                print("Close the window to end.", flush=True)
                napari.run()
        finally:
            _close(viewer)
    return 0


def _close(viewer: Viewer) -> None:
    with suppress(RuntimeError):  # Qt's word for: the user has closed the window
        viewer.close()


class Demo:
    """The demo in a viewer: each step waits for its result.

    Parameters
    ----------
    viewer
        A viewer that is shown.
    interrupts
        Where Ctrl-C is noted; None leaves it to Python.
    """

    def __init__(self, viewer: Viewer, interrupts: Interrupts | None = None) -> None:
        from .pixel.widget import PixelClassifierWidget
        from .teardown import teardown_on_close

        self.viewer = viewer
        viewer.window.resize(*_WINDOW)
        self.image = load_image(viewer)
        self.widget: PixelClassifierWidget = PixelClassifierWidget(viewer)
        viewer.window.add_dock_widget(self.widget, name="Pixel classifier", area="right")
        self.report: ValidationReport | None = None
        self._failures: list[Exception] = []
        self._closed = False
        self._interrupts = interrupts or Interrupts()
        self._interrupts.on_interrupt = self.widget.runner.cancel
        self.widget.runner.failed.connect(self._failures.append)
        teardown_on_close(self.widget, viewer, self._on_closed, delete=False)

    def play(self, output: Path) -> DemoResult:
        """Paint, train, predict, validate, make objects, and write it all to an existing folder."""
        self.paint()
        self.train_and_predict()
        self.validate()
        self.make_nuclei()
        written = self.write(output)
        assert self.report is not None
        return DemoResult(written, int(self.result("objects").data.max()), self.report)

    def paint(self) -> Labels:
        """Paint the strokes in a new annotation, one after the other, so that each can be undone."""
        annotation = self.widget.new_annotation()
        if annotation is None:
            raise SegmotifError(f"the image cannot be annotated (got: {self.widget.form.said})")
        self.widget.set_classes(CLASSES)
        annotation.brush_size = BRUSH
        for label, strokes in STROKES.items():
            for stroke in strokes:
                annotation.data_setitem(pixels_of(stroke), label)
        self.wait("painting")
        return annotation

    def train_and_predict(self) -> None:
        """Train on the strokes and segment the whole image, with probabilities and uncertainty."""
        for output in ("labels", "probabilities", "uncertainty"):
            self.widget.form.train.set_output(output, True)
        self.widget.form.train.train_clicked.emit()
        self.wait("training")
        self.widget.form.train.predict_clicked.emit()
        self.wait("segmenting")

    def validate(self) -> None:
        """Judge the classifier on strokes that it was not trained on."""

        def show(report: ValidationReport) -> None:
            self.report = report
            self.widget.form.validation.show_report(report, CLASSES)

        self.widget.checks.validate("stroke", show)
        self.wait("validating")

    def make_nuclei(self) -> None:
        """Give every nucleus a number."""
        from ..batch.recipe import ObjectParameters

        parameters = ObjectParameters(class_id=_NUCLEI, minimum_size=_SMALLEST_NUCLEUS)
        self.widget.form.objects.set_parameters(parameters)
        self.widget.form.objects.wanted.emit(parameters)
        self.wait("making objects")

    def wait(self, what: str) -> None:
        """Let the window live until nothing runs, and look at what came of it."""
        done = self.widget.runner.wait(_PATIENCE_S)
        self._interrupts.check()
        if self._closed:
            raise SegmotifError("the window was closed before the demo was done (got nothing to write)")
        if self._failures:
            raise SegmotifError(f"{what} failed: {self._failures[0]}") from self._failures[0]
        if not done:
            raise SegmotifError(f"{what} took too long: close other programs (got {_PATIENCE_S:g} s)")

    def write(self, output: Path) -> tuple[Path, ...]:
        """Write labels, objects, the model and screenshots."""
        model = self.widget.session.require().save(output / f"{NAME}.segmotif")
        labels = self._write("segmentation", output / f"{NAME}_labels.ome.tif")
        nuclei = self._write("objects", output / f"{NAME}_nuclei.ome.tif")
        self.show_overlay()
        window = self.screenshot(output / "napari.png")
        self.show_outputs()
        outputs = self.screenshot(output / "napari_outputs.png")
        self.show_overlay()
        return labels, nuclei, model, window, outputs

    @property
    def source(self) -> LayerSnapshot:
        """The image as the widget sees it."""
        return self.widget.bench.source()

    def result(self, kind: Literal["segmentation", "uncertainty", "objects"]) -> Layer:
        """The layer that shows a result.

        Raises
        ------
        SegmotifError
            If there is none.
        """
        from .pixel.outputs import objects_name, segmentation_name, uncertainty_name
        from .results import result_layer

        source = self.source
        names = {
            "segmentation": segmentation_name(source),
            "uncertainty": uncertainty_name(source),
            "objects": objects_name(source, CLASSES[_NUCLEI - 1].name),
        }
        pixels: Literal["labels", "image"] = "image" if kind == "uncertainty" else "labels"
        layer = result_layer(self.viewer, pixels, source, names[kind])
        if layer is not None:
            return layer
        raise SegmotifError(f"the demo made no {kind} (got: {self.widget.form.said})")

    def show_overlay(self) -> None:
        """Show the segmentation over the image, and the strokes."""
        self.open_sections("classes", "train", "check")
        self.viewer.canvas.grid.enabled = False
        shown = {self.image, self.widget.form.data.annotation.layer, self.result("segmentation")}
        for layer in self.viewer.layers:
            layer.visible = layer in shown
        self.viewer.reset_view()

    def show_outputs(self) -> None:
        """Show the image and every result, side by side."""
        for layer in self.viewer.layers:
            layer.visible = True
        self.viewer.canvas.grid.shape = (3, -1)
        self.viewer.canvas.grid.enabled = True
        self.viewer.reset_view()

    def open_sections(self, *names: str) -> None:
        """Open some sections of the form, and close the others."""
        for name, section in self.widget.form.sections.items():
            section.set_expanded(name in names)

    def screenshot(self, path: Path) -> Path:
        """Take a picture of the window as it is drawn now."""
        from qtpy.QtWidgets import QApplication

        for _ in range(3):  # layouts settle in one turn of the event loop and are drawn in the next
            QApplication.processEvents()
        try:
            self.viewer.screenshot(path=str(path), canvas_only=False, flash=False)
        except OSError as error:
            raise StorageError(
                f"{path} could not be written: choose another folder (got: {error})"
            ) from error
        return path

    def _write(self, kind: Literal["segmentation", "objects"], path: Path) -> Path:
        layer, source = self.result(kind), self.source
        return write_image(
            path,
            layer.data,
            axes=source.output_axes,
            spacing=source.spacing,
            units=source.units,
            labels=True,
            metadata={"segmotif": layer.metadata["segmotif"]},
        )

    def _on_closed(self) -> None:
        self._closed = True


def load_image(viewer: Viewer) -> Image:
    """A colon section stained for a membrane protein (brown) and for nuclei (blue), from scikit-image."""
    from skimage.data import immunohistochemistry

    data: Any = immunohistochemistry()
    return viewer.add_image(data, name=NAME, rgb=True)
