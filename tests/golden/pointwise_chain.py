from numba import float64
from srcgrad.backends.buffer import local, view
from srcgrad.backends.runtime import kernel
from srcgrad.backends.vecmath.exponential import exp_f64 as exp
from srcgrad.backends.vecmath.hyperbolic import tanh_f64 as tanh
from srcgrad.backends.vecmath.logarithm import log1p_f64 as log1p
from srcgrad.backends.vecmath.trigonometric import cos_f64 as cos, sin_f64 as sin



@kernel(fast_math=False)
def grad_chain(x, t):
    x = view(x, (1000,))
    t = view(t, (1000,))
    t1 = local(float64, (1000,))
    t2 = local(float64, (1000,))
    t3 = local(float64, (1000,))
    t4 = local(float64, (1000,))
    t5 = local(float64, (1000,))
    for i in range(1000):
        t1_ = sin(x[i])
        t1[i] = t1_
        t2[i] = 1.0 / (1.0 + t1_ * t1_)
        t3[i] = cos(x[i])
    for i in range(1000):
        t4[i] = log1p(t1[i] * t1[i])
    for i in range(1000):
        t5[i] = exp(t4[i])
    for i in range(1000):
        t6 = tanh(t5[i])
        t7 = (1.0 - t6 * t6) * t5[i] * t2[i] * t1[i]
        t[i] = (t7 + t7) * t3[i]
