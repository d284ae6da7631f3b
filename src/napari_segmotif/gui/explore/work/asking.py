"""Going from one object worth a class to the next, learning again after each answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import jobs
from ..bench import Bench
from ..findings import PREDICTED
from ..jobs import Asked, Trained
from ..words import answers_in_words, question_in_words
from .picking import NOBODY, Picking

_LEARN, _LOOK = "Learn", "Look for the next object"
_NOTHING = np.zeros(0, np.int64)
_REMEMBERED = 10  # answers that are compared with what was guessed


class Asking:
    """Shows objects whose class would teach the classifier most, one by one.

    Parameters
    ----------
    bench
        What to work with.
    picking
        Which classes were given.
    how_to_train
        Returns the arguments of `jobs.train` between the classes and the token.
    take
        Called with each classifier that was learned on the way.
    """

    def __init__(
        self,
        bench: Bench,
        picking: Picking,
        how_to_train: Callable[[], tuple[Any, ...]],
        take: Callable[[Trained], object],
    ) -> None:
        self._bench = bench
        self._picking = picking
        self._how_to_train = how_to_train
        self._take = take
        self._queue: list[int] = []
        self._learned = self._seen = _NOTHING
        self._row, self._answer = NOBODY, 0
        self._guess: int | None = None
        self._right: deque[bool] = deque(maxlen=_REMEMBERED)
        self._passed_over: set[int] = set()
        panel = bench.form.classify
        panel.strategy.currentIndexChanged.connect(lambda _index: self.forget_queue())
        panel.pick_toggled.connect(lambda on: None if on else self._leave())

    def forget(self) -> None:
        """There is another table."""
        self.on_loaded()
        self._passed_over.clear()
        self._right.clear()
        self._leave()

    def forget_queue(self) -> None:
        """What was to be asked next was chosen by another classifier, or in another way."""
        self._queue.clear()

    def on_trained(self, classes: NDArray[np.int64]) -> None:
        """There is a classifier that learned these classes (n,) of this table."""
        self._learned = classes
        self.forget_queue()

    def on_loaded(self) -> None:
        """There is a classifier that did not learn from this table: answers do not take its place unasked."""
        self._learned = _NOTHING
        self.forget_queue()

    def ask(self) -> None:
        """Show the next object; the one shown now is passed over if it has no class."""
        if self._bench.session.table is None:
            return
        classes = self._picking.classes
        if self._row != NOBODY and not classes[self._row]:
            self._passed_over.add(self._row)
        if not self._open(classes).any():
            self._say_all_asked()
        elif self._can_learn and not np.array_equal(classes, self._learned):
            self._find(learn=True)
        elif not self._show_next():
            self._find(learn=False)

    def on_classes(self) -> None:
        """Objects were given classes: if it was the one asked about, and no other, go on."""
        classes, before = self._picking.classes, self._seen
        self._seen, row = classes, self._row
        if row == NOBODY or len(before) != len(classes):
            return
        answer = int(classes[row])
        if answer == self._answer:
            return
        self._note(answer)
        learning = self._bench.runner.running_name == _LEARN
        changed = np.flatnonzero(classes != before)
        if len(changed) > 1 or not answer or self._bench.session.current != row or not self._live:
            if learning:  # from an answer that was taken back, or from others by now
                self._bench.runner.cancel()
        elif self._can_learn:
            self._find(learn=True)
        elif learning or not self._show_next():
            self._find(learn=False)

    def _note(self, answer: int) -> None:
        """Keep whether the answer had been guessed, in place of one that it corrects."""
        if self._guess is not None:
            if self._answer and self._right:
                self._right.pop()
            if answer:
                self._right.append(answer == self._guess)
        self._answer = answer

    @property
    def _live(self) -> bool:
        return self._bench.form.classify.live.isChecked()

    @property
    def _can_learn(self) -> bool:
        """Whether to learn unasked: from two classes or more, and not over a classifier from elsewhere."""
        classes = self._picking.classes
        return self._live and not self._has_foreign and len(np.unique(classes[classes > 0])) > 1

    @property
    def _has_foreign(self) -> bool:
        """Whether there is a classifier that did not learn from this table."""
        return self._bench.found.classifier is not None and not len(self._learned)

    def _not_learned(self) -> str:
        return "Press Train to learn your answers in its place." if self._live and self._has_foreign else ""

    def _open(self, classes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which objects (n,) may be asked about."""
        rows = classes == 0
        rows[list(self._passed_over)] = False
        return rows

    def _find(self, *, learn: bool) -> None:
        """Choose objects to ask about in the background, after learning from all answers if asked for."""
        bench, classes = self._bench, self._picking.classes
        again = bench.runner.running_name == _LEARN
        if bench.busy and not again:
            name = bench.runner.running_name
            bench.say(f"“{name}” is still running: press “Show the next object” after it.", "warning")
            return
        known = ~self._open(classes)
        strategy = bench.form.classify.strategy.key
        attended = bench.session.current

        def done(asked: Asked) -> None:
            if asked.trained is not None:
                self._take(asked.trained)
            self._queue = asked.rows.tolist()
            if bench.session.current != attended:  # the user has turned to another object meanwhile
                bench.say("Learned your answer. “Show the next object” goes on.")
            elif not self._show_next():
                self._say_all_asked()

        if learn:
            train = partial(jobs.train, bench.table(), classes, *self._how_to_train())
            learn_first = partial(jobs.learn_and_suggest, train, bench.table(), known, strategy)
            bench.start(learn_first, _LEARN, on_result=done, cancel_previous=again)
        else:
            if strategy == "uncertainty" and bench.found.classifier is None:
                strategy = "auto"  # nothing is uncertain yet
            look = partial(jobs.suggest, bench.found.classifier, bench.table(), known, strategy)
            bench.start(look, _LOOK, on_result=lambda rows: done(Asked(rows)), cancel_previous=again)

    def _show_next(self) -> bool:
        """Go to the next object in the queue that has no class yet; False where there is none."""
        bench, is_open = self._bench, self._open(self._picking.classes)
        while self._queue:
            row = self._queue.pop(0)
            if not is_open[row]:
                continue
            self._row, self._answer, self._seen = row, 0, self._picking.classes
            found = bench.session.column(PREDICTED)
            self._guess = None if found is None else int(found[row])
            self._picking.asked = row if self._live and found is not None else NOBODY
            panel = bench.form.classify
            panel.pick.setChecked(True)
            bench.views.go_to(row)
            question = question_in_words(panel.classes.names)
            doubtful = panel.strategy.key in ("auto", "uncertainty")
            panel.show_question(bench.views.picture(row), question)
            guessed = answers_in_words(list(self._right), doubtful=doubtful)
            bench.say(" ".join(filter(None, (question, guessed, self._not_learned()))))
            return True
        return False

    def _leave(self) -> None:
        """Ask about no object."""
        self._row = self._picking.asked = NOBODY
        self._bench.form.classify.show_question(None, "")

    def _say_all_asked(self) -> None:
        self._leave()
        if self._passed_over:
            self._passed_over.clear()
            self._bench.say("Every object has a class or was passed over. Press again for those passed over.")
        else:
            self._bench.say("Every object has a class already.")
