"""Tiles, their blending, views and memory: what is said of a pixel is a matter of the image alone."""

from __future__ import annotations

import copy
import logging
import threading
import time
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import HEADS, STRIDES, Threshold, noise, random_unet

from napari_segmotif.common.axes import ImageSource
from napari_segmotif.common.progress import CancelToken
from napari_segmotif.common.tiling import read_mirrored
from napari_segmotif.errors import DeviceMemoryError, JobCancelled
from napari_segmotif.unet.inference import torch_tiles
from napari_segmotif.unet.inference.blending import BlendGrid, common
from napari_segmotif.unet.inference.looks import views
from napari_segmotif.unet.inference.tile_size import default_tile, overlap_of
from napari_segmotif.unet.inference.torch_forward import Forward, reach_of
from napari_segmotif.unet.inference.torch_inference import TilePredictor, predict_samples
from napari_segmotif.unet.inference.torch_tiles import TileRunner
from napari_segmotif.unet.network.heads import Heads
from napari_segmotif.unet.network.torch_network import activate
from napari_segmotif.unet.training_data.intensity import intensity_range

ROUNDING = 1e-5
"""Of float32: sums in another order, and normalisation folded into convolutions."""


def plain_maps(network: Any, image: np.ndarray, heads: Heads = HEADS) -> np.ndarray:
    """What the network says of the whole image, mirrored up to a multiple of 4."""
    shape = image.shape[1:]
    padded = read_mirrored(
        lambda region: image[(slice(None), *region)],
        shape,
        (0,) * len(shape),
        [-(-n // 4) * 4 for n in shape],
    )
    with torch.inference_mode():
        maps = activate(network(torch.from_numpy(padded[None])), heads.n_classes, network.offset_scale)
    return maps[(0, slice(None), *(slice(0, n) for n in shape))].numpy()


# ------------------------------------------------------------------------------------------------ grids


@st.composite
def grids(draw: st.DrawFn) -> BlendGrid:
    step = draw(st.sampled_from([1, 2, 4, 8]))
    shape = draw(st.lists(st.integers(1, 70), min_size=1, max_size=2))
    tile = step * draw(st.integers(2, 8))
    overlap = draw(st.integers(1, tile - step))
    reach = draw(st.none() | st.integers(0, tile))
    n = len(shape)
    return BlendGrid.over(
        shape,
        (tile,) * n,
        (overlap,) * n,
        (step,) * n,
        fixed=draw(st.booleans()),
        reach=None if reach is None else (reach,) * n,
    )


@settings(max_examples=50, deadline=None)
@given(grids())
def test_every_pixel_is_seen_and_weights_are_positive_where_a_tile_has_a_say(grid: BlendGrid) -> None:
    whole = tuple(slice(0, n) for n in grid.shape)
    total = np.zeros(grid.shape)
    for index in grid.touching(whole):
        start = grid.start(index)
        inside = common(start, grid.tile, whole)
        place = tuple(slice(p.start + a, p.stop + a) for p, a in zip(inside, start, strict=True))
        weights = grid.weights(index, whole)
        assert weights.shape == total[place].shape
        total[place] += weights
    assert total.min() > 0


@settings(max_examples=30, deadline=None)
@given(grids(), st.data())
def test_tiles_of_a_region_are_those_with_weight_in_it(grid: BlendGrid, data: st.DataObject) -> None:
    first = [data.draw(st.integers(0, n - 1)) for n in grid.shape]
    region = tuple(slice(a, data.draw(st.integers(a + 1, n))) for a, n in zip(first, grid.shape, strict=True))
    touching = set(grid.touching(region))
    for index in grid.touching(tuple(slice(0, n) for n in grid.shape)):
        inside = common(grid.start(index), grid.tile, region)
        meets = all(part.start < part.stop for part in inside)
        assert (index in touching) == (meets and bool(grid.weights(index, region).any()))


def test_tiles_are_aligned_overlap_and_are_no_larger_than_needed() -> None:
    grid = BlendGrid.over((1040, 300), (1024, 1024), (96, 96), (16, 16))
    assert grid.tile == (576, 304)  # two of 576 instead of two of 1024
    assert grid.starts == ((0, 464), (0,))


def test_default_tiles_are_wider_where_a_volume_is_flat() -> None:
    deep, flat = default_tile((500, 500, 500), (8, 16, 16)), default_tile((16, 500, 500), (8, 16, 16))
    assert flat[0] == 16
    assert flat[1] > deep[1]
    for tile in (deep, flat):
        assert np.prod(tile) <= 1 << 19
        assert overlap_of(tile, (8, 16, 16), (40, 107, 107), fixed=False)[1] < tile[1]


# ----------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize("residual", [False, True])
def test_maps_are_those_of_the_plain_network(residual: bool) -> None:
    network, image = random_unet(residual=residual), noise((1, 41, 50))
    before = copy.deepcopy(network.state_dict())
    (maps,) = predict_samples(network, HEADS, [image], strides=STRIDES)
    np.testing.assert_allclose(maps, plain_maps(network, image), atol=ROUNDING)
    assert maps.dtype == np.float32
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())


def test_volumes() -> None:
    network = random_unet(dimensions=3)
    heads = Heads((0, 1), True, 3)
    image = noise((1, 9, 18, 21))
    (maps,) = predict_samples(network, heads, [image], strides=[(2, 2, 2)] * 2)
    np.testing.assert_allclose(maps, plain_maps(network, image, heads), atol=ROUNDING)


def test_samples_of_different_sizes_are_each_as_alone() -> None:
    network = random_unet()
    images = [noise((1, *shape), i) for i, shape in enumerate([(20, 20), (33, 17), (19, 18), (90, 100)])]
    together = predict_samples(network, HEADS, images, strides=STRIDES, tile=(64, 64))
    for image, maps in zip(images, together, strict=True):
        (alone,) = predict_samples(network, HEADS, [image], strides=STRIDES, tile=(64, 64))
        np.testing.assert_array_equal(maps, alone)


def test_reach_is_how_far_the_network_looks() -> None:
    network = random_unet()
    reach = reach_of(network, STRIDES)[0]
    image = noise((1, 96, 96))
    changed = image.copy()
    changed[:, 48, 48] += 5
    difference = np.abs(plain_maps(network, image) - plain_maps(network, changed)).max(axis=0) > 0
    distance = np.abs(np.argwhere(difference) - 48).max()
    assert reach - 4 <= distance <= reach


def test_with_enough_overlap_tiles_cannot_be_told_from_the_whole() -> None:
    network, image = random_unet(), noise((1, 150, 170))
    (whole,) = predict_samples(network, HEADS, [image], strides=STRIDES)
    runner = TileRunner(network, HEADS, STRIDES, tile=(320, 320))  # overlaps by twice the reach
    (large,) = runner.samples([np.tile(image, (1, 4, 4))[:, :, :400]])
    (alone,) = predict_samples(network, HEADS, [np.tile(image, (1, 4, 4))[:, :, :400]], strides=STRIDES)
    assert runner.n_computed > 1
    np.testing.assert_allclose(large, alone, atol=ROUNDING)
    np.testing.assert_allclose(large[:, :100, :100], whole[:, :100, :100], atol=ROUNDING)


@pytest.mark.parametrize("normalization", ["batch", "instance"])
def test_small_tiles_give_nearly_the_same_labels(normalization: str) -> None:
    network = random_unet(normalization=normalization)
    image = noise((1, 130, 140))
    settings = {"strides": STRIDES, "normalization": normalization}
    (tiled,) = predict_samples(network, HEADS, [image], tile=(64, 64), **settings)
    if normalization == "instance":  # every tile has its own statistics: only its size must not vary
        runner = TileRunner(network, HEADS, STRIDES, tile=(64, 64), normalization="instance")
        assert runner.grid((30, 30)).tile == runner.grid((300, 300)).tile == (64, 64)
        return
    (whole,) = predict_samples(network, HEADS, [image], **settings)
    same = tiled[:2].argmax(axis=0) == whole[:2].argmax(axis=0)
    assert same.mean() >= 0.999


@settings(max_examples=8, deadline=None)
@given(st.data(), st.sampled_from(["batch", "instance"]))
def test_a_pixel_does_not_depend_on_the_region(data: st.DataObject, normalization: str) -> None:
    shape = (90, 70)
    predictor = TilePredictor(
        random_unet(normalization=normalization),
        HEADS,
        ImageSource.of(noise(shape), "YX"),
        2,
        strides=STRIDES,
        tile=(32, 32),
        normalization=normalization,
    )
    whole = predictor.maps(0, (slice(None), slice(None)))
    fresh = TilePredictor(
        random_unet(normalization=normalization),
        HEADS,
        ImageSource.of(noise(shape), "YX"),
        2,
        strides=STRIDES,
        tile=(32, 32),
        normalization=normalization,
    )
    for _ in range(3):
        first = [data.draw(st.integers(0, n - 1)) for n in shape]
        region = tuple(slice(a, data.draw(st.integers(a + 1, n))) for a, n in zip(first, shape, strict=True))
        np.testing.assert_allclose(fresh.maps(0, region), whole[(slice(None), *region)], atol=ROUNDING)


def test_planes_and_frames_are_scaled_and_looked_at_by_themselves() -> None:
    image = noise((2, 3, 24, 20)) * np.arange(1, 4, dtype=np.float32).reshape(3, 1, 1) * 100
    source = ImageSource.of(image, "TZYX")
    network = random_unet()
    predictor = TilePredictor(network, HEADS, source, 2, strides=STRIDES)
    maps = predictor.maps(1, (slice(1, 3), slice(4, 20), slice(0, 20)))
    scaled = intensity_range(source, 1, 2).apply(image[1, 2][None])
    np.testing.assert_allclose(maps[:, 1], plain_maps(network, scaled)[:, 4:20], atol=ROUNDING)
    assert maps.shape == (5, 2, 16, 20)


def test_tiles_are_remembered() -> None:
    source = ImageSource.of(noise((100, 100)), "YX")
    predictor = TilePredictor(random_unet(), HEADS, source, 2, strides=STRIDES, tile=(64, 64))
    predictor.maps(0, (slice(0, 100), slice(0, 100)))
    n_tiles = predictor.runner.n_computed
    predictor.maps(0, (slice(20, 100), slice(0, 60)))
    assert predictor.runner.n_computed == n_tiles > 1


# ------------------------------------------------------------------------------------------------ views


@pytest.mark.parametrize("dimensions", [2, 3])
def test_every_view_of_a_network_that_looks_at_single_pixels_says_the_same(dimensions: int) -> None:
    """…but for offsets: those are arrows, and an arrow in a mirror points the other way."""
    heads = Heads((0, 1), True, dimensions)
    image = noise((2, 1, *(4, 6, 8)[:dimensions]))
    forward = Forward(Threshold(dimensions), heads)
    forward.place("cpu")
    plain = forward(image)
    assert len(views(dimensions, turns=True)) == 2 ** (dimensions + 1)
    for mirrored, turned in views(dimensions, turns=True):
        maps = forward(image, (mirrored, turned))
        np.testing.assert_allclose(maps[:, :3], plain[:, :3], atol=1e-6)
        order = [*range(dimensions - 2), *((-1, -2) if turned else (-2, -1))]
        signs = np.array([-1.0 if axis in mirrored else 1.0 for axis in range(dimensions)])[order]
        for axis, sign in enumerate(signs):
            np.testing.assert_allclose(maps[:, 3 + axis], sign * image[:, 0], atol=1e-6)


def test_augmented_maps_of_a_mirrored_image_are_the_mirrored_maps() -> None:
    network, image = random_unet(), noise((1, 32, 40))
    plain, mirrored = predict_samples(
        network, HEADS, [image, np.ascontiguousarray(image[:, :, ::-1])], strides=STRIDES, augment=True
    )
    np.testing.assert_allclose(mirrored[:4, :, ::-1], plain[:4], atol=ROUNDING)
    np.testing.assert_allclose(-mirrored[4, :, ::-1], plain[4], atol=ROUNDING)


# ----------------------------------------------------------------------------------------------- memory


def _fails_until(monkeypatch: pytest.MonkeyPatch, fits: Any) -> list[torch_tiles.Setting]:
    """Let every setting run out of memory that does not fit; the device itself is made of the CPU."""
    tried = []
    compute = TileRunner._compute

    def attempt(self: TileRunner, setting: torch_tiles.Setting, tiles: Any) -> Any:
        tried.append(setting)
        if not fits(setting):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return compute(self, setting, tiles)

    monkeypatch.setattr(TileRunner, "_compute", attempt)
    monkeypatch.setattr(Forward, "place", lambda self, device: setattr(self, "_device", "cpu"))
    return tried


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (lambda s: s.batch_pixels == 1, "one tile at a time"),
        (lambda s: s.divisor == 2, "1/2 of the side"),
        (lambda s: s.divisor == 4, "1/4 of the side"),
        (lambda s: s.device == "cpu", "on the CPU"),
    ],
)
def test_each_step_of_the_ladder_is_told_and_gives_the_same(
    step: Any, words: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    network, image = random_unet(), noise((1, 300, 310))
    settings = {"strides": STRIDES, "tile": (320, 320)}
    (expected,) = predict_samples(network, HEADS, [image], **settings)
    tried = _fails_until(monkeypatch, step)
    with caplog.at_level(logging.WARNING, logger="napari_segmotif"):
        (maps,) = predict_samples(network, HEADS, [image], device="cuda", **settings)
    assert step(tried[-1])
    assert words in caplog.messages[-1]
    assert len(caplog.messages) == len(dict.fromkeys(tried)) - 1  # each step once
    same = maps[:2].argmax(axis=0) == expected[:2].argmax(axis=0)
    assert same.mean() >= 0.999


def test_tiles_of_an_image_are_the_same_on_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    source = ImageSource.of(noise((330, 80)), "YX")
    expected = TilePredictor(random_unet(), HEADS, source, 2, strides=STRIDES).maps(0, (slice(None),) * 2)
    _fails_until(monkeypatch, lambda s: s.divisor == 4)
    told: list[str] = []
    predictor = TilePredictor(
        random_unet(), HEADS, source, 2, strides=STRIDES, tile=(320, 320), device="cuda", tell=told.append
    )
    found = predictor.maps(0, (slice(None), slice(None)))
    assert len(told) == 3
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_instance_normalisation_never_gets_other_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    network = random_unet(normalization="instance")
    tried = _fails_until(monkeypatch, lambda s: s.device == "cpu")
    predict_samples(
        network,
        HEADS,
        [noise((1, 64, 64))],
        strides=STRIDES,
        device="cuda",
        tile=(32, 32),
        normalization="instance",
    )
    assert {setting.divisor for setting in tried} == {1}


def test_no_step_left(monkeypatch: pytest.MonkeyPatch) -> None:
    _fails_until(monkeypatch, lambda s: False)
    with pytest.raises(DeviceMemoryError, match="does not suffice"):
        predict_samples(random_unet(), HEADS, [noise((1, 16, 16))], strides=STRIDES)


def test_other_errors_are_not_taken_for_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(TileRunner, "_compute", broken)
    with pytest.raises(RuntimeError, match="mat1"):
        predict_samples(random_unet(), HEADS, [noise((1, 16, 16))], strides=STRIDES)


# ----------------------------------------------------------------------------------------------- cancel


def test_cancel_acts_between_the_layers_of_one_tile() -> None:
    cancel = CancelToken()
    seen: list[float] = []

    class Slow(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(time.monotonic())
            time.sleep(0.02)
            return x

    class Deep(Threshold):
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.Sequential(*(Slow() for _ in range(500)))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(self.layers(x))

    timer = threading.Timer(0.2, cancel.cancel)
    timer.start()
    with pytest.raises(JobCancelled):
        predict_samples(Deep(), HEADS, [noise((1, 8, 8))], strides=STRIDES, cancel=cancel)
    timer.join()
    assert len(seen) < 100
