"""Which cells belong to a motif and in which order they fire: simulated videos, whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from napari_segmotif.errors import InputError
from napari_segmotif.motifs.results.cells import MotifCells, cells_by_motif, order_cells
from napari_segmotif.motifs.simulating.simulation import SimulatedVideo, simulate_video


@pytest.fixture(scope="module", params=range(3))
def scene(request: pytest.FixtureRequest) -> SimulatedVideo:
    return simulate_video(n_frames=60, activation_rate=0.5, random_state=request.param)


def noise_like(motifs: NDArray[np.float32], kind: str, share: float) -> NDArray[np.float32]:
    """Noise with a standard deviation of a share of the motifs' peak."""
    noise = np.random.default_rng(1).standard_normal(motifs.shape)
    if kind == "smooth":
        noise = gaussian_filter(noise, (0, 1.5, 2, 2))
    return (share * motifs.max() * noise / noise.std()).astype(np.float32)


@pytest.mark.parametrize(("kind", "share"), [("white", 0.0), ("white", 0.3), ("smooth", 0.1)])
def test_members_and_their_order_are_recovered(scene: SimulatedVideo, kind: str, share: float) -> None:
    orders = order_cells(scene.motifs + noise_like(scene.motifs, kind, share), scene.cells)
    assert [order.motif for order in orders] == [0, 1, 2]
    for order, members, offsets in zip(orders, scene.members, scene.offsets, strict=True):
        true = set((np.nonzero(members)[0] + 1).tolist())
        found = set(order.labels.tolist())
        assert len(true & found) >= len(true) - 1
        assert len(found - true) <= 1
        hits = np.isin(order.labels, list(true))
        wanted = offsets[order.labels[hits] - 1]
        assert spearmanr(np.arange(len(wanted)), wanted).statistic >= 0.95
        # A transient peaks in the frame of its spike, and begins up to a rise time before.
        assert np.median(np.abs(order.peak_frames[hits] - wanted)) <= 1
        assert np.all(np.abs(order.onset_frames[hits] - wanted) <= 3)
        assert order.weights.max() == pytest.approx(1)
        assert np.all(order.weights >= 0.2 - 1e-6)
        assert order.traces.shape == (len(order.labels), scene.motifs.shape[1])


@pytest.mark.parametrize("spurious", [0.5, 0.9])
def test_cells_that_fire_by_chance_are_no_members(spurious: float) -> None:
    """Motifs as they are learnt from ten occurrences, while all cells also fire at other times."""
    truth = simulate_video(n_frames=1800, spurious=spurious, shape=(96, 96), noise=0, random_state=3)
    length = truth.motifs.shape[1]
    missed, extra = 0, 0
    for members, activation in zip(truth.members, truth.activations, strict=True):
        starts = np.nonzero(activation[:-length])[0]
        mean = np.mean([truth.traces[:, t : t + length] for t in starts], axis=0)
        mean -= np.median(truth.traces, axis=1, keepdims=True)
        film = np.tensordot(mean.T, truth.footprints, 1)[np.newaxis]
        (order,) = order_cells(film, truth.cells)
        true, found = set((np.nonzero(members)[0] + 1).tolist()), set(order.labels.tolist())
        missed, extra = missed + len(true - found), extra + len(found - true)
    assert missed <= 1
    assert extra <= 0.05 * np.count_nonzero(~truth.members)


def test_a_field_that_flickers_as_a_whole_makes_no_members(scene: SimulatedVideo) -> None:
    flicker = np.abs(np.sin(np.arange(scene.motifs.shape[1], dtype=np.float32)))[:, np.newaxis, np.newaxis]
    plain, flickering = (order_cells(m, scene.cells) for m in (scene.motifs, scene.motifs + flicker))
    for one, other in zip(plain, flickering, strict=True):
        assert set(one.labels) == set(other.labels)


def test_noise_alone_has_hardly_a_member(scene: SimulatedVideo) -> None:
    orders = order_cells(noise_like(scene.motifs, "white", 0.3), scene.cells)
    assert sum(len(order.labels) for order in orders) <= 0.02 * 3 * scene.cells.max()


