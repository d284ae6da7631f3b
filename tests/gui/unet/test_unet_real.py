"""The whole of it once with a real, tiny network: the same numbers as from Python."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from napari import Viewer
from unet_scene import PREVIEW, names, scene, settled

from napari_segmotif import UNetSegmenter
from napari_segmotif.unet.parameters import UNetParameters

TINY = UNetParameters(
    width=4, depth=1, n_epochs=2, steps_per_epoch=2, batch_size=2, patch_size=32, device="cpu", random_state=3
)


def in_a_thread(what: Callable[[], Any]) -> Any:
    """Do something where jobs do it: PyTorch may use other numbers of threads on the main thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(what).result()


def test_training_in_the_window_is_training_in_python(viewer: Viewer) -> None:
    widget, image, truth = scene(viewer)
    widget.form.settings.set_parameters(TINY)
    assert widget.form.settings.parameters() == TINY
    widget.form.settings.choices.set_expanded(True)
    settled(widget)
    assert "1: as you set it" in widget.form.settings._choices_said.text()
    widget.train()
    settled(widget)
    trained = widget.segmenter
    assert trained is not None, widget.form.said
    assert len(widget.form.training.reports) == 2
    assert widget.form.settings.choices._summary.text().startswith("depth 1, patch 32")
    assert PREVIEW in names(viewer)
    assert viewer.layers[PREVIEW].data.shape == truth.data.shape

    again = in_a_thread(
        lambda: UNetSegmenter(**TINY.model_dump()).fit(image.data, truth.data, spacing=(2.0, 0.5))
    )
    assert [r.train_loss for r in again.history_] == [r.train_loss for r in trained.history_]
    probabilities = in_a_thread(lambda: again.predict_proba(image.data))

    widget.form.use.predict.boxes["probabilities"].setChecked(True)
    widget.using.predicting.predict("layer")
    settled(widget)
    assert PREVIEW not in names(viewer), "something better is there"
    shown = next(one for one in viewer.layers if "probability" in one.name)
    np.testing.assert_allclose(shown.data, probabilities[1], atol=1e-6)
    np.testing.assert_allclose(shown.translate, image.translate)
