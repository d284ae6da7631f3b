"""Sparse coding reaches the optimum, and its two linear maps are each other's adjoint."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize

from napari_segmotif.common.progress import CancelToken
from napari_segmotif.errors import JobCancelled
from napari_segmotif.motifs.searching.sparse_coding import match_motifs, play_motifs, sparse_activations

Array = NDArray[np.float32]


def drawn(seed: int, n_motifs: int, length: int, n_rows: int, n_frames: int) -> tuple[Array, Array, Array]:
    """Random motifs (M, F, K), activations (M, T) and data (K, T)."""
    rng = np.random.default_rng(seed)
    motifs = np.maximum(rng.normal(size=(n_motifs, length, n_rows)), 0).astype(np.float32)
    activations = (rng.random((n_motifs, n_frames)) < 0.08).astype(np.float32)
    return motifs, activations, rng.normal(size=(n_rows, n_frames)).astype(np.float32)


def cost(motifs: Array, x: Array, z: NDArray[np.floating], sparsity: float) -> float:
    energy = np.sum(motifs.astype(np.float64) ** 2, axis=(1, 2))
    rest = x - play_motifs(motifs, z.astype(np.float32))
    return 0.5 * float(np.sum(rest.astype(np.float64) ** 2)) + float((sparsity * energy) @ z.sum(axis=1))


sizes = st.tuples(
    st.integers(0, 999), st.integers(1, 3), st.integers(1, 8), st.integers(1, 5), st.integers(1, 40)
)


@settings(max_examples=60, deadline=None)
@given(sizes)
def test_matching_is_the_adjoint_of_playing(size: tuple[int, int, int, int, int]) -> None:
    motifs, _, x = drawn(*size)
    z = np.random.default_rng(size[0]).normal(size=(size[1], size[4])).astype(np.float32)
    assert np.vdot(play_motifs(motifs, z), x) == pytest.approx(np.vdot(z, match_motifs(motifs, x)), abs=2e-3)


@settings(max_examples=40, deadline=None)
@given(sizes)
def test_playing_adds_each_motif_where_it_begins(size: tuple[int, int, int, int, int]) -> None:
    motifs, activations, x = drawn(*size)
    expected = np.zeros(x.shape)
    for m, t in np.argwhere(activations):
        for f in range(min(motifs.shape[1], x.shape[1] - t)):
            expected[:, t + f] += activations[m, t] * motifs[m, f]
    np.testing.assert_allclose(play_motifs(motifs, activations), expected, atol=1e-4)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sparsity", [0.1, 0.45])
def test_no_other_activations_are_better(seed: int, sparsity: float) -> None:
    motifs, truth, noise = drawn(seed, 2, 6, 4, 60)
    x = play_motifs(motifs, truth) + 0.3 * noise
    found = sparse_activations(x, motifs, sparsity, n_iterations=3000)
    penalty = sparsity * np.sum(motifs**2, axis=(1, 2))[:, None]

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = flat.reshape(truth.shape)
        slope = penalty - match_motifs(motifs, x - play_motifs(motifs, z.astype(np.float32)))
        return cost(motifs, x, z, sparsity), slope.ravel().astype(np.float64)

    best = minimize(loss, np.zeros(truth.size), jac=True, method="L-BFGS-B", bounds=[(0, 1)] * truth.size)
    assert cost(motifs, x, found, sparsity) <= best.fun * (1 + 1e-3)
    assert np.abs(found - best.x.reshape(truth.shape)).max() < 0.05


@pytest.mark.parametrize("seed", range(3))
def test_the_result_meets_the_conditions_of_an_optimum(seed: int) -> None:
    motifs, truth, noise = drawn(seed, 3, 5, 6, 80)
    x = play_motifs(motifs, truth) + 0.3 * noise
    z = sparse_activations(x, motifs, 0.3, n_iterations=3000)
    energy = np.sum(motifs**2, axis=(1, 2))[:, None]
    slope = (match_motifs(motifs, x - play_motifs(motifs, z)) - 0.3 * energy) / energy
    inside = (z > 0) & (z < 1)
    assert inside.any()
    assert (z == 0).any()
    assert np.abs(slope[inside]).max() < 0.02
    assert slope[z == 0].max() < 0.02
    assert (z < 1).all() or slope[z == 1].min() > -0.02


@pytest.mark.parametrize(("height", "expected"), [(0.4, 0.0), (0.7, 0.25), (1.0, 0.55), (2.0, 1.0)])
def test_one_motif_by_itself_is_soft_thresholded(height: float, expected: float) -> None:
    motifs = np.zeros((1, 4, 3), np.float32)
    motifs[0, [0, 1, 3], [0, 1, 2]] = (1, 2, 3)
    played = np.zeros((1, 30), np.float32)
    played[0, 11] = height
    z = sparse_activations(play_motifs(motifs, played), motifs, 0.45, n_iterations=2000)
    assert z[0, 11] == pytest.approx(expected, abs=1e-3)
    assert z[0, :11].max() == z[0, 12:].max() == 0


def test_a_motif_does_not_claim_what_another_explains() -> None:
    shared = np.zeros((2, 6, 5), np.float32)
    shared[:, [0, 1], [0, 1]] = 1  # both motifs
    shared[0, 4, 2] = shared[1, 4, 3] = 1  # only here do they differ
    truth = np.zeros((2, 200), np.float32)
    truth[0, 10::40] = truth[1, 30::40] = 1
    x = play_motifs(shared, truth)
    z = sparse_activations(x, shared, 0.3)
    np.testing.assert_array_equal(z > 0.2, truth > 0)
    wrong = match_motifs(shared, x)[0, 30::40]
    assert (wrong > 1.9).all()  # the plain match takes two of three spikes for the motif


def test_motifs_that_overlap_in_time_are_told_apart() -> None:
    motifs, _, noise = drawn(5, 2, 10, 8, 150)
    truth = np.zeros((2, 150), np.float32)
    truth[0, 20::30] = truth[1, 24::30] = 1
    z = sparse_activations(play_motifs(motifs, truth) + 0.2 * noise, motifs, 0.3)
    np.testing.assert_array_equal(z > 0.35, truth > 0)


def test_where_it_starts_does_not_matter() -> None:
    motifs, truth, noise = drawn(7, 2, 6, 5, 80)
    x = play_motifs(motifs, truth) + 0.2 * noise
    cold = sparse_activations(x, motifs, 0.3, n_iterations=2000)
    warm = sparse_activations(x, motifs, 0.3, start=np.ones_like(truth), n_iterations=2000)
    np.testing.assert_allclose(cold, warm, atol=0.02)


def test_an_empty_motif_is_never_played() -> None:
    motifs, truth, _ = drawn(1, 2, 5, 4, 60)
    motifs[1] = 0
    z = sparse_activations(play_motifs(motifs, truth), motifs, 0.3, start=np.ones_like(truth))
    assert not z[1].any()
    assert z[0].any()
    assert not sparse_activations(np.ones((4, 60), np.float32), motifs * 0, 0.3).any()


def test_a_video_shorter_than_the_motif_is_no_trouble() -> None:
    motifs, _, x = drawn(1, 2, 8, 3, 5)
    assert sparse_activations(x, motifs, 0.3).shape == (2, 5)


def test_it_can_be_cancelled() -> None:
    motifs, _, x = drawn(1, 2, 8, 3, 50)
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        sparse_activations(x, motifs, 0.3, token=token)
