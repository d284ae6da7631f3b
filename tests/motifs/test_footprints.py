"""Cells are found in a video where they are, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_segmotif.common.progress import CancelToken
from napari_segmotif.errors import JobCancelled
from napari_segmotif.motifs.sources.footprints import Footprints, find_footprints, matched

Array = NDArray[np.float32]
SHAPE = (48, 48)
GRID = tuple((y, x) for y in (8, 24, 40) for x in (8, 24, 40))


def disc(centre: tuple[float, float], radius: float) -> Array:
    """A cell body with a soft edge, of unit norm, (Y, X)."""
    ys, xs = np.mgrid[: SHAPE[0], : SHAPE[1]]
    distance = np.hypot(ys - centre[0], xs - centre[1])
    image = np.clip(radius + 0.5 - distance, 0, 1).astype(np.float32)
    return image / np.linalg.norm(image)


def events(n_cells: int, n_frames: int, seed: int = 0) -> Array:
    """Rare transients of height 1 that decay over three frames, (N, T)."""
    rng = np.random.default_rng(seed)
    spikes = (rng.random((n_cells, n_frames)) < 0.03).astype(np.float32)
    decay = np.exp(-np.arange(10) / 3)
    return np.stack([np.convolve(row, decay)[:n_frames] for row in spikes]).astype(np.float32)


def filmed(cells: Array, traces: Array, seed: int = 1) -> Array:
    """Video (T, Y, X) with noise of standard deviation 1."""
    noise = np.random.default_rng(seed).normal(size=(traces.shape[1], *SHAPE))
    return (np.tensordot(traces.T, cells, 1) + noise).astype(np.float32)


def search(video: Array, **options: object) -> Footprints:
    return find_footprints(video, np.ones(SHAPE, np.float32), **options)


def cosines(found: Footprints, cells: Array) -> Array:
    """Every found with every true cell, (K, N)."""
    return np.asarray(found.weights @ cells.reshape(len(cells), -1).T)


@pytest.fixture(scope="module")
def nine() -> Array:
    return np.stack([disc(centre, 3.5) for centre in GRID])


def test_every_cell_is_found_once(nine: Array) -> None:
    found = search(filmed(nine, 15 * events(9, 400)))
    table = cosines(found, nine)
    assert len(found) == 9
    assert table.max(axis=0).min() > 0.9
    assert sorted(table.argmax(axis=1)) == list(range(9))


def test_a_found_cell_is_not_negative_and_of_unit_norm(nine: Array) -> None:
    weights = search(filmed(nine, 15 * events(9, 300))).weights
    assert weights.dtype == np.float32
    assert weights.shape[1] == SHAPE[0] * SHAPE[1]
    assert (weights.data >= 0).all()
    np.testing.assert_allclose(np.sqrt(weights.multiply(weights).sum(axis=1)), 1, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_there_are_no_cells_in_noise(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(size=(300, *SHAPE)).astype(np.float32)
    assert len(search(noise)) == 0


def test_a_silent_cell_is_not_found(nine: Array) -> None:
    traces = 15 * events(9, 300)
    traces[4] = 0
    table = cosines(search(filmed(nine, traces)), nine)
    assert table[:, 4].max() < 0.3
    assert np.delete(table, 4, axis=1).max(axis=0).min() > 0.85


@pytest.mark.parametrize("distance", [4.0, 5.0])
def test_cells_that_overlap_are_told_apart(distance: float) -> None:
    cells = np.stack([disc((24, 24 - distance / 2), 3.5), disc((24, 24 + distance / 2), 3.5)])
    assert float(np.vdot(*cells)) > 0.15
    found = search(filmed(cells, 20 * events(2, 400)), radius=3.5)
    table = cosines(found, cells)
    assert len(found) == 2
    assert table.max(axis=0).min() > 0.85
    assert table.argmax(axis=0).tolist() in ([0, 1], [1, 0])


def test_cells_that_touch_and_often_fire_together_are_told_apart() -> None:
    cells = np.stack([disc((24, 20.5), 3.5), disc((24, 27.5), 3.5)])
    both = events(1, 500, seed=3)
    traces = np.concatenate([both, both]) + events(2, 500, seed=4)
    table = cosines(search(filmed(cells, 20 * traces), radius=3.5), cells)
    assert table.max(axis=0).min() > 0.85
    assert table.argmax(axis=0).tolist() in ([0, 1], [1, 0])


@pytest.mark.parametrize("radius", [2.5, 3.5, 5.0])
def test_the_size_of_cells_is_found(radius: float) -> None:
    cells = np.stack([disc(centre, radius) for centre in GRID])
    found = search(filmed(cells, 20 * events(9, 300)))
    assert 0.6 * radius < found.radius < 1.6 * radius
    assert cosines(found, cells).max(axis=0).min() > 0.85


def test_a_size_that_is_given_is_taken(nine: Array) -> None:
    found = search(filmed(nine, 15 * events(9, 300)), radius=3.0)
    assert found.radius == 3.0
    assert cosines(found, nine).max(axis=0).min() > 0.85


def test_a_cell_at_the_border_is_found() -> None:
    cells = np.stack([disc((0, 24), 3.5), disc((47, 47), 3.5)])
    found = search(filmed(cells, 20 * events(2, 300)), radius=3.5)
    assert cosines(found, cells).max(axis=0).min() > 0.85


def test_uneven_noise_makes_no_cells(nine: Array) -> None:
    uneven = np.ones(SHAPE, np.float32)
    uneven[:, 24:] = 5
    noise = uneven * np.random.default_rng(0).normal(size=(300, *SHAPE)).astype(np.float32)
    assert len(find_footprints(noise, uneven)) == 0


def test_the_matched_filter_leaves_noise_at_one_standard_deviation() -> None:
    noise = np.random.default_rng(0).normal(size=(60, 64, 64)).astype(np.float32)
    inner = matched(noise, 3.0)[:, 16:-16, 16:-16]
    assert inner.std() == pytest.approx(1, abs=0.05)
    assert matched(noise + 100, 3.0)[:, 16:-16, 16:-16].mean() == pytest.approx(inner.mean(), abs=0.01)


def test_the_same_video_gives_the_same_cells(nine: Array) -> None:
    video = filmed(nine, 15 * events(9, 300))
    one, two = search(video.copy()), search(video.copy())
    assert (one.weights != two.weights).nnz == 0


def test_it_can_be_cancelled(nine: Array) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        search(filmed(nine, 15 * events(9, 100)), token=token)
