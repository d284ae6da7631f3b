"""What is chosen for the data, what the user overrules, and that every choice has its reason."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_segmotif.errors import InputError
from napari_segmotif.unet.network.configuration import Configuration, configure
from napari_segmotif.unet.parameters import UNetParameters
from napari_segmotif.unet.training_data.object_size import typical_diameter
from napari_segmotif.unet.training_data.samples import Sample


def sample(*shape: int, side: int = 20) -> Sample:
    labels = np.zeros(shape, np.int32)
    number = 0
    for y in range(0, shape[-2] - side + 1, side + 4):
        for x in range(0, shape[-1] - side + 1, side + 4):
            number += 1
            labels[..., y : y + side, x : x + side] = number
    return Sample(np.zeros((1, *shape), np.float32), labels, 0, 0, None)


def chosen(samples: Any, device: str = "cpu", memory: int | None = None, **settings: Any) -> Configuration:
    settings.setdefault("dimensions", samples[0].labels.ndim)
    spacing = settings.pop("spacing", None)
    annotation = settings.pop("annotation", "instances")
    like = settings.pop("like", None)
    return configure(samples, annotation, UNetParameters(**settings), spacing, device, memory, like=like)


def test_one_image_of_512_pixels_on_the_cpu() -> None:
    found = chosen([sample(512, 512)])
    assert (found.depth, found.patch, found.batch_size, found.steps_per_epoch) == (4, (256, 256), 4, 16)
    assert found.widths == (24, 48, 96, 192, 192)
    assert chosen([sample(512, 512)], "cuda").widths == (32, 64, 128, 256, 256)
    assert found.strides == ((2, 2),) * 4
    assert found.kernels == ((3, 3),) * 5
    assert found.object_diameter == pytest.approx(2 * 20 / math.sqrt(math.pi))


def test_an_epoch_sees_the_area_of_many_images_once_within_bounds() -> None:
    shared = {"patch_size": 64, "batch_size": 4}
    assert chosen([sample(128, 128)] * 20, **shared).steps_per_epoch == 20  # 20 · 128² / (4 · 64²)
    assert chosen([sample(128, 128)] * 300, **shared).steps_per_epoch == 250
    assert chosen([sample(128, 128)] * 300, "cuda", **shared).steps_per_epoch == 300
    assert chosen([sample(512, 512)], "cuda").steps_per_epoch == 50


def test_larger_objects_get_a_deeper_network_and_larger_patches() -> None:
    found = [chosen([sample(800, 800, side=side)]) for side in (5, 20, 200)]
    assert [f.depth for f in found] == [3, 4, 5]
    assert [f.patch[0] for f in found] == [256, 256, 384]
    assert found[2].batch_size < found[0].batch_size


def test_small_images_get_small_patches() -> None:
    found = chosen([sample(60, 80), sample(50, 40)])
    assert found.patch == (80, 80)
    tiny = chosen([sample(9, 7, side=3)])
    assert all(n <= 16 for n in tiny.patch)
    assert tiny.patch[0] // 2**tiny.depth >= 1


def test_free_memory_limits_the_batch() -> None:
    batches = [chosen([sample(512, 512)], "cuda", memory).batch_size for memory in (10**7, 10**9, 10**11)]
    assert batches[0] == 1
    assert batches[0] < batches[1] < batches[2] == 16
    assert "1.0 GB" in chosen([sample(512, 512)], "cuda", 10**9).reasons["batch_size"]


def test_what_the_user_sets_is_taken() -> None:
    found = chosen([sample(512, 512)], depth=2, patch_size=130, batch_size=3, steps_per_epoch=7, width=8)
    assert (found.depth, found.patch, found.batch_size, found.steps_per_epoch) == (2, (128, 128), 3, 7)
    assert found.widths == (8, 16, 32)
    for name in ("depth", "patch", "batch_size", "steps_per_epoch"):
        assert "as you set it" in found.reasons[name]


def test_a_patch_too_small_for_the_depth() -> None:
    with pytest.raises(InputError, match=r"halved 6 times.*\(got patch_size=32, depth=6\)"):
        chosen([sample(512, 512)], depth=6, patch_size=32)


def test_no_samples() -> None:
    with pytest.raises(InputError, match=r"nothing to train on.*\(got 0 samples\)"):
        configure([], "instances", UNetParameters(), None, "cpu")


def test_coarse_planes_are_halved_later() -> None:
    found = chosen([sample(24, 192, 192)], spacing=(1.2, 0.3, 0.3))
    assert found.strides == ((1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2))
    assert found.kernels == ((1, 3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3))
    assert found.total_stride == (4, 16, 16)
    assert "4.0 pixels apart" in found.reasons["strides"]
    even = chosen([sample(96, 96, 96)], spacing=(0.3, 0.3, 0.3))
    assert set(even.strides) == {(2, 2, 2)}


def test_few_planes_are_not_halved_to_nothing() -> None:
    for n_planes in (1, 2, 3, 5):
        found = chosen([sample(n_planes, 100, 100)])
        assert found.patch[0] < n_planes + found.total_stride[0]
        assert found.total_stride[0] <= n_planes


def test_a_network_that_is_trained_further_keeps_its_shape() -> None:
    first = chosen([sample(512, 512, side=5)], width=16)
    again = chosen([sample(300, 300, side=40)], like=first)
    for name in ("depth", "strides", "kernels", "widths", "object_diameter"):
        assert getattr(again, name) == getattr(first, name)
    assert again.patch == (256, 256)
    deep = first.model_copy(update={"depth": 7, "strides": ((2, 2),) * 7})
    assert chosen([sample(300, 300)], like=deep).patch == (256, 256)
    assert chosen([sample(40, 40)], like=deep).patch == (128, 128)


def test_diameter_of_disks_and_of_what_hangs_together() -> None:
    y, x = np.ogrid[:64, :64]
    disk = ((y - 32) ** 2 + (x - 32) ** 2 <= 10**2).astype(np.int32)
    assert typical_diameter([disk], "instances") == pytest.approx(20, abs=0.5)
    both = np.concatenate([disk, 5 * disk])
    both[both == 0] = 1
    both[:64][disk == 1] = 3
    assert typical_diameter([both], "semantic") == pytest.approx(20, abs=0.5)
    assert typical_diameter([disk], "scribbles") is None
    assert typical_diameter([0 * disk], "instances") is None
    assert typical_diameter([0 * disk - 1], "semantic") is None
    ball = np.stack([((y - 32) ** 2 + (x - 32) ** 2 <= r * r) * 1 for r in (2, 6, 10, 6, 2)]).astype(np.int32)
    assert typical_diameter([ball], "instances") == pytest.approx(20, abs=0.5)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.one_of(
        st.tuples(st.integers(1, 600), st.integers(1, 600)),
        st.tuples(st.integers(1, 60), st.integers(1, 200), st.integers(1, 200)),
    ),
    side=st.integers(1, 150),
    device=st.sampled_from(["cpu", "cuda"]),
    coarse=st.floats(0.2, 10),
    depth=st.one_of(st.none(), st.integers(1, 7)),
)
def test_every_patch_can_be_halved(
    shape: tuple[int, ...], side: int, device: str, coarse: float, depth: int | None
) -> None:
    spacing = (coarse, 1.0, 1.0) if len(shape) == 3 else None
    found = chosen([sample(*shape, side=side)], device, spacing=spacing, depth=depth)
    assert all(n % stride == 0 for n, stride in zip(found.patch, found.total_stride, strict=True))
    assert len(found.strides) == found.depth == len(found.kernels) - 1 == len(found.widths) - 1
    assert len(found.patch) == len(shape)
    assert found.batch_size >= 1
    assert all(found.reasons[name] for name in ("depth", "patch", "batch_size", "steps_per_epoch"))
    # a batch has so many pixels at most as was budgeted, rounded to whole patches, of which there are two
    pixels = math.prod(found.patch)
    assert pixels * found.batch_size <= max(2 * pixels, (1 << 21) + pixels)
    assert Configuration.model_validate_json(found.model_dump_json()) == found
