"""Columns of shape and of moments, derived from what was counted and summed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken
from .crossings import boundary_size, count_crossings
from .holes import filled_pixels
from .moments import (
    central_moments,
    hu_moments,
    inertia_tensors,
    normalised_moments,
    physical,
    principal_inertia,
    shifted,
)
from .object_scan import F64, ObjectScan
from .perimeter import perimeters

Columns = dict[str, NDArray[Any]]

_OF_INERTIA = frozenset(
    {
        "axis_major_length",
        "axis_minor_length",
        "eccentricity",
        "orientation",
        "roundness",
        "aspect_ratio",
        "inertia_tensor",
        "inertia_tensor_eigvals",
    }
)
_OF_MOMENTS = frozenset({"moments", "moments_central", "moments_normalized", "moments_hu"})
_OF_HULL = frozenset({"area_convex", "solidity", "feret_diameter_max", "feret_diameter_min"})
_OF_PERIMETER = frozenset({"perimeter", "circularity"})
_OF_CROSSINGS = _OF_PERIMETER | {"perimeter_crofton", "surface_area", "sphericity", "euler_number"}


def shape_columns(
    scan: ObjectScan, spacing: F64, names: set[str], cancel: CancelToken | None = None
) -> Columns:
    """Measure what is wanted of shape, moments and position.

    Parameters
    ----------
    scan
        The objects.
    spacing
        (D,) physical size of a pixel along each axis.
    names
        Names of properties; others than those of shape are left alone.
    cancel
        Looked at between batches of objects.

    Returns
    -------
    dict of str to ndarray (n,)
        At least what is wanted; what comes along with it too.
    """
    columns = _sizes(scan, spacing)
    if names & (_OF_INERTIA | _OF_MOMENTS):
        columns |= _moment_columns(scan, spacing, names, columns["area"], cancel)
    if "area_filled" in names:
        columns["area_filled"] = filled_pixels(scan, cancel) * np.prod(spacing)
    if names & _OF_CROSSINGS:
        columns |= _boundary_columns(scan, spacing, names, columns["area"], cancel)
    if names & _OF_HULL:
        from .hull import hull_columns

        columns |= hull_columns(scan.compact, scan.n, scan.bbox, spacing, runs=scan.runs, cancel=cancel)
    return columns


def split(name: str, values: NDArray[Any]) -> Columns:
    """One column for each entry of an array (n, …), named as in regionprops_table: moments-0-0, …."""
    return {
        "-".join((name, *map(str, place))): values[(slice(None), *place)]
        for place in np.ndindex(values.shape[1:])
    }


def _sizes(scan: ObjectScan, spacing: F64) -> Columns:
    dimensions = scan.dimensions
    pixel = np.prod(spacing)
    area = scan.pixels * pixel
    extents = (scan.box[:, 1] - scan.box[:, 0])[:, 3 - dimensions :]
    area_bbox = extents.prod(1) * pixel
    local = scan.local_centroid[:, 3 - dimensions :]
    return {
        "area": area,
        "num_pixels": scan.pixels,
        "area_bbox": area_bbox,
        "extent": area / area_bbox,
        "equivalent_diameter_area": (2 * dimensions * area / np.pi) ** (1 / dimensions),
        **split("bbox", scan.bbox),
        **split("centroid", (scan.box[:, 0, 3 - dimensions :] + local) * spacing),
        **split("centroid_local", local * spacing),
    }


def _moment_columns(
    scan: ObjectScan, spacing: F64, names: set[str], area: F64, cancel: CancelToken | None
) -> Columns:
    order = 3 if names & _OF_MOMENTS else 2
    in_pixels = central_moments(scan, order, cancel)
    central = physical(in_pixels, spacing)
    tensors = inertia_tensors(central)
    principal = principal_inertia(tensors)
    columns = _ellipse_columns(tensors, principal, area)
    if "inertia_tensor" in names:
        columns |= split("inertia_tensor", tensors)
    if "inertia_tensor_eigvals" in names:
        columns |= split("inertia_tensor_eigvals", principal)
    if order == 3:
        local = scan.local_centroid[:, 3 - scan.dimensions :]
        columns |= moment_family(
            "moments", physical(shifted(in_pixels, local), spacing), central, spacing, names
        )
    return columns


def moment_family(family: str, raw: F64, central: F64, spacing: F64, names: set[str]) -> Columns:
    """Columns of raw, central and normalised moments and Hu's, of those that are wanted."""
    columns: Columns = {}
    if family in names:
        columns |= split(family, raw)
    if f"{family}_central" in names:
        columns |= split(f"{family}_central", central)
    if names & {f"{family}_normalized", f"{family}_hu"}:
        normalised = normalised_moments(central, spacing)
        if f"{family}_normalized" in names:
            columns |= split(f"{family}_normalized", normalised)
        if f"{family}_hu" in names:
            columns |= split(f"{family}_hu", hu_moments(normalised))
    return columns


def _ellipse_columns(tensors: F64, principal: F64, area: F64) -> Columns:
    """Of the ellipse, or ellipsoid, that has the same moments of inertia."""
    if principal.shape[1] == 2:
        major, minor = 4 * np.sqrt(principal[:, 0]), 4 * np.sqrt(principal[:, 1])
    else:
        total = principal.sum(1)
        major = np.sqrt(np.maximum(0, 10 * (total - 2 * principal[:, 2])))
        minor = np.sqrt(np.maximum(0, 10 * (total - 2 * principal[:, 0])))
    columns = {
        "axis_major_length": major,
        "axis_minor_length": minor,
        "aspect_ratio": _ratio(major, minor),
    }
    if principal.shape[1] == 2:
        there = principal[:, 0] > 0
        flatness = np.divide(principal[:, 1], principal[:, 0], out=np.ones_like(major), where=there)
        columns["eccentricity"] = np.sqrt(1 - flatness)
        columns["orientation"] = _orientation(tensors)
        columns["roundness"] = _ratio(4 * area, np.pi * major**2)
    return columns


def _orientation(tensors: F64) -> F64:
    """Angle between the first axis and the longest axis, in (-π/2, π/2]; ±π/4 where there is none."""
    difference, mixed = tensors[:, 1, 1] - tensors[:, 0, 0], tensors[:, 0, 1]
    turned = 0.5 * np.arctan2(-2 * mixed, difference)
    return np.where(difference == 0, np.where(mixed < 0, np.pi / 4, -np.pi / 4), turned)


def _boundary_columns(
    scan: ObjectScan, spacing: F64, names: set[str], area: F64, cancel: CancelToken | None
) -> Columns:
    entries, euler = count_crossings(scan, cancel)
    size = boundary_size(entries, spacing)
    columns: Columns = {"euler_number": euler}
    if scan.dimensions == 3:
        ball = np.pi ** (1 / 3) * (6 * area) ** (2 / 3)
        return columns | {"surface_area": size, "sphericity": _ratio(ball, size)}
    columns["perimeter_crofton"] = size
    if names & _OF_PERIMETER:
        columns["perimeter"] = perimeters(scan, spacing, entries, cancel)
        columns["circularity"] = _ratio(4 * np.pi * area, columns["perimeter"] ** 2)
    return columns


def _ratio(numerator: F64, denominator: F64) -> F64:
    """NaN where it has no meaning: the width of a line, the outline of a single pixel."""
    ratio: F64 = np.divide(numerator, denominator, out=np.full(len(numerator), np.nan), where=denominator > 0)
    return ratio
