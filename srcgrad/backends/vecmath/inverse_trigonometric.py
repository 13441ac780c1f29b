"""arcsin, arccos, arctan and arctan2.

arcsin(x) = x + x**3 P(x**2) up to 1/2; beyond it `arcsin(x) = pi/2 - 2 arcsin(sqrt((1 - x) / 2))` brings the
argument back below 1/2 (Cody and Waite 1980). arctan reduces to `|t| <= tan(pi/8)` by
`arctan(x) = pi/4 + arctan((x - 1) / (x + 1))` and `pi/2 - arctan(1 / x)`, with one division for all cases.
"""

import numpy as np

from srcgrad.backends.vecmath.bits import (
    Real,
    absolute,
    copysign,
    fma,
    polynomial,
    select,
    sqrt,
    vector_function,
)
from srcgrad.backends.vecmath.constants import HALF_F32, ONE_F32, PI, PI_F32, PI_LOW, PI_LOW_F32, TWO_F32

HALF_PI = 1.5707963267948966
HALF_PI_LOW = 6.123233995736766e-17
QUARTER_PI = 0.7853981633974483
QUARTER_PI_LOW = 3.061616997868383e-17
TAN_EIGHTH_PI = 0.41421356237309503
TAN_THREE_EIGHTHS_PI = 2.414213562373095
# (arcsin(s) - s) / s**3 and (arctan(t) - t) / t**3 in the square of the argument
ARCSIN_F64 = (
    0.16666666666665372, 0.07500000000345586, 0.04464285682143589, 0.030381959414207512,
    0.022371751552065937, 0.017359800758710114, 0.013884304957063486, 0.012175216891799226,
    0.006502409725172696, 0.01959722214190834, -0.016331024361024838, 0.03198455825584091,
)  # fmt: skip
ARCTAN_F64 = (
    -0.333333333333332, 0.19999999999953694, -0.14285714280206518, 0.11111110783900603,
    -0.09090897768457028, 0.07692060368683135, -0.06663105360405715, 0.05847895621851713,
    -0.05039318750582953, 0.03806456033532609, -0.017906831004470533,
)  # fmt: skip
ARCSIN_F32 = (0.16666754, 0.074952275, 0.045478947, 0.024138262, 0.042234834)
ARCTAN_F32 = (-0.33333316, 0.19998485, -0.14243749, 0.10595199, -0.060812697)
HALF_PI_F32 = np.float32(1.5707964)
HALF_PI_LOW_F32 = np.float32(-4.371139e-08)
QUARTER_PI_F32 = np.float32(0.7853982)
QUARTER_PI_LOW_F32 = np.float32(-2.1855694e-08)
HUGE_F32 = np.float32(2.0**100)
SHRINK_F32 = np.float32(2.0**-30)
TAN_EIGHTH_PI_F32 = np.float32(0.41421357)
TAN_THREE_EIGHTHS_PI_F32 = np.float32(2.4142135)


@vector_function
def arcsin_f64(x: Real) -> Real:
    """The inverse sine; NaN outside [-1, 1]."""
    magnitude = absolute(x)
    large = magnitude > 0.5
    z = select(large, 0.5 - 0.5 * magnitude, magnitude * magnitude)
    s = select(large, sqrt(z), magnitude)
    tail = s * z * polynomial(z, ARCSIN_F64)
    far = (HALF_PI - (s + s)) - ((tail + tail) - HALF_PI_LOW)
    return copysign(select(large, far, s + tail), x)


@vector_function
def arcsin_f32(x: Real) -> Real:
    """The inverse sine; NaN outside [-1, 1]."""
    magnitude = absolute(x)
    large = magnitude > 0.5
    z = select(large, HALF_F32 - HALF_F32 * magnitude, magnitude * magnitude)
    s = select(large, sqrt(z), magnitude)
    tail = s * z * polynomial(z, ARCSIN_F32)
    far = (HALF_PI_F32 - (s + s)) - ((tail + tail) - HALF_PI_LOW_F32)
    return copysign(select(large, far, s + tail), x)


@vector_function
def arccos_f64(x: Real) -> Real:
    """The inverse cosine; NaN outside [-1, 1]."""
    magnitude = absolute(x)
    large = magnitude > 0.5
    z = select(large, 0.5 - 0.5 * magnitude, magnitude * magnitude)
    s = select(large, sqrt(z), x)
    tail = s * z * polynomial(z, ARCSIN_F64)
    p = 2.0 * (s + tail)
    far = select(x < 0.0, PI - (p - PI_LOW), p)
    return select(large, far, HALF_PI - (s + (tail - HALF_PI_LOW)))


