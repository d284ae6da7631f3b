"""A progress bar with the time that is left, on stderr, driven by the Progress of a job."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self, TypeVar

from ..common.progress import Job, Progress, run_job

R = TypeVar("R")


class ProgressBar:
    """Shows where a job is; shows nothing where nobody looks.

    Parameters
    ----------
    title
        What is being done.
    shown
        True or False; None shows it only on a terminal, so that log files stay readable.
    """

    def __init__(self, title: str, shown: bool | None = None) -> None:
        self._title = title
        self._shown = sys.stderr.isatty() if shown is None else shown
        self._bar: Any = None

    def __enter__(self) -> Self:
        if self._shown:
            from tqdm import tqdm

            # Without tqdm's watching thread: jobs move the bar often enough, and a thread would outlive it.
            quiet: Any = type("Bar", (tqdm,), {"monitor_interval": 0})
            self._bar = quiet(
                total=1.0,
                desc=self._title,
                file=sys.stderr,
                bar_format="{desc}: {percentage:3.0f}% |{bar}| {elapsed} (left {remaining}) {postfix}",
                dynamic_ncols=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def say(self, line: str) -> None:
        """Write a line that stays, above the bar."""
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)

    def show(self, progress: Progress) -> None:
        """Move the bar; going back to the start, as the next phase of a job does, starts its clock again."""
        if self._bar is None:
            return
        if progress.fraction < self._bar.n:
            self._bar.reset(total=1.0)
        self._bar.set_postfix_str(progress.message, refresh=False)
        self._bar.update(progress.fraction - self._bar.n)


def run_with_bar(job: Job[R], title: str, shown: bool | None) -> R:
    """Drive a job to its end under a progress bar, and return what it returns."""
    with ProgressBar(title, shown) as bar:
        return run_job(job, bar.show)
