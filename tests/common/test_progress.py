"""Jobs: what run_job drives, and what it leaves when the job is cancelled or fails."""

from __future__ import annotations

import pytest

from napari_segmotif.common.progress import CancelToken, Progress, run_job
from napari_segmotif.errors import JobCancelled


def counting(n, token=None, closed=None):
    try:
        for i in range(n):
            if token is not None:
                token.raise_if_cancelled()
            yield Progress(i + 1, n, f"step {i + 1}")
        return n * 10
    finally:
        if closed is not None:
            closed.append(True)


def test_a_job_reports_progress_and_returns_its_result() -> None:
    seen = []
    assert run_job(counting(3), seen.append) == 30
    assert [progress.fraction for progress in seen] == pytest.approx([1 / 3, 2 / 3, 1])


def test_a_cancelled_job_stops_at_its_next_look() -> None:
    token, seen = CancelToken(), []

    def on_progress(progress: Progress) -> None:
        seen.append(progress)
        token.cancel()

    with pytest.raises(JobCancelled):
        run_job(counting(100, token), on_progress)
    assert len(seen) == 1


def test_a_job_is_closed_when_the_listener_fails() -> None:
    closed: list[bool] = []

    def fail(progress: Progress) -> None:
        raise ValueError(progress.message)

    with pytest.raises(ValueError, match="step 1"):
        run_job(counting(3, closed=closed), fail)
    assert closed == [True]


def test_progress_without_a_known_total_has_no_share() -> None:
    assert Progress(5, 0).fraction == 0.0
