"""Numbers that more than one room of the vector math uses.

Numba takes a Python float for float64, so a constant that meets a float32 in an arithmetic operator must be float32
itself (names in `_F32`); the intrinsics of `bits.py` convert.
"""

import numpy as np

PI = 3.141592653589793
PI_LOW = 1.2246467991473532e-16
LN2 = 0.6931471805599453
# log(2) as a sum: multiples of the first, up to 2**10 times, are exact
LN2_HIGH = 0.6931471803691238
LN2_LOW = 1.9082149292705877e-10
LOG2_E = 1.4426950408889634
TWO_54 = 2.0**54
MIN_NORMAL = 2.0**-1022

ZERO_F32 = np.float32(0.0)
EIGHTH_F32 = np.float32(0.125)
QUARTER_F32 = np.float32(0.25)
HALF_F32 = np.float32(0.5)
ONE_F32 = np.float32(1.0)
TWO_F32 = np.float32(2.0)
THREE_F32 = np.float32(3.0)
FOUR_F32 = np.float32(4.0)
EIGHT_F32 = np.float32(8.0)
TINY_F32 = np.float32(2.0**-20)
TWO_24_F32 = np.float32(2.0**24)
MIN_NORMAL_F32 = np.float32(2.0**-126)
PI_F32 = np.float32(3.1415927)
PI_LOW_F32 = np.float32(-8.742278e-08)
LN2_F32 = np.float32(0.6931472)
LN2_HIGH_F32 = np.float32(0.693359375)
LN2_LOW_F32 = np.float32(-2.1219444e-4)
LOG2_E_F32 = np.float32(1.442695)
