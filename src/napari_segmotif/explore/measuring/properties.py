"""What can be measured of an object: names, groups, words for the user, and where each exists.

Names are those of scikit-image's regionprops where it has the property.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import InputError
from .haralick import HARALICK

GROUPS = ("shape", "moments", "intensity", "texture", "neighbourhood", "position")
DEFAULT_GROUPS = ("shape", "intensity", "position", "neighbourhood")
BOTH = (2, 3)
SIZE = "size"
"""A unit that is one of area in planes and of volume in volumes."""


@dataclass(frozen=True)
class Property:
    """One thing that can be measured of an object.

    Attributes
    ----------
    name
        As in the table; what has several columns is followed there by -0, -1, ….
    group
        One of GROUPS.
    words
        What it is, for people.
    dimensions
        Spatial dimensions it exists in.
    needs_intensity
        Whether it is measured on an intensity image, once per channel.
    unit
        Power of the unit of length: 0 where it has none, 1 for lengths, SIZE for areas and volumes, None
        where the columns differ.
    in_group
        Whether the group brings it; what is not so must be asked for by name.
    """

    name: str
    group: str
    words: str
    dimensions: tuple[int, ...] = BOTH
    needs_intensity: bool = False
    unit: int | str | None = 0
    in_group: bool = True

    def unit_power(self, dimensions: int) -> int | None:
        """Power of the unit of length in so many dimensions; None where the columns differ."""
        if isinstance(self.unit, str):
            return dimensions
        return self.unit


def _intensity(name: str, words: str, in_group: bool = True) -> Property:
    return Property(name, "intensity", words, needs_intensity=True, in_group=in_group)


_SHAPE = (
    Property("area", "shape", "Area; of a volume, its volume.", unit=SIZE),
    Property("num_pixels", "shape", "Number of pixels.", in_group=False),
    Property("area_bbox", "shape", "Area of the upright box around the object.", unit=SIZE),
    Property("area_convex", "shape", "Area of the convex hull.", unit=SIZE),
    Property("area_filled", "shape", "Area with all holes filled.", unit=SIZE),
    Property("equivalent_diameter_area", "shape", "Diameter of a disk (ball) of the same area.", unit=1),
    Property("axis_major_length", "shape", "Longest axis of the ellipse that fits best.", unit=1),
    Property("axis_minor_length", "shape", "Shortest axis of the ellipse that fits best.", unit=1),
    Property("feret_diameter_max", "shape", "Largest caliper diameter.", unit=1),
    Property("feret_diameter_min", "shape", "Smallest caliper diameter.", (2,), unit=1),
    Property("perimeter", "shape", "Length of the outline, along the pixels' centres.", (2,), unit=1),
    Property("perimeter_crofton", "shape", "Length of the outline, by counting crossings.", (2,), unit=1),
    Property("surface_area", "shape", "Area of the surface, by counting crossings.", (3,), unit=2),
    Property("eccentricity", "shape", "0 for a circle, close to 1 for a line.", (2,)),
    Property("orientation", "shape", "Angle of the longest axis to the rows, in radians.", (2,)),
    Property("extent", "shape", "Share of the upright box that is filled."),
    Property("solidity", "shape", "Share of the convex hull that is filled."),
    Property("circularity", "shape", "4π · area / perimeter²: 1 for a disk, less if ragged or long.", (2,)),
    Property("roundness", "shape", "Area over that of a disk as wide as the longest axis.", (2,)),
    Property("sphericity", "shape", "Surface of a ball of the same volume over the surface.", (3,)),
    Property("aspect_ratio", "shape", "Longest over shortest axis."),
    Property("euler_number", "shape", "Number of parts minus number of holes (plus cavities)."),
)
_MOMENTS = (
    Property("moments", "moments", "Moments from the corner of the box.", unit=None),
    Property("moments_central", "moments", "Moments about the centroid.", unit=None),
    Property("moments_normalized", "moments", "Central moments that do not depend on size."),
    Property("moments_hu", "moments", "Hu's moments: independent of place, size and angle.", (2,)),
    Property("inertia_tensor", "moments", "How the pixels are spread along the axes.", unit=2),
    Property("inertia_tensor_eigvals", "moments", "Spread along the main axes.", unit=2),
    Property("moments_weighted", "moments", "Moments of the intensity.", needs_intensity=True, unit=None),
    Property(
        "moments_weighted_central",
        "moments",
        "The same, about its centroid.",
        needs_intensity=True,
        unit=None,
    ),
    Property(
        "moments_weighted_normalized", "moments", "The same, independent of size.", needs_intensity=True
    ),
    Property("moments_weighted_hu", "moments", "Hu's moments of the intensity.", (2,), needs_intensity=True),
)
_INTENSITY = (
    _intensity("intensity_mean", "Mean intensity."),
    _intensity("intensity_std", "Standard deviation of the intensity."),
    _intensity("intensity_min", "Lowest intensity."),
    _intensity("intensity_max", "Highest intensity."),
    _intensity("intensity_sum", "Sum of the intensity."),
    _intensity("intensity_median", "Median intensity."),
    _intensity("intensity_q05", "Intensity that 5 % of the pixels are below."),
    _intensity("intensity_q25", "Intensity that 25 % of the pixels are below."),
    _intensity("intensity_q50", "The median under its other name.", in_group=False),
    _intensity("intensity_q75", "Intensity that 75 % of the pixels are below."),
    _intensity("intensity_q95", "Intensity that 95 % of the pixels are below."),
    _intensity("intensity_skewness", "Positive where few pixels are much brighter than most."),
    _intensity("intensity_kurtosis", "Positive where few pixels differ much from the rest."),
)
_TEXTURE = tuple(
    Property(
        f"haralick_{name}", "texture", f"Haralick's texture: {name.replace('_', ' ')}.", needs_intensity=True
    )
    for name in HARALICK
)
_NEIGHBOURHOOD = (
    Property("neighbours", "neighbourhood", "Number of objects that touch it."),
    Property("touching_share", "neighbourhood", "Share of the outline that touches others."),
    Property("nearest_distance", "neighbourhood", "Distance to the nearest other centroid.", unit=1),
    Property("neighbours_within", "neighbourhood", "Other centroids within three median diameters."),
)
_POSITION = (
    Property("centroid", "position", "Centre.", unit=1),
    Property("bbox", "position", "Upright box in pixels: first and past the last."),
    Property("centroid_weighted", "position", "Centre of the intensity.", needs_intensity=True, unit=1),
    Property("centroid_local", "position", "Centre, from the corner of the box.", unit=1, in_group=False),
    Property(
        "centroid_weighted_local",
        "position",
        "Centre of the intensity, from the corner of the box.",
        needs_intensity=True,
        unit=1,
        in_group=False,
    ),
)
PROPERTIES: dict[str, Property] = {
    entry.name: entry for entry in (*_SHAPE, *_MOMENTS, *_INTENSITY, *_TEXTURE, *_NEIGHBOURHOOD, *_POSITION)
}
"""Every property by its name, in the order of the table's columns."""


