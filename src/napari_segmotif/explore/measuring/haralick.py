"""Haralick's thirteen measures of a grey-level co-occurrence matrix.

f1 to f13 of Haralick, Shanmugam & Dinstein, "Textural features for image classification", IEEE Transactions
on Systems, Man, and Cybernetics 3 (1973), with grey levels 1 to L. Two slips of it are mended as usual: the
sum variance is taken about the sum average, and the difference variance is that of the difference of the
two levels. Entropies are in bits.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

F64 = NDArray[np.float64]

HARALICK = (
    "angular_second_moment",
    "contrast",
    "correlation",
    "sum_of_squares",
    "inverse_difference_moment",
    "sum_average",
    "sum_variance",
    "sum_entropy",
    "entropy",
    "difference_variance",
    "difference_entropy",
    "information_correlation_1",
    "information_correlation_2",
)
"""Names of f1 to f13, in Haralick's order."""


@njit(nogil=True, cache=True)
def haralick_measures(pairs: NDArray[np.int64], measures: F64) -> None:
    """The thirteen measures of one matrix.

    Parameters
    ----------
    pairs
        (L, L) int64: how often grey level i + 1 stands beside j + 1, symmetric.
    measures
        (13,) receives f1 to f13; NaN where there are no pairs. Where there is but one grey level, the
        correlation is 1 (the limit for pairs that are alike) and both information correlations are 0.
    """
    n_levels = len(pairs)
    total = pairs.sum()
    if total == 0:
        measures[:] = np.nan
        return
    marginal, of_sum, of_difference = np.zeros(n_levels), np.zeros(2 * n_levels - 1), np.zeros(n_levels)
    energy = entropy = homogeneity = products = 0.0
    for i in range(n_levels):
        for j in range(n_levels):
            if pairs[i, j] == 0:
                continue
            p = pairs[i, j] / total
            marginal[i] += p
            of_sum[i + j] += p
            of_difference[abs(i - j)] += p
            energy += p * p
            entropy -= p * np.log2(p)
            homogeneity += p / (1 + (i - j) ** 2)
            products += p * (i + 1) * (j + 1)
    mean, variance = _moments(marginal, 1)
    sum_average, sum_variance = _moments(of_sum, 2)
    difference_average, difference_variance = _moments(of_difference, 0)
    own_entropy = _entropy(marginal)
    shared = max(
        0.0, 2 * own_entropy - entropy
    )  # the information, in bits, that one level gives of the other
    measures[0] = energy
    measures[1] = difference_variance + difference_average**2
    measures[2] = (products - mean * mean) / variance if variance > 0 else 1.0
    measures[3] = variance
    measures[4] = homogeneity
    measures[5] = sum_average
    measures[6] = sum_variance
    measures[7] = _entropy(of_sum)
    measures[8] = entropy
    measures[9] = difference_variance
    measures[10] = _entropy(of_difference)
    # By the symmetry of the matrix HXY1 = HXY2 = 2 HX. The exponent is in nats, so that f13 is |ρ| for
    # normally distributed levels (Linfoot, Information and Control 1, 1957).
    measures[11] = -shared / own_entropy if own_entropy > 0 else 0.0
    measures[12] = np.sqrt(1 - np.exp(-2 * np.log(2.0) * shared))


@njit(nogil=True, cache=True)
def _moments(p: F64, lowest: int) -> tuple[float, float]:
    """Mean and variance of whole numbers from `lowest` on with probabilities p."""
    mean = variance = 0.0
    for k in range(len(p)):
        mean += (k + lowest) * p[k]
    for k in range(len(p)):
        variance += (k + lowest - mean) ** 2 * p[k]
    return mean, variance


@njit(nogil=True, cache=True)
def _entropy(p: F64) -> float:
    bits = 0.0
    for k in range(len(p)):
        if p[k] > 0:
            bits -= p[k] * np.log2(p[k])
    return bits
