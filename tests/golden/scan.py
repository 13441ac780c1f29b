from numba import float64
from srcgrad.backends.buffer import local, view
from srcgrad.backends.runtime import kernel
from srcgrad.backends.vecmath.hyperbolic import tanh_f64 as tanh



@kernel(fast_math=False)
def grad_filtered(decay, inputs):
    inputs = view(inputs, (50,))
    t3 = local(float64, (50,))
    t4 = local(float64, (50,))
    t5 = local(float64, (50,))
    carry = 0.0
    for i in range(50):
        level = tanh(decay * carry + inputs[i])
        t2 = level * level
        t3[i] = t2
        t4[i] = carry
        t5[i] = level
        carry = level
    t6 = 0.0
    for i1 in range(50):
        t6 += t3[i1]
    t = carry + t6
    ct0 = 1.0
    sum0 = 0.0
    for i2 in range(49, -1, -1):
        level1 = (ct0 + t5[i2] + t5[i2]) * (1.0 - t5[i2] * t5[i2])
        ct0 = level1 * decay
        sum0 += level1 * t4[i2]
    t1 = sum0
    return t, t1
