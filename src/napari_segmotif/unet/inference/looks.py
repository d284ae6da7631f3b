"""The looks that a network takes at a tile: mirrored, turned, or with features left out."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

Doubt = Literal["flips", "dropout"]
"""Where the uncertainty comes from."""

View = tuple[tuple[int, ...], bool]
"""Axes (0..D−1) along which a sample is mirrored, and whether its last two axes change places before."""


def views(dimensions: int, *, turns: bool) -> list[View]:
    """All mirrorings, the plain view first; with `turns` also those of the sample on its side."""
    mirrored = [
        axes
        for n in range(dimensions + 1)
        for axes in itertools.combinations(range(dimensions - 1, -1, -1), n)
    ]
    return [(axes, turned) for turned in ((False, True) if turns else (False,)) for axes in mirrored]


@dataclass(frozen=True)
class Look:
    """One look at a tile: how, and whether it counts for the maps and for the uncertainty."""

    view: View
    dropout: int | None
    counts: bool
    asked: bool


def looks_for(
    dimensions: int, augment: bool, doubt: Doubt | None, n_samples: int, seed: int, *, turns: bool
) -> list[Look]:
    """Which looks are taken, the plain one first; without `turns` the network knows up from sideways."""
    plain = views(dimensions, turns=False)
    wanted = [Look(view, None, True, False) for view in (plain if augment else plain[:1])]
    if doubt == "flips":
        known = {one.view: one for one in wanted}
        for view in views(dimensions, turns=turns)[:n_samples]:
            known[view] = Look(view, None, view in known, True)
        return list(known.values())
    if doubt == "dropout":
        wanted += [Look(plain[0], seed + i, False, True) for i in range(n_samples)]
    return wanted
