"""Shapes, locality and exactness of the network itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small_networks import random_unet

from napari_segmotif.unet.network.torch_building import network_with, new_network
from napari_segmotif.unet.network.torch_network import ActivatedUNet, UNet, activate

ARGUMENTS: dict[str, Any] = {
    "n_channels": 2,
    "n_classes": 3,
    "objects": True,
    "dimensions": 2,
    "widths": [4, 8],
    "strides": [(2, 2)],
    "kernels": [(3, 3), (3, 3)],
}


@pytest.mark.parametrize("normalization", ["batch", "instance"])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_every_kind_maps_images_to_maps_and_can_be_trained(
    normalization: str, residual: bool, dropout: float
) -> None:
    network = UNet(**ARGUMENTS, normalization=normalization, residual=residual, dropout=dropout)
    raw = network(torch.randn(2, 2, 16, 24))
    assert raw.shape == (2, 3 + 1 + 2, 16, 24)
    raw.square().mean().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name


@pytest.mark.parametrize("objects", [False, True])
def test_anisotropic_volumes(objects: bool) -> None:
    shape = {"strides": [(1, 2, 2), (2, 2, 2)], "kernels": [(1, 3, 3), (3, 3, 3), (3, 3, 3)]}
    network = UNet(1, 2, objects, 3, [4, 4, 8], **shape).eval()
    with torch.no_grad():
        raw = network(torch.randn(1, 1, 6, 16, 20))
        assert raw.shape == (1, 2 + (4 if objects else 0), 6, 16, 20)
    # a kernel of one plane knows nothing of the next plane
    first = network.down[0].eval()
    one = torch.randn(1, 2, 6, 16, 16)
    two = one.clone()
    two[:, :, 3:] += 1
    with torch.no_grad():
        torch.testing.assert_close(first(one)[:, :, :3], first(two)[:, :, :3], rtol=0, atol=0)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_layout_in_memory_does_not_matter(dimensions: int) -> None:
    network = random_unet(dimensions=dimensions)
    last = torch.channels_last if dimensions == 2 else torch.channels_last_3d
    image = torch.randn(2, 1, *(8,) * dimensions)
    with torch.no_grad():
        plain = network(image)
        other = network.to(memory_format=last)(image.contiguous(memory_format=last))
    torch.testing.assert_close(plain, other, rtol=1e-4, atol=1e-4)


def test_batch_normalised_predictions_are_local() -> None:
    network = random_unet()  # two halvings: it sees 4·3 + 2·4 = 20 pixels far
    image = torch.randn(1, 1, 96, 96)
    far = image.clone()
    far[..., 72:] = 50
    with torch.no_grad():
        one, two = network(image), network(far)
    torch.testing.assert_close(one[..., :48], two[..., :48], rtol=0, atol=1e-5)
    assert (one[..., 72:] - two[..., 72:]).abs().max() > 0.1


def test_instance_normalised_predictions_are_not() -> None:
    network = random_unet(normalization="instance")
    image = torch.randn(1, 1, 96, 96)
    far = image.clone()
    far[..., 72:] = 50
    with torch.no_grad():
        assert (network(image) - network(far))[..., :48].abs().max() > 1e-2


def test_a_turn_by_whole_strides_turns_the_prediction() -> None:
    network = random_unet()
    image = torch.zeros(1, 1, 128, 128)
    image[..., 60:68, 60:68] = 1
    moved = torch.roll(image, (8, -4), dims=(2, 3))
    with torch.no_grad():
        one, two = network(image), network(moved)
    torch.testing.assert_close(
        torch.roll(one, (8, -4), dims=(2, 3))[..., 40:88, 40:88], two[..., 40:88, 40:88], rtol=0, atol=1e-4
    )


def test_dropout_leaves_the_finest_level_alone_and_prediction_too() -> None:
    network = UNet(**ARGUMENTS, dropout=0.5)
    assert isinstance(network.down[0].drop, torch.nn.Identity)
    assert isinstance(network.down[1].drop, torch.nn.Dropout2d)
    image = torch.randn(1, 2, 16, 16)
    with torch.no_grad():
        assert not torch.equal(network(image), network(image))
        network.eval()
        assert torch.equal(network(image), network(image))


def test_activated_maps_are_probabilities_and_pixels() -> None:
    raw = torch.randn(2, 6, 4, 5)
    maps = activate(raw, 3, 7.0)
    torch.testing.assert_close(maps[:, :3].sum(dim=1), torch.ones(2, 4, 5))
    torch.testing.assert_close(maps[:, 3], 1 / (1 + torch.exp(-raw[:, 3])))
    torch.testing.assert_close(maps[:, 4:], 7 * raw[:, 4:])
    assert activate(raw[:, :3], 3, 7.0).shape == (2, 3, 4, 5)


def test_the_exported_network_is_the_activated_one() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        exported = ActivatedUNet(**ARGUMENTS, offset_scale=5.0).eval()
    image = torch.randn(1, 2, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(exported(image), activate(exported.network(image), 3, 5.0))


def test_the_seed_makes_the_weights_and_leaves_other_numbers_alone() -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    one, two, other = (new_network(ARGUMENTS, seed).state_dict() for seed in (5, 5, 6))
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_weights_of_another_network_are_refused() -> None:
    weights = {name: value.numpy() for name, value in new_network(ARGUMENTS, 0).state_dict().items()}
    again = network_with(ARGUMENTS, weights)
    assert not again.training
    np.testing.assert_array_equal(again.head.weight.detach().numpy(), weights["head.weight"])
    with pytest.raises(RuntimeError):
        network_with({**ARGUMENTS, "widths": [4, 12]}, weights)