def properties_of(group: str, dimensions: int, intensity: bool) -> list[Property]:
    """What a group brings in so many dimensions, with or without an intensity image."""
    return [
        entry
        for entry in PROPERTIES.values()
        if entry.group == group
        and entry.in_group
        and dimensions in entry.dimensions
        and (intensity or not entry.needs_intensity)
    ]


def resolve_properties(asked: Iterable[str] | str, dimensions: int, intensity: bool) -> list[str]:
    """Names of the properties that groups and names stand for, each once, in the order of the table.

    Of a group comes what exists for these objects; what is asked for by its name must exist. `label` and
    `index` are in every table and may be named.

    Raises
    ------
    InputError
        If a name is not known, does not exist in so many dimensions, or needs an intensity image.
    """
    names = [asked] if isinstance(asked, str) else list(asked)
    chosen: set[str] = set()
    for name in names:
        if name in GROUPS:
            chosen |= {entry.name for entry in properties_of(name, dimensions, intensity)}
        elif name in PROPERTIES:
            entry = PROPERTIES[name]
            if dimensions not in entry.dimensions:
                raise InputError(
                    f"{name} exists in {entry.dimensions[0]}D only: leave it out (got {dimensions}D labels)"
                )
            if entry.needs_intensity and not intensity:
                raise InputError(f"{name} needs an intensity image: give one or leave it out (got none)")
            chosen.add(name)
        elif name not in ("label", "index"):
            raise InputError(
                f"properties are groups ({', '.join(GROUPS)}) or names as in regionprops, for instance area, "
                f"eccentricity, intensity_mean (got {name!r})"
            )
    if not names:
        raise InputError(f"ask for at least one group or property, for instance {GROUPS[0]!r} (got none)")
    return [name for name in PROPERTIES if name in chosen]
