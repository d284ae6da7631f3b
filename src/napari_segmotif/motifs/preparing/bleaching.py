"""The slow loss of brightness: a smooth falling curve, and none where nothing shows that there is one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

_WINDOWS = 40
_PIXELS = 20_000
_RATES = np.geomspace(0.3, 30, 12)  # exponentials that fall to 1/e in 3 % of the video up to 3 times it
_MIN_ERRORS = 4.0  # nor is one that is not so many times its standard error
_MIN_LOSS = 0.005  # a smaller loss over the whole video is not corrected


def estimate_bleaching(binned: NDArray[np.float32], time_bin: int, n_frames: int) -> NDArray[np.float32]:
    """How bright each frame is compared with the first, where the video bleaches.

    Activity must not pass for bleaching. So the curve is taken from pixels in which little happens, in each
    of them from the median of up to 40 windows of time. It is one falling exponential or, where that fits
    clearly better, several and a constant with weights >= 0. It is used only if the loss is at least 0.5 %
    and four times its standard error.

    Parameters
    ----------
    binned : (Td, Yd, Xd) float32
        The video, averaged over `time_bin` frames.
    time_bin
        Frames per bin; the last bin may have fewer.
    n_frames
        Length T of the video.

    Returns
    -------
    ndarray (T,), float32
        1 in the first frame; 1 throughout where no bleaching was found.
    """
    ones = np.ones(n_frames, np.float32)
    n_windows = min(_WINDOWS, len(binned) // 6)
    if n_windows < 5:
        return ones
    bounds = np.linspace(0, len(binned), n_windows + 1).astype(int)
    brightness = _quiet_brightness(binned, bounds)
    if brightness.min() <= 0:
        return ones  # a video whose baseline was taken off cannot show how much brightness is lost
    centers = 0.5 * (bounds[:-1] + bounds[1:] - 1) / max(1, len(binned) - 1)
    times = np.arange(n_frames) / max(1, n_frames - 1)
    curve, error = _fit_falling(centers, brightness, times)
    loss = curve[0] - curve[-1]
    if loss < _MIN_LOSS * curve[0] or loss < _MIN_ERRORS * error:
        return ones
    return np.asarray(curve / curve[0], np.float32)


def _quiet_brightness(binned: NDArray[np.float32], bounds: NDArray[np.int_]) -> NDArray[np.float64]:
    """Mean over quiet, bright pixels of their median in each window."""
    pixels = binned.reshape(len(binned), -1)
    pixels = pixels[:, :: max(1, pixels.shape[1] // _PIXELS)]
    medians = np.empty((len(bounds) - 1, pixels.shape[1]))
    excess = np.zeros(pixels.shape[1])
    for k, (start, stop) in enumerate(pairwise(bounds)):
        window = np.ascontiguousarray(pixels[start:stop].T)
        medians[k] = np.median(window, axis=1)
        # Activity is positive and rare: it draws the mean of a window above its median.
        excess += window.mean(axis=1) - medians[k]
    level = np.median(medians, axis=0)
    bright = level >= np.median(level)
    quiet = bright & (excess <= np.median(excess[bright]))
    return np.asarray(medians[:, quiet].mean(axis=1))


def _fit_falling(
    centers: NDArray[np.float64], values: NDArray[np.float64], times: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """The falling curve at `times`, by least squares that forgives outliers, and the error of its fall."""
    design, weights = _falling(centers, _RATES), np.ones_like(values)
    for _ in range(8):
        coefficients, _ = nnls(design * weights[:, None], values * weights)
        residuals = values - design @ coefficients
        scatter = 1.4826 * float(np.median(np.abs(residuals)))
        if scatter <= 1e-9 * values[0]:
            break
        # Huber's weights: beyond 1.5 standard deviations the distance counts, not its square.
        weights = np.sqrt(np.minimum(1, 1.5 * scatter / np.maximum(np.abs(residuals), 1e-3 * scatter)))
    n_alike = _correlation_length(residuals)
    error = scatter * float(np.sqrt(12 / len(values) * n_alike))  # of a straight line's fall
    single, rate, amplitude = _fit_single(centers, values, weights)
    # By the Bayesian information criterion, whether more than one exponential is worth its parameters.
    penalty = 3 * np.log(len(values)) * n_alike / len(values)
    if float(((weights * residuals) ** 2).sum()) * np.exp(penalty) < single:
        return _falling(times, _RATES) @ coefficients, error
    return amplitude * np.exp(-rate * times), error


def _falling(times: NDArray[np.float64], rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """A constant and the exponentials, (n, 1 + len(rates))."""
    return np.column_stack([np.ones_like(times), np.exp(-np.outer(times, rates))])


def _fit_single(
    centers: NDArray[np.float64], values: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float, float]:
    """One exponential that falls to 0: its sum of squares, rate and amplitude."""
    best = (np.inf, 0.0, 0.0)
    rates = np.append(0, np.geomspace(0.003, 30, 100))
    for _ in range(2):  # the second time more finely, around the best
        courses = np.exp(-np.outer(rates, centers)) * weights
        weighted = values * weights
        amplitudes = courses @ weighted / (courses**2).sum(axis=1)
        errors = ((weighted - amplitudes[:, None] * courses) ** 2).sum(axis=1)
        k = int(errors.argmin())
        best = min(best, (float(errors[k]), float(rates[k]), float(amplitudes[k])))
        rates = best[1] * np.linspace(0.9, 1.1, 101)
    return best


def _correlation_length(residuals: NDArray[np.float64]) -> float:
    """How many neighbouring windows tell the same, slow drifts being alike for a while."""
    power = float(residuals @ residuals)
    alike = float(residuals[1:] @ residuals[:-1]) / power if power > 0 else 0.0
    alike = min(0.9, max(0.0, alike))
    return (1 + alike) / (1 - alike)
