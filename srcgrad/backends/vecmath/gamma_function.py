"""gamma itself; its logarithm and the derivatives of that are in `gamma.py`, with which it shares the ranges.

Below 8 the recurrence leads to `z` in [1.5, 2.5] and a polynomial in `z - 2`. From 8 on it is the exponential of
Stirling's series, which is summed with its rounding errors. Negative arguments are reflected: with `y = 1 - x`,
`gamma(x) = pi / (sin(pi x) gamma(y))`, and the rounding error `d` of `y` gives a factor `1 + d digamma(y)`. float32 is
computed in float64.
"""

import numpy as np

from srcgrad.backends.vecmath.bits import (
    Real,
    clamp,
    fma,
    in_float64,
    polynomial,
    product_error,
    rint,
    scale,
    select,
    sum_error,
    vector_function,
)
from srcgrad.backends.vecmath.exponential import exp_parts_f64
from srcgrad.backends.vecmath.gamma import STIRLING_F64, sine_over_pi_f64
from srcgrad.backends.vecmath.power import log_pair_f64

HALF_LOG_2_PI = 0.9189385332046728
HALF_LOG_2_PI_LOW = -3.8782941580672414e-17
# gamma(2 + u), |u| <= 1/2
GAMMA_F64 = (
    1.0, 0.4227843350984668, 0.41184033042644064, 0.08157691924717293, 0.07424901075338665,
    -0.0002669820748172386, 0.011154045724613223, -0.002852645628049376, 0.0021039331732498803,
    -0.0009195771584500493, 0.0004903909299068918, -0.00024090802311883897, 0.00012165153858755432,
    -6.099500173606907e-05, 3.057661722370728e-05, -1.4516601972717814e-05, 7.215655907571232e-06,
    -5.168771784629881e-06, 2.626595151600183e-06,
)  # fmt: skip


@vector_function
def gamma_near_f64(x: Real) -> Real:
    """`gamma(x)` for `0 <= x < 8`."""
    z = x
    above_product, below_product = 1.0, 1.0
    for _ in range(6):
        above = z > 2.5
        z = select(above, z - 1.0, z)
        above_product = select(above, above_product * z, above_product)
    for _ in range(2):
        below = z < 1.5
        below_product = select(below, below_product * z, below_product)
        z = select(below, z + 1.0, z)
    return polynomial(z - 2.0, GAMMA_F64) * above_product / below_product


@vector_function
def stirling_pair_f64(x: Real) -> tuple[Real, ...]:
    """`log(gamma(x))` for `x >= 8` as the sum of two doubles."""
    log_x, log_low = log_pair_f64(x)
    product = (x - 0.5) * log_x
    low = fma(x - 0.5, log_low, product_error(x - 0.5, log_x, product))
    first = product - x
    inverse = 1.0 / x
    series = fma(inverse, polynomial(inverse * inverse, STIRLING_F64), HALF_LOG_2_PI_LOW)
    high = first + HALF_LOG_2_PI
    low = low + sum_error(product, -x, first) + sum_error(first, HALF_LOG_2_PI, high)
    return high, low + series


@vector_function
def gamma_f64(x: Real) -> Real:
    """The gamma function; infinite at 0, NaN at the negative integers and -inf."""
    negative = x < 0.0
    y = select(negative, 1.0 - x, x)
    lost = select(negative, (1.0 - y) - x, 0.0)
    far = clamp(y, 8.0, 1000.0)
    high, low = stirling_pair_f64(far)
    # Half the logarithm, so that a reciprocal that underflows may still be divided by a small sine
    half = select(negative, -0.5, 0.5)
    digamma = log_pair_f64(clamp(y, 1.0, 1000.0))[0] - 0.5 / y
    k, u = exp_parts_f64(half * high, half * fma(lost, digamma, low))
    inverse_sine = select(negative, 1.0 / sine_over_pi_f64(x), 1.0)
    once = scale(fma(u, inverse_sine, inverse_sine), k)
    large = scale(fma(u, once, once), k)
    near = gamma_near_f64(y)
    corrected = fma(near, lost * digamma, near)
    small = select(negative, inverse_sine / corrected, near)
    floor = select(rint(x) > x, rint(x) - 1.0, rint(x))
    odd = rint(0.5 * floor) != 0.5 * floor
    size = select(y < 8.0, small, large)
    result = select(negative & odd, -size, size)
    result = select(negative & (rint(x) == x), np.nan, result)
    return select((x != x) | (x == np.inf), x, result)  # noqa: PLR0124  (true of NaN alone)


gamma_f32 = in_float64(gamma_f64)
