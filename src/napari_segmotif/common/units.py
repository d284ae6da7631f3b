"""One name for each unit of length and of time, whatever a file format calls it."""

from __future__ import annotations

from collections.abc import Mapping

_METRES = {
    "picometer": 1e-12,
    "angstrom": 1e-10,
    "nanometer": 1e-9,
    "micrometer": 1e-6,
    "millimeter": 1e-3,
    "centimeter": 1e-2,
    "decimeter": 1e-1,
    "meter": 1.0,
    "kilometer": 1e3,
    "inch": 0.0254,
}
_OME_SYMBOL = {
    "picometer": "pm",
    "angstrom": "Å",
    "nanometer": "nm",
    "micrometer": "µm",
    "millimeter": "mm",
    "centimeter": "cm",
    "decimeter": "dm",
    "meter": "m",
    "kilometer": "km",
    "inch": "in",
}
_SECONDS = {
    "nanosecond": 1e-9,
    "microsecond": 1e-6,
    "millisecond": 1e-3,
    "second": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "day": 86400.0,
}
_ALIASES = {
    **{symbol.lower(): name for name, symbol in _OME_SYMBOL.items()},
    "um": "micrometer",
    "micron": "micrometer",
    "a": "angstrom",
    "å": "angstrom",
    "ångström": "angstrom",
    '"': "inch",
    "ns": "nanosecond",
    "us": "microsecond",
    "µs": "microsecond",
    "ms": "millisecond",
    "msec": "millisecond",
    "s": "second",
    "sec": "second",
    "min": "minute",
    "h": "hour",
    "d": "day",
}
_UNKNOWN = frozenset(
    {"", "pixel", "px", "voxel", "reference frame", "none", "null", "unknown", "dimensionless"}
)


def normalise_unit(unit: str | None) -> str | None:
    """Return the singular English name of a unit ("micrometer", "second"), or None where it says nothing.

    Symbols ("µm", with either of Unicode's two µ), British spellings, plurals and ImageJ's escaped
    µ are understood; a unit that is not known is passed on in lower case.
    """
    if unit is None:
        return None
    name = unit.strip().replace("\\u00B5", "µ").replace("\N{GREEK SMALL LETTER MU}", "µ").lower()
    if name.endswith(("metre", "metres")):
        name = name.replace("metre", "meter")
    for candidate in (name, name.removesuffix("s")):
        if candidate in _UNKNOWN:
            return None
        if candidate in _METRES or candidate in _SECONDS:
            return candidate
        if candidate in _ALIASES:
            return _ALIASES[candidate]
    return name


def ome_symbol(unit: str | None) -> str:
    """Return OME-XML's symbol of a unit of length; "pixel" where it is not known."""
    return _OME_SYMBOL.get(normalise_unit(unit) or "", "pixel")


def to_seconds(value: float, unit: str | None) -> float:
    """Return a time in seconds; a unit that is not known counts as seconds."""
    return value * _SECONDS.get(normalise_unit(unit) or "second", 1.0)


def pixel_size(
    spatial_axes: str, sizes: Mapping[str, float], units: Mapping[str, str | None]
) -> tuple[tuple[float, ...] | None, tuple[str | None, ...] | None]:
    """Turn what a file says about each axis into spacing and units, in one unit of length.

    Parameters
    ----------
    spatial_axes
        "YX" or "ZYX", in the order of the result.
    sizes, units
        Pixel size and unit for those of the letters that the file states. Sizes that are not positive
        and finite count as not stated.

    Returns
    -------
    spacing, units
        One entry per axis, all in the unit of X; None and None where the file states nothing. An axis
        that is not stated takes the size of X: a guess that keeps filters isotropic in pixels, marked by the
        unit None.
    """
    known = {a: float(sizes[a]) for a in spatial_axes if a in sizes and 0.0 < float(sizes[a]) < float("inf")}
    names = {a: normalise_unit(units.get(a)) for a in known}
    if not known or (set(known.values()) == {1.0} and set(names.values()) == {None}):
        return None, None
    reference = "X" if "X" in known else next(iter(known))
    for axis in known:
        here, there = names[axis], names[reference]
        if here != there and here in _METRES and there in _METRES:
            known[axis] *= _METRES[here] / _METRES[there]
            names[axis] = there
    spacing = tuple(known.get(axis, known[reference]) for axis in spatial_axes)
    return spacing, tuple(names.get(axis) for axis in spatial_axes)
