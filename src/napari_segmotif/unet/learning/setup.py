"""All that a training is given: annotated samples, which of them are held out, and the network's shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..network.configuration import Configuration
from ..network.heads import Heads
from ..parameters import UNetParameters
from ..training_data.samples import SampleSet
from ..training_data.split import Split
from ..training_data.targets import Targets, class_targets, object_targets


@dataclass(frozen=True)
class Setup:
    """All that training is given, and that does not change.

    Attributes
    ----------
    samples
        What was annotated, checked.
    split
        Which of it is trained on.
    heads, configuration, parameters
        Of the network.
    device
        "cuda", "mps" or "cpu".
    spacing
        Of the samples' axes, or None.
    """

    samples: SampleSet
    split: Split
    heads: Heads
    configuration: Configuration
    parameters: UNetParameters
    device: str
    spacing: tuple[float, ...] | None

    @property
    def sparse(self) -> bool:
        """Whether 0 means: not annotated."""
        return self.samples.annotation == "scribbles"

    def targets(self, labels: NDArray[np.int32]) -> Targets:
        """What is to be learned from patches of labels (B, *spatial)."""
        if self.heads.objects:
            flat = self.configuration.strides[0][0] == 1 if self.heads.dimensions == 3 else False
            return object_targets(labels, flat=flat)
        return class_targets(labels, self.heads.classes, sparse=self.sparse)

    def class_weights(self) -> NDArray[np.float32]:
        """Weights (K,) with which every class counts the same; their mean over all pixels is 1."""
        counts = np.zeros(self.heads.n_classes)
        for sample in self.split.train:
            labels = np.minimum(sample.labels, 1) if self.heads.objects else sample.labels
            classes = class_targets(labels, self.heads.classes, sparse=self.sparse).classes
            counts += np.bincount(classes[classes >= 0].ravel(), minlength=self.heads.n_classes)
        share = np.maximum(counts, 1) / max(1.0, counts.sum())
        weights: NDArray[np.float32] = (1 / (share * len(share))).astype(np.float32)
        return weights
