"""From fluorescence traces to spikes: the shape of a transient, and sparse non-negative deconvolution."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

_RISES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)  # s
_DECAYS = (0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.3, 1.6, 2.0, 3.0)  # s
_LONGEST_LAG = 0.5  # s; at longer ones the refractory time of repeating motifs shows
_N_SWEEPS = 60
_SPARSITY = 2.0  # penalty in standard deviations of a filtered trace's noise


@dataclass(frozen=True)
class Transient:
    """The shape of one fluorescence transient: exponential before and after its peak, as in the paper.

    Attributes
    ----------
    rise, decay
        Time constants in frames.
    """

    rise: float
    decay: float

    @property
    def n_before(self) -> int:
        """Frames before the peak that matter."""
        return int(np.ceil(4 * self.rise)) if self.rise > 0 else 0

    @property
    def kernel(self) -> F32:
        """The transient, (n,) float32 of height 1, its peak at `n_before`."""
        before = np.arange(-self.n_before, 0)
        after = np.arange(0, int(np.ceil(5 * self.decay)) + 1)
        rising = np.exp(before / self.rise) if len(before) else np.zeros(0)
        return np.concatenate([rising, np.exp(-after / self.decay)]).astype(np.float32)

    def autocorrelation(self, n_lags: int) -> NDArray[np.float64]:
        """Autocorrelation of the kernel at lags 0 to n_lags − 1."""
        kernel = self.kernel.astype(np.float64)
        full = np.correlate(kernel, kernel, "full")[len(kernel) - 1 :]
        return np.pad(full, (0, max(0, n_lags - len(full))))[:n_lags]


def fit_transient(traces: F32, frame_rate: float) -> Transient:
    """Time constants of the transients, from the autocovariance of the traces.

    White noise adds to lag 0 only; the spikes' own regularity is taken to be small beside the transient.

    Parameters
    ----------
    traces
        (K, T) float32.
    frame_rate
        Frames per second.
    """
    centred = traces - traces.mean(axis=1, keepdims=True)
    best = _fitted(centred, frame_rate, _LONGEST_LAG)
    seconds = best.decay / frame_rate
    return best if seconds <= _LONGEST_LAG else _fitted(centred, frame_rate, 2 * seconds)


def _fitted(centred: F32, frame_rate: float, longest_lag: float) -> Transient:
    n_lags = int(np.clip(round(longest_lag * frame_rate), 4, max(4, centred.shape[1] // 4)))
    size = _fft_size(centred.shape[1] + n_lags)
    power = np.abs(np.fft.rfft(centred, size, axis=1)) ** 2
    covariance = np.fft.irfft(power.sum(axis=0), size)[1:n_lags]
    best, best_error = Transient(0.0, 0.3), np.inf
    for decay in _DECAYS:
        for rise in _RISES:
            if rise > decay:
                continue
            candidate = Transient(rise * frame_rate, decay * frame_rate)
            expected = candidate.autocorrelation(n_lags)[1:]
            basis = np.stack([expected, np.ones_like(expected)], axis=1)
            solution, *_ = np.linalg.lstsq(basis, covariance, rcond=None)
            error = float(np.sum((basis @ solution - covariance) ** 2))
            if solution[0] > 0 and error < best_error * (1 - 1e-9):
                best, best_error = candidate, error
    return best


def find_spikes(traces: F32, noise: F32, transient: Transient) -> F32:
    """Sparse, non-negative spikes whose transients explain the traces.

    Minimises ½‖c − h*s − b‖² + λ·Σs over s ≥ 0 by coordinate descent, with λ as high as the noise asks for.

    Parameters
    ----------
    traces
        (K, T) float32.
    noise
        (K,) standard deviation of the white noise of each.
    transient
        Shape h of a transient.

    Returns
    -------
    ndarray
        (K, T) float32, in units of the traces' height; 0 in nearly all frames.
    """
    kernel = transient.kernel
    energy = float(np.sum(kernel.astype(np.float64) ** 2))
    gram = transient.autocorrelation(len(kernel)).astype(np.float32)
    spikes = np.zeros_like(traces)
    baseline = np.median(traces, axis=1, keepdims=True).astype(np.float32)
    penalty = (_SPARSITY * noise * np.sqrt(energy)).astype(np.float32)
    for sweep in range(3):
        filtered = _correlated(traces - baseline, kernel, transient.n_before)
        _descend(filtered, gram, penalty, spikes, _N_SWEEPS if sweep == 2 else 15)
        explained = play_transients(spikes, transient)
        rest = traces - explained
        baseline = np.median(rest, axis=1, keepdims=True).astype(np.float32)
    return spikes


def play_transients(spikes: F32, transient: Transient) -> F32:
    """Fluorescence (K, T) that spikes (K, T) give."""
    kernel, before = transient.kernel, transient.n_before
    n_frames = spikes.shape[1]
    size = _fft_size(n_frames + len(kernel))
    full = np.fft.irfft(np.fft.rfft(spikes, size) * np.fft.rfft(kernel, size), size)
    result: F32 = full[:, before : before + n_frames].astype(np.float32)
    return result


def _correlated(traces: F32, kernel: F32, n_before: int) -> F32:
    n_frames = traces.shape[1]
    size = _fft_size(n_frames + len(kernel))
    full = np.fft.irfft(np.fft.rfft(traces, size) * np.fft.rfft(kernel[::-1], size), size)
    start = len(kernel) - 1 - n_before
    padded = np.pad(full, ((0, 0), (0, max(0, start + n_frames - full.shape[1]))))
    return np.ascontiguousarray(padded[:, start : start + n_frames], dtype=np.float32)


def _fft_size(n: int) -> int:
    from scipy.fft import next_fast_len

    return int(next_fast_len(n, real=True))


@numba.njit(cache=True, parallel=True)
def _descend(filtered: F32, gram: F32, penalty: F32, spikes: F32, n_sweeps: int) -> None:
    """Coordinate descent on every trace by itself; `spikes` is the start and the result."""
    n_traces, n_frames = filtered.shape
    n_lags = len(gram)
    for k in numba.prange(n_traces):
        gradient = filtered[k].copy()  # hᵀ(c − h*s)
        for t in range(n_frames):
            value = spikes[k, t]
            if value != 0:
                for u in range(max(0, t - n_lags + 1), min(n_frames, t + n_lags)):
                    gradient[u] -= value * gram[abs(u - t)]
        for _ in range(n_sweeps):
            largest = np.float32(0)
            for t in range(n_frames):
                old = spikes[k, t]
                new = old + (gradient[t] - penalty[k]) / gram[0]
                if new < 0:
                    new = np.float32(0)
                change = new - old
                if change != 0:
                    spikes[k, t] = new
                    largest = max(largest, abs(change))
                    for u in range(max(0, t - n_lags + 1), min(n_frames, t + n_lags)):
                        gradient[u] -= change * gram[abs(u - t)]
            if largest * gram[0] < 0.02 * penalty[k]:
                break
