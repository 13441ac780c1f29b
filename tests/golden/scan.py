from numba import float64
from srcgrad.backends.buffer import local, view
from srcgrad.backends.runtime import kernel
from srcgrad.backends.vecmath.hyperbolic import tanh_f64 as tanh



@kernel(fast_math=False)
def grad_filtered(decay, inputs):
    inputs = view(inputs, (50,))
    saved_stack = local(float64, (50,))
    carry_stack = local(float64, (50,))
    level_stack = local(float64, (50,))
    carry = 0.0
    for i in range(50):
        level = tanh(decay * carry + inputs[i])
        t1 = level * level
        saved_stack[i] = t1
        carry_stack[i] = carry
        level_stack[i] = level
        carry = level
    total1 = 0.0
    for i1 in range(50):
        total1 += saved_stack[i1]
    t = carry + total1
    d_carry = 1.0
    d_level1 = 0.0
    for i2 in range(49, -1, -1):
        d_level2 = (d_carry + level_stack[i2] + level_stack[i2]) * (1.0 - level_stack[i2] * level_stack[i2])
        d_carry = d_level2 * decay
        d_level1 += d_level2 * carry_stack[i2]
    d_level = d_level1
    return t, d_level
