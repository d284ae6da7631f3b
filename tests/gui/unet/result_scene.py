"""What tests of a network that is there share: a network that knows the answer, and its panels in a dock."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from napari import Viewer
from qtpy.QtWidgets import QApplication, QVBoxLayout, QWidget
from scipy import ndimage as ndi

from napari_segmotif.common.axes import ImageSource
from napari_segmotif.common.metrics import ClassificationScores
from napari_segmotif.common.object_metrics import ObjectScores
from napari_segmotif.common.progress import CancelToken, Job, Progress
from napari_segmotif.errors import MissingExtraError, ModelFileError
from napari_segmotif.gui.runner import JobRunner
from napari_segmotif.gui.teardown import teardown_on_close
from napari_segmotif.gui.unet.bench import Bench
from napari_segmotif.gui.unet.form import UNetForm
from napari_segmotif.gui.unet.using import Using
from napari_segmotif.unet.inference.prediction import UNetPrediction
from napari_segmotif.unet.learning.reports import EpochReport
from napari_segmotif.unet.learning.validation import ValidationTable
from napari_segmotif.unet.network.configuration import Configuration
from napari_segmotif.unet.network.heads import Heads
from napari_segmotif.unet.objects.decoding import Decoder
from napari_segmotif.unet.parameters import UNetParameters
from napari_segmotif.unet.trained import TrainedUNet

N_WEIGHTS = 1_930_000
REASONS = {
    "depth": "4: the network then looks about 92 pixels far, and objects are about 24 pixels wide.",
    "patch": "256 × 256 pixels: the usual size, rounded up to a multiple of 16.",
    "batch_size": "8: the usual one.",
}


def trained(
    classes: tuple[int, ...] = (0, 1),
    *,
    objects: bool = True,
    n_channels: int = 1,
    axes: str = "YX",
    validation: bool = True,
    **parameters: Any,
) -> TrainedUNet:
    """Everything of a trained network but the network."""
    chosen = UNetParameters(**parameters)
    names = {0: "background", 1: "nuclei", 2: "cytoplasm", 3: "debris"}
    dimensions = chosen.dimensions
    return TrainedUNet(
        network=SimpleNamespace(parameters=lambda: [SimpleNamespace(numel=lambda: N_WEIGHTS)]),  # type: ignore[arg-type]
        heads=Heads(classes, objects, dimensions),
        configuration=Configuration(
            depth=4,
            patch=(256, 256),
            batch_size=8,
            steps_per_epoch=40,
            strides=((2, 2),) * 4,
            kernels=((3, 3),) * 5,
            widths=(32, 64, 128, 256, 256),
            object_diameter=24.0,
            reasons=REASONS,
        ),
        parameters=chosen,
        annotation="instances" if objects else "semantic",
        n_channels=n_channels,
        axes=axes,
        spacing=(0.5,) * dimensions,
        class_names={label: names[label] for label in classes},
        class_colors={2: "#00ff00"},
        channel_names=tuple(f"channel {c + 1}" for c in range(n_channels)),
        decoder=Decoder(),
        history=history(objects),
        validation=table(classes, objects) if validation else None,
        messages=("2 objects are a single pixel: erase them if they are slips.",),
        card={
            "created": "2026-03-09T10:00:00+00:00",
            "images": [f"cells_{n:02}.tif" for n in range(12)],
            "annotation": "instances",
            "n_training_samples": 10,
            "n_validation_samples": 2,
            "held_out_by": "image",
            "n_objects": 1204 if objects else None,
            "annotated_pixels": 655_360,
            "epochs": 60,
            "minutes": 12.0,
            "device": "cpu",
            "versions": {"napari-segmotif": "0.1.0", "torch": "2.9.0"},
        },
    )


def history(objects: bool = True, n: int = 60) -> tuple[EpochReport, ...]:
    """Losses that fall and scores that rise."""
    return tuple(
        EpochReport(
            epoch,
            n,
            epoch=epoch,
            n_epochs=n,
            train_loss=1 / epoch + 0.2,
            validation_loss=1.1 / epoch + 0.25,
            validation_dice=0.93 - 0.6 / epoch,
            validation_ap=0.7 - 0.6 / epoch if objects else math.nan,
            learning_rate=1e-3,
            seconds=12.0,
            is_best=True,
        )
        for epoch in range(1, n + 1)
    )


def table(classes: tuple[int, ...] = (0, 1), objects: bool = True) -> ValidationTable:
    """Scores that are easy to work out by hand."""
    confusion = np.full((len(classes), len(classes)), 100, np.int64)
    np.fill_diagonal(confusion, 800)
    confusion[0, 0] = 9000
    found = ObjectScores(
        (0.5, 0.6, 0.7, 0.8, 0.9), (90, 80, 60, 40, 0), (10, 20, 40, 60, 100), (10, 20, 40, 60, 100)
    )
    scores = ClassificationScores.from_confusion(confusion, classes)
    return ValidationTable(
        found if objects else None, (found, found) if objects else (), scores, 0.88, "image", 2
    )


class Known:
    """A network that takes what is bright for class 1, and what is brighter for class 2."""

    hold = False  # whether the next prediction waits for `go`
    missing = False  # whether the packages for exports are missing
    loaded: TrainedUNet | None = None  # what a file holds

    def __init__(self, model: TrainedUNet | None = None) -> None:
        self.model_ = model or trained()
        self.go, self.entered = threading.Event(), threading.Event()
        self.given: dict[str, Any] = {}

    parameters = property(lambda self: self.model_.parameters)
    classes_ = property(lambda self: np.asarray(self.model_.heads.classes, np.int32))
    class_names_ = property(lambda self: self.model_.class_names)
    n_channels_ = property(lambda self: self.model_.n_channels)
    axes_ = property(lambda self: self.model_.axes)

    def predict_iter(
        self,
        image: ImageSource,
        *,
        outputs: tuple[str, ...],
        region: tuple[slice, ...] | None,
        out: Any,
        augment: bool,
        uncertainty: str,
        decoder: Decoder | None,
        cancel: CancelToken,
    ) -> Job[UNetPrediction]:
        self.given = {
            "outputs": outputs,
            "region": region,
            "augment": augment,
            "uncertainty": uncertainty,
            "decoder": decoder,
        }
        yield Progress(0, 2, "tile 1 of 2")
        self.entered.set()
        while self.hold and not self.go.wait(0.005):
            cancel.raise_if_cancelled()
        where = region or tuple(slice(0, n) for n in image.output_shape)
        found = answers(image, self.model_.heads.classes)
        index = dict.fromkeys(outputs, (..., *where))
        values = {name: found[name][index[name]] for name in outputs if name != "instances"}
        n_objects = 0
        if "instances" in outputs:
            values["instances"], n_objects = numbered(found["labels"][where] > 0)
        for name, written in (out or {}).items():
            written[index[name]] = values[name]
        yield Progress(1, 2, "tile 2 of 2")
        every = {name: values.get(name) for name in ("labels", "probabilities", "uncertainty", "instances")}
        return UNetPrediction(**every, region=where, n_objects=n_objects)

    def explain_job(
        self,
        image: ImageSource,
        class_id: int,
        *,
        frame: int,
        region: tuple[slice, ...],
        method: str,
        cancel: Any,
    ) -> Job[Any]:
        self.given = {"class_id": class_id, "frame": frame, "region": region, "method": method}
        yield Progress(0, 0, "explaining")
        shape = [part.stop - part.start for part in region]
        return np.linspace(0, 1, math.prod(shape), dtype=np.float32).reshape(shape)

    # ---- files

    def save(self, path: Path) -> Path:
        path.write_bytes(b"a network")
        return path

    @classmethod
    def load(cls, path: Path, device: str = "auto") -> Known:
        if path.read_bytes() != b"a network":
            raise ModelFileError(f"{path.name} is no model (got other bytes)")
        return cls(cls.loaded)

    @classmethod
    def from_bioimageio(cls, path: Path, device: str = "auto") -> Known:
        return cls.load(path)

    def export_onnx(self, path: Path) -> Path:
        if self.missing:
            raise MissingExtraError(
                'to export a network, install onnx: pip install "napari-segmotif[export]" (got no onnx)'
            )
        path.write_bytes(b"onnx")
        return path

    export_bioimageio = export_onnx


def answers(image: ImageSource, classes: tuple[int, ...]) -> dict[str, np.ndarray]:
    """What the network says of a whole image, by output."""
    data = np.asarray(image.array, np.float32)
    if "C" in image.axes:
        data = data.mean(axis=image.axes.index("C"))
    rank = np.digitize(data, [100.0 * k for k in range(1, len(classes))])
    probabilities = np.stack([(rank == k) * 0.8 + 0.1 for k in range(len(classes))]).astype(np.float32)
    return {
        "labels": np.asarray(classes, np.uint8)[rank],
        "probabilities": probabilities,
        "uncertainty": (rank / len(classes)).astype(np.float32),
    }


def numbered(mask: np.ndarray) -> tuple[np.ndarray, int]:
    labels, n = ndi.label(mask)
    return labels.astype(np.int32), int(n)


def squares(shape: tuple[int, ...] = (48, 64)) -> np.ndarray:
    """A dark image (…, Y, X) with six bright squares, of which the right ones are brighter."""
    plane = np.full(shape[-2:], 20.0, np.float32)
    for row in (6, 26):
        for column, value in ((6, 150), (26, 150), (46, 250)):
            plane[row : row + 10, column : column + 10] = value
    return np.broadcast_to(plane, shape).copy()


class Host(QWidget):
    """The panels in a dock, with a network."""

    def __init__(self, viewer: Viewer, segmenter: Known | None) -> None:
        super().__init__()
        self.segmenter = segmenter
        self.runner = JobRunner(self, viewer)
        self.form = UNetForm(viewer, self.runner)
        self.use = self.form.use
        self.bench = Bench(viewer, self.runner, self.form)
        self.using = Using(self.bench, self.use, lambda: self.segmenter, self._take_over)  # type: ignore[arg-type, return-value]
        QVBoxLayout(self).addWidget(self.form)
        teardown_on_close(self, viewer, self._close_down)
        self.using.show_model()
        self.using.update("")

    def wait(self) -> None:
        assert self.runner.wait(30)
        self.using.outputs.finish()
        QApplication.processEvents()

    def predict(self, scope: Any = "layer", *outputs: str, **wish: Any) -> None:
        """Tick outputs and predict."""
        panel = self.use.predict
        if outputs:
            for name, box in panel.boxes.items():
                box.setChecked(name in outputs)
        panel.augment.setChecked(wish.get("augment", False))
        self.using.predicting.predict(scope)
        self.wait()

    def _take_over(self, segmenter: Known) -> None:
        self.segmenter = segmenter
        self.using.show_model()

    def _close_down(self) -> None:
        self.runner.close()
        self.using.close_down()
        self.form.close_down()
        self.segmenter = None


def host(viewer: Viewer, segmenter: Known | None = None) -> Host:
    made = Host(viewer, segmenter)
    viewer.window.add_dock_widget(made, name="U-Net")
    return made


def layer(viewer: Viewer, ending: str) -> Any:
    return next(one for one in viewer.layers if one.name.endswith(ending))


def names(viewer: Viewer) -> list[str]:
    return [one.name for one in viewer.layers]
