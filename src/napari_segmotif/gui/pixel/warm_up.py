"""Compiling before it is needed: the first stroke should not wait for it.

The kernels are compiled once on a machine and kept on disk by numba; napari compiles its own colour lookup
anew in every session. A toy image takes both through all their steps, in a worker thread, when the widget is
opened.
"""

from __future__ import annotations

import numpy as np

from ...common.progress import CancelToken, Job, Progress
from ...pixel.classifier import PixelClassifier
from ...pixel.filtering.features import PixelFeatures
from ..results import label_colormap

_done = False


def is_warm() -> bool:
    """Whether this process has been through it already."""
    return _done


def warm_up(cancel: CancelToken) -> Job[None]:
    """Train on and predict a toy image with every filter and every output."""
    global _done
    yield Progress(0, 3, "preparing the display")
    label_colormap({1: "#ffffff"}).map(np.ones((2, 2), np.uint8))
    image = np.add.outer(np.arange(48), np.arange(48)).astype(np.uint8)
    annotation = np.zeros(image.shape, np.uint8)
    annotation[4:8, 4:8], annotation[40:44, 40:44] = 1, 2
    for trees in (1, 16):
        classifier = PixelClassifier(PixelFeatures(sigmas=(0.7, 1.6)), n_estimators=trees)
        yield from classifier.live_iter([image], [annotation], cancel=cancel)
        yield from classifier.predict_iter(image, outputs=("labels",), cancel=cancel)
    _done = True
