"""The device path against the CPU path: equal features, equal votes, and what happens without memory."""

from __future__ import annotations

import logging
import threading
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from napari_segmotif.common.axes import ImageSource
from napari_segmotif.common.progress import run_job
from napari_segmotif.errors import DeviceMemoryError
from napari_segmotif.pixel.filtering.features import FAMILIES, PixelFeatures
from napari_segmotif.pixel.filtering.filters import FilterBank
from napari_segmotif.pixel.filtering.packets import PACKET_2D
from napari_segmotif.pixel.filtering.tile_features import FrameTile, TiledImage
from napari_segmotif.pixel.filtering.torch_filters import DeviceFilters, eigenvalues_3x3
from napari_segmotif.pixel.forests import torch_backend
from napari_segmotif.pixel.forests.forest import PackedForest
from napari_segmotif.pixel.forests.torch_backend import pieces, tile_sums
from napari_segmotif.pixel.forests.torch_forest import DeviceForest
from napari_segmotif.pixel.prediction import Sums, cpu_sums, predict_region

CLASSES = np.array([1, 3, 4], dtype=np.int32)

# Where a device does not fuse multiplication and addition: a few units in the last place of the image's
# range, or of its square for the structure tensor.
TOLERANCE = 1e-6

SAME_ARITHMETIC = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
"""PyTorch fuses on such a CPU, as our own code does on every CPU: then there is no tolerance at all."""


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> str:
    """The device on which PyTorch computes; the same tests run on CUDA where there is one."""
    name: str = request.param
    if name == "cuda" and not torch.cuda.is_available():
        pytest.skip("PyTorch sees no CUDA device on this machine")
    return name


def tiled_image(
    image: NDArray[Any],
    axes: str,
    spacing: tuple[float, ...] | None = None,
    **features: Any,
) -> TiledImage:
    source = ImageSource.of(image, axes, spacing)
    bank = FilterBank(PixelFeatures(**features), source.spatial_axes, source.spacing, source.n_channels)
    return TiledImage(source, bank)


def cells(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.uint8]:
    """Soft blobs with noise, and a saturated background, as uint8."""
    rng = np.random.default_rng(seed)
    waves = sum(np.cos(grid / 6.0 + axis) for axis, grid in enumerate(np.indices(shape)))
    image = 128 + 60 * waves + rng.normal(0, 12, shape)
    return np.clip(image, 0, 200).astype(np.uint8)


def cpu_features(tiled: TiledImage, where: FrameTile) -> NDArray[np.float32]:
    """(n_features, *tile) as the CPU computes them."""
    lanes, layout = tiled.features(where), tiled.layout(where.tile)
    planes = np.empty((lanes.shape[1], *layout.tile), dtype=np.float32)
    for feature, plane in enumerate(planes):
        layout.gather(np.ascontiguousarray(lanes[:, feature]), plane)
    return planes.reshape(-1, *where.tile.shape)


def device_features(tiled: TiledImage, where: FrameTile, device: str) -> NDArray[np.float32]:
    shape = (1,) * (3 - len(where.tile.shape)) + where.tile.shape
    region = tuple(slice(0, n + 2 * h) for n, h in zip(shape, tiled.bank.halo, strict=True))
    pixels = tiled.read(where)[(slice(None), *region)]
    features: NDArray[np.float32] = DeviceFilters(tiled.bank, device).compute(pixels).cpu().numpy()
    return features.reshape(-1, *where.tile.shape)


def assert_same_features(tiled: TiledImage, device: str) -> None:
    largest = max(1.0, float(np.abs(tiled.source.array).max()))
    for where in tiled.tiles():
        expected, found = cpu_features(tiled, where), device_features(tiled, where, device)
        assert found.shape == expected.shape == (len(tiled.bank.names), *where.tile.shape)
        for name, one, other in zip(tiled.bank.names, expected, found, strict=True):
            if device == "cpu" and SAME_ARITHMETIC and tiled.bank.packet == PACKET_2D:
                np.testing.assert_array_equal(other, one, err_msg=name)
            scale = largest**2 if "structure_tensor" in name else largest
            np.testing.assert_allclose(other, one, rtol=1e-5, atol=TOLERANCE * scale, err_msg=name)


