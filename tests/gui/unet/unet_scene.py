"""What the widget's tests share: an image of discs, a docked widget, and a network that knows the answer."""

from __future__ import annotations

import math
import threading
from typing import Any, Self

import numpy as np
from napari import Viewer
from napari.layers import Image, Labels
from qtpy.QtWidgets import QApplication

from napari_segmotif.common.axes import ImageSource
from napari_segmotif.common.progress import CancelToken, Job, Progress
from napari_segmotif.errors import AnnotationError, JobCancelled
from napari_segmotif.gui.unet.widget import UNetSegmenterWidget
from napari_segmotif.unet.learning.reports import EpochReport, ExamplePrediction
from napari_segmotif.unet.network.configuration import Configuration
from napari_segmotif.unet.network.heads import Heads
from napari_segmotif.unet.objects.decoding import Decoder
from napari_segmotif.unet.parameters import UNetParameters
from napari_segmotif.unet.trained import TrainedUNet

SHAPE = (64, 96)
N_EPOCHS = 4
PHASES = ("reading", "configuring", "epoch 1", "epoch 2", "validating")
CONFIGURATION = Configuration(
    depth=2,
    patch=(32, 32),
    batch_size=2,
    steps_per_epoch=3,
    strides=((2, 2), (2, 2)),
    kernels=((3, 3),) * 3,
    widths=(4, 8, 16),
    object_diameter=12.0,
    reasons={"depth": "2: objects are about 12 pixels wide.", "patch": "32 × 32 pixels: the usual size."},
)


