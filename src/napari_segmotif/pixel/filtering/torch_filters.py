"""The filters of a tile on a device, with PyTorch: operation by operation those of `filters`.

Every tap is one addition and one fused multiply-add over all pixels, in the order in which the CPU's code
does them, instead of a convolution of cuDNN, which chooses its own order (and maybe TF32). In a flat region,
where all pixels share a value and forests ask about its last digits, another order of the sums would send
the whole region another way. Where the device fuses as the CPU does, features are equal bit by bit. To keep
launches few, all channels and all images that need the same kernel along the same axis go together.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection

import numpy as np
import torch
from numpy.typing import NDArray

from .convolution import gaussian_kernel, kernel_radius
from .features import DOG_RATIO, INTEGRATION_RATIO, Family
from .filters import FilterBank
from .invariants import COSINE, HALF_SQRT3, SINE
from .packets import Shape3

Orders = tuple[int, ...]
"""Order of the derivative along each filtered axis."""


class DeviceFilters:
    """All filters of a `FilterBank` on a device.

    Parameters
    ----------
    bank
        The filters.
    device
        "cuda", "mps" or "cpu".
    """

    def __init__(self, bank: FilterBank, device: str) -> None:
        self.bank = bank
        self.device = device
        everything = bank.features.model_copy(update={"selected": None})
        kept = {name: column for column, name in enumerate(bank.names)}
        names = everything.names(bank.n_channels, bank.channel_names, len(bank.spatial_axes))
        self._columns = np.array([kept.get(name, -1) for name in names]).reshape(bank.n_channels, -1)

    def compute(self, pixels: NDArray[np.float32]) -> torch.Tensor:
        """Filter a tile.

        Parameters
        ----------
        pixels
            (C, Z, Y, X) of the tile with the bank's halo on either side along each axis.

        Returns
        -------
        Tensor (n_features, n_pixels), float32
            On the device; pixels in the order Z, Y, X.
        """
        source = torch.tensor(pixels, device=self.device)  # (C, Z, Y, X), the halo included
        depth, height, width = (n - 2 * h for n, h in zip(source.shape[1:], self.bank.halo, strict=True))
        result = source.new_empty((len(self.bank.names), depth * height * width))
        position = 0
        for sigma, group in itertools.groupby(self.bank.features.enabled_pairs(), key=lambda pair: pair[1]):
            columns: dict[Family, NDArray[np.int64]] = {}
            for family, _ in group:
                n_planes = self._n_planes(family)
                wanted = self._columns[:, position : position + n_planes]
                position += n_planes
                if wanted.max() >= 0:
                    columns[family] = wanted
            if not columns:
                continue
            scale = _Scale(self.bank, source, (depth, height, width), sigma, columns)
            for family, wanted in columns.items():
                for plane, of_channels in zip(scale.planes(family), wanted.T, strict=True):
                    for channel, column in enumerate(of_channels.tolist()):
                        if column >= 0:
                            result[column] = plane[channel].reshape(-1)
        return result

    def _n_planes(self, family: Family) -> int:
        n_axes = len(self.bank.spatial_axes)
        return self.bank.features.filter_dimensions(n_axes) if family.endswith("eigenvalues") else 1


class _Scale:
    """Derivatives of all channels of one tile at one sigma.

    A tensor (…, Z, Y, X) holds the tile with equally many pixels more on either side along an axis, so that
    its centre is always the tile's, and whoever needs fewer crops it.
    """

    def __init__(
        self,
        bank: FilterBank,
        source: torch.Tensor,
        tile: Shape3,
        sigma: float,
        families: Collection[Family],
    ) -> None:
        in_pixels = bank.features.sigmas_in_pixels(sigma, bank.spatial_axes, bank.spacing)
        self.sigmas = (0.0,) * (3 - len(in_pixels)) + in_pixels
        self.sigma = sigma
        self.axes = tuple(axis for axis, s in enumerate(self.sigmas) if s > 0)
        self.source, self.tile = source, tile
        # First derivatives are wanted with a margin where the structure tensor smooths their products.
        tensor = "structure_tensor_eigenvalues" in families
        self.grown = self._around(tile, INTEGRATION_RATIO) if tensor else tile
        # Launches are what a plane costs: there everything takes that margin, and passes are shared.
        others = self.grown if len(self.axes) == 2 else tile
        plain, first, second = self._orders_of(0), self._orders_of(1), self._orders_of(2)
        straight = [orders for orders in second if 2 in orders]
        wanted: dict[Orders, Shape3] = {}
        if {"gaussian", "difference_of_gaussians"} & set(families):
            wanted |= dict.fromkeys(plain, others)
        if tensor or "gradient_magnitude" in families:
            wanted |= dict.fromkeys(first, self.grown)
        if "hessian_eigenvalues" in families:
            wanted |= dict.fromkeys(second, others)
        if "laplacian_of_gaussian" in families:
            wanted |= dict.fromkeys(straight, others)
        self._plain, self._first, self._second, self._straight = plain[0], first, second, straight
        self._derivatives: dict[Orders, torch.Tensor] = {}
        for shape in set(wanted.values()):
            self._derivatives |= self._filter_all([o for o, s in wanted.items() if s == shape], shape)

    def planes(self, family: Family) -> list[torch.Tensor]:
        """The family's features, each (C, Z, Y, X) of the tile."""
        match family:
            case "gaussian":
                return [self._derivative(self._plain)]
            case "gradient_magnitude":
                return [_root(_sum([self._derivative(orders).square() for orders in self._first]))]
            case "laplacian_of_gaussian":
                return [_sum([self._derivative(orders) for orders in self._straight])]
            case "difference_of_gaussians":
                return [self._derivative(self._plain) - self._smooth(self.source, DOG_RATIO)]
            case "hessian_eigenvalues":
                return self._eigenvalues([self._derivative(orders) for orders in self._second])
            case "structure_tensor_eigenvalues":
                first = [self._derivatives[orders] for orders in self._first]
                pairs = itertools.combinations_with_replacement(first, 2)
                products = torch.stack([left * right for left, right in pairs])
                return self._eigenvalues(list(self._smooth(products, INTEGRATION_RATIO)))

    def _orders_of(self, total: int) -> list[Orders]:
        """All derivatives of one order: z z, z y, z x, y y … for the second."""
        chosen = itertools.combinations_with_replacement(self.axes, total)
        return [tuple(axes.count(axis) for axis in self.axes) for axes in chosen]

    def _around(self, shape: Shape3, ratio: float = 1.0) -> Shape3:
        """The shape with room for a kernel along each axis."""
        z, y, x = (n + 2 * kernel_radius(ratio * s) for n, s in zip(shape, self.sigmas, strict=True))
        return z, y, x

    def _kernel(self, axis: int, order: int, ratio: float = 1.0) -> list[float]:
        scale = self.sigmas[axis] / self.sigma
        half: list[float] = gaussian_kernel(ratio * self.sigmas[axis], order, scale).tolist()
        return half

    def _filter_all(self, wanted: Collection[Orders], shape: Shape3) -> dict[Orders, torch.Tensor]:
        """Derivatives (C, *shape), axis by axis: what has begun alike is filtered once, and together."""
        begun: dict[Orders, torch.Tensor] = {(): _centre(self.source, self._around(shape))}
        for position, axis in enumerate(self.axes):
            following = {orders[: position + 1] for orders in wanted}
            blocks: dict[Orders, torch.Tensor] = {}
            for order in range(3):
                starts = [start for start in begun if (*start, order) in following]
                if not starts:
                    continue
                stack = torch.stack([begun[start] for start in starts])
                filtered = correlate(stack, axis, self._kernel(axis, order), order == 1, shape[axis])
                blocks |= {(*start, order): block for start, block in zip(starts, filtered, strict=True)}
            begun = blocks
        return begun

    def _derivative(self, orders: Orders) -> torch.Tensor:
        return _centre(self._derivatives[orders], self.tile)

    def _smooth(self, block: torch.Tensor, ratio: float) -> torch.Tensor:
        block = _centre(block, self._around(self.tile, ratio))
        for axis in self.axes:
            block = correlate(block, axis, self._kernel(axis, 0, ratio), False, self.tile[axis])
        return block

    def _eigenvalues(self, entries: list[torch.Tensor]) -> list[torch.Tensor]:
        return eigenvalues_2x2(*entries) if len(self.axes) == 2 else eigenvalues_3x3(*entries)


