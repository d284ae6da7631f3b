"""The search finds templates that repeat in random spikes: where, which, and how many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from napari_segmotif.common.progress import CancelToken
from napari_segmotif.errors import JobCancelled
from napari_segmotif.motifs.searching.climb import (
    entry_gain,
    kept_shares,
    log_ratios,
    match_windows,
    pick_peaks,
)
from napari_segmotif.motifs.searching.climb import window_shares as shares_of
from napari_segmotif.motifs.searching.consensus import distinct, find_consensus, remove, shifted_cosine, split
from napari_segmotif.motifs.searching.templates import Template, base_rates, search_templates, template_of

Array = NDArray[np.float32]
LENGTH, PRIOR = 15, 0.01


def pattern(rows: list[int], offsets: list[int], n_rows: int = 12) -> Array:
    shares = np.zeros((n_rows, LENGTH), np.float32)
    shares[rows, offsets] = 1
    return shares


A = pattern([0, 1, 2, 3, 4, 5], [1, 12, 4, 7, 10, 5])
B = pattern([4, 5, 6, 7, 8, 9], [1, 3, 6, 8, 11, 13])


def planted(
    patterns: list[Array],
    starts: list[NDArray[np.intp]],
    n_frames: int = 1500,
    rate: float = 0.01,
    seed: int = 0,
) -> Array:
    """Random spikes with patterns in them, as hits (K, T): a spike covers the frames beside it."""
    spikes = (np.random.default_rng(seed).random((12, n_frames)) < rate).astype(np.float32)
    for shares, frames in zip(patterns, starts, strict=True):
        for row, f in np.argwhere(shares):
            spikes[row, frames + f] = 1
    return maximum_filter1d(spikes, 3, axis=1)


def spread(n: int, first: int, n_frames: int = 1500, seed: int = 0) -> NDArray[np.intp]:
    """n frames, ascending and at least two templates' length apart."""
    gaps = np.random.default_rng(seed).integers(0, (n_frames - 100) // n - 2 * LENGTH, n)
    return first + np.arange(n) * ((n_frames - 100) // n) + gaps


def consensus(
    hits: Array, n_most: int = 4, seed: int = 0, allowed: NDArray[np.bool_] | None = None
) -> list[Template]:
    everywhere = np.ones(hits.shape[1], bool) if allowed is None else allowed
    return find_consensus(hits, LENGTH, everywhere, n_most, 100, np.random.default_rng(seed), prior=PRIOR)


def share_found(template: Template, shares: Array, starts: NDArray[np.intp]) -> float:
    """Share of the true starts that the template has, its shift against the truth taken off."""
    shift = shifted_cosine(template.shares, shares)[1]
    return float(np.mean([np.abs(template.starts - shift - s).min() <= 1 for s in starts]))


# ------------------------------------------------------------------------------------------- closed forms


@settings(max_examples=60, deadline=None)
@given(
    score=st.lists(st.integers(-5, 20), min_size=1, max_size=60),
    threshold=st.integers(-6, 15),
    distance=st.integers(1, 9),
    n_most=st.integers(1, 60),
)
def test_peaks_are_the_highest_that_keep_their_distance(
    score: list[int], threshold: int, distance: int, n_most: int
) -> None:
    expected: list[int] = []
    for t in sorted(range(len(score)), key=lambda t: (-score[t], t)):
        if score[t] > threshold and len(expected) < n_most and all(abs(t - p) >= distance for p in expected):
            expected.append(t)
    found = pick_peaks(np.array(score, np.float32), float(threshold), distance, n_most)
    assert found.tolist() == sorted(expected)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.9), st.integers(2, 50))
def test_an_entry_gains_by_how_far_it_is_from_chance(share: float, rate: float, n: int) -> None:
    gain = entry_gain(share, rate, n)
    assert gain >= -1e-9
    if share < 1 - 0.5 / (n + 1):
        divergence = share * np.log(share / rate) + (1 - share) * np.log((1 - share) / (1 - rate))
        assert gain == pytest.approx(n * divergence, rel=1e-6, abs=1e-9)


def test_a_match_is_the_log_likelihood_ratio_of_the_window() -> None:
    rng = np.random.default_rng(0)
    hits = (rng.random((5, 60)) < 0.3).astype(np.float32)
    rates = np.array([0.1, 0.2, 0.3, 0.05, 0.4], np.float32)
    shares = np.where(rng.random((5, 7)) < 0.4, rng.uniform(0.3, 0.9, (5, 7)), 0).astype(np.float32)
    weights, offset = log_ratios(shares, rates, 10)
    match = match_windows(hits, weights)
    assert len(match) == 60 - 7 + 1
    for t in (0, 11, 53):
        expected = 0.0
        for k, f in np.argwhere(shares):
            q, p = min(float(shares[k, f]), 1 - 0.5 / 11), float(rates[k])
            expected += np.log(q / p) if hits[k, t + f] else np.log((1 - q) / (1 - p))
        assert match[t] + offset == pytest.approx(expected, abs=1e-4)


