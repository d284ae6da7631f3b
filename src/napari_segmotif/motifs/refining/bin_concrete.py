"""The binary concrete distribution: activations between 0 and 1 through which a gradient can flow.

z = σ((log α̃ + L) / λ) with L logistic, where α̃ = α / (1 − α) are the odds and λ is the temperature
(Maddison et al., ICLR 2017; Kirschbaum et al., ICLR 2019). What is here works on NumPy arrays and on
PyTorch tensors alike: hand the module in whose functions are to be used.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...errors import InputError

N_NODES = 33
REACH = 14.0
"""The expectation over the logistic variable is a trapezoid sum of so many nodes in [−REACH, REACH].

A logistic variable leaves that range once in 600,000 draws. The integrand is analytic in a strip of
half-width π about the real axis: what is cut off, a few parts in a million, is all of the error."""


def divergence(
    logits: Any,
    prior_logit: float,
    posterior_temperature: float,
    prior_temperature: float,
    xp: Any = np,
) -> Any:
    r"""Kullback-Leibler divergence of the relaxed posterior from the relaxed prior, for every element.

    With l = log α̃, k = log ã, r = λ2 / λ1 and L logistic, the divergence is
    −log(ã r) − 2 + r l + 2 E[log(1 + ã (α̃ U / (1 − U))^−r)]. Since E[L] = 0, that is
    E[g(k − r l − r L)] − log r − 2 with g(w) = 2 log(2 cosh(w / 2)), which neither overflows nor cancels for
    large logits. g is the expectation of |w + V| over a second logistic variable V, so that both may change
    places: E[g(v − r L)] = r E[g((v − L) / r)]. The one that is wider is integrated numerically, and
    33 nodes suffice for every r. Where λ1 = λ2 the sum agrees with `divergence_at_equal_temperatures`.

    Parameters
    ----------
    logits
        log α̃ of the posterior, an array or tensor of any shape.
    prior_logit
        log ã of the prior.
    posterior_temperature, prior_temperature
        λ1 and λ2.
    xp
        The module whose functions are used: numpy or torch.

    Returns
    -------
    array or tensor of the shape of `logits`
        In nats; 0 where posterior and prior are the same distribution, and never below but for rounding.

    Raises
    ------
    InputError
        If a temperature is not positive.
    """
    if not (posterior_temperature > 0 and prior_temperature > 0):
        raise InputError(
            f"temperatures must be greater than 0 (got λ1={posterior_temperature}, λ2={prior_temperature})"
        )
    ratio = prior_temperature / posterior_temperature
    centre = prior_logit - ratio * logits
    total = 0.0
    for node, weight in zip(*_logistic_nodes(), strict=True):
        w = abs(centre - ratio * node) if ratio <= 1 else abs((centre - node) / ratio)
        total = total + weight * (w + 2 * xp.log1p(xp.exp(-w)))
    return max(ratio, 1.0) * total - (math.log(ratio) + 2)


def divergence_at_equal_temperatures(logits: Any, prior_logit: float, xp: Any = np) -> Any:
    """The same in closed form, for λ1 = λ2: log(α̃/ã) − 2 + 2 A log A / (A − 1) with A = ã/α̃.

    Parameters
    ----------
    logits
        log α̃ of the posterior, an array or tensor of any shape.
    prior_logit
        log ã of the prior.
    xp
        The module whose functions are used: numpy or torch.

    Returns
    -------
    array or tensor of the shape of `logits`
    """
    # With d = |log A| this is d coth(d / 2) − 2, even in d; below 0.1 the series does not cancel.
    d = abs(prior_logit - logits)
    safe = xp.where(d < 0.1, xp.ones_like(d), d)
    series = d * d / 6 - d**4 / 360
    return xp.where(d < 0.1, series, safe / xp.tanh(safe / 2) - 2)


def _logistic_nodes() -> tuple[list[float], list[float]]:
    """Nodes and weights, which add up to 1, of the trapezoid sum over a logistic variable."""
    nodes = np.linspace(-REACH, REACH, N_NODES)
    weights = 1 / (4 * np.cosh(nodes / 2) ** 2)
    weights[[0, -1]] /= 2
    weights /= weights.sum()
    return nodes.tolist(), weights.tolist()
