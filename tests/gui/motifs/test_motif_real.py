"""The widget with the real estimator, on a small simulated video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from motif_scene import finished, layer, names
from napari import Viewer
from pytestqt.qtbot import QtBot

from napari_segmotif.gui.motifs.widget import MotifDetectorWidget
from napari_segmotif.motifs.lemonade import LeMoNADe
from napari_segmotif.motifs.parameters import MotifParameters
from napari_segmotif.motifs.results.similarity import motif_similarity
from napari_segmotif.motifs.simulating.simulation import SimulatedVideo, simulate_video

SETTINGS = MotifParameters(n_motifs=2, motif_length=15, frame_rate=15, n_restarts=4, n_steps=20)


@pytest.fixture(scope="module")
def sample() -> SimulatedVideo:
    return simulate_video((48, 48), 450, 2, 14, frame_rate=15, activation_rate=0.4, noise=0.3, random_state=2)


def docked(viewer: Viewer, video: Any) -> MotifDetectorWidget:
    viewer.add_image(video, name="calcium", scale=(1 / 15, 2, 2), units=("s", "um", "um"))
    widget = MotifDetectorWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Motif detector")
    widget.form.settings.set_parameters(SETTINGS)
    return widget


def test_the_widget_finds_what_the_estimator_finds(
    viewer: Viewer, sample: SimulatedVideo, tmp_path: Path
) -> None:
    widget = docked(viewer, sample.video)
    cells = viewer.add_labels(sample.cells, name="cells", scale=(2, 2), units=("um", "um"))
    widget.form.cell_layer.choose(cells)
    widget.run()
    finished(widget)
    assert widget.found is not None
    model = widget.found.model
    assert motif_similarity(model.motifs_, sample.motifs).recall == 1
    assert model.significant_.all()
    direct = LeMoNADe(**SETTINGS.model_dump()).fit(sample.video)
    np.testing.assert_array_equal(model.motifs_, direct.motifs_)
    np.testing.assert_array_equal(model.p_values_, direct.p_values_)
    assert len(widget.form.settings.curve._curves["loss"][0]) == SETTINGS.n_steps
    assert layer(viewer, "Motif 1").data.shape == (15, 48, 48)
    shown = layer(viewer, "Cells by motif").data
    both = sample.members.all(axis=0)
    right = wrong = 0
    for pair in motif_similarity(model.motifs_, sample.motifs).pairs:
        for cell in np.flatnonzero(sample.members[pair.truth] & ~both):
            label = np.bincount(shown[sample.cells == cell + 1], minlength=3).argmax()
            right, wrong = right + (label == pair.found + 1), wrong + (label != pair.found + 1)
    assert right > 4 * wrong
    widget.keeping.save(tmp_path / "m.segmotif")
    finished(widget)
    widget.keeping.load(tmp_path / "m.segmotif")
    finished(widget)
    np.testing.assert_array_equal(widget.found.model.motifs_, direct.motifs_)
    widget.keeping.export(tmp_path / "out", False)
    finished(widget)
    assert (tmp_path / "out" / "motif_1.ome.tif").is_file()
    written = LeMoNADe.load(tmp_path / "out" / "model.segmotif")
    np.testing.assert_array_equal(written.activations_, direct.activations_)
    listed = (tmp_path / "out" / "cells.csv").read_text().splitlines()[1:]
    assert len(listed) == sum(len(order.labels) for order in widget.found.orders)
    widget.layers.show_explained("residual", True)
    left = np.asarray(layer(viewer, "Residual").data)
    np.testing.assert_allclose(left, sample.video - direct.reconstruct(), atol=1e-5)


def test_stopping_the_real_estimator(viewer: Viewer, sample: SimulatedVideo, qtbot: QtBot) -> None:
    widget = docked(viewer, sample.video)
    widget.form.settings.set_parameters(SETTINGS.model_copy(update={"n_steps": 100_000}))
    widget.run()
    qtbot.waitUntil(lambda: "<b>Refine</b>" in widget.form.settings._phases.text(), timeout=60_000)
    widget.runner.cancel()
    finished(widget)
    assert widget.found is not None
    assert widget.found.model.stopped_early_
    assert any(name.startswith("Motif 1") for name in names(viewer))


@pytest.mark.parametrize("bad", ["constant", "nan", "noise"])
def test_what_the_estimator_refuses_is_said(
    viewer: Viewer, notifications: list[tuple[str, str]], bad: str
) -> None:
    video = np.random.default_rng(0).normal(10, 1, (200, 24, 24)).astype(np.float32)
    if bad == "constant":
        video[:] = 3
    if bad == "nan":
        video[3, 4, 5] = np.nan
    viewer.add_image(video, name="video", contrast_limits=(0, 20))
    widget = MotifDetectorWidget(viewer)
    viewer.window.add_dock_widget(widget)
    widget.form.settings.set_parameters(SETTINGS)
    widget.run()
    finished(widget)
    if bad == "noise":
        assert widget.found is not None
        assert not widget.found.model.significant_.any()
        assert widget.form.said.startswith(("No motif is significant", "Nothing"))
        return
    assert widget.found is None
    assert any(
        ("same brightness" if bad == "constant" else "not finite") in message for _, message in notifications
    )
    assert "(got" in widget.form.said
