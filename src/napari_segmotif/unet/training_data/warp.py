"""One interpolation that turns, scales, bends and mirrors a patch: linear for the image, nearest for labels.

A patch is a stack of planes (2D images are stacks of one). Within planes it may be turned and bent; along Z
it is only scaled and mirrored, so that a plane is never mixed with more than one other.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
F64 = NDArray[np.float64]
OUTSIDE = -1
"""The label of what lies outside the image: ignored by the losses."""


@njit(nogil=True, cache=True, inline="always")
def _mirrored(i: int, n: int) -> int:
    """The position in an axis of n pixels that stands at i of the axis extended by mirroring."""
    if 0 <= i < n:
        return i
    i = i % (2 * n)
    return i if i < n else 2 * n - 1 - i


@njit(nogil=True, cache=True)
def _spline_weights(t: float, weights: F64) -> None:
    """Weights of four control points for a uniform cubic B-spline at t in [0, 1) between the middle two."""
    s = 1.0 - t
    weights[0] = s * s * s / 6.0
    weights[1] = (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0
    weights[2] = (3.0 * s * s * s - 6.0 * s * s + 4.0) / 6.0
    weights[3] = t * t * t / 6.0


@njit(nogil=True, cache=True)
def _bend_along_row(bends: F64, z_part: float, y: float, step: float, row: F64) -> None:
    """Control points of one row of the patch: (2, 2, ny, nx) bends of its first and last plane -> (2, nx)."""
    weights = np.empty(4)
    first = int(y / step)
    _spline_weights(y / step - first, weights)
    for axis in range(2):
        for x in range(bends.shape[3]):
            total = 0.0
            for k in range(4):
                total += weights[k] * (
                    (1.0 - z_part) * bends[0, axis, first + k, x] + z_part * bends[1, axis, first + k, x]
                )
            row[axis, x] = total


@njit(nogil=True, cache=True)
def warp(
    image: F32,
    labels: I32,
    centre: F64,
    matrix: F64,
    z_scale: float,
    bends: F64,
    step: float,
    out_image: F32,
    out_labels: I32,
) -> None:
    """Fill a patch with what a warped window of a sample shows.

    Parameters
    ----------
    image, labels
        (C, Z, Y, X) and (Z, Y, X): the sample, outside of which it is mirrored and labels are −1.
    centre
        (3,) position in the sample of the patch's centre.
    matrix
        (2, 2) pixels of the sample per pixel of the patch, in Y and X.
    z_scale
        Planes of the sample per plane of the patch; negative mirrors.
    bends
        (2, 2, ny, nx) shift in Y and X of spline control points in the first and the last plane, in pixels
        of the sample; empty where nothing is bent.
    step
        Distance of control points, in pixels of the patch.
    out_image, out_labels
        (C, z, y, x) and (z, y, x): the patch.
    """
    n_channels, n_z, n_y, n_x = image.shape
    nz, ny, nx = out_labels.shape
    bent = bends.size > 0
    row = np.zeros((2, max(1, bends.shape[3])))
    x_weights = np.empty((nx, 4))
    for x in range(nx):
        _spline_weights(x / step - int(x / step), x_weights[x])
    for z in range(nz):
        sz = centre[0] + z_scale * (z - 0.5 * (nz - 1))
        z0 = int(np.floor(sz))
        fz = np.float32(sz - z0)
        label_z = int(np.floor(sz + 0.5))
        z_inside = 0 <= label_z < n_z
        za, zb = _mirrored(z0, n_z), _mirrored(z0 + 1, n_z)
        z_part = z / (nz - 1) if nz > 1 else 0.0
        for y in range(ny):
            dy = y - 0.5 * (ny - 1)
            if bent:
                _bend_along_row(bends, z_part, float(y), step, row)
            for x in range(nx):
                dx = x - 0.5 * (nx - 1)
                sy = centre[1] + matrix[0, 0] * dy + matrix[0, 1] * dx
                sx = centre[2] + matrix[1, 0] * dy + matrix[1, 1] * dx
                if bent:
                    first = int(x / step)
                    for k in range(4):
                        sy += x_weights[x, k] * row[0, first + k]
                        sx += x_weights[x, k] * row[1, first + k]
                y0, x0 = int(np.floor(sy)), int(np.floor(sx))
                fy, fx = np.float32(sy - y0), np.float32(sx - x0)
                label_y, label_x = int(np.floor(sy + 0.5)), int(np.floor(sx + 0.5))
                if z_inside and 0 <= label_y < n_y and 0 <= label_x < n_x:
                    out_labels[z, y, x] = labels[label_z, label_y, label_x]
                else:
                    out_labels[z, y, x] = OUTSIDE
                ya, yb = _mirrored(y0, n_y), _mirrored(y0 + 1, n_y)
                xa, xb = _mirrored(x0, n_x), _mirrored(x0 + 1, n_x)
                one = np.float32(1)
                waa, wab = (one - fy) * (one - fx), (one - fy) * fx
                wba, wbb = fy * (one - fx), fy * fx
                for c in range(n_channels):
                    plane = image[c, za]
                    value = (
                        waa * plane[ya, xa] + wab * plane[ya, xb] + wba * plane[yb, xa] + wbb * plane[yb, xb]
                    )
                    if fz > 0:
                        plane = image[c, zb]
                        other = (
                            waa * plane[ya, xa]
                            + wab * plane[ya, xb]
                            + wba * plane[yb, xa]
                            + wbb * plane[yb, xb]
                        )
                        value = (one - fz) * value + fz * other
                    out_image[c, z, y, x] = value
