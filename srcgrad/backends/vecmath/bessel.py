"""j0, j1, y0 and y1: Bessel functions of the first and second kind.

Up to 5 they are polynomials in `z = x**2`. Of j0 and j1 the first two zeros are factored out, as in Cephes (Moshier
1989); y0 and y1 have logarithms: `y0 = 2 / pi log(x) j0 + R(z)`, `y1 = 2 / pi (log(x) j1 - 1 / x) + x R(z)`.
Beyond, Hankel's expansion (NIST Digital Library of Mathematical Functions, 10.17) with polynomials in `25 / z`:

    j_n = sqrt(2 / (pi x)) (P cos(x - (2 n + 1) pi / 4) - Q / x sin(x - (2 n + 1) pi / 4)), y_n with sin and cos.

Sine and cosine of the shifted angle are sums of those of `x`, whose reduction is exact, so that the error is some ulp
of the amplitude for every argument. The polynomials are our own fits. float32 is computed in float64.
"""

import numpy as np

from srcgrad.backends.vecmath.bits import (
    Real,
    absolute,
    copysign,
    fma,
    in_float64,
    polynomial,
    select,
    sqrt,
    vector_function,
)
from srcgrad.backends.vecmath.logarithm import log_f64
from srcgrad.backends.vecmath.trigonometric import cos_f64, sin_f64

TWO_OVER_PI = 0.6366197723675814
INVERSE_SQRT_PI = 0.5641895835477563
# squares of the first zeros
J0_ZEROS = (5.783185962946784, 30.471262343662087)
J1_ZEROS = (14.681970642123893, 49.2184563216946)
# j0(x) and j1(x) / x over (z - first)(z - second), and the R of y0 and y1, all in z / 12.5 - 1
J0_F64 = (
    0.0031873556303932387, -0.0019210870437164043, 0.0004876827177655839, -7.121705240575853e-05,
    6.854954847201717e-06, -4.70629166457061e-07, 2.4286220370252607e-08, -9.781438946726354e-10,
    3.163725918080498e-11, -8.404184719394778e-13, 1.867152710741504e-14, -3.52449113008727e-16,
    5.715212521281862e-18,
)  # fmt: skip
J1_F64 = (
    0.0004323698734106474, -0.00020932672214860176, 4.42186880710148e-05, -5.515494459601969e-06,
    4.625979215164964e-07, -2.8111472529722005e-08, 1.3002918729585578e-09, -4.742877795752643e-11,
    1.4012939606655873e-12, -3.425082917113122e-14, 7.050885612374614e-16, -1.2377862900889621e-17,
)  # fmt: skip
Y0_F64 = (
    0.4837248578102995, -0.4326558222855125, -0.47057636552972876, 0.38851639956570944, -0.11151682184328655,
    0.01763534538933876, -0.0018028096665503853, 0.0001299462909208217, -6.985504374077061e-06,
    2.9142206889637085e-07, -9.7209552080454e-09, 2.6539975248625817e-10, -6.04993694723965e-12,
    1.166603953074689e-13,
)  # fmt: skip
Y1_F64 = (
    0.13974939033568806, 0.09108650838448444, -0.16312020358118715, 0.06634695354779108, -0.013433433740818165,
    0.0016688031328635942, -0.00014141835794484212, 8.733098304848775e-06, -4.1137780795312436e-07,
    1.528890182573714e-08, -4.6013010745475043e-10, 1.1448943838049981e-11, -2.397782341669183e-13,
    4.277907601247645e-15,
)  # fmt: skip
# P and Q in 50 / z - 1
P0_F64 = (
    0.9986347659091991, -0.0013274931272004003, 3.4917305812543486e-05, -2.459963321484891e-06,
    2.9759005474711905e-07, -5.08643230838394e-08, 1.1058787126508455e-08, -2.8705436149232575e-09,
    8.537333898998171e-10, -2.851794579729694e-10, 1.0446084050144923e-10, -3.538662922896775e-11,
    1.2588002430248643e-11, -1.3637307914439566e-11, 8.357591428468511e-12, 3.415311542572876e-12,
    -2.8395786688743523e-12, -2.235391154912044e-12, 1.4342144484717672e-12,
)  # fmt: skip
Q0_F64 = (
    -0.12361496352611864, 0.0013142139729102479, -6.338715442546601e-05, 6.23911316965569e-06,
    -9.409875176808848e-07, 1.8870297801035574e-07, -4.6398035440396124e-08, 1.3296573119800334e-08,
    -4.293806343863444e-09, 1.5282843631161895e-09, -5.894142390813669e-10, 2.340473361283212e-10,
    -9.684728180683587e-11, 6.52587672974458e-11, -4.033194093954772e-11, -1.605647555780834e-11,
    1.9543132108622097e-11, 2.976103922945406e-11, -2.4654455175376633e-11, -1.435739819325575e-11,
    1.1781243865914092e-11, 4.3654360757736204e-12, -3.2387768388689405e-12,
)  # fmt: skip
P1_F64 = (
    1.0022906462560661, 0.002241463213917191, -4.5782806531265707e-05, 2.9786211051441743e-06,
    -3.4667186514153773e-07, 5.7916678422140156e-08, -1.2403215219140042e-08, 3.1849577586739448e-09,
    -9.395751413733448e-10, 3.117737074105936e-10, -1.1357643207946474e-10, 3.8451893184433864e-11,
    -1.3682028558855844e-11, 1.4551592853265448e-11, -8.878743173627245e-12, -3.5906738400843512e-12,
    2.9881368885935155e-12, 2.368522528186767e-12, -1.516811852611783e-12,
)  # fmt: skip
Q1_F64 = (
    0.3730474331740802, -0.0018648496218413126, 7.898094177943239e-05, -7.369927947805624e-06,
    1.0798853942089243e-06, -2.126674090283508e-07, 5.1641422798019427e-08, -1.4664229261320404e-08,
    4.704141826870427e-09, -1.6641711306549605e-09, 6.296749654365242e-10, -2.5293791309652674e-10,
    1.3104614308463733e-10, -6.962061096202045e-11, -6.892050473631465e-12, 1.664509606921553e-11,
    3.9223397372601566e-11, -3.1287029494776293e-11, -1.8540816446843627e-11, 1.5067476218657278e-11,
    6.349391905539588e-12, -4.588976369752686e-12,
)  # fmt: skip


