from numba import float64
from srcgrad.backends.buffer import local, view
from srcgrad.backends.runtime import kernel
from srcgrad.backends.vecmath.exponential import exp_f64 as exp
from srcgrad.backends.vecmath.logarithm import log1p_f64 as log1p



@kernel(fast_math=False)
def grad_logistic(w, x, labels, margin):
    w = view(w, (30,))
    x = view(x, (569, 30))
    labels = view(labels, (569,))
    margin = view(margin, (30,))
    t3 = local(float64, (30,))
    margin1 = local(float64, (569,))
    t4 = local(float64, (569,))
    margin2 = local(float64, (569,))
    margin3 = local(float64, (30,))
    t1 = 0.0
    for i in range(30):
        t1 += w[i] * w[i]
        t2 = 0.5 * w[i]
        t3[i] = t2 + t2
    for j in range(0, 566, 4):
        margin1_ = 0.0
        margin1_1 = 0.0
        margin1_2 = 0.0
        margin1_3 = 0.0
        for i in range(30):
            margin1_ += x[j, i] * w[i]
            margin1_1 += x[j + 1, i] * w[i]
            margin1_2 += x[j + 2, i] * w[i]
            margin1_3 += x[j + 3, i] * w[i]
        margin1[j] = margin1_
        margin1[j + 1] = margin1_1
        margin1[j + 2] = margin1_2
        margin1[j + 3] = margin1_3
    for j in range(568, 569):
        margin1_4 = 0.0
        for i in range(30):
            margin1_4 += x[j, i] * w[i]
        margin1[j] = margin1_4
    for j in range(569):
        t4_ = exp(-(labels[j] * margin1[j]))
        t4[j] = t4_
        margin2[j] = -(1.0 / (1.0 + t4_) * t4_ * labels[j])
    t5 = 0.0
    for j in range(569):
        t5 += log1p(t4[j])
    for i in range(30):
        margin3[i] = 0.0
    for j in range(0, 566, 4):
        for i in range(30):
            margin3[i] += margin2[j] * x[j, i]
            margin3[i] += margin2[j + 1] * x[j + 1, i]
            margin3[i] += margin2[j + 2] * x[j + 2, i]
            margin3[i] += margin2[j + 3] * x[j + 3, i]
    for j in range(568, 569):
        for i in range(30):
            margin3[i] += margin2[j] * x[j, i]
    for i in range(30):
        margin[i] = t3[i] + margin3[i]
    t = t5 + 0.5 * t1
    return t
