"""The job runner: everything is delivered on the main thread, or not at all, and nothing vanishes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from qtpy.QtWidgets import QWidget

from napari_segmotif.common.progress import CancelToken, Job, Progress
from napari_segmotif.errors import AnnotationError, InputError
from napari_segmotif.gui.runner import JobRunner


class Log:
    """Every signal of a runner, in order."""

    def __init__(self, runner: JobRunner) -> None:
        self.events: list[tuple[str, Any]] = []
        for name in ("started", "progress", "finished", "failed", "cancelled", "busy_changed"):
            getattr(runner, name).connect(lambda value, name=name: self.events.append((name, value)))

    def of(self, name: str) -> list[Any]:
        return [value for kind, value in self.events if kind == name]


@pytest.fixture
def parent(qtbot: Any) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def runner(parent: QWidget) -> Iterator[JobRunner]:
    runner = JobRunner(parent, None)
    yield runner
    runner.close()


def steps(n: int, result: Any = "done") -> Callable[[CancelToken], Job[Any]]:
    def job(cancel: CancelToken) -> Generator[Progress, None, Any]:
        for i in range(n):
            yield Progress(i, n, f"step {i}", partial=i)
        return result

    return job


def raising(exception: BaseException) -> Callable[[CancelToken], Job[Any]]:
    def job(cancel: CancelToken) -> Generator[Progress, None, Any]:
        yield Progress(0, 1)
        raise exception

    return job


def test_delivers_partials_and_result_in_order_on_the_main_thread(runner: JobRunner) -> None:
    log, seen = Log(runner), []

    def note(value: Any) -> None:
        seen.append((value, threading.current_thread() is threading.main_thread()))

    assert runner.start(steps(50), name="Count", on_partial=note, on_result=note)
    assert runner.busy
    assert runner.running_name == "Count"
    assert runner.wait(10)
    assert seen == [(value, True) for value in [*range(50), "done"]]
    assert [kind for kind, _ in log.events if kind != "progress"] == [
        "busy_changed",
        "started",
        "finished",
        "busy_changed",
    ]
    assert log.of("busy_changed") == [True, False]


def test_factory_and_job_run_off_the_main_thread_and_generator_is_closed_there(runner: JobRunner) -> None:
    closed_in: list[threading.Thread] = []

    def job(cancel: CancelToken) -> Job[None]:
        try:
            while True:
                time.sleep(0.001)
                yield Progress(0, 0)
        finally:
            closed_in.append(threading.current_thread())

    runner.start(job, name="Endless")
    runner.cancel()
    assert runner.wait(10)
    assert closed_in
    assert closed_in[0] is not threading.main_thread()


def test_bare_progress_is_merged_so_that_a_fast_job_does_not_flood_the_event_loop(runner: JobRunner) -> None:
    log = Log(runner)
    finished = threading.Event()

    def job(cancel: CancelToken) -> Job[str]:
        for i in range(20_000):
            yield Progress(i, 20_000)
        finished.set()
        return "ok"

    runner.start(job, name="Fast")
    assert finished.wait(30)  # no event was processed in the meantime
    assert runner.wait(10)
    assert len(log.of("progress")) == 1
    assert log.of("finished") == ["ok"]


@pytest.mark.parametrize(
    "exception", [RuntimeError("CUDA error"), ValueError("odd"), ZeroDivisionError("zero")]
)
def test_unexpected_exceptions_are_reported_with_their_traceback(
    runner: JobRunner, notifications: list[tuple[str, str]], exception: Exception
) -> None:
    from napari.utils.notifications import ErrorNotification, notification_manager

    log = Log(runner)
    runner.start(raising(exception), name="Train", on_error=lambda error: True)
    assert runner.wait(10)
    assert notifications == [
        ("error", f"Train failed unexpectedly: {type(exception).__name__}: {exception}"),
    ]
    record = notification_manager.records[-1]
    assert isinstance(record, ErrorNotification)
    assert "raise exception" in record.as_text()
    assert log.of("failed") == [exception]
    assert log.of("finished") == []
    assert not runner.busy


def test_failure_before_the_first_step_is_reported(
    runner: JobRunner, notifications: list[tuple[str, str]]
) -> None:
    def factory(cancel: CancelToken) -> Job[None]:
        raise RuntimeError("no generator at all")

    runner.start(factory, name="Train")
    assert runner.wait(10)
    assert notifications == [("error", "Train failed unexpectedly: RuntimeError: no generator at all")]


def test_a_plain_error_is_shown_as_it_is_and_without_traceback(
    runner: JobRunner, notifications: list[tuple[str, str]]
) -> None:
    from napari.utils.notifications import ErrorNotification, notification_manager

    runner.start(raising(AnnotationError("paint a second class (got 1)")), name="Train")
    assert runner.wait(10)
    assert notifications == [("error", "Train: paint a second class (got 1)")]
    assert not isinstance(notification_manager.records[-1], ErrorNotification)


def test_a_widget_may_show_plain_errors_itself(
    runner: JobRunner, notifications: list[tuple[str, str]]
) -> None:
    shown: list[Exception] = []
    runner.start(
        raising(InputError("one class only")), name="Live", on_error=lambda e: shown.append(e) or True
    )
    assert runner.wait(10)
    assert [str(error) for error in shown] == ["one class only"]
    assert notifications == []


def test_out_of_memory_says_what_to_do(runner: JobRunner, notifications: list[tuple[str, str]]) -> None:
    runner.start(raising(MemoryError("8 GiB")), name="Predict")
    assert runner.wait(10)
    assert notifications[0][1].startswith("Predict: there is not enough memory. Close other programs")


def test_the_traceback_does_not_keep_the_arrays_of_the_job(
    runner: JobRunner, notifications: list[tuple[str, str]]
) -> None:
    import gc
    import weakref

    class Big:
        pass

    held: list[weakref.ref[Big]] = []

    def job(cancel: CancelToken) -> Job[None]:
        big = Big()
        held.append(weakref.ref(big))
        yield Progress(0, 1)
        raise RuntimeError(str(big))

    runner.start(job, name="Train")
    assert runner.wait(10)
    gc.collect()
    assert held[0]() is None


def test_an_exception_in_a_callback_is_reported_and_ends_the_job(
    runner: JobRunner, notifications: list[tuple[str, str]]
) -> None:
    results: list[str] = []

    def broken(value: Any) -> None:
        raise KeyError("no such layer")

    runner.start(steps(3), name="Live", on_partial=broken, on_result=results.append)
    assert runner.wait(10)
    assert len(notifications) == 1
    assert "Live failed unexpectedly: KeyError" in notifications[0][1]
    assert results == []


def test_cancel_inside_a_long_step(make_gate: Any, runner: JobRunner) -> None:
    gate, log, delivered = make_gate(), Log(runner), []
    runner.start(gate, name="Train", on_partial=delivered.append, on_result=delivered.append)
    assert gate.entered.wait(5)
    runner.cancel()
    assert runner.busy  # until the job has let go
    assert runner.cancelling
    assert runner.wait(5)
    assert gate.closed.is_set()
    assert delivered == []
    assert log.of("cancelled") == ["Train"]
    assert log.of("finished") == []


def test_a_result_that_crosses_a_cancel_is_dropped(make_gate: Any, runner: JobRunner) -> None:
    delivered: list[str] = []
    gate = make_gate(poll=False)
    runner.start(gate, name="Train", on_result=delivered.append)
    assert gate.entered.wait(5)
    gate.open.set()
    assert gate.closed.wait(5)  # the result is in the mail, but was not read yet
    runner.cancel()
    assert runner.wait(5)
    assert delivered == []


def test_a_new_request_replaces_a_waiting_one_and_the_running_one_is_cancelled(
    make_gate: Any, runner: JobRunner
) -> None:
    first, log, delivered = make_gate(), Log(runner), []
    runner.start(first, name="live 0", on_result=delivered.append)
    assert first.entered.wait(5)
    for i in range(1, 6):
        assert runner.start(steps(2, f"result {i}"), name=f"live {i}", on_result=delivered.append)
    assert runner.wait(10)
    assert delivered == ["result 5"]
    assert log.of("started") == ["live 0", "live 5"]
    assert sorted(log.of("cancelled")) == [f"live {i}" for i in range(5)]
    assert log.of("busy_changed") == [True, False]


def test_only_one_job_runs_at_a_time(runner: JobRunner) -> None:
    running, most = 0, 0
    lock = threading.Lock()

    def job(cancel: CancelToken) -> Job[None]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        try:
            for i in range(20):
                time.sleep(0.001)
                yield Progress(i, 20)
        finally:
            with lock:
                running -= 1

    for i in range(10):
        runner.start(job, name=f"live {i}")
        time.sleep(0.002)
    assert runner.wait(10)
    assert most == 1


def test_a_second_job_is_refused_with_words(
    make_gate: Any, runner: JobRunner, notifications: list[tuple[str, str]]
) -> None:
    gate, delivered = make_gate(), []
    runner.start(gate, name="Train", on_result=delivered.append)
    assert not runner.start(steps(1), name="Predict", cancel_previous=False)
    assert notifications == [("error", "Predict: Train is still running: cancel it first (got Predict)")]
    gate.open.set()
    assert runner.wait(10)
    assert delivered == ["whole"]


def test_the_result_may_start_the_next_job(runner: JobRunner) -> None:
    delivered: list[str] = []

    def then_predict(result: str) -> None:
        delivered.append(result)
        runner.start(steps(2, "predicted"), name="Predict", on_result=delivered.append, cancel_previous=False)

    log = Log(runner)
    runner.start(steps(2, "trained"), name="Train", on_result=then_predict)
    assert runner.wait(10)
    assert delivered == ["trained", "predicted"]
    assert log.of("busy_changed") == [True, False]


def test_guard_drops_what_is_no_longer_wanted(make_gate: Any, runner: JobRunner) -> None:
    gate, log, delivered, wanted = make_gate(), Log(runner), [], [True]
    runner.start(
        gate, name="Live", on_partial=delivered.append, on_result=delivered.append, guard=lambda: wanted[0]
    )
    assert gate.entered.wait(5)
    wanted[0] = False
    gate.open.set()
    assert runner.wait(5)
    assert delivered == []
    assert log.of("cancelled") == ["Live"]


def test_events_processed_by_a_callback_do_not_change_the_order(runner: JobRunner, qapp: Any) -> None:
    seen: list[int] = []

    def slow(value: int) -> None:
        time.sleep(0.002)
        qapp.processEvents()  # as napari does while it draws a progress bar
        seen.append(value)

    def job(cancel: CancelToken) -> Job[None]:
        for i in range(30):
            time.sleep(0.001)
            yield Progress(i, 30, partial=i)

    runner.start(job, name="Train", on_partial=slow)
    assert runner.wait(10)
    assert seen == list(range(30))


def test_the_first_cancel_of_a_job_that_can_stop_keeps_what_it_has(runner: JobRunner, qapp: Any) -> None:
    stop, delivered = CancelToken(), []

    def job(cancel: CancelToken) -> Job[str]:
        yield Progress(0, 2, "first step")
        while not stop.cancelled:
            cancel.raise_if_cancelled()
            time.sleep(0.002)
        yield Progress(1, 2, "rounding up", partial="half")
        return "the best so far"

    runner.start(job, name="Find", stop=stop, on_result=delivered.append, on_partial=delivered.append)
    assert runner.can_stop
    runner.cancel()
    assert runner.stopping
    assert not runner.cancelling
    assert runner.wait(5)
    assert delivered == ["half", "the best so far"]
    assert not runner.stopping


def test_the_second_cancel_of_a_job_that_can_stop_ends_it(make_gate: Any, runner: JobRunner) -> None:
    gate, log, delivered = make_gate(), Log(runner), []
    runner.start(gate, name="Find", stop=CancelToken(), on_result=delivered.append)
    assert gate.entered.wait(5)
    runner.cancel()
    assert not gate.closed.wait(0.05)
    runner.cancel()
    assert runner.cancelling
    assert runner.wait(5)
    assert delivered == []
    assert log.of("cancelled") == ["Find"]


def test_nothing_starts_after_close(runner: JobRunner) -> None:
    runner.close()
    assert not runner.start(steps(1), name="Train")
    assert not runner.busy
