"""expit (the logistic function), log_expit, logit, logaddexp and logaddexp2."""

import numpy as np

from srcgrad.backends.vecmath.bits import absolute, quotient, select, vector_function
from srcgrad.backends.vecmath.exponential import exp_f32, exp_f64

ONE_F32 = np.float32(1.0)


@vector_function
def expit_f64(x):
    """`1 / (1 + exp(-x))`, or `exp(x) / (1 + exp(x))` for negative `x`, which underflows gradually."""
    z = exp_f64(-absolute(x))
    return quotient(select(x < 0.0, z, 1.0), 1.0, z)


@vector_function
def expit_f32(x):
    """`1 / (1 + exp(-x))`, or `exp(x) / (1 + exp(x))` for negative `x`, which underflows gradually."""
    z = exp_f32(-absolute(x))
    return quotient(select(x < 0.0, z, ONE_F32), ONE_F32, z)
