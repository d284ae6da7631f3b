from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from skimage.feature import graycomatrix, graycoprops

from napari_segmotif.common.progress import CancelToken
from napari_segmotif.errors import InputError, JobCancelled
from napari_segmotif.explore.measuring import texture
from napari_segmotif.explore.measuring.haralick import HARALICK
from napari_segmotif.explore.measuring.runs import ObjectRuns
from napari_segmotif.explore.measuring.texture import texture_columns


def measure(labels: np.ndarray, *channels: np.ndarray, **options) -> dict[str, np.ndarray]:
    n = int(labels.max())
    box, spacing = np.zeros((n, 2 * labels.ndim), np.int64), np.ones(labels.ndim)
    return texture_columns(labels, n, box, spacing, np.stack(channels), **options)


def closed_form(pairs: np.ndarray) -> dict[str, float]:
    """Haralick's formulas as they are printed, with levels from 1 on."""
    p = pairs / pairs.sum()
    levels = np.arange(1, len(p) + 1)
    i, j = np.meshgrid(levels, levels, indexing="ij")
    px, py = p.sum(1), p.sum(0)
    mean_x, mean_y = levels @ px, levels @ py
    variance = (levels - mean_x) ** 2 @ px
    of_sum = {k: p[i + j == k].sum() for k in range(2, 2 * len(p) + 1)}
    of_difference = {k: p[abs(i - j) == k].sum() for k in range(len(p))}
    sum_average = sum(k * q for k, q in of_sum.items())
    difference_average = sum(k * q for k, q in of_difference.items())

    def bits(of, weights=None) -> float:
        of = np.array(list(of), float).ravel()
        weights = of if weights is None else weights.ravel()
        return float(-(weights[of > 0] * np.log2(of[of > 0])).sum())

    hx, hxy, outer = bits(px), bits(p), np.outer(px, py)
    hxy1, hxy2 = bits(outer, p), bits(outer)
    values = (
        (p**2).sum(),
        ((i - j) ** 2 * p).sum(),
        ((i * j * p).sum() - mean_x * mean_y) / variance,
        variance,
        (p / (1 + (i - j) ** 2)).sum(),
        sum_average,
        sum((k - sum_average) ** 2 * q for k, q in of_sum.items()),
        bits(of_sum.values()),
        hxy,
        sum((k - difference_average) ** 2 * q for k, q in of_difference.items()),
        bits(of_difference.values()),
        (hxy - hxy1) / max(hx, bits(py)),
        np.sqrt(1 - np.exp(-2 * np.log(2) * (hxy2 - hxy))),
    )
    return dict(zip(HARALICK, values, strict=True))


def pairs_one_by_one(
    labels: np.ndarray, levels: np.ndarray, label: int, n_levels: int, far: int
) -> np.ndarray:
    """The matrix by asking every pixel of the object for every neighbour."""
    pairs = np.zeros((n_levels, n_levels))
    steps = [step for step in product((-far, 0, far), repeat=labels.ndim) if any(step)]
    for here in np.argwhere(labels == label):
        for step in steps:
            there = here + step
            if (there >= 0).all() and (there < labels.shape).all() and labels[tuple(there)] == label:
                pairs[levels[tuple(here)], levels[tuple(there)]] += 1
    return pairs


