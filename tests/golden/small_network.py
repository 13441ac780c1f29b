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
    grad_parameters_0 = local(float64, (3, 32))
    total = local(float64, (32,))
    grad_parameters_2 = local(float64, (32,))
    predicted1 = local(float64, (32,))
    predicted1_1 = local(float64, (32,))
    carry_3 = parameters_3[0, 0]
    for i in range(32):
        carry_0[0, i] = parameters_0[0, i]
        carry_0[1, i] = parameters_0[1, i]
        carry_0[2, i] = parameters_0[2, i]
        carry_1[i] = parameters_1[0, i]
        carry_2[i] = parameters_2[i, 0]
    for i1 in range(200):
        for i in range(32):
            grad_parameters_0[0, i] = 0.0
            grad_parameters_0[1, i] = 0.0
            grad_parameters_0[2, i] = 0.0
            total[i] = 0.0
            grad_parameters_2[i] = 0.0
        total1 = 0.0
        for j in range(0, 99, 2):
            predicted_sum_0 = 0.0
            predicted_sum_1 = 0.0
            for i in range(32):
                predicted_sum1_0 = 0.0
                predicted_sum1_1 = 0.0
                predicted_sum1_0 += x[j, 0] * carry_0[0, i]
                predicted_sum1_1 += x[j + 1, 0] * carry_0[0, i]
                predicted_sum1_0 += x[j, 1] * carry_0[1, i]
                predicted_sum1_1 += x[j + 1, 1] * carry_0[1, i]
                predicted_sum1_0 += x[j, 2] * carry_0[2, i]
                predicted_sum1_1 += x[j + 1, 2] * carry_0[2, i]
                predicted1_ = predicted_sum1_0 + carry_1[i]
                predicted1[i] = predicted1_
                predicted1_2 = predicted_sum1_1 + carry_1[i]
                predicted1_1[i] = predicted1_2
                predicted_sum_0 += maximum(predicted1[i], 0.0) * carry_2[i]
                predicted_sum_1 += maximum(predicted1_2, 0.0) * carry_2[i]
            t3_0 = predicted_sum_0 + carry_3 - y[j, 0]
            t3_1 = predicted_sum_1 + carry_3 - y[j + 1, 0]
            t4_0 = t3_0 + t3_0
            t4_1 = t3_1 + t3_1
            for i in range(32):
                d_predicted1_0 = where(predicted1[i] < 0.0, 0.0, t4_0 * carry_2[i])
                d_predicted1_1 = where(predicted1_1[i] < 0.0, 0.0, t4_1 * carry_2[i])
                grad_parameters_0[0, i] += d_predicted1_0 * x[j, 0]
                grad_parameters_0[0, i] += d_predicted1_1 * x[j + 1, 0]
                grad_parameters_0[1, i] += d_predicted1_0 * x[j, 1]
                grad_parameters_0[1, i] += d_predicted1_1 * x[j + 1, 1]
                grad_parameters_0[2, i] += d_predicted1_0 * x[j, 2]
                grad_parameters_0[2, i] += d_predicted1_1 * x[j + 1, 2]
                total[i] += d_predicted1_0
                total[i] += d_predicted1_1
                grad_parameters_2[i] += t4_0 * maximum(predicted1[i], 0.0)
                grad_parameters_2[i] += t4_1 * maximum(predicted1_1[i], 0.0)
            total1 += t4_0
            total1 += t4_1
        for i in range(32):
            carry_0[0, i] = carry_0[0, i] - rate * grad_parameters_0[0, i]
            carry_0[1, i] = carry_0[1, i] - rate * grad_parameters_0[1, i]
            carry_0[2, i] = carry_0[2, i] - rate * grad_parameters_0[2, i]
            carry_1[i] = carry_1[i] - rate * total[i]
            carry_2[i] = carry_2[i] - rate * grad_parameters_2[i]
        carry_3 = carry_3 - rate * total1
    for i in range(32):
        t[0, i] = carry_1[i]
        t1[i, 0] = carry_2[i]
    t2[0, 0] = carry_3
