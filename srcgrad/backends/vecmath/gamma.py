"""gammaln, digamma and polygamma1 (trigamma).

Three ranges, chosen by selects. From 8 on (trigamma: from 6 on), Stirling's series with minimax coefficients. Below,
the recurrence `gamma(x + 1) = x gamma(x)` leads to `z` in [1.5, 2.5], where a polynomial in `z - 2` is accurate also
around the zero of gammaln at 2 (trigamma goes up to 6 instead, all its terms being positive). Negative arguments
are reflected: `gamma(x) gamma(1 - x) = pi / sin(pi x)`.
"""

import numpy as np

from srcgrad.backends.vecmath.bits import (
    Real,
    absolute,
    copysign,
    fma,
    polynomial,
    rint,
    select,
    vector_function,
)
from srcgrad.backends.vecmath.constants import (
    HALF_F32,
    ONE_F32,
    PI,
    PI_F32,
    PI_LOW,
    PI_LOW_F32,
    TINY_F32,
    TWO_F32,
    ZERO_F32,
)
from srcgrad.backends.vecmath.logarithm import log_f32, log_f64
from srcgrad.backends.vecmath.rare import rarely
from srcgrad.backends.vecmath.trigonometric import cos_pi_f32, cos_pi_f64, sin_pi_f32, sin_pi_f64

INVERSE_PI_F64 = 0.3183098861837907
# 1 - Euler's constant, log(2 pi) / 2 - 1 / 2
GAMMALN_SLOPE = 0.42278433509846713
STIRLING_CONSTANT = 0.4189385332046727
# (gammaln(2 + u) / u - slope) / u, |u| <= 1/2
GAMMALN_F64 = (
    0.32246703342411, -0.06735230105318984, 0.020580808428223192, -0.007385551029402063,
    0.0028905103109625194, -0.0011927538874195907, 0.0005096699506965757, -0.0002231551734755588,
    9.945247940287025e-05, -4.4922169268896433e-05, 2.05415968717312e-05, -9.463234480403165e-06,
    4.240203987027599e-06, -1.9580338865623914e-06, 1.2314275194405285e-06, -5.96740520620765e-07,
)  # fmt: skip
# Stirling's series: x times gammaln(x) less (x - 1/2) (log(x) - 1) + constant, in 1 / x**2, x >= 8
STIRLING_F64 = (
    0.08333333333333245, -0.0027777777767980056, 0.0007936504166934403, -0.0005951695855567332,
    0.000835303695765415, -0.0016086433521506351,
)  # fmt: skip
# digamma(2 + u), |u| <= 1/2
DIGAMMA_F64 = (
    0.42278433509846713, 0.6449340668482269, -0.20205690315959612, 0.08232323371104855,
    -0.03692775514314886, 0.0173430619907043, -0.008349277392261082, 0.0040773559998144105,
    -0.0020083925792580334, 0.0009945785201668164, -0.0004941920009926667, 0.00024605254596202057,
    -0.00012268484583919599, 6.145301026995903e-05, -3.073597732371259e-05, 1.455707489611074e-05,
    -7.178355285203105e-06, 5.1811514169024556e-06, -2.675322934352605e-06,
)  # fmt: skip
# x**2 (log(x) - 1 / (2 x) - digamma(x)) in 1 / x**2, x >= 8
DIGAMMA_TAIL_F64 = (
    0.08333333333333315, -0.008333333333038368, 0.003968253803205863, -0.0041666227135179566,
    0.00756945083296777, -0.02058761101856851, 0.06150936456738783,
)  # fmt: skip
# x**3 (trigamma(x) - 1 / x - 1 / (2 x**2)) in 1 / x**2, x >= 6
TRIGAMMA_TAIL_F64 = (
    0.16666666666666086, -0.033333333326424755, 0.023809520986814825, -0.03333277223720758,
    0.0756952038723169, -0.24899082962074442, 1.0018229869195039, -3.1616225656888073,
)  # fmt: skip
GAMMALN_F32 = (0.322467, -0.06735329, 0.020582283, -0.007365235, 0.0028739856, -0.0013165838, 0.00058087736)
STIRLING_F32 = (0.08333324, -0.0027598625)
DIGAMMA_F32 = (
    0.42278433, 0.6449339, -0.20205653, 0.08233177, -0.036937945, 0.017222602, -0.008251494, 0.0046970495,
    -0.0023919032,
)  # fmt: skip
DIGAMMA_TAIL_F32 = (0.083332926, -0.008248446)
TRIGAMMA_TAIL_F32 = (0.16666655, -0.033307597, 0.022168001)
INVERSE_PI_F32 = np.float32(0.31830987)
GAMMALN_SLOPE_F32 = np.float32(0.42278433)


