from numba import float64
from srcgrad.backends.buffer import local, view
from srcgrad.backends.runtime import kernel
from srcgrad.backends.vecmath.exponential import exp_f64 as exp
from srcgrad.backends.vecmath.hyperbolic import tanh_f64 as tanh
from srcgrad.backends.vecmath.logarithm import log1p_f64 as log1p
from srcgrad.backends.vecmath.trigonometric import cos_f64 as cos, sin_f64 as sin



@kernel(fast_math=False)
def grad_chain(x, grad_x):
    x = view(x, (1000,))
    grad_x = view(grad_x, (1000,))
    t1 = local(float64, (1000,))
    t = local(float64, (1000,))
    t2 = local(float64, (1000,))
    t3 = local(float64, (1000,))
    t4 = local(float64, (1000,))
    for i in range(1000):
        t1_ = sin(x[i])
        t1[i] = t1_
        t[i] = 1.0 / (1.0 + t1_ * t1_)
        t2[i] = cos(x[i])
    for i in range(1000):
        t3[i] = log1p(t1[i] * t1[i])
    for i in range(1000):
        t4[i] = exp(t3[i])
    for i in range(1000):
        t5 = tanh(t4[i])
        t6 = (1.0 - t5 * t5) * t4[i] * t[i] * t1[i]
        grad_x[i] = (t6 + t6) * t2[i]
