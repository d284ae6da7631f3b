"""What is said of a training, and its curves."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_segmotif.common.metrics import ClassificationScores
from napari_segmotif.common.object_metrics import match_objects
from napari_segmotif.gui.unet.panels.curves import loss_curves, score_curves
from napari_segmotif.gui.unet.trainer import trained_in_words
from napari_segmotif.gui.unet.words import duration, epoch_in_words, final_score, score, seconds_left
from napari_segmotif.unet.learning.reports import EpochReport
from napari_segmotif.unet.learning.validation import ValidationTable


def report(epoch: int, ap: float = math.nan, **values: float) -> EpochReport:
    given = {"validation_dice": 0.9, "train_loss": 1.0, "seconds": 10.0, **values}
    return EpochReport(epoch, 60, epoch=epoch, n_epochs=60, validation_ap=ap, **given)


def test_where_training_is() -> None:
    reports = [report(10, 0.72), report(11, 0.7), report(12, 0.71)]
    assert epoch_in_words(reports) == "Epoch 12 of 60 · validation AP .71, best .72 · 8 min left"
    assert epoch_in_words([report(60)]) == "Epoch 60 of 60 · validation Dice .90, best .90"
    assert epoch_in_words([report(1, validation_dice=math.nan)]) == "Epoch 1 of 60 · 10 min left"


@pytest.mark.parametrize(
    ("value", "text"), [(0.714, ".71"), (0.0, ".00"), (1.0, "1"), (0.999, "1"), (math.nan, "–")]
)
def test_scores(value: float, text: str) -> None:
    assert score(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (40, "40 s"), (89, "89 s"), (90, "2 min"), (3000, "50 min"), (7200, "2.0 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@given(st.lists(st.floats(0.01, 1e4), min_size=1, max_size=60))
def test_the_time_left_is_that_of_the_last_epochs(seconds: list[float]) -> None:
    reports = [report(i, seconds=s) for i, s in enumerate(seconds, start=1)]
    last = seconds[-5:]
    left = 60 - len(seconds)
    assert left * min(last) * 0.999 <= seconds_left(reports) <= left * max(last) * 1.001


def test_curves_leave_out_what_is_no_number() -> None:
    reports = [report(1, 0.1, validation_loss=2.0), report(2, validation_loss=1.5), report(3, 0.3)]
    assert loss_curves(reports) == {
        "training": ([1.0, 2.0, 3.0], [1.0, 1.0, 1.0]),
        "validation": ([1.0, 2.0], [2.0, 1.5]),
    }
    assert score_curves(reports)["AP of objects"] == ([1.0, 3.0], [0.1, 0.3])
    assert score_curves([report(1, validation_dice=math.nan)]) == {}


def test_the_score_of_the_network_that_is_kept_is_that_of_its_decoder() -> None:
    objects = match_objects(np.eye(4, dtype=np.int32), np.eye(4, dtype=np.int32))
    pixels = ClassificationScores.from_confusion(np.array([[3, 1], [0, 4]]), (0, 1))
    table = ValidationTable(objects, (objects,), pixels, 0.9, "image", 1)
    assert final_score(table) == 1
    assert math.isnan(final_score(replace(table, objects=None)))
    assert math.isnan(final_score(None))
    judged = SimpleNamespace(history_=[report(1, 0.34)], stopped_="", validation_=table)
    said = trained_in_words(judged)  # type: ignore[arg-type]
    assert said.endswith("on all that was held out: mean AP 1.")