def test_shares_are_means_over_windows() -> None:
    hits = (np.random.default_rng(1).random((4, 50)) < 0.4).astype(np.float32)
    starts = np.array([3, 17, 44])
    expected = np.mean([hits[:, s : s + 6] for s in starts], axis=0)
    np.testing.assert_allclose(shares_of(hits, starts, 6), expected, rtol=1e-6)


def test_of_neighbouring_frames_only_the_highest_is_kept() -> None:
    mean = np.zeros((2, 12), np.float32)
    mean[0, 4:7] = (0.8, 0.9, 0.8)
    mean[1] = 0.12  # hardly above its own rate
    kept = kept_shares(mean, np.array([0.05, 0.1], np.float32), 20, np.log(24))
    assert np.argwhere(kept).tolist() == [[0, 5]]
    assert kept[0, 5] == np.float32(0.9)


def test_a_rate_is_never_zero_or_one() -> None:
    hits = np.zeros((3, 100), np.float32)
    hits[1] = 1
    hits[2, ::4] = 1
    np.testing.assert_allclose(base_rates(hits, np.ones(100, bool)), [0.01, 0.95, 0.25])


# -------------------------------------------------------------------------------------------- comparing


def shapes() -> st.SearchStrategy[Array]:
    return st.integers(0, 10_000).map(
        lambda seed: (np.random.default_rng(seed).random((4, 10)) < 0.15).astype(np.float32)
    )


@settings(max_examples=80, deadline=None)
@given(shapes(), shapes())
def test_likeness_is_symmetric(a: Array, b: Array) -> None:
    one, two = shifted_cosine(a, b)[0], shifted_cosine(b, a)[0]
    assert one == pytest.approx(two, abs=1e-6)
    assert 0 <= one <= 1


@settings(max_examples=80, deadline=None)
@given(shapes(), st.integers(-10, 10))
def test_a_shift_is_found(shape: Array, shift: int) -> None:
    shape[0, 3] = 1
    a, b = np.zeros((4, 30), np.float32), np.zeros((4, 30), np.float32)
    a[:, 10:20] = shape
    b[:, 10 + shift : 20 + shift] = shape
    assert shifted_cosine(a, b) == (pytest.approx(1.0), shift)


def test_likeness_of_what_has_a_closed_form() -> None:
    a = np.zeros((3, 8), np.float32)
    a[0, 2] = a[1, 5] = 1
    half = a.copy()
    half[1] = 0
    other = np.zeros_like(a)
    other[2, 2] = 1
    assert shifted_cosine(a, half)[0] == pytest.approx(1 / np.sqrt(2))
    assert shifted_cosine(a, other)[0] == 0
    assert shifted_cosine(a, 0 * a) == (0.0, 0)
    nearly = np.zeros_like(a)
    nearly[0, 2] = nearly[1, 6] = 1  # one spike a frame later: half of it counts
    assert shifted_cosine(a, nearly)[0] == pytest.approx((1 + 0.5) / 2)


def test_templates_that_are_the_same_but_for_a_shift_are_one() -> None:
    template = template_of(
        planted([A], [spread(12, 30)]), spread(12, 30), LENGTH, np.full(12, 0.03, "f4"), PRIOR
    )
    shifted = replace(template, shares=np.roll(template.shares, 1, axis=1))
    other = replace(template, shares=B)
    assert distinct([template, shifted, other]) == [template, other]


# -------------------------------------------------------------------------------------------- searching


@pytest.mark.parametrize("seed", range(3))
def test_what_was_planted_is_found(seed: int) -> None:
    starts = spread(14, 30, seed=seed)
    found = consensus(planted([A], [starts], seed=seed), seed=seed)
    cosine, shift = shifted_cosine(found[0].shares, A)
    assert cosine > 0.9
    assert abs(shift) <= 3
    assert share_found(found[0], A, starts) == 1
    assert len(found[0].starts) <= len(starts) + 1


def test_two_templates_that_share_cells_are_both_found() -> None:
    starts = [spread(14, 30), spread(9, 60, seed=5)]
    found = consensus(planted([A, B], starts))
    best = [max(found, key=lambda t: shifted_cosine(t.shares, truth)[0]) for truth in (A, B)]
    assert best[0] is not best[1]
    for template, truth, frames in zip(best, (A, B), starts, strict=True):
        assert shifted_cosine(template.shares, truth)[0] > 0.85
        assert share_found(template, truth, frames) > 0.9


def test_occurrences_that_lack_spikes_are_found_too() -> None:
    starts = spread(14, 30)
    hits = planted([A], [starts], rate=0.005)
    for n, start in enumerate(starts):  # each without one spike of its six
        row = n % 6
        hits[row, start : start + LENGTH] = 0
    found = consensus(hits)
    assert shifted_cosine(found[0].shares, A)[0] > 0.8
    assert share_found(found[0], A, starts) > 0.9


def test_a_row_that_is_always_active_is_no_part_of_a_template() -> None:
    starts = spread(14, 30)
    hits = planted([A], [starts])
    hits[11] = (np.random.default_rng(8).random(1500) < 0.9).astype(np.float32)
    assert not consensus(hits)[0].shares[11].any()