@vector_function
def arccos_f32(x: Real) -> Real:
    """The inverse cosine; NaN outside [-1, 1]."""
    magnitude = absolute(x)
    large = magnitude > 0.5
    z = select(large, HALF_F32 - HALF_F32 * magnitude, magnitude * magnitude)
    s = select(large, sqrt(z), x)
    tail = s * z * polynomial(z, ARCSIN_F32)
    p = TWO_F32 * (s + tail)
    far = select(x < 0.0, PI_F32 - (p - PI_LOW_F32), p)
    return select(large, far, HALF_PI_F32 - (s + (tail - HALF_PI_LOW_F32)))


@vector_function
def arctan_f64(x: Real) -> Real:
    """The inverse tangent."""
    a = absolute(x)
    middle = a > TAN_EIGHTH_PI
    large = a > TAN_THREE_EIGHTHS_PI
    numerator = select(large, -1.0, select(middle, a - 1.0, a))
    t = numerator / select(large, a, select(middle, a + 1.0, 1.0))
    z = t * t
    low = select(large, HALF_PI_LOW, select(middle, QUARTER_PI_LOW, 0.0))
    tail = t + fma(t * z, polynomial(z, ARCTAN_F64), low)
    return copysign(tail + select(large, HALF_PI, select(middle, QUARTER_PI, 0.0)), x)


@vector_function
def arctan_f32(x: Real) -> Real:
    """The inverse tangent."""
    a = absolute(x)
    middle = a > TAN_EIGHTH_PI_F32
    large = a > TAN_THREE_EIGHTHS_PI_F32
    numerator = select(large, -1.0, select(middle, a - ONE_F32, a))
    t = numerator / select(large, a, select(middle, a + ONE_F32, 1.0))
    z = t * t
    low = select(large, HALF_PI_LOW_F32, select(middle, QUARTER_PI_LOW_F32, 0.0))
    tail = t + fma(t * z, polynomial(z, ARCTAN_F32), low)
    return copysign(tail + select(large, HALF_PI_F32, select(middle, QUARTER_PI_F32, 0.0)), x)


@vector_function
def arctan2_f64(y: Real, x: Real) -> Real:
    """The angle of the point `(x, y)`, in [-pi, pi], with the conventions of C for zeros and infinities."""
    a, b = absolute(x), absolute(y)
    steep = b > a
    large = select(steep, b, a)
    small = select(steep, a, b)
    # Infinite: an axis or the diagonal; both zero: the axis; huge: scaled, so that the sum is finite.
    infinite = large == np.inf
    shrink = select(large > 1e300, 2.0**-60, 1.0)
    small = select(infinite, select(small == np.inf, shrink, 0.0), small * shrink)
    large = select(infinite, shrink, select(large == 0.0, 1.0, large * shrink))
    middle = small > TAN_EIGHTH_PI * large
    t = select(middle, small - large, small) / select(middle, small + large, large)
    z = t * t
    angle = fma(t * z, polynomial(z, ARCTAN_F64), select(middle, QUARTER_PI_LOW, 0.0))
    angle = (t + angle) + select(middle, QUARTER_PI, 0.0)
    angle = select(steep, HALF_PI - (angle - HALF_PI_LOW), angle)
    angle = select(copysign(1.0, x) < 0.0, PI - (angle - PI_LOW), angle)
    return select((a >= 0.0) & (b >= 0.0), copysign(angle, y), np.nan)


@vector_function
def arctan2_f32(y: Real, x: Real) -> Real:
    """The angle of the point `(x, y)`, in [-pi, pi], with the conventions of C for zeros and infinities."""
    a, b = absolute(x), absolute(y)
    steep = b > a
    large = select(steep, b, a)
    small = select(steep, a, b)
    infinite = large == np.inf
    shrink = select(large > HUGE_F32, SHRINK_F32, 1.0)
    small = select(infinite, select(small == np.inf, shrink, 0.0), small * shrink)
    large = select(infinite, shrink, select(large == 0.0, 1.0, large * shrink))
    middle = small > TAN_EIGHTH_PI_F32 * large
    t = select(middle, small - large, small) / select(middle, small + large, large)
    z = t * t
    angle = fma(t * z, polynomial(z, ARCTAN_F32), select(middle, QUARTER_PI_LOW_F32, 0.0))
    angle = (t + angle) + select(middle, QUARTER_PI_F32, 0.0)
    angle = select(steep, HALF_PI_F32 - (angle - HALF_PI_LOW_F32), angle)
    angle = select(copysign(ONE_F32, x) < 0.0, PI_F32 - (angle - PI_LOW_F32), angle)
    return select((a >= 0.0) & (b >= 0.0), copysign(angle, y), np.nan)
