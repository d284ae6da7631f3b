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
from .picking import Picking

_LEARN, _LOOK = "Learn", "Look for the next object"
_NOBODY = -1
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
        self._learned: NDArray[np.int64] = _NOTHING
        self._row, self._answer = _NOBODY, 0
        self._guess: int | None = None
        self._right: deque[bool] = deque(maxlen=_REMEMBERED)
        self._passed_over: set[int] = set()
        bench.form.classify.strategy.currentIndexChanged.connect(lambda _index: self.forget_queue())

    def forget(self) -> None:
        """There is another table."""
        self.forget_queue()
        self._passed_over.clear()
        self._right.clear()
        self._row, self._learned = _NOBODY, _NOTHING
        self._picking.colors_stay = False

    def forget_queue(self) -> None:
        """What was to be asked next was chosen by another classifier, or in another way."""
        self._queue.clear()

    def ask(self) -> None:
        """Show the next object; the one shown now is passed over if it has no class."""
        if self._bench.session.table is None:
            return
        if self._row != _NOBODY and not self._picking.classes[self._row]:
            self._passed_over.add(self._row)
        if self._can_learn and not np.array_equal(self._picking.classes, self._learned):
            self._find(learn=True)
        elif not self._show_next():
            self._find(learn=False)

    def on_trained(self, classes: NDArray[np.int64]) -> None:
        """There is a classifier that learned these classes (n,)."""
        self._learned = classes
        self.forget_queue()

    def on_classes(self) -> None:
        """Objects were given classes: if the one asked about is among them, go on."""
        row, classes = self._row, self._picking.classes
        if row == _NOBODY or not self._live:
            return
        answer = int(classes[row])
        if answer in (0, self._answer):
            return
        if self._guess is not None:
            if self._answer:  # a slip of the finger, put right
                self._right.pop()
            self._right.append(answer == self._guess)
        self._answer = answer
        if self._can_learn:
            self._find(learn=True)
        elif not self._show_next():
            self._find(learn=False)

    @property
    def _live(self) -> bool:
        return self._bench.form.classify.live.isChecked()

    @property
    def _can_learn(self) -> bool:
        """Whether to learn without being asked, and from two classes or more."""
        classes = self._picking.classes
        return self._live and len(np.unique(classes[classes > 0])) > 1

    def _find(self, *, learn: bool) -> None:
        """Choose objects to ask about in the background, after learning from all answers if asked for."""
        bench, classes = self._bench, self._picking.classes
        again = bench.runner.running_name == _LEARN
        if bench.busy and not again:
            name = bench.runner.running_name
            bench.say(f"“{name}” is still running: press “Show the next object” after it.", "warning")
            return
        known = classes > 0
        known[list(self._passed_over)] = True
        strategy = bench.form.classify.strategy.key

        def done(asked: Asked) -> None:
            if asked.trained is not None:
                self._take(asked.trained)
            self._queue = asked.rows.tolist()
            if not self._show_next():
                self._say_all_asked()

        if learn:
            train = partial(jobs.train, bench.table(), classes, *self._how_to_train())
            learn_first = partial(jobs.learn_and_suggest, train, bench.table(), known, strategy)
            bench.start(learn_first, _LEARN, on_result=done, cancel_previous=again)
        else:
            look = partial(jobs.suggest, bench.found.classifier, bench.table(), known, strategy)
            bench.start(look, _LOOK, on_result=lambda rows: done(Asked(rows)))

    def _show_next(self) -> bool:
        """Go to the next object in the queue that has no class yet; False where there is none."""
        bench, classes = self._bench, self._picking.classes
        while self._queue:
            row = self._queue.pop(0)
            if classes[row] or row in self._passed_over:
                continue
            self._row, self._answer = row, 0
            found = bench.session.column(PREDICTED)
            self._guess = None if found is None else int(found[row])
            self._picking.colors_stay = self._live and found is not None
            bench.form.classify.pick.setChecked(True)
            bench.views.go_to(row)
            names = bench.form.classify.classes.names
            bench.say(f"{question_in_words(names)} {answers_in_words(list(self._right))}".strip())
            return True
        return False

    def _say_all_asked(self) -> None:
        self._row = _NOBODY
        if self._passed_over:
            self._passed_over.clear()
            self._bench.say("Every object has a class or was passed over. Press again for those passed over.")
        else:
            self._bench.say("Every object has a class already.")