def discs(shape: tuple[int, ...] = SHAPE, radius: int = 6) -> np.ndarray:
    """Numbered discs on a grid, (…, Y, X)."""
    labels = np.zeros(shape[-2:], np.int32)
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    centers = [(cy, cx) for cy in range(10, shape[-2] - 8, 20) for cx in range(10, shape[-1] - 8, 20)]
    for number, (cy, cx) in enumerate(centers, start=1):
        labels[(y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = number
    return np.broadcast_to(labels, shape).copy()


def picture(labels: np.ndarray) -> np.ndarray:
    """Bright discs on a dark, noisy ground."""
    noise = np.random.default_rng(0).normal(0, 5, labels.shape)
    return (40 + 120 * (labels > 0) + noise).astype(np.float32)


def strokes() -> np.ndarray:
    """A stroke of each of two classes."""
    painted = np.zeros(SHAPE, np.int32)
    painted[2:4, 5:60] = 1
    painted[9:11, 6:14] = 2
    painted[29:31, 26:34] = 2
    return painted


class NoNetwork:
    """Nobody predicts with it."""

    def parameters(self) -> tuple[Any, ...]:
        return ()


class Double:
    """A segmenter that knows the answer, and that a test can hold in every phase.

    `hold` names the phase in which it waits until `go` is set; `entered` says that it got there. `trouble` is
    the epoch whose loss is no number.
    """

    hold: str = ""
    trouble: int = 0
    region: tuple[slice, ...] | None = None
    go: threading.Event
    entered: threading.Event
    made: list[Double]

    def __init__(self, **settings: Any) -> None:
        self.parameters = UNetParameters(**settings)
        self.history_: tuple[EpochReport, ...] = ()
        self.stopped_, self.messages_, self.can_resume = "", (), False
        self.diverged_ = self.can_judge = False
        self.judged = 0
        self.configuration_, self.given = CONFIGURATION, {}
        type(self).made.append(self)

    @classmethod
    def of(cls, model: Any, device: str) -> Self:
        made = cls(**{**model.parameters.model_dump(), "device": device})
        made.model_ = model
        return made

    # ---- training

    def fit_job(
        self, images: Any, labels: Any, *, cancel: CancelToken, stop: CancelToken, **given: Any
    ) -> Job[Self]:
        self.given = {"images": images, "labels": labels, **given}
        if not any(np.asarray(one).any() for one in labels):
            raise AnnotationError("nothing is annotated: draw the objects (got no label)")
        yield from self._phase("reading", cancel, stop)
        yield Progress(0, 0, "choosing the network's shape", partial=CONFIGURATION)
        yield from self._phase("configuring", cancel, stop)
        return (yield from self._train(1, cancel, stop))

    def fine_tune_job(self, images: Any, labels: Any, **given: Any) -> Job[Self]:
        return (yield from self.fit_job(images, labels, **given))

    def resume_job(
        self, images: Any = None, labels: Any = None, *, cancel: CancelToken, stop: CancelToken, **given: Any
    ) -> Job[Self]:
        if images is not None:
            self.given = {"images": images, "labels": labels, **given}
        return (yield from self._train(len(self.history_) + 1, cancel, stop))

    def judge_job(self, *, cancel: CancelToken) -> Job[Self]:
        yield from self._phase("judging", cancel, CancelToken())
        self.can_judge, self.judged = False, self.judged + 1
        return self

    def _train(self, first: int, cancel: CancelToken, stop: CancelToken) -> Job[Self]:
        history, n_epochs = list(self.history_[: first - 1]), self.parameters.n_epochs
        stopped = ""
        for epoch in range(first, n_epochs + 1):
            yield from self._phase(f"epoch {epoch}", cancel, stop)
            if stop.cancelled:
                stopped = f"Stopped in epoch {epoch} of {n_epochs}. Resume to go on."
                break
            if epoch == self.trouble:
                stopped = f"The loss was no longer a number in epoch {epoch}."
                break
            report = self._report(epoch)
            history.append(report)
            yield report
        if stopped and not history:
            raise JobCancelled("stopped before the first epoch: there is nothing to keep")
        yield from self._phase("validating", cancel, stop)
        self.can_resume = self.can_judge = stopped.startswith("Stopped")
        self.diverged_ = stopped.startswith("The loss")
        self.history_, self.stopped_ = tuple(history), stopped
        self.messages_ = ("1 of 2 images is held out for validation.",)
        self.model_ = self._trained()
        return self

    def _trained(self) -> TrainedUNet:
        annotation = self.given.get("annotation", "instances")
        objects = annotation == "instances"
        names = {0: "background", 1: "objects"} if objects else {1: "ground", 2: "cell"}
        heads = Heads(tuple(names), objects, self.parameters.dimensions)
        return TrainedUNet(
            network=NoNetwork(),  # type: ignore[arg-type]
            heads=heads,
            configuration=CONFIGURATION,
            parameters=self.parameters,
            annotation=annotation,
            n_channels=1,
            axes="YX",
            spacing=None,
            class_names=names,
            class_colors={},
            channel_names=("channel 1",),
            decoder=Decoder(),
            history=self.history_,
            messages=self.messages_,
            stopped=self.stopped_,
            card={"created": "2024-01-01T00:00:00+00:00", "images": ["cells"]},
        )

    @property
    def validation_(self) -> Any:
        return self.model_.validation

    @property
    def classes_(self) -> np.ndarray:
        return np.asarray(self.model_.heads.classes)

    @property
    def class_names_(self) -> Any:
        return self.model_.class_names

    def _phase(self, name: str, cancel: CancelToken, stop: CancelToken) -> Job[None]:
        yield Progress(0, 0, name)
        if name == self.hold:
            self.entered.set()
            while not self.go.wait(0.005) and not stop.cancelled:
                cancel.raise_if_cancelled()
        cancel.raise_if_cancelled()

    def _report(self, epoch: int) -> EpochReport:
        value = (0.3, 0.5, 0.45, 0.6, 0.61, 0.62)[min(epoch, 6) - 1]
        objects = self.given.get("annotation", "instances") == "instances"
        return EpochReport(
            epoch,
            self.parameters.n_epochs,
            f"epoch {epoch}",
            epoch=epoch,
            n_epochs=self.parameters.n_epochs,
            train_loss=1 / epoch,
            validation_loss=1.2 / epoch,
            validation_dice=value + 0.1,
            validation_ap=value if objects else math.nan,
            learning_rate=1e-3,
            seconds=30.0,
            is_best=epoch != 3,
            example=self._example(epoch),
        )

    def _example(self, epoch: int) -> ExamplePrediction:
        """Objects whose numbers say the epoch, in a part of the first image."""
        image: ImageSource = self.given["images"][0]
        region = self.region or tuple(slice(8, min(40, n)) for n in image.spatial_shape)
        shape = tuple(part.stop - part.start for part in region)
        found = np.full(shape, epoch, np.int32)
        found[..., 0, :] = 0
        return ExamplePrediction(
            image_index=0,
            apart=False,
            frame=image.n_frames - 1,
            region=region,
            image=np.full((image.n_channels, *shape), 0.5, np.float32),
            truth=found,
            classes=np.where(found, 2, 1).astype(np.int32),
            instances=found,
            foreground=(found > 0).astype(np.float32),
        )


def docked(viewer: Viewer) -> UNetSegmenterWidget:
    widget = UNetSegmenterWidget(viewer)
    viewer.window.add_dock_widget(widget, name="U-Net segmenter")
    widget.form.settings.set_parameters({"n_epochs": N_EPOCHS})
    return widget


def scene(viewer: Viewer, **kwargs: Any) -> tuple[UNetSegmenterWidget, Image, Labels]:
    """An image of discs in its place, its labels, and the widget."""
    place = {"scale": (2.0, 0.5), "translate": (3.0, 4.0), **kwargs}
    labels = discs()
    image = viewer.add_image(picture(labels), name="cells", **place)
    truth = viewer.add_labels(labels, name="truth", **place)
    widget = docked(viewer)
    settled(widget)
    return widget, image, truth


def settled(widget: UNetSegmenterWidget) -> None:
    """Wait until nothing runs, and until what follows has been done."""
    assert widget.wait(60)
    for _ in range(3):
        QApplication.processEvents()


def names(viewer: Viewer) -> list[str]:
    return [one.name for one in viewer.layers]


PREVIEW = "U-Net preview · cells"