def trained_forest(
    tiled: TiledImage, n_trees: int = 20, min_samples_leaf: int = 1, seed: int = 0
) -> PackedForest:
    """A forest that learned three grey levels, and some mistakes, from 1500 pixels of the first tile."""
    where = tiled.tiles()[0]
    X = cpu_features(tiled, where).reshape(len(tiled.bank.names), -1).T
    grey = tiled.source.read(where.frame, where.tile.inner)[0].ravel()
    rng = np.random.default_rng(seed)
    y = np.digitize(grey + rng.normal(0, 15, grey.size), np.quantile(grey, [0.3, 0.7]))
    rows = rng.choice(len(y), min(len(y), 1500), replace=False)
    forest = RandomForestClassifier(n_trees, min_samples_leaf=min_samples_leaf, random_state=seed)
    return PackedForest.from_sklearn(forest.fit(X[rows], y[rows]))


# ------------------------------------------------------------------------------------------------- features


@pytest.mark.parametrize(
    ("shape", "axes", "spacing", "features"),
    [
        pytest.param((70, 83), "YX", None, {}, id="2-D, all filters"),
        pytest.param((300, 270), "YX", None, {"sigmas": (0.7, 3.5)}, id="several tiles"),
        pytest.param((40, 50, 3), "YXC", None, {"sigmas": (1.0, 1.6)}, id="channels last"),
        pytest.param((2, 3, 33, 20), "TCYX", None, {"sigmas": (1.0,)}, id="time and channels"),
        pytest.param((9, 30, 41), "ZYX", None, {"sigmas": (0.7, 1.6), "dimensions": 3}, id="3-D"),
        pytest.param((5, 40, 31), "ZYX", (3.0, 1.0, 1.0), {"sigmas": (1.0, 3.5)}, id="plane by plane"),
        pytest.param(
            (2, 7, 25, 22),
            "CZYX",
            (2.0, 0.5, 0.7),
            {"sigmas": (1.6, 3.5), "dimensions": 3},
            id="3-D, channels, anisotropic",
        ),
        pytest.param(
            (60, 40), "YX", (0.5, 0.25), {"sigmas": (0.6,), "sigma_unit": "physical"}, id="physical sigma"
        ),
        pytest.param(
            (35, 41, 2),
            "YXC",
            None,
            {
                "sigmas": (1.0, 1.6),
                "selected": (
                    "channel 0: gaussian σ=1.6",
                    "channel 1: structure_tensor_eigenvalues[1] σ=1",
                    "channel 1: gradient_magnitude σ=1",
                ),
            },
            id="selected",
        ),
        pytest.param(
            (30, 45),
            "YX",
            None,
            {"pairs": (("gradient_magnitude", 1.0), ("difference_of_gaussians", 5.0))},
            id="pairs",
        ),
    ],
)
def test_features_equal_those_of_the_cpu(
    device: str,
    shape: tuple[int, ...],
    axes: str,
    spacing: tuple[float, ...] | None,
    features: dict[str, Any],
) -> None:
    assert_same_features(tiled_image(cells(shape), axes, spacing, **features), device)


@settings(max_examples=30, deadline=None)
@given(
    image=hnp.arrays(
        np.int16, hnp.array_shapes(min_dims=2, max_dims=3, max_side=12), elements=st.integers(-2000, 2000)
    ),
    families=st.sets(st.sampled_from(FAMILIES), min_size=1),
    sigma=st.sampled_from((0.7, 1.0, 3.5)),
    dimensions=st.sampled_from((2, 3)),
)
def test_features_of_tiny_images_equal_those_of_the_cpu(
    image: NDArray[np.int16], families: set[Any], sigma: float, dimensions: int
) -> None:
    axes = "ZYX"[-image.ndim :]
    tiled = tiled_image(image, axes, families=tuple(families), sigmas=(sigma,), dimensions=dimensions)
    assert_same_features(tiled, "cpu")


