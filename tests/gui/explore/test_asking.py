"""Going through the objects worth a class: every answer is learned, and the next object is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from explorer_scene import discs

from napari_segmotif.gui.explore.widget import FeatureExplorerWidget

IS_LARGE = discs()[2]


@pytest.fixture
def answer(measured: FeatureExplorerWidget) -> Callable[[], int]:
    """Press the key of the class of the object that is shown, 1 = small, 2 = large; returns its row."""

    def press() -> int:
        row = measured.session.current
        measured.views.class_key.emit(2 if IS_LARGE[row] else 1)
        assert measured.wait()
        return row

    return press


def test_answers_are_learned_one_after_the_other(
    measured: FeatureExplorerWidget, answer: Callable[[], int]
) -> None:
    form, session = measured.form, measured.session
    form.classify.suggest.click()
    assert measured.wait()
    asked = [answer() for _ in range(12)]
    assert len(set(asked)) == 12  # no object twice
    classes = session.column("class")
    assert sorted(np.flatnonzero(classes)) == sorted(asked)
    assert session.current not in asked  # the thirteenth is on show
    assert measured.found.classifier is not None
    assert form.classify.trained.text().startswith("Learned from 12 objects.")
    assert (session.column("predicted_class") == IS_LARGE + 1).mean() > 0.9
    assert "It had guessed" in form.said
    assert measured.views.dock.scatter.color_column == "predicted_class"


def test_an_object_is_passed_over_and_comes_back_last(measured: FeatureExplorerWidget) -> None:
    form, session = measured.form, measured.session
    measured.classifying.picking.give(np.arange(4, 48), 1)
    measured.classifying.picking.give(np.arange(4, 48, 2), 2)
    shown = []
    for _ in range(4):
        form.classify.suggest.click()
        assert measured.wait()
        shown.append(session.current)
    assert sorted(shown) == [0, 1, 2, 3]
    form.classify.suggest.click()
    assert measured.wait()
    assert "passed over" in form.said
    form.classify.suggest.click()
    assert measured.wait()
    assert session.current in shown


def test_without_live_an_answer_stays_where_it_is(
    measured: FeatureExplorerWidget, answer: Callable[[], int]
) -> None:
    form, session = measured.form, measured.session
    measured.classifying.picking.give([0, 2], 1)
    measured.classifying.picking.give([1, 3], 2)
    form.classify.live.setChecked(False)
    form.classify.suggest.click()
    assert measured.wait()
    row = answer()
    assert session.current == row
    assert measured.found.classifier is None
    assert session.column("predicted_class") is None


def test_a_slip_is_put_right_while_it_is_being_learned(measured: FeatureExplorerWidget) -> None:
    form, session = measured.form, measured.session
    measured.classifying.picking.give([0, 2], 1)
    measured.classifying.picking.give([1, 3], 2)
    form.classify.suggest.click()
    assert measured.wait()
    row = session.current
    measured.views.class_key.emit(1)
    assert measured.runner.busy
    measured.views.class_key.emit(2)
    assert measured.wait()
    assert session.column("class")[row] == 2
    assert measured.found.classifier is not None
    learned = measured.found.classifier.training_.y
    assert sorted(learned) == [1, 1, 2, 2, 2]
    assert session.current != row


def test_an_answer_during_another_job_is_kept_and_learned_afterwards(
    measured: FeatureExplorerWidget, answer: Callable[[], int]
) -> None:
    form, session = measured.form, measured.session
    measured.classifying.picking.give(np.arange(0, 20, 2), 1)
    measured.classifying.picking.give(np.arange(1, 20, 2), 2)
    form.classify.suggest.click()
    assert measured.wait()
    row = session.current
    form.classify.check.click()
    assert measured.runner.running_name == "How good is it?"
    measured.views.class_key.emit(1)
    assert "still running" in form.said
    assert measured.wait()
    assert session.column("class")[row] == 1
    assert measured.found.validation is not None  # it was not cancelled
    form.classify.suggest.click()
    assert measured.wait()
    assert form.classify.trained.text().startswith("Learned from 21 objects.")
    assert session.current != row


def test_doubtful_objects_can_be_asked_for_before_training(measured: FeatureExplorerWidget) -> None:
    panel = measured.form.classify
    panel.strategy.choose("uncertainty")
    assert not panel.suggest.isEnabled()
    measured.classifying.picking.give([0, 2], 1)
    measured.classifying.picking.give([1, 3], 2)
    assert panel.suggest.isEnabled()
    panel.suggest.click()
    assert measured.wait()
    assert measured.session.current >= 4


def test_a_slip_on_the_second_class_leaves_one_class_and_no_classifier(
    measured: FeatureExplorerWidget,
) -> None:
    form, session = measured.form, measured.session
    form.classify.suggest.click()
    assert measured.wait()
    first = session.current
    measured.views.class_key.emit(1)
    assert measured.wait()
    second = session.current
    measured.views.class_key.emit(2)
    assert measured.runner.running_name == "Learn"
    measured.views.class_key.emit(1)
    assert measured.wait()
    assert measured.found.classifier is None
    assert session.column("predicted_class") is None
    assert np.flatnonzero(session.column("class") == 1).tolist() == sorted([first, second])
    assert session.current not in (first, second)


def test_an_answer_that_is_taken_back_is_not_learned(measured: FeatureExplorerWidget) -> None:
    form, session = measured.form, measured.session
    measured.classifying.picking.give([0, 2], 1)
    measured.classifying.picking.give([1, 3], 2)
    form.classify.suggest.click()
    assert measured.wait()
    row, before = session.current, measured.found.classifier
    measured.views.class_key.emit(1)
    measured.views.class_key.emit(0)
    assert measured.wait()
    assert session.current == row
    assert measured.found.classifier is before
    measured.views.class_key.emit(2)  # and asked again
    assert measured.wait()
    assert session.current != row
    assert measured.found.classifier is not None
    assert sorted(measured.found.classifier.training_.y) == [1, 1, 2, 2, 2]


def test_whoever_stops_picking_is_not_asked_any_more(measured: FeatureExplorerWidget) -> None:
    form, session = measured.form, measured.session
    measured.classifying.picking.give([0, 2], 1)
    measured.classifying.picking.give([1, 3], 2)
    form.classify.suggest.click()
    assert measured.wait()
    assert form.classify.question.text().startswith("What is this object?")
    assert not form.classify.picture.pixmap().isNull()
    row = session.current
    classifier = measured.found.classifier
    form.classify.pick.setChecked(False)
    assert form.classify.question.text() == ""
    measured.classifying.picking.give([row], 1)
    assert not measured.runner.busy
    assert measured.found.classifier is classifier
    assert measured.views.column == "class"  # what was given by hand is seen


def test_classes_given_to_many_are_no_answer(measured: FeatureExplorerWidget) -> None:
    form = measured.form
    form.classify.suggest.click()
    assert measured.wait()
    measured.classifying.picking.give(np.arange(0, 48, 2), 1)
    measured.classifying.picking.give(np.arange(1, 48, 2), 2)
    assert not measured.runner.busy
    assert measured.found.classifier is None
    form.classify.suggest.click()
    assert not measured.runner.busy
    assert form.said == "Every object has a class already."


def test_a_loaded_classifier_is_not_replaced_by_answers(
    measured: FeatureExplorerWidget, answer: Callable[[], int], tmp_path: Path
) -> None:
    form = measured.form
    measured.classifying.picking.give(np.flatnonzero(IS_LARGE), 2)
    measured.classifying.picking.give(np.flatnonzero(~IS_LARGE), 1)
    form.classify.train.click()
    assert measured.wait()
    measured.classifying.save(tmp_path / "kept.segmotif")
    assert measured.wait()
    measured.classifying.picking.clear()
    measured.classifying.load(tmp_path / "kept.segmotif")
    assert measured.wait()
    loaded = measured.found.classifier
    form.classify.suggest.click()
    assert measured.wait()
    assert len({answer() for _ in range(3)}) == 3
    assert measured.found.classifier is loaded
    assert "Press Train" in form.said


def test_the_view_stays_with_an_object_that_the_user_turned_to(measured: FeatureExplorerWidget) -> None:
    form, session = measured.form, measured.session
    measured.classifying.picking.give([0, 2], 1)
    measured.classifying.picking.give([1, 3], 2)
    form.classify.suggest.click()
    assert measured.wait()
    measured.views.class_key.emit(1)
    session.set_current(40)
    assert measured.wait()
    assert session.current == 40
    assert measured.found.classifier is not None
    assert "goes on" in form.said


def test_colours_that_the_user_chose_stay(measured: FeatureExplorerWidget, answer: Callable[[], int]) -> None:
    form = measured.form
    measured.classifying.picking.give([0, 2], 1)
    measured.classifying.picking.give([1, 3], 2)
    form.classify.suggest.click()
    assert measured.wait()
    measured.views.color_by("area")
    answer()
    assert measured.views.column == "area"
