"""Simulated scribbles: inside their class, of the wanted amount, in several separate strokes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_segmotif.common.scribbles import draw_stroke, simulate_scribbles
from napari_segmotif.errors import InputError


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    y, x = np.mgrid[:200, :220]
    classes = np.ones((200, 220), np.uint8)
    for cy, cx, radius in ((50, 60, 25), (120, 150, 30), (160, 50, 15)):
        classes[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = 2
    classes[:, 200:] = 0
    return classes


def strokes_of(annotation: np.ndarray, class_id: int) -> int:
    return ndi.label(annotation == class_id, structure=np.ones((3,) * annotation.ndim))[1]


@pytest.mark.parametrize("fraction", [0.0025, 0.01, 0.025])
def test_strokes_lie_in_their_class_and_add_up(truth: np.ndarray, fraction: float) -> None:
    annotation = simulate_scribbles(truth, fraction, 3)
    painted = annotation > 0
    np.testing.assert_array_equal(annotation[painted], truth[painted])
    assert painted.mean() == pytest.approx(fraction, rel=0.15)
    for class_id in (1, 2):
        assert (annotation == class_id).mean() == pytest.approx(fraction / 2, rel=0.2)
        assert strokes_of(annotation, class_id) >= 4


def test_the_seed_decides(truth: np.ndarray) -> None:
    np.testing.assert_array_equal(simulate_scribbles(truth, 0.01, 5), simulate_scribbles(truth, 0.01, 5))
    assert (simulate_scribbles(truth, 0.01, 5) != simulate_scribbles(truth, 0.01, 6)).any()


def test_a_small_class_is_not_painted_over() -> None:
    truth = np.ones((100, 100), np.uint8)
    truth[40:48, 40:48] = 2
    annotation = simulate_scribbles(truth, 0.1, 0, max_share=0.3)
    assert 0 < (annotation == 2).sum() <= 0.3 * 64


def test_only_the_wanted_classes(truth: np.ndarray) -> None:
    assert np.unique(simulate_scribbles(truth, 0.01, 0, classes=[2])).tolist() == [0, 2]


def test_in_3d_each_stroke_lies_in_one_plane() -> None:
    truth = np.ones((12, 60, 60), np.int32)
    truth[:, 30:] = 7
    annotation = simulate_scribbles(truth, 0.02, 1)
    assert set(np.unique(annotation)) == {0, 1, 7}
    labels, n = ndi.label(annotation > 0, structure=np.ones((3, 3, 3)))
    assert n > 8
    one_class = [
        box
        for k, box in enumerate(ndi.find_objects(labels), 1)
        if len(np.unique(annotation[labels == k])) == 1
    ]
    assert all(box[0].stop - box[0].start == 1 for box in one_class)


@pytest.mark.parametrize("width", [1, 3, 5])
def test_a_stroke_is_one_piece_of_its_width(width: int) -> None:
    room = np.ones((120, 120), bool)
    room[:, 80:] = False
    for seed in range(10):
        stroke = draw_stroke(room, (60, 40), 70, width, np.random.default_rng(seed))
        mask = np.zeros_like(room)
        mask[tuple(stroke.T)] = True
        assert mask[60, 40]
        assert not (mask & ~room).any()
        assert ndi.label(mask, structure=np.ones((3, 3)))[1] == 1
        assert 35 <= mask.sum() <= 70
        assert 2 * ndi.distance_transform_edt(mask).max() <= width + 2


def test_a_stroke_in_a_corner_of_one_pixel_is_that_pixel() -> None:
    room = np.zeros((9, 9), bool)
    room[0, 8] = True
    stroke = draw_stroke(room, (0, 8), 30, 5, np.random.default_rng(0))
    assert stroke.tolist() == [[0, 8]]


@pytest.mark.parametrize(
    ("truth", "fraction"),
    [
        (np.ones((5, 5)), 0.1),
        (np.ones(5, int), 0.1),
        (np.full((5, 5), 256), 0.1),
        (np.ones((0, 5), int), 0.1),
        (np.ones((5, 5), int), 0.0),
        (np.ones((5, 5), int), 1.0),
    ],
)
def test_what_cannot_be_painted_is_refused(truth: np.ndarray, fraction: float) -> None:
    with pytest.raises(InputError, match=r"\(got .*\)$"):
        simulate_scribbles(truth, fraction)
