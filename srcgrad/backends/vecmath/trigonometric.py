"""sin, cos, tan and sinc.

Reduction. `x / pi = n / 2 + f` with integer `n` and `|f| <= 1/4`, then minimax polynomials for `sin(pi f)` and
`cos(pi f)`; the last two bits of `n` say which of them, and its sign. A large `x` needs many digits of `1 / pi`, but none of those whose product with `x` is an even integer
(Payne and Hanek 1983). With `x = m 2**(8 i)`, `m` an integer if `i > 0`, row `i` of a table holds
`(2**(8 i) / pi) mod 2` as the sum of four doubles; the products and sums that matter are carried with their errors
(Dekker 1971, Knuth), so `f` has full relative accuracy even for the doubles closest to a multiple of `pi / 2`.
Moderate arguments take the same path (row 0): there is no branch to keep LLVM from vectorising.

float32 does its reduction in float64, with two doubles a row: pairs of float32 would take more instructions.
"""

import numpy as np

from srcgrad.backends.vecmath.bits import (
    absolute,
    exponent,
    flip_sign,
    fma,
    polynomial,
    product_error,
    rint,
    select,
    subtract_exponent,
    sum_error,
    to_float,
    to_integer,
    vector_function,
)

# The first 1280 bits of 1 / pi after the binary point.
INVERSE_PI_BITS = 1280
INVERSE_PI = int(
    "517CC1B727220A94FE13ABE8FA9A6EE06DB14ACC9E21C820FF28B1D5EF5DE2B0DB92371D2126E970"
    "0324977504E8C90E7F0EF58E5894D39F74411AFA975DA24274CE38135A2FBF209CC8EB1CC1A99CFA"
    "4E422FC5DEFC941D8FFC4BFFEF02CC07F79788C5AD05368FB69B3F6793E584DBA7A31FB34F2FF516"
    "BA93DD63F5F2F8BD9E839CFBC529497535FDAFD88FC6AE842B0198237E3DB5D5F867DE104D7A1B0E",
    16,
)
PI_HIGH = 3.141592653589793
PI_LOW = 1.2246467991473532e-16
HALF_PI_SQUARE = 4.934802200544679
# (sin(pi f) / f - pi) / f**2 and (cos(pi f) - 1) / f**2 in f**2, |f| <= 1/4
SIN_F64 = (
    -5.167712780049959, 2.5501640398738785, -0.5992645289652102, 0.08214586981335237,
    -0.007370029130283498, 0.00046156644917908234,
)  # fmt: skip
COS_F64 = (
    -4.934802200544679, 4.058712126416749, -1.3352627688519836, 0.2353306301918446, -0.025806885643623424,
    0.0019294653713916746, -0.00010356485260712917,
)  # fmt: skip
SIN_F32 = (-5.167709, 2.5498037, -0.5893999)
COS_F32 = (-4.934802, 4.0587077, -1.3350499, 0.23135796)
PI_F32 = np.float32(np.pi)
PI_LOW_F32 = np.float32(-8.742278e-08)
HALF_F32 = np.float32(0.5)


def inverse_pi_part(shift: int, bits: int, part: int) -> float:
    """Double number `part` of the expansion of `(2**shift / pi) mod 2` in [-1, 1]; the first has `bits` bits."""
    one = 1 << INVERSE_PI_BITS
    rest = (INVERSE_PI << shift) % (2 * one)
    rest -= 2 * one if rest > one else 0
    for index in range(part):
        value = rest / one
        if index == 0 and bits < 53:
            value = round(value * 2.0 ** (bits - 1)) / 2.0 ** (bits - 1)
        numerator, denominator = value.as_integer_ratio()
        rest -= numerator * one // denominator
        if index == part - 1:
            return value
    raise ValueError("parts are counted from 1")


# Exponents 53 to 1024 in steps of 8; 24 to 128 in steps of 4.
INVERSE_PI_1 = np.array([inverse_pi_part(8 * row, 53, 1) for row in range(123)])
INVERSE_PI_2 = np.array([inverse_pi_part(8 * row, 53, 2) for row in range(123)])
INVERSE_PI_3 = np.array([inverse_pi_part(8 * row, 53, 3) for row in range(123)])
INVERSE_PI_4 = np.array([inverse_pi_part(8 * row, 53, 4) for row in range(123)])
INVERSE_PI_1_F32 = np.array([inverse_pi_part(4 * row, 29, 1) for row in range(28)])
INVERSE_PI_2_F32 = np.array([inverse_pi_part(4 * row, 29, 2) for row in range(28)])


@vector_function
def turns_f64(x):
    """`(n, f, e)` with `x / pi = n / 2 + f + e`, integer `n` (modulo 4), `|f| <= 1/4`, `e` what `f` lacks."""
    row = max(exponent(absolute(x)) - 53, 0) >> 3
    m = subtract_exponent(x, row << 3)
    part_1, part_2, part_3, part_4 = (
        INVERSE_PI_1[row],
        INVERSE_PI_2[row],
        INVERSE_PI_3[row],
        INVERSE_PI_4[row],
    )
    p1 = m * part_1
    p2 = m * part_2
    p3 = m * part_3
    e1 = product_error(m, part_1, p1)
    e2 = product_error(m, part_2, p2)
    e3 = product_error(m, part_3, p3)
    first = fma(rint(0.5 * p1), -2.0, p1)
    second = e1 + p2
    total = first + second
    third = e2 + p3
    lost = sum_error(e1, p2, second) + sum_error(first, second, total)
    small = lost + third
    rest = fma(m, part_4, e3) + (sum_error(e2, p3, third) + sum_error(lost, third, small))
    n = rint(2.0 * total)
    large = fma(n, -0.5, total)
    f = large + small
    return to_integer(n), f, sum_error(large, small, f) + rest


