"""log, log1p, log2 and log10.

`x = m 2**e` with `m` in `[sqrt(1/2), sqrt(2))`, then with `f = m - 1` and `s = f / (2 + f)`

    log(1 + f) = 2 atanh(s) = f - f**2/2 + s (f**2/2 + R(s**2)),    R(z) = 2 z/3 + 2 z**2/5 + ...

(the arrangement of Ng's fdlibm, in which the rounding errors of the small terms do not matter), where `R` is a
minimax polynomial of our own. float32 needs no division: `log(1 + f) = f - f**2/2 + f**3 P(f)`.
"""

import numpy as np

from srcgrad.backends.vecmath.bits import (
    Real,
    exponent,
    fma,
    polynomial,
    select,
    subtract_exponent,
    to_float,
    to_negative_float,
    vector_function,
)
from srcgrad.backends.vecmath.constants import (
    LN2_HIGH,
    LN2_LOW,
    LOG2_E,
    LOG2_E_F32,
    MIN_NORMAL,
    MIN_NORMAL_F32,
    ONE_F32,
    TWO_24_F32,
    TWO_54,
    ZERO_F32,
)

# (2 atanh(s) - 2 s) / s**3 in z = s**2, up to s = (sqrt(2) - 1) / (sqrt(2) + 1)
LOG_F64 = (
    0.6666666666666735, 0.39999999999413477, 0.28571428742663263, 0.22222198544175834, 0.1818356586132795,
    0.15314010742704176, 0.14796352256795742,
)  # fmt: skip
# The polynomial P of float32
LOG_F32 = (
    0.33333316, -0.2500081, 0.20002298, -0.16624555, 0.1418095, -0.13128528, 0.12883188, -0.07862031,
)  # fmt: skip
# log(2) as the float32 below it and what is left, which must not be negative (see `log_of_parts_f32`)
LN2_BELOW_F32 = np.float32(0.6931471)
LN2_BEHIND_F32 = np.float32(5.7699992e-08)
LOG2_E_LOW = 2.0355273740931033e-17
LOG10_E = 0.4342944819032518
LOG10_E_LOW = 1.098319650216765e-17
LOG10_2_HIGH = 0.3010299955494702
LOG10_2_LOW = 1.1451100898021838e-10
LOG2_E_LOW_F32 = np.float32(1.925963e-08)
LOG10_E_F32 = np.float32(0.4342945)
LOG10_E_LOW_F32 = np.float32(-1.010305e-08)
LOG10_2_HIGH_F32 = np.float32(0.3010254)
LOG10_2_LOW_F32 = np.float32(4.605039e-06)


@vector_function
def log_of_parts_f64(f: Real, k: Real) -> Real:
    """`log(2**-k (1 + f))` for `1 + f` in `[sqrt(1/2), sqrt(2))`; that of `f = -0.0, k = 0.0` is -0.0."""
    s = f / (2.0 + f)
    z = s * s
    half_square = 0.5 * f * f
    tail = fma(s, fma(z, polynomial(z, LOG_F64), half_square), k * -LN2_LOW)
    return fma(k, -LN2_HIGH, f - (half_square - tail))


@vector_function
def log_of_parts_f32(f: Real, k: Real) -> Real:
    """`log(2**-k (1 + f))` for `1 + f` in `[sqrt(1/2), sqrt(2))`; that of `f = -0.0, k = 0.0` is -0.0."""
    square = f * f
    tail = fma(square * f, polynomial(f, LOG_F32), k * -LN2_BEHIND_F32)
    return fma(k, -LN2_BELOW_F32, f + fma(square, -0.5, tail))


@vector_function
def log1p_pair_f64(f: Real) -> tuple[Real, ...]:
    """`log(1 + f)` as the sum of two doubles (some 60 bits) for `1 + f` in `[sqrt(1/2), sqrt(2))`."""
    s = f / (2.0 + f)
    z = s * s
    half_square = 0.5 * f * f
    less = half_square - s * fma(z, polynomial(z, LOG_F64), half_square)
    y = f - less
    return y, (f - y) - less


@vector_function
def log1p_pair_f32(f: Real) -> tuple[Real, ...]:
    """`log(1 + f)` as the sum of two float32 for `1 + f` in `[sqrt(1/2), sqrt(2))`."""
    square = f * f
    less = fma(square, 0.5, -(square * f) * polynomial(f, LOG_F32))
    y = f - less
    return y, (f - y) - less


@vector_function
def log_f64(x: Real) -> Real:
    """The natural logarithm; -inf at 0, NaN below."""
    subnormal = x < MIN_NORMAL
    normal = select(subnormal, x * TWO_54, x)
    e = exponent(normal)
    y = log_of_parts_f64(subtract_exponent(normal, e) - 1.0, to_negative_float(e) + select(subnormal, 54.0, 0.0))
    y = select(x > 0.0, y, select(x == 0.0, -np.inf, np.nan))
    return select(x == np.inf, x, y)