@pytest.mark.parametrize(
    ("shape", "n_levels", "distance"), [((13, 17), 8, 1), ((13, 17), 5, 2), ((4, 7, 8), 6, 1)]
)
def test_matrices_are_counted_pair_by_pair(shape: tuple[int, ...], n_levels: int, distance: int) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(rng.integers(0, 4, (*shape[:-1], -(-shape[-1] // 3))), 3, -1)[..., : shape[-1]]
    labels = labels.astype(np.int32)
    levels = rng.integers(0, n_levels, shape)
    levels[labels == 1] //= 2  # another texture
    image = levels + 0.5  # in the middle of levels of the range 0 to n_levels
    measured = measure(labels, image, n_levels=n_levels, distance=distance, value_range=[(0, n_levels)])
    for label in (1, 2, 3):
        expected = closed_form(pairs_one_by_one(labels, levels, label, n_levels, distance))
        for name, value in expected.items():
            assert measured[f"haralick_{name}"][label - 1] == pytest.approx(value, rel=1e-9, abs=1e-12), name


def test_it_agrees_with_scikit_image() -> None:
    levels = np.random.default_rng(1).integers(0, 16, (20, 24)).astype(np.uint8)
    levels[0, 0], levels[-1, -1] = 0, 15
    # scikit-image sums no directions: pair counts of all four are added up
    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    counts = graycomatrix(levels, [1], angles, levels=16, symmetric=True).sum(axis=3, keepdims=True)
    measured = measure(np.ones(levels.shape, np.int32), levels, n_levels=16)
    for ours, theirs in {
        "angular_second_moment": "ASM",
        "contrast": "contrast",
        "correlation": "correlation",
        "inverse_difference_moment": "homogeneity",
    }.items():
        assert measured[f"haralick_{ours}"][0] == pytest.approx(graycoprops(counts, theirs)[0, 0]), ours


def test_measures_do_not_depend_on_how_the_object_lies() -> None:
    rng = np.random.default_rng(2)
    labels = (rng.random((15, 16)) < 0.7).astype(np.int32)
    image = rng.normal(size=labels.shape)
    upright = measure(labels, image)
    turned = measure(np.rot90(labels).copy(), np.rot90(image))
    for name, values in upright.items():
        np.testing.assert_allclose(turned[name], values, rtol=1e-12, err_msg=name)


def test_constant_objects_and_single_pixels() -> None:
    labels = np.zeros((6, 9), np.int32)
    labels[1:4, 1:4], labels[1, 6], labels[3:5, 6:8] = 1, 2, 3
    image = np.where(labels == 3, 9.0, 4.0)
    image[3, 6] = 5
    measured = measure(labels, image)
    constant = {name: values[0] for name, values in measured.items()}
    assert constant["haralick_angular_second_moment"] == constant["haralick_correlation"] == 1
    assert constant["haralick_inverse_difference_moment"] == 1
    for name in ("contrast", "entropy", "sum_of_squares", "information_correlation_1"):
        assert constant[f"haralick_{name}"] == 0
    assert all(np.isnan(values[1]) for values in measured.values())
    assert all(np.isfinite(values[2]) for values in measured.values())
    everywhere = measure(labels, np.full(labels.shape, 7))
    assert everywhere["haralick_contrast"][[0, 2]].tolist() == [0, 0]


def test_pixels_that_are_no_number_make_no_pairs() -> None:
    rng = np.random.default_rng(3)
    labels = np.ones((8, 9), np.int32)
    image = rng.normal(size=labels.shape)
    image[2, 3], image[5, 5] = np.nan, np.inf
    punched = np.where(np.isfinite(image), labels, 0).astype(np.int32)
    expected = measure(punched, image)
    for name, values in measure(labels, image).items():
        np.testing.assert_array_equal(values, expected[name])


def test_background_does_not_set_the_levels_but_a_given_range_does() -> None:
    labels = np.zeros((10, 10), np.int32)
    labels[2:8, 2:8] = 1
    image = np.random.default_rng(4).integers(0, 32, labels.shape).astype(float)
    image[2, 2], image[2, 3] = 0, 31
    glaring = np.where(labels > 0, image, 1e6)
    contrast = measure(labels, image)["haralick_contrast"]
    assert measure(labels, glaring)["haralick_contrast"] == contrast
    halved = measure(labels, image, value_range=[(0, 64)])["haralick_contrast"]
    assert 0 < halved < 0.4 * contrast


def test_channels_are_numbered() -> None:
    labels = np.ones((6, 6), np.int32)
    one, two = np.random.default_rng(5).normal(size=(2, 6, 6))
    both = measure(labels, one, two)
    assert list(both)[:2] == ["haralick_angular_second_moment-0", "haralick_contrast-0"]
    assert len(both) == 26
    assert both["haralick_entropy-1"] == measure(labels, two)["haralick_entropy"]


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, ">u2", np.float16, np.float32])
def test_every_kind_of_number(dtype: object) -> None:
    labels = np.ones((6, 6), np.int32)
    image = np.random.default_rng(6).integers(0, 2, (6, 6))
    expected = measure(labels, image.astype(float))["haralick_entropy"]
    assert measure(labels, image.astype(dtype))["haralick_entropy"] == expected


def test_batches_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    labels = np.kron(np.arange(1, 31).reshape(5, 6), np.ones((6, 6))).astype(np.int32)
    image = rng.normal(size=labels.shape)
    whole = measure(labels, image)
    batches = ObjectRuns.batches
    monkeypatch.setattr(ObjectRuns, "batches", lambda runs: batches(runs, 40))
    for name, values in measure(labels, image).items():
        np.testing.assert_array_equal(values, whole[name])
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        measure(labels, image, cancel=token)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_levels": 1}, "grey levels"),
        ({"n_levels": 256}, "grey levels"),
        ({"distance": 0}, "distance"),
        ({"value_range": [(1, 0)]}, "value_range"),
        ({"value_range": [(0, np.inf)]}, "value_range"),
        ({"value_range": [(0, 1), (0, 1)]}, "value_range"),
    ],
)
def test_bad_parameters_are_told(options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        measure(np.ones((3, 3), np.int32), np.zeros((3, 3)), **options)


def test_an_image_of_another_shape_is_told() -> None:
    with pytest.raises(InputError, match="shape"):
        measure(np.ones((3, 3), np.int32), np.zeros((3, 4)))


def test_half_of_the_directions() -> None:
    assert len(texture._half_of_the_directions(2)) == 4
    steps = texture._half_of_the_directions(3)
    assert len({tuple(step) for step in np.concatenate([steps, -steps])}) == 26