@pytest.mark.parametrize("shape", [(1, 50), (50, 1), (1, 1)])
def test_a_line_of_pixels_has_the_features_of_the_cpu(device: str, shape: tuple[int, int]) -> None:
    assert_same_features(tiled_image(cells(shape), "YX", sigmas=(0.3, 1.0, 5.0)), device)


def test_eigenvalues_equal_those_of_lapack() -> None:
    rng = np.random.default_rng(0)
    matrices = rng.normal(size=(600, 3, 3)).astype(np.float32)
    matrices += matrices.transpose(0, 2, 1)
    matrices[:100] *= np.float32(1e-18)  # whose determinant is below the smallest float32
    matrices[100:200] *= np.float32(1e10)
    matrices[200:250] = np.eye(3) * rng.normal(size=(50, 1, 1))
    matrices[250:300] = 0.0
    expected = np.linalg.eigvalsh(matrices.astype(np.float64))[:, ::-1]
    entries = [torch.tensor(matrices[:, i, j]) for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))]
    found = torch.stack(eigenvalues_3x3(*entries), dim=1).numpy()
    assert found.dtype == np.float32
    norm = np.abs(expected).max(axis=1, keepdims=True)
    assert (np.abs(found - expected) <= 2e-7 * norm).all()


def test_tf32_and_other_choices_of_the_process_change_nothing(device: str) -> None:
    """No filter is a convolution or a matrix product of a library: nobody can choose its precision."""
    tiled = tiled_image(cells((40, 50)), "YX", sigmas=(1.0, 3.5))
    where = tiled.tiles()[0]
    expected = device_features(tiled, where, device)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        found = device_features(tiled, where, device)
    finally:
        torch.set_float32_matmul_precision(before)
    np.testing.assert_array_equal(found, expected)


# --------------------------------------------------------------------------------------------------- forest


def in_packets(X: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, n_features) as (n_packets, n_features, 64), n a multiple of 64."""
    return np.ascontiguousarray(X.reshape(-1, 64, X.shape[1]).transpose(0, 2, 1))


@settings(max_examples=25, deadline=None)
@given(
    n_rows=st.integers(2, 300),
    n_classes=st.integers(2, 5),
    n_trees=st.integers(1, 9),
    min_samples_leaf=st.sampled_from((1, 1, 7)),
    budget=st.integers(1, 2000),
    seed=st.integers(0, 1000),
)
def test_votes_equal_those_of_the_cpu_bit_by_bit(
    n_rows: int, n_classes: int, n_trees: int, min_samples_leaf: int, budget: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    X = rng.integers(-5, 6, (n_rows, 4)).astype(np.float32)
    y = np.arange(n_rows) % n_classes
    trees = RandomForestClassifier(n_trees, min_samples_leaf=min_samples_leaf, random_state=seed).fit(X, y)
    forest = PackedForest.from_sklearn(trees)
    # Halves lie on the thresholds themselves; what overflowed goes where it goes on the CPU.
    pixels = (rng.integers(-12, 13, (192, 4)) / 2).astype(np.float32)
    pixels[:3] = np.array([[np.inf], [-np.inf], [np.nan]])
    expected = forest.vote(in_packets(pixels)).transpose(1, 0, 2).reshape(forest.n_classes, -1)
    found = DeviceForest(forest, "cpu").vote(torch.tensor(pixels.T.copy()), budget).numpy()
    np.testing.assert_array_equal(found, expected)


def test_a_long_thin_tree_is_walked_to_its_end() -> None:
    """Its right branch goes down 100 levels: more than ever wait on the CPU's stack."""
    X = np.arange(101, dtype=np.float32)[:, None]
    n_inner = 100
    feature, threshold, right = [], [], []
    for i in range(n_inner):  # an inner node, its left leaf (class i % 2), and then its right child
        feature += [0, 1 + 1 + i % 2]
        threshold += [float(i), 0.0]
        right += [2 * i + 2, 0]
    feature.append(1 + 1)
    threshold.append(0.0)
    right.append(0)
    forest = PackedForest(
        np.zeros(1, np.uint32),
        np.array(feature, np.uint16),
        np.array(threshold, np.float32),
        np.array(right, np.uint32),
        np.zeros((0, 2), np.float32),
        n_features=1,
        n_classes=2,
    )
    found = DeviceForest(forest, "cpu").vote(torch.tensor(X.T.copy()), 1000).numpy()
    np.testing.assert_array_equal(found[1], np.append(np.arange(100) % 2, 0))
    np.testing.assert_array_equal(found.sum(axis=0), 1)


