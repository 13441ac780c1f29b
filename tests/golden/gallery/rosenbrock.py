def grad_rosenbrock(x):
    grad_x = np.zeros(20)
    total = 0.0
    d_valley = np.empty(19)
    for i in range(19):
        valley = x[i + 1] - x[i] * x[i]
        slope = 1.0 - x[i]
        total += 100.0 * (valley * valley) + slope * slope
        d_slope = 2.0 * slope
        d_valley[i] = 200.0 * valley
        t = -(d_valley[i] * x[i])
        grad_x[i] = -d_slope + t + t
    for i in range(19):
        grad_x[i + 1] += d_valley[i]
    return total, grad_x
