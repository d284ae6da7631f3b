"""A random forest on a device, with PyTorch: all pixels go down many trees at once, one level per step."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from .forest import PackedForest


class DeviceForest:
    """The trees of a `PackedForest` as tensors on a device.

    A leaf is its own right child and compares with NaN, which nothing is at most: a pixel that has reached
    it stays, so that no step asks which pixels are still under way. The trees' probabilities are added in
    the order in which the CPU adds them: from equal features come equal sums, bit by bit.

    Parameters
    ----------
    forest
        The trees.
    device
        "cuda", "mps" or "cpu".
    """

    def __init__(self, forest: PackedForest, device: str) -> None:
        self.n_classes = forest.n_classes
        self.n_features = forest.n_features
        self.depths = _tree_depths(forest)
        leaf = forest.feature >= forest.n_features
        nodes = np.arange(forest.n_nodes, dtype=np.int32)
        # Rows of the table of leaves: first those of the forest, then one for each class.
        purely = forest.feature.astype(np.int32) - (forest.n_features + 1) + len(forest.leaf_values)
        row = np.where(forest.feature == forest.n_features, forest.right.astype(np.int32), purely)
        table = np.concatenate([forest.leaf_values, np.eye(forest.n_classes, dtype=np.float32)])

        def put(array: NDArray[np.generic]) -> torch.Tensor:
            return torch.tensor(array, device=device)

        self._roots = put(forest.roots.astype(np.int32))
        self._feature = put(np.where(leaf, 0, forest.feature).astype(np.int32))
        self._threshold = put(np.where(leaf, np.float32(np.nan), forest.threshold))
        self._right = put(np.where(leaf, nodes, forest.right.astype(np.int32)))
        self._row = put(np.where(leaf, row, 0))
        self._table = put(table)

    def vote(self, features: torch.Tensor, budget: int) -> torch.Tensor:
        """Sum the trees' class probabilities for every pixel.

        Parameters
        ----------
        features
            (n_features, n_pixels) float32, on the device; fewer than 2**31 numbers.
        budget
            How many pairs of a pixel and a tree may be under way at once.

        Returns
        -------
        Tensor (n_classes, n_pixels), float32
        """
        n_pixels = features.shape[1]
        values = features.reshape(-1)
        start_of = self._feature * n_pixels  # where the row of a node's feature begins in `values`
        pixel = torch.arange(n_pixels, dtype=torch.int32, device=features.device)
        sums = features.new_zeros((n_pixels, self.n_classes))
        step = max(1, budget // n_pixels)
        for first in range(0, len(self.depths), step):
            roots = self._roots[first : first + step]
            pixels = pixel.repeat(len(roots))  # (trees x pixels,)
            node = roots.repeat_interleave(n_pixels)
            for _ in range(int(self.depths[first : first + step].max())):
                value = values.index_select(0, start_of.index_select(0, node).add_(pixels))
                goes_left = value <= self._threshold.index_select(0, node)
                node = torch.where(goes_left, node + 1, self._right.index_select(0, node))
            for row in self._row.index_select(0, node).reshape(len(roots), n_pixels):
                sums += self._table.index_select(0, row)
        return sums.T


def _tree_depths(forest: PackedForest) -> NDArray[np.int64]:
    """How many questions the longest way through each tree asks."""
    depths = np.zeros(forest.n_trees, dtype=np.int64)
    node, tree = forest.roots.astype(np.int64), np.arange(forest.n_trees)
    level = 0
    while True:
        inner = forest.feature[node] < forest.n_features
        node, tree = node[inner], tree[inner]
        if not len(node):
            return depths
        level += 1
        depths[tree] = level
        node = np.concatenate([node + 1, forest.right[node].astype(np.int64)])
        tree = np.concatenate([tree, tree])
