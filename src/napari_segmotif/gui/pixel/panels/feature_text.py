"""What each feature family is called, what it sees, and the presets of the grid. No Qt in here."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ....pixel.filtering.features import (
    DEFAULT_SIGMAS,
    FAMILIES,
    SMALLEST_DERIVATIVE_SIGMA,
    Family,
    PixelFeatures,
)

Pairs = frozenset[tuple[str, float]]

#: family -> (plain name, what it sees)
PLAIN_NAMES: dict[str, tuple[str, str]] = {
    "gaussian": (
        "Brightness",
        "Smoothed brightness and colour (Gaussian): how bright a place is; a larger σ averages over more.",
    ),
    "gradient_magnitude": (
        "Edges",
        "Edge strength (gradient magnitude of a Gaussian). High along borders, whichever way they run.",
    ),
    "laplacian_of_gaussian": (
        "Blobs",
        "Blobs, dark or bright, about σ wide (Laplacian of Gaussian); its sign tells inside from rim.",
    ),
    "difference_of_gaussians": (
        "Spots",
        "Detail of one size only (difference of two Gaussians): spots and grain, with slow shading removed.",
    ),
    "hessian_eigenvalues": (
        "Ridges",
        "Ridges, fibres, membranes (eigenvalues of the Hessian): how brightness curves, along and across.",
    ),
    "structure_tensor_eigenvalues": (
        "Texture",
        "Texture (eigenvalues of the structure tensor): how much it varies, and whether in one direction.",
    ),
}

_ANY_FAMILY = re.compile("|".join(sorted(PLAIN_NAMES, key=len, reverse=True)))

TEXTURE: tuple[Family, ...] = ("gaussian", "structure_tensor_eigenvalues", "difference_of_gaussians")
EDGES: tuple[Family, ...] = ("gaussian", "gradient_magnitude", "hessian_eigenvalues")


@dataclass(frozen=True)
class Preset:
    """A named choice in the grid."""

    name: str
    tooltip: str
    features: PixelFeatures

    def pairs(self) -> Pairs:
        """Return what is ticked, as (family, sigma)."""
        return frozenset(self.features.enabled_pairs())


PRESETS = (
    Preset(
        "Quick",
        "Few features at three scales: fast, and often enough.",
        PixelFeatures(families=FAMILIES, sigmas=(1.0, 1.6, 3.5)),
    ),
    Preset(
        "Default",
        "All families at fine and middle scales, and brightness at coarse ones: best with few strokes.",
        PixelFeatures(),
    ),
    Preset(
        "Edges",
        "Borders, membranes, fibres.",
        PixelFeatures(families=EDGES, sigmas=(0.7, 1.0, 1.6, 3.5)),
    ),
    Preset(
        "Texture",
        "Tissue and grain, at larger scales.",
        PixelFeatures(families=TEXTURE, sigmas=(0.7, 1.6, 3.5, 5.0, 10.0)),
    ),
    Preset(
        "All",
        "Every family at every default scale, as ilastik offers them.",
        PixelFeatures(families=FAMILIES, sigmas=DEFAULT_SIGMAS),
    ),
)


def is_possible(family: str, sigma: float) -> bool:
    """Whether a family exists at this sigma: below half a pixel only the Gaussian does."""
    return family == "gaussian" or sigma >= SMALLEST_DERIVATIVE_SIGMA


def in_plain_names(text: str) -> str:
    """Put the plain names in place of the families' own: "gaussian σ=1" is "Brightness σ=1"."""
    return _ANY_FAMILY.sub(lambda found: PLAIN_NAMES[found.group()][0], text)


def sigma_text(sigma: float) -> str:
    """Write a sigma as short as it can be read back."""
    return f"{sigma:g}"
