"""Simulated videos: the truth that comes with them is true, and every option does what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, shift

from napari_segmotif.errors import InputError
from napari_segmotif.motifs.simulating.simulated_cells import place_cells
from napari_segmotif.motifs.simulating.simulation import SimulatedVideo, displaced, simulate_video


def small(**changes: Any) -> SimulatedVideo:
    """A small video without noise, quick to make."""
    settings_: dict[str, Any] = {"shape": (40, 48), "n_frames": 600, "n_cells": 12, "noise": 0}
    return simulate_video(**(settings_ | changes))


def long(**changes: Any) -> SimulatedVideo:
    """Many spikes and hardly any pixels, for statistics."""
    settings_: dict[str, Any] = {"shape": (16, 16), "n_frames": 60_000, "n_cells": 5, "cell_radius": 1.5}
    return small(**(settings_ | changes))


def played(video: SimulatedVideo, motif: int = 0) -> np.ndarray:
    """Frames in which a motif begins."""
    return np.nonzero(video.activations[motif])[0]


def rise_of(video: SimulatedVideo) -> np.ndarray:
    """What the video shows above its baseline (T, Y, X)."""
    return video.video.astype(float) - video.baseline


# ------------------------------------------------------------------------------------------------ arrays


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_shapes_and_types(dtype: Any) -> None:
    v = small(dtype=dtype, n_motifs=2, motif_length=20, noise=0.3)
    assert (v.video.shape, v.video.dtype) == ((600, 40, 48), dtype)
    assert (v.motifs.shape, v.motifs.dtype) == ((2, 20, 40, 48), np.float32)
    assert v.activations.shape == (2, 600)
    assert v.spikes.shape == v.motif_spikes.shape == v.traces.shape == (12, 600)
    assert v.footprints.shape == (12, 40, 48)
    assert v.members.shape == v.offsets.shape == (2, 12)
    assert v.shifts.shape == (600, 2)
    assert v.bleaching.shape == (600,)
    assert v.baseline.shape == v.cells.shape == (40, 48)
    assert v.parameters.dtype == dtype
    assert v.frame_rate == 30


def test_defaults_are_those_of_the_paper() -> None:
    v = simulate_video(n_frames=60, noise=0)
    assert v.video.shape == (60, 128, 128)
    assert v.motifs.shape == (3, 30, 128, 128)
    assert v.cells.max() == 50
    radii = np.sqrt(np.sum(v.footprints >= 0.5, axis=(1, 2)) / np.pi)
    assert np.all((radii > 3.8) & (radii < 6.2))
    assert np.all((v.members.sum(axis=1) >= 6) & (v.members.sum(axis=1) <= 12))


def test_the_seed_decides_everything() -> None:
    options = {"noise": 0.5, "neuropil": 0.5, "motion": 2, "spurious": 0.5, "jitter": 1, "participation": 0.7}
    first, again, other = (small(random_state=seed, **options) for seed in (1, 1, 2))
    for name in ("video", "motifs", "activations", "spikes", "cells", "footprints", "traces", "shifts"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert np.any(getattr(first, name) != getattr(other, name)), name


# -------------------------------------------------------------------------------------------------- cells


@pytest.mark.parametrize(("n_cells", "radius", "seed"), [(12, 4.0, 0), (20, 4.0, 1), (25, 3.5, 2)])
def test_no_cell_is_covered_by_others_for_more_than_30_percent(
    n_cells: int, radius: float, seed: int
) -> None:
    footprints = place_cells((40, 48), n_cells, radius, np.random.default_rng(seed))
    areas = footprints >= 0.5
    shared = np.sum(areas, axis=0) > 1
    assert np.max([np.mean(shared[area]) for area in areas]) <= 0.3
    assert shared.any(), "crowded enough that the bound matters"
    np.testing.assert_allclose(footprints.max(axis=(1, 2)), 1)
    assert footprints.min() == 0


def test_labels_name_the_brighter_cell() -> None:
    v = small(n_cells=25, cell_radius=3.5)
    assert set(np.unique(v.cells)) == set(range(26))
    for label in range(1, 26):
        inside = v.cells == label
        assert np.all(v.footprints[label - 1][inside] == v.footprints[:, inside].max(axis=0))
        assert v.footprints[label - 1][inside].min() >= 0.5
    assert v.footprints[:, v.cells == 0].max() < 0.5


@pytest.mark.parametrize("shape", [(32, 32), (64, 96), (256, 256)])
def test_cells_suit_the_frame(shape: tuple[int, int]) -> None:
    v = simulate_video(shape, 40, noise=0)
    assert 0.15 < np.mean(v.cells > 0) < 0.3


# ------------------------------------------------------------------------------------- spikes and motifs


def test_the_video_is_footprints_times_traces() -> None:
    v = small(spurious=0.5)
    expected = v.baseline + np.tensordot(v.traces.T, v.footprints, 1)
    np.testing.assert_allclose(v.video, expected, atol=2e-5)


def test_transients_peak_at_their_spike_and_fall_as_said() -> None:
    v = small(n_motifs=0, spontaneous_rate=0.01, n_frames=3000)
    cell = int(np.nonzero(v.spikes.sum(axis=1) == 1)[0][0])
    frame = int(v.spikes[cell].argmax())
    assert 20 < frame < 2950
    trace = v.traces[cell]
    assert trace[frame] == pytest.approx(1)
    assert trace[frame + 12] == pytest.approx(np.exp(-1), rel=1e-4)  # 0.4 s at 30 Hz
    assert trace[frame - 3] == pytest.approx(np.exp(-2), rel=1e-4)  # twice 0.05 s before
    assert trace[:frame].argmax() == frame - 1


def test_an_occurrence_shows_the_motif() -> None:
    v = small(n_motifs=1, activation_rate=0.05, n_frames=3000)
    starts = played(v)
    alone = [t for t, before in zip(starts[1:], starts, strict=False) if t - before > 150]
    assert len(alone) >= 2
    for start in alone:
        np.testing.assert_allclose(rise_of(v)[start : start + 30], v.motifs[0], atol=2e-3)


def test_activations_convolved_with_the_motifs_are_the_video_but_for_tails() -> None:
    v = small()
    modelled = np.zeros((600, 40 * 48))
    for activation, motif in zip(v.activations, v.motifs.reshape(3, 30, -1), strict=True):
        for start in np.nonzero(activation)[0]:
            modelled[start : start + 30] += motif
    tails = rise_of(v).reshape(600, -1) - modelled
    assert tails.min() > -1e-4
    assert np.sum(tails**2) < 0.1 * np.sum(modelled**2)


def test_motif_spikes_are_the_offsets_after_each_start() -> None:
    v = small()
    expected = np.zeros_like(v.spikes)
    for motif, offsets in enumerate(v.offsets):
        for start in played(v, motif):
            for cell in np.nonzero(offsets >= 0)[0]:
                expected[cell, start + offsets[cell]] += 1
    np.testing.assert_array_equal(v.motif_spikes, expected)
    np.testing.assert_array_equal(v.spikes, expected)
    np.testing.assert_array_equal(v.members, v.offsets >= 0)


@pytest.mark.parametrize("motif_length", [2, 5, 12, 30, 60])
def test_offsets_lie_within_the_motif_and_differ_where_there_is_room(motif_length: int) -> None:
    v = small(motif_length=motif_length, n_cells=12)
    for offsets in v.offsets:
        of_members = offsets[offsets >= 0]
        assert of_members.max() < motif_length
        if motif_length >= 30:
            assert len(np.unique(of_members)) == len(of_members)
    assert np.all(v.motifs.max(axis=(1, 2, 3)) > 0.99), "each motif shows the peak of a transient"


def test_assemblies_may_share_cells_and_have_the_size_asked_for() -> None:
    v = small(n_motifs=4, cells_per_motif=8)
    assert v.members.sum(axis=1).tolist() == [8, 8, 8, 8]
    assert v.members.sum(axis=0).max() > 1


def test_activations_are_a_poisson_process_with_a_refractory_time() -> None:
    v = long(n_motifs=3)
    for motif in range(3):
        starts = played(v, motif)
        gaps = np.diff(starts)
        assert gaps.min() >= 30
        assert len(starts) / 2000 == pytest.approx(0.15, rel=0.2)  # 2000 s; the standard deviation is 5 %
        beyond = gaps - 30
        assert beyond.std() == pytest.approx(beyond.mean(), rel=0.25), "as for an exponential distribution"
    assert np.any(np.abs(np.subtract.outer(played(v, 0), played(v, 1))) < 30), "motifs may overlap"


@settings(max_examples=60, deadline=None)
@given(n_frames=st.integers(20, 200), seed=st.integers(0, 10_000), rate=st.sampled_from([0.001, 0.15, 5.0]))
def test_motifs_are_whole_and_played_twice_where_that_fits(n_frames: int, seed: int, rate: float) -> None:
    v = simulate_video(
        (8, 8), n_frames, motif_length=20, n_cells=2, cell_radius=1, activation_rate=rate, random_state=seed
    )
    for motif in range(3):
        starts = played(v, motif)
        assert len(starts) >= (2 if n_frames >= 40 else 1)
        assert starts[-1] + 20 <= n_frames
        assert np.all(np.diff(starts) >= 20)


@pytest.mark.parametrize("spurious", [0.0, 0.3, 0.5, 0.9])
def test_share_of_spurious_spikes(spurious: float) -> None:
    v = long(spurious=spurious, cells_per_motif=2)
    other = v.spikes - v.motif_spikes
    assert other.min() >= 0
    assert other.sum() / v.spikes.sum() == pytest.approx(spurious, abs=1e-3)
    if spurious:
        per_cell = other.sum(axis=1)
        np.testing.assert_allclose(per_cell, per_cell.mean(), rtol=6 / np.sqrt(per_cell.mean()))


def test_without_motifs_cells_fire_at_the_given_rate() -> None:
    v = long(n_motifs=0, spontaneous_rate=0.5)
    assert v.motifs.shape == (0, 30, 16, 16)
    assert v.activations.shape == (0, 60_000)
    assert not v.motif_spikes.any()
    assert v.spikes.sum(axis=1) / 2000 == pytest.approx([0.5] * 5, rel=0.2)
    assert not small(n_motifs=0, spontaneous_rate=0).spikes.any()


def test_jitter_moves_spikes_and_nothing_else() -> None:
    sharp, blurred = long(n_motifs=1), long(n_motifs=1, jitter=2)
    np.testing.assert_array_equal(sharp.activations, blurred.activations)
    np.testing.assert_array_equal(sharp.motifs, blurred.motifs)
    assert sharp.spikes.sum() == blurred.spikes.sum()
    cell = int(np.argmax(sharp.offsets[0]))
    late = []
    for start in played(sharp)[1:-1]:
        around = np.nonzero(blurred.motif_spikes[cell, start - 8 : start + 38])[0] - 8
        late += list(around[np.abs(around - sharp.offsets[0, cell]) <= 8] - sharp.offsets[0, cell])
    assert len(late) > 200
    assert np.std(late) == pytest.approx(np.sqrt(4 + 1 / 12), rel=0.2)  # and the rounding to frames


def test_participation_is_the_share_of_cells_that_take_part() -> None:
    v = long(n_motifs=1, participation=0.6)
    assert v.spikes.sum() / (v.members.sum() * v.activations.sum()) == pytest.approx(0.6, abs=0.05)


# ---------------------------------------------------------------------------------------------- brightness


def test_noise_is_added_to_the_same_video() -> None:
    clean, noisy = small(), small(noise=0.6)
    noise = noisy.video - clean.video
    assert noise.std() == pytest.approx(0.6, rel=0.01)
    assert abs(noise.mean()) < 0.01
    assert np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1] == pytest.approx(0, abs=0.01)
    assert noisy.noise == 0.6


def test_neuropil_is_smooth_and_slow_and_as_strong_as_said() -> None:
    background = small(neuropil=0.5, n_frames=1800).video - small(n_frames=1800).video
    assert background.std() == pytest.approx(0.5, rel=0.01)
    assert np.corrcoef(background[10:].ravel(), background[:-10].ravel())[0, 1] > 0.9
    assert np.corrcoef(background[:, 3:].ravel(), background[:, :-3].ravel())[0, 1] > 0.8


def test_bleaching_takes_its_share_of_everything() -> None:
    fresh, bleached = small(), small(bleaching=0.4)
    np.testing.assert_allclose(bleached.video, bleached.bleaching[:, None, None] * fresh.video, rtol=1e-5)
    assert bleached.bleaching[[0, -1]] == pytest.approx([1, 0.6])
    np.testing.assert_allclose(np.diff(np.log(bleached.bleaching)), np.log(0.6) / 599, atol=1e-6)
    np.testing.assert_array_equal(fresh.motifs, bleached.motifs)


def test_baseline_and_resting_cells() -> None:
    v = small(baseline=2, resting=0.25, n_motifs=0, spontaneous_rate=0)
    np.testing.assert_allclose(v.video, np.broadcast_to(v.baseline, v.video.shape))
    assert v.baseline.min() == pytest.approx(2)
    assert v.baseline.max() == pytest.approx(2.5)
    assert np.ptp(small(resting=0).baseline) == 0


def test_motion_displaces_the_frames_by_the_shifts() -> None:
    still, moved = small(), small(motion=3)
    assert np.abs(moved.shifts).max() == pytest.approx(3)
    assert not still.shifts.any()
    np.testing.assert_array_equal(still.footprints, moved.footprints)
    inner = np.s_[6:-6, 6:-6]
    for frame in (0, 100, 300, 599):
        expected = shift(still.video[frame], moved.shifts[frame], order=3, mode="nearest")
        unmoved = np.abs(still.video[frame] - expected)[inner].mean()
        assert np.abs(moved.video[frame] - expected)[inner].mean() < 0.1 * unmoved
    steps = np.abs(np.diff(moved.shifts, axis=0)).max(axis=1)
    assert np.median(steps) < 0.05, "drifts slowly"


@pytest.mark.parametrize("by", [(2, 0), (0, -3), (-1, 4)])
def test_whole_pixels_are_moved_exactly(by: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).uniform(size=(12, 14)).astype(np.float32)
    np.testing.assert_array_equal(displaced(frame, np.array(by)), shift(frame, by, order=0, mode="nearest"))


def test_parts_of_pixels_are_moved_nearly_exactly() -> None:
    frame = gaussian_filter(np.random.default_rng(0).normal(size=(40, 40)), 3).astype(np.float32)
    exact = shift(frame, (1.3, -2.6), order=5, mode="nearest")
    error = displaced(frame, np.array([1.3, -2.6])) - exact
    assert np.abs(error[6:-6, 6:-6]).max() < 0.01 * np.ptp(frame)


def test_uint16_has_200_counts_for_a_transient() -> None:
    real, counts = small(noise=0.4), small(noise=0.4, dtype="uint16")
    np.testing.assert_allclose(counts.video, 200 * real.video, atol=0.51)
    for name in ("motifs", "traces", "baseline", "noise"):
        np.testing.assert_allclose(getattr(counts, name), 200 * getattr(real, name), rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(counts.spikes, real.spikes)
    assert small(baseline=0, noise=1, dtype="uint16").video.min() == 0, "clipped, not wrapped around"


def test_a_long_video_is_written_where_it_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = small(noise=0.3, dtype="uint16", motion=1, neuropil=0.2).video
    monkeypatch.setattr("napari_segmotif.motifs.simulating.simulation._BLOCK_VALUES", 40 * 48 * 7)
    out = np.lib.format.open_memmap(tmp_path / "video.npy", "w+", np.uint16, (600, 40, 48))
    v = small(noise=0.3, dtype="uint16", motion=1, neuropil=0.2, out=out)
    assert v.video is out
    out.flush()
    np.testing.assert_array_equal(np.load(tmp_path / "video.npy"), expected)


# --------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shape": (4, 40)}, "8 to 16384"),
        ({"shape": (3, 40, 40)}, "shape"),
        ({"n_frames": 1}, "n_frames"),
        ({"n_frames": 20}, "shorter than its motifs"),
        ({"n_motifs": -1}, "n_motifs"),
        ({"motif_length": 1}, "motif_length"),
        ({"n_cells": 0}, "n_cells"),
        ({"n_cells": 400}, r"take fewer.*\(got 400 cells\)"),
        ({"cell_radius": float("nan")}, "cell_radius"),
        ({"frame_rate": 0}, "frame_rate"),
        ({"activation_rate": -1}, "activation_rate"),
        ({"spurious": 1.0}, r"spurious.*\(got 1.0\)"),
        ({"participation": 0}, "participation"),
        ({"jitter": -1}, "jitter"),
        ({"noise": float("inf")}, "noise"),
        ({"bleaching": 1}, "bleaching"),
        ({"motion": -2}, "motion"),
        ({"dtype": "int8"}, "dtype"),
        ({"random_state": -1}, "random_state"),
        ({"out": np.zeros((600, 48, 40), np.float32)}, "`out` must have shape"),
        ({"out": np.zeros((600, 40, 48), np.float64)}, "`out` must have shape"),
    ],
)
def test_what_cannot_be_simulated_is_said(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        small(**change)


@pytest.mark.parametrize(
    "change",
    [{"n_frames": 30}, {"n_motifs": 0, "n_frames": 2}, {"shape": (8, 8), "n_cells": 1}, {"jitter": 100}],
)
def test_extremes_give_a_video(change: dict[str, Any]) -> None:
    v = small(**({"cell_radius": 2} | change))
    assert np.isfinite(v.video).all()
    assert not v.motif_spikes.any() or v.motif_spikes.sum() == v.members.sum(axis=1) @ v.activations.sum(
        axis=1
    )
