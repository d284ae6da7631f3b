"""Motifs as fluorescence: nearer to the truth than least squares, and nothing in cells that have no part."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_segmotif.motifs.refining.expectation import expected_motifs
from napari_segmotif.motifs.results.denoising import motif_traces
from napari_segmotif.motifs.sources.compression import Compressed
from napari_segmotif.motifs.sources.transients import Transient, play_transients

Array = NDArray[np.float32]
LENGTH, N_ROWS, N_FRAMES = 20, 8, 1200
TRANSIENT = Transient(1.0, 5.0)
HEIGHTS = np.array([6, 9, 4, 7, 5, 0, 0, 0], np.float32)
OFFSETS = (2, 5, 8, 11, 4)


def planted(
    noise: float = 1.0, resting: float = 0.0, seed: int = 0
) -> tuple[Compressed, Array, Array, Array]:
    """A recording of one motif, its spikes (1, K, F), activations (1, T), and fluorescence (1, F, K)."""
    rng = np.random.default_rng(seed)
    shares = np.zeros((1, N_ROWS, LENGTH), np.float32)
    shares[0, range(5), OFFSETS] = 1
    activations = np.zeros((1, N_FRAMES), np.float32)
    activations[0, np.arange(20, 1150, 60) + rng.integers(0, 20, 19)] = 1
    spikes = (rng.random((N_ROWS, N_FRAMES)) < 0.004).astype(np.float32) * 5  # of no motif
    for row in range(5):
        spikes[row, np.flatnonzero(activations[0]) + OFFSETS[row]] += HEIGHTS[row]
    traces = play_transients(spikes, TRANSIENT) + resting + noise * rng.normal(size=spikes.shape)
    truth = play_transients(shares[0] * HEIGHTS[:, None], TRANSIENT).T[None]
    recording = Compressed(
        traces.astype(np.float32), TRANSIENT, (spikes > 0).astype(np.float32), np.arange(N_ROWS)
    )
    return recording, shares, activations, truth


def cosine(a: Array, b: Array) -> float:
    return float(np.vdot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("seed", range(3))
def test_it_is_nearer_to_the_truth_than_least_squares(seed: int) -> None:
    recording, shares, activations, truth = planted(noise=2.0, seed=seed)
    found = motif_traces(recording, shares, activations)
    plain = expected_motifs(recording.traces, activations, LENGTH)
    assert found.shape == truth.shape == (1, LENGTH, N_ROWS)
    assert found.dtype == np.float32
    assert cosine(found, truth) > 0.98
    assert np.linalg.norm(found - truth) < 0.7 * np.linalg.norm(plain - truth)


def test_each_cell_has_its_own_height() -> None:
    recording, shares, activations, truth = planted(noise=0.3)
    found = motif_traces(recording, shares, activations)
    np.testing.assert_allclose(found.max(axis=1)[0, :5], truth.max(axis=1)[0, :5], rtol=0.15)


def test_cells_without_a_repeated_spike_are_left_out() -> None:
    recording, shares, activations, _ = planted()
    found = motif_traces(recording, shares, activations)
    assert not found[0, :, 5:].any()
    assert found[0, :, :5].any(axis=0).all()


def test_fluorescence_is_not_negative() -> None:
    recording, shares, activations, _ = planted(noise=3.0)
    assert motif_traces(recording, shares, activations).min() >= 0


def test_the_brightness_at_rest_does_not_matter() -> None:
    low, shares, activations, _ = planted()
    high = planted(resting=50.0)[0]
    one, two = (motif_traces(recording, shares, activations) for recording in (low, high))
    np.testing.assert_allclose(one, two, atol=1e-2)


def test_a_shape_that_is_not_the_common_one_is_followed() -> None:
    """With many occurrences, what the data say counts for more than the shape that all transients share."""
    recording, shares, activations, truth = planted(noise=0.05)
    other = Transient(1.0, 10.0)
    drawn = motif_traces(
        Compressed(recording.traces, other, recording.hits, recording.groups), shares, activations
    )
    assert cosine(drawn, truth) > 0.99


def test_motifs_that_overlap_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    shares = np.zeros((2, 6, LENGTH), np.float32)
    shares[0, [0, 1, 2, 3], [1, 4, 7, 10]] = shares[1, [2, 3, 4, 5], [1, 4, 7, 10]] = 1
    activations = np.zeros((2, N_FRAMES), np.float32)
    activations[0, 20:1150:60] = 1
    activations[1, (activations[0].nonzero()[0][::2] + 6)] = 1  # half of the time while the other one plays
    activations[1, 50:1150:60] = 1
    truth = np.stack([6 * play_transients(s, TRANSIENT).T for s in shares])
    traces = rng.normal(size=(6, N_FRAMES))
    for m, t in np.argwhere(activations):
        traces[:, t : t + LENGTH] += truth[m].T
    recording = Compressed(
        traces.astype(np.float32), TRANSIENT, np.zeros((6, N_FRAMES), np.float32), np.arange(6)
    )
    found = motif_traces(recording, shares, activations)
    assert [cosine(f, t) > 0.98 for f, t in zip(found, truth, strict=True)] == [True, True]


def test_no_motifs_have_no_fluorescence() -> None:
    recording, shares, activations, _ = planted()
    assert motif_traces(recording, shares[:0], activations[:0]).shape == (0, LENGTH, N_ROWS)


def test_a_motif_that_is_hardly_played_has_the_common_shape() -> None:
    recording, shares, activations, truth = planted()
    once = np.zeros_like(activations)
    once[0, np.flatnonzero(activations[0])[0]] = 1
    assert cosine(motif_traces(recording, shares, once), truth) > 0.9