# --------------------------------------------------------------------------------------------- probabilities


@pytest.mark.parametrize(
    ("shape", "axes", "features", "min_samples_leaf"),
    [
        ((150, 290), "YX", {}, 1),
        ((90, 110, 3), "YXC", {"sigmas": (1.0, 3.5)}, 5),
        ((12, 50, 60), "ZYX", {"sigmas": (0.7, 1.6), "dimensions": 3}, 1),
    ],
    ids=["2-D", "channels, mixed leaves", "3-D"],
)
def test_probabilities_and_labels_equal_those_of_the_cpu(
    device: str, shape: tuple[int, ...], axes: str, features: dict[str, Any], min_samples_leaf: int
) -> None:
    """All sums are the same in 2-D on a CPU that fuses.

    Elsewhere at least 999 of 1000 pixels have the very same sums; the others differ in two of 20 trees at
    most, where a feature lies within float rounding of a threshold.
    """
    tiled = tiled_image(cells(shape), axes, **features)
    forest = trained_forest(tiled, 20, min_samples_leaf)
    expected = run_job(predict_region(tiled, forest, CLASSES))
    found = run_job(predict_region(tiled, forest, CLASSES, sums=tile_sums(tiled, forest, device), n_jobs=3))
    assert found.probabilities is not None
    assert expected.probabilities is not None
    difference = np.abs(found.probabilities - expected.probabilities).max(axis=0)
    exact = device == "cpu" and SAME_ARITHMETIC and tiled.bank.packet == PACKET_2D
    assert (difference == 0).mean() >= (1.0 if exact else 0.999)
    assert difference.max() <= 2.001 / forest.n_trees
    assert (found.labels == expected.labels).mean() >= 0.9995
    np.testing.assert_allclose(found.probabilities.sum(axis=0), 1.0, atol=1e-5)


def test_labels_alone_are_those_of_all_trees(device: str) -> None:
    tiled = tiled_image(cells((64, 80)), "YX", sigmas=(1.0,))
    forest = trained_forest(tiled)
    sums = tile_sums(tiled, forest, device)
    both = run_job(predict_region(tiled, forest, CLASSES, sums=sums))
    alone = run_job(predict_region(tiled, forest, CLASSES, outputs=("labels",), sums=sums))
    np.testing.assert_array_equal(alone.labels, both.labels)
    assert set(np.unique(both.labels)) == set(CLASSES)


