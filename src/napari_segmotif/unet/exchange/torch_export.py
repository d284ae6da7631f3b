"""The trained network as others run it: with its outputs activated, its weights as a plain state dict.

Importing this imports PyTorch.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..network.torch_network import ActivatedUNet, UNet, activate
from ..trained import network_arguments

if TYPE_CHECKING:
    from ..trained import TrainedUNet


def export_arguments(model: TrainedUNet) -> dict[str, Any]:
    """What `torch_network.ActivatedUNet` is built with; plain JSON."""
    arguments = network_arguments(model.configuration, model.heads, model.n_channels, model.parameters)
    return arguments | {"offset_scale": model.network.offset_scale}


def activated_network(model: TrainedUNet) -> ActivatedUNet:
    """A copy of the network that computes probabilities and offsets in pixels, on the CPU."""
    with torch.random.fork_rng(devices=[]):
        network = ActivatedUNet(**export_arguments(model))
    network.network.load_state_dict(model.network.state_dict())
    network.eval()
    return network


def compute_maps(network: ActivatedUNet, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Maps (B, n_maps, *spatial) of scaled images (B, C, *spatial)."""
    with torch.inference_mode():
        maps: NDArray[np.float32] = network(torch.from_numpy(images)).numpy()
    return maps


def activated_maps(network: UNet, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Maps (B, n_maps, *spatial) of scaled images (B, C, *spatial), by a network without activations."""
    with torch.inference_mode():
        raw = network(torch.from_numpy(images))
        maps: NDArray[np.float32] = activate(raw, network.n_classes, network.offset_scale).numpy()
    return maps


def expected_shapes(arguments: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Shape of every weight of a network, without making the network; see `trained.network_arguments`."""
    with torch.device("meta"):
        network = UNet(**arguments)
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def state_dict_bytes(network: ActivatedUNet) -> bytes:
    """The weights as the bioimage.io format wants them: tensors by name, in PyTorch's own file format."""
    buffer = io.BytesIO()
    torch.save(dict(network.state_dict()), buffer)
    return buffer.getvalue()


def torch_version() -> str:
    """Of the PyTorch in use, without the label of its build."""
    return str(torch.__version__).partition("+")[0]
