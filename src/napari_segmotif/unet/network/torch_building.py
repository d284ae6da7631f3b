"""Building a U-Net from its arguments: with random weights, or with those of a trained one.

Importing this imports PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .torch_network import UNet


def new_network(arguments: Mapping[str, Any], random_state: int) -> UNet:
    """A network with random weights; the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_state)
        return UNet(**arguments)


def network_with(arguments: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]) -> UNet:
    """A network with given weights, on the CPU, ready to predict.

    Raises
    ------
    RuntimeError
        If the weights are of another network.
    """
    network = new_network(arguments, 0)
    network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in weights.items()})
    network.eval()
    return network
