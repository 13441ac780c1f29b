from numba import float64
from srcgrad.backends.buffer import local, view
from srcgrad.backends.runtime import kernel
from srcgrad.backends.vecmath.exponential import exp_f64 as exp
from srcgrad.backends.vecmath.logarithm import log1p_f64 as log1p



@kernel(fast_math=False)
def grad_logistic(w, x, labels, grad_w):
    w = view(w, (30,))
    x = view(x, (569, 30))
    labels = view(labels, (569,))
    grad_w = view(grad_w, (30,))
    d_w = local(float64, (30,))
    margin_sum = local(float64, (569,))
    t2 = local(float64, (569,))
    d_margin1 = local(float64, (569,))
    total = local(float64, (30,))
    total1 = 0.0
    for i in range(30):
        total1 += w[i] * w[i]
        t1 = 0.5 * w[i]
        d_w[i] = t1 + t1
    for j in range(0, 566, 4):
        margin_sum_ = 0.0
        margin_sum_1 = 0.0
        margin_sum_2 = 0.0
        margin_sum_3 = 0.0
        for i in range(30):
            margin_sum_ += x[j, i] * w[i]
            margin_sum_1 += x[j + 1, i] * w[i]
            margin_sum_2 += x[j + 2, i] * w[i]
            margin_sum_3 += x[j + 3, i] * w[i]
        margin_sum[j] = margin_sum_
        margin_sum[j + 1] = margin_sum_1
        margin_sum[j + 2] = margin_sum_2
        margin_sum[j + 3] = margin_sum_3
    for j in range(568, 569):
        margin_sum_4 = 0.0
        for i in range(30):
            margin_sum_4 += x[j, i] * w[i]
        margin_sum[j] = margin_sum_4
    for j in range(569):
        t2_ = exp(-(labels[j] * margin_sum[j]))
        t2[j] = t2_
        d_margin1[j] = -(1.0 / (1.0 + t2_) * t2_ * labels[j])
    total2 = 0.0
    for j in range(569):
        total2 += log1p(t2[j])
    for i in range(30):
        total[i] = 0.0
    for j in range(0, 566, 4):
        for i in range(30):
            total[i] += d_margin1[j] * x[j, i]
            total[i] += d_margin1[j + 1] * x[j + 1, i]
            total[i] += d_margin1[j + 2] * x[j + 2, i]
            total[i] += d_margin1[j + 3] * x[j + 3, i]
    for j in range(568, 569):
        for i in range(30):
            total[i] += d_margin1[j] * x[j, i]
    for i in range(30):
        grad_w[i] = d_w[i] + total[i]
    t = total2 + 0.5 * total1
    return t
