"""A long call of another library as a job: it runs in a thread of its own, and is watched from here."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ..common.progress import AnyToken, CancelToken, Job, Progress
from ..errors import JobCancelled

R = TypeVar("R")

_EVERY = 0.2  # seconds between two looks


class Watch:
    """What a long call tells its watcher, and how it learns that it shall stop.

    Parameters
    ----------
    message
        What is being done, for the progress.
    cancel
        The user's wish.
    """

    def __init__(self, message: str, cancel: CancelToken | None = None) -> None:
        self.message = message
        self.done = 0.0
        self.total = 0.0
        self._abandoned = CancelToken()
        self._token = AnyToken(cancel, self._abandoned)

    @property
    def unwanted(self) -> bool:
        """Whether nobody wants the result any more."""
        return self._token.cancelled

    def raise_if_unwanted(self) -> None:
        """Leave the call, if nobody wants its result any more."""
        self._token.raise_if_cancelled()

    def abandon(self) -> None:
        """Nobody waits for the result any more."""
        self._abandoned.cancel()


def watched_job(work: Callable[[], R], watch: Watch) -> Job[R]:
    """Run `work` in a thread, yielding its progress several times a second, and return what it returns.

    Where the library can be stopped, `work` looks at `watch`; where it cannot, the end is waited for.

    Raises
    ------
    JobCancelled
        If the user cancelled, even if the work came to its end meanwhile.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(work)
        try:
            while not future.done():
                try:
                    future.result(timeout=_EVERY)
                except TimeoutError:
                    words = "cancelling, as soon as this step ends" if watch.unwanted else watch.message
                    yield Progress(watch.done, watch.total, words)
        except JobCancelled:
            pass  # said below, once the thread is done
        finally:
            watch.abandon() if not future.done() else None
    watch.raise_if_unwanted()
    return future.result()
