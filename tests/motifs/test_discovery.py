"""From traces to tested motifs: which are there, in which order, and what happens when it is ended early."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_segmotif.common.progress import CancelToken, Progress, run_job
from napari_segmotif.errors import JobCancelled
from napari_segmotif.motifs.parameters import MotifParameters
from napari_segmotif.motifs.refining.refinement import align
from napari_segmotif.motifs.searching.consensus import shifted_cosine
from napari_segmotif.motifs.searching.discovery import Discovery, discover
from napari_segmotif.motifs.searching.templates import base_rates, template_of
from napari_segmotif.motifs.simulating.simulation import SimulatedVideo, simulate_video
from napari_segmotif.motifs.sources.compression import Compressed, compress_spikes, compress_traces

Array = NDArray[np.float32]
PARAMETERS = MotifParameters(n_motifs=3, motif_length=15, n_restarts=60, n_surrogates=99)


@pytest.fixture(scope="module")
def recording() -> SimulatedVideo:
    return simulate_video(
        (48, 48), 1200, motif_length=12, n_cells=14, cell_radius=3, cells_per_motif=6, activation_rate=0.4
    )


@pytest.fixture(scope="module")
def compressed(recording: SimulatedVideo) -> Compressed:
    noise = np.random.default_rng(0).normal(size=recording.traces.shape)
    return compress_traces((8 * recording.traces + noise).astype(np.float32), 30.0, np.arange(14))


@pytest.fixture(scope="module")
def found(compressed: Compressed) -> Discovery:
    return run_job(discover(compressed, PARAMETERS))


def true_shares(recording: SimulatedVideo) -> Array:
    shares = np.zeros((3, 14, 15), np.float32)
    for m, n in np.argwhere(recording.members):
        shares[m, n, recording.offsets[m, n]] = 1
    return shares


def test_every_motif_is_found_once_and_significant(recording: SimulatedVideo, found: Discovery) -> None:
    table = np.array(
        [[shifted_cosine(t.shares, s)[0] for s in true_shares(recording)] for t in found.templates]
    )
    assert sorted(table.argmax(axis=1)) == [0, 1, 2]
    assert table.max(axis=0).min() > 0.7
    assert (found.p_values < 0.05).all()
    assert found.n_significant == 3


def test_motifs_begin_when_they_were_played(recording: SimulatedVideo, found: Discovery) -> None:
    for template in found.templates:
        cosines = [shifted_cosine(template.shares, shares) for shares in true_shares(recording)]
        m = int(np.argmax([c[0] for c in cosines]))
        truth = np.flatnonzero(recording.activations[m])
        near = np.abs((template.starts - cosines[m][1])[:, None] - truth[None]) <= 2
        assert near.any(axis=0).mean() > 0.8
        assert near.any(axis=1).mean() > 0.9


def test_fewer_are_kept_than_are_significant_if_fewer_were_asked_for(compressed: Compressed) -> None:
    one = run_job(discover(compressed, PARAMETERS.model_copy(update={"n_motifs": 1})))
    assert len(one.templates) == len(one.p_values) == 1
    assert one.n_significant == 3


def test_asking_for_more_does_not_make_more(compressed: Compressed) -> None:
    many = run_job(discover(compressed, PARAMETERS.model_copy(update={"n_motifs": 9})))
    assert many.n_significant == (many.p_values < 0.05).sum() == 3
    assert np.all(np.diff(many.p_values) >= 0)


def test_cells_that_fire_at_random_have_no_motif() -> None:
    spikes = (np.random.default_rng(0).random((14, 1200)) < 0.02).astype(np.float32)
    nothing = run_job(discover(compress_spikes(spikes), PARAMETERS))
    assert nothing.n_significant == 0
    assert len(nothing.templates) == len(nothing.p_values)


@pytest.mark.parametrize("shape", [(0, 300), (4, 300)])
def test_without_spikes_there_is_nothing(shape: tuple[int, int]) -> None:
    nothing = run_job(discover(compress_spikes(np.zeros(shape, np.float32)), PARAMETERS))
    assert (nothing.templates, len(nothing.p_values), nothing.n_significant) == ((), 0, 0)


def test_the_same_seed_gives_the_same(compressed: Compressed, found: Discovery) -> None:
    again = run_job(discover(compressed, PARAMETERS))
    np.testing.assert_array_equal(again.p_values, found.p_values)
    for a, b in zip(again.templates, found.templates, strict=True):
        np.testing.assert_array_equal(a.shares, b.shares)
        np.testing.assert_array_equal(a.starts, b.starts)


def test_progress_goes_up_and_says_what_is_done(compressed: Compressed) -> None:
    seen: list[Progress] = []
    run_job(discover(compressed, PARAMETERS), seen.append)
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] <= 1
    assert len({progress.partial.phase for progress in seen}) == 2
    assert all(progress.message for progress in seen)


def test_stopping_after_the_search_keeps_motifs_that_were_not_tested(compressed: Compressed) -> None:
    stop = CancelToken()
    job = discover(compressed, PARAMETERS, stop=stop)
    next(job)
    stop.cancel()
    kept = run_job(job)
    assert 0 < len(kept.templates) <= 3
    assert np.isnan(kept.p_values).all()
    assert kept.n_significant == 0


def test_stopping_within_the_tests_keeps_motifs_too(compressed: Compressed) -> None:
    stop = CancelToken()
    kept = run_job(
        discover(compressed, PARAMETERS, stop=stop),
        lambda progress: stop.cancel() if progress.partial.phase == "significance" else None,
    )
    assert 0 < len(kept.templates) <= 3
    assert np.isnan(kept.p_values).all()


@pytest.mark.parametrize("phase", ["search", "significance"])
def test_it_can_be_cancelled_in_each_phase(compressed: Compressed, phase: str) -> None:
    token = CancelToken()
    with pytest.raises(JobCancelled):
        run_job(
            discover(compressed, PARAMETERS, token),
            lambda progress: token.cancel() if progress.partial.phase == phase else None,
        )


def test_aligned_motifs_begin_with_their_first_spike(
    compressed: Compressed, recording: SimulatedVideo
) -> None:
    """Room is left for the rise of the first transient; what there is besides is at the end."""
    rates = base_rates(compressed.hits, np.ones(1200, bool))
    starts = np.flatnonzero(recording.activations[0])
    starts = starts[(starts > 10) & (starts < 1150)]
    late = template_of(compressed.hits, starts - 5, 24, rates, 0.01)
    aligned = align([late], compressed.hits, compressed.transient, 0.01)[0]
    first = int(np.flatnonzero(aligned.shares.any(axis=0))[0])
    assert first <= int(np.ceil(2 * compressed.transient.rise)) + 1
    assert shifted_cosine(aligned.shares, late.shares)[0] > 0.95
    shift = shifted_cosine(aligned.shares, late.shares)[1]
    np.testing.assert_array_equal(aligned.starts, late.starts + shift)
