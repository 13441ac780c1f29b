"""erf, erfc and erfinv.

erf is odd: `x + x P(x**2)` up to 1, `1 - erfc(x)` beyond. erfc is `exp(-x**2) G(t) / (1 + 2 x)` with a polynomial
`G` in `t = (x - c) / (x + c)`, which maps the half line to an interval on which the scaled function
`(1 + 2 x) exp(x**2) erfc(x)` is smooth (Shepherd and Laframboise 1981). The exponential gets the rounding error of
`x**2`.

erfinv is a polynomial in `w = -log(1 - x**2)` near 0 and in `sqrt(w)` in the tails (Giles 2012), our own fits.
"""

import numpy as np

from srcgrad.backends.vecmath.bits import (
    Real,
    absolute,
    clamp,
    copysign,
    fma,
    polynomial,
    product_error,
    scale,
    select,
    sqrt,
    vector_function,
)
from srcgrad.backends.vecmath.constants import ONE_F32, THREE_F32, TWO_F32
from srcgrad.backends.vecmath.exponential import exp_parts_f32, exp_parts_f64
from srcgrad.backends.vecmath.logarithm import log_f32, log_f64

# erf(x) / x - 1 in x**2, |x| <= 1
ERF_F64 = (
    0.12837916709551256, -0.37612638903183515, 0.11283791670944095, -0.02686617064309592,
    0.005223977605982981, -0.000854832592249622, 0.00012055293364664297, -1.4924708085481267e-05,
    1.644707802810403e-06, -1.620589332855674e-07, 1.370912133992384e-08, -7.775929364068588e-10,
)  # fmt: skip
# G(t), c = 4, x in [0.5, 27.5]
ERFC_F64 = (
    1.2329951186255526, -0.1396211168405625, 0.01537965210261899, 0.06809705425469025,
    -0.10103906603625121, 0.0937328349984535, -0.06633036581367406, 0.03716751553541225,
    -0.016197734037405053, 0.005031970001138838, -0.0007577734548671844, -0.00019925685445987363,
    0.00015062252167829317, -2.4398495700204156e-05, -1.1224801612857457e-05, 5.707576310907862e-06,
    2.9966594464631387e-07, -8.211314771544101e-07, 6.693242419775732e-08, 1.0461054058118039e-07,
    -1.2191009892624252e-08, -1.0133523080476245e-08,
)  # fmt: skip
# erfinv(x) / x in w - 3.125, sqrt(w) - 3.25 (up to 4) and sqrt(w) - 5 (up to 6.07)
ERFINV_CENTER_F64 = (
    1.6536545626831027, 0.24015818242558834, -0.006033670871426996, -0.0007407025341545595,
    0.0001867342080205291, -1.3882523394181611e-05, -1.3654691772611286e-06, 4.2347881709896413e-07,
    -2.9070389900727173e-08, -4.1126606266139385e-09, 1.0512225712494775e-09, -5.414295371155905e-11,
    -1.2978506279354936e-11, 2.6305056314871577e-12, -8.079227824015774e-14, -4.0016311566409114e-14,
    6.53321726617866e-15, -3.9827020636545995e-17, -1.2343308752278664e-16, 1.5541277946274515e-17,
    6.944452778092217e-19, -3.4859370743298e-19, 1.659302185842397e-20, 3.2161342218986557e-21,
    -3.0118316454019476e-22,
)  # fmt: skip
ERFINV_MIDDLE_F64 = (
    3.0838856104922203, 1.0052589676941592, 0.005370914553604898, -0.0037512085075706333,
    0.002491442095407404, -0.0016882755560779423, 0.0009532893924505043, -0.0003550375187861694,
    2.403099488888104e-05, 6.828483645479615e-05, -4.7317639909590405e-05, 1.2475373788756378e-05,
    2.9216806990345233e-06, -4.014036099548642e-06, 1.5058184168474083e-06, 1.8447125591406953e-08,
    -2.780690346835795e-07, 9.065467986330123e-08, 3.3479066257023955e-09,
)  # fmt: skip
ERFINV_TAIL_F64 = (
    4.849906401408584, 1.0103004648645446, -0.0001387193183401286, -0.00021503011977927068,
    7.599527709973646e-05, -1.9681771490167097e-05, 4.526062111524971e-06, -9.930238533184919e-07,
    2.2900652617769008e-07, -6.75761688195879e-08, 2.9144614860122634e-08, -1.5214957222856248e-08,
    7.619433189910755e-09, -3.516556298460019e-09, 1.5054224996262431e-09, -4.107897534192637e-10,
    -2.6552350794293208e-11, 3.639616669276753e-11,
)  # fmt: skip
ERF_F32 = (0.12837917, -0.37612626, 0.11283585, -0.026853772, 0.005188241, -0.000800934, 7.85075e-05)
# G(t), c = 3, x in [0.5, 10.3]
ERFC_F32 = (
    1.253008, -0.13562104, -0.047562297, 0.12964258, -0.11927404, 0.06833813, -0.0237614, 0.002391799,
    0.0018317233, -0.00053174415,
)  # fmt: skip
# erfinv(x) / x in w - 2.5 (up to 5) and sqrt(w) - 3 (up to 4.2)
ERFINV_CENTER_F32 = (
    1.5014094, 0.2466403, -0.0041773394, -0.0012527455, 0.0002182821, -4.9613313e-06, -3.434292e-06,
    4.6574849e-07, 1.796311e-08, -8.761226e-09, 3.4127312e-10,
)  # fmt: skip
ERFINV_TAIL_F32 = (
    2.8329768, 1.0016752, 0.009445255, -0.007642837, 0.0056881583, -0.003566581, 0.0014735732,
    -0.000121188124, -0.0002753214, 0.00016134433, -3.064174e-05,
)  # fmt: skip
TAIL_OFFSET_F32 = np.float32(2.5)


