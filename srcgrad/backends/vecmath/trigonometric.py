"""sin, cos, tan and sinc.

Reduction: `x = n pi/2 + r` with integer `n` and `|r| <= pi/4`; the last two bits of `n` say whether the result is a
sine or a cosine of `r`, and its sign. For moderate `x`, `r` is computed with `pi/2` as the sum of three numbers
(Cody and Waite 1980) and carried with its rounding error. The first difference is exact, and all its bits lie above
the last one of what is then taken off, so the error of the second takes two operations even where the first is the
smaller (Boldo, Graillat and Muller 2017, "On the robustness of the 2Sum and Fast2Sum algorithms").

A huge `x` needs many digits of `1 / pi`, but none of those whose product with `x` is an even integer (Payne and
Hanek 1983). With `x = m 2**(8 i)`, `m` an integer if `i > 0`, row `i` of a table holds `(2**(8 i) / pi) mod 2` as the
sum of four doubles. The products and sums that matter are carried with their errors (Dekker 1971, Knuth), so the
result has full relative accuracy even for the doubles closest to a multiple of `pi/2`. A vectorised loop enters this
path only for vectors with a huge element (see `rare.py`).
"""

import numpy as np

from srcgrad.backends.vecmath.bits import (
    Real,
    absolute,
    exponent,
    flip_sign,
    fma,
    fused,
    polynomial,
    product_error,
    rint,
    select,
    subtract_exponent,
    sum_error,
    to_integer,
    vector_function,
)
from srcgrad.backends.vecmath.constants import HALF_F32, PI, PI_F32, PI_LOW, PI_LOW_F32, TINY_F32
from srcgrad.backends.vecmath.rare import rarely

# The first 1280 bits of 1 / pi after the binary point.
INVERSE_PI_BITS = 1280
INVERSE_PI = int(
    "517CC1B727220A94FE13ABE8FA9A6EE06DB14ACC9E21C820FF28B1D5EF5DE2B0DB92371D2126E970"
    "0324977504E8C90E7F0EF58E5894D39F74411AFA975DA24274CE38135A2FBF209CC8EB1CC1A99CFA"
    "4E422FC5DEFC941D8FFC4BFFEF02CC07F79788C5AD05368FB69B3F6793E584DBA7A31FB34F2FF516"
    "BA93DD63F5F2F8BD9E839CFBC529497535FDAFD88FC6AE842B0198237E3DB5D5F867DE104D7A1B0E",
    16,
)
TWO_OVER_PI = 0.6366197723675814
HALF_PI_1 = 1.5707963267948966
HALF_PI_2 = 6.123233995736766e-17
HALF_PI_3 = -1.4973849048591698e-33
# (sin(r) - r) / r**3 and (cos(r) - 1) / r**2 in r**2, |r| <= pi / 4
SIN_F64 = (
    -0.1666666666666663, 0.008333333333321981, -0.00019841269829477871, 2.75573135821002e-06,
    -2.5050741521920457e-08, 1.5895862954611182e-10,
)  # fmt: skip
COS_F64 = (
    -0.5, 0.04166666666666647, -0.0013888888888861728, 2.48015872839535e-05, -2.755731308039609e-07,
    2.0875577398343464e-09, -1.1353045136053677e-11,
)  # fmt: skip
SIN_F32 = (-0.16666654, 0.008332113, -0.00019508669)
COS_F32 = (-0.5, 0.041666616, -0.0013886591, 2.4375135e-05)
# From here on the table is used. The number n must stay an exact integer, its error a small part of one.
HUGE = 2.0**40
HUGE_F32 = 2.0**16
TWO_OVER_PI_F32 = np.float32(0.63661975)
HALF_PI_1_F32 = np.float32(1.5707964)
HALF_PI_2_F32 = np.float32(-4.371139e-08)
HALF_PI_3_F32 = np.float32(-1.7151245e-15)


def inverse_pi_part(shift: int, part: int) -> float:
    """Double number `part` (from 0) of the expansion of `(2**shift / pi) mod 2`, taken from [-1, 1]."""
    one = 1 << INVERSE_PI_BITS
    rest = (INVERSE_PI << shift) % (2 * one)
    rest -= 2 * one if rest > one else 0
    for _ in range(part):
        numerator, denominator = (rest / one).as_integer_ratio()
        rest -= numerator * one // denominator
    return rest / one


# Exponents 53 to 1024 in steps of 8
INVERSE_PI_PARTS = np.array([[inverse_pi_part(8 * row, part) for part in range(4)] for row in range(123)])


@vector_function
def sine_f64(r: Real, low: Real) -> Real:
    """`sin(r + low)` for `|r| <= pi / 4` and a tiny `low`."""
    z = r * r
    return r + fma(r * z, polynomial(z, SIN_F64), fma(z, -0.5, 1.0) * low)


