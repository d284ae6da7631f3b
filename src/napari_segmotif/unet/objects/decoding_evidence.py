"""The steps from maps to objects, each remembered for the next decoder that needs the same one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...common.objects import make_objects
from ..network.heads import Heads
from .decoding_flood import F32, Labels, Mask, as_levels, connected
from .decoding_seeds import find_seeds, grow_seeds, interior
from .decoding_votes import Votes, choose_centres, collect_votes, objects_from_votes, vote_scale

R = TypeVar("R")


class Settings(Protocol):
    """What of a decoder counts before small objects are dropped."""

    @property
    def method(self) -> str: ...  # noqa: D102
    @property
    def foreground_threshold(self) -> float: ...  # noqa: D102
    @property
    def seed_threshold(self) -> float: ...  # noqa: D102
    @property
    def minimum_seed(self) -> int: ...  # noqa: D102
    @property
    def vote_smoothing(self) -> float: ...  # noqa: D102
    @property
    def vote_distance(self) -> float: ...  # noqa: D102
    @property
    def vote_share(self) -> float: ...  # noqa: D102
    @property
    def split_touching(self) -> bool: ...  # noqa: D102
    @property
    def split_depth(self) -> float: ...  # noqa: D102


class Evidence:
    """Maps of one image, and what was made of them last.

    Parameters
    ----------
    maps
        (n_maps, *spatial) float.
    heads
        What the maps are.
    spacing
        Physical size of a pixel along each axis, or None.
    """

    def __init__(self, maps: NDArray[Any], heads: Heads, spacing: tuple[float, ...] | None) -> None:
        self._maps = maps
        self._heads = heads
        self._spacing = spacing
        self._last: dict[str, tuple[Any, Any]] = {}

    def objects(self, settings: Settings) -> Labels:
        """Objects (*spatial) of any size, numbered with gaps."""
        threshold = settings.foreground_threshold
        if settings.method == "seeds":
            seeds = find_seeds(
                self._core(), self._mask(threshold), settings.seed_threshold, settings.minimum_seed
            )
            return grow_seeds(seeds, self._levels(), self._mask(threshold), *self._pieces(threshold))
        if settings.method == "votes":
            votes = self._votes(threshold, settings.vote_smoothing)
            centres = choose_centres(votes, settings.vote_distance, settings.vote_share)
            return objects_from_votes(votes, centres, *self._pieces(threshold))
        if not settings.split_touching:
            return self._pieces(threshold)[0]
        return make_objects(
            self._mask(threshold), fill_holes=False, split_depth=settings.split_depth, spacing=self._spacing
        )

    def _foreground(self) -> F32:
        return self._once("foreground", None, self._clean_foreground)

    def _clean_foreground(self) -> F32:
        foreground = self._heads.foreground(self._maps)
        known: F32 = np.nan_to_num(foreground, nan=0, posinf=0, neginf=0)
        return known

    def _core(self) -> F32:
        boundary = self._maps[self._heads.boundary_map] if self._heads.objects else np.float32(0)
        return self._once("core", None, lambda: interior(self._foreground(), boundary))

    def _levels(self) -> NDArray[np.uint8]:
        return self._once("levels", None, lambda: as_levels(self._core()))

    def _mask(self, threshold: float) -> Mask:
        return self._once("mask", threshold, lambda: np.asarray(self._foreground() > threshold))

    def _pieces(self, threshold: float) -> tuple[Labels, int]:
        return self._once("pieces", threshold, lambda: connected(self._mask(threshold)))

    def _votes(self, threshold: float, smoothing: float) -> Votes:
        mask = self._mask(threshold)
        offsets = self._maps[self._heads.offset_maps]
        scale = vote_scale(mask.ndim, self._spacing)
        key = (threshold, smoothing)
        return self._once("votes", key, lambda: collect_votes(mask, offsets, scale, smoothing))

    def _once(self, kind: str, key: Any, make: Callable[[], R]) -> R:
        """The last thing of this kind if it was made with the same key: one a kind, to bound memory."""
        if kind not in self._last or self._last[kind][0] != key:
            self._last[kind] = (key, make())
        value: R = self._last[kind][1]
        return value
