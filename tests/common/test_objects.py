"""Objects: split where they touch, never merged, of a size, in physical units, in 2D and 3D."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi

from napari_segmotif.common.objects import make_objects
from napari_segmotif.errors import InputError


def disks(shape: tuple[int, int], *circles: tuple[float, float, float]) -> np.ndarray:
    """Number of the disk (y, x, radius) each pixel is in, 0 for none; the nearest centre where they meet."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    away = np.stack([np.hypot(y - cy, x - cx) - radius for cy, cx, radius in circles])
    return np.where(away.min(axis=0) <= 0, away.argmin(axis=0) + 1, 0)


def overlap(truth: np.ndarray, found: np.ndarray) -> list[float]:
    """IoU of each true object with the best found one."""
    scores = []
    for number in range(1, truth.max() + 1):
        mask = truth == number
        candidates = np.unique(found[mask & (found > 0)])
        scores.append(
            max(((mask & (found == c)).sum() / (mask | (found == c)).sum() for c in candidates), default=0)
        )
    return scores


def test_touching_disks_are_split_at_the_neck() -> None:
    truth = disks((80, 120), (40, 30, 16), (40, 58, 14), (40, 84, 14))
    assert ndi.label(truth > 0)[1] == 1
    found = make_objects(truth > 0)
    assert found.dtype == np.int32
    assert found.max() == 3
    assert min(overlap(truth, found)) > 0.9
    assert make_objects(truth > 0, split_touching=False).max() == 1


@pytest.mark.parametrize("radius", [6, 12, 40])
def test_splitting_does_not_depend_on_the_size_of_things(radius: int) -> None:
    truth = disks(
        (3 * radius, 6 * radius), (1.5 * radius, 1.7 * radius, radius), (1.5 * radius, 3.4 * radius, radius)
    )
    assert make_objects(truth > 0).max() == 2


@pytest.mark.parametrize("angle", [0, 20, 45, 70])
def test_one_ellipse_stays_one(angle: float) -> None:
    y, x = np.mgrid[-60:61, -60:61]
    turn = np.deg2rad(angle)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    ellipse = (along / 50) ** 2 + (across / 15) ** 2 <= 1
    ragged = ellipse & (np.random.default_rng(0).random(ellipse.shape) > 0.02)
    assert make_objects(ellipse).max() == 1
    assert make_objects(ragged).max() == 1


def test_a_deeper_neck_is_asked_for() -> None:
    shallow = disks((60, 90), (30, 30, 20), (30, 50, 20)) > 0
    assert make_objects(shallow, split_depth=0.05).max() == 2
    assert make_objects(shallow, split_depth=0.3).max() == 1


def test_spacing_decides_about_necks_in_anisotropic_stacks() -> None:
    z, y, x = np.mgrid[:15, :40, :70]
    z = (z - 7) * 3.0  # three times as coarse along Z
    balls = np.minimum(*(np.sqrt(z**2 + (y - 20) ** 2 + (x - cx) ** 2) for cx in (23, 47))) <= 14
    assert ndi.label(balls)[1] == 1
    found = make_objects(balls, spacing=(3, 1, 1))
    assert found.max() == 2
    halves = [np.mean(np.nonzero(found == k)[2]) for k in (1, 2)]
    np.testing.assert_allclose(sorted(halves), [23, 47], atol=1)


def test_minimum_size_in_pixels_and_in_physical_units() -> None:
    mask = np.zeros((40, 40), bool)
    mask[2:5, 2:5], mask[10:20, 10:20] = True, True  # 9 and 100 pixels
    assert make_objects(mask, minimum_size=9).max() == 2
    assert make_objects(mask, minimum_size=10).max() == 1
    assert make_objects(mask, minimum_size=4, spacing=(0.5, 0.5)).max() == 1  # 9 pixels are 2.25 µm²
    assert make_objects(mask, minimum_size=2, spacing=(0.5, 0.5)).max() == 2
    assert make_objects(mask, minimum_size=1e9).max() == 0


