"""Rigid motion: found within 0.3 px in noise, undone without bright edges, and not made up."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_segmotif.common.progress import CancelToken, run_job
from napari_segmotif.errors import JobCancelled
from napari_segmotif.motifs.parameters import VideoParameters
from napari_segmotif.motifs.preparing.motion import Motion, estimate_motion, uncovered, undo_motion
from napari_segmotif.motifs.preparing.preprocessing import prepare_video
from napari_segmotif.motifs.preparing.video import Video
from napari_segmotif.motifs.simulating.simulation import simulate_video


def found(video: np.ndarray, **settings: float) -> Motion:
    return run_job(estimate_motion(Video.open(video), 30.0, **settings))


def errors(shifts: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Where the frames are at rest is a matter of definition."""
    difference = shifts - truth
    return np.abs(difference - np.median(difference, axis=0))


@pytest.mark.parametrize("motion", [2.0, 6.0, 20.0])
def test_motion_is_found_in_noise(motion: float) -> None:
    truth = simulate_video((96, 96), 400, motion=motion, noise=0.6, random_state=1)
    wrong = errors(found(truth.video).shifts, truth.shifts)
    assert np.sqrt((wrong**2).mean()) < 0.15
    assert np.quantile(wrong, 0.99) < 0.3


def test_bleaching_and_a_moving_background_do_not_matter() -> None:
    truth = simulate_video((96, 96), 400, motion=5, bleaching=0.4, neuropil=0.3, random_state=2)
    assert np.quantile(errors(found(truth.video).shifts, truth.shifts), 0.99) < 0.35


def test_faint_structure_is_followed_over_several_frames() -> None:
    truth = simulate_video((128, 128), 600, motion=5, baseline=0.25, noise=0.6, random_state=1)
    wrong = errors(found(truth.video).shifts, truth.shifts)
    assert np.sqrt((wrong**2).mean()) < 0.3


def test_large_frames_are_binned_and_still_placed_within_a_fraction_of_a_pixel() -> None:
    rng = np.random.default_rng(0)
    scene = ndimage.gaussian_filter(rng.random((340, 340)), 4) * 100
    truth = rng.uniform(-9, 9, (30, 2)).astype(np.float32)
    video = np.stack([ndimage.shift(scene, s, order=3, mode="nearest")[20:320, 20:320] for s in truth])
    video = (video + rng.normal(0, 1, video.shape)).astype(np.float32)
    assert errors(found(video).shifts, truth).max() < 0.3


@pytest.mark.parametrize("shape", [(20, 64, 64), (60, 250, 250), (100, 20, 90)])
def test_noise_alone_is_not_followed(shape: tuple[int, int, int]) -> None:
    video = np.random.default_rng(0).normal(10, 1, shape).astype(np.float32)
    motion = found(video)
    assert not motion.shifts.any()
    assert "could not be followed" in motion.messages[0]


def test_motion_larger_than_a_cell_is_said() -> None:
    truth = simulate_video((96, 96), 300, motion=8, noise=0.3, random_state=3)
    assert not any("larger than a cell" in m for m in found(truth.video, cell_size=30).messages)
    said = found(truth.video, cell_size=5).messages
    assert any("larger than a cell" in m for m in said)
    assert any(m.startswith("motion of up to") for m in said)


@pytest.mark.parametrize("shift", [(2.0, -3.0), (0.25, 0.5), (-1.75, 4.5), (0.0, 0.0)])
def test_frames_are_moved_back_as_scipy_moves_them(shift: tuple[float, float]) -> None:
    frame = np.random.default_rng(0).random((1, 20, 24)).astype(np.float32)
    moved = undo_motion(frame, np.array([shift], np.float32))[0]
    expected = ndimage.shift(frame[0], (-shift[0], -shift[1]), order=1, mode="nearest")
    np.testing.assert_allclose(moved, expected, atol=1e-5)


@pytest.mark.parametrize("shift", [(2.0, -3.0), (0.25, 0.0), (-1.75, 4.5), (0.0, 0.0), (30.0, -50.0)])
def test_the_strips_out_of_view_are_those_that_hang_on_pixels_beyond_the_border(shift) -> None:
    shift = np.array(shift, np.float32)
    marked = np.zeros((20, 24), bool)
    for strip in uncovered(shift, marked.shape):
        marked[strip] = True
    rows, columns = np.arange(20) + shift[0], np.arange(24) + shift[1]
    seen = ((rows >= 0) & (rows <= 19))[:, None] & ((columns >= 0) & (columns <= 23))
    np.testing.assert_array_equal(marked, ~seen)
    coverage = Motion(shift[None], np.ones((20, 24), np.float32)).coverage
    np.testing.assert_array_equal(coverage, seen.astype(np.float32))


def test_a_corrected_video_has_the_baseline_of_the_still_one_and_no_bright_edges() -> None:
    options = {"shape": (96, 96), "n_frames": 500, "noise": 0.3, "random_state": 4}
    truth = simulate_video(motion=6, **options)
    prepared = run_job(prepare_video(Video.open(truth.video), VideoParameters(motion="rigid"), 30.0))
    still = run_job(prepare_video(Video.open(simulate_video(**options).video), VideoParameters(), 30.0))
    moved = run_job(prepare_video(Video.open(truth.video), VideoParameters(), 30.0))
    inside = (slice(8, -8),) * 2
    # The corrected frame lies where frames usually are, the simulated one where they are on average.
    offset = np.median(truth.shifts - prepared.shifts, axis=0)
    baseline = ndimage.shift(prepared.baseline, -offset, order=1, mode="nearest")
    corrected, uncorrected = (np.abs(b - still.baseline)[inside].mean() for b in (baseline, moved.baseline))
    assert corrected < 0.04
    assert corrected < 0.6 * uncorrected
    frames = prepared.frames(0, 500)
    border = np.ones((96, 96), bool)
    border[inside] = False
    assert np.abs(frames[:, border].mean(axis=1)).max() < 0.5
    for frame, shift in zip(frames, prepared.shifts, strict=True):
        for strip in uncovered(shift, frame.shape):
            assert not frame[strip].any()


def test_the_search_for_motion_can_be_cancelled() -> None:
    token = CancelToken()
    job = estimate_motion(Video.open(np.random.default_rng(0).random((50, 32, 32))), 30.0, token=token)
    next(job)
    token.cancel()
    with pytest.raises(JobCancelled):
        run_job(job)