def test_no_template_is_as_good_as_a_true_one_in_random_spikes() -> None:
    with_it = consensus(planted([A], [spread(14, 30)]))
    without = consensus(planted([], []))
    assert max((t.gain for t in without), default=0.0) < 0.5 * with_it[0].gain


def test_windows_begin_only_where_they_may() -> None:
    starts = spread(14, 30)
    allowed = np.zeros(1500, bool)
    allowed[:700] = True
    hits = planted([A], [starts])
    searched = search_templates(hits, LENGTH, allowed, 150, np.random.default_rng(0), prior=PRIOR)
    for template in [*searched, *consensus(hits, allowed=allowed)]:
        assert allowed[template.starts].all()
    assert shifted_cosine(searched[0].shares, A)[0] > 0.85


def test_frames_that_no_window_covers_do_not_matter() -> None:
    allowed = np.zeros(1500, bool)
    allowed[:700] = True
    one = planted([A], [spread(14, 30)])
    two = one.copy()
    two[:, 700 + LENGTH :] = planted([B], [spread(14, 30)])[:, 700 + LENGTH :]
    for a, b in zip(consensus(one, allowed=allowed), consensus(two, allowed=allowed), strict=True):
        np.testing.assert_array_equal(a.starts, b.starts)
        np.testing.assert_array_equal(a.shares, b.shares)


def test_the_same_seed_gives_the_same_templates() -> None:
    hits = planted([A, B], [spread(12, 30), spread(9, 60, seed=5)])
    one, two = consensus(hits, seed=7), consensus(hits, seed=7)
    assert len(one) == len(two) > 1
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.shares, b.shares)
        np.testing.assert_array_equal(a.starts, b.starts)
        assert a.gain == b.gain


def test_the_spikes_searched_are_left_as_they_are() -> None:
    hits = planted([A], [spread(14, 30)])
    before = hits.copy()
    consensus(hits)
    np.testing.assert_array_equal(hits, before)


def test_at_most_as_many_as_asked_the_strongest_first() -> None:
    hits = planted([A, B], [spread(14, 30), spread(9, 60, seed=5)])
    assert len(consensus(hits, n_most=1)) == 1
    gains = [template.gain for template in consensus(hits, n_most=6)]
    assert gains == sorted(gains, reverse=True)


def test_nothing_to_search_in_gives_nothing() -> None:
    nowhere = np.zeros(200, bool)
    assert consensus(planted([], [], n_frames=200), allowed=nowhere) == []
    assert consensus(np.zeros((3, 200), np.float32)) == []
    assert (
        search_templates(
            np.zeros((0, 200), np.float32), LENGTH, ~nowhere, 9, np.random.default_rng(0), prior=PRIOR
        )
        == []
    )


def test_it_can_be_cancelled() -> None:
    token = CancelToken()
    token.cancel()
    hits = planted([], [])
    with pytest.raises(JobCancelled):
        find_consensus(
            hits, LENGTH, np.ones(1500, bool), 3, 9, np.random.default_rng(0), prior=PRIOR, token=token
        )


# --------------------------------------------------------------------------------- splitting, taking out


def test_a_mixture_of_two_is_split() -> None:
    starts = [spread(12, 30), spread(10, 60, seed=5)]
    hits = planted([A, B], starts, rate=0.003)
    rates = base_rates(hits, np.ones(1500, bool))
    mixture = template_of(hits, np.sort(np.concatenate(starts)), LENGTH, rates, PRIOR)
    parts = split(hits, mixture, rates, PRIOR)
    assert len(parts) == 2
    assert {tuple(part.starts) for part in parts} == {tuple(frames) for frames in starts}
    assert sum(part.gain for part in parts) > mixture.gain


def test_what_is_one_is_not_split() -> None:
    starts = spread(12, 30)
    hits = planted([A], [starts])
    template = template_of(hits, starts, LENGTH, base_rates(hits, np.ones(1500, bool)), PRIOR)
    assert split(hits, template, base_rates(hits, np.ones(1500, bool)), PRIOR) == [template]


def test_a_template_that_was_taken_out_is_gone() -> None:
    starts = spread(12, 30)
    hits = planted([A], [starts], rate=0.0)
    template = Template(A, A, 0.0, starts, 1.0)
    hits[10] = 1
    remove(hits, template)
    assert hits[10].all()
    assert not hits[:10].any()


def test_more_occurrences_explain_more_and_chance_explains_nothing() -> None:
    starts = spread(12, 30)
    hits = planted([A], [starts])
    rates = base_rates(hits, np.ones(1500, bool))
    few, many = (template_of(hits, starts[:n], LENGTH, rates, PRIOR).gain for n in (4, 12))
    elsewhere = np.setdiff1d(np.arange(0, 1450, 50), (starts[:, None] + np.arange(-30, 30)).ravel())
    assert template_of(hits, elsewhere, LENGTH, rates, PRIOR).gain <= 0 < few < many
