"""What is computed from derivatives pixel by pixel: magnitude, trace and eigenvalues of small matrices."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

Plane = NDArray[np.float32]
_DEGREE = 15


def _polynomial_on_unit_interval(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power-series coefficients in 2 s - 1 of the polynomial through values at the Chebyshev nodes."""
    nodes = chebyshev.chebpts1(_DEGREE + 1)
    return np.asarray(chebyshev.cheb2poly(chebyshev.chebfit(nodes, values, _DEGREE)), dtype=np.float64)


# For a symmetric 3 x 3 matrix with angle t in [0, pi] (Smith, 1961) the eigenvalues need cos(t/3) and
# sin(t/3). With s = cos(t/2) both are smooth in s up to a factor sqrt(1 - s) of the sine, so that a
# polynomial replaces acos, cos and sin, and the loop is vectorised.
_NODES = (chebyshev.chebpts1(_DEGREE + 1) + 1.0) / 2.0
COSINE = _polynomial_on_unit_interval(np.cos(2.0 / 3.0 * np.arccos(_NODES)))
SINE = _polynomial_on_unit_interval(np.sin(2.0 / 3.0 * np.arccos(_NODES)) / np.sqrt(1.0 - _NODES))
HALF_SQRT3 = float(np.sqrt(3.0) / 2.0)


@njit(nogil=True, cache=True)
def add_squares(values: Plane, total: Plane, first: bool) -> None:
    """Write (`first`) or add the squares of `values` to `total`."""
    if first:
        for i in range(values.size):
            total[i] = values[i] * values[i]
    else:
        for i in range(values.size):
            total[i] += values[i] * values[i]


@njit(nogil=True, cache=True)
def square_root(values: Plane) -> None:
    """Square root in place."""
    for i in range(values.size):
        values[i] = np.sqrt(values[i])


@njit(nogil=True, cache=True)
def eigenvalues_2x2(yy: Plane, yx: Plane, xx: Plane, first: Plane, second: Plane) -> None:
    """Eigenvalues of symmetric 2 x 2 matrices, the larger first. All arrays are flat and equally long."""
    half = np.float32(0.5)
    for i in range(yy.size):
        mean = half * (yy[i] + xx[i])
        difference = half * (yy[i] - xx[i])
        root = np.sqrt(difference * difference + yx[i] * yx[i])
        first[i] = mean + root
        second[i] = mean - root


# NumPy's error model does not stop at a division by zero, so that the loop can be vectorised: 7 times faster.
@njit(nogil=True, cache=True, error_model="numpy")
def eigenvalues_3x3(
    zz: Plane, zy: Plane, zx: Plane, yy: Plane, yx: Plane, xx: Plane,
    first: Plane, second: Plane, third: Plane,
) -> None:  # fmt: skip
    """Eigenvalues of symmetric 3 x 3 matrices in descending order. All arrays are flat and equally long."""
    for i in range(zz.size):
        a, b, c = np.float64(zz[i]), np.float64(yy[i]), np.float64(xx[i])
        d, e, f = np.float64(zy[i]), np.float64(zx[i]), np.float64(yx[i])
        mean = (a + b + c) / 3.0
        a -= mean
        b -= mean
        c -= mean
        p = np.sqrt((a * a + b * b + c * c + 2.0 * (d * d + e * e + f * f)) / 6.0)
        determinant = a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)
        r = determinant / (2.0 * p * p * p + 1e-300)
        r = min(1.0, max(-1.0, r))
        s = np.sqrt(0.5 * (1.0 + r))
        u = 2.0 * s - 1.0
        cosine = COSINE[_DEGREE]
        sine = SINE[_DEGREE]
        for k in range(_DEGREE - 1, -1, -1):
            cosine = cosine * u + COSINE[k]
            sine = sine * u + SINE[k]
        sine *= np.sqrt(0.5 * (1.0 - r) / (1.0 + s))
        along, across = p * cosine, 2.0 * HALF_SQRT3 * p * sine
        first[i] = mean + 2.0 * along
        second[i] = mean - along + across
        third[i] = mean - along - across
