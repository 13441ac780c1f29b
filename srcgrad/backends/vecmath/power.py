"""power, `x**y` for floats, with the special cases of C (and NumPy).

`|x|**y = exp(y log|x|)` loses the digits that stand before the point of `y log|x|`, so the logarithm and the product
are carried as sums of two doubles, some 68 bits (as every good libm does; the double-double arithmetic is Dekker's).
`log(m) = 2 s + s**3 (2/3 + z Q(z))` with `s = (m - 1) / (m + 1)` and `z = s**2`. float32 computes in float64
throughout, which gives it nearly correct rounding in fewer instructions than pairs of float32 would take.
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
    scale,
    select,
    subtract_exponent,
    to_float,
    to_integer,
    vector_function,
)
from srcgrad.backends.vecmath.constants import LN2_HIGH, LN2_LOW, LOG2_E, MIN_NORMAL, TWO_54
from srcgrad.backends.vecmath.exponential import exp_parts_f64

TWO_THIRDS = 0.6666666666666666
TWO_THIRDS_LOW = 3.700743415417188e-17
# Q(z): (2 atanh(s) - 2 s) / s**3 = 2/3 + z Q(z)
POWER_LOG_F64 = (
    0.40000000000002256, 0.285714285700992, 0.22222222520011634, 0.18181784358455236, 0.15386757752667424,
    0.13256807630214096, 0.13196424384951108,
)  # fmt: skip
# (2 atanh(s) - 2 s) / s**3 in z to 2**-36, (exp(r) - 1 - r) / r**2 to 2**-34
POWER_LOG_F32 = (0.6666666564333726, 0.4000033566792252, 0.28537278780023084, 0.23582704513151906)
POWER_EXP_F32 = (
    0.5000000067735775, 0.16666665871711914, 0.041666294886083435, 0.008333496437983189,
    0.0013944661968017414, 0.00019790688544000295,
)  # fmt: skip


@vector_function
def log_pair_f64(x: Real) -> tuple[Real, ...]:
    """`log(x)` for a positive finite `x` as the sum of two doubles, relative error about 2**-67."""
    subnormal = x < MIN_NORMAL
    normal = select(subnormal, x * TWO_54, x)
    e = exponent(normal)
    f = subtract_exponent(normal, e) - 1.0
    k = to_float(e) - select(subnormal, 54.0, 0.0)
    d = 2.0 + f
    inverse = 1.0 / d
    s = f * inverse
    sd = s * d
    s_low = ((f - sd) - product_error(s, d, sd) - s * (f - (d - 2.0))) * inverse
    z = s * s
    z_low = fma(s + s, s_low, product_error(s, s, z))
    cube = s * z
    cube_low = product_error(s, z, cube) + fma(s, z_low, s_low * z)
    zq = z * polynomial(z, POWER_LOG_F64)
    c = TWO_THIRDS + zq
    c_low = (TWO_THIRDS - c) + zq + TWO_THIRDS_LOW
    v = cube * c
    v_low = product_error(cube, c, v) + fma(cube, c_low, cube_low * c)
    log_m = 2.0 * s + v
    log_m_low = (2.0 * s - log_m) + v + (2.0 * s_low + v_low)
    k_ln2 = k * LN2_HIGH
    high = k_ln2 + log_m
    return high, (k_ln2 - high) + log_m + fma(k, LN2_LOW, log_m_low)


@vector_function
def signed_power_f64(x: Real, y: Real, magnitude: Real) -> Real:
    """`x**y` from `|x|**y`: the sign, NaN for a negative base with a fractional exponent, and `1**y = x**0 = 1`."""
    half = 0.5 * y
    odd = (rint(y) == y) & (rint(half) != half)
    undefined = (rint(y) != y) & (x < 0.0) & (x > -np.inf)
    signed = select(odd & (copysign(1.0, x) < 0.0), -magnitude, magnitude)
    signed = select(undefined, np.nan, signed)
    return select((x == 1.0) | (y == 0.0), 1.0, signed)


@vector_function
def power_f64(x: Real, y: Real) -> Real:
    """`x**y`."""
    a = absolute(x)
    high, low = log_pair_f64(a)
    high = select((a > 0.0) & (a < np.inf), high, select(a == 0.0, -np.inf, a))
    product = y * high
    rest = product_error(y, high, product) + y * low
    rest = select((absolute(product) < 1e3) & (a != 1.0), rest, 0.0)
    k, u = exp_parts_f64(select(a == 1.0, 0.0, product), rest)
    return signed_power_f64(x, y, scale(1.0 + u, k))


@vector_function
def power_f32(x: Real, y: Real) -> Real:
    """`x**y`."""
    base = np.float64(x)
    index = np.float64(y)
    a = absolute(base)
    e = exponent(a)
    f = subtract_exponent(a, e) - 1.0
    s = f / (2.0 + f)
    z = s * s
    log_a = fma(to_float(e), 0.6931471805599453, fma(s * z, polynomial(z, POWER_LOG_F32), s + s))
    log_a = select((a > 0.0) & (a < np.inf), log_a, select(a == 0.0, -np.inf, a))
    product = clamp(select(a == 1.0, 0.0, index * log_a), -200.0, 200.0)
    k = rint(product * LOG2_E)
    r = fma(k, -0.6931471805599453, product)
    magnitude = fma(r * r, polynomial(r, POWER_EXP_F32), 1.0 + r) * power_of_two(to_integer(k))
    return np.float32(signed_power_f64(base, index, magnitude))
