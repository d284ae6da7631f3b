"""The variational autoencoder on compressed videos with planted motifs, and the exact M-step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_segmotif.common.progress import CancelToken, run_job
from napari_segmotif.errors import InputError, JobCancelled, SegmotifError
from napari_segmotif.motifs.parameters import MotifParameters
from napari_segmotif.motifs.refining import torch_training, torch_vae
from napari_segmotif.motifs.refining.expectation import expected_motifs
from napari_segmotif.motifs.refining.torch_vae import VaeResult, VaeStart, train_vae
from napari_segmotif.motifs.results.findings import FitState

Array = NDArray[np.float32]
LENGTH = 12
QUICK = MotifParameters(n_steps=60, learning_rate=1e-2, device="cpu")
ENOUGH = QUICK.model_copy(update={"n_steps": 200})


def planted(n_frames: int = 700, n_motifs: int = 2, seed: int = 0) -> tuple[Array, Array, Array]:
    """x (K, T) with noise of variance 1, motifs (M, F, K) of transients that decay, activations (M, T)."""
    rng = np.random.default_rng(seed)
    motifs = np.zeros((n_motifs, LENGTH, 8), np.float32)
    for m in range(n_motifs):
        for channel in rng.choice(8, 4, replace=False):
            onset = rng.integers(0, 7)
            motifs[m, onset:, channel] = 4 * np.exp(-np.arange(LENGTH - onset) / 4)
    activations = np.zeros((n_motifs, n_frames), np.float32)
    for m in range(n_motifs):
        activations[m, np.cumsum(rng.integers(LENGTH + 8, 50, n_frames // 50))] = 1
    x = played(motifs, activations) + rng.normal(size=(8, n_frames))
    return x.astype(np.float32), motifs, activations


def played(motifs: Array, activations: Array) -> Array:
    """Σ_m Σ_f activations[m, t − f] · motifs[m, f], by the definition."""
    x = np.zeros((motifs.shape[2], activations.shape[1]), np.float32)
    for m, t in np.argwhere(activations):
        stop = min(t + motifs.shape[1], x.shape[1])
        x[:, t:stop] += activations[m, t] * motifs[m, : stop - t].T
    return x


def perturbed(motifs: Array, activations: Array) -> VaeStart:
    """Noisy motifs; a quarter of the activations missing, another quarter a frame late, some false."""
    rng = np.random.default_rng(5)
    wrong = activations.copy()
    for m in range(len(wrong)):
        frames = rng.permutation(np.flatnonzero(wrong[m]))
        quarter = len(frames) // 4
        wrong[m, frames[: 2 * quarter]] = 0
        wrong[m, frames[quarter : 2 * quarter] + 1] = 1
        wrong[m, rng.integers(0, wrong.shape[1], 2)] = 1
    noisy = motifs + rng.normal(size=motifs.shape) * motifs.std()
    return VaeStart(noisy.astype(np.float32), wrong)


def similarity(found: Array, truth: Array) -> float:
    """Mean cosine of motifs that belong together."""
    cosines = [
        np.vdot(f, t) / np.linalg.norm(f) / np.linalg.norm(t) for f, t in zip(found, truth, strict=True)
    ]
    return float(np.mean(cosines))


def f1(posterior: Array, activations: Array) -> float:
    """Agreement of the frames with probability above one half, exactly to the frame."""
    found, truth = posterior > 0.5, activations > 0.5
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


def refine(
    x: Array, start: VaeStart | None, parameters: MotifParameters = QUICK, **options: int
) -> VaeResult:
    return run_job(train_vae(x, 2, LENGTH, parameters, start, **options))


# ---------------------------------------------------------------------------------------------- the result


def test_a_poor_start_becomes_a_good_end() -> None:
    x, motifs, activations = planted()
    start = perturbed(motifs, activations)
    before = similarity(start.motifs, motifs), f1(start.activations, activations)
    result = refine(x, start, ENOUGH)
    after = similarity(result.motifs, motifs), f1(result.posterior, activations)
    assert before[0] < 0.8
    assert before[1] < 0.75
    assert after[0] > 0.95
    assert after[1] > 0.88
    assert result.posterior.dtype == result.motifs.dtype == result.losses.dtype == np.float32


def test_a_good_start_stays_good() -> None:
    x, motifs, activations = planted(seed=1)
    result = refine(x, VaeStart(motifs, activations))
    ceiling = similarity(expected_motifs(x, activations, LENGTH), motifs)
    assert similarity(result.motifs, motifs) > 0.98 * ceiling
    assert f1(result.posterior, activations) > 0.95


def test_without_a_step_the_encoder_says_what_the_start_says() -> None:
    x, motifs, activations = planted()
    result = refine(x, VaeStart(motifs, activations), QUICK.model_copy(update={"n_steps": 0}))
    assert f1(result.posterior, activations) > 0.9
    assert len(result.losses) == 0
    np.testing.assert_allclose(result.posterior.sum(axis=1), activations.sum(axis=1), rtol=0.1)


def test_a_long_video_is_learnt_from_windows_and_nothing_is_lost_at_their_borders() -> None:
    x, motifs, activations = planted(6000)
    result = refine(x, perturbed(motifs, activations), ENOUGH)
    assert f1(result.posterior, activations) > 0.93
    assert similarity(result.motifs, motifs) > 0.98


def test_every_frame_is_in_a_window_equally_often() -> None:
    generator = torch.Generator().manual_seed(0)
    windows = torch_training.Windows(5000, 31, generator)
    seen = np.zeros(5000)
    for _ in range(2000):
        for start in windows.draw():
            seen[max(0, start) : start + windows.length] += 1
    assert seen.min() > 0.9 * seen.mean()
    assert seen.max() < 1.1 * seen.mean()


def test_the_posterior_does_not_depend_on_how_the_video_is_cut() -> None:
    x, motifs, activations = planted()
    trainer = torch_vae._trainer(x, 2, LENGTH, QUICK, VaeStart(motifs, activations))
    trainer.advance(3)
    whole = trainer.posterior()
    for block in (100, 699):
        np.testing.assert_allclose(trainer.posterior(block), whole, atol=2e-5)


def test_the_same_seed_gives_the_same_bits_whatever_else_runs() -> None:
    x, motifs, activations = planted()
    start = perturbed(motifs, activations)
    torch.manual_seed(1)
    random, threads = torch.get_rng_state(), torch.get_num_threads()
    one = refine(x, start)
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.get_num_threads() == threads
    torch.manual_seed(2)
    try:
        torch.set_num_threads(threads + 1)
        two = refine(x, start)
    finally:
        torch.set_num_threads(threads)
    for name in ("motifs", "posterior", "losses"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    other = refine(x, start, QUICK.model_copy(update={"random_state": 7}))
    assert not np.array_equal(one.losses, other.losses)


def test_channels_of_noise_do_not_change_what_beta_means() -> None:
    x, motifs, activations = planted()
    more = np.vstack([x, np.random.default_rng(3).normal(size=(40, x.shape[1]))]).astype(np.float32)
    wider = np.pad(motifs, ((0, 0), (0, 0), (0, 40)))
    few = refine(x, VaeStart(motifs, activations))
    many = run_job(train_vae(more, 2, LENGTH, QUICK, VaeStart(wider, activations)))
    assert f1(few.posterior, activations) > 0.95
    assert f1(many.posterior, activations) > 0.95
    # Half the variance of each channel: what is left are the same two terms.
    assert many.losses[-1] - few.losses[-1] == pytest.approx(20, abs=2)


def test_a_larger_beta_lets_less_happen() -> None:
    x, motifs, activations = planted()
    start = VaeStart(motifs, activations)
    heavy = refine(x, start, QUICK.model_copy(update={"beta": 100.0, "learning_rate": 5e-2}))
    assert heavy.posterior.max() < refine(x, start).posterior.max()


def test_random_weights_learn() -> None:
    x, _, _ = planted()
    result = refine(x, None, QUICK.model_copy(update={"init": "random"}))
    assert len(result.losses) == 60
    assert result.losses[-10:].mean() < 0.95 * result.losses[:10].mean()
    assert np.isfinite(result.motifs).all()


# ------------------------------------------------------------------------------------------- odd videos


@pytest.mark.parametrize("extra", [1, 2, 5])
@pytest.mark.parametrize("warm", [True, False])
def test_a_video_barely_longer_than_a_motif(extra: int, warm: bool) -> None:
    x, motifs, _ = planted()
    x = x[:, : LENGTH + extra]
    activations = np.zeros((2, LENGTH + extra), np.float32)
    activations[0, 1] = 1
    result = refine(x, VaeStart(motifs, activations) if warm else None)
    assert result.posterior.shape == (2, LENGTH + extra)
    assert np.isfinite(result.posterior).all()
    assert np.isfinite(result.motifs).all()


def test_a_motif_that_is_never_or_always_played_does_no_harm() -> None:
    x, motifs, activations = planted()
    three = np.concatenate([motifs, motifs[:1] * 0, motifs[:1]])
    start = VaeStart(three, np.vstack([activations, activations[:1] * 0, activations[:1] * 0 + 1]))
    result = run_job(train_vae(x, 4, LENGTH, QUICK, start))
    assert np.isfinite(result.motifs).all()
    assert f1(result.posterior[1:2], activations[1:2]) > 0.8


def test_no_motif_at_all() -> None:
    x, motifs, activations = planted()
    result = run_job(train_vae(x, 0, LENGTH, QUICK, VaeStart(motifs[:0], activations[:0])))
    assert result.motifs.shape == (0, LENGTH, 8)
    assert result.posterior.shape == (0, 700)


def test_what_does_not_fit_is_refused() -> None:
    x, motifs, activations = planted()
    start = VaeStart(motifs, activations)
    with pytest.raises(InputError, match=r"longer than a motif.*\(got 12 frames, motif_length=12\)"):
        refine(x[:, :LENGTH], None)
    with pytest.raises(InputError, match=r"start must have motifs \(2, 12, 7\).*\(got \(2, 12, 8\)"):
        refine(x[:7], start)
    broken = x.copy()
    broken[3, 4] = np.nan
    with pytest.raises(InputError, match=r"x must be finite \(got 1 values"):
        refine(broken, start)


# --------------------------------------------------------------------------------- cancelling and mishaps


def test_progress_tells_the_step_and_the_losses() -> None:
    x, motifs, activations = planted()
    seen = []
    run_job(train_vae(x, 2, LENGTH, QUICK, VaeStart(motifs, activations)), seen.append)
    assert [p.done for p in seen] == [0, 10, 20, 30, 40, 50]
    assert seen[4].message == "refining: step 40 of 60"
    assert isinstance(seen[4].partial, FitState)
    assert seen[4].partial.losses.shape == (40,)


def test_cancel_leaves_and_stop_keeps_what_there_is() -> None:
    x, motifs, activations = planted()
    start = VaeStart(motifs, activations)
    token = CancelToken()
    with pytest.raises(JobCancelled):
        run_job(train_vae(x, 2, LENGTH, QUICK, start, token=token), lambda p: p.done >= 10 and token.cancel())
    stop = CancelToken()
    job = train_vae(x, 2, LENGTH, QUICK, start, stop=stop)
    result = run_job(job, lambda p: p.done >= 10 and stop.cancel())
    assert len(result.losses) == 20
    assert f1(result.posterior, activations) > 0.9


def test_a_wild_learning_rate_ends_no_worse_than_it_began() -> None:
    x, motifs, activations = planted()
    wild = QUICK.model_copy(update={"learning_rate": 1.0, "n_steps": 3})
    result = refine(x, VaeStart(motifs, activations), wild)
    assert result.losses[-1] > result.losses[0]
    assert f1(result.posterior, activations) > 0.9


def test_numbers_that_overflow_are_taken_back_and_then_said(monkeypatch: pytest.MonkeyPatch) -> None:
    x, motifs, activations = planted()
    usual = torch_training.Trainer._loss
    calls = []

    def overflowing(self: torch_training.Trainer, *args: object) -> torch.Tensor:
        calls.append(len(self.losses))
        loss = usual(self, *args)
        return loss * torch.inf if len(calls) in broken else loss

    monkeypatch.setattr(torch_training.Trainer, "_loss", overflowing)
    broken: range | tuple[int, ...] = (25, 26)
    result = refine(x, VaeStart(motifs, activations))
    assert len(result.losses) == 60
    assert np.isfinite(result.losses).all()
    assert f1(result.posterior, activations) > 0.9
    calls.clear()
    broken = range(25, 10_000)
    with pytest.raises(SegmotifError, match=r"smaller learning rate \(got 0.01\)"):
        refine(x, VaeStart(motifs, activations))


def test_a_fault_of_the_device_becomes_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    x, motifs, activations = planted()

    def failing(*args: object) -> None:
        raise RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED")

    monkeypatch.setattr(torch_training.Trainer, "_loss", failing)
    with pytest.raises(SegmotifError, match=r"device failed.*\(got cuDNN error"):
        refine(x, VaeStart(motifs, activations))


def test_out_of_memory_is_tried_in_smaller_pieces_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, motifs, activations = planted(4000)
    start = perturbed(motifs, activations)
    few = QUICK.model_copy(update={"n_steps": 10})
    expected = refine(x, start, few)
    usual = torch_training.Trainer._loss
    batches = []

    def hungry(self: torch_training.Trainer, starts: list[int], *args: object) -> torch.Tensor:
        batches.append(len(starts))
        if len(starts) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return usual(self, starts, *args)

    monkeypatch.setattr(torch_training.Trainer, "_loss", hungry)
    result = refine(x, start, few)
    assert max(batches) > 1
    np.testing.assert_allclose(result.losses, expected.losses, rtol=1e-4)
    np.testing.assert_allclose(result.posterior, expected.posterior, atol=1e-2)


# ------------------------------------------------------------------------------------------- the M-step


def design(activations: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """(M · F, T): every motif's activations, delayed by every offset."""
    rows = [np.pad(row, (f, 0))[: len(row)] for row in activations for f in range(length)]
    return np.array(rows)


