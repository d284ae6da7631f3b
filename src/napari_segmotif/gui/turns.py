"""Doing what takes napari long in turns of the event loop: the window lives in between."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from qtpy.QtCore import QTimer

from .notices import report_failure


class Turns:
    """A queue of actions on the main thread.

    Adding a layer takes napari some 50 ms, and a result may have a dozen of them.

    Parameters
    ----------
    name
        What the user is told has failed, if an action raises.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._actions: deque[Callable[[], object]] = deque()
        self._timer = QTimer()
        self._timer.timeout.connect(self._next)

    @property
    def pending(self) -> bool:
        """Whether something is still to be done."""
        return bool(self._actions)

    def add(self, action: Callable[[], object]) -> None:
        """Do something, after all that was added before."""
        self._actions.append(action)
        self._timer.start(0)

    def finish(self) -> None:
        """Do all that is left, now: something else depends on it."""
        while self._actions:
            self._next()

    def clear(self) -> None:
        """Drop what is left."""
        self._actions.clear()
        self._timer.stop()

    def _next(self) -> None:
        action = self._actions.popleft() if self._actions else None
        if not self._actions:
            self._timer.stop()
        if action is None:
            return
        try:
            action()
        except Exception as error:
            self.clear()
            report_failure(self._name, error)