def test_motifs_of_zeros_have_no_cells(scene: SimulatedVideo) -> None:
    assert [len(order.labels) for order in order_cells(np.zeros_like(scene.motifs), scene.cells)] == [0] * 3
    assert order_cells(scene.motifs[:0], scene.cells) == ()


def test_labels_may_have_gaps_and_be_large(scene: SimulatedVideo) -> None:
    renamed = np.array([0, *(2**40 + 1000 * np.arange(scene.cells.max()))], np.int64)[scene.cells]
    plain, gaps = order_cells(scene.motifs, scene.cells), order_cells(scene.motifs, renamed)
    for one, other in zip(plain, gaps, strict=True):
        np.testing.assert_array_equal(other.labels, 2**40 + 1000 * (one.labels - 1))
        np.testing.assert_array_equal(other.onset_frames, one.onset_frames)
    np.testing.assert_array_equal(cells_by_motif(plain, scene.cells), cells_by_motif(gaps, renamed))


def test_two_cells_that_fill_the_frame_are_told_apart() -> None:
    """No place is left for placebo cells, and none for the background."""
    cells = np.ones((20, 20), np.uint8)
    cells[:, 10:] = 2
    motifs = np.zeros((1, 12, 20, 20), np.float32)
    motifs[0, 7:, :, :10] = 1
    motifs[0, 3:, :, 10:] = 0.5
    (order,) = order_cells(motifs, cells)
    np.testing.assert_array_equal(order.labels, [2, 1])
    np.testing.assert_array_equal(order.onset_frames, [3, 7])
    np.testing.assert_allclose(order.weights, [0.5, 1])


def test_light_of_a_bright_neighbour_makes_no_member() -> None:
    """A cell that touches a member and does nothing gets a little of its light, at its rim."""
    cells = np.zeros((40, 40), np.int32)
    cells[10:20, 10:20], cells[10:20, 20:30] = 1, 2
    bright = np.zeros((40, 40))
    bright[10:20, 10:20] = 1
    course = np.exp(-np.arange(20) / 8.0)
    motif = course[:, np.newaxis, np.newaxis] * gaussian_filter(bright, 1.5)
    (order,) = order_cells(motif[np.newaxis], cells)
    np.testing.assert_array_equal(order.labels, [1])


def hand_made(motif: int, labels: list[int], weights: list[float]) -> MotifCells:
    n = len(labels)
    frames = np.zeros(n, np.int64)
    return MotifCells(
        motif, np.array(labels, np.int64), frames, frames, np.array(weights, np.float32), np.zeros((n, 3))
    )


def test_a_cell_of_two_motifs_has_the_colour_of_the_stronger() -> None:
    orders = (hand_made(0, [5, 9], [1.0, 0.4]), hand_made(3, [9, 77], [0.6, 1.0]), hand_made(4, [], []))
    cells = np.array([[0, 5, 9], [12, 70_000, 0]], np.uint32)
    result = cells_by_motif(orders, cells)
    np.testing.assert_array_equal(result, [[0, 1, 4], [0, 0, 0]])
    assert result.dtype == np.int32


@pytest.mark.parametrize(
    ("cells", "match"),
    [
        (np.zeros((8, 8), np.int32), "no cell"),
        (np.ones((8, 9), np.int32), r"of shape \(8, 8\) \(got \(8, 9\)\)"),
        (np.ones((8, 8), np.float32), "whole numbers .*got float32"),
        (np.ones((8, 8), bool), "whole numbers .*got bool"),
        (np.full((8, 8), -1), r"positive.*\(got -1\)"),
    ],
)
def test_bad_labels_are_refused(cells: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        order_cells(np.ones((1, 3, 8, 8)), cells)


def test_bad_motifs_and_settings_are_refused() -> None:
    cells = np.ones((8, 8), np.int32)
    with pytest.raises(InputError, match=r"axes .*got shape \(3, 8, 8\)"):
        order_cells(np.ones((3, 8, 8)), cells)
    with pytest.raises(InputError, match=r"minimum_weight .*got 1\.5"):
        order_cells(np.ones((1, 3, 8, 8)), cells, minimum_weight=1.5)
    with pytest.raises(InputError, match="whole numbers"):
        cells_by_motif((), np.ones((8, 8)))