@vector_function
def cosine_f64(r: Real, low: Real) -> Real:
    """`cos(r + low)` for `|r| <= pi / 4` and a tiny `low`."""
    z = r * r
    return fma(z, polynomial(z, COS_F64), fma(-r, low, 1.0))


@vector_function
def sine_f32(r: Real, low: Real) -> Real:
    """`sin(r + low)` for `|r| <= pi / 4` and a tiny `low`."""
    z = r * r
    return r + fma(r * z, polynomial(z, SIN_F32), low)


@vector_function
def cosine_f32(r: Real, low: Real) -> Real:
    """`cos(r + low)` for `|r| <= pi / 4` and a tiny `low`."""
    z = r * r
    return fma(z, polynomial(z, COS_F32), fma(-r, low, 1.0))


@vector_function
def quadrant_f64(x: Real) -> tuple[Real, ...]:
    """`(n, r, low)` with `x = n pi/2 + r + low` for `|x| < 2**40`."""
    n = rint(x * TWO_OVER_PI)
    near = fused(n, -HALF_PI_1, x)
    second = n * -HALF_PI_2
    r = near + second
    lost = fma(n, -HALF_PI_3, product_error(n, -HALF_PI_2, second))
    return to_integer(n), r, (second - (r - near)) + lost


@vector_function
def quadrant_f32(x: Real) -> tuple[Real, ...]:
    """`(n, r, low)` with `x = n pi/2 + r + low` for `|x| < 2**16`."""
    n = rint(x * TWO_OVER_PI_F32)
    near = fused(n, -HALF_PI_1_F32, x)
    second = n * -HALF_PI_2_F32
    r = near + second
    lost = fma(n, -HALF_PI_3_F32, product_error(n, -HALF_PI_2_F32, second))
    return to_integer(n), r, (second - (r - near)) + lost


@vector_function
def quadrant_of_huge_f64(x: Real) -> tuple[Real, ...]:
    """`(n, r, low)` with `x = n pi/2 + r + low` for every finite `x`, `n` modulo 4."""
    row = max(exponent(absolute(x)) - 53, 0) >> 3
    m = subtract_exponent(x, row << 3)
    part_1, part_2 = INVERSE_PI_PARTS[row, 0], INVERSE_PI_PARTS[row, 1]
    part_3, part_4 = INVERSE_PI_PARTS[row, 2], INVERSE_PI_PARTS[row, 3]
    p1, p2, p3 = m * part_1, m * part_2, m * part_3
    e1 = product_error(m, part_1, p1)
    e2 = product_error(m, part_2, p2)
    e3 = product_error(m, part_3, p3)
    first = p1 - 2.0 * rint(0.5 * p1)
    second = e1 + p2
    third = e2 + p3
    total = first + second
    lost = sum_error(e1, p2, second) + sum_error(first, second, total)
    small = lost + third
    rest = fma(m, part_4, e3) + (sum_error(e2, p3, third) + sum_error(lost, third, small))
    n = rint(2.0 * total)
    large = total - 0.5 * n
    turn = large + small
    rest = rest + sum_error(large, small, turn)
    r = turn * PI
    return to_integer(n), r, product_error(turn, PI, r) + fma(turn, PI_LOW, rest * PI)


@vector_function
def sin_of_huge_f64(x: Real) -> Real:
    """The sine; NaN for infinities."""
    n, r, low = quadrant_of_huge_f64(x)
    y = flip_sign(select((n & 1) != 0, cosine_f64(r, low), sine_f64(r, low)), n >> 1)
    return select(absolute(x) < np.inf, y, np.nan)


@vector_function
def cos_of_huge_f64(x: Real) -> Real:
    """The cosine; NaN for infinities."""
    n, r, low = quadrant_of_huge_f64(x)
    y = flip_sign(select((n & 1) != 0, sine_f64(r, low), cosine_f64(r, low)), (n + 1) >> 1)
    return select(absolute(x) < np.inf, y, np.nan)


@vector_function
def tan_of_huge_f64(x: Real) -> Real:
    """The tangent; NaN for infinities."""
    n, r, low = quadrant_of_huge_f64(x)
    odd = (n & 1) != 0
    sine, cosine = sine_f64(r, low), cosine_f64(r, low)
    y = select(odd, cosine, sine) / select(odd, -sine, cosine)
    return select(absolute(x) < np.inf, y, np.nan)


@vector_function
def sin_of_huge_f32(x: Real) -> Real:
    """The sine; NaN for infinities."""
    return np.float32(sin_of_huge_f64(np.float64(x)))