@vector_function
def hankel_parts_f64(x: Real, p: Real, q: Real) -> tuple[Real, ...]:
    """`(P s - Q / x d, P d + Q / x s)` over `sqrt(pi x)`, where `s = sin x + cos x` and `d = sin x - cos x`."""
    sine, cosine = sin_f64(x), cos_f64(x)
    amplitude = INVERSE_SQRT_PI / sqrt(x)
    total, difference, slow = sine + cosine, sine - cosine, q / x
    return amplitude * fma(p, total, -slow * difference), amplitude * fma(p, difference, slow * total)


@vector_function
def j0_near_f64(z: Real) -> Real:
    """`j0` of the root of `z`, which is at most 25."""
    return (z - J0_ZEROS[0]) * (z - J0_ZEROS[1]) * polynomial(fma(z, 0.08, -1.0), J0_F64)


@vector_function
def j1_near_f64(z: Real) -> Real:
    """`j1(x) / x` with `x` the root of `z`, which is at most 25."""
    return (z - J1_ZEROS[0]) * (z - J1_ZEROS[1]) * polynomial(fma(z, 0.08, -1.0), J1_F64)


@vector_function
def far_0_f64(x: Real) -> tuple[Real, ...]:
    """`(j0, y0)` from 5 on."""
    t = fma(50.0 / x, 1.0 / x, -1.0)
    j0, y0 = hankel_parts_f64(x, polynomial(t, P0_F64), polynomial(t, Q0_F64))
    return j0, y0


@vector_function
def far_1_f64(x: Real) -> tuple[Real, ...]:
    """`(-y1, j1)` from 5 on."""
    t = fma(50.0 / x, 1.0 / x, -1.0)
    minus_y1, j1 = hankel_parts_f64(x, polynomial(t, P1_F64), polynomial(t, Q1_F64))
    return minus_y1, j1


@vector_function
def j0_f64(x: Real) -> Real:
    """The Bessel function of the first kind of order 0; NaN at infinity, as in SciPy."""
    a = absolute(x)
    return select(a < 5.0, j0_near_f64(a * a), far_0_f64(a)[0])


@vector_function
def j1_f64(x: Real) -> Real:
    """The Bessel function of the first kind of order 1; NaN at infinity, as in SciPy."""
    a = absolute(x)
    return copysign(1.0, x) * select(a < 5.0, a * j1_near_f64(a * a), far_1_f64(a)[1])


@vector_function
def y0_f64(x: Real) -> Real:
    """The Bessel function of the second kind of order 0; -inf at 0, NaN below and at infinity."""
    z = x * x
    near = fma(TWO_OVER_PI * log_f64(x), j0_near_f64(z), polynomial(fma(z, 0.08, -1.0), Y0_F64))
    return select(absolute(x) < 5.0, near, far_0_f64(x)[1])


@vector_function
def y1_f64(x: Real) -> Real:
    """The Bessel function of the second kind of order 1; -inf at 0, NaN below and at infinity."""
    z = x * x
    smooth = x * fma(TWO_OVER_PI * log_f64(x), j1_near_f64(z), polynomial(fma(z, 0.08, -1.0), Y1_F64))
    near = select(x == 0.0, -np.inf, smooth - TWO_OVER_PI / x)
    return select(absolute(x) < 5.0, near, -far_1_f64(x)[0])


j0_f32 = in_float64(j0_f64)
j1_f32 = in_float64(j1_f64)
y0_f32 = in_float64(y0_f64)
y1_f32 = in_float64(y1_f64)
