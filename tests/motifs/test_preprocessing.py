"""Making a video ready: corrections against the truth of simulated videos, and none that is not due."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_segmotif.common.progress import CancelToken, run_job
from napari_segmotif.errors import InputError, JobCancelled
from napari_segmotif.motifs.parameters import VideoParameters
from napari_segmotif.motifs.preparing import preprocessing
from napari_segmotif.motifs.preparing.decimation import Decimator, choose_bins
from napari_segmotif.motifs.preparing.noise import NoiseMeter
from napari_segmotif.motifs.preparing.preprocessing import PreparedVideo, prepare_video
from napari_segmotif.motifs.preparing.video import Video
from napari_segmotif.motifs.results.findings import FitState
from napari_segmotif.motifs.simulating.simulation import SimulatedVideo, simulate_video


def prepared(video: Any, frame_rate: float = 30.0, **settings: Any) -> PreparedVideo:
    return run_job(prepare_video(Video.open(video), VideoParameters(**settings), frame_rate))


def small(n_frames: int = 1200, **options: Any) -> SimulatedVideo:
    return simulate_video((64, 64), n_frames, **{"random_state": 1, **options})


# ------------------------------------------------------------------------------------------------ baseline
def test_the_baseline_is_that_of_the_pixel_at_rest() -> None:
    truth = small()
    error = prepared(truth.video).baseline - truth.baseline
    cells = truth.cells > 0
    assert abs(error[~cells].mean()) < 0.01
    assert error[~cells].std() < 0.04  # the median's standard error is 0.022 here
    assert abs(error[cells].mean()) < 0.05  # of a transient's peak
    assert np.abs(error).max() < 0.35


def test_a_busy_cell_lifts_the_baseline_less_than_it_lifts_the_median() -> None:
    truth = small(activation_rate=0.4, n_motifs=5)
    cells = truth.cells > 0
    mine = (prepared(truth.video).baseline - truth.baseline)[cells].mean()
    median = (np.median(truth.video, axis=0) - truth.baseline)[cells].mean()
    assert mine < 0.85 * median


@pytest.mark.parametrize("baseline", [-5.0, 0.0])
def test_a_baseline_need_not_be_positive_to_be_taken_off(baseline: float) -> None:
    truth = small(600, baseline=baseline)
    result = prepared(truth.video)
    assert abs((result.baseline - truth.baseline).mean()) < 0.05
    assert (result.bleaching == 1).all()


# ----------------------------------------------------------------------------------------------- bleaching
@pytest.mark.parametrize("loss", [0.05, 0.3, 0.6])
@pytest.mark.parametrize("options", [{}, {"activation_rate": 0.4, "n_motifs": 5}, {"baseline": 1.0}])
def test_bleaching_is_found_under_activity(loss: float, options: dict[str, Any]) -> None:
    truth = small(bleaching=loss, **options)
    result = prepared(truth.video)
    np.testing.assert_allclose(result.bleaching, truth.bleaching, atol=0.03)
    assert any(message.startswith("bleaching of") for message in result.messages)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_frames": 200},
        {"activation_rate": 0.5, "n_motifs": 5},
        {"n_motifs": 0, "spontaneous_rate": 1.0},
        {"neuropil": 0.5},
        {"baseline": 0.0, "activation_rate": 0.5},
        {"baseline": 0.3},
    ],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_activity_is_not_taken_for_bleaching(options: dict[str, Any], seed: int) -> None:
    result = prepared(small(**{"n_frames": 600, **options}, random_state=seed).video)
    assert (result.bleaching == 1).all()
    assert result.messages == ()


def test_activity_that_ends_halfway_is_not_taken_for_bleaching() -> None:
    options = {"activation_rate": 0.4, "baseline": 1.0}
    truth, quiet = small(**options), small(**options, noise=0.0)
    video = truth.video.copy()
    video[600:] -= (quiet.video - quiet.baseline)[600:]
    assert video[:600].mean() > 1.02 * video[600:].mean()
    assert (prepared(video).bleaching == 1).all()


def test_two_exponentials_and_a_rest_are_followed() -> None:
    truth = small()
    t = np.linspace(0, 1, 1200)
    curve = 0.2 * np.exp(-12 * t) + 0.3 * np.exp(-1.5 * t) + 0.5
    result = prepared(truth.video * curve[:, None, None].astype(np.float32))
    np.testing.assert_allclose(result.bleaching, curve, atol=0.02)


def test_brightening_is_left_alone_and_so_is_bleaching_that_is_not_to_be_corrected() -> None:
    bleached = small(600, bleaching=0.3).video
    assert (prepared(bleached[::-1]).bleaching == 1).all()
    assert (prepared(bleached, bleaching=False).bleaching == 1).all()


# --------------------------------------------------------------------------------------------------- noise
@pytest.mark.parametrize(("noise", "options"), [(0.6, {}), (0.1, {}), (0.6, {"neuropil": 0.5})])
def test_the_noise_is_told_from_activity(noise: float, options: dict[str, Any]) -> None:
    result = prepared(small(noise=noise, **options).video)
    assert np.median(result.noise) == pytest.approx(noise, rel=0.02)
    assert np.quantile(np.abs(result.noise / noise - 1), 0.9) < 0.1


def test_noise_that_differs_between_pixels_is_told_within_five_percent() -> None:
    rng = np.random.default_rng(0)
    deviations = np.linspace(0.5, 5, 1024).reshape(32, 32)
    video = 100 + deviations * rng.standard_normal((8000, 32, 32))
    assert np.abs(prepared(video).noise / deviations - 1).max() < 0.08
    assert np.abs(prepared(video).noise / deviations - 1).mean() < 0.02


def test_noise_is_that_of_the_corrected_frames() -> None:
    truth = small(bleaching=0.5)
    result = prepared(truth.video)
    assert np.median(result.noise) == pytest.approx(0.6 * (1 / truth.bleaching).mean(), rel=0.03)


def test_noise_is_never_zero() -> None:
    video = small(300, noise=0.0).video
    assert prepared(video).noise.min() > 0
    whole = np.zeros((50, 8, 8), np.uint16)
    whole[20:25, 2, 2] = 50
    assert prepared(whole).noise.min() >= 0.28  # what rounding to whole numbers adds


def test_a_flash_is_not_noise() -> None:
    video = np.random.default_rng(0).normal(10, 1, (600, 16, 16))
    video[300] += 500
    assert np.median(prepared(video).noise) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("sizes", [[1] * 40, [40], [2, 1, 3, 34], [7, 33]])
def test_noise_does_not_depend_on_the_blocks(sizes: list[int]) -> None:
    video = np.random.default_rng(0).normal(size=(40, 5, 6)).astype(np.float32)
    meter = NoiseMeter(video.shape)
    for start, size in zip(np.cumsum([0, *sizes[:-1]]), sizes, strict=True):
        meter.add(int(start), video[start : start + size])
    second = np.abs(np.diff(video, n=2, axis=0))
    halves = np.median([second[:19].mean(axis=0), second[19:].mean(axis=0)], axis=0)
    expected = halves * np.sqrt(np.pi / 2) / np.sqrt(6)
    np.testing.assert_allclose(meter.deviations(np.ones(40, np.float32)), expected, rtol=1e-5)


# ---------------------------------------------------------------------------------- the corrected video
@pytest.mark.parametrize("normalization", ["subtract", "dff"])
def test_the_corrections_undone_are_the_video(normalization: str) -> None:
    video = small(300, bleaching=0.3, dtype="uint16").video
    result = prepared(video, normalization=normalization)
    rebuilt = result.bleaching[:, None, None] * (result.baseline + result.scale * result.frames(0, 300))
    np.testing.assert_allclose(rebuilt, video, rtol=1e-4, atol=0.05)


@pytest.mark.parametrize("motion", ["none", "rigid"])
@pytest.mark.parametrize("normalization", ["subtract", "dff"])
def test_a_video_that_is_not_held_gives_the_same(
    motion: str, normalization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = small(200, bleaching=0.3, motion=3 if motion == "rigid" else 0, dtype="uint16").video
    held = prepared(video, motion=motion, normalization=normalization)
    monkeypatch.setattr(preprocessing, "_HELD_BYTES", 0)
    monkeypatch.setattr(preprocessing, "_PASS_BYTES", 7 * 4 * 64 * 64)
    for stored in (video, zarr.array(video, chunks=(30, 32, 64)), da.from_array(video, chunks=(11, 64, 20))):
        streamed = prepared(stored, motion=motion, normalization=normalization)
        for name in ("baseline", "bleaching", "noise", "decimated"):
            np.testing.assert_allclose(getattr(streamed, name), getattr(held, name), rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(streamed.frames(37, 61), held.frames(37, 61), rtol=1e-3, atol=1e-2)
        for result in (streamed, held):
            blocks = list(result.blocks(13 * 4 * 64 * 64))
            assert [len(frames) for _, frames in blocks[:2]] != [200]
            joint = np.concatenate([frames for _, frames in blocks])
            np.testing.assert_array_equal(joint, result.frames(0, 200))


def test_the_video_itself_is_not_changed() -> None:
    video = small(100, bleaching=0.3).video
    copy = video.copy()
    prepared(video, motion="rigid")
    np.testing.assert_array_equal(video, copy)


def test_relative_change_is_relative_to_the_baseline() -> None:
    truth = small(600, noise=0.2)
    absolute, relative = prepared(truth.video), prepared(truth.video, normalization="dff")
    np.testing.assert_allclose(
        relative.frames(0, 600), absolute.frames(0, 600) / absolute.baseline, rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(relative.noise, absolute.noise / absolute.baseline, rtol=1e-5)
    np.testing.assert_allclose(
        relative.decimated, absolute.decimated / absolute.baseline, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("baseline", [-3.0, 0.0])
def test_relative_change_needs_a_positive_baseline(baseline: float) -> None:
    with pytest.raises(InputError, match=r"must be positive: take 'subtract'.*\(got a baseline of"):
        prepared(small(200, baseline=baseline).video, normalization="dff")


def test_a_few_dark_pixels_do_not_spoil_relative_change() -> None:
    video = small(200).video.copy()
    video[:, :4] = 0
    result = prepared(video, normalization="dff")
    assert np.isfinite(result.frames(0, 200)).all()
    assert "256 pixels are dark" in result.messages[0]


# -------------------------------------------------------------------------------------------- decimation
@pytest.mark.parametrize(
    ("shape", "frame_rate", "expected"),
    [
        ((1800, 128, 128), 30.0, (6, 1)),
        ((1800, 128, 128), 5.0, (1, 1)),
        ((400, 128, 128), 30.0, (1, 1)),
        ((10_000, 512, 512), 30.0, (6, 2)),
        ((100_000, 512, 512), 1.0, (14, 4)),
    ],
)
def test_bins_keep_transients_apart_and_the_memory_small(shape, frame_rate, expected) -> None:
    time_bin, space_bin = choose_bins(shape, frame_rate, 120_000_000)
    assert (time_bin, space_bin) == expected
    assert (
        np.prod([-(-n // b) for n, b in zip(shape, (time_bin, space_bin, space_bin), strict=True)]) <= 120e6
    )


@pytest.mark.parametrize("max_values", [10**9, 250 * 4 * 5, 250 * 3 * 3])
def test_bins_are_means(max_values: int) -> None:
    video = np.random.default_rng(0).random((502, 7, 9)).astype(np.float32)
    decimator = Decimator(video.shape, 30.0, max_values)
    for start in range(0, 502, 100):
        decimator.add(start, video[start : start + 100])
    decimated, samples, sampled = decimator.finish()
    t, s = decimator.time_bin, decimator.space_bin
    assert decimated.shape == (-(-502 // t), -(-7 // s), -(-9 // s))
    assert decimated.size <= max_values
    for k in (0, len(decimated) - 1):
        frames = video[k * t : (k + 1) * t]
        assert decimated[k, -1, -1] == pytest.approx(frames[:, 6 // s * s :, 8 // s * s :].mean(), rel=1e-5)
        np.testing.assert_allclose(samples[list(sampled).index(k)], frames.mean(axis=0), rtol=1e-5)
    image = video[0]
    assert decimator.pooled(image)[0, 0] == pytest.approx(image[:s, :s].mean(), rel=1e-5)


def test_the_decimated_video_is_the_corrected_one_averaged() -> None:
    result = prepared(small(1300, bleaching=0.3).video)
    assert result.time_bin == 5
    frames = result.frames(0, 1300).reshape(260, 5, 64, 64).mean(axis=1)
    # Within a bin, the brightness that is lost is taken as one number.
    np.testing.assert_allclose(result.decimated, frames, atol=2e-3)


# ----------------------------------------------------------------------------------------- what is refused
def test_a_constant_video_is_refused() -> None:
    with pytest.raises(InputError, match=r"same brightness.*\(got 7 throughout\)"):
        prepared(np.full((50, 8, 8), 7, np.uint8))


def test_a_picture_that_is_repeated_is_refused() -> None:
    picture = np.random.default_rng(0).random((1, 8, 8))
    with pytest.raises(InputError, match=r"nothing changes.*\(got 50 times the same frame\)"):
        prepared(np.repeat(picture, 50, axis=0))


def test_values_that_are_not_finite_are_refused() -> None:
    video = np.random.default_rng(0).random((50, 8, 8))
    video[31, 2, 2] = np.nan
    with pytest.raises(InputError, match=r"frame 31\)"):
        prepared(video)


@pytest.mark.parametrize("n_frames", [2, 3, 5, 21])
@pytest.mark.parametrize("motion", ["none", "rigid"])
def test_short_videos_are_prepared(n_frames: int, motion: str) -> None:
    video = np.random.default_rng(0).random((n_frames, 6, 5))
    result = prepared(video, motion=motion)
    assert np.isfinite(result.frames(0, n_frames)).all()
    assert result.noise.min() > 0


@pytest.mark.parametrize("shape", [(60, 1, 1), (60, 1, 40), (60, 3, 2)])
@pytest.mark.parametrize("motion", ["none", "rigid"])
def test_frames_of_a_few_pixels_are_prepared(shape: tuple[int, ...], motion: str) -> None:
    result = prepared(np.random.default_rng(0).random(shape) + 1, motion=motion, normalization="dff")
    assert np.isfinite(result.frames(0, 60)).all()


# -------------------------------------------------------------------------------------------- as a job
def test_progress_rises_to_the_end_and_says_what_is_done() -> None:
    video = Video.open(small(300, motion=2).video)
    job = prepare_video(video, VideoParameters(motion="rigid"), 30.0)
    steps = list(job)
    shares = [step.fraction for step in steps]
    assert shares == sorted(shares)
    assert {step.total for step in steps} == {1.0}
    assert {step.partial.phase for step in steps} == {"prepare"}
    assert all(isinstance(step.partial, FitState) and step.message for step in steps)


def test_it_can_be_cancelled_between_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preprocessing, "_PASS_BYTES", 10 * 4 * 64 * 64)
    token = CancelToken()
    job = prepare_video(Video.open(small(100).video), VideoParameters(), 30.0, token)
    next(job)
    token.cancel()
    with pytest.raises(JobCancelled):
        next(job)


def test_the_same_video_gives_the_same() -> None:
    video = small(200, motion=2).video
    first, second = (prepared(video, motion="rigid") for _ in range(2))
    for name in ("baseline", "bleaching", "noise", "shifts", "decimated"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