@vector_function
def gammaln_shift_f64(x: Real) -> tuple[Real, ...]:
    """`(a, p)` for `0 <= x < 8`: `gammaln(x) = a + log(p)` from 3/2 on, `a - log(p)` below."""
    z = x
    product = 1.0
    for _ in range(6):
        above = z > 2.5
        z = select(above, z - 1.0, z)
        product = select(above, product * z, product)
    for _ in range(2):
        below = z < 1.5
        product = select(below, product * z, product)
        z = select(below, z + 1.0, z)
    u = z - 2.0
    return u * fma(u, polynomial(u, GAMMALN_F64), GAMMALN_SLOPE), product


@vector_function
def stirling_f64(x: Real, log_x: Real) -> Real:
    """`gammaln(x)` for `x >= 8`."""
    inverse = 1.0 / x
    series = fma(inverse, polynomial(inverse * inverse, STIRLING_F64), STIRLING_CONSTANT)
    return fma(x - 0.5, log_x - 1.0, series)


@vector_function
def sine_over_pi_f64(x: Real) -> Real:
    """`|sin(pi x)| / pi`."""
    distance = absolute(x - rint(x))
    sine = select(distance > 0.25, cos_pi_f64(0.5 - distance), sin_pi_f64(distance))
    return select(distance < 1e-9, distance, sine * INVERSE_PI_F64)


@vector_function
def gammaln_very_negative_f64(x: Real) -> Real:
    """`log(|gamma(x)|)` for `x <= -7`; infinite at the integers, and -inf at -inf, as in SciPy."""
    y = 1.0 - x
    return select(
        rint(x) == x, select(x == -np.inf, x, np.inf), -log_f64(sine_over_pi_f64(x)) - stirling_f64(y, log_f64(y))
    )


@vector_function
def gammaln_f64(x: Real) -> Real:
    """`log(|gamma(x)|)`; infinite at 0 and the negative integers."""
    negative = x < 0.0
    y = select(negative, 1.0 - x, x)
    near, product = gammaln_shift_f64(y)
    # One logarithm of a product: two would cancel around the zeros between the negative integers.
    reflected = sine_over_pi_f64(x) * select(y < 1.5, 1.0 / product, product)
    log_p = log_f64(select(negative, reflected, select(x >= 8.0, x, product)))
    small = select(negative, -near, near) + select(negative | (x < 1.5), -log_p, log_p)
    usual = select(x >= 8.0, stirling_f64(x, log_p), small)
    return rarely(x, select(negative, x, 0.0), 7.0, usual, gammaln_very_negative_f64)


@vector_function
def gammaln_shift_f32(x: Real) -> tuple[Real, ...]:
    """`(a, p)` for `0 <= x < 8`: `gammaln(x) = a + log(p)` from 3/2 on, `a - log(p)` below."""
    z = x
    product = ONE_F32
    for _ in range(6):
        above = z > 2.5
        z = select(above, z - ONE_F32, z)
        product = select(above, product * z, product)
    for _ in range(2):
        below = z < 1.5
        product = select(below, product * z, product)
        z = select(below, z + ONE_F32, z)
    u = z - TWO_F32
    return u * fma(u, polynomial(u, GAMMALN_F32), GAMMALN_SLOPE_F32), product


@vector_function
def stirling_f32(x: Real, log_x: Real) -> Real:
    """`gammaln(x)` for `x >= 8`."""
    inverse = ONE_F32 / x
    series = fma(inverse, polynomial(inverse * inverse, STIRLING_F32), STIRLING_CONSTANT)
    return fma(x - HALF_F32, log_x - ONE_F32, series)


