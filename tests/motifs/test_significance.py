"""p-values: small where something repeats, and as rare as they say where nothing does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d
from scipy.stats import binom

from napari_segmotif.common.progress import CancelToken, run_job
from napari_segmotif.errors import JobCancelled
from napari_segmotif.motifs.searching.climb import match_windows
from napari_segmotif.motifs.searching.consensus import find_consensus
from napari_segmotif.motifs.searching.held_out import held_out_p_values, make_folds
from napari_segmotif.motifs.searching.significance import peak_statistic, random_shifts, window_contributions
from napari_segmotif.motifs.searching.templates import Template

Array = NDArray[np.float32]
LENGTH, SURROGATES, RESTARTS = 8, 99, 25
PRIOR = 0.01
LENIENT = 0.05  # with it the search takes nearly anything for a template, so that there is something to test


def random_hits(seed: int, n_rows: int = 6, n_frames: int = 480, rate: float = 0.02) -> Array:
    spikes = np.random.default_rng(seed).random((n_rows, n_frames)) < rate
    return maximum_filter1d(spikes.astype(np.float32), 3, axis=1)


def planted_hits(seed: int = 0, offsets: tuple[int, ...] = (0, 2, 4, 6, 3)) -> Array:
    rng = np.random.default_rng(seed)
    spikes = (rng.random((8, 480)) < 0.015).astype(np.float32)
    starts = np.arange(10, 460, 30) + rng.integers(0, 12, 15)
    for row, offset in enumerate(offsets):
        spikes[row, starts + offset] = 1
    return maximum_filter1d(spikes, 3, axis=1)


def candidates_of(hits: Array, n_most: int = 3, prior: float = PRIOR) -> list[Template]:
    everywhere = np.ones(hits.shape[1], bool)
    return find_consensus(hits, LENGTH, everywhere, n_most, RESTARTS, np.random.default_rng(0), prior=prior)


def p_values_of(
    hits: Array,
    candidates: list[Template],
    groups: NDArray[np.intp] | None = None,
    seed: int = 0,
    prior: float = PRIOR,
    **tokens: CancelToken,
) -> NDArray[np.float64]:
    return run_job(
        held_out_p_values(
            hits,
            candidates,
            np.arange(len(hits)) if groups is None else groups,
            n_restarts=RESTARTS,
            n_surrogates=SURROGATES,
            prior=prior,
            generator=np.random.default_rng(seed),
            **tokens,
        )
    )


# ------------------------------------------------------------------------------------------ chance alone


def share_that_may_be_small(n_tests: int) -> int:
    """Of so many tests of nothing, how many may have p ≤ 0.05: more happens once in a thousand times."""
    return int(binom.ppf(0.999, n_tests, 0.05))


def test_in_random_spikes_next_to_nothing_is_significant() -> None:
    smallest = []
    for seed in range(40):
        hits = random_hits(seed)
        candidates = candidates_of(hits, prior=LENIENT)
        if candidates:
            smallest.append(float(p_values_of(hits, candidates, seed=seed, prior=LENIENT).min()))
    assert len(smallest) > 30  # else nothing was tested here
    assert sum(p <= 0.05 for p in smallest) <= share_that_may_be_small(40)
    assert sum(p <= 0.5 for p in smallest) > 5  # they are not all 1 either


def in_bursts(seed: int) -> Array:
    """Cells that fire by themselves, but always three times."""
    spikes = (np.random.default_rng(seed).random((8, 480)) < 0.012).astype(np.float32)
    for shift in (3, 6):
        spikes[:, shift:] = np.maximum(spikes[:, shift:], spikes[:, :-shift])
    return maximum_filter1d(spikes, 3, axis=1)


def test_cells_that_fire_in_bursts_do_not_make_motifs() -> None:
    small = 0
    for seed in range(20):
        hits = in_bursts(seed)
        p_values = p_values_of(hits, candidates_of(hits, prior=LENIENT), seed=seed, prior=LENIENT)
        small += bool((p_values <= 0.05).any())
    assert small <= share_that_may_be_small(20)


def test_a_false_candidate_beside_a_true_one_is_not_significant() -> None:
    false = n_false = 0
    for seed in range(20):
        hits = np.concatenate([planted_hits(seed), random_hits(seed + 100)])
        true, other = candidates_of(hits[:8], 1)[0], candidates_of(hits[8:], 1, LENIENT)
        if not other:
            continue
        n_false += 1
        few, many = (np.zeros((n, LENGTH), np.float32) for n in (6, 8))
        wide = [
            Template(np.concatenate(parts[:2]), np.concatenate(parts[2:]), t.offset, t.starts, t.gain)
            for t, parts in (
                (true, (true.shares, few, true.weights, few)),
                (other[0], (many, other[0].shares, many, other[0].weights)),
            )
        ]
        p = p_values_of(hits, wide, seed=seed)
        assert p[0] == 1 / (SURROGATES + 1)
        false += p[1] <= 0.05
    assert n_false > 15
    assert false <= share_that_may_be_small(20)


# ------------------------------------------------------------------------------------------- true motifs


@pytest.mark.parametrize("seed", range(3))
def test_what_was_planted_is_significant(seed: int) -> None:
    hits = planted_hits(seed)
    p_values = p_values_of(hits, candidates_of(hits, 1))
    np.testing.assert_array_equal(p_values, [1 / (SURROGATES + 1)])


def test_it_depends_on_the_seed_alone() -> None:
    hits = random_hits(4)
    candidates = candidates_of(hits)
    np.testing.assert_array_equal(
        p_values_of(hits, candidates, seed=3), p_values_of(hits, candidates, seed=3)
    )


def test_a_cell_seen_twice_is_no_motif() -> None:
    """Two rows show one cell, one of them a little later: that repeats, but is no assembly.

    Shifted by themselves the two are taken for a motif; as one group their p-values are those of chance.
    """
    apart, together = np.arange(6), np.array([0, 0, 2, 3, 4, 5])
    fooled, right = [], []
    for seed in range(20):
        spikes = (np.random.default_rng(seed).random((6, 480)) < 0.03).astype(np.float32)
        spikes[1, 3:] = spikes[0, :-3]
        hits = maximum_filter1d(spikes, 3, axis=1)
        candidates = candidates_of(hits, 1)
        if candidates and candidates[0].shares[:2].any(axis=1).all():  # the two are what repeats
            fooled.append(p_values_of(hits, candidates, apart)[0])
            right.append(p_values_of(hits, candidates, together)[0])
    assert len(right) > 15
    assert np.mean(np.array(fooled) <= 0.05) > 0.6
    assert np.median(right) > 0.2
    assert np.sum(np.array(right) <= 0.05) <= share_that_may_be_small(len(right))


def test_there_is_nothing_to_test_without_candidates() -> None:
    assert p_values_of(random_hits(0), []).shape == (0,)


def test_stopping_leaves_p_values_unknown() -> None:
    hits = planted_hits()
    stop = CancelToken()
    stop.cancel()
    assert np.isnan(p_values_of(hits, candidates_of(hits), stop=stop)).all()


def test_it_can_be_cancelled() -> None:
    hits = planted_hits()
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        p_values_of(hits, candidates_of(hits), token=token)


# ------------------------------------------------------------------------------------------------- folds


@settings(max_examples=60, deadline=None)
@given(st.integers(20, 900), st.integers(2, 40))
def test_no_frame_is_learned_from_and_tested_on(n_frames: int, length: int) -> None:
    if n_frames <= length:
        return
    folds = make_folds(n_frames, length)
    reach = np.arange(length)
    for training, testing in zip(folds.training, folds.testing, strict=True):
        learned = (np.flatnonzero(training)[:, None] + reach).ravel()
        left_out = (np.flatnonzero(testing)[:, None] + reach).ravel()
        assert not np.intersect1d(learned, left_out).size
        assert max(learned.max(initial=0), left_out.max(initial=0)) < n_frames


@given(st.integers(5, 40), st.integers(10, 100))
def test_each_window_is_tested_at_most_once_and_most_are(length: int, n_windows: int) -> None:
    folds = make_folds(length * n_windows, length)
    times = folds.testing.sum(axis=0)
    assert times.max() == 1
    assert times.mean() > 0.75
    assert folds.testing.any(axis=1).all()
    assert folds.training.any(axis=1).all()


# ------------------------------------------------------------------------------------------ closed forms


def drawn(seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    shares = np.where(rng.random((5, LENGTH)) < 0.3, rng.normal(size=(5, LENGTH)), 0).astype(np.float32)
    return (rng.random((5, 100)) < 0.3).astype(np.float32), shares


def test_the_parts_of_all_groups_are_the_match() -> None:
    hits, weights = drawn()
    for groups in (np.arange(5), np.array([3, 0, 3, 1, 0]), np.zeros(5, np.intp)):
        parts = window_contributions(hits, weights, groups)
        assert len(parts) == len(np.unique(groups[weights.any(axis=1)]))
        np.testing.assert_allclose(parts.sum(axis=0), match_windows(hits, weights), atol=1e-5)


def test_rows_without_a_part_have_no_group() -> None:
    hits, weights = drawn()
    weights[[1, 3]] = 0
    assert len(window_contributions(hits, weights, np.arange(5))) == 3


def test_the_statistic_is_the_mean_of_the_highest_pieces() -> None:
    hits, weights = drawn()
    parts = window_contributions(hits, weights, np.arange(5))
    generator = np.random.default_rng(0)
    shifts = random_shifts(6, *parts.shape, LENGTH, generator)
    found = peak_statistic(parts, LENGTH, 4, shifts)
    for s, row in enumerate(shifts):
        total = sum(np.roll(part, shift) for part, shift in zip(parts, row, strict=True))
        pieces = [total[at : at + LENGTH].max() for at in range(0, len(total), LENGTH)]
        assert found[s] == pytest.approx(np.mean(sorted(pieces)[-4:]), rel=1e-5)


@given(st.integers(1, 50), st.integers(1, 8), st.integers(4, 500), st.integers(2, 60))
def test_surrogates_are_shifted_and_the_data_are_not(
    n_surrogates: int, n_groups: int, n_frames: int, length: int
) -> None:
    shifts = random_shifts(n_surrogates, n_groups, n_frames, length, np.random.default_rng(0))
    assert shifts.shape == (n_surrogates + 1, n_groups)
    assert not shifts[0].any()
    margin = min(length, n_frames // 4)
    assert shifts[1:].min() >= margin
    assert shifts[1:].max() < n_frames
