"""SparseConvolutionalCoding: motifs in spikes and in traces of known cells."""

from __future__ import annotations

import numpy as np
import pytest

from napari_segmotif import (
    InputError,
    NotFittedError,
    SparseConvolutionalCoding,
    motif_similarity,
    simulate_video,
)
from napari_segmotif.common.progress import CancelToken
from napari_segmotif.errors import JobCancelled

LENGTH = 25
STARTS = np.array([40, 131, 250, 322, 417, 530, 611, 702, 818, 930])


def planted_spikes(seed: int = 0, n_cells: int = 20, n_frames: int = 1000) -> np.ndarray:
    """Ten times, eight cells fire one after the other; beside that, all fire at random."""
    spikes = np.random.default_rng(seed).random((n_cells, n_frames)) < 0.01
    for start in STARTS:
        spikes[np.arange(8), start + 3 * np.arange(8)] = True
    return spikes


@pytest.fixture(scope="module")
def fitted() -> SparseConvolutionalCoding:
    return SparseConvolutionalCoding(n_motifs=2, motif_length=LENGTH, frame_rate=10).fit(planted_spikes())


def test_a_planted_sequence_of_spikes_is_found_with_its_times(fitted: SparseConvolutionalCoding) -> None:
    assert fitted.significant_[0]
    assert fitted.p_values_[0] < 0.01
    frames = np.array([one.frame for one in fitted.occurrences_ if one.motif == 0])
    assert len(frames) == len(STARTS)
    lag = np.median(frames - STARTS)
    assert np.abs(frames - STARTS - lag).max() <= 1
    assert fitted.occurrences_[0].time == pytest.approx(fitted.occurrences_[0].frame / 10)


def test_the_motif_holds_the_right_cells_in_the_right_order(fitted: SparseConvolutionalCoding) -> None:
    motif = fitted.motifs_[0]
    assert motif.shape == (20, LENGTH)
    members = np.flatnonzero(motif.max(axis=1) > 0.5 * motif.max())
    assert set(members) == set(range(8))
    assert np.all(np.diff(motif[:8].argmax(axis=1)) == 3)


def test_shapes_and_ranges_are_as_promised(fitted: SparseConvolutionalCoding) -> None:
    n = len(fitted.p_values_)
    assert fitted.activations_.shape == (n, 1000)
    assert fitted.activations_.min() >= 0
    assert fitted.activations_.max() <= 1 + 1e-6
    assert fitted.significant_.shape == (n,)
    assert np.isfinite(fitted.loss_curve_).all()
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0]
    assert "significant" in fitted.summary()


def test_the_same_seed_gives_the_same_motifs() -> None:
    one, two = (SparseConvolutionalCoding(motif_length=LENGTH).fit(planted_spikes()) for _ in range(2))
    np.testing.assert_array_equal(one.motifs_, two.motifs_)
    np.testing.assert_array_equal(one.activations_, two.activations_)


def test_traces_of_known_cells_give_the_motifs_of_the_video() -> None:
    sample = simulate_video(shape=(48, 48), n_frames=900, n_motifs=2, spurious=0.3, random_state=4)
    noise = np.random.default_rng(0).normal(0, 0.1, sample.traces.shape)
    model = SparseConvolutionalCoding(n_motifs=2).fit(sample.traces + noise)
    cells = sample.footprints.reshape(len(sample.footprints), -1)
    truth = np.linalg.lstsq(cells.T, sample.motifs.reshape(2 * 30, -1).T, rcond=None)[0]
    truth = truth.T.reshape(2, 30, -1).transpose(0, 2, 1)
    match = motif_similarity(model.motifs_, truth, time_axis=2)
    assert match.recall == 1
    assert match.similarity > 0.85


def test_independent_cells_have_no_significant_motif() -> None:
    spikes = np.random.default_rng(3).random((25, 1200)) < 0.02
    model = SparseConvolutionalCoding(motif_length=LENGTH).fit(spikes)
    assert not model.significant_.any()
    assert any("no motif is significant" in message for message in model.messages_)


@pytest.mark.parametrize(
    ("traces", "says"),
    [
        (np.zeros(100), r"\(cells, frames\)"),
        (np.zeros((0, 100)), "with a cell at least"),
        (np.zeros((3, 20)), "longer than a motif"),
        (np.ones((3, 200)), "every row is constant"),
        (np.full((3, 200), np.nan), "finite"),
        (np.full((3, 200), "a"), "numbers"),
        (np.ones((3, 200), complex), "numbers"),
    ],
)
def test_bad_traces_are_refused_with_words(traces: np.ndarray, says: str) -> None:
    with pytest.raises(InputError, match=says):
        SparseConvolutionalCoding(motif_length=LENGTH).fit(traces)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(InputError, match="n_motifs"):
        SparseConvolutionalCoding(n_motifs=0)
    with pytest.raises(InputError, match="kind"):
        SparseConvolutionalCoding(kind="voltage")


def test_it_cannot_be_asked_before_it_was_fitted() -> None:
    with pytest.raises(NotFittedError, match="fit first"):
        SparseConvolutionalCoding().summary()


def test_a_cancelled_fit_leaves_the_one_before(fitted: SparseConvolutionalCoding) -> None:
    before = fitted.motifs_
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        fitted.fit(planted_spikes(1), token=token)
    assert fitted.motifs_ is before
