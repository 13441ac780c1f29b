import numpy as np
from srcgrad.backends.buffer import at, local, own_part, part_of, reshaped, view
from srcgrad.backends.runtime import kernel
from srcgrad.backends.vecmath.exponential import exp_f64 as exp
from srcgrad.backends.vecmath.hyperbolic import tanh_f64 as tanh
from srcgrad.backends.vecmath.logarithm import log1p_f64 as log1p
from srcgrad.backends.vecmath.trigonometric import cos_f64 as cos, sin_f64 as sin



@kernel(fast_math=True)
def grad_chain(x, t):
    x = view(x, (1000,))
    t = view(t, (1000,))
    for i in range(1000):
        t1 = sin(x[i])
        t2 = t1 * t1
        t3 = exp(log1p(t2))
        t4 = tanh(t3)
        t5 = (((1.0 - (t4 * t4)) * t3) * (1.0 / (1.0 + t2))) * t1
        t[i] = (t5 + t5) * cos(x[i])