@pytest.mark.parametrize("n_frames", [13, 60, 700])
def test_for_certain_activations_the_m_step_is_least_squares(n_frames: int) -> None:
    rng = np.random.default_rng(n_frames)
    x = rng.normal(size=(4, n_frames)).astype(np.float32)
    z = (rng.random((3, n_frames)) < 0.2).astype(np.float32)
    z[:, -3:] = 1  # cut off by the end
    found = expected_motifs(x, z, LENGTH, ridge=0.5)
    rows = design(z.astype(float), LENGTH)
    expected = np.linalg.solve(rows @ rows.T + 0.5 * np.eye(len(rows)), rows @ x.T)
    np.testing.assert_allclose(found.reshape(len(rows), 4), expected, atol=1e-5)


def test_for_uncertain_activations_it_minimises_the_expectation() -> None:
    """Against the mean over many draws of the activations."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 40)).astype(np.float32)
    posterior = rng.random((2, 40)).astype(np.float32)
    draws = [design((rng.random((2, 40)) < posterior).astype(float), 5) for _ in range(20_000)]
    matrix = np.mean([rows @ rows.T for rows in draws], axis=0)
    right = np.mean(draws, axis=0) @ x.T
    expected = np.linalg.solve(matrix + 0.1 * np.eye(10), right)
    np.testing.assert_allclose(expected_motifs(x, posterior, 5).reshape(10, 3), expected, atol=0.02)


def test_the_m_step_of_a_long_video_is_that_of_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_segmotif.motifs.refining import expectation

    x, _, activations = planted(700)
    whole = expected_motifs(x, activations, LENGTH)
    for block in (5, 64):
        monkeypatch.setattr(expectation, "_BLOCK", block)
        np.testing.assert_allclose(expected_motifs(x, activations, LENGTH), whole, atol=1e-6)


def test_a_motif_that_is_never_played_stays_what_it_was() -> None:
    x, motifs, activations = planted()
    activations[1] = 0
    found = expected_motifs(x, activations, LENGTH, centre=motifs)
    np.testing.assert_allclose(found[1], motifs[1], atol=1e-6)
    assert not expected_motifs(x, activations, LENGTH)[1].any()


def test_the_m_step_refuses_what_does_not_fit() -> None:
    x, _, activations = planted()
    with pytest.raises(InputError, match=r"posterior \(M, T\) \(got \(8, 700\) and \(2, 699\)\)"):
        expected_motifs(x, activations[:, 1:], LENGTH)
    with pytest.raises(InputError, match=r"from 1 to 700 frames \(got 701\)"):
        expected_motifs(x, activations, 701)
    with pytest.raises(InputError, match=r"ridge must be greater than 0 \(got 0\)"):
        expected_motifs(x, activations, LENGTH, ridge=0)
