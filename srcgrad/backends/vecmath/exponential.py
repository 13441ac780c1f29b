"""exp, exp2 and expm1.

`x = k ln2 + r` with integer `k` and `|r| <= ln2 / 2` (Cody and Waite 1980: ln2 is split so that `k * high` is
exact), then `exp(x) = 2**k exp(r)` with a minimax polynomial for `exp(r)`, correct in its first terms `1 + r`.
The coefficients come from our own Remez fits. The argument is clamped to just outside the range in which the
result is finite and not zero; overflow and gradual underflow are then those of one multiplication.
"""

from srcgrad.backends.vecmath.bits import (
    Real,
    absolute,
    clamp,
    fma,
    polynomial,
    power_of_two,
    rint,
    scale,
    select,
    to_integer,
    vector_function,
)
from srcgrad.backends.vecmath.constants import (
    FOUR_F32,
    LN2_HIGH,
    LN2_HIGH_F32,
    LN2_LOW,
    LN2_LOW_F32,
    LOG2_E,
    LOG2_E_F32,
    ONE_F32,
    QUARTER_F32,
    TINY_F32,
    TWO_F32,
)

# (exp(r) - 1 - r) / r**2 on |r| <= ln2 / 2
EXP_F64 = (
    0.5000000000000011, 0.1666666666666641, 0.041666666666530384, 0.008333333333495861,
    0.0013888888943582923, 0.00019841269503707547, 2.480149314012324e-05, 2.7557588846189662e-06,
    2.7630235595232314e-07, 2.4999297999720496e-08,
)  # fmt: skip
EXPM1_F64 = (
    0.5, 0.16666666666666677, 0.041666666666666505, 0.008333333333321697, 0.0013888888888963136,
    0.0001984126988595286, 2.480158717093659e-05, 2.7557244386080685e-06, 2.75574040454484e-07,
    2.5108975213105623e-08, 2.087489556260848e-09,
)  # fmt: skip
# (2**r - 1) / r on |r| <= 1 / 2
EXP2_F64 = (
    0.6931471805599453, 0.24022650695910133, 0.055504108664821736, 0.009618129107593304,
    0.0013333558146379199, 0.0001540353045811644, 1.5252733867626882e-05, 1.3215434798069378e-06,
    1.0178046377548773e-07, 7.073863441276085e-09, 4.457403292406318e-10,
)  # fmt: skip

EXP_F32 = (0.49999994, 0.16666521, 0.041668385, 0.008368712, 0.0013814641)
EXPM1_F32 = (0.5, 0.16666666, 0.041666362, 0.00833339, 0.0013940631, 0.000198456)
EXP2_F32 = (0.6931472, 0.2402265, 0.05550411, 0.009618036, 0.0013333432, 0.00015467122, 1.5314707e-05)


@vector_function
def exp_f64(x: Real) -> Real:
    """`e**x`."""
    x = clamp(x, -746.0, 710.0)
    k = rint(x * LOG2_E)
    r = fma(k, -LN2_LOW, fma(k, -LN2_HIGH, x))
    tail = fma(r * r, polynomial(r, EXP_F64), r)
    return scale(1.0 + tail, to_integer(k))


@vector_function
def exp_f32(x: Real) -> Real:
    """`e**x`."""
    x = clamp(x, -104.0, 89.0)
    k = rint(x * LOG2_E_F32)
    r = fma(k, -LN2_LOW_F32, fma(k, -LN2_HIGH_F32, x))
    tail = fma(r * r, polynomial(r, EXP_F32), r)
    return scale(ONE_F32 + tail, to_integer(k))


@vector_function
def exp_parts_f64(x: Real, low: Real) -> tuple[Real, ...]:
    """`(k, u)` with `e**(x + low) = 2**k (1 + u)`, for `|low|` far below `|x|`."""
    x = clamp(x, -746.0, 710.0)
    k = rint(x * LOG2_E)
    near = fma(k, -LN2_HIGH, x)
    rest = fma(k, -LN2_LOW, low)
    r = near + rest
    return to_integer(k), r + fma(r * r, polynomial(r, EXP_F64), (near - r) + rest)


@vector_function
def exp_parts_f32(x: Real, low: Real) -> tuple[Real, ...]:
    """`(k, u)` with `e**(x + low) = 2**k (1 + u)`, for `|low|` far below `|x|`."""
    x = clamp(x, -104.0, 89.0)
    k = rint(x * LOG2_E_F32)
    near = fma(k, -LN2_HIGH_F32, x)
    rest = fma(k, -LN2_LOW_F32, low)
    r = near + rest
    return to_integer(k), r + fma(r * r, polynomial(r, EXP_F32), (near - r) + rest)


@vector_function
def exp2_f64(x: Real) -> Real:
    """`2**x`."""
    x = clamp(x, -1076.0, 1025.0)
    k = rint(x)
    r = x - k
    return scale(fma(r, polynomial(r, EXP2_F64), 1.0), to_integer(k))


@vector_function
def exp2_f32(x: Real) -> Real:
    """`2**x`."""
    x = clamp(x, -151.0, 129.0)
    k = rint(x)
    r = x - k
    return scale(fma(r, polynomial(r, EXP2_F32), 1.0), to_integer(k))


@vector_function
def quarter_expm1_f64(x: Real) -> Real:
    """`(e**x - 1) / 4` for `x <= 710.7` (larger ones are taken as that), relative error below 2 ulp.

    A quarter, so that the callers (sinh up to 710.47) meet no overflow before the last multiplication.
    """
    x = clamp(x, -40.0, 710.7)
    k = rint(x * LOG2_E)
    near = fma(k, -LN2_HIGH, x)
    r = fma(k, -LN2_LOW, near)
    lost = fma(k, -LN2_LOW, near - r)
    tail = fma(r * r, polynomial(r, EXPM1_F64), lost)
    s = power_of_two(to_integer(k) - 2)
    return fma(s, tail, fma(s, r, s - 0.25))


@vector_function
def quarter_expm1_f32(x: Real) -> Real:
    """`(e**x - 1) / 4` for `x <= 89.7` (larger ones are taken as that), relative error below 2 ulp."""
    x = clamp(x, -18.0, 89.7)
    k = rint(x * LOG2_E_F32)
    near = fma(k, -LN2_HIGH_F32, x)
    r = fma(k, -LN2_LOW_F32, near)
    lost = fma(k, -LN2_LOW_F32, near - r)
    tail = fma(r * r, polynomial(r, EXPM1_F32), lost)
    s = power_of_two(to_integer(k - TWO_F32))
    return fma(s, tail, fma(s, r, s - QUARTER_F32))


@vector_function
def expm1_f64(x: Real) -> Real:
    """`e**x - 1`, accurate near 0."""
    return select(absolute(x) < 1e-300, x, 4.0 * quarter_expm1_f64(x))


@vector_function
def expm1_f32(x: Real) -> Real:
    """`e**x - 1`, accurate near 0."""
    return select(absolute(x) < TINY_F32 * TINY_F32, x, FOUR_F32 * quarter_expm1_f32(x))