@vector_function
def sin_pi_f64(f, e):
    """`sin(pi (f + e))` for `|f| <= 1/4` and a tiny `e`."""
    z = f * f
    tail = fma(f, fma(z, polynomial(z, SIN_F64), PI_LOW), e * fma(z, -PI_HIGH * HALF_PI_SQUARE, PI_HIGH))
    return fma(f, PI_HIGH, tail)


@vector_function
def cos_pi_f64(f, e):
    """`cos(pi (f + e))` for `|f| <= 1/4` and a tiny `e`."""
    z = f * f
    return fma(z, polynomial(z, COS_F64), fma(f * e, -2.0 * HALF_PI_SQUARE, 1.0))


@vector_function
def sin_f64(x):
    """The sine."""
    n, f, e = turns_f64(x)
    y = flip_sign(select((n & 1) != 0, cos_pi_f64(f, e), sin_pi_f64(f, e)), n >> 1)
    return select(absolute(x) < np.inf, select(absolute(x) < 1e-9, x, y), np.nan)


@vector_function
def cos_f64(x):
    """The cosine."""
    n, f, e = turns_f64(x)
    y = flip_sign(select((n & 1) != 0, sin_pi_f64(f, e), cos_pi_f64(f, e)), (n + 1) >> 1)
    return select(absolute(x) < np.inf, y, np.nan)


@vector_function
def tan_f64(x):
    """The tangent."""
    n, f, e = turns_f64(x)
    odd = (n & 1) != 0
    sine = sin_pi_f64(f, e)
    cosine = cos_pi_f64(f, e)
    y = select(odd, cosine, sine) / select(odd, -sine, cosine)
    return select(absolute(x) < np.inf, select(absolute(x) < 1e-9, x, y), np.nan)


@vector_function
def sinc_f64(x):
    """`sin(pi x) / (pi x)`, 1 at 0 (exactly 0 at the other integers, where NumPy's is some 1e-17)."""
    modulo = fma(rint(0.5 * x), -2.0, x)
    n = to_integer(rint(2.0 * modulo))
    f = fma(to_float(n), -0.5, modulo)
    y = flip_sign(select((n & 1) != 0, cos_pi_f64(f, 0.0), sin_pi_f64(f, 0.0)), n >> 1)
    return select(absolute(x) < 1e-9, 1.0, y / (PI_HIGH * x))


@vector_function
def turns_f32(x):
    """`(n, f)` with `x / pi = n / 2 + f`, integer `n` (modulo 4) and float32 `|f| <= 1/4`."""
    wide = np.float64(x)
    row = max(exponent(absolute(wide)) - 24, 0) >> 2
    m = subtract_exponent(wide, row << 2)
    p1 = m * INVERSE_PI_1_F32[row]
    part_2 = INVERSE_PI_2_F32[row]
    n = rint(2.0 * fma(m, part_2, p1))
    return to_integer(n), np.float32(fma(m, part_2, fma(n, -0.5, p1)))


@vector_function
def sin_pi_f32(f):
    """`sin(pi f)` for `|f| <= 1/4`."""
    z = f * f
    return fma(f, PI_F32, f * fma(z, polynomial(z, SIN_F32), PI_LOW_F32))


@vector_function
def cos_pi_f32(f):
    """`cos(pi f)` for `|f| <= 1/4`."""
    z = f * f
    return fma(z, polynomial(z, COS_F32), 1.0)


@vector_function
def sin_f32(x):
    """The sine."""
    n, f = turns_f32(x)
    y = flip_sign(select((n & 1) != 0, cos_pi_f32(f), sin_pi_f32(f)), n >> 1)
    return select(absolute(x) < np.inf, select(absolute(x) < 1e-4, x, y), np.nan)


@vector_function
def cos_f32(x):
    """The cosine."""
    n, f = turns_f32(x)
    y = flip_sign(select((n & 1) != 0, sin_pi_f32(f), cos_pi_f32(f)), (n + 1) >> 1)
    return select(absolute(x) < np.inf, y, np.nan)


@vector_function
def tan_f32(x):
    """The tangent."""
    n, f = turns_f32(x)
    odd = (n & 1) != 0
    sine = sin_pi_f32(f)
    cosine = cos_pi_f32(f)
    y = select(odd, cosine, sine) / select(odd, -sine, cosine)
    return select(absolute(x) < np.inf, select(absolute(x) < 1e-4, x, y), np.nan)


@vector_function
def sinc_f32(x):
    """`sin(pi x) / (pi x)`, 1 at 0 (exactly 0 at the other integers)."""
    modulo = fma(rint(x * HALF_F32), -2.0, x)
    n = rint(modulo + modulo)
    f = fma(n, -0.5, modulo)
    quadrant = to_integer(n)
    y = flip_sign(select((quadrant & 1) != 0, cos_pi_f32(f), sin_pi_f32(f)), quadrant >> 1)
    return select(absolute(x) < 1e-4, 1.0, y / (PI_F32 * x))
