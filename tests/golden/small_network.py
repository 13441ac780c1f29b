from numba import float64
from srcgrad.backends.buffer import local, view
from srcgrad.backends.runtime import kernel
from srcgrad.backends.scalars import maximum, where



@kernel(fast_math=False)
def train(parameters_0, parameters_1, parameters_2, parameters_3, x, y, rate, carry_0, t, t1, t2):
    parameters_0 = view(parameters_0, (3, 32))
    parameters_1 = view(parameters_1, (1, 32))
    parameters_2 = view(parameters_2, (32, 1))
    parameters_3 = view(parameters_3, (1, 1))
    x = view(x, (100, 3))
    y = view(y, (100, 1))
    carry_0 = view(carry_0, (3, 32))
    t = view(t, (1, 32))
    t1 = view(t1, (32, 1))
    t2 = view(t2, (1, 1))
    carry_1 = local(float64, (32,))
    carry_2 = local(float64, (32,))
    predicted = local(float64, (3, 32))
    predicted1 = local(float64, (32,))
    predicted2 = local(float64, (32,))
    predicted6 = local(float64, (32,))
    predicted6_1 = local(float64, (32,))
    carry_3 = parameters_3[0, 0]
    for i in range(32):
        carry_0[0, i] = parameters_0[0, i]
        carry_0[1, i] = parameters_0[1, i]
        carry_0[2, i] = parameters_0[2, i]
        carry_1[i] = parameters_1[0, i]
        carry_2[i] = parameters_2[i, 0]
    for i1 in range(200):
        for i in range(32):
            predicted[0, i] = 0.0
            predicted[1, i] = 0.0
            predicted[2, i] = 0.0
            predicted1[i] = 0.0
            predicted2[i] = 0.0
        predicted3 = 0.0
        for j in range(0, 99, 2):
            predicted4_0 = 0.0
            predicted4_1 = 0.0
            for i in range(32):
                predicted5_0 = 0.0
                predicted5_1 = 0.0
                predicted5_0 += x[j, 0] * carry_0[0, i]
                predicted5_1 += x[j + 1, 0] * carry_0[0, i]
                predicted5_0 += x[j, 1] * carry_0[1, i]
                predicted5_1 += x[j + 1, 1] * carry_0[1, i]
                predicted5_0 += x[j, 2] * carry_0[2, i]
                predicted5_1 += x[j + 1, 2] * carry_0[2, i]
                predicted6_ = predicted5_0 + carry_1[i]
                predicted6[i] = predicted6_
                predicted6_2 = predicted5_1 + carry_1[i]
                predicted6_1[i] = predicted6_2
                predicted4_0 += maximum(predicted6[i], 0.0) * carry_2[i]
                predicted4_1 += maximum(predicted6_2, 0.0) * carry_2[i]
            t3_0 = predicted4_0 + carry_3 - y[j, 0]
            t3_1 = predicted4_1 + carry_3 - y[j + 1, 0]
            predicted7_0 = t3_0 + t3_0
            predicted7_1 = t3_1 + t3_1
            for i in range(32):
                predicted8_0 = where(predicted6[i] < 0.0, 0.0, predicted7_0 * carry_2[i])
                predicted8_1 = where(predicted6_1[i] < 0.0, 0.0, predicted7_1 * carry_2[i])
                predicted[0, i] += predicted8_0 * x[j, 0]
                predicted[0, i] += predicted8_1 * x[j + 1, 0]
                predicted[1, i] += predicted8_0 * x[j, 1]
                predicted[1, i] += predicted8_1 * x[j + 1, 1]
                predicted[2, i] += predicted8_0 * x[j, 2]
                predicted[2, i] += predicted8_1 * x[j + 1, 2]
                predicted1[i] += predicted8_0
                predicted1[i] += predicted8_1
                predicted2[i] += predicted7_0 * maximum(predicted6[i], 0.0)
                predicted2[i] += predicted7_1 * maximum(predicted6_1[i], 0.0)
            predicted3 += predicted7_0
            predicted3 += predicted7_1
        for i in range(32):
            carry_0[0, i] = carry_0[0, i] - rate * predicted[0, i]
            carry_0[1, i] = carry_0[1, i] - rate * predicted[1, i]
            carry_0[2, i] = carry_0[2, i] - rate * predicted[2, i]
            carry_1[i] = carry_1[i] - rate * predicted1[i]
            carry_2[i] = carry_2[i] - rate * predicted2[i]
        carry_3 = carry_3 - rate * predicted3
    for i in range(32):
        t[0, i] = carry_1[i]
        t1[i, 0] = carry_2[i]
    t2[0, 0] = carry_3