@vector_function
def sine_over_pi_f32(x: Real) -> Real:
    """`|sin(pi x)| / pi`."""
    distance = absolute(x - rint(x))
    sine = select(distance > 0.25, cos_pi_f32(HALF_F32 - distance), sin_pi_f32(distance))
    return select(distance < TINY_F32, distance, sine * INVERSE_PI_F32)


@vector_function
def gammaln_very_negative_f32(x: Real) -> Real:
    """`log(|gamma(x)|)` for `x <= -7`; infinite at the integers, and -inf at -inf, as in SciPy."""
    y = ONE_F32 - x
    return select(
        rint(x) == x, select(x == -np.inf, x, np.inf), -log_f32(sine_over_pi_f32(x)) - stirling_f32(y, log_f32(y))
    )


@vector_function
def gammaln_f32(x: Real) -> Real:
    """`log(|gamma(x)|)`; infinite at 0 and the negative integers."""
    negative = x < 0.0
    y = select(negative, ONE_F32 - x, x)
    near, product = gammaln_shift_f32(y)
    # One logarithm of a product: two would cancel around the zeros between the negative integers.
    reflected = sine_over_pi_f32(x) * select(y < 1.5, ONE_F32 / product, product)
    log_p = log_f32(select(negative, reflected, select(x >= 8.0, x, product)))
    small = select(negative, -near, near) + select(negative | (x < 1.5), -log_p, log_p)
    usual = select(x >= 8.0, stirling_f32(x, log_p), small)
    return rarely(x, select(negative, x, ZERO_F32), 7.0, usual, gammaln_very_negative_f32)


@vector_function
def digamma_positive_f64(x: Real) -> Real:
    """The logarithmic derivative of gamma for `x >= 0`."""
    z = x
    top, bottom = 0.0, 1.0
    for _ in range(6):
        above = z > 2.5
        z = select(above, z - 1.0, z)
        top = select(above, fma(top, z, bottom), top)
        bottom = select(above, bottom * z, bottom)
    for _ in range(2):
        below = z < 1.5
        top = select(below, fma(top, z, -bottom), top)
        bottom = select(below, bottom * z, bottom)
        z = select(below, z + 1.0, z)
    inverse = 1.0 / x
    square = inverse * inverse
    far = log_f64(x) - fma(square, polynomial(square, DIGAMMA_TAIL_F64), 0.5 * inverse)
    return select(x >= 8.0, far, polynomial(z - 2.0, DIGAMMA_F64) + top / bottom)


@vector_function
def digamma_positive_f32(x: Real) -> Real:
    """The logarithmic derivative of gamma for `x >= 0`."""
    z = x
    top, bottom = ZERO_F32, ONE_F32
    for _ in range(6):
        above = z > 2.5
        z = select(above, z - ONE_F32, z)
        top = select(above, fma(top, z, bottom), top)
        bottom = select(above, bottom * z, bottom)
    for _ in range(2):
        below = z < 1.5
        top = select(below, fma(top, z, -bottom), top)
        bottom = select(below, bottom * z, bottom)
        z = select(below, z + ONE_F32, z)
    inverse = ONE_F32 / x
    square = inverse * inverse
    far = log_f32(x) - fma(square, polynomial(square, DIGAMMA_TAIL_F32), HALF_F32 * inverse)
    return select(x >= 8.0, far, polynomial(z - TWO_F32, DIGAMMA_F32) + top / bottom)


@vector_function
def digamma_negative_f64(x: Real) -> Real:
    """The logarithmic derivative of gamma for `x < 0`; NaN at the integers."""
    distance = x - rint(x)
    near = absolute(distance)
    far = near > 0.25
    g = select(far, 0.5 - near, near)
    sine, cosine = sin_pi_f64(g), cos_pi_f64(g)
    top, bottom = copysign(select(far, sine, cosine), distance), select(far, cosine, sine)
    cotangent = top / bottom
    low = fma(fma(-cotangent, bottom, top) / bottom, PI, cotangent * PI_LOW)
    return select(rint(x) == x, np.nan, fma(cotangent, -PI, digamma_positive_f64(1.0 - x) - low))