@vector_function
def erfc_tail_f64(a: Real) -> Real:
    """`erfc(a)` for `a >= 0.5` (larger than 27.3 counts as 27.3, where it is 0)."""
    a = clamp(a, 0.5, 27.3)
    t = (a - 4.0) / (a + 4.0)
    square = a * a
    k, u = exp_parts_f64(-square, -product_error(a, a, square))
    ratio = polynomial(t, ERFC_F64) / fma(a, 2.0, 1.0)
    return scale(fma(u, ratio, ratio), k)


@vector_function
def erfc_tail_f32(a: Real) -> Real:
    """`erfc(a)` for `a >= 0.5` (larger than 10.2 counts as 10.2, where it is 0)."""
    a = clamp(a, 0.5, 10.2)
    t = (a - THREE_F32) / (a + THREE_F32)
    square = a * a
    k, u = exp_parts_f32(-square, -product_error(a, a, square))
    ratio = polynomial(t, ERFC_F32) / fma(a, 2.0, 1.0)
    return scale(fma(u, ratio, ratio), k)


@vector_function
def erf_f64(x: Real) -> Real:
    """The error function."""
    a = absolute(x)
    near = fma(a, polynomial(a * a, ERF_F64), a)
    return copysign(select(a < 1.0, near, 1.0 - erfc_tail_f64(a)), x)


@vector_function
def erf_f32(x: Real) -> Real:
    """The error function."""
    a = absolute(x)
    near = fma(a, polynomial(a * a, ERF_F32), a)
    return copysign(select(a < 1.0, near, ONE_F32 - erfc_tail_f32(a)), x)


@vector_function
def erfc_f64(x: Real) -> Real:
    """`1 - erf(x)`, accurate in the tail."""
    tail = erfc_tail_f64(absolute(x))
    near = 1.0 - fma(x, polynomial(x * x, ERF_F64), x)
    return select(absolute(x) < 0.65625, near, select(x < 0.0, 2.0 - tail, tail))


@vector_function
def erfc_f32(x: Real) -> Real:
    """`1 - erf(x)`, accurate in the tail."""
    tail = erfc_tail_f32(absolute(x))
    near = ONE_F32 - fma(x, polynomial(x * x, ERF_F32), x)
    return select(absolute(x) < 0.65625, near, select(x < 0.0, TWO_F32 - tail, tail))


@vector_function
def erfinv_f64(x: Real) -> Real:
    """The inverse of erf; infinite at -1 and 1, NaN beyond."""
    w = -log_f64((1.0 - x) * (1.0 + x))
    root = sqrt(w)
    tail = select(root < 4.0, polynomial(root - 3.25, ERFINV_MIDDLE_F64), polynomial(root - 5.0, ERFINV_TAIL_F64))
    y = x * select(w < 6.25, polynomial(w - 3.125, ERFINV_CENTER_F64), tail)
    return select(absolute(x) == 1.0, copysign(np.inf, x), y)


@vector_function
def erfinv_f32(x: Real) -> Real:
    """The inverse of erf; infinite at -1 and 1, NaN beyond."""
    w = -log_f32((ONE_F32 - x) * (ONE_F32 + x))
    tail = polynomial(sqrt(w) - THREE_F32, ERFINV_TAIL_F32)
    y = x * select(w < 5.0, polynomial(w - TAIL_OFFSET_F32, ERFINV_CENTER_F32), tail)
    return select(absolute(x) == 1.0, copysign(np.float32(np.inf), x), y)
