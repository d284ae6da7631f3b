"""The divergence between binary concrete distributions, against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_segmotif.errors import InputError
from napari_segmotif.motifs.refining.bin_concrete import divergence, divergence_at_equal_temperatures

LOGITS = np.array([-40.0, -9.0, -3.5, -0.3, 0.0, 0.7, 4.0, 12.0, 40.0])
PRIOR = float(np.log(0.01 / 0.99))


def log_density(y: NDArray[np.float64], logit: float, temperature: float) -> NDArray[np.float64]:
    """The density of BinConcrete at z = σ(y), as it is defined (Maddison et al., 2017, appendix B)."""
    log_z, log_rest = -np.logaddexp(0, -y), -np.logaddexp(0, y)
    top = np.log(temperature) + logit - (temperature + 1) * (log_z + log_rest)
    return np.asarray(top - 2 * np.logaddexp(logit - temperature * log_z, -temperature * log_rest))


@pytest.mark.parametrize("logit", [-4.0, -1.0, 0.5, 3.0])
@pytest.mark.parametrize(("posterior", "prior"), [(0.4, 0.5), (0.8, 0.5), (0.7, 0.7)])
def test_it_is_the_mean_log_ratio_of_the_densities(logit: float, posterior: float, prior: float) -> None:
    y = (logit + np.random.default_rng(0).logistic(size=200_000)) / posterior
    ratio = log_density(y, logit, posterior) - log_density(y, PRIOR, prior)
    error = ratio.std() / np.sqrt(len(ratio))
    assert abs(ratio.mean() - divergence(np.array(logit), PRIOR, posterior, prior)) < 4 * error


def test_the_density_that_the_samples_are_held_against_is_one() -> None:
    y = np.linspace(-150, 150, 300_001)
    inside = np.exp(log_density(y, 0.5, 0.4) - np.logaddexp(0, -y) - np.logaddexp(0, y))
    assert inside.sum() * (y[1] - y[0]) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("prior", [PRIOR, 0.0, 3.0])
def test_at_equal_temperatures_it_is_the_closed_form(prior: float) -> None:
    found = divergence(LOGITS, prior, 0.5, 0.5)
    np.testing.assert_allclose(found, divergence_at_equal_temperatures(LOGITS, prior), atol=5e-5)


@pytest.mark.parametrize(("posterior", "prior"), [(0.4, 0.5), (0.5, 0.02), (0.1, 5.0)])
def test_few_nodes_are_as_good_as_many(posterior: float, prior: float) -> None:
    """Also where one temperature is far above the other, and the integrand has a sharp bend."""
    fine = np.linspace(-60, 60, 400_001)
    weights = 1 / (4 * np.cosh(fine / 2) ** 2)
    weights /= weights.sum()
    ratio = prior / posterior
    for logit in LOGITS:
        w = np.abs(PRIOR - ratio * (logit + fine))
        expected = weights @ (w + 2 * np.log1p(np.exp(-w))) - np.log(ratio) - 2
        assert divergence(np.array(logit), PRIOR, posterior, prior) == pytest.approx(expected, 1e-4, 5e-5)


def test_it_is_zero_where_both_are_the_same_and_nowhere_below() -> None:
    logits = np.linspace(-40, 40, 2001)
    for posterior, prior in [(0.4, 0.5), (0.5, 0.5), (0.9, 0.3)]:
        assert divergence(logits, PRIOR, posterior, prior).min() > -5e-5
    assert divergence(np.array(PRIOR), PRIOR, 0.5, 0.5) == pytest.approx(0, abs=5e-5)
    assert divergence_at_equal_temperatures(np.array(PRIOR), PRIOR) == 0


def test_the_closed_form_has_no_seam_where_its_series_begins() -> None:
    around = PRIOR + np.array([0.0999999, 0.1000001])
    below, above = divergence_at_equal_temperatures(around, PRIOR)
    assert above == pytest.approx(below, rel=1e-5)


def test_pytorch_gets_the_same_values_and_the_right_gradient() -> None:
    import torch

    logits = torch.tensor(LOGITS, dtype=torch.float64, requires_grad=True)
    found = divergence(logits, PRIOR, 0.4, 0.5, torch)
    np.testing.assert_allclose(found.detach().numpy(), divergence(LOGITS, PRIOR, 0.4, 0.5), rtol=1e-12)
    found.sum().backward()
    step = 1e-5
    ahead, behind = (divergence(LOGITS + s, PRIOR, 0.4, 0.5) for s in (step, -step))
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad.numpy(), (ahead - behind) / (2 * step), atol=1e-6)


def test_in_single_precision_large_logits_neither_overflow_nor_cancel() -> None:
    import torch

    logits = torch.tensor(LOGITS, dtype=torch.float32, requires_grad=True)
    found = divergence(logits, PRIOR, 0.4, 0.5, torch)
    np.testing.assert_allclose(found.detach().numpy(), divergence(LOGITS, PRIOR, 0.4, 0.5), rtol=1e-5)
    found.sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_temperatures_must_be_positive() -> None:
    with pytest.raises(InputError, match=r"greater than 0 \(got λ1=0.0, λ2=0.5\)"):
        divergence(LOGITS, PRIOR, 0.0, 0.5)
