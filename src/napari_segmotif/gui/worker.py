"""A job in a thread of its own, and the mailbox through which it reaches the main thread.

Why not napari's thread_worker: a RuntimeError in a generator worker vanishes there without a signal, `quit`
acts only at a yield, and napari and Qt wait without limit for a pool thread that does not end. A daemon
thread of ours holds neither the application nor its exit, every exception is caught at the one edge below,
and the generator is closed in the thread that ran it.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar
from weakref import WeakSet

from qtpy.QtCore import QObject, Signal

from ..common.progress import CancelToken, Job, Progress, run_job
from ..errors import JobCancelled

_GRACE_AT_EXIT = 2.0  # seconds that all jobs together get to stop when Python ends


@dataclass(frozen=True)
class Returned:
    """The job ended with a result."""

    result: Any


@dataclass(frozen=True)
class Raised:
    """The job ended with an exception; JobCancelled where it was cancelled."""

    exception: BaseException


class Mailbox(QObject):
    """Messages from one job to the main thread, in order.

    Progress without a partial result is replaced by newer progress that arrives before it is read, so that a
    job with thousands of steps a second does not flood the event loop.

    Parameters
    ----------
    number
        Sent along with every ring, so that the receiver knows mail of a job that it no longer waits for.
    """

    mail = Signal(int)

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self._lock = threading.Lock()
        self._messages: deque[Any] = deque()
        self._rung = False

    def post(self, message: Any) -> None:
        """Leave a message (any thread)."""
        with self._lock:
            if self._messages and _only_progress(self._messages[-1]) and isinstance(message, Progress):
                self._messages.pop()
            self._messages.append(message)
            ring, self._rung = not self._rung, True
        if ring:
            try:
                self.mail.emit(self._number)
            except RuntimeError:
                # Qt has been torn down under a job that was slow to stop: nobody is left to be told.
                self._messages.clear()

    def ring_again(self) -> None:
        """Ring for messages that were not taken when it rang."""
        self.mail.emit(self._number)

    def take(self) -> list[Any]:
        """All messages, oldest first; they are gone from the box afterwards."""
        with self._lock:
            messages = list(self._messages)
            self._messages.clear()
            self._rung = False
        return messages


def _only_progress(message: Any) -> bool:
    return isinstance(message, Progress) and message.partial is None


class JobThread(threading.Thread):
    """Drives one job to its end and posts Progress, then exactly one Returned or Raised.

    Parameters
    ----------
    job_factory
        Called in this thread with the cancel token; returns the job.
    token
        Raised to stop the job at its next look or its next yield.
    name
        Name of the job, for debuggers.
    number
        Sequence number of the job.
    """

    _alive: ClassVar[WeakSet[JobThread]] = WeakSet()

    def __init__(
        self, job_factory: Callable[[CancelToken], Job[Any]], token: CancelToken, name: str, number: int
    ) -> None:
        super().__init__(name=f"segmotif: {name}", daemon=True)
        self.token = token
        self.mailbox = Mailbox(number)
        self._job_factory: Callable[[CancelToken], Job[Any]] | None = job_factory

    def start(self) -> None:
        """Start the job."""
        JobThread._alive.add(self)
        super().start()

    def run(self) -> None:
        """Run the job to its end (called by the thread)."""
        factory, self._job_factory = self._job_factory, None
        if factory is not None:
            self.mailbox.post(_outcome(factory, self.token, self._step))

    def _step(self, progress: Progress) -> None:
        if self.token.cancelled:
            raise JobCancelled("cancelled: nothing was changed")
        self.mailbox.post(progress)


def _outcome(
    factory: Callable[[CancelToken], Job[Any]], token: CancelToken, on_progress: Callable[[Progress], None]
) -> Returned | Raised:
    try:
        return Returned(run_job(factory(token), on_progress))
    except BaseException as exception:  # the job's edge: what is not caught here, RuntimeErrors too, vanishes
        return Raised(exception)


def _stop_all() -> None:
    """Let running jobs stop before the interpreter is taken down around them; never wait longer than said."""
    threads = list(JobThread._alive)
    for thread in threads:
        thread.token.cancel()
    deadline = time.monotonic() + _GRACE_AT_EXIT
    for thread in threads:
        if thread.is_alive():
            thread.join(max(0.0, deadline - time.monotonic()))


atexit.register(_stop_all)
