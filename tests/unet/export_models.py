"""Networks that were never trained, but say something else of every image: quick to make and to export."""

from __future__ import annotations

import numpy as np
import torch

from napari_segmotif.unet.network.configuration import Configuration
from napari_segmotif.unet.network.heads import Heads
from napari_segmotif.unet.network.torch_building import new_network
from napari_segmotif.unet.objects.decoding import Decoder
from napari_segmotif.unet.parameters import UNetParameters
from napari_segmotif.unet.trained import TrainedUNet, network_arguments

STRIDES = {2: ((2, 2), (2, 2)), 3: ((1, 2, 2), (2, 2, 2))}
KERNELS = {2: ((3, 3),) * 3, 3: ((1, 3, 3), (3, 3, 3), (3, 3, 3))}
PATCH = {2: (32, 40), 3: (8, 16, 24)}


def untrained(
    *,
    dimensions: int = 2,
    normalization: str = "batch",
    annotation: str = "instances",
    n_channels: int = 1,
    residual: bool = True,
    seed: int = 0,
) -> TrainedUNet:
    """A trained U-Net in all but the training."""
    configuration = Configuration(
        depth=2,
        patch=PATCH[dimensions],
        batch_size=1,
        steps_per_epoch=1,
        strides=STRIDES[dimensions],
        kernels=KERNELS[dimensions],
        widths=(4, 8, 16),
        object_diameter=15.0 if annotation == "instances" else None,
    )
    parameters = UNetParameters(
        dimensions=dimensions, width=4, normalization=normalization, dropout=0.2, residual=residual
    )
    objects = annotation == "instances"
    heads = Heads((0, 1) if objects else (1, 2, 5), objects, dimensions)
    network = new_network(network_arguments(configuration, heads, n_channels, parameters), seed).eval()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for module in network.modules():
            if getattr(module, "running_mean", None) is not None:  # as if it had seen images
                module.running_mean.normal_(std=0.3)
                module.running_var.uniform_(0.5, 2)
    return TrainedUNet(
        network=network,
        heads=heads,
        configuration=configuration,
        parameters=parameters,
        annotation=annotation,
        n_channels=n_channels,
        axes="YX" if dimensions == 2 else "ZYX",
        spacing=(0.3, 0.3) if dimensions == 2 else (1.0, 0.3, 0.3),
        class_names={0: "background", 1: "nucleus"} if objects else {1: "dark", 2: "bright", 5: "bright"},
        class_colors={1: "#ff0000"},
        channel_names=tuple(f"dye {i + 1}" for i in range(n_channels)),
        decoder=Decoder(method="seeds" if objects else "components", foreground_threshold=0.4),
    )


def said_by(model: TrainedUNet, scaled: np.ndarray) -> np.ndarray:
    """Maps (B, n_maps, *spatial) of scaled images, activated by hand."""
    with torch.no_grad():
        raw = model.network(torch.from_numpy(scaled)).numpy().astype(np.float64)
    k = model.heads.n_classes
    powers = np.exp(raw[:, :k] - raw[:, :k].max(axis=1, keepdims=True))
    parts = [powers / powers.sum(axis=1, keepdims=True)]
    if model.heads.objects:
        parts += [1 / (1 + np.exp(-raw[:, k : k + 1])), raw[:, k + 1 :] * model.network.offset_scale]
    return np.concatenate(parts, axis=1)
