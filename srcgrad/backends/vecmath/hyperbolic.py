"""tanh, sinh, cosh and their inverses."""

from srcgrad.backends.vecmath.bits import absolute, clamp, copysign, quotient, select, vector_function
from srcgrad.backends.vecmath.exponential import quarter_expm1_f32, quarter_expm1_f64


@vector_function
def tanh_f64(x):
    """`expm1(2|x|) / (expm1(2|x|) + 2)` with the sign of `x`; 1 beyond 20, where it is exact to the last bit."""
    magnitude = absolute(x)
    q = quarter_expm1_f64(2.0 * clamp(magnitude, 0.0, 20.0))
    ratio = quotient(q, 0.5, q)
    return copysign(select(magnitude < 1e-9, magnitude, ratio), x)


@vector_function
def tanh_f32(x):
    """`expm1(2|x|) / (expm1(2|x|) + 2)` with the sign of `x`; 1 beyond 10, where it is exact to the last bit."""
    magnitude = clamp(absolute(x), 0.0, 10.0)
    q = quarter_expm1_f32(magnitude + magnitude)
    ratio = quotient(q, 0.5, q)
    return copysign(select(magnitude < 1e-5, magnitude, ratio), x)
