"""A job's bar in napari's activity dock: message, percent, remaining time and a Cancel button."""

from __future__ import annotations

import io
import math
from collections.abc import Callable

from napari.utils.progress import cancelable_progress

from ..common.progress import Progress

_STEPS = 100
_LONGEST_TEXT = 30
# Before this share is done, an estimate says more about the start of a job than about its end.
_FIRST_ESTIMATE = 0.02


def remaining_text(elapsed: float, fraction: float) -> str:
    """Percent done and the time that is left, in words.

    Parameters
    ----------
    elapsed
        Seconds since the job started.
    fraction
        Share done, in [0, 1].

    Returns
    -------
    str
        For instance "37 %, about 2 min left"; only the percent while there is too little to go by.
    """
    percent = f"{math.floor(100 * fraction)} %"
    if fraction < _FIRST_ESTIMATE or elapsed < 1.0 or fraction >= 1.0:
        return percent
    seconds = elapsed * (1.0 - fraction) / fraction
    if seconds < 1.5:
        return f"{percent}, about 1 s left"
    if seconds < 90:
        return f"{percent}, about {seconds:.0f} s left"
    if seconds < 5400:
        return f"{percent}, about {seconds / 60:.0f} min left"
    return f"{percent}, about {seconds / 3600:.1f} h left"


class ActivityBar(cancelable_progress):  # type: ignore[misc]
    """One bar in the activity dock (main thread; napari processes events while it draws).

    Parameters
    ----------
    name
        What is running.
    on_cancel
        Called when the user presses Cancel.
    """

    def __init__(self, name: str, on_cancel: Callable[[], object]) -> None:
        self._text = ""
        self._known = False  # whether a total was said yet
        # tqdm writes to a terminal as well; the file keeps it silent. A total of 0 means "no end known".
        super().__init__(desc=name, total=0, file=io.StringIO(), disable=False, cancel_callback=on_cancel)

    def show(self, name: str, progress: Progress, elapsed: float) -> None:
        """Show how far the job is.

        Parameters
        ----------
        name
            What is running.
        progress
            Where the job stands.
        elapsed
            Seconds since it started.
        """
        described = f"{name}: {progress.message}" if progress.message else name
        if len(described) > _LONGEST_TEXT:  # the dock does not wrap; its bar would be pushed out of sight
            described = described[: _LONGEST_TEXT - 1] + "…"
        if self.desc.removesuffix(": ") != described:
            self.set_description(described)
        if progress.total <= 0:
            return
        self._text = remaining_text(elapsed, progress.fraction)
        if not self._known:
            self._known, self.total = True, _STEPS
        done = math.floor(progress.fraction * _STEPS)
        if done != self.n:
            self.update(done - self.n)
        self.display()

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Show our own estimate where tqdm would show its."""
        self.events.eta(value=self._text)

    def cancel(self) -> None:
        """Pass the press of the Cancel button on."""
        super().cancel()
        if self.cancel_callback is not None:
            self.cancel_callback()
