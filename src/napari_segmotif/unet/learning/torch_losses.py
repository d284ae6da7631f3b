"""Losses of the U-Net: Dice, cross-entropy, focal for classes and boundaries; MAE or MSE for offsets.

Dice: Milletari et al., "V-Net", 3DV 2016. Focal: Lin et al., ICCV 2017, with γ = 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ..parameters import UNetParameters
from ..training_data.targets import IGNORED, Targets

_FOCUS = 2.0
_BOUNDARY_SHARE = 1.0
_OFFSET_SHARE = 0.5


@dataclass(frozen=True)
class TargetTensors:
    """`Targets` on a device; see there for the shapes."""

    classes: torch.Tensor
    boundary: torch.Tensor | None
    offsets: torch.Tensor | None
    whole: torch.Tensor | None

    @classmethod
    def of(cls, targets: Targets, device: str) -> TargetTensors:
        """Bring targets to a device."""
        parts = (targets.classes, targets.boundary, targets.offsets, targets.whole)
        return cls(*(None if part is None else torch.from_numpy(part).to(device) for part in parts))

    def piece(self, part: slice) -> TargetTensors:
        """Those of some of the patches."""
        parts = (self.classes, self.boundary, self.offsets, self.whole)
        return TargetTensors(*(None if tensor is None else tensor[part] for tensor in parts))


class UNetLoss:
    """The loss of raw outputs (B, n_maps, *spatial) against targets, a scalar.

    Parameters
    ----------
    parameters
        Which losses.
    n_classes
        K.
    offset_scale
        Pixels that an offset of 1 stands for.
    class_weights
        (K,) or None.
    background
        Index of the class that is not counted by Dice.
    """

    def __init__(
        self,
        parameters: UNetParameters,
        n_classes: int,
        offset_scale: float,
        class_weights: NDArray[np.float32] | None = None,
        background: int = 0,
    ) -> None:
        self._parameters = parameters
        self._n_classes = n_classes
        self._offset_scale = offset_scale
        self._background = background
        self._weights = None if class_weights is None else torch.from_numpy(class_weights)

    def __call__(self, raw: torch.Tensor, targets: TargetTensors) -> torch.Tensor:
        """The sum of all parts."""
        raw = raw.float()  # mixed precision ends here
        k = self._n_classes
        total = self._of_classes(raw[:, :k], targets.classes.long())
        if targets.boundary is not None and targets.offsets is not None and targets.whole is not None:
            known = (targets.classes != IGNORED).float()
            total = total + _BOUNDARY_SHARE * self._of_boundary(raw[:, k], targets.boundary.float(), known)
            total = total + _OFFSET_SHARE * self._of_offsets(raw[:, k + 1 :], targets.offsets, targets.whole)
        return total

    def _of_classes(self, logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        kind = self._parameters.class_loss
        weights = None if self._weights is None else self._weights.to(logits.device)
        known = classes != IGNORED
        n_known = known.sum().clamp(min=1)
        total = logits.new_zeros(())
        if kind in ("dice+ce", "ce", "focal"):
            entropy = functional.cross_entropy(
                logits, classes, weight=weights, ignore_index=IGNORED, reduction="none"
            )
            if kind == "focal":
                right = functional.log_softmax(logits, dim=1).gather(1, classes.clamp(min=0)[:, None])[:, 0]
                entropy = (1 - right.exp()) ** _FOCUS * entropy
            total = total + entropy.sum() / n_known
        if kind in ("dice+ce", "dice"):
            probabilities = torch.softmax(logits, dim=1)
            truth = functional.one_hot(classes.clamp(min=0), self._n_classes).movedim(-1, 1).float()
            truth = truth * known[:, None]
            probabilities = probabilities * known[:, None]
            counted = [c for c in range(self._n_classes) if c != self._background]
            total = total + _dice_loss(probabilities[:, counted], truth[:, counted])
        return total

    def _of_boundary(self, logits: torch.Tensor, truth: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        cross = (entropy * known).sum() / known.sum().clamp(min=1)
        if self._parameters.class_loss == "ce":
            return cross
        return cross + _dice_loss((torch.sigmoid(logits) * known)[:, None], (truth * known)[:, None])

    def _of_offsets(self, raw: torch.Tensor, truth: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
        difference = raw - truth / self._offset_scale
        error = difference.abs() if self._parameters.offset_loss == "mae" else difference.square()
        return (error.mean(dim=1) * whole).sum() / whole.sum().clamp(min=1)


def _dice_loss(probabilities: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """1 − Dice of the batch as a whole, averaged over classes; (B, K, *spatial)."""
    axes = [0, *range(2, truth.ndim)]
    both = (probabilities * truth).sum(dim=axes)
    either = probabilities.sum(dim=axes) + truth.sum(dim=axes)
    return (1 - (2 * both + 1) / (either + 1)).mean()
