"""Small networks for tests of prediction: a U-Net with random weights, and one whose answer is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from napari_segmotif.unet.network.heads import Heads
from napari_segmotif.unet.network.torch_network import UNet
from napari_segmotif.unet.objects.decoding import Decoder
from napari_segmotif.unet.parameters import UNetParameters

HEADS = Heads((0, 1), True, 2)
STRIDES = ((2, 2), (2, 2))


def random_unet(seed: int = 0, dimensions: int = 2, **changes: Any) -> UNet:
    """A U-Net of random weights that has been through some training, as far as its statistics can tell."""
    arguments: dict[str, Any] = {
        "n_channels": 1,
        "n_classes": 2,
        "objects": True,
        "dimensions": dimensions,
        "widths": [4, 6, 8],
        "strides": [(2,) * dimensions] * 2,
        "kernels": [(3,) * dimensions] * 3,
        "offset_scale": 3.0,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = UNet(**(arguments | changes))
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
                nn.init.uniform_(module.weight, 0.5, 2)
                nn.init.normal_(module.bias)
    return network.eval()


class Threshold(nn.Module):
    """Says foreground where the image is above 0.5, a boundary nowhere, and the brightness as offsets."""

    offset_scale = 1.0

    def __init__(self, dimensions: int = 2) -> None:
        super().__init__()
        self.dimensions = dimensions

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logit = 40 * (x[:, :1] - 0.5)
        nowhere = torch.full_like(logit, -20)
        return torch.cat([-logit / 2, logit / 2, nowhere, *[x[:, :1]] * self.dimensions], dim=1)


def model_of(network: nn.Module, **changes: Any) -> Any:
    """What prediction needs of a trained model."""
    known: dict[str, Any] = {
        "network": network,
        "heads": HEADS,
        "decoder": Decoder(minimum_size=1, minimum_seed=1),
        "spacing": None,
        "parameters": UNetParameters(),
        "configuration": SimpleNamespace(strides=STRIDES, patch=(32, 32)),
    }
    return SimpleNamespace(**(known | changes))


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)
