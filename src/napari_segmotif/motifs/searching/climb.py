"""The inner loop of the search: one restart climbs to the template nearest to its first window."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

N_ITERATIONS = 18
_N_LENIENT = 6  # iterations over which the demand on an entry rises to its full height
_N_BLIND = 2  # iterations that take the best windows, whatever they score
_N_FIRST = 6  # that many of them
_CENTRED_AT = (3, 6, 9, 12)
_SURE = 0.7  # share of a first window's spikes that are taken to be the template's


@numba.njit(cache=True)
def entry_gain(share: float, rate: float, n: int) -> float:
    """Log-likelihood ratio that an entry's spikes add over n windows."""
    q = min(max(share, 1e-6), 1 - 0.5 / (n + 1))
    return n * (q * math.log(q / rate) + (1 - q) * math.log((1 - q) / (1 - rate)))


@numba.njit(cache=True)
def window_shares(hits: F32, starts: NDArray[np.intp], length: int) -> F32:
    """Share of the windows that have a hit at each entry, (K, F)."""
    n_rows = hits.shape[0]
    mean = np.zeros((n_rows, length), np.float32)
    for s in starts:
        for k in range(n_rows):
            for f in range(length):
                mean[k, f] += hits[k, s + f]
    return mean / np.float32(max(1, len(starts)))


@numba.njit(cache=True)
def kept_shares(mean: F32, rates: F32, n: int, demand: float) -> F32:
    """Entries above what chance lets any have; of neighbouring frames only the highest."""
    n_rows, length = mean.shape
    kept = np.zeros((n_rows, length), np.float32)
    for k in range(n_rows):
        for f in range(length):
            value = mean[k, f]
            if value <= rates[k] * 1.2:
                continue
            peak = True
            for u in range(max(0, f - 2), min(length, f + 3)):
                if (u < f and mean[k, u] >= value) or (u > f and mean[k, u] > value):
                    peak = False
            if peak and entry_gain(value, rates[k], n) > demand:
                kept[k, f] = value
    return kept


@numba.njit(cache=True)
def log_ratios(shares: F32, rates: F32, n: int) -> tuple[F32, float]:
    """Weight of a spike at each entry, and the log-likelihood ratio of a window without any."""
    weights = np.zeros(shares.shape, np.float32)
    offset = 0.0
    for k in range(shares.shape[0]):
        p = rates[k]
        for f in range(shares.shape[1]):
            if shares[k, f] > 0:
                q = min(max(shares[k, f], 0.05), 1 - 0.5 / (n + 1))
                weights[k, f] = math.log(q * (1 - p) / (p * (1 - q)))
                offset += math.log((1 - q) / (1 - p))
    return weights, offset


@numba.njit(cache=True)
def match_windows(hits: F32, weights: F32) -> F32:
    """Match of every window with a template, (T − F + 1,)."""
    n_windows = hits.shape[1] - weights.shape[1] + 1
    match = np.zeros(n_windows, np.float32)
    for k in range(weights.shape[0]):
        for f in range(weights.shape[1]):
            w = weights[k, f]
            if w != 0:
                for t in range(n_windows):
                    match[t] += w * hits[k, t + f]
    return match


@numba.njit(cache=True)
def pick_peaks(score: F32, threshold: float, distance: int, n_most: int) -> NDArray[np.intp]:
    """The highest places above a threshold, at least `distance` apart, ascending."""
    order = np.argsort(-score, kind="mergesort")
    blocked = np.zeros(len(score), np.bool_)
    picked = np.empty(min(n_most, len(score)), np.intp)
    n = 0
    for t in order:
        if not score[t] > threshold or n >= n_most:
            break
        if not blocked[t]:
            picked[n] = t
            n += 1
            blocked[max(0, t - distance + 1) : t + distance] = True
    return np.sort(picked[:n])


@numba.njit(cache=True)
def _centring(hits: F32, starts: NDArray[np.intp], length: int, rates: F32) -> int:
    """By how much to move the window so that it holds as much as possible of what repeats around it."""
    reach = length // 2
    inside = starts[(starts >= reach) & (starts + length + reach <= hits.shape[1])]
    if len(inside) < 2:
        return 0
    mean = window_shares(hits, inside - reach, length + 2 * reach)
    demand = 0.7 * math.log(mean.size)
    kept = kept_shares(mean, rates, len(inside), demand)
    value = np.zeros(length + 2 * reach)
    for k in range(kept.shape[0]):
        for f in range(kept.shape[1]):
            if kept[k, f] > 0:
                value[f] += entry_gain(kept[k, f], rates[k], len(inside))
    best, best_sum = 0, -1.0
    for shift in range(-reach, reach + 1):
        total = value[shift + reach : shift + reach + length].sum()
        if total > best_sum * (1 + 1e-9) or (total >= best_sum * (1 - 1e-9) and abs(shift) < abs(best)):
            best, best_sum = shift, total
    return best


@numba.njit(cache=True)
def climb(
    hits: F32, first: int, length: int, rates: F32, usable: NDArray[np.bool_], log_prior: float
) -> NDArray[np.intp]:
    """Frames at which the template begins that a window leads to; fewer than two: it leads nowhere.

    Parameters
    ----------
    hits
        (K, T) float32 in [0, 1].
    first
        Start of the first window.
    length
        F.
    rates
        (K,) share of frames with a hit.
    usable
        (T − F + 1,) where windows may begin.
    log_prior
        Logarithm of the probability that the template begins in a frame.
    """
    nowhere = np.empty(0, np.intp)
    window = np.ascontiguousarray(hits[:, first : first + length])
    weights, offset = log_ratios(kept_shares(window, rates, 1, -1e9) * _SURE, rates, 2)
    starts = nowhere
    full_demand = math.log(hits.shape[0] * length)
    distance = max(2, length // 2)
    for iteration in range(N_ITERATIONS):
        match = match_windows(hits, weights)
        for t in range(len(match)):
            if not usable[t]:
                match[t] = -np.inf
        blind = iteration < _N_BLIND
        threshold = -1e30 if blind else -log_prior - offset
        found = pick_peaks(match, threshold, distance, _N_FIRST if blind else len(match))
        if len(found) < 2:
            return nowhere
        settled = iteration > _N_LENIENT and len(found) == len(starts) and np.all(found == starts)
        if iteration in _CENTRED_AT:
            shift = _centring(hits, found, length, rates)
            if shift != 0:
                moved = found + shift
                moved = moved[(moved >= 0) & (moved < len(usable))]
                found = moved[usable[moved]]
                settled = False
                if len(found) < 2:
                    return nowhere
        starts = found
        if settled:
            break
        strictness = min(1.0, (iteration + 1) / _N_LENIENT)
        shares = kept_shares(
            window_shares(hits, starts, length), rates, len(starts), strictness * full_demand
        )
        weights, offset = log_ratios(shares, rates, len(starts))
        if not np.any(weights):
            return nowhere
    return starts


@numba.njit(cache=True, parallel=True)
def climb_all(
    hits: F32,
    firsts: NDArray[np.intp],
    length: int,
    rates: F32,
    usable: NDArray[np.bool_],
    log_prior: float,
) -> NDArray[np.bool_]:
    """The starts that each first window leads to, as a mask (R, T − F + 1)."""
    starts = np.zeros((len(firsts), len(usable)), np.bool_)
    for r in numba.prange(len(firsts)):
        for s in climb(hits, firsts[r], length, rates, usable, log_prior):
            starts[r, s] = True
    return starts
