"""i0, i1 and, multiplied by `exp(-|x|)`, i0e and i1e: modified Bessel functions of the first kind.

Up to 8 they are polynomials in `x**2 / 4` whose coefficients are positive, those of i1 times `x / 2`. Beyond,
`sqrt(x) exp(-x) i(x)` is a polynomial in `1 / x`. The fits are our own. float32 is computed in float64.
"""

from srcgrad.backends.vecmath.bits import (
    Real,
    absolute,
    copysign,
    in_float64,
    polynomial,
    select,
    sqrt,
    vector_function,
)
from srcgrad.backends.vecmath.exponential import exp_f64

# in x**2 / 4
I0_F64 = (
    1.0, 1.0, 0.2500000000000001, 0.027777777777777565, 0.001736111111111378, 6.944444444424266e-05,
    1.929012345779623e-06, 3.936759885655969e-08, 6.15118741355768e-10, 7.594056840734793e-12,
    7.594080018984369e-14, 6.275862240680015e-16, 4.360039776280282e-18, 2.569859089813576e-20,
    1.3510023029551199e-22, 4.939910985617876e-25, 3.646032083242615e-27,
)  # fmt: skip
I1_F64 = (
    1.0, 0.5000000000000001, 0.08333333333333304, 0.006944444444445074, 0.00034722222222152976,
    1.1574074074534407e-05, 2.755731920391342e-07, 4.920949921842687e-09, 6.83465128891456e-11,
    7.594078640571914e-13, 6.90345857780368e-15, 5.23199686931082e-17, 3.3409822775005573e-19,
    1.891097971873532e-21, 7.411929630086269e-24, 5.834719583156168e-26,
)  # fmt: skip
# in 16 / x - 1
I0_FAR_F64 = (
    0.4021765094450081, 0.0033605519836678614, 0.0001362160743919305, 1.1143033790932038e-05,
    1.4838475658279249e-06, 2.9735985885673923e-07, 8.872219737904054e-08, 3.932584334552952e-08,
    2.1548377974791598e-08, 7.554691881248808e-09, -6.747657956107524e-09, -1.340891754008974e-08,
    -5.404771567579958e-09, 7.552583062123384e-09, 7.430464650325426e-09, -3.505966530879332e-09,
    -5.95356943826489e-09, 1.5200816953924232e-09, 3.6379546359011143e-09, -5.715843864202709e-10,
    -1.618980683624682e-09, 1.5279202694981569e-10, 4.577087631643623e-10, -2.0260604287413626e-11,
    -6.067631570603006e-11,
)  # fmt: skip
I1_FAR_F64 = (
    0.38939845902587233, -0.009749577193235737, -0.00021923576383388928, -1.5038547200567216e-05,
    -1.8349101326980946e-06, -3.483855761044295e-07, -1.0001288294864884e-07, -4.312917729178349e-08,
    -2.337392820814264e-08, -8.427766093735185e-09, 6.734464815301592e-09, 1.4034238782067183e-08,
    5.974437608040264e-09, -7.64239413436356e-09, -7.888351507862078e-09, 3.4262341490077958e-09,
    6.242741219786445e-09, -1.4387250533041013e-09, -3.794670896208339e-09, 5.295625441161261e-10,
    1.6848984479705146e-09, -1.4011625179770627e-10, -4.758818838703853e-10, 1.8515118828852956e-11,
    6.305965197150057e-11,
)  # fmt: skip


@vector_function
def i0e_f64(x: Real) -> Real:
    """`exp(-|x|) i0(x)`."""
    a = absolute(x)
    near = exp_f64(-a) * polynomial(0.25 * a * a, I0_F64)
    return select(a < 8.0, near, polynomial(16.0 / a - 1.0, I0_FAR_F64) / sqrt(a))


@vector_function
def i1e_f64(x: Real) -> Real:
    """`exp(-|x|) i1(x)`."""
    a = absolute(x)
    near = 0.5 * a * exp_f64(-a) * polynomial(0.25 * a * a, I1_F64)
    size = select(a < 8.0, near, polynomial(16.0 / a - 1.0, I1_FAR_F64) / sqrt(a))
    return copysign(size, x)


@vector_function
def i0_f64(x: Real) -> Real:
    """The modified Bessel function of order 0; NaN at infinity, as in SciPy."""
    a = absolute(x)
    root = exp_f64(0.5 * a)
    far = root * (polynomial(16.0 / a - 1.0, I0_FAR_F64) / sqrt(a)) * root
    return select(a < 8.0, polynomial(0.25 * a * a, I0_F64), far)


@vector_function
def i1_f64(x: Real) -> Real:
    """The modified Bessel function of order 1; NaN at infinity, as in SciPy."""
    a = absolute(x)
    root = exp_f64(0.5 * a)
    far = root * (polynomial(16.0 / a - 1.0, I1_FAR_F64) / sqrt(a)) * root
    return copysign(select(a < 8.0, 0.5 * a * polynomial(0.25 * a * a, I1_F64), far), x)


i0_f32 = in_float64(i0_f64)
i1_f32 = in_float64(i1_f64)
i0e_f32 = in_float64(i0e_f64)
i1e_f32 = in_float64(i1e_f64)