def correlate(data: torch.Tensor, axis: int, half: list[float], odd: bool, n: int) -> torch.Tensor:
    """Filter (…, Z, Y, X) along one axis down to its middle n pixels; see `gaussian_kernel` for `half`."""
    dim = data.ndim - 3 + axis
    middle = (data.shape[dim] - n) // 2
    total = data.narrow(dim, middle, n) * half[0]
    pair = torch.empty_like(total)
    combine = torch.sub if odd else torch.add
    for distance, weight in enumerate(half[1:], start=1):
        ahead, behind = data.narrow(dim, middle + distance, n), data.narrow(dim, middle - distance, n)
        combine(ahead, behind, out=pair)
        total.add_(pair, alpha=weight)
    return total


def _centre(data: torch.Tensor, shape: Shape3) -> torch.Tensor:
    """The middle of (…, Z, Y, X)."""
    for dim, n in enumerate(shape, start=data.ndim - 3):
        data = data.narrow(dim, (data.shape[dim] - n) // 2, n)
    return data


def _sum(terms: list[torch.Tensor]) -> torch.Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _root(values: torch.Tensor) -> torch.Tensor:
    """The square root of float32, correctly rounded: on a CPU `torch.sqrt` asks MKL, which rounds freely."""
    if values.device.type == "cpu":
        return values.to(torch.float64).sqrt().to(values.dtype)
    return values.sqrt()


def eigenvalues_2x2(yy: torch.Tensor, yx: torch.Tensor, xx: torch.Tensor) -> list[torch.Tensor]:
    """Eigenvalues of symmetric 2 x 2 matrices, the larger first."""
    mean = 0.5 * (yy + xx)
    root = _root((0.5 * (yy - xx)).square() + yx.square())
    return [mean + root, mean - root]


def eigenvalues_3x3(
    zz: torch.Tensor, zy: torch.Tensor, zx: torch.Tensor, yy: torch.Tensor, yx: torch.Tensor, xx: torch.Tensor
) -> list[torch.Tensor]:
    """Eigenvalues of symmetric 3 x 3 matrices in descending order, step by step as in `invariants`.

    In float64; mps has none, so that there the CPU computes them.
    """
    where = "cpu" if zz.device.type == "mps" else zz.device
    a, b, c, d, e, f = (entry.to(where).to(torch.float64) for entry in (zz, yy, xx, zy, zx, yx))
    mean = (a + b + c) / 3.0
    a, b, c = a - mean, b - mean, c - mean
    p = _root((a * a + b * b + c * c + 2.0 * (d * d + e * e + f * f)) / 6.0)
    determinant = a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)
    r = (determinant / (2.0 * p * p * p + 1e-300)).clamp(-1.0, 1.0)
    s = _root(0.5 * (1.0 + r))
    u = 2.0 * s - 1.0
    cosine, sine = torch.full_like(u, float(COSINE[-1])), torch.full_like(u, float(SINE[-1]))
    for of_cosine, of_sine in zip(COSINE[-2::-1].tolist(), SINE[-2::-1].tolist(), strict=True):
        cosine.mul_(u).add_(of_cosine)
        sine.mul_(u).add_(of_sine)
    sine *= _root(0.5 * (1.0 - r) / (1.0 + s))
    along, across = p * cosine, 2.0 * HALF_SQRT3 * p * sine
    eigenvalues = (mean + 2.0 * along, mean - along + across, mean - along - across)
    return [eigenvalue.to(torch.float32).to(zz.device) for eigenvalue in eigenvalues]
