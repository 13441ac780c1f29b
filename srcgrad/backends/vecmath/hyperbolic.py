"""tanh, sinh, cosh and their inverses."""

import numpy as np

from srcgrad.backends.vecmath.bits import (
    Real,
    absolute,
    clamp,
    copysign,
    fma,
    quotient,
    select,
    sqrt,
    vector_function,
)
from srcgrad.backends.vecmath.constants import (
    EIGHTH_F32,
    HALF_F32,
    LN2,
    LN2_F32,
    ONE_F32,
    QUARTER_F32,
    TINY_F32,
    TWO_54,
    TWO_F32,
)
from srcgrad.backends.vecmath.exponential import quarter_expm1_f32, quarter_expm1_f64
from srcgrad.backends.vecmath.logarithm import log1p_f32, log1p_f64

TWO_25_F32 = np.float32(2.0**25)


@vector_function
def tanh_f64(x: Real) -> Real:
    """`expm1(2|x|) / (expm1(2|x|) + 2)` with the sign of `x`; 1 beyond 20, where it is exact to the last bit."""
    magnitude = absolute(x)
    q = quarter_expm1_f64(2.0 * clamp(magnitude, 0.0, 20.0))
    ratio = quotient(q, 0.5, q)
    return copysign(select(magnitude < 1e-9, magnitude, ratio), x)


@vector_function
def tanh_f32(x: Real) -> Real:
    """`expm1(2|x|) / (expm1(2|x|) + 2)` with the sign of `x`; 1 beyond 10, where it is exact to the last bit."""
    magnitude = clamp(absolute(x), 0.0, 10.0)
    q = quarter_expm1_f32(magnitude + magnitude)
    ratio = quotient(q, 0.5, q)
    return copysign(select(magnitude < TINY_F32, magnitude, ratio), x)


@vector_function
def sinh_f64(x: Real) -> Real:
    """`(t + t / (t + 1)) / 2` with `t = expm1(|x|)` and the sign of `x`."""
    magnitude = absolute(x)
    q = quarter_expm1_f64(magnitude)
    y = 2.0 * (q + q / fma(q, 4.0, 1.0))
    return copysign(select(magnitude < 1e-9, magnitude, y), x)


@vector_function
def sinh_f32(x: Real) -> Real:
    """`(t + t / (t + 1)) / 2` with `t = expm1(|x|)` and the sign of `x`."""
    magnitude = absolute(x)
    q = quarter_expm1_f32(magnitude)
    y = TWO_F32 * (q + q / fma(q, 4.0, 1.0))
    return copysign(select(magnitude < TINY_F32, magnitude, y), x)


@vector_function
def cosh_f64(x: Real) -> Real:
    """`(exp(|x|) + 1 / exp(|x|)) / 2`."""
    quarter = quarter_expm1_f64(absolute(x)) + 0.25
    return 2.0 * quarter + 0.125 / quarter


@vector_function
def cosh_f32(x: Real) -> Real:
    """`(exp(|x|) + 1 / exp(|x|)) / 2`."""
    quarter = quarter_expm1_f32(absolute(x)) + QUARTER_F32
    return TWO_F32 * quarter + EIGHTH_F32 / quarter


@vector_function
def arcsinh_f64(x: Real) -> Real:
    """`log1p(|x| + x**2 / (1 + sqrt(1 + x**2)))` with the sign of `x`; `log(|x|) + ln2` for huge `x`."""
    magnitude = absolute(x)
    huge = magnitude > TWO_54
    square = magnitude * magnitude
    argument = magnitude + square / (1.0 + sqrt(1.0 + square))
    y = log1p_f64(select(huge, magnitude, argument)) + select(huge, LN2, 0.0)
    return copysign(y, x)


@vector_function
def arcsinh_f32(x: Real) -> Real:
    """`log1p(|x| + x**2 / (1 + sqrt(1 + x**2)))` with the sign of `x`; `log(|x|) + ln2` for huge `x`."""
    magnitude = absolute(x)
    huge = magnitude > TWO_25_F32
    square = magnitude * magnitude
    argument = magnitude + square / (ONE_F32 + sqrt(ONE_F32 + square))
    y = log1p_f32(select(huge, magnitude, argument)) + select(huge, LN2_F32, 0.0)
    return copysign(y, x)


@vector_function
def arccosh_f64(x: Real) -> Real:
    """`log1p(t + sqrt(t (t + 2)))` with `t = x - 1`; `log(x) + ln2` for huge `x`, NaN below 1."""
    huge = x > TWO_54
    t = x - 1.0
    argument = t + sqrt(fma(t, t, t + t))
    y = log1p_f64(select(huge, x, argument)) + select(huge, LN2, 0.0)
    return select(x < 1.0, np.nan, y)


@vector_function
def arccosh_f32(x: Real) -> Real:
    """`log1p(t + sqrt(t (t + 2)))` with `t = x - 1`; `log(x) + ln2` for huge `x`, NaN below 1."""
    huge = x > TWO_25_F32
    t = x - ONE_F32
    argument = t + sqrt(fma(t, t, t + t))
    y = log1p_f32(select(huge, x, argument)) + select(huge, LN2_F32, 0.0)
    return select(x < 1.0, np.nan, y)


@vector_function
def arctanh_f64(x: Real) -> Real:
    """`log1p(2 |x| / (1 - |x|)) / 2` with the sign of `x`; infinite at 1, NaN beyond."""
    magnitude = absolute(x)
    return copysign(0.5 * log1p_f64((magnitude + magnitude) / (1.0 - magnitude)), x)


@vector_function
def arctanh_f32(x: Real) -> Real:
    """`log1p(2 |x| / (1 - |x|)) / 2` with the sign of `x`; infinite at 1, NaN beyond."""
    magnitude = absolute(x)
    return copysign(HALF_F32 * log1p_f32((magnitude + magnitude) / (ONE_F32 - magnitude)), x)
