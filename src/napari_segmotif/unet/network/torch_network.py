"""A U-Net in two or three dimensions (Ronneberger, Fischer & Brox, "U-Net", MICCAI 2015), in one file.

This file needs nothing but PyTorch: it is packed with exported models, so that others can run them.

Differences from the paper: padded convolutions, normalisation, a leaky rectifier, and besides the classes two
more kinds of output where objects are learned: an inner boundary, and the offset from every pixel to the
centre of its object.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

_SLOPE = 0.01
_COMPRESSION = 20.0


class UNet(nn.Module):  # type: ignore[misc]  # mypy does not read torch
    """Maps an image to raw outputs for every pixel; see `activate`.

    Parameters
    ----------
    n_channels
        C.
    n_classes
        K, the background included.
    objects
        Whether boundaries and offsets are predicted, too.
    dimensions
        D: 2 or 3.
    widths
        Channels at every level; one more than there are strides.
    strides
        By how much the resolution falls from level to level, along each axis.
    kernels
        Size of the convolutions at every level, along each axis; odd numbers.
    normalization
        "batch" or "instance".
    residual
        Whether a shortcut is added around every pair of convolutions.
    dropout
        Share of features left out, in training, at the lower levels.
    offset_scale
        Pixels that an offset of 1 in the raw output stands for.
    """

    def __init__(
        self,
        n_channels: int,
        n_classes: int,
        objects: bool,
        dimensions: int,
        widths: Sequence[int],
        strides: Sequence[Sequence[int]],
        kernels: Sequence[Sequence[int]],
        normalization: str = "batch",
        residual: bool = False,
        dropout: float = 0.0,
        offset_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.objects = objects
        self.dimensions = dimensions
        self.offset_scale = float(offset_scale)
        steps = [tuple(int(n) for n in stride) for stride in strides]
        sizes = [tuple(int(n) for n in kernel) for kernel in kernels]
        norm, drop = normalization, dropout
        convolution = nn.Conv2d if dimensions == 2 else nn.Conv3d
        transposed = nn.ConvTranspose2d if dimensions == 2 else nn.ConvTranspose3d
        pool = nn.MaxPool2d if dimensions == 2 else nn.MaxPool3d

        def stage(i: int, n_in: int) -> Stage:
            # The finest level sees single pixels: leaving some of them out there only adds noise.
            return Stage(n_in, widths[i], sizes[i], norm, residual, drop if i else 0.0, dimensions)

        n_inputs = 2 * n_channels  # every channel, and its compressed brightness
        self.down = nn.ModuleList([stage(i, widths[i - 1] if i else n_inputs) for i in range(len(widths))])
        self.pools = nn.ModuleList([pool(step, step) for step in steps])
        self.up = nn.ModuleList(
            [transposed(widths[i + 1], widths[i], step, step) for i, step in enumerate(steps)]
        )
        self.merge = nn.ModuleList([stage(i, 2 * widths[i]) for i in range(len(steps))])
        n_maps = n_classes + (1 + dimensions if objects else 0)
        self.head = convolution(widths[0], n_maps, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute raw outputs.

        Parameters
        ----------
        x
            (B, C, *spatial), scaled to about 0..1; spatial sizes that the product of the strides divides.

        Returns
        -------
        Tensor (B, n_maps, *spatial)
            Logits of the K classes, and with objects the logit of the boundary and D scaled offsets.
        """
        # Dim objects beside bright ones: the logarithm-like copy shows both at once.
        x = torch.cat([x, torch.asinh(_COMPRESSION * x) / 3.7], dim=1)  # (B, 2C, *s)
        skipped = []
        for i, stage in enumerate(self.down):
            if i:
                x = self.pools[i - 1](x)
            x = stage(x)  # (B, widths[i], *s / strides)
            skipped.append(x)
        for i in reversed(range(len(self.up))):
            x = self.merge[i](torch.cat([self.up[i](x), skipped[i]], dim=1))
        result: torch.Tensor = self.head(x)
        return result


class Stage(nn.Module):  # type: ignore[misc]  # mypy does not read torch
    """Two convolutions, each normalised and rectified."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: tuple[int, ...],
        normalization: str,
        residual: bool,
        dropout: float,
        dimensions: int,
    ) -> None:
        super().__init__()
        convolution = nn.Conv2d if dimensions == 2 else nn.Conv3d
        dropping = nn.Dropout2d if dimensions == 2 else nn.Dropout3d
        padding = tuple(n // 2 for n in kernel)
        self.conv1 = convolution(n_in, n_out, kernel, padding=padding, bias=False)
        self.norm1 = _normalization(normalization, n_out, dimensions)
        self.conv2 = convolution(n_out, n_out, kernel, padding=padding, bias=False)
        self.norm2 = _normalization(normalization, n_out, dimensions)
        self.act = nn.LeakyReLU(_SLOPE, inplace=True)
        self.drop = dropping(dropout) if dropout else nn.Identity()
        self.shortcut: nn.Module | None = None
        if residual:
            self.shortcut = nn.Identity() if n_in == n_out else convolution(n_in, n_out, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, n_in, *s) → (B, n_out, *s)."""
        y = self.act(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(self.drop(y)))
        if self.shortcut is not None:
            y = y + self.shortcut(x)
        result: torch.Tensor = self.act(y)
        return result


class ActivatedUNet(nn.Module):  # type: ignore[misc]  # mypy does not read torch
    """A U-Net that says probabilities, and offsets in pixels: what exported models compute."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__()
        self.network = UNet(**arguments)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, *spatial) → (B, n_maps, *spatial); see `activate`."""
        return activate(self.network(x), self.network.n_classes, self.network.offset_scale)


def activate(raw: torch.Tensor, n_classes: int, offset_scale: float) -> torch.Tensor:
    """Turn raw outputs (B, n_maps, *spatial) into class probabilities, boundary probability and offsets.

    The probabilities of the K classes sum to 1; then, with objects, the probability of an inner boundary, and
    the offset in pixels from the pixel to the centre of its object along each axis.
    """
    parts = [torch.softmax(raw[:, :n_classes], dim=1)]
    if raw.shape[1] > n_classes:
        parts += [torch.sigmoid(raw[:, n_classes : n_classes + 1]), raw[:, n_classes + 1 :] * offset_scale]
    return torch.cat(parts, dim=1)


def _normalization(kind: str, n: int, dimensions: int) -> nn.Module:
    if kind == "batch":
        return nn.BatchNorm2d(n) if dimensions == 2 else nn.BatchNorm3d(n)
    made = nn.InstanceNorm2d if dimensions == 2 else nn.InstanceNorm3d
    return made(n, affine=True)
