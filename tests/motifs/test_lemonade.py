"""The motif detector on simulated videos: what it finds, what it promises, and how it is ended early."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from napari_segmotif.common.axes import ImageSource
from napari_segmotif.common.progress import CancelToken, Progress, run_job
from napari_segmotif.errors import JobCancelled, NotFittedError
from napari_segmotif.motifs.lemonade import LeMoNADe
from napari_segmotif.motifs.results.similarity import motif_similarity
from napari_segmotif.motifs.searching.held_out import make_folds
from napari_segmotif.motifs.simulating.simulated_spikes import fluorescence
from napari_segmotif.motifs.simulating.simulation import SimulatedVideo, simulate_video

Array = NDArray[np.float32]
Settings = dict[str, Any]
RESULTS = ("motifs_", "activations_", "p_values_", "baseline_", "bleaching_", "loss_curve_")


@pytest.fixture(scope="session")
def brief(video: SimulatedVideo) -> Array:
    return video.video[:450]


@pytest.fixture(scope="session")
def cheap(quick: Settings) -> Settings:
    """As quick as can be: where it only matters that two fits are the same."""
    return {**quick, "n_restarts": 30, "n_surrogates": 19, "n_steps": 5}


def state_of(model: LeMoNADe) -> dict[str, Any]:
    """Everything a fit leaves behind, in a form that can be compared."""
    return {
        name: value.tobytes() if isinstance(value, np.ndarray) else value
        for name, value in vars(model).items()
    }


def similarity_to(model: LeMoNADe, truth: SimulatedVideo) -> Any:
    return motif_similarity(model.motifs_, truth.motifs)


def occurrences_f1(model: LeMoNADe, truth: SimulatedVideo, tolerance: int = 2) -> float:
    """Agreement of when motifs were played, each found motif against its partner."""
    hits = n_found = 0
    for pair in similarity_to(model, truth).pairs:
        left = list(np.flatnonzero(truth.activations[pair.truth]))
        found = [one.frame + pair.shift for one in model.occurrences_ if one.motif == pair.found]
        n_found += len(found)
        for frame in found:
            near = [t for t in left if abs(t - frame) <= tolerance]
            if near:
                left.remove(near[0])
                hits += 1
    return 2 * hits / (n_found + float(truth.activations.sum()))


# ---------------------------------------------------------------------------------------- what it finds


def test_all_motifs_are_found(found: LeMoNADe, video: SimulatedVideo) -> None:
    match = similarity_to(found, video)
    assert match.recall == 1
    assert match.similarity > 0.88
    assert len(found.motifs_) == 3
    assert found.significant_.all()
    assert found.suggested_n_motifs_ == 3


def test_it_is_known_when_they_were_played(found: LeMoNADe, video: SimulatedVideo) -> None:
    assert occurrences_f1(found, video) > 0.9


def test_another_video_gives_its_motifs(small: Settings, quick: Settings) -> None:
    truth = simulate_video(**{**small, "random_state": 1})
    model = LeMoNADe(**quick).fit(truth.video)
    assert similarity_to(model, truth).recall == 1
    assert occurrences_f1(model, truth) > 0.85


def test_spikes_of_no_motif_do_no_harm(small: Settings, quick: Settings) -> None:
    truth = simulate_video(**{**small, "n_frames": 1500, "spurious": 0.5})
    model = LeMoNADe(**quick).fit(truth.video)
    assert similarity_to(model, truth).recall == 1
    assert model.significant_.all()


def test_results_have_the_shapes_and_ranges_they_promise(found: LeMoNADe) -> None:
    assert found.motifs_.shape == (3, 15, 48, 48)
    assert found.activations_.shape == (3, 900)
    assert found.p_values_.shape == found.significant_.shape == (3,)
    assert found.baseline_.shape == found.frame_shape_ == (48, 48)
    assert found.bleaching_.shape == (found.n_frames_,) == (900,)
    assert found.loss_curve_.shape == (20,)
    assert found.shifts_ is None
    assert not found.stopped_early_
    for array in (found.motifs_, found.activations_, found.baseline_, found.bleaching_, found.loss_curve_):
        assert array.dtype == np.float32
        assert np.isfinite(array).all()
    assert found.motifs_.min() >= 0
    assert 0 <= found.activations_.min() <= found.activations_.max() <= 1
    assert np.all(np.diff(found.p_values_) >= 0)
    np.testing.assert_array_equal(found.significant_, found.p_values_ < 0.05)


def test_occurrences_tell_frame_time_and_motif(found: LeMoNADe) -> None:
    frames = [one.frame for one in found.occurrences_]
    assert frames == sorted(frames)
    assert {one.motif for one in found.occurrences_} == {0, 1, 2}
    for one in found.occurrences_:
        assert one.time == one.frame / 15
        assert 0.5 <= one.amplitude <= 1
        assert found.activations_[one.motif, one.frame] > 0.1


def test_the_network_learns(found: LeMoNADe) -> None:
    assert found.loss_curve_[-5:].mean() <= found.loss_curve_[:5].mean()


def test_brightness_at_rest_is_found(found: LeMoNADe, video: SimulatedVideo) -> None:
    assert np.abs(found.baseline_ - video.baseline).mean() < 0.05


def test_motifs_have_the_brightness_they_have_in_the_video(found: LeMoNADe, video: SimulatedVideo) -> None:
    for pair in similarity_to(found, video).pairs:
        ratio = found.motifs_[pair.found].max() / video.motifs[pair.truth].max()
        assert 0.6 < ratio < 1.6


def test_the_summary_names_every_motif(found: LeMoNADe) -> None:
    text = found.summary()
    assert "3 motifs, 3 significant" in text
    for m in range(3):
        count = sum(one.motif == m for one in found.occurrences_)
        assert f"motif {m + 1}: p = {found.p_values_[m]:.3f}, played {count} times" in text


# ------------------------------------------------------------------------------------- more than enough


@pytest.fixture(scope="module")
def generous(video: SimulatedVideo, quick: Settings) -> LeMoNADe:
    return LeMoNADe(**{**quick, "n_motifs": 10, "motif_length": 50}).fit(video.video)


def test_asked_for_ten_it_finds_three(generous: LeMoNADe, video: SimulatedVideo) -> None:
    assert generous.significant_.sum() == 3
    significant = generous.motifs_[generous.significant_]
    assert motif_similarity(significant, video.motifs).recall == 1


def test_a_longer_window_than_the_motif_needs_is_told(generous: LeMoNADe) -> None:
    assert 12 <= generous.suggested_motif_length_ < 50
    assert not any("larger length" in message for message in generous.messages_)


def test_asked_for_one_it_says_that_there_are_three(video: SimulatedVideo, cheap: Settings) -> None:
    model = LeMoNADe(**{**cheap, "n_motifs": 1, "n_surrogates": 99}).fit(video.video)
    assert len(model.motifs_) == 1
    assert model.suggested_n_motifs_ == 3
    assert any("3 motifs are significant: ask for more than 1" in message for message in model.messages_)


def test_a_video_without_motifs_has_no_significant_ones(small: Settings, quick: Settings) -> None:
    truth = simulate_video(**{**small, "n_motifs": 0})
    model = LeMoNADe(**quick).fit(truth.video)
    assert not model.significant_.any()
    assert any("no motif is significant" in message for message in model.messages_)
    assert "no motif is significant" in model.summary()


# -------------------------------------------------------------------------------------- reconstruction


def by_the_formula(model: LeMoNADe) -> NDArray[np.float64]:
    """bleaching[t] · (baseline + Σ_m Σ_f activations[m, t − f] · motifs[m, f])."""
    frames = np.tile(model.baseline_.astype(np.float64), (model.n_frames_, 1, 1))
    n_motifs, length = model.motifs_.shape[:2]
    for m in range(n_motifs):
        for f in range(length):
            z = model.activations_[m, : model.n_frames_ - f]
            played = np.flatnonzero(z > 0)
            frames[played + f] += z[played, None, None] * model.motifs_[m, f].astype(np.float64)
    return frames * model.bleaching_[:, None, None]


def test_the_reconstruction_is_the_formula(found: LeMoNADe) -> None:
    left_out = 1e-3 * found.motifs_.sum(axis=(0, 1))  # by activations below a thousandth
    assert (np.abs(found.reconstruct() - by_the_formula(found)) <= left_out + 1e-4).all()


@pytest.mark.parametrize(("start", "stop"), [(0, 7), (100, 163), (880, None), (895, 5000), (-20, None)])
def test_a_part_of_the_reconstruction_is_that_part_of_the_whole(
    found: LeMoNADe, start: int, stop: int | None
) -> None:
    part = found.reconstruct(start, stop)
    assert part.dtype == np.float32
    np.testing.assert_array_equal(part, found.reconstruct()[start:stop])


def test_no_frames_are_no_trouble(found: LeMoNADe) -> None:
    assert found.reconstruct(10, 10).shape == found.reconstruct(20, 10).shape == (0, 48, 48)


def test_the_reconstruction_explains_the_video(found: LeMoNADe, small: Settings) -> None:
    clean = simulate_video(**{**small, "noise": 0.0}).video
    left = np.square(clean - found.reconstruct()).sum()
    assert left < 0.5 * np.square(clean - clean.mean(axis=0)).sum()


# --------------------------------------------------------------------------------------- repeatability


def test_the_same_seed_gives_the_same_bits(video: SimulatedVideo, found: LeMoNADe, quick: Settings) -> None:
    assert state_of(LeMoNADe(**quick).fit(video.video)) == state_of(found)


def test_a_model_may_be_fitted_again(brief: Array, small: Settings, cheap: Settings) -> None:
    model = LeMoNADe(**cheap).fit(simulate_video(**{**small, "random_state": 5, "n_frames": 400}).video)
    model.fit(brief)
    assert state_of(model) == state_of(LeMoNADe(**cheap).fit(brief))


def digest(model: LeMoNADe) -> str:
    total = hashlib.sha256()
    for name in RESULTS:
        total.update(np.ascontiguousarray(getattr(model, name)).tobytes())
    return total.hexdigest()


def test_another_process_gets_the_same_bits(tmp_path: Path, brief: Array, cheap: Settings) -> None:
    np.save(tmp_path / "video.npy", brief)
    (tmp_path / "fit.py").write_text(
        textwrap.dedent(
            f"""
            import hashlib
            import numpy as np
            from napari_segmotif import LeMoNADe

            model = LeMoNADe(**{cheap!r}).fit(np.load("video.npy"))
            total = hashlib.sha256()
            for name in {RESULTS!r}:
                total.update(np.ascontiguousarray(getattr(model, name)).tobytes())
            print(total.hexdigest())
            """
        )
    )
    ran = subprocess.run(
        [sys.executable, "fit.py"],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == digest(LeMoNADe(**cheap).fit(brief))


# ----------------------------------------------------------------------------------------- other arrays


@pytest.fixture(scope="module")
def counts(small: Settings) -> SimulatedVideo:
    return simulate_video(**{**small, "dtype": "uint16"})


@pytest.fixture(scope="module")
def of_counts(counts: SimulatedVideo, cheap: Settings) -> LeMoNADe:
    return LeMoNADe(**cheap).fit(counts.video[:450])


def in_zarr(video: NDArray[Any]) -> Any:
    stored = zarr.create_array({}, shape=video.shape, chunks=(70, 20, 48), dtype=video.dtype)
    stored[:] = video
    return stored


@pytest.mark.parametrize(
    "kind",
    [
        lambda video: video.astype(np.float32),
        lambda video: video.astype(np.float64),
        lambda video: da.from_array(video, chunks=(111, 30, 48)),
        in_zarr,
        lambda video: ImageSource(video, "TYX"),
        lambda video: ImageSource(video[:, None], "TZYX"),
        lambda video: np.broadcast_to(np.asfortranarray(video), video.shape),  # read only
    ],
    ids=["float32", "float64", "dask", "zarr", "source", "one-plane", "read-only"],
)
def test_the_kind_of_array_does_not_matter(
    counts: SimulatedVideo, of_counts: LeMoNADe, cheap: Settings, kind: Callable[[Any], Any]
) -> None:
    video = counts.video[:450]
    before = video.copy()
    model = LeMoNADe(**cheap).fit(kind(video))
    for name in RESULTS:
        np.testing.assert_array_equal(getattr(model, name), getattr(of_counts, name), err_msg=name)
    np.testing.assert_array_equal(video, before)


def test_camera_counts_give_the_motifs_in_counts(counts: SimulatedVideo, quick: Settings) -> None:
    model = LeMoNADe(**quick).fit(counts.video)
    assert similarity_to(model, counts).recall == 1
    assert 100 < model.motifs_.max() < 500  # a transient has 200
    assert np.abs(model.baseline_ - counts.baseline).mean() < 10


# ---------------------------------------------------------------------------------------------- options


def test_bleaching_is_undone(small: Settings, quick: Settings) -> None:
    truth = simulate_video(**{**small, "bleaching": 0.4})
    model = LeMoNADe(**quick).fit(truth.video)
    assert np.abs(model.bleaching_ - truth.bleaching).max() < 0.03
    assert similarity_to(model, truth).recall == 1
    np.testing.assert_allclose(
        model.reconstruct(890), by_the_formula(model)[890:], atol=0.02 * model.motifs_.max()
    )


def test_bleaching_is_left_where_that_is_asked(small: Settings, cheap: Settings) -> None:
    truth = simulate_video(**{**small, "bleaching": 0.4})
    model = LeMoNADe(**cheap, bleaching=False).fit(truth.video)
    np.testing.assert_array_equal(model.bleaching_, 1)


def test_motion_is_undone(small: Settings, quick: Settings) -> None:
    truth = simulate_video(**{**small, "motion": 2.0})
    model = LeMoNADe(**quick, motion="rigid").fit(truth.video)
    assert model.shifts_ is not None
    error = model.shifts_ - truth.shifts
    assert np.abs(error - np.median(error, axis=0)).mean() < 0.3
    assert similarity_to(model, truth).recall == 1
    still = simulate_video(**{**small, "noise": 0.0, "motion": 2.0}).video
    left = np.square(still - model.reconstruct()).sum()
    assert left < 0.6 * np.square(still - still.mean(axis=0)).sum()


def test_a_negative_baseline_changes_nothing(video: SimulatedVideo, cheap: Settings) -> None:
    plain, lowered = (LeMoNADe(**cheap, bleaching=False).fit(video.video - off) for off in (0, 16))
    assert (lowered.baseline_ < 0).all()
    np.testing.assert_allclose(lowered.baseline_, plain.baseline_ - 16, atol=1e-2)
    assert similarity_to(lowered, video).recall == 1
    assert motif_similarity(lowered.motifs_, plain.motifs_).matched > 0.97


def test_relative_changes_give_motifs_in_the_units_of_the_video(
    video: SimulatedVideo, quick: Settings
) -> None:
    model = LeMoNADe(**quick, normalization="dff").fit(video.video)
    match = similarity_to(model, video)
    assert match.recall == 1
    assert 0.6 < model.motifs_.max() / video.motifs.max() < 1.6


def test_a_cell_size_that_is_given_is_good_enough(video: SimulatedVideo, quick: Settings) -> None:
    assert similarity_to(LeMoNADe(**quick, cell_size=6.0).fit(video.video), video).recall == 1


def test_the_plain_model_runs(video: SimulatedVideo, quick: Settings) -> None:
    model = LeMoNADe(**quick, init="random").fit(video.video)
    assert model.motifs_.shape == (3, 15, 48, 48)
    assert np.isfinite(model.motifs_).all()
    assert np.isfinite(model.p_values_).all()
    assert ((model.activations_ >= 0) & (model.activations_ <= 1)).all()
    assert len(model.loss_curve_) == 20
    assert model.reconstruct(0, 3).shape == (3, 48, 48)


def test_without_steps_the_search_alone_decides(video: SimulatedVideo, quick: Settings) -> None:
    model = LeMoNADe(**{**quick, "n_steps": 0}).fit(video.video)
    assert len(model.loss_curve_) == 0
    assert similarity_to(model, video).recall == 1
    assert set(np.unique(model.activations_)) == {0, 1}


# ----------------------------------------------------------------------------------------- at borders


def test_motifs_across_borders_of_blocks_are_found(video: SimulatedVideo, quick: Settings) -> None:
    """One occurrence lies across each border between the blocks of the held-out test."""
    length = quick["motif_length"]
    folds = make_folds(900, length)
    inside = folds.testing.any(axis=0)
    borders = np.flatnonzero(np.diff(inside.astype(int)) == 1) + 1
    assert len(borders) > 5
    rng = np.random.default_rng(0)
    activations = video.activations.copy()
    for t in borders - 6:
        activations[0, t - 15 : t + 16] = 0
        activations[0, t] = 1
    spikes = np.zeros_like(video.spikes)
    for m, t in np.argwhere(activations):
        for cell in np.flatnonzero(video.members[m]):
            spikes[cell, t + video.offsets[m, cell]] += 1
    traces = fluorescence(spikes, video.parameters)
    frames = video.baseline + np.tensordot(traces.T, video.footprints, 1)
    frames += 0.4 * rng.normal(size=frames.shape)
    model = LeMoNADe(**quick).fit(frames.astype(np.float32))
    match = similarity_to(model, video)
    assert match.recall == 1
    pair = match.pairs[0]
    frames_found = np.array([one.frame + pair.shift for one in model.occurrences_ if one.motif == pair.found])
    assert np.all([np.abs(frames_found - t).min() <= 2 for t in borders - 6])


# ------------------------------------------------------------------------------------ progress, ending


def in_phase(token: CancelToken, phase: str) -> Callable[[Progress], None]:
    def cancel(progress: Progress) -> None:
        if progress.partial.phase == phase:
            token.cancel()

    return cancel


def test_progress_goes_up_from_0_to_1(brief: Array, cheap: Settings) -> None:
    seen: list[Progress] = []
    run_job(LeMoNADe(**cheap).fit_iter(brief), seen.append)
    fractions = [progress.done for progress in seen]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] < 0.3
    assert 0.9 < fractions[-1] <= 1
    assert {progress.total for progress in seen} == {1.0}
    assert all(progress.message for progress in seen)
    phases = [progress.partial.phase for progress in seen]
    order = list(dict.fromkeys(phases))
    assert order == ["prepare", "compress", "search", "significance", "refine", "motifs"]


def test_losses_are_shown_while_it_learns(brief: Array, quick: Settings) -> None:
    seen: list[Progress] = []
    model = run_job(LeMoNADe(**quick).fit_iter(brief), seen.append)
    lengths = [len(progress.partial.losses) for progress in seen if progress.partial.phase == "refine"]
    assert lengths == sorted(lengths)
    assert lengths[-1] > 0
    np.testing.assert_array_equal(seen[-1].partial.losses, model.loss_curve_)


PHASES = ["prepare", "compress", "search", "significance", "refine"]


@pytest.fixture(scope="module")
def earlier(small: Settings, cheap: Settings) -> LeMoNADe:
    """A fit of another video."""
    return LeMoNADe(**cheap).fit(simulate_video(**{**small, "random_state": 5, "n_frames": 400}).video)


@pytest.mark.parametrize("phase", PHASES)
def test_cancelled_in_any_phase_an_earlier_fit_is_untouched(
    brief: Array, earlier: LeMoNADe, phase: str
) -> None:
    before = state_of(earlier)
    token = CancelToken()
    with pytest.raises(JobCancelled):
        run_job(earlier.fit_iter(brief, token=token), in_phase(token, phase))
    assert state_of(earlier) == before


@pytest.mark.parametrize("phase", ["prepare", "refine"])
def test_a_job_that_is_dropped_leaves_nothing(brief: Array, cheap: Settings, phase: str) -> None:
    model = LeMoNADe(**cheap)
    before = state_of(model)
    job = model.fit_iter(brief)
    while next(job).partial.phase != phase:
        pass
    job.close()
    assert state_of(model) == before


@pytest.mark.parametrize("phase", ["prepare", "compress"])
def test_stopped_before_there_is_a_motif_it_is_cancelled(
    video: SimulatedVideo, earlier: LeMoNADe, phase: str
) -> None:
    before = state_of(earlier)
    stop = CancelToken()
    with pytest.raises(JobCancelled, match="before any motif"):
        run_job(earlier.fit_iter(video.video, stop=stop), in_phase(stop, phase))
    assert state_of(earlier) == before


@pytest.mark.parametrize("phase", ["search", "significance"])
def test_stopped_before_the_tests_are_done_motifs_are_kept(
    video: SimulatedVideo, quick: Settings, phase: str
) -> None:
    stop = CancelToken()
    model = run_job(LeMoNADe(**quick).fit_iter(video.video, stop=stop), in_phase(stop, phase))
    assert model.stopped_early_
    assert similarity_to(model, video).recall == 1
    assert np.isnan(model.p_values_).all()
    assert not model.significant_.any()
    assert any("stopped before the motifs were tested" in message for message in model.messages_)
    assert "not tested" in model.summary()


def test_stopped_while_it_learns_the_best_so_far_is_kept(video: SimulatedVideo, quick: Settings) -> None:
    stop = CancelToken()
    patient = {**quick, "n_steps": 100_000}
    model = run_job(LeMoNADe(**patient).fit_iter(video.video, stop=stop), in_phase(stop, "refine"))
    assert model.stopped_early_
    assert model.significant_.all()
    assert similarity_to(model, video).recall == 1
    assert occurrences_f1(model, video) > 0.85
    assert len(model.loss_curve_) < 1000


def test_an_early_stop_is_told_apart_from_a_whole_fit(brief: Array, cheap: Settings) -> None:
    model = run_job(LeMoNADe(**cheap).fit_iter(brief, stop=CancelToken()))
    assert not model.stopped_early_


# ------------------------------------------------------------------------------------------------ files


def test_a_saved_model_is_the_same_one(found: LeMoNADe, video: SimulatedVideo, tmp_path: Path) -> None:
    path = found.save(tmp_path / "motifs.segmotif")
    loaded = LeMoNADe.load(path)
    assert state_of(loaded) == state_of(found)
    np.testing.assert_array_equal(loaded.reconstruct(40, 60), found.reconstruct(40, 60))
    assert loaded.summary() == found.summary()


def test_a_loaded_model_fits_like_a_new_one(
    earlier: LeMoNADe, brief: Array, cheap: Settings, tmp_path: Path
) -> None:
    loaded = LeMoNADe.load(earlier.save(tmp_path / "earlier.segmotif"))
    assert state_of(loaded.fit(brief)) == state_of(LeMoNADe(**cheap).fit(brief))


@pytest.mark.parametrize("use", ["reconstruct", "summary"])
def test_a_new_model_says_that_it_must_be_fitted(use: str) -> None:
    with pytest.raises(NotFittedError, match="call fit first"):
        getattr(LeMoNADe(), use)()


def test_a_new_model_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match="call fit first"):
        LeMoNADe().save(tmp_path / "new.segmotif")
    assert not list(tmp_path.iterdir())
