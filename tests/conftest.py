"""Fixtures for all tests. Those for widgets, and the checks for what they leak, are in gui/conftest.py."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Machines are shared, and the first example of a test may compile kernels: no deadline. In CI the examples
# are those of every other run there: a change is not blamed for what lay in wait before it.
settings.register_profile("everywhere", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("everywhere")

_REPOSITORY = Path(__file__).resolve().parents[1]

# Pools that libraries start once and keep for the life of the process.
_LASTING_THREADS = ("ThreadPoolExecutor-", "zarr_io", "asyncio_", "fsspecIO", "Dummy-", "pytest_timeout")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The data sets beside the repository; the test is skipped where there are none."""
    root = Path(os.environ.get("SEGMOTIF_DATA", _REPOSITORY.parent / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"no data sets in {root}: set SEGMOTIF_DATA to their folder")
    return root


@pytest.fixture(autouse=True)
def no_leaked_threads() -> Iterator[None]:
    """Fail a test that leaves a Python thread running."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 3.0
    while (left := _threads_since(before)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left, f"threads still running after the test: cancel or join them (got {left})"


def _threads_since(before: set[threading.Thread]) -> list[threading.Thread]:
    return [
        thread
        for thread in threading.enumerate()
        if thread not in before and not thread.name.startswith(_LASTING_THREADS)
    ]
