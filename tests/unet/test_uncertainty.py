"""Doubt is high where looks disagree or are unsure, low elsewhere, and the same for every tile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import HEADS, STRIDES, Threshold, model_of, noise, random_unet

from napari_segmotif.common.axes import ImageSource
from napari_segmotif.common.progress import run_job
from napari_segmotif.unet.inference.doubt import entropy
from napari_segmotif.unet.inference.looks import looks_for
from napari_segmotif.unet.inference.prediction import predict_iter
from napari_segmotif.unet.inference.torch_forward import FixedDropout
from napari_segmotif.unet.inference.torch_inference import TilePredictor


def uncertainty_of(network: Any, image: np.ndarray, method: str, **options: Any) -> np.ndarray:
    job = predict_iter(
        model_of(network),
        ImageSource.of(image, "YX"),
        outputs=("uncertainty",),
        uncertainty=method,  # type: ignore[arg-type]
        device="cpu",
        **options,
    )
    found: np.ndarray = run_job(job).uncertainty
    return found


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_entropy_of_known_probabilities(n_classes: int) -> None:
    even = np.full((1, n_classes, 1), 1 / n_classes, np.float32)
    sure = np.zeros_like(even)
    sure[:, 0] = 1
    assert entropy(even, n_classes)[0, 0] == pytest.approx(1)
    assert entropy(sure, n_classes)[0, 0] == 0
    two = np.zeros_like(even)
    two[:, :2] = 0.5
    assert entropy(two, n_classes)[0, 0] == pytest.approx(np.log(2) / np.log(n_classes))


def test_boundaries_count_inside_of_objects_only() -> None:
    object_, background = (0.0, 1.0, 0.5), (1.0, 0.0, 0.5)
    maps = np.array([object_, background], np.float32)[..., None]
    np.testing.assert_allclose(entropy(maps, 2)[:, 0], [1, 0], atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=6))
def test_within_bounds(values: list[float]) -> None:
    probabilities = np.array(values, np.float32) + np.float32(1e-6)
    probabilities /= probabilities.sum()
    found = entropy(probabilities[None, :, None], len(values))
    assert 0 <= found[0, 0] <= 1


def test_flips_that_disagree_give_doubt_where_they_do() -> None:
    class Rising(Threshold):
        """Says that foreground is where the brightness rises to the right: a mirror shows the opposite."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            rise = 40 * (x - torch.roll(x, 1, -1))
            zero = torch.full_like(x, -20)
            return torch.cat([5 - rise, rise - 5, zero, zero, zero], dim=1)

    image = np.zeros((16, 16), np.float32)
    image[:, 8:] = 1
    found = uncertainty_of(Rising(), image, "flips")
    quarter = -(0.25 * np.log2(0.25) + 0.75 * np.log2(0.75))  # two of eight views see a rise
    np.testing.assert_allclose(found[4:12, 8], quarter, atol=1e-3)
    assert found[4:12, 2:7].max() < 0.01


def test_dropout_is_more_doubtful_with_more_dropout_and_seeded() -> None:
    image = noise((40, 40))
    little, much = (uncertainty_of(random_unet(dropout=p), image, "dropout") for p in (0.05, 0.6))
    assert not np.array_equal(little, much)
    np.testing.assert_array_equal(much, uncertainty_of(random_unet(dropout=0.6), image, "dropout"))


def test_dropout_leaves_out_the_same_features_everywhere() -> None:
    """The uncertainty of a tile is that of the whole image: only so are there no seams."""
    network, image = random_unet(dropout=0.4), noise((120, 100))
    source = ImageSource.of(image, "YX")
    settings_: dict[str, Any] = {"strides": STRIDES, "doubt": "dropout", "n_samples": 4}
    whole = TilePredictor(network, HEADS, source, 2, **settings_).outputs(0, (slice(None),) * 2)
    tiled = TilePredictor(network, HEADS, source, 2, tile=(64, 64), **settings_).outputs(
        0, (slice(None),) * 2
    )
    assert whole.shape == (HEADS.n_maps + 1, 120, 100)
    assert np.abs(tiled[-1] - whole[-1]).max() < 0.02


def test_flips_do_not_depend_on_tiles_either() -> None:
    source = ImageSource.of(noise((120, 100)), "YX")
    settings_: dict[str, Any] = {"strides": STRIDES, "doubt": "flips"}
    whole, tiled = (
        TilePredictor(random_unet(), HEADS, source, 2, tile=tile, **settings_).outputs(0, (slice(None),) * 2)
        for tile in (None, (64, 64))
    )
    assert np.abs(tiled[-1] - whole[-1]).max() < 0.02


def test_fixed_dropout_keeps_the_mean_and_differs_between_layers_and_seeds() -> None:
    x = torch.ones(1, 4000, 2, 2)
    layers = [FixedDropout(0.3, number) for number in (0, 1)]
    drawn = {}
    for layer in layers:
        assert torch.equal(layer(x), x)  # without a seed nothing is left out
        for seed in (0, 1):
            layer.seed = seed
            drawn[layer.number, seed] = layer(x)
            assert torch.equal(drawn[layer.number, seed], layer(x))
            assert float(drawn[layer.number, seed].mean()) == pytest.approx(1, abs=0.05)
            assert float((drawn[layer.number, seed] == 0).float().mean()) == pytest.approx(0.3, abs=0.03)
        layer.seed = None
    values = list(drawn.values())
    assert not any(torch.equal(a, b) for i, a in enumerate(values) for b in values[:i])


@pytest.mark.parametrize(
    ("doubt", "augment", "n_looks"), [("flips", False, 8), ("flips", True, 8), (None, True, 4)]
)
def test_looks_are_shared_between_maps_and_doubt(doubt: Any, augment: bool, n_looks: int) -> None:
    looks = looks_for(2, augment, doubt, 8, 0, turns=True)
    assert len(looks) == n_looks
    assert sum(look.counts for look in looks) == (4 if augment else 1)
    assert sum(look.asked for look in looks) == (8 if doubt else 0)
