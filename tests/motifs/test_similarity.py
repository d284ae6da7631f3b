"""The measures of agreement: closed forms, and what must not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_segmotif.errors import InputError
from napari_segmotif.motifs.results.similarity import motif_similarity


def random_motifs(n: int = 3, n_frames: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, (n, n_frames, 5, 4))


def separate_motifs(n: int = 3, n_frames: int = 6) -> np.ndarray:
    """Motifs that share no pixel: their cosines are 0 at every shift."""
    motifs = np.zeros((n, n_frames, n, 4))
    for m in range(n):
        motifs[m, :, m] = random_motifs(1, n_frames, seed=m)[0, :, 0]
    return motifs


def test_a_motif_that_is_later_in_a_longer_window_is_the_same_motif() -> None:
    truth = random_motifs()
    found = np.zeros((3, 15, 5, 4))
    found[:, 4:10] = truth[[2, 0, 1]]
    match = motif_similarity(found, truth)
    assert match.similarity == pytest.approx(1)
    assert match.matched == pytest.approx(1)
    assert match.recall == 1
    assert [(p.found, p.truth, p.shift) for p in match.pairs] == [(1, 0, 4), (2, 1, 4), (0, 2, 4)]
    back = motif_similarity(truth, found)
    assert {p.shift for p in back.pairs} == {-4}


def test_three_copies_of_one_motif_are_all_similar_but_recall_a_third() -> None:
    truth = separate_motifs()
    match = motif_similarity(truth[[1, 1, 1]], truth)
    assert match.similarity == pytest.approx(1)
    assert match.recall == pytest.approx(1 / 3)
    assert match.matched == pytest.approx(1 / 3)


def test_motifs_without_a_common_pixel_have_cosine_0() -> None:
    motifs = separate_motifs(2)
    match = motif_similarity(motifs[:1], motifs[1:])
    assert match.similarity == match.matched == match.recall == 0
    assert match.table.tolist() == [[0]]


def test_the_cosine_of_overlapping_windows_is_what_it_is_by_hand() -> None:
    # Ones in frames 0, 1 against ones in frames 0, 1, 2 of one pixel: 2 / √(2 · 3).
    found, truth = np.zeros((1, 4, 1)), np.zeros((1, 4, 1))
    found[0, :2], truth[0, :3] = 1, 1
    assert motif_similarity(found, truth).similarity == pytest.approx(2 / np.sqrt(6))
    # All of the energy counts, also that which is shifted out of the other's window.
    rise = np.array([1.0, 2.0])[None, :, None]
    assert motif_similarity(rise, rise[:, ::-1]).similarity == pytest.approx(4 / 5)


def test_table_is_that_of_the_definition() -> None:
    found, truth = random_motifs(4, 7, seed=1) - 0.3, random_motifs(3, 5, seed=2) - 0.3
    table = motif_similarity(found, truth).table
    for i, a in enumerate(found):
        for j, b in enumerate(truth):
            wide = np.pad(a, ((5, 5), (0, 0), (0, 0)))
            products = [np.sum(wide[s : s + 5] * b) for s in range(1, 12)]
            assert table[i, j] == pytest.approx(max(products) / np.linalg.norm(a) / np.linalg.norm(b))


def test_partners_are_those_with_the_largest_sum() -> None:
    # Each found motif resembles truth 0 most; the best sum gives the other one to truth 1.
    truth = np.eye(2)[:, None]
    found = np.array([[1.0, 0.05], [1.0, 0.9]])[:, None]
    match = motif_similarity(found, truth)
    assert match.table.argmax(axis=1).tolist() == [0, 0]
    assert [(p.found, p.truth) for p in match.pairs] == [(0, 0), (1, 1)]
    assert match.recall == 0.5  # 0.67 is below 0.7
    assert motif_similarity(found, truth, threshold=0.6).recall == 1


def test_numbers_of_motifs_may_differ() -> None:
    truth = separate_motifs()
    too_few = motif_similarity(truth[:2], truth)
    assert (too_few.similarity, too_few.recall) == pytest.approx((1, 2 / 3))
    surplus = separate_motifs(4)[:, :, :3]
    surplus[3] = random_motifs(1, seed=9)[0, :, :3]
    too_many = motif_similarity(surplus, truth)
    assert too_many.recall == 1
    assert too_many.similarity < 1


@pytest.mark.parametrize("shape", [(0, 4, 5, 4), (0, 0, 5, 4)])
def test_nothing_found_scores_0(shape: tuple[int, ...]) -> None:
    match = motif_similarity(np.zeros(shape), random_motifs())
    assert (match.similarity, match.matched, match.recall, match.pairs) == (0, 0, 0, ())


def test_a_motif_of_zeros_has_cosine_0() -> None:
    truth = random_motifs(2)
    found = truth.copy()
    found[0] = 0
    match = motif_similarity(found, truth)
    assert match.table[0].tolist() == [0, 0]
    assert match.matched == pytest.approx(0.5)


@pytest.mark.parametrize("time_axis", [2, -1])
def test_motifs_of_traces_have_time_last(time_axis: int) -> None:
    truth = np.random.default_rng(0).uniform(size=(2, 7, 5))  # (M, N, F)
    found = np.zeros((2, 7, 9))
    found[:, :, 3:8] = truth
    match = motif_similarity(found, truth, time_axis=time_axis)
    assert match.matched == pytest.approx(1)
    assert [p.shift for p in match.pairs] == [3, 3]
    # With time as axis 1 these have different numbers of cells.
    with pytest.raises(InputError, match="number of cells"):
        motif_similarity(found, truth)


def test_more_pixels_than_are_multiplied_at_once() -> None:
    rng = np.random.default_rng(0)
    found, truth = rng.uniform(size=(2, 1, 2, 70, 70)).astype(np.float32)
    a, b = (motifs[0, :].astype(float) for motifs in (found, truth))
    best = max(np.sum(a * b), np.sum(a[1] * b[0]), np.sum(a[0] * b[1]))
    expected = best / np.linalg.norm(a) / np.linalg.norm(b)
    assert motif_similarity(found, truth).table[0, 0] == pytest.approx(expected, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    order=st.permutations(range(3)),
    scales=st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=3),
    shift=st.integers(0, 5),
)
def test_order_strength_and_shift_do_not_matter(
    seed: int, order: list[int], scales: list[float], shift: int
) -> None:
    found, truth = random_motifs(seed=seed), random_motifs(seed=seed + 1)
    found[1] = truth[2] + 0.3 * found[1]
    before = motif_similarity(found, truth)
    changed = np.zeros((3, 11, 5, 4))
    changed[:, shift : shift + 6] = (np.asarray(scales)[:, None, None, None] * found)[order]
    after = motif_similarity(changed, truth)
    assert after.similarity == pytest.approx(before.similarity)
    assert after.matched == pytest.approx(before.matched)
    assert after.recall == before.recall
    np.testing.assert_allclose(after.table, before.table[order])
    reordered = motif_similarity(found, truth[order])
    assert reordered.matched == pytest.approx(before.matched)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"found": np.full((1, 6, 5, 4), np.nan)}, "NaN"),
        ({"truth": np.full((1, 6, 5, 4), np.inf)}, "infinite"),
        ({"found": np.zeros((1, 6, 4, 5))}, "frame size"),
        ({"truth": np.zeros((0, 6, 5, 4))}, "got none"),
        ({"truth": np.zeros((2, 0, 5, 4))}, "empty"),
        ({"found": np.zeros((6, 5))}, "axes motif, time"),
        ({"found": np.zeros((1, 6, 5, 4), complex)}, "real numbers"),
        ({"found": np.full((1, 6, 5, 4), "a")}, "real numbers"),
        ({"time_axis": 0}, "time_axis 0"),
        ({"time_axis": 4}, "time_axis 4"),
        ({"threshold": 0}, "threshold"),
        ({"threshold": 1.5}, "threshold"),
    ],
)
def test_what_cannot_be_compared_is_said(change: dict[str, object], words: str) -> None:
    given_: dict[str, object] = {"found": random_motifs(), "truth": random_motifs()}
    with pytest.raises(InputError, match=words):
        motif_similarity(**(given_ | change))