@vector_function
def cos_of_huge_f32(x: Real) -> Real:
    """The cosine; NaN for infinities."""
    return np.float32(cos_of_huge_f64(np.float64(x)))


@vector_function
def tan_of_huge_f32(x: Real) -> Real:
    """The tangent; NaN for infinities."""
    return np.float32(tan_of_huge_f64(np.float64(x)))


@vector_function
def sin_f64(x: Real) -> Real:
    """The sine."""
    n, r, low = quadrant_f64(x)
    y = flip_sign(select((n & 1) != 0, cosine_f64(r, low), sine_f64(r, low)), n >> 1)
    return rarely(x, x, HUGE, select(absolute(x) < 1e-9, x, y), sin_of_huge_f64)


@vector_function
def sin_f32(x: Real) -> Real:
    """The sine."""
    n, r, low = quadrant_f32(x)
    y = flip_sign(select((n & 1) != 0, cosine_f32(r, low), sine_f32(r, low)), n >> 1)
    return rarely(x, x, HUGE_F32, select(absolute(x) < TINY_F32, x, y), sin_of_huge_f32)


@vector_function
def cos_f64(x: Real) -> Real:
    """The cosine."""
    n, r, low = quadrant_f64(x)
    y = flip_sign(select((n & 1) != 0, sine_f64(r, low), cosine_f64(r, low)), (n + 1) >> 1)
    return rarely(x, x, HUGE, y, cos_of_huge_f64)


@vector_function
def cos_f32(x: Real) -> Real:
    """The cosine."""
    n, r, low = quadrant_f32(x)
    y = flip_sign(select((n & 1) != 0, sine_f32(r, low), cosine_f32(r, low)), (n + 1) >> 1)
    return rarely(x, x, HUGE_F32, y, cos_of_huge_f32)


@vector_function
def tan_f64(x: Real) -> Real:
    """The tangent."""
    n, r, low = quadrant_f64(x)
    odd = (n & 1) != 0
    sine, cosine = sine_f64(r, low), cosine_f64(r, low)
    y = select(odd, cosine, sine) / select(odd, -sine, cosine)
    return rarely(x, x, HUGE, select(absolute(x) < 1e-9, x, y), tan_of_huge_f64)


@vector_function
def tan_f32(x: Real) -> Real:
    """The tangent."""
    n, r, low = quadrant_f32(x)
    odd = (n & 1) != 0
    sine, cosine = sine_f32(r, low), cosine_f32(r, low)
    y = select(odd, cosine, sine) / select(odd, -sine, cosine)
    return rarely(x, x, HUGE_F32, select(absolute(x) < TINY_F32, x, y), tan_of_huge_f32)


@vector_function
def sin_pi_f64(f: Real) -> Real:
    """`sin(pi f)` for `|f| <= 1/4`."""
    r = f * PI
    return sine_f64(r, fma(f, PI_LOW, product_error(f, PI, r)))


@vector_function
def cos_pi_f64(f: Real) -> Real:
    """`cos(pi f)` for `|f| <= 1/4`."""
    return cosine_f64(f * PI, 0.0)


@vector_function
def sin_pi_f32(f: Real) -> Real:
    """`sin(pi f)` for `|f| <= 1/4`."""
    r = f * PI_F32
    return sine_f32(r, fma(f, PI_LOW_F32, product_error(f, PI_F32, r)))


@vector_function
def cos_pi_f32(f: Real) -> Real:
    """`cos(pi f)` for `|f| <= 1/4`."""
    z = f * PI_F32
    z = z * z
    return fma(z, polynomial(z, COS_F32), 1.0)


@vector_function
def sinc_f64(x: Real) -> Real:
    """`sin(pi x) / (pi x)`, 1 at 0 (exactly 0 at the other integers, where NumPy's is some 1e-17)."""
    modulo = fma(rint(0.5 * x), -2.0, x)
    n = rint(2.0 * modulo)
    f = fma(n, -0.5, modulo)
    k = to_integer(n)
    y = flip_sign(select((k & 1) != 0, cos_pi_f64(f), sin_pi_f64(f)), k >> 1)
    return select(absolute(x) < 1e-9, 1.0, y / (PI * x))


@vector_function
def sinc_f32(x: Real) -> Real:
    """`sin(pi x) / (pi x)`, 1 at 0 (exactly 0 at the other integers)."""
    modulo = fma(rint(x * HALF_F32), -2.0, x)
    n = rint(modulo + modulo)
    f = fma(n, -0.5, modulo)
    k = to_integer(n)
    y = flip_sign(select((k & 1) != 0, cos_pi_f32(f), sin_pi_f32(f)), k >> 1)
    return select(absolute(x) < TINY_F32, 1.0, y / (PI_F32 * x))
