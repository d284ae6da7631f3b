"""The model card: what is said of a network, and what its scores are."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from napari import Viewer
from qtpy.QtWidgets import QApplication
from result_scene import history, trained

from napari_segmotif.common.metrics import ClassificationScores, confusion_matrix
from napari_segmotif.common.object_metrics import ObjectScores, dice
from napari_segmotif.gui.unet.panels import card
from napari_segmotif.gui.unet.panels.card_panel import CardPanel


@pytest.fixture
def panel(viewer: Viewer) -> CardPanel:
    panel = CardPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Model")
    panel.setFixedWidth(360)
    QApplication.processEvents()
    return panel


# ---- the numbers

LABELS = hnp.arrays(np.int32, (6, 7), elements=st.integers(0, 3))


@given(truth=LABELS, found=LABELS)
def test_the_foreground_is_all_but_the_first_class(truth: np.ndarray, found: np.ndarray) -> None:
    scores = ClassificationScores.from_confusion(confusion_matrix(truth, found, (0, 1, 2, 3)), (0, 1, 2, 3))
    got = card.foreground_scores(scores)
    both, either = ((truth > 0) & (found > 0)).sum(), ((truth > 0) | (found > 0)).sum()
    assert got.accuracy == pytest.approx(((truth > 0) == (found > 0)).mean())
    np.testing.assert_allclose(got.jaccard, both / either if either else math.nan)
    np.testing.assert_allclose(got.precision, both / (found > 0).sum() if (found > 0).any() else math.nan)
    np.testing.assert_allclose(got.recall, both / (truth > 0).sum() if (truth > 0).any() else math.nan)
    if either:
        assert got.dice == pytest.approx(dice(truth > 0, found > 0))


def test_no_pixel_was_judged() -> None:
    nothing = ClassificationScores.from_confusion(np.zeros((2, 2), np.int64), (0, 1))
    assert all(math.isnan(value) for value in vars(card.foreground_scores(nothing)).values())


# ---- the words


def test_what_a_network_was_trained_on() -> None:
    said = dict(card.facts(trained(width=16)))
    assert said["Trained on"] == "12 images: cells_00.tif, cells_01.tif, cells_02.tif and 9 more"
    assert said["Labels"] == "Objects: 1,204 to learn from"
    assert said["Held out"] == "2 planes of other images, to judge by"
    assert said["Training"] == "60 epochs in 12 min on the CPU"
    assert said["Network"] == "2D U-Net, depth 4, 32 to 256 channels, 1.9 million weights"
    assert said["Made"] == "9 March 2026, napari-segmotif 0.1.0, torch 2.9.0"
    assert said["Pixel size"] == "0.5 × 0.5"
    assert "Classes" not in said


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ([[512, 512]], " (512 × 512 pixels)"),
        ([[512, 512], [64, 80], [100, 100]], " (64 × 80 to 512 × 512 pixels)"),
    ],
)
def test_sizes_of_images_are_said_where_they_are_known(shapes: list[list[int]], said: str) -> None:
    model = trained()
    assert dict(card.facts(replace(model, card={**model.card, "shapes": shapes})))["Trained on"].endswith(
        said
    )


def test_a_part_of_one_image_is_held_out() -> None:
    model = trained((0, 1, 2), objects=False)
    one = {**model.card, "images": ["cells.tif"], "held_out_by": "region", "n_validation_samples": 1}
    said = dict(card.facts(replace(model, card=one)))
    assert said["Trained on"] == "1 image: cells.tif"
    assert said["Held out"] == "a part of the image, to judge by"
    assert said["Classes"] == "background, nuclei, cytoplasm"
    assert said["Labels"] == "Classes, every pixel: 655,360 pixels"


def test_a_network_from_elsewhere_has_an_empty_card() -> None:
    said = dict(card.facts(replace(trained(), card={}, history=(), spacing=None)))
    assert set(said) == {"Labels", "Channels", "Network"}


def test_what_it_is_worth_in_words() -> None:
    table = trained().validation
    assert table is not None
    assert card.objects_in_words(table) == (
        "Of 100 objects in the images that were held out, 90 were found with an overlap of half or more "
        "(IoU .5); 10 of 100 that were found are not real."
    )
    # 800 of 900 pixels called foreground are; 9800 of 10000 are right
    assert card.foreground_in_words(table).startswith(
        "89 % of the pixels that were called foreground are foreground (precision)"
    )
    assert "98 % of all pixels are right (accuracy)" in card.foreground_in_words(table)


def test_nothing_was_found() -> None:
    table = trained().validation
    assert table is not None
    nothing = ClassificationScores.from_confusion(np.array([[90, 0], [10, 0]]), (0, 1))
    none = ObjectScores((0.5,), (0,), (0,), (4,))
    table = replace(table, objects=none, pixels=nothing)
    assert card.objects_in_words(table).endswith("(IoU .5); none was found.")
    said = card.foreground_in_words(table)
    assert said.startswith("No pixel was called foreground; 90 % of all pixels are right (accuracy)")


def test_settings_that_are_not_the_usual_ones() -> None:
    assert card.settings(trained()) == []
    assert dict(card.settings(trained(width=16, dropout=0.1))) == {"Width": "16", "Dropout": "0.1"}


# ---- the panel


def test_objects_by_threshold(panel: CardPanel) -> None:
    panel.show_model(trained())
    rows = panel.objects.texts()
    assert rows[0] == [".50", ".82", ".90", ".90", ".90"]  # 90 / (90 + 10 + 10)
    assert rows[4] == [".90", ".00", ".00", ".00", ".00"]
    assert rows[5][0] == "mean"
    mean = np.mean([90 / 110, 80 / 120, 60 / 140, 40 / 160, 0])
    assert float(rows[5][1]) == pytest.approx(mean, abs=0.005)
    assert panel.foreground.texts() == [[".89", ".80", ".89", ".89", ".98"]]
    assert not panel.confusion.isVisibleTo(panel)
    assert not panel.classes.isVisibleTo(panel)


def test_several_classes_have_a_confusion_matrix(panel: CardPanel) -> None:
    panel.show_model(trained((0, 1, 2), objects=False))
    assert not panel.objects.isVisibleTo(panel)
    assert panel.confusion.isVisibleTo(panel)
    assert [row[0] for row in panel.classes.texts()] == ["background", "nuclei", "cytoplasm"]
    # nuclei: 800 right of 1000 predicted and of 1000 annotated
    assert panel.classes.texts()[1] == ["nuclei", ".80", ".80", ".80", ".67"]
    assert panel._foreground_title.text() == "nuclei, cytoplasm against background, pixel by pixel:"


def test_without_validation_it_says_so(panel: CardPanel) -> None:
    panel.show_model(replace(trained(validation=False), stopped="Stopped in epoch 3 of 60. Resume to go on."))
    assert not panel.judged.isVisibleTo(panel)
    said = panel._notes.text()
    assert said.startswith("Stopped in epoch 3 of 60. Resume to go on. 2 objects are a single pixel")
    assert said.endswith("nobody knows how good it is.")


def test_curves_and_reasons(panel: CardPanel) -> None:
    panel.show_model(trained(width=16))
    scores = panel.scores._points()
    assert set(scores) == {"AP of objects", "Dice of foreground"}
    np.testing.assert_allclose(scores["AP of objects"][-1], (60, 0.69))
    assert "objects are about 24 pixels wide" in panel._reasons.text()
    assert "Width" in panel._settings.text()
    panel.show_model(replace(trained(), history=history(objects=False)))
    assert set(panel.scores._points()) == {"Dice of foreground"}
    assert not panel._settings.isVisibleTo(panel)


def test_names_are_text_and_not_markup(panel: CardPanel) -> None:
    model = trained()
    panel.show_model(replace(model, card={**model.card, "images": ["<b>a & b</b>.tif"]}))
    assert "&lt;b&gt;a &amp; b&lt;/b&gt;.tif" in panel._facts.text()
    assert "<b>a & b</b>.tif" in panel.text


def test_cleared_it_shows_no_network(panel: CardPanel) -> None:
    panel.show_model(trained())
    panel.clear()
    assert panel.text == ""
    for part in (panel.judged, panel.curves, panel.why):
        assert not part.isVisibleTo(panel)


@pytest.mark.parametrize("classes", [(0, 1), (0, 1, 2, 3)])
def test_it_fits_a_narrow_dock(panel: CardPanel, classes: tuple[int, ...]) -> None:
    model = trained(classes, objects=len(classes) == 2)
    panel.show_model(replace(model, card={**model.card, "images": ["a_very_long_name_" * 4 + ".tif"]}))
    for section in (panel.curves, panel.why):
        section.set_expanded(True)
    QApplication.processEvents()
    assert panel.minimumSizeHint().width() <= 360
