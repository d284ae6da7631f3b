"""A trained network, made ready to predict: on its device, folded, its outputs activated, in several views.

A copy is made: the network that was handed in may go on being trained. Importing this imports PyTorch.
"""

from __future__ import annotations

import copy
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

from ...common.progress import CancelToken
from ...errors import InputError
from ..network.heads import Heads
from ..network.torch_network import Stage, UNet, activate
from .looks import View

F32 = NDArray[np.float32]


class Forward:
    """Computes maps of batches of samples.

    Parameters
    ----------
    network
        A UNet, or any module that maps (B, C, *s) to raw outputs (B, n_maps, *s).
    heads
        What its outputs are.
    mixed_precision
        Whether a CUDA device computes with 16-bit numbers.
    cancel
        Looked at before every layer, so that a job ends within that time.
    """

    def __init__(
        self,
        network: nn.Module,
        heads: Heads,
        *,
        mixed_precision: bool = False,
        cancel: CancelToken | None = None,
    ) -> None:
        self.heads = heads
        self.offset_scale = float(getattr(network, "offset_scale", 1.0))
        self._mixed_precision = mixed_precision
        self._network = folded(network)
        self._device = ""
        self._dropouts = _fix_dropout(self._network)
        if cancel is not None:
            for module in self._network.modules():
                if not any(True for _ in module.children()):
                    module.register_forward_pre_hook(lambda *_: cancel.raise_if_cancelled())

    @property
    def has_dropout(self) -> bool:
        """Whether features can be left out at random."""
        return bool(self._dropouts)

    def place(self, device: str) -> None:
        """Bring the network to a device."""
        if device == self._device:
            return
        layout = _layout(self.heads.dimensions, device)
        self._network.to(device)
        for parameter in self._network.parameters():
            if parameter.ndim == self.heads.dimensions + 2:
                parameter.data = parameter.data.contiguous(memory_format=layout)
        self._device = device

    def __call__(self, images: F32, view: View = ((), False), dropout: int | None = None) -> F32:
        """Maps (B, n_maps, *s) of images (B, C, *s), as float32 on the CPU.

        Parameters
        ----------
        view
            How the images are turned before the network sees them; the maps are turned back, offsets too.
        dropout
            Seed of which features are left out: always the same for one seed, whatever the images. None
            leaves nothing out.
        """
        for layer in self._dropouts:
            layer.seed = dropout
        with torch.inference_mode():
            result: F32 = self._maps(images, *view).contiguous().cpu().numpy()
        return result

    def _maps(self, images: F32, mirrored: tuple[int, ...], turned: bool) -> torch.Tensor:
        axes = [axis + 2 for axis in mirrored]
        x = torch.from_numpy(np.ascontiguousarray(images)).to(self._device)
        if turned:
            x = x.transpose(-1, -2)
        if axes:
            x = x.flip(axes)
        x = x.contiguous(memory_format=_layout(self.heads.dimensions, self._device))
        with torch.autocast("cuda", enabled=self._mixed_precision and self._device == "cuda"):
            raw = self._network(x)
        maps = activate(raw.float(), self.heads.n_classes, self.offset_scale)
        if axes:
            maps = maps.flip(axes)
        if turned:
            maps = maps.transpose(-1, -2)
        if self.heads.objects:
            maps = self._turn_offsets(maps, mirrored, turned)
        return maps

    def _turn_offsets(self, maps: torch.Tensor, mirrored: Sequence[int], turned: bool) -> torch.Tensor:
        """An arrow in a mirrored image points the other way."""
        first = self.heads.n_classes + 1
        offsets = list(maps[:, first:].unbind(1))
        for axis in mirrored:
            offsets[axis] = -offsets[axis]
        if turned:
            offsets[-1], offsets[-2] = offsets[-2], offsets[-1]
        return torch.cat([maps[:, :first], torch.stack(offsets, dim=1)], dim=1)


def folded(network: nn.Module) -> nn.Module:
    """A copy of a network that predicts, with batch normalisation inside of the convolutions before it."""
    ready = copy.deepcopy(network).eval()
    for parameter in ready.parameters():
        parameter.requires_grad_(False)
    for stage in ready.modules():
        if not isinstance(stage, Stage):
            continue
        for convolution, norm in (("conv1", "norm1"), ("conv2", "norm2")):
            if isinstance(getattr(stage, norm), nn.BatchNorm2d | nn.BatchNorm3d):
                fused = fuse_conv_bn_eval(getattr(stage, convolution), getattr(stage, norm))
                setattr(stage, convolution, fused)
                setattr(stage, norm, nn.Identity())
    return ready


class FixedDropout(nn.Module):  # type: ignore[misc]  # mypy does not read torch
    """Leaves out whole channels, always the same ones for one seed: a thinner network, the same everywhere.

    Parameters
    ----------
    share
        Of the channels.
    number
        Of this layer, so that no two layers draw alike.
    """

    def __init__(self, share: float, number: int) -> None:
        super().__init__()
        self.share = share
        self.number = number
        self.seed: int | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, *s) → (B, C, *s)."""
        if self.seed is None:
            return x
        generator = torch.Generator().manual_seed(zlib.crc32(f"{self.seed} {self.number}".encode()))
        kept = torch.rand(x.shape[1], generator=generator) >= self.share
        factors = kept.to(x.dtype) / (1 - self.share)
        return x * factors.to(x.device).reshape(1, -1, *(1,) * (x.ndim - 2))


def _fix_dropout(network: nn.Module) -> list[FixedDropout]:
    """Put dropout that can be repeated in place of PyTorch's."""
    kinds = nn.Dropout | nn.Dropout2d | nn.Dropout3d
    fixed: list[FixedDropout] = []
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, kinds) and child.p > 0:
                fixed.append(FixedDropout(float(child.p), len(fixed)))
                setattr(parent, name, fixed[-1])
    return fixed


def require_dropout(forward: Forward) -> None:
    """Raise InputError where a network cannot leave out features."""
    if not forward.has_dropout:
        raise InputError(
            "this network was trained without dropout: take the uncertainty from flips, or train with a "
            "dropout above 0 (got a network without dropout)"
        )


def reach_of(network: nn.Module, strides: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """How far a network looks from a pixel along each axis, at most; for foreign ones 3 x 3 is assumed."""
    n_axes = len(strides[0])
    kernels: list[Sequence[int]] = [(3,) * n_axes] * (len(strides) + 1)
    if isinstance(network, UNet):
        kernels = [stage.conv1.kernel_size for stage in network.down]
    reach = []
    for axis in range(n_axes):
        scale, total = 1, 0
        for stride, kernel in zip(strides, kernels, strict=False):
            # Two convolutions on the way down and two on the way up, and the pixels that are pooled.
            total += (4 * (kernel[axis] // 2) + stride[axis] - 1) * scale
            scale *= stride[axis]
        reach.append(total + 2 * (kernels[-1][axis] // 2) * scale)
    return tuple(reach)


def _layout(dimensions: int, device: str) -> Any:
    """The order of numbers in memory that is fastest on a device."""
    if device == "mps":
        return torch.contiguous_format
    return torch.channels_last if dimensions == 2 else torch.channels_last_3d
