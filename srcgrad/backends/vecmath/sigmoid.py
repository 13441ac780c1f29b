"""expit (the logistic function), log_expit, logit, logaddexp and logaddexp2."""

import numpy as np

from srcgrad.backends.vecmath.bits import Real, absolute, fma, quotient, select, vector_function
from srcgrad.backends.vecmath.constants import LN2, LN2_F32, LOG2_E, LOG2_E_F32, ONE_F32, ZERO_F32
from srcgrad.backends.vecmath.exponential import exp2_f32, exp2_f64, exp_f32, exp_f64
from srcgrad.backends.vecmath.logarithm import log1p_f32, log1p_f64

LN2_64 = 44.3614195558365
LN2_32_F32 = np.float32(22.18071)
MIN_LOGIT_F32 = np.float32(2.0**-94)
TWO_32_F32 = np.float32(2.0**32)


@vector_function
def expit_f64(x: Real) -> Real:
    """`1 / (1 + exp(-x))`, or `exp(x) / (1 + exp(x))` for negative `x`, which underflows gradually."""
    z = exp_f64(-absolute(x))
    return quotient(select(x < 0.0, z, 1.0), 1.0, z)


@vector_function
def expit_f32(x: Real) -> Real:
    """`1 / (1 + exp(-x))`, or `exp(x) / (1 + exp(x))` for negative `x`, which underflows gradually."""
    z = exp_f32(-absolute(x))
    return quotient(select(x < 0.0, z, ONE_F32), ONE_F32, z)


@vector_function
def log_expit_f64(x: Real) -> Real:
    """`log(expit(x)) = min(x, 0) - log1p(exp(-|x|))`."""
    rest = log1p_f64(exp_f64(-absolute(x)))
    return select(x < 0.0, x - rest, -rest)


@vector_function
def log_expit_f32(x: Real) -> Real:
    """`log(expit(x)) = min(x, 0) - log1p(exp(-|x|))`."""
    rest = log1p_f32(exp_f32(-absolute(x)))
    return select(x < 0.0, x - rest, -rest)


@vector_function
def logit_f64(p: Real) -> Real:
    """`log(p / (1 - p))`, accurate near 0, 1/2 and 1; NaN outside [0, 1].

    With `r = min(p, 1 - p)` it is `log1p((1 - 2 r) / r)` up to its sign; `r` is scaled where the quotient overflows.
    """
    low = p < 0.5
    r = select(low, p + 0.0, 1.0 - p)
    tiny = absolute(r) < 1e-290
    scaled = select(tiny, r * 2.0**64, r)
    y = log1p_f64((1.0 - (r + r)) / scaled) + select(tiny, LN2_64, 0.0)
    return select(low, -y, y)


@vector_function
def logit_f32(p: Real) -> Real:
    """`log(p / (1 - p))`, accurate near 0, 1/2 and 1; NaN outside [0, 1]."""
    low = p < 0.5
    r = select(low, p + ZERO_F32, ONE_F32 - p)
    tiny = absolute(r) < MIN_LOGIT_F32
    scaled = select(tiny, r * TWO_32_F32, r)
    y = log1p_f32((ONE_F32 - (r + r)) / scaled) + select(tiny, LN2_32_F32, 0.0)
    return select(low, -y, y)


@vector_function
def logaddexp_f64(a: Real, b: Real) -> Real:
    """`log(exp(a) + exp(b)) = max(a, b) + log1p(exp(-|a - b|))`."""
    largest = select(a > b, a, b)
    return largest + select(a == b, LN2, log1p_f64(exp_f64(-absolute(a - b))))


@vector_function
def logaddexp_f32(a: Real, b: Real) -> Real:
    """`log(exp(a) + exp(b)) = max(a, b) + log1p(exp(-|a - b|))`."""
    largest = select(a > b, a, b)
    return largest + select(a == b, LN2_F32, log1p_f32(exp_f32(-absolute(a - b))))


@vector_function
def logaddexp2_f64(a: Real, b: Real) -> Real:
    """`log2(2**a + 2**b) = max(a, b) + log2(1 + 2**-|a - b|)`."""
    largest = select(a > b, a, b)
    more = fma(LOG2_E, log1p_f64(exp2_f64(-absolute(a - b))), largest)
    return select(a == b, largest + 1.0, more)


@vector_function
def logaddexp2_f32(a: Real, b: Real) -> Real:
    """`log2(2**a + 2**b) = max(a, b) + log2(1 + 2**-|a - b|)`."""
    largest = select(a > b, a, b)
    more = fma(LOG2_E_F32, log1p_f32(exp2_f32(-absolute(a - b))), largest)
    return select(a == b, largest + ONE_F32, more)