@vector_function
def log_f32(x: Real) -> Real:
    """The natural logarithm; -inf at 0, NaN below."""
    subnormal = x < MIN_NORMAL_F32
    normal = select(subnormal, x * TWO_24_F32, x)
    e = exponent(normal)
    k = to_negative_float(e) + select(subnormal, 24.0, ZERO_F32)
    y = log_of_parts_f32(subtract_exponent(normal, e) - ONE_F32, k)
    y = select(x > 0.0, y, select(x == 0.0, -np.inf, np.nan))
    return select(x == np.inf, x, y)


@vector_function
def log1p_f64(x: Real) -> Real:
    """`log(1 + x)`, accurate near 0; -inf at -1, NaN below."""
    u = 1.0 + x
    e = exponent(u)
    # What `1 + x` lost joins the reduced argument; it only matters while u is moderate.
    lost = (x - (u - 1.0)) * subtract_exponent(1.0, e)
    f = select(x < TWO_54, lost, 0.0) - (1.0 - subtract_exponent(u, e))  # -0.0 for x = -0.0
    y = log_of_parts_f64(f, to_negative_float(e))
    y = select(x > -1.0, y, select(x == -1.0, -np.inf, np.nan))
    return select(x == np.inf, x, y)


@vector_function
def log1p_f32(x: Real) -> Real:
    """`log(1 + x)`, accurate near 0; -inf at -1, NaN below."""
    u = ONE_F32 + x
    e = exponent(u)
    lost = (x - (u - ONE_F32)) * subtract_exponent(ONE_F32, e)
    f = select(x < TWO_24_F32, lost, 0.0) - (ONE_F32 - subtract_exponent(u, e))  # -0.0 for x = -0.0
    y = log_of_parts_f32(f, to_negative_float(e))
    y = select(x > -1.0, y, select(x == -1.0, -np.inf, np.nan))
    return select(x == np.inf, x, y)


@vector_function
def log2_f64(x: Real) -> Real:
    """The logarithm to base 2, exact for powers of two; -inf at 0, NaN below."""
    subnormal = x < MIN_NORMAL
    normal = select(subnormal, x * TWO_54, x)
    e = exponent(normal)
    y, rest = log1p_pair_f64(subtract_exponent(normal, e) - 1.0)
    y = fma(y, LOG2_E, fma(y, LOG2_E_LOW, rest * LOG2_E)) + (to_float(e) - select(subnormal, 54.0, 0.0))
    y = select(x > 0.0, y, select(x == 0.0, -np.inf, np.nan))
    return select(x == np.inf, x, y)


@vector_function
def log2_f32(x: Real) -> Real:
    """The logarithm to base 2, exact for powers of two; -inf at 0, NaN below."""
    subnormal = x < MIN_NORMAL_F32
    normal = select(subnormal, x * TWO_24_F32, x)
    e = exponent(normal)
    y, rest = log1p_pair_f32(subtract_exponent(normal, e) - ONE_F32)
    y = fma(y, LOG2_E_F32, fma(y, LOG2_E_LOW_F32, rest * LOG2_E_F32))
    y = y + (to_float(e) - select(subnormal, 24.0, ZERO_F32))
    y = select(x > 0.0, y, select(x == 0.0, -np.inf, np.nan))
    return select(x == np.inf, x, y)


@vector_function
def log10_f64(x: Real) -> Real:
    """The logarithm to base 10; -inf at 0, NaN below."""
    subnormal = x < MIN_NORMAL
    normal = select(subnormal, x * TWO_54, x)
    e = exponent(normal)
    k = to_float(e) - select(subnormal, 54.0, 0.0)
    y, rest = log1p_pair_f64(subtract_exponent(normal, e) - 1.0)
    low = fma(k, LOG10_2_LOW, fma(y, LOG10_E_LOW, rest * LOG10_E))
    y = fma(k, LOG10_2_HIGH, fma(y, LOG10_E, low))
    y = select(x > 0.0, y, select(x == 0.0, -np.inf, np.nan))
    return select(x == np.inf, x, y)


@vector_function
def log10_f32(x: Real) -> Real:
    """The logarithm to base 10; -inf at 0, NaN below."""
    subnormal = x < MIN_NORMAL_F32
    normal = select(subnormal, x * TWO_24_F32, x)
    e = exponent(normal)
    k = to_float(e) - select(subnormal, 24.0, ZERO_F32)
    y, rest = log1p_pair_f32(subtract_exponent(normal, e) - ONE_F32)
    low = fma(k, LOG10_2_LOW_F32, fma(y, LOG10_E_LOW_F32, rest * LOG10_E_F32))
    y = fma(k, LOG10_2_HIGH_F32, fma(y, LOG10_E_F32, low))
    y = select(x > 0.0, y, select(x == 0.0, -np.inf, np.nan))
    return select(x == np.inf, x, y)
