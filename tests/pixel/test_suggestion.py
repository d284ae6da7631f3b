"""Where to paint next: unsure, unlike what is painted, not painted."""

from __future__ import annotations

import numpy as np
import pytest

from napari_segmotif.errors import InputError
from napari_segmotif.pixel.reviewing.suggestion import Suggestion, default_block_shape, rank_regions

SHAPE = (96, 128)


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Uncertainty, two descriptors and an empty annotation."""
    rng = np.random.default_rng(0)
    return rng.random(SHAPE) * 0.1, rng.normal(0, 1, (2, *SHAPE)), np.zeros(SHAPE, np.uint8)


def regions(found: list[Suggestion]) -> list[tuple[slice, ...]]:
    return [suggestion.region for suggestion in found]


def test_the_most_uncertain_place_comes_first(scene: tuple[np.ndarray, ...]) -> None:
    uncertainty, descriptors, annotated = scene
    uncertainty[40:50, 70:80] = 1
    first = rank_regions(uncertainty, descriptors, annotated, 1)[0]
    assert all(part.start <= c < part.stop for c, part in zip(first.center, first.region, strict=True))
    assert 40 <= first.center[0] < 50
    assert 70 <= first.center[1] < 80
    assert 0 <= first.uncertainty <= 1
    assert first.diversity == 1
    assert "uncertainty" in first.reason


def test_scores_fall_and_regions_are_different_and_cover_all(scene: tuple[np.ndarray, ...]) -> None:
    found = rank_regions(*scene, n=1000, block_shape=(16, 16))
    scores = [suggestion.score for suggestion in found]
    assert scores == sorted(scores, reverse=True)
    assert len(found) == 6 * 8
    covered = np.zeros(SHAPE, int)
    for region in regions(found):
        covered[region] += 1
    assert (covered == 1).all()


def test_what_is_painted_all_over_is_not_suggested(scene: tuple[np.ndarray, ...]) -> None:
    uncertainty, descriptors, annotated = scene
    annotated[:48] = 1
    found = rank_regions(uncertainty, descriptors, annotated, 1000, (16, 16))
    assert len(found) == 3 * 8
    assert all(suggestion.center[0] >= 48 for suggestion in found)
    annotated[:] = 2
    assert rank_regions(uncertainty, descriptors, annotated) == []


def test_the_center_is_never_on_a_painted_pixel(scene: tuple[np.ndarray, ...]) -> None:
    uncertainty, descriptors, annotated = scene
    annotated[np.random.default_rng(1).random(SHAPE) < 0.9] = 1
    uncertainty[annotated > 0] = 1
    for suggestion in rank_regions(uncertainty, descriptors, annotated, 50, (16, 16)):
        assert annotated[suggestion.center] == 0


def three_kinds() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three vertical bands that differ in their descriptor, the right one the least uncertain."""
    uncertainty = np.full((60, 60), 0.5)
    uncertainty[:, 40:] = 0.3
    kind = np.zeros((1, 60, 60))
    kind[:, :, 20:40], kind[:, :, 40:] = 5.0, 10.0
    return uncertainty, kind, np.zeros((60, 60), np.uint8)


def test_suggestions_are_unlike_each_other() -> None:
    found = rank_regions(*three_kinds(), n=3, block_shape=(20, 20))
    assert {suggestion.center[1] // 20 for suggestion in found} == {0, 1, 2}


def test_suggestions_are_unlike_what_is_painted_here_or_in_other_images() -> None:
    uncertainty, kind, annotated = three_kinds()
    uncertainty[:] = 0.5
    annotated[2:4, 2:18] = 1
    assert rank_regions(uncertainty, kind, annotated, 1, (20, 20))[0].center[1] >= 40
    elsewhere = np.array([[10.0], [0.0]])
    first = rank_regions(uncertainty, kind, annotated, 1, (20, 20), annotated_descriptors=elsewhere)[0]
    assert 20 <= first.center[1] < 40


def test_the_units_of_a_descriptor_do_not_matter(scene: tuple[np.ndarray, ...]) -> None:
    uncertainty, descriptors, annotated = scene
    annotated[10:12, 10:40] = 1
    other_units = descriptors * np.array([1e4, 1e-3])[:, None, None] + 7
    assert regions(rank_regions(uncertainty, other_units, annotated, 10)) == regions(rank_regions(*scene, 10))


def test_constant_everything_still_gives_an_answer() -> None:
    found = rank_regions(np.zeros((40, 40)), np.ones((2, 40, 40)), np.zeros((40, 40), int), 3)
    assert len(found) == 3
    assert len(set(map(str, regions(found)))) == 3


def test_three_dimensions() -> None:
    uncertainty = np.zeros((20, 64, 64), np.float32)
    uncertainty[15, 30:34, 50:54] = 1
    found = rank_regions(uncertainty, np.zeros((1, 20, 64, 64)), np.zeros((20, 64, 64), np.uint8), 2)
    z, y, x = found[0].center
    assert z == 15
    assert 30 <= y < 34
    assert 50 <= x < 54
    assert default_block_shape((20, 64, 64)) == (2, 16, 16)
    assert default_block_shape((4000, 300)) == (64, 37)


def test_arrays_are_read_block_by_block(scene: tuple[np.ndarray, ...]) -> None:
    largest = 0

    class Lazy:
        """An array that can only be sliced, and notes how much is taken at once."""

        def __init__(self, array: np.ndarray) -> None:
            self.array, self.shape = array, array.shape

        def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
            nonlocal largest
            taken = self.array[key]
            largest = max(largest, taken[..., :, :].shape[-1] * taken.shape[-2])
            return taken

    found = rank_regions(*(Lazy(array) for array in scene), n=4, block_shape=(16, 16))
    assert largest <= 16 * 16
    assert found == rank_regions(*scene, n=4, block_shape=(16, 16))


@pytest.mark.parametrize(
    ("uncertainty", "descriptors", "annotated", "settings"),
    [
        ((8,), (1, 8), (8,), {}),
        ((8, 8), (8, 8), (8, 8), {}),
        ((8, 8), (1, 8, 8), (8, 9), {}),
        ((8, 8), (1, 8, 8), (8, 8), {"n": 0}),
        ((8, 8), (1, 8, 8), (8, 8), {"block_shape": (4,)}),
        ((8, 8), (1, 8, 8), (8, 8), {"block_shape": (0, 4)}),
    ],
)
def test_what_does_not_fit_is_refused(
    uncertainty: tuple, descriptors: tuple, annotated: tuple, settings: dict
) -> None:
    with pytest.raises(InputError, match=r"\(got .*\)$"):
        rank_regions(np.zeros(uncertainty), np.zeros(descriptors), np.zeros(annotated), **settings)
