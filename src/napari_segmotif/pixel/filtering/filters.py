"""The filters of one tile: from its pixels, with a halo, to its features in packets."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from . import invariants
from .convolution import Block, Margin, Workspace, convolve, gaussian_kernel, kernel_radius
from .features import DOG_RATIO, INTEGRATION_RATIO, Family, PixelFeatures
from .packets import PACKET_2D, PACKET_3D, PacketLayout, Shape3

_NO_MARGIN: Margin = (0, 0, 0)


@dataclass(frozen=True)
class FilterBank:
    """All filters of a feature set for images of one kind, ready to run on tiles.

    Attributes
    ----------
    features
        The feature set; `selected` only decides which columns are kept.
    spatial_axes
        "YX" or "ZYX".
    spacing
        Physical size of a pixel along them, or None.
    n_channels
        Number of channels.
    channel_names
        Their names, or () for numbers.
    """

    features: PixelFeatures
    spatial_axes: str
    spacing: tuple[float, ...] | None
    n_channels: int
    channel_names: tuple[str, ...] = ()
    names: tuple[str, ...] = field(init=False)
    halo: Margin = field(init=False)
    packet: Shape3 = field(init=False)

    def __post_init__(self) -> None:
        n_axes = len(self.spatial_axes)
        halo = self.features.halo(self.spatial_axes, self.spacing)
        names = self.features.names(self.n_channels, self.channel_names, n_axes)
        volume = self.features.filter_dimensions(n_axes) == 3
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "halo", (0,) * (3 - n_axes) + halo)
        object.__setattr__(self, "packet", PACKET_3D if volume else PACKET_2D)

    def layout(self, tile: Sequence[int]) -> PacketLayout:
        """Packets of a tile of this shape (Z, Y, X)."""
        depth, height, width = tile
        return PacketLayout((depth, height, width), self.packet)

    def compute(
        self, pixels: NDArray[np.float32], layout: PacketLayout, workspace: Workspace
    ) -> NDArray[np.float32]:
        """Filter a tile.

        Parameters
        ----------
        pixels
            (C, Z, Y, X) of the padded tile with `halo` more pixels on either side along each axis.
        layout
            The tile's packets.
        workspace
            Buffers of the calling thread.

        Returns
        -------
        ndarray (n_packets, n_features, 64), float32
        """
        result = layout.new_features(len(self.names))
        kept = {name: column for column, name in enumerate(self.names)}
        everything = self.features.model_copy(update={"selected": None})
        all_names = everything.names(self.n_channels, self.channel_names, len(self.spatial_axes))
        n_single = len(all_names) // self.n_channels
        for channel in range(self.n_channels):
            names = all_names[channel * n_single : (channel + 1) * n_single]
            source = workspace.block("source", layout.padded, self.halo)
            depth, height, width = pixels.shape[1:]
            source.data[:depth, :height, :width] = pixels[channel]
            columns = [kept.get(name, -1) for name in names]
            self._filter_channel(source, layout, columns, result, workspace)
        return result

    def _filter_channel(
        self,
        source: Block,
        layout: PacketLayout,
        columns: list[int],
        result: NDArray[np.float32],
        workspace: Workspace,
    ) -> None:
        """Write the features of one channel, in the order of their names; column -1 is not wanted."""
        position = 0
        for sigma, group in itertools.groupby(self.features.enabled_pairs(), key=lambda pair: pair[1]):
            scale = _Scale(self, source, sigma, workspace)
            for family, _ in group:
                n_planes = scale.n_planes(family)
                wanted = columns[position : position + n_planes]
                position += n_planes
                if max(wanted) < 0:
                    continue
                for plane, column in zip(scale.planes(family), wanted, strict=True):
                    if column >= 0:
                        layout.scatter(plane.data, plane.margin, result, column)


class _Scale:
    """Derivatives of one channel of one tile at one sigma, computed when first wanted."""

    def __init__(self, bank: FilterBank, source: Block, sigma: float, workspace: Workspace) -> None:
        in_pixels = bank.features.sigmas_in_pixels(sigma, bank.spatial_axes, bank.spacing)
        self.sigmas = (0.0,) * (3 - len(in_pixels)) + in_pixels
        self.sigma = sigma
        self.axes = tuple(axis for axis, s in enumerate(self.sigmas) if s > 0)
        self.source, self.workspace, self.tile = source, workspace, source.tile
        tensor = any(
            family == "structure_tensor_eigenvalues" and s == sigma
            for family, s in bank.features.enabled_pairs()
        )
        # First derivatives are wanted with a margin where the structure tensor smooths their products.
        self.tensor_margin = self._radii(INTEGRATION_RATIO) if tensor else _NO_MARGIN
        self._smoothed: dict[tuple[int, ...], Block] = {}

    def n_planes(self, family: Family) -> int:
        return len(self.axes) if family.endswith("eigenvalues") else 1

    def planes(self, family: Family) -> list[Block]:
        """The family's features, in buffers that the next call may overwrite."""
        match family:
            case "gaussian":
                return [self._derivative(())]
            case "gradient_magnitude":
                return [self._gradient_magnitude()]
            case "laplacian_of_gaussian":
                return [self._laplacian()]
            case "difference_of_gaussians":
                return [self._difference()]
            case "hessian_eigenvalues":
                return self._eigenvalues({pair: self._derivative(pair) for pair in self._axis_pairs()})
            case "structure_tensor_eigenvalues":
                return self._eigenvalues({pair: self._tensor(pair) for pair in self._axis_pairs()})

    def _axis_pairs(self) -> list[tuple[int, int]]:
        return list(itertools.combinations_with_replacement(self.axes, 2))

    def _radii(self, ratio: float) -> Margin:
        z, y, x = (kernel_radius(ratio * s) for s in self.sigmas)
        return z, y, x

    def _scratch(self, name: str, margin: Margin = _NO_MARGIN) -> Block:
        return self.workspace.block(name, self.tile, margin)

    def _derivative(self, axes: tuple[int, ...], margin: Margin = _NO_MARGIN) -> Block:
        """The Gaussian derivative along `axes` (each once per order): one pass per axis, results shared."""
        orders = [axes.count(axis) for axis in range(3)]
        block = self.source
        done: tuple[int, ...] = ()
        for axis in self.axes:
            done = (*done, orders[axis])
            key = (*margin, *done)
            if key not in self._smoothed:
                # Axes not filtered yet keep the source's margin, filtered ones have the final margin.
                around = list(self.source.margin)
                for finished in self.axes[: len(done)]:
                    around[finished] = margin[finished]
                kernel = self._kernel(axis, orders[axis])
                target = self._scratch(f"derivative {key}", (around[0], around[1], around[2]))
                self._smoothed[key] = convolve(block, axis, kernel, orders[axis] == 1, target)
            block = self._smoothed[key]
        return block

    def _kernel(self, axis: int, order: int, ratio: float = 1.0) -> NDArray[np.float32]:
        # A derivative per pixel becomes one per unit of sigma, equal along all axes of space.
        return gaussian_kernel(ratio * self.sigmas[axis], order, self.sigmas[axis] / self.sigma)

    def _first_derivative(self, axis: int) -> Block:
        return self._derivative((axis,), self.tensor_margin)

    def _gradient_magnitude(self) -> Block:
        total = self._scratch("gradient magnitude", self.tensor_margin)
        for number, axis in enumerate(self.axes):
            invariants.add_squares(_flat(self._first_derivative(axis)), _flat(total), number == 0)
        invariants.square_root(_flat(total))
        return total

    def _laplacian(self) -> Block:
        total = self._scratch("laplacian")
        first, *others = (self._derivative((axis, axis)) for axis in self.axes)
        np.copyto(total.data, first.data)
        for other in others:
            np.add(total.data, other.data, out=total.data)
        return total

    def _difference(self) -> Block:
        block, around = self.source, list(self.source.margin)
        for axis in self.axes:
            around[axis] = 0
            target = self._scratch(f"narrow {axis}", (around[0], around[1], around[2]))
            block = convolve(block, axis, self._kernel(axis, 0, DOG_RATIO), False, target)
        wide = self._derivative(())
        np.subtract(wide.data, block.data, out=block.data)
        return block

    def _tensor(self, pair: tuple[int, int]) -> Block:
        """One entry of the structure tensor: a product of first derivatives, smoothed."""
        margin = list(self.tensor_margin)
        block = self._scratch("product", self.tensor_margin)
        left, right = (self._first_derivative(axis) for axis in pair)
        np.multiply(left.data, right.data, out=block.data)
        for axis in self.axes:
            margin[axis] = 0
            target = self._scratch(f"tensor {pair} {axis}", (margin[0], margin[1], margin[2]))
            kernel = self._kernel(axis, 0, INTEGRATION_RATIO)
            block = convolve(block, axis, kernel, False, target)
        return block

    def _eigenvalues(self, entries: dict[tuple[int, int], Block]) -> list[Block]:
        results = [self._scratch(f"eigenvalue {i}") for i in range(len(self.axes))]
        solve = invariants.eigenvalues_3x3 if len(self.axes) == 3 else invariants.eigenvalues_2x2
        solve(*(_flat(entries[pair]) for pair in self._axis_pairs()), *(_flat(r) for r in results))
        return results


def _flat(block: Block) -> NDArray[np.float32]:
    return block.data.reshape(-1)
