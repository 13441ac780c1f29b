"""erfcx, the normal distribution function ndtr, and its logarithm log_ndtr.

For `x >= 0`, `(1 + 2 x) erfcx(x)` is a polynomial in `(x - 4) / (x + 4)` (Shepherd and Laframboise 1981; see
`error.py`, whose fit ends where erfc underflows; this one does not end). The tail of the normal distribution is
`exp(-x**2 / 2) erfcx(x / sqrt(2)) / 2`, in which the exponential gets the rounding error of `x**2`, and its logarithm a
sum of two negative terms. float32 is computed in float64.
"""

from srcgrad.backends.vecmath.bits import (
    Real,
    absolute,
    clamp,
    fma,
    in_float64,
    polynomial,
    product_error,
    scale,
    select,
    vector_function,
)
from srcgrad.backends.vecmath.exponential import exp_parts_f64
from srcgrad.backends.vecmath.logarithm import log1p_f64, log_f64

SQRT_HALF = 0.7071067811865476
# (1 + 2 x) erfcx(x) in (x - 4) / (x + 4), x >= 0
ERFCX_F64 = (
    1.2329951186255526, -0.1396211168405623, 0.015379652102619604, 0.06809705425466908, -0.10103906603630056,
    0.0937328349990944, -0.06633036581218697, 0.03716751552655567, -0.016197734059799265, 0.005031970067657489,
    -0.0007577732613730956, -0.00019925714661091188, 0.0001506214900124047, -2.4397746422436416e-05,
    -1.1221287012353486e-05, 5.706604414895734e-06, 2.919733377963012e-07, -8.210939042560568e-07,
    7.746992727017941e-08, 1.0633855618594884e-07, -2.05606492756992e-08, -1.234686604382353e-08,
    3.1695881915648173e-09, 9.311744978232572e-10, -2.659599690242689e-10,
)  # fmt: skip


@vector_function
def erfcx_positive_f64(a: Real) -> Real:
    """`exp(a**2) erfc(a)` for `a >= 0`."""
    near = clamp(a, 0.0, 1e20)
    return 0.5 * polynomial((near - 4.0) / (near + 4.0), ERFCX_F64) / (0.5 + a)


@vector_function
def erfcx_f64(x: Real) -> Real:
    """`exp(x**2) erfc(x)`."""
    a = absolute(x)
    tail = erfcx_positive_f64(a)
    near = clamp(a, 0.0, 27.0)
    square = near * near
    k, u = exp_parts_f64(square, product_error(near, near, square))
    return select(x < 0.0, scale(fma(u, 2.0, 2.0), k) - tail, tail)


@vector_function
def normal_tail_f64(a: Real) -> Real:
    """The probability that a normal variable exceeds `a >= 0`."""
    near = clamp(a, 0.0, 39.0)
    square = near * near
    k, u = exp_parts_f64(-0.5 * square, -0.5 * product_error(near, near, square))
    half = 0.5 * erfcx_positive_f64(near * SQRT_HALF)
    return scale(fma(u, half, half), k)


@vector_function
def ndtr_f64(x: Real) -> Real:
    """The distribution function of the normal distribution."""
    tail = normal_tail_f64(absolute(x))
    return select(x < 0.0, tail, 1.0 - tail)


@vector_function
def log_ndtr_f64(x: Real) -> Real:
    """The logarithm of `ndtr`, accurate in both tails."""
    a = absolute(x)
    below = log_f64(0.5 * erfcx_positive_f64(a * SQRT_HALF)) - 0.5 * a * a
    return select(x < 0.0, below, log1p_f64(-normal_tail_f64(a)))


erfcx_f32 = in_float64(erfcx_f64)
ndtr_f32 = in_float64(ndtr_f64)
log_ndtr_f32 = in_float64(log_ndtr_f64)
