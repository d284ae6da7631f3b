"""Which features describe a pixel: filter families, scales, their names, and how far they reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ...errors import InputError
from .convolution import kernel_radius

Family = Literal[
    "gaussian",
    "gradient_magnitude",
    "laplacian_of_gaussian",
    "difference_of_gaussians",
    "hessian_eigenvalues",
    "structure_tensor_eigenvalues",
]
FAMILIES: tuple[Family, ...] = get_args(Family)
DEFAULT_SIGMAS = (0.3, 0.7, 1.0, 1.6, 3.5, 5.0, 10.0)
COARSE_SIGMA = 5.0
"""From here on the default set has only Gaussians: coarse derivatives tell where a pixel lies more than what
it is, and cost accuracy where few pixels are painted (benchmarks/RESULTS.md has the figures)."""
SMALLEST_DERIVATIVE_SIGMA = 0.5
"""Below this a sampled Gaussian derivative is no derivative any more: only "gaussian" is computed."""
DOG_RATIO = 0.66
"""A difference of Gaussians takes the Gaussian of `sigma` minus that of 0.66 `sigma`, as ilastik does."""
INTEGRATION_RATIO = 0.5
"""The structure tensor is smoothed with a Gaussian of half its `sigma`, as in ilastik."""

DEFAULT_PAIRS: tuple[tuple[Family, float], ...] = tuple(
    (family, sigma)
    for sigma in DEFAULT_SIGMAS
    for family in FAMILIES
    if family == "gaussian" or SMALLEST_DERIVATIVE_SIGMA <= sigma < COARSE_SIGMA
)
_EIGENVALUE_FAMILIES = ("hessian_eigenvalues", "structure_tensor_eigenvalues")


class PixelFeatures(BaseModel):
    """The set of features a pixel classifier looks at.

    Without `families`, `sigmas` and `pairs` it is the default set: all families at sigmas 0.3 to 3.5, and the
    Gaussian also at 5 and 10. With one of the first two it is their full grid.

    Every filter is that of `scipy.ndimage.gaussian_filter` (orders 0, 1 and 2, truncated at 4 sigma) on the
    image extended by mirroring. Time is never filtered, and each channel is filtered by itself.

    Examples
    --------
    >>> features = PixelFeatures(families=("gaussian", "gradient_magnitude"), sigmas=(1.0, 3.5))
    >>> features.names(n_channels=1)
    ('gaussian σ=1', 'gradient_magnitude σ=1', 'gaussian σ=3.5', 'gradient_magnitude σ=3.5')
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    families: tuple[Family, ...] = Field(
        default=FAMILIES,
        title="Filters",
        description="Kinds of filter: brightness, edges, blobs, ridges and texture.",
    )
    sigmas: tuple[float, ...] = Field(
        default=DEFAULT_SIGMAS,
        title="Scales",
        description="Sigma of the Gaussians: small ones see fine detail, large ones the surroundings.",
    )
    dimensions: Literal[2, 3] = Field(
        default=2,
        title="Dimensions",
        description="2 filters a stack plane by plane; 3 filters it as a volume.",
    )
    sigma_unit: Literal["pixel", "physical"] = Field(
        default="pixel",
        title="Unit of the scales",
        description=(
            "'pixel' counts pixels of the finest axis and fewer along coarser axes, so that a filter is "
            "round in space; 'physical' counts the unit of the image's pixel size."
        ),
    )
    pairs: tuple[tuple[Family, float], ...] | None = Field(
        default=None,
        title="Single filters",
        description="(family, sigma) pairs instead of every family at every sigma.",
    )
    selected: tuple[str, ...] | None = Field(
        default=None,
        title="Selected features",
        description="Names of the features to keep out of all; None keeps all.",
    )

    @model_validator(mode="before")
    @classmethod
    def _default_set(cls, given: Any) -> Any:
        if isinstance(given, dict) and not {"families", "sigmas", "pairs"} & given.keys():
            return {**given, "pairs": DEFAULT_PAIRS}
        return given

    @field_validator("sigmas")
    @classmethod
    def _sigmas_are_positive(cls, sigmas: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(_checked_sigma(sigma) for sigma in dict.fromkeys(sigmas))

    @field_validator("pairs")
    @classmethod
    def _pairs_are_positive(
        cls, pairs: tuple[tuple[Family, float], ...] | None
    ) -> tuple[tuple[Family, float], ...] | None:
        return None if pairs is None else tuple((f, _checked_sigma(s)) for f, s in dict.fromkeys(pairs))

    @model_validator(mode="after")
    def _has_filters(self) -> PixelFeatures:
        if not self.enabled_pairs():
            raise ValueError(
                "choose at least one filter: derivatives need a sigma of at least "
                f"{SMALLEST_DERIVATIVE_SIGMA} (got families {self.families} and sigmas {self.sigmas})"
            )
        return self

    def enabled_pairs(self) -> tuple[tuple[Family, float], ...]:
        """The (family, sigma) pairs that are computed, by sigma and then by family."""
        wanted = self.pairs
        if wanted is None:
            wanted = tuple((family, sigma) for sigma in self.sigmas for family in self.families)
        usable = {(f, s) for f, s in wanted if f == "gaussian" or s >= SMALLEST_DERIVATIVE_SIGMA}
        return tuple(sorted(usable, key=lambda pair: (pair[1], FAMILIES.index(pair[0]))))

    def channel_names(self, spatial_dimensions: int) -> tuple[str, ...]:
        """Names of all features of one channel, `selected` left aside."""
        n_eigenvalues = self.filter_dimensions(spatial_dimensions)
        names: list[str] = []
        for family, sigma in self.enabled_pairs():
            if family in _EIGENVALUE_FAMILIES:
                names += [f"{family}[{i}] σ={sigma:g}" for i in range(n_eigenvalues)]
            else:
                names.append(f"{family} σ={sigma:g}")
        return tuple(names)

    def names(
        self,
        n_channels: int = 1,
        channel_names: Sequence[str] = (),
        spatial_dimensions: int | None = None,
    ) -> tuple[str, ...]:
        """Names of the features in their order: by channel, by sigma, by family.

        Parameters
        ----------
        n_channels
            Number of channels of the image.
        channel_names
            Names to put in front where there are several channels; else "channel 0", "channel 1"…
        spatial_dimensions
            2 or 3 spatial axes in the image; defaults to `dimensions`.
        """
        single = self.channel_names(spatial_dimensions or self.dimensions)
        if n_channels == 1:
            everything = single
        else:
            prefixes = tuple(channel_names) or tuple(f"channel {c}" for c in range(n_channels))
            if len(prefixes) != n_channels or len(set(prefixes)) != n_channels:
                raise InputError(
                    f"channel names must be different, one for each of {n_channels} channels (got {prefixes})"
                )
            everything = tuple(f"{prefix}: {name}" for prefix in prefixes for name in single)
        return everything if self.selected is None else self._keep_selected(everything)

    def _keep_selected(self, everything: tuple[str, ...]) -> tuple[str, ...]:
        assert self.selected is not None
        unknown = sorted(set(self.selected) - set(everything))
        if unknown:
            raise InputError(
                "the selected features do not exist for this image: check its channels and the filters "
                f"(got {', '.join(unknown[:3])}{' …' if len(unknown) > 3 else ''})"
            )
        return tuple(name for name in everything if name in self.selected)

    def filter_dimensions(self, spatial_dimensions: int) -> int:
        """2 or 3: along how many axes an image with so many spatial axes is filtered."""
        return min(self.dimensions, spatial_dimensions)

    def sigmas_in_pixels(
        self, sigma: float, spatial_axes: str, spacing: Sequence[float] | None
    ) -> tuple[float, ...]:
        """Sigma in pixels along each spatial axis of the image; 0 along Z where planes are filtered alone.

        Parameters
        ----------
        sigma
            One of the sigmas, in the unit `sigma_unit`.
        spatial_axes
            "YX" or "ZYX".
        spacing
            Physical size of a pixel along each of them, or None where it is not known (then 1).
        """
        sizes = np.ones(len(spatial_axes)) if spacing is None else np.asarray(spacing, dtype=float)
        filtered = len(spatial_axes) - self.filter_dimensions(len(spatial_axes))
        unit = float(sizes[filtered:].min()) if self.sigma_unit == "pixel" else 1.0
        return (0.0,) * filtered + tuple(float(sigma * unit / size) for size in sizes[filtered:])

    def halo(self, spatial_axes: str, spacing: Sequence[float] | None = None) -> tuple[int, ...]:
        """How many pixels beyond its own place a feature looks, along each spatial axis."""
        reach = np.zeros(len(spatial_axes), dtype=int)
        for family, sigma in self.enabled_pairs():
            sigmas = self.sigmas_in_pixels(sigma, spatial_axes, spacing)
            radii = np.array([kernel_radius(s) for s in sigmas])
            if family == "structure_tensor_eigenvalues":
                radii += [kernel_radius(INTEGRATION_RATIO * s) for s in sigmas]
            reach = np.maximum(reach, radii)
        return tuple(int(r) for r in reach)


def _checked_sigma(sigma: float) -> float:
    if not (np.isfinite(sigma) and 0.0 < sigma <= 100.0):
        raise ValueError(f"every sigma must lie between 0 and 100 (got {sigma})")
    return float(sigma)
