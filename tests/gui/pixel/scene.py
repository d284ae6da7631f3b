"""What the widget's tests share: an image of two halves, a docked widget, and what it should come to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Labels
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication

from napari_segmotif.gui.pixel.widget import PixelClassifierWidget
from napari_segmotif.pixel.classifier import PixelClassifier
from napari_segmotif.pixel.filtering.features import PixelFeatures
from napari_segmotif.pixel.parameters import ForestParameters

Paint = Callable[..., None]
FEATURES = PixelFeatures(families=("gaussian", "gradient_magnitude"), sigmas=(1.0,))
N_TREES = 8


def halves(shape: tuple[int, ...] = (48, 64)) -> np.ndarray:
    """Dark on the left, bright on the right, with noise."""
    noise = np.random.default_rng(1).normal(0, 8, shape)
    return (np.where(np.arange(shape[-1]) < shape[-1] // 2, 60, 170) + noise).astype(np.float32)


def docked(viewer: Viewer) -> PixelClassifierWidget:
    widget = PixelClassifierWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Pixel classifier")
    widget.form.grid.set_features(FEATURES)
    widget.form.train.set_forest(ForestParameters(n_estimators=N_TREES))
    return widget


def settled(widget: PixelClassifierWidget, qtbot: QtBot) -> None:
    """Wait until nothing is pending and nothing runs."""
    for _ in range(3):
        qtbot.waitUntil(lambda: not (widget.listener.pending or widget.runner.busy), timeout=30_000)
        QApplication.processEvents()


def layer(viewer: Viewer, ending: str) -> Any:
    return next(one for one in viewer.layers if one.name.endswith(ending))


def two_strokes(viewer: Viewer, annotation: Labels, paint_stroke: Paint) -> None:
    lead = (0,) * (annotation.ndim - 2)
    paint_stroke(viewer, annotation, [(*lead, 8, 6), (*lead, 12, 18)], label=1, brush=3)
    paint_stroke(viewer, annotation, [(*lead, 30, 44), (*lead, 36, 56)], label=2, brush=3)


def expected(widget: PixelClassifierWidget, image: Any, annotation: np.ndarray, **kwargs: Any) -> np.ndarray:
    classifier = PixelClassifier(FEATURES, n_estimators=N_TREES).fit(image, annotation, **kwargs)
    return classifier.predict(image, **kwargs)
