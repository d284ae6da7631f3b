"""Searching spikes for repeating templates: many seeded restarts of an alternating fit.

Each restart begins with a random window, finds the windows that resemble it most, keeps the spikes that they
share, and goes on until nothing changes. A window's score is the log-likelihood ratio of independent
Bernoulli spikes against each row's own rate: a row that is always active proves little, and one that is
silent where the template wants a spike speaks against it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken
from .climb import climb_all, kept_shares, log_ratios, window_shares

F32 = NDArray[np.float32]

_BATCH = 128
_ENTRY_PRICE = 0.6
"""What an entry costs a template, as a share of the logarithm of how many it could have."""


@dataclass(frozen=True)
class Template:
    """A pattern of spikes that repeats.

    Attributes
    ----------
    shares
        (K, F) float32, share of the occurrences that have the spike; 0 where the template says nothing.
    weights
        (K, F) float32, log-likelihood ratio of a spike at each entry; 0 where the template says nothing.
    offset
        Log-likelihood ratio of a window without any of the spikes.
    starts
        Frames at which it begins, ascending.
    gain
        Log-likelihood that it explains beyond the background, its own size paid for.
    """

    shares: F32
    weights: F32
    offset: float
    starts: NDArray[np.intp]
    gain: float


def search_templates(
    hits: F32,
    length: int,
    allowed: NDArray[np.bool_],
    n_restarts: int,
    generator: np.random.Generator,
    *,
    prior: float,
    token: CancelToken | None = None,
    stop: CancelToken | None = None,
) -> list[Template]:
    """Templates to which random windows converge, each once, the best first.

    Parameters
    ----------
    hits
        (K, T) float32 in [0, 1]: whether each row has a spike in or right beside each frame.
    length
        F, frames of a template.
    allowed
        (T,) whether a window may begin in a frame.
    n_restarts
        Number of random windows to begin with.
    prior
        How probable a template's start is in a frame.
    token, stop
        Cancels; ends the search once there is something.
    """
    usable = np.ascontiguousarray(allowed[: hits.shape[1] - length + 1])
    candidates = np.flatnonzero(usable)
    if len(candidates) < 2 or not len(hits):
        return []
    rates = base_rates(hits, allowed)
    firsts = generator.choice(candidates, size=n_restarts, replace=n_restarts > len(candidates))
    found: dict[bytes, Template] = {}
    for at in range(0, n_restarts, _BATCH):
        if token is not None:
            token.raise_if_cancelled()
        if stop is not None and stop.cancelled and found:
            break
        masks = climb_all(hits, firsts[at : at + _BATCH], length, rates, usable, float(np.log(prior)))
        for mask in masks:
            key = mask.tobytes()
            if key not in found and mask.sum() >= 2:
                found[key] = template_of(hits, np.flatnonzero(mask), length, rates, prior)
    return sorted(found.values(), key=lambda one: -one.gain)


def base_rates(hits: F32, allowed: NDArray[np.bool_]) -> F32:
    """Share of the frames in which each row has a hit, (K,), kept off 0 and 1."""
    some = hits[:, allowed] if allowed.any() else hits
    least = 1.0 / max(2, some.shape[1])
    rates: F32 = np.clip(some.mean(axis=1), least, 0.95).astype(np.float32)
    return rates


def template_of(hits: F32, starts: NDArray[np.intp], length: int, rates: F32, prior: float) -> Template:
    """The template of given occurrences, and what it explains."""
    mean = window_shares(hits, starts, length)
    demand = float(np.log(max(2, mean.size)))
    shares = kept_shares(mean, rates, len(starts), demand)
    weights, offset = log_ratios(shares, rates, len(starts))
    explained = len(starts) * (float(np.sum(weights * mean)) + offset + float(np.log(prior)))
    price = _ENTRY_PRICE * np.count_nonzero(shares) * demand
    return Template(shares, weights, offset, starts, explained - price)