def test_a_classifier_with_a_device_predicts_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_segmotif.pixel import classifier as classifier_module

    image = cells((40, 60))
    annotation = np.zeros(image.shape, np.uint8)
    annotation[image > 180], annotation[image < 60] = 1, 3
    classifier = classifier_module.PixelClassifier(
        PixelFeatures(sigmas=(1.0,)), n_estimators=10, device="cpu"
    ).fit(image, annotation)
    expected = classifier.predict_proba(image)
    asked: list[str] = []

    def on_torchs_cpu(tiled: TiledImage, forest: PackedForest, device: str, ladder: Any) -> Sums:
        asked.append(device)
        return tile_sums(tiled, forest, "cpu", ladder)

    monkeypatch.setattr(classifier_module, "resolve_device", lambda wish: "cuda")
    monkeypatch.setattr(torch_backend, "tile_sums", on_torchs_cpu)
    found = classifier.predict_proba(image)
    assert asked == ["cuda"]
    assert (found == expected).all(axis=0).mean() >= 0.999


# ---------------------------------------------------------------------------------------- the memory ladder


class SmallDevice:
    """A device on which filtering more pixels than `capacity` is out of memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capacity: int, error: Exception) -> None:
        self.refused: list[int] = []
        self.done: list[int] = []
        compute = DeviceFilters.compute

        def limited(filters: DeviceFilters, pixels: NDArray[np.float32]) -> Any:
            halo = filters.bank.halo
            n = int(np.prod([s - 2 * h for s, h in zip(pixels.shape[1:], halo, strict=True)]))
            if n > capacity:
                self.refused.append(n)
                raise error
            self.done.append(n)
            return compute(filters, pixels)

        monkeypatch.setattr(DeviceFilters, "compute", limited)


OUT_OF_MEMORY = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
TILE = 256 * 256


@pytest.fixture
def two_tiles() -> tuple[TiledImage, PackedForest]:
    filters = (("gaussian", 1.0), ("gradient_magnitude", 1.6))
    tiled = tiled_image(cells((256, 512)), "YX", pairs=filters)
    return tiled, trained_forest(tiled, 4)


@pytest.mark.parametrize(
    ("capacity", "refused", "warnings"),
    [
        (TILE, [], []),
        (TILE // 4, [TILE], ["1/4"]),
        (TILE // 16, [TILE, TILE // 4], ["1/4", "1/16"]),
        (10, [TILE, TILE // 4, TILE // 16], ["1/4", "1/16", "on the CPU instead"]),
    ],
    ids=["enough", "a quarter", "a sixteenth", "nothing"],
)
def test_every_step_of_the_ladder_gives_the_same_result_and_is_told_once(
    two_tiles: tuple[TiledImage, PackedForest],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capacity: int,
    refused: list[int],
    warnings: list[str],
) -> None:
    tiled, forest = two_tiles
    evaluate, reference = tile_sums(tiled, forest, "cpu"), cpu_sums(tiled, forest)
    memory = SmallDevice(monkeypatch, capacity, OUT_OF_MEMORY)
    with caplog.at_level(logging.WARNING, logger="napari_segmotif"):
        for where in tiled.tiles():
            same = (evaluate(where, False) == reference(where, False)).all(axis=0)
            assert same.mean() >= (1.0 if SAME_ARITHMETIC else 0.999)
    # The second tile starts where the first one ended: nothing is refused twice.
    assert memory.refused == refused
    assert sum(memory.done) == (0 if capacity == 10 else 2 * TILE)
    assert len(caplog.messages) == len(warnings)
    for message, part in zip(caplog.messages, warnings, strict=True):
        assert part in message
        assert "same result" in message


def test_a_classifier_remembers_what_did_not_fit_from_one_stroke_to_the_next(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from napari_segmotif.pixel import classifier as classifier_module
    from napari_segmotif.pixel.forests import torch_backend

    image = cells((256, 256))
    annotation = np.zeros(image.shape, np.uint8)
    annotation[image > 180], annotation[image < 60] = 1, 2
    annotation[::2], annotation[:, ::2] = 0, 0
    classifier = classifier_module.PixelClassifier(PixelFeatures(sigmas=(1.0,)), n_estimators=2)
    monkeypatch.setattr(classifier_module, "resolve_device", lambda wish: "cuda")
    monkeypatch.setattr(
        torch_backend, "tile_sums", lambda tiled, forest, _, ladder: tile_sums(tiled, forest, "cpu", ladder)
    )
    memory = SmallDevice(monkeypatch, TILE // 4, OUT_OF_MEMORY)
    with caplog.at_level(logging.WARNING, logger="napari_segmotif"):
        for _ in range(3):
            run_job(classifier.live_iter(image, annotation))
    assert memory.refused == [TILE]
    assert [("cuda" in message, "1/4" in message) for message in caplog.messages] == [(True, True)]


def test_threads_that_run_out_of_memory_together_are_told_once(
    two_tiles: tuple[TiledImage, PackedForest],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tiled, forest = two_tiles
    expected = run_job(predict_region(tiled, forest, CLASSES))
    together = threading.Barrier(2, timeout=60)
    seen: set[tuple[int, ...]] = set()
    read = TiledImage.read

    def read_together(image: TiledImage, where: FrameTile) -> NDArray[np.float32]:
        pixels = read(image, where)
        if where.tile.index not in seen:
            seen.add(where.tile.index)
            together.wait()
        return pixels

    memory = SmallDevice(monkeypatch, 10, OUT_OF_MEMORY)
    monkeypatch.setattr(TiledImage, "read", read_together)
    with caplog.at_level(logging.WARNING, logger="napari_segmotif"):
        found = run_job(
            predict_region(tiled, forest, CLASSES, sums=tile_sums(tiled, forest, "cpu"), n_jobs=2)
        )
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert memory.refused.count(TILE) == 2
    assert len(caplog.messages) == len(set(caplog.messages)) == 3


def test_memory_that_fails_in_the_forest_is_stepped_around_too(
    two_tiles: tuple[TiledImage, PackedForest], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiled, forest = two_tiles
    vote, budgets = DeviceForest.vote, []

    def limited(trees: DeviceForest, features: Any, budget: int) -> Any:
        budgets.append(budget)
        if features.shape[1] > TILE // 4:
            raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
        return vote(trees, features, budget)

    monkeypatch.setattr(DeviceForest, "vote", limited)
    where = tiled.tiles()[0]
    found = tile_sums(tiled, forest, "cpu")(where, False)
    assert (found == cpu_sums(tiled, forest)(where, False)).all(axis=0).mean() >= 0.999
    assert budgets == [budgets[0]] + [budgets[0] // 4] * 4


def test_no_memory_anywhere_is_said(
    two_tiles: tuple[TiledImage, PackedForest], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiled, forest = two_tiles
    evaluate = tile_sums(tiled, forest, "cpu")
    SmallDevice(monkeypatch, 0, OUT_OF_MEMORY)

    def none_left(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(TiledImage, "features", none_left)
    with pytest.raises(DeviceMemoryError, match="does not suffice"):
        evaluate(tiled.tiles()[0], False)


def test_another_error_of_the_device_passes_through(
    two_tiles: tuple[TiledImage, PackedForest],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tiled, forest = two_tiles
    evaluate = tile_sums(tiled, forest, "cpu")
    memory = SmallDevice(monkeypatch, 0, RuntimeError("CUDA error: device-side assert triggered"))
    with pytest.raises(RuntimeError, match="device-side assert"):
        evaluate(tiled.tiles()[0], False)
    assert memory.refused == [TILE]
    assert not caplog.messages


@given(
    tile=st.tuples(st.integers(1, 9), st.integers(1, 40), st.integers(1, 40)),
    most=st.integers(1, 500),
)
def test_pieces_cover_a_tile_once_and_are_small_enough(tile: tuple[int, int, int], most: int) -> None:
    covered = np.zeros(tile, dtype=int)
    for piece in pieces(tile, most):
        assert covered[piece].size <= most
        covered[piece] += 1
    assert (covered == 1).all()
