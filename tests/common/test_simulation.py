"""The simulators: their ground truth fits their pictures, and everything follows from the seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from napari_segmotif.common.simulation import (
    SimulatedImage,
    simulate_nuclei_2d,
    simulate_nuclei_3d,
    simulate_tissue,
)

SIMULATORS: dict[str, Callable[[int], SimulatedImage]] = {
    "nuclei_2d": lambda seed: simulate_nuclei_2d((160, 192), n_nuclei=14, random_state=seed),
    "nuclei_3d": lambda seed: simulate_nuclei_3d((12, 72, 80), n_nuclei=8, random_state=seed),
    "tissue": lambda seed: simulate_tissue((160, 192), random_state=seed),
}


@pytest.fixture(params=SIMULATORS)
def simulate(request: pytest.FixtureRequest) -> Callable[[int], SimulatedImage]:
    return SIMULATORS[request.param]


def test_the_seed_decides_everything(simulate: Callable[[int], SimulatedImage]) -> None:
    first, again, other = simulate(3), simulate(3), simulate(4)
    for name in ("image", "labels", "classes", "annotation"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert np.any(first.image != other.image)
    assert np.any(first.labels != other.labels)


def test_scribbles_have_the_true_class_and_touch_every_class(
    simulate: Callable[[int], SimulatedImage],
) -> None:
    sample = simulate(0)
    painted = sample.annotation > 0
    np.testing.assert_array_equal(sample.annotation[painted], sample.classes[painted])
    assert set(np.unique(sample.annotation[painted])) == set(sample.class_names)
    assert 0.002 < painted.mean() < 0.05


def test_arrays_and_descriptions_fit_each_other(simulate: Callable[[int], SimulatedImage]) -> None:
    sample = simulate(0)
    assert sample.image.shape == sample.labels.shape == sample.classes.shape == sample.annotation.shape
    assert len(sample.axes) == len(sample.spacing) == len(sample.units) == sample.image.ndim
    assert set(np.unique(sample.classes)) == set(sample.class_names)


@pytest.mark.parametrize("name", ["nuclei_2d", "nuclei_3d"])
def test_nuclei_are_whole_numbered_and_brighter_than_what_surrounds_them(name: str) -> None:
    sample = SIMULATORS[name](1)
    numbers = np.unique(sample.labels)
    np.testing.assert_array_equal(numbers, np.arange(numbers.size))
    for number in numbers[1:]:
        inside = sample.labels == number
        assert ndimage.label(inside)[1] == 1
        ring = ndimage.binary_dilation(inside, iterations=3) & (sample.labels == 0)
        assert sample.image[inside].mean() > 1.1 * sample.image[ring].mean()


def test_some_nuclei_touch() -> None:
    labels = simulate_nuclei_2d(random_state=0).labels
    pairs = [(labels[:-1], labels[1:]), (labels[:, :-1], labels[:, 1:])]
    touching = sum(int(((a != b) & (a > 0) & (b > 0)).sum()) for a, b in pairs)
    assert touching > 50


def test_nuclei_of_a_stack_are_round_in_micrometres() -> None:
    spacing = (1.0, 0.25, 0.25)
    sample = simulate_nuclei_3d((40, 160, 160), n_nuclei=6, spacing=spacing, random_state=2)
    extents = [
        [(s.stop - s.start) * size for s, size in zip(box, spacing, strict=True)]
        for box in ndimage.find_objects(sample.labels)
        if all(s.start > 0 and s.stop < n for s, n in zip(box, sample.labels.shape, strict=True))
    ]
    mean = np.mean(extents, axis=0)
    assert mean[0] / mean[1:].mean() == pytest.approx(1.0, abs=0.3)


def test_a_threshold_finds_no_difference_between_epithelium_and_stroma() -> None:
    sample = simulate_tissue(random_state=0)
    epithelium, stroma = (sample.image[sample.classes == k].astype(float) for k in (2, 3))
    assert epithelium.mean() == pytest.approx(stroma.mean(), rel=0.1)
    cuts = np.arange(256)
    right = [0.5 * ((epithelium <= c).mean() + (stroma > c).mean()) for c in cuts]
    assert max(max(right), 1 - min(right)) < 0.75


def test_fewer_photons_make_a_noisier_image() -> None:
    def relative_noise(photons: float) -> float:
        image = simulate_nuclei_2d((128, 128), photons=photons, random_state=0).image.astype(float)
        residual = image - ndimage.gaussian_filter(image, 1.5)
        return float(residual.std() / image.std())

    assert relative_noise(20) > 1.5 * relative_noise(2000)
