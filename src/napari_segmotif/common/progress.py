"""Progress, cancelling, and the one shape of a long job: a generator that yields Progress.

A job knows neither threads nor Qt. The command line drives it with `run_job`; the GUI drives it in a
worker thread. Both may cancel it through the same `CancelToken`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from ..errors import JobCancelled

R = TypeVar("R")


@dataclass(frozen=True)
class Progress:
    """How far a job has come.

    Attributes
    ----------
    done, total
        Steps done, of how many; `total` 0 means that the number of steps is not known.
    message
        What is being done now, in the user's words ("predicting tile 3 of 16").
    partial
        A frozen intermediate result that is worth showing already, or None.
    """

    done: float
    total: float
    message: str = ""
    partial: Any = None

    @property
    def fraction(self) -> float:
        """Share done, in [0, 1]; 0 where the total is not known."""
        return min(1.0, self.done / self.total) if self.total > 0 else 0.0


Job = Generator[Progress, None, R]


class CancelToken:
    """A flag that one thread raises and a job looks at between, and inside, its steps."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the job to stop at its next look."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked the job to stop."""
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        """Leave the job by raising JobCancelled, if somebody asked for it."""
        if self.cancelled:
            raise JobCancelled("cancelled: nothing was changed")


class AnyToken(CancelToken):
    """A flag that is up as soon as one of several others is.

    Parameters
    ----------
    *tokens
        The others; None is never up.
    """

    def __init__(self, *tokens: CancelToken | None) -> None:
        super().__init__()
        self._tokens = [token for token in tokens if token is not None]

    @property
    def cancelled(self) -> bool:
        """Whether this or one of the others is up."""
        return super().cancelled or any(token.cancelled for token in self._tokens)


def run_job(job: Job[R], on_progress: Callable[[Progress], object] | None = None) -> R:
    """Drive a job to its end in this thread and return what it returns.

    Parameters
    ----------
    job
        The generator to drive. It is closed whatever happens.
    on_progress
        Called with each Progress that the job yields.
    """
    try:
        while True:
            progress = next(job)
            if on_progress is not None:
                on_progress(progress)
    except StopIteration as end:
        result: R = end.value
        return result
    finally:
        job.close()