@vector_function
def digamma_f64(x: Real) -> Real:
    """The logarithmic derivative of gamma; NaN at the negative integers."""
    return rarely(x, select(x < 0.0, x, 0.0), 1e-30, digamma_positive_f64(x), digamma_negative_f64)


@vector_function
def digamma_negative_f32(x: Real) -> Real:
    """The logarithmic derivative of gamma for `x < 0`; NaN at the integers."""
    distance = x - rint(x)
    near = absolute(distance)
    far = near > 0.25
    g = select(far, HALF_F32 - near, near)
    sine, cosine = sin_pi_f32(g), cos_pi_f32(g)
    top, bottom = copysign(select(far, sine, cosine), distance), select(far, cosine, sine)
    cotangent = top / bottom
    low = fma(fma(-cotangent, bottom, top) / bottom, PI_F32, cotangent * PI_LOW_F32)
    return select(rint(x) == x, np.nan, fma(cotangent, -PI_F32, digamma_positive_f32(ONE_F32 - x) - low))


@vector_function
def digamma_f32(x: Real) -> Real:
    """The logarithmic derivative of gamma; NaN at the negative integers."""
    return rarely(x, select(x < 0.0, x, ZERO_F32), 1e-30, digamma_positive_f32(x), digamma_negative_f32)


@vector_function
def trigamma_upward_f64(x: Real) -> Real:
    """The derivative of digamma for `x > -1/2`."""
    top, bottom = 0.0, 1.0
    z = x
    for _ in range(6):
        z = z + 1.0
        square = z * z
        top = fma(top, square, bottom)
        bottom = bottom * square
    first = 1.0 / x
    small = x < 6.0
    inverse = 1.0 / select(small, z + 1.0, x)
    square = inverse * inverse
    far = fma(square, fma(inverse, polynomial(square, TRIGAMMA_TAIL_F64), 0.5), inverse)
    return select(small, fma(first, first, far + top / bottom), far)


@vector_function
def trigamma_negative_f64(x: Real) -> Real:
    """The derivative of digamma for `x <= -1/2`; infinite at the integers."""
    distance = absolute(x - rint(x))
    sine = select(distance > 0.25, cos_pi_f64(0.5 - distance), sin_pi_f64(distance))
    root = PI / sine
    root_low = (fma(-root, sine, PI) + PI_LOW) / sine
    y = fma(root, root, fma(root + root, root_low, -trigamma_upward_f64(1.0 - x)))
    return select(rint(x) == x, np.inf, y)


@vector_function
def polygamma1_f64(x: Real) -> Real:
    """The derivative of digamma; infinite at 0 and the negative integers."""
    return rarely(x, select(x < 0.0, x, 0.0), 0.5, trigamma_upward_f64(x), trigamma_negative_f64)


@vector_function
def trigamma_upward_f32(x: Real) -> Real:
    """The derivative of digamma for `x > -1/2`."""
    top, bottom = ZERO_F32, ONE_F32
    z = x
    for _ in range(6):
        z = z + ONE_F32
        square = z * z
        top = fma(top, square, bottom)
        bottom = bottom * square
    first = ONE_F32 / x
    small = x < 6.0
    inverse = ONE_F32 / select(small, z + ONE_F32, x)
    square = inverse * inverse
    far = fma(square, fma(inverse, polynomial(square, TRIGAMMA_TAIL_F32), 0.5), inverse)
    return select(small, fma(first, first, far + top / bottom), far)


@vector_function
def trigamma_negative_f32(x: Real) -> Real:
    """The derivative of digamma for `x <= -1/2`; infinite at the integers."""
    distance = absolute(x - rint(x))
    sine = select(distance > 0.25, cos_pi_f32(HALF_F32 - distance), sin_pi_f32(distance))
    root = PI_F32 / sine
    root_low = (fma(-root, sine, PI_F32) + PI_LOW_F32) / sine
    y = fma(root, root, fma(root + root, root_low, -trigamma_upward_f32(ONE_F32 - x)))
    return select(rint(x) == x, np.inf, y)


@vector_function
def polygamma1_f32(x: Real) -> Real:
    """The derivative of digamma; infinite at 0 and the negative integers."""
    return rarely(x, select(x < 0.0, x, ZERO_F32), 0.5, trigamma_upward_f32(x), trigamma_negative_f32)
