"""Which part of what a network sees speaks for a class: by gradients, or by what hiding a part changes.

Importing this imports PyTorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ...common.progress import CancelToken
from ...errors import InputError
from ..network.heads import Heads
from ..network.torch_network import UNet
from .torch_forward import Forward, folded

F32 = NDArray[np.float32]
Region = tuple[slice, ...]


class GradCam:
    """Grad-CAM of a class, position by position: activation times gradient, where that speaks for the class.

    Grad-CAM (Selvaraju et al., ICCV 2017) counts a channel by its mean gradient. That mean is over an object
    and over what is beside it, where the same channel may mean something else; here every position has its
    own gradient (HiResCAM, Draelos & Carin, 2020). What is explained are the class's log-odds, summed over
    pixels by how likely they are of the class (as for segmentation by Vinogradova et al., AAAI 2020).

    Parameters
    ----------
    network
        A UNet.
    class_index
        Which of the K classes.
    n_levels
        How many levels on the way up count, from the coarsest on and but for the finest; all the same.
    cancel
        Looked at before every layer, forwards and backwards.
    """

    def __init__(
        self, network: nn.Module, class_index: int, n_levels: int, cancel: CancelToken | None = None
    ) -> None:
        if not isinstance(network, UNet):
            raise InputError(
                "this network has no levels that are known: explain it by 'occlusion' "
                f"(got a network of the kind {type(network).__name__!r})"
            )
        self._network: Any = folded(network)
        self._class = class_index
        self._cancel = cancel or CancelToken()
        self._seen: list[torch.Tensor] = []
        for module in self._network.modules():
            if not any(True for _ in module.children()):
                module.register_forward_pre_hook(lambda *_: self._cancel.raise_if_cancelled())
        stages = list(reversed(self._network.merge))
        for stage in stages[: max(1, min(n_levels, len(stages) - 1))]:  # the finest one only sees edges
            stage.register_forward_hook(self._watch)

    def look(self, image: F32, inside: Region) -> list[F32]:
        """What speaks for the class `inside` a part of a window (C, *s): a map of every level, from 0."""
        self._seen = []
        raw = self._network(torch.from_numpy(image[None]))
        logits = raw[:, : self._network.n_classes]
        others = [k for k in range(logits.shape[1]) if k != self._class]
        odds = logits[:, self._class] - torch.logsumexp(logits[:, others], dim=1)
        likely = torch.softmax(logits, dim=1)[:, self._class].detach()
        gradients = torch.autograd.grad((likely * odds)[(0, *inside)].sum(), self._seen)
        return [
            (gradient * seen.detach())[0].sum(dim=0).relu().numpy()
            for gradient, seen in zip(gradients, self._seen, strict=True)
        ]

    def _watch(self, module: Any, inputs: Any, output: torch.Tensor) -> None:
        if not output.requires_grad:
            output.requires_grad_(True)
        output.register_hook(lambda _: self._cancel.raise_if_cancelled())
        self._seen.append(output)


def combined(windows: Sequence[Sequence[F32]], sizes: Sequence[tuple[int, ...]]) -> list[F32]:
    """One map for each window, as large as it: the mean of its levels, each scaled by its highest value."""
    highest = [max(float(one.max()) for one in level) for level in zip(*windows, strict=True)]
    result = []
    for levels, size in zip(windows, sizes, strict=True):
        total = np.zeros(size, np.float32)
        for one, most in zip(levels, highest, strict=True):
            if most > 0:
                total += _enlarged(one / np.float32(most), size)
        result.append(total / np.float32(len(levels)))
    return result


class Occlusion:
    """How much less likely a class becomes where a part of the image is hidden (Zeiler & Fergus, ECCV 2014).

    Parameters
    ----------
    network, heads
        See `Forward`.
    class_index
        Which of the K classes.
    cancel
        Looked at before every layer.
    """

    def __init__(
        self, network: nn.Module, heads: Heads, class_index: int, cancel: CancelToken | None = None
    ) -> None:
        self._forward = Forward(network, heads, cancel=cancel)
        self._forward.place("cpu")
        self._class = class_index

    def drop(self, image: F32, hidden: Region, fill: F32, inside: Region) -> float:
        """By how much the class's probability falls, summed over the pixels `inside` that had it.

        Parameters
        ----------
        image
            Window (C, *s).
        hidden
            What is replaced.
        fill
            (C,) by what.
        inside
            Pixels that count.
        """
        other = image.copy()
        other[(slice(None), *hidden)] = fill.reshape(-1, *(1,) * (image.ndim - 1))
        before, after = self._forward(np.stack([image, other]))[:, self._class]
        return float((before * (before - after))[inside].sum())


def _enlarged(coarse: F32, size: tuple[int, ...]) -> F32:
    """A map as large as the window, interpolated linearly."""
    mode = "bilinear" if coarse.ndim == 2 else "trilinear"
    tensor = torch.from_numpy(np.ascontiguousarray(coarse, np.float32))[None, None]
    result: F32 = nn.functional.interpolate(tensor, size=size, mode=mode, align_corners=False)[0, 0].numpy()
    return result
