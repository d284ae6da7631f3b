"""The one way to run something long from a widget: one job at a time, heard on the main thread or not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from qtpy.QtCore import QEventLoop, QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import QWidget

from ..common.progress import CancelToken, Job, Progress
from ..errors import JobCancelled, SegmotifError
from .activity import ActivityBar
from .layers import unwrapped
from .notices import report_failure
from .teardown import teardown_on_close
from .worker import JobThread, Raised, Returned

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

_BAR_AFTER_MS = 300  # a live update that is done sooner than this needs no bar
_RETRY_MS = 20
_BAR_INTERVAL = 0.1  # seconds between two updates of the bar


def _always() -> bool:
    return True


@dataclass(frozen=True)
class _Request:
    """What `JobRunner.start` was asked for."""

    job_factory: Callable[[CancelToken], Job[Any]]
    name: str
    on_result: Callable[[Any], object] | None
    on_partial: Callable[[Any], object] | None
    on_error: Callable[[Exception], object] | None
    guard: Callable[[], bool]
    layers: WeakSet[Layer]
    stop: CancelToken | None


@dataclass
class _Run:
    """A request that has a thread."""

    number: int
    request: _Request
    thread: JobThread
    started: float
    latest: Progress = field(default_factory=lambda: Progress(0, 0))
    bar: ActivityBar | None = None
    bar_drawn: float = 0.0


class JobRunner(QObject):
    """Runs jobs for one widget, one after the other, each in a thread of its own.

    Callbacks and signals come on the main thread, in the order of the job's steps. Nothing is delivered of a
    job that was cancelled or replaced, whose guard says no, whose layers were removed, or whose widget or
    viewer is gone.

    Parameters
    ----------
    parent
        The widget that napari docks: when it is closed for good, so is the runner.
    napari_viewer
        Its viewer, or None outside napari (no activity dock then).
    """

    started = Signal(str)  # name
    progress = Signal(object)  # Progress
    finished = Signal(object)  # the result, after on_result
    failed = Signal(object)  # the exception, after on_error and the notification
    cancelled = Signal(str)  # name of a job that ended without delivering
    busy_changed = Signal(bool)

    def __init__(self, parent: QWidget | None, napari_viewer: Viewer | None) -> None:
        super().__init__(parent)
        self._viewer = unwrapped(napari_viewer)
        self._run: _Run | None = None
        self._waiting: _Request | None = None
        self._number = 0
        self._closed = False
        self._announced_busy = False
        self._delivering = False
        self._bar_timer = QTimer(self, singleShot=True, interval=_BAR_AFTER_MS)
        self._bar_timer.timeout.connect(self._open_bar)
        if self._viewer is not None:
            self._viewer.layers.events.removed.connect(self._on_layer_removed)
        if parent is not None:
            teardown_on_close(parent, napari_viewer, self.close)

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        return self._run is not None or self._waiting is not None

    @property
    def running_name(self) -> str | None:
        """Name of the job that runs."""
        return None if self._run is None else self._run.request.name

    @property
    def cancelling(self) -> bool:
        """Whether the job that runs was asked to stop and has not stopped yet."""
        return self._run is not None and self._run.thread.token.cancelled

    @property
    def can_stop(self) -> bool:
        """Whether Cancel makes the job that runs keep what it has so far."""
        return self._run is not None and self._run.request.stop is not None and not self.stopping

    @property
    def stopping(self) -> bool:
        """Whether the job that runs was asked to end early with what it has."""
        stop = None if self._run is None else self._run.request.stop
        return stop is not None and stop.cancelled

    @property
    def elapsed(self) -> float:
        """Seconds that the job has been running; 0 when idle."""
        return 0.0 if self._run is None else time.monotonic() - self._run.started

    def start(
        self,
        job_factory: Callable[[CancelToken], Job[Any]],
        *,
        name: str,
        on_result: Callable[[Any], object] | None = None,
        on_partial: Callable[[Any], object] | None = None,
        on_error: Callable[[Exception], object] | None = None,
        guard: Callable[[], bool] = _always,
        layers: Sequence[Layer] = (),
        cancel_previous: bool = True,
        stop: CancelToken | None = None,
    ) -> bool:
        """Run a job.

        Parameters
        ----------
        job_factory
            Called in the worker thread with a CancelToken; returns the job. It must not touch Qt or napari.
        name
            What the user is told is running ("Train").
        on_result, on_partial
            Called with the result, and with each `Progress.partial`, in order.
        on_error
            Called with the exception that the job raised. If it returns True the widget shows the error
            itself and a SegmotifError gets no notification; unexpected errors always do.
        guard
            Asked before each delivery. False: nothing more is delivered and the job is cancelled.
        layers
            Layers that the job is about; removing one of them from the viewer cancels the job.
        cancel_previous
            If another job runs: True cancels it and starts this one as soon as it has stopped, in place of
            any that waited; False refuses, with a notification.
        stop
            A token that the job looks at, too, and that asks it to end early with what it has. The first
            `cancel` then raises this one; the next one cancels the job.

        Returns
        -------
        bool
            Whether the job was accepted.
        """
        if self._closed:
            return False
        request = _Request(
            job_factory,
            name,
            on_result,
            on_partial,
            on_error,
            guard,
            WeakSet(unwrapped(one) for one in layers),
            stop,
        )
        if self._run is None:
            self._begin(request)
        elif cancel_previous:
            replaced, self._waiting = self._waiting, request
            self._run.thread.token.cancel()
            if replaced is not None:
                self.cancelled.emit(replaced.name)
        else:
            report_failure(
                name, SegmotifError(f"{self.running_name} is still running: cancel it first (got {name})")
            )
            return False
        return True

    def cancel(self) -> None:
        """Ask the running job to stop and forget the waiting one; returns at once.

        A job that was started with a `stop` token keeps what it has so far; asked again, it is cancelled.
        """
        waiting, self._waiting = self._waiting, None
        run = self._run
        if run is not None:
            if self.can_stop and run.request.stop is not None:
                run.request.stop.cancel()
            else:
                run.thread.token.cancel()
            self._draw_bar(run, force=True)
        if waiting is not None:
            self.cancelled.emit(waiting.name)

    def close(self) -> None:
        """Cancel everything and deliver nothing more, for good. The job's thread is not waited for."""
        if self._closed:
            return
        self._closed = True
        run, self._run, self._waiting = self._run, None, None
        if self._viewer is not None:
            self._viewer.layers.events.removed.disconnect(self._on_layer_removed)
            self._viewer = None
        if run is not None:
            run.thread.token.cancel()
            if run.bar is not None:
                run.bar.close()

    def wait(self, timeout_s: float = 60.0) -> bool:
        """Process events until nothing runs or waits, for scripts and tests.

        Returns
        -------
        bool
            False if the time ran out first.
        """
        deadline = time.monotonic() + timeout_s
        loop, watch = QEventLoop(), QTimer()
        watch.timeout.connect(lambda: loop.quit() if not self.busy or time.monotonic() > deadline else None)
        watch.start(5)
        if self.busy:
            loop.exec()
        watch.stop()
        return not self.busy

    def _begin(self, request: _Request) -> None:
        self._number += 1
        thread = JobThread(request.job_factory, CancelToken(), request.name, self._number)
        self._run = _Run(self._number, request, thread, time.monotonic())
        thread.mailbox.mail.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._bar_timer.start()
        thread.start()
        self._announce_busy()
        self.started.emit(request.name)

    def _deliver(self, number: int) -> None:
        """Hand on the mail of a job, unless it is stale: of a job that ended, or of a closed runner."""
        run = self._run
        if run is None or run.number != number:
            return
        if self._delivering:
            # A callback, or napari drawing a progress bar, processes events: keep the order, come back later.
            QTimer.singleShot(_RETRY_MS, run.thread.mailbox.ring_again)
            return
        self._delivering = True
        try:
            for message in run.thread.mailbox.take():
                if self._run is not run:
                    return
                if isinstance(message, Progress):
                    self._on_progress(run, message)
                else:
                    self._on_end(run, message)
        finally:
            self._delivering = False

    def _on_progress(self, run: _Run, progress: Progress) -> None:
        if not self._wanted(run):
            return
        run.latest = progress
        self._draw_bar(run)
        if self._run is run and self._wanted(run):
            self.progress.emit(progress)
            if progress.partial is not None:
                self._call(run, run.request.on_partial, progress.partial)

    def _on_end(self, run: _Run, outcome: Returned | Raised) -> None:
        wanted = self._wanted(run)
        # It has nothing left to do but to return; waiting here lets Qt's part of it end on this thread.
        run.thread.join(1.0)
        self._run = None
        self._bar_timer.stop()
        if run.bar is not None:
            run.bar.close()
        if isinstance(outcome, Returned) and wanted:
            if self._call(run, run.request.on_result, outcome.result):
                self.finished.emit(outcome.result)
        elif isinstance(outcome, Raised) and wanted and not isinstance(outcome.exception, JobCancelled):
            self._fail(run, outcome.exception)
        else:
            self.cancelled.emit(run.request.name)
        if self._closed:
            return
        if self._run is None and self._waiting is not None:
            request, self._waiting = self._waiting, None
            self._begin(request)
        self._announce_busy()

    def _wanted(self, run: _Run) -> bool:
        """Whether anything of this job may still be delivered; if not, it is cancelled."""
        if not run.thread.token.cancelled and not run.request.guard():
            run.thread.token.cancel()
        return not run.thread.token.cancelled

    def _call(self, run: _Run, callback: Callable[[Any], object] | None, value: Any) -> bool:
        """Call back; an exception must not leave a Qt slot, where it would end the application."""
        if callback is None:
            return True
        try:
            callback(value)
        except Exception as exception:
            run.thread.token.cancel()
            self._fail(run, exception, ask=False)
            return False
        return not self._closed  # the callback may have closed the dock

    def _fail(self, run: _Run, exception: BaseException, ask: bool = True) -> None:
        shown = False
        if ask and run.request.on_error is not None and isinstance(exception, Exception):
            shown = bool(run.request.on_error(exception))
        if not (shown and isinstance(exception, SegmotifError)):
            report_failure(run.request.name, exception)
        if not self._closed:
            self.failed.emit(exception)

    def _announce_busy(self) -> None:
        if self._announced_busy != self.busy and not self._closed:
            self._announced_busy = self.busy
            self.busy_changed.emit(self.busy)

    def _on_layer_removed(self, event: Any) -> None:
        if self._waiting is not None and event.value in self._waiting.layers:
            name, self._waiting = self._waiting.name, None
            self.cancelled.emit(name)
        if self._run is not None and event.value in self._run.request.layers:
            self._run.thread.token.cancel()

    def _open_bar(self) -> None:
        run = self._run
        if run is None or run.bar is not None or self._viewer is None:
            return
        bar = ActivityBar(run.request.name, self.cancel)
        if self._run is not run:  # napari processed events while it made the bar, and the job ended in them
            bar.close()
            return
        run.bar = bar
        self._draw_bar(run, force=True)

    def _draw_bar(self, run: _Run, force: bool = False) -> None:
        now = time.monotonic()
        if run.bar is None or (now - run.bar_drawn < _BAR_INTERVAL and not force):
            return
        run.bar_drawn = now
        stopping = run.thread.token.cancelled or self.stopping
        name = f"{run.request.name} (stopping)" if stopping else run.request.name
        run.bar.show(name, run.latest, now - run.started)
