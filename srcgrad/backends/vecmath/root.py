"""cbrt and hypot.

cbrt: `|x| = m 2**(3 k + j)` with `m` in `[sqrt(1/2), sqrt(2))` and `j` in {-1, 0, 1}. A short polynomial gives
`r ~ (m 2**j)**(-1/3)`, one division-free step `r (1 + h/3 + 2 h**2/9)`, `h = 1 - m r**3`, refines it, and
`y = m r**2` gets a last correction by the residual `m - y**3`.
"""

import numpy as np

from srcgrad.backends.vecmath.bits import (
    Real,
    absolute,
    clamp,
    copysign,
    exponent,
    fma,
    polynomial,
    power_of_two,
    product_error,
    rint,
    select,
    sqrt,
    subtract_exponent,
    to_float,
    to_integer,
    vector_function,
)
from srcgrad.backends.vecmath.constants import EIGHT_F32, HALF_F32, MIN_NORMAL, MIN_NORMAL_F32, TWO_24_F32, TWO_54

# m**(-1/3) to 2**-12, and 2**(1/3), 2**(-1/3)
INVERSE_CBRT = (1.7307217753951112, -1.2857565493394498, 0.7133544178686241, -0.15854097035669956)
CBRT_TWO = 1.2599210498948732
CBRT_HALF = 0.7937005259840998
THIRD = 0.3333333333333333
TWO_NINTHS = 0.2222222222222222
THIRD_F32 = np.float32(0.33333334)
TWO_NINTHS_F32 = np.float32(0.22222222)
CBRT_TWO_F32 = np.float32(1.2599211)


@vector_function
def cbrt_f64(x: Real) -> Real:
    """The real cube root."""
    magnitude = absolute(x)
    subnormal = magnitude < MIN_NORMAL
    normal = select(subnormal, magnitude * TWO_54, magnitude)
    e = exponent(normal)
    k = rint(to_float(e) * THIRD)
    j = to_float(e) - 3.0 * k
    mantissa = subtract_exponent(normal, e)
    m = mantissa * select(j < 0.0, 0.5, select(j > 0.0, 2.0, 1.0))
    r = polynomial(mantissa, INVERSE_CBRT) * select(j < 0.0, CBRT_TWO, select(j > 0.0, CBRT_HALF, 1.0))
    h = fma(-m * r, r * r, 1.0)
    r = fma(r * h, fma(h, TWO_NINTHS, THIRD), r)
    y = m * (r * r)
    square = y * y
    residual = fma(-square, y, m) - product_error(y, y, square) * y
    y = fma(residual * THIRD, r * r, y)
    y = y * power_of_two(to_integer(k - select(subnormal, 18.0, 0.0)))
    y = select((magnitude > 0.0) & (magnitude < np.inf), y, magnitude)
    return copysign(y, x)


@vector_function
def cbrt_f32(x: Real) -> Real:
    """The real cube root."""
    magnitude = absolute(x)
    subnormal = magnitude < MIN_NORMAL_F32
    normal = select(subnormal, magnitude * TWO_24_F32, magnitude)
    e = exponent(normal)
    k = rint(to_float(e) * THIRD_F32)
    j = fma(k, -3.0, to_float(e))
    mantissa = subtract_exponent(normal, e)
    m = mantissa * select(j < 0.0, HALF_F32, select(j > 0.0, 2.0, 1.0))
    r = polynomial(mantissa, INVERSE_CBRT) * select(j < 0.0, CBRT_TWO_F32, select(j > 0.0, CBRT_HALF, 1.0))
    h = fma(-m * r, r * r, 1.0)
    r = fma(r * h, fma(h, TWO_NINTHS_F32, THIRD_F32), r)
    y = m * (r * r)
    square = y * y
    residual = fma(-square, y, m) - product_error(y, y, square) * y
    y = fma(residual * THIRD_F32, r * r, y)
    y = y * power_of_two(to_integer(k - select(subnormal, EIGHT_F32, 0.0)))
    y = select((magnitude > 0.0) & (magnitude < np.inf), y, magnitude)
    return copysign(y, x)


@vector_function
def hypot_f64(x: Real, y: Real) -> Real:
    """`sqrt(x**2 + y**2)` without overflow or underflow; infinite if either argument is."""
    a, b = absolute(x), absolute(y)
    largest = select(a > b, a, b)
    shift = clamp(to_float(exponent(largest)), -1000.0, 1000.0)
    down = power_of_two(to_integer(-shift))
    scaled_a, scaled_b = a * down, b * down
    length = sqrt(fma(scaled_a, scaled_a, scaled_b * scaled_b)) * power_of_two(to_integer(shift))
    return select((a == np.inf) | (b == np.inf), np.inf, length)


@vector_function
def hypot_f32(x: Real, y: Real) -> Real:
    """`sqrt(x**2 + y**2)` without overflow or underflow; infinite if either argument is."""
    a, b = absolute(x), absolute(y)
    largest = select(a > b, a, b)
    shift = clamp(to_float(exponent(largest)), -110.0, 110.0)
    down = power_of_two(to_integer(-shift))
    scaled_a, scaled_b = a * down, b * down
    length = sqrt(fma(scaled_a, scaled_a, scaled_b * scaled_b)) * power_of_two(to_integer(shift))
    return select((a == np.inf) | (b == np.inf), np.inf, length)
