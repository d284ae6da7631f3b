"""Ctrl-C while Qt runs: an exception in the middle of one of Qt's callbacks would end the process at once."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self


class Interrupts:
    """Notes SIGINT and SIGTERM inside its `with` block, for the main thread to act on where it can.

    Attributes
    ----------
    on_interrupt
        Called when a signal comes, in the middle of whatever runs: it may only ask for something to stop.
    """

    def __init__(self) -> None:
        self.on_interrupt: Callable[[], object] | None = None
        self._before: dict[int, Any] = {}
        self._noted: int | None = None

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if error is None:
            self.check()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._noted = number
        if self.on_interrupt is not None:
            self.on_interrupt()

    def check(self) -> None:
        """Do now what the signal would have done, if one came: usually raise KeyboardInterrupt."""
        number, self._noted = self._noted, None
        if number is None:
            return
        handler = self._before[number]
        if callable(handler):
            handler(number, None)
        raise KeyboardInterrupt
