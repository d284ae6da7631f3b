"""Timing two ways of doing one thing in turn, so that a noisy machine treats both alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Comparison:
    """Median seconds of us and of a peer, and the median of the ratios run by run."""

    ours_s: float
    peer_s: float
    ratio: float
    n_runs: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_seconds(work: Callable[[], object], n_runs: int = 5) -> float:
    work()
    return statistics.median(seconds(work) for _ in range(n_runs))


def compare(ours: Callable[[], object], peer: Callable[[], object], n_runs: int = 5) -> Comparison:
    """Run both once to warm up (ours twice), then in turn."""
    ours()
    ours()
    peer()
    pairs = [(seconds(ours), seconds(peer)) for _ in range(n_runs)]
    return Comparison(
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(b / a for a, b in pairs),
        n_runs,
    )