def test_holes() -> None:
    ring = disks((60, 60), (30, 30, 20)) > 0
    ring[25:35, 25:35] = False
    assert (make_objects(ring)[25:35, 25:35] == 1).all()
    assert (make_objects(ring, fill_holes=False)[25:35, 25:35] == 0).all()
    open_ring = ring.copy()
    open_ring[30, 30:] = False
    assert (make_objects(open_ring, split_touching=False)[26:34, 26:30] == 0).all()
    around_another = ring.copy()
    around_another[29:31, 29:31] = True
    found = make_objects(around_another)
    assert found.max() == 2, "what lies inside a ring is not swallowed"
    assert found[26, 26] == 0


def test_a_hole_between_two_objects_belongs_to_neither() -> None:
    mask = np.zeros((9, 9), bool)
    mask[2, 2:6] = mask[2:6, 2] = True  # two L shapes that meet only at corners
    mask[6, 3:7] = mask[3:7, 6] = True
    found = make_objects(mask, split_touching=False)
    assert found.max() == 2
    assert found[4, 4] == 0


def test_the_class_is_chosen() -> None:
    labels = np.zeros((30, 30), np.uint8)
    labels[2:8, 2:8], labels[15:20, 15:20], labels[22:28, 2:8] = 1, 4, 4
    assert make_objects(labels).max() == 2
    assert make_objects(labels, class_id=1).max() == 1
    np.testing.assert_array_equal(make_objects(labels, class_id=1) > 0, labels == 1)
    assert make_objects(labels, class_id=3).max() == 0


def test_probability_and_threshold() -> None:
    probability = np.zeros((20, 20), np.float32)
    probability[5:15, 5:15], probability[7:13, 7:13] = 0.5, 0.9
    assert (make_objects(probability) > 0).sum() == 100
    assert (make_objects(probability, threshold=0.6) > 0).sum() == 36
    assert make_objects(probability, threshold=1).max() == 0


masks = hnp.arrays(bool, st.one_of(st.tuples(*[st.integers(1, 24)] * 2), st.tuples(*[st.integers(1, 9)] * 3)))


@settings(max_examples=80, deadline=None)
@given(masks, st.booleans(), st.sampled_from([0, 5]))
def test_never_merged_and_numbered_without_gaps(mask: np.ndarray, fill: bool, minimum_size: int) -> None:
    found = make_objects(mask, fill_holes=fill, minimum_size=minimum_size)
    components, _ = ndi.label(mask)
    kept = np.unique(found[found > 0])
    assert kept.tolist() == list(range(1, len(kept) + 1))
    for number in kept:
        assert len(np.unique(components[(found == number) & mask])) == 1
        assert (found == number).sum() >= minimum_size
    if not minimum_size:
        assert (found[mask] > 0).all()
    if not fill:
        assert (found[~mask] == 0).all()
    first = [np.flatnonzero(found == number)[0] for number in kept]
    assert first == sorted(first)


@pytest.mark.parametrize("shape", [(0, 5), (5, 5), (1, 7), (3, 0, 4)])
def test_nothing_gives_nothing(shape: tuple[int, ...]) -> None:
    for dtype in (bool, np.uint8, np.float32):
        found = make_objects(np.zeros(shape, dtype))
        assert found.shape == shape
        assert found.dtype == np.int32
        assert not found.any()


def test_all_foreground_is_one_object() -> None:
    assert make_objects(np.ones((30, 50), bool)).max() == 1


@pytest.mark.parametrize(
    ("values", "parameters"),
    [
        (np.zeros(5), {}),
        (np.zeros((2, 3, 4, 5)), {}),
        (np.array([[0.5, np.nan]]), {}),
        (np.array([[0.5, np.inf]]), {}),
        (np.array([[0.0, 2.0]]), {}),
        (np.array([[-0.1, 0.5]]), {}),
        (np.zeros((3, 3), complex), {}),
        (np.array([["a", "b"]]), {}),
        (np.zeros((3, 3)), {"threshold": 0}),
        (np.zeros((3, 3)), {"threshold": 1.5}),
        (np.zeros((3, 3)), {"minimum_size": -1}),
        (np.zeros((3, 3)), {"minimum_size": np.nan}),
        (np.zeros((3, 3)), {"split_depth": 0}),
        (np.zeros((3, 3)), {"spacing": (1,)}),
        (np.zeros((3, 3)), {"spacing": (1, 0)}),
    ],
)
def test_bad_input_is_refused_in_words(values: np.ndarray, parameters: dict) -> None:
    with pytest.raises(InputError, match=r"\(got .*\)$"):
        make_objects(values, **parameters)
