def grad_mixture_loss(weights, means, log_scales, points):
    z1 = np.empty((5, 3))
    log_density1 = np.empty(5)
    for i in range(5):
        log_density_sum = 0.0
        for j in range(3):
            log_density_sum += log_scales[i, j]
            z1[i, j] = np.exp(-log_scales[i, j])
        log_density1[i] = weights[i] - log_density_sum
    grad_weights = np.zeros(5)
    total = np.zeros((5, 3))
    d_z_sum = np.zeros((5, 3))
    for i in range(40):
        top = -np.inf
        z2 = np.empty((5, 3))
        z = np.empty((5, 3))
        log_density = np.empty(5)
        for j in range(5):
            log_density_sum1 = 0.0
            for k in range(3):
                z2[j, k] = points[i, k] - means[j, k]
                z[j, k] = z2[j, k] * z1[j, k]
                log_density_sum1 += z[j, k] * z[j, k]
            log_density[j] = log_density1[j] - 0.5 * log_density_sum1
            top = np.maximum(top, log_density[j])
        log_sum = 0.0
        total1 = 0.0
        log_sum1 = np.empty(5)
        t = np.empty(5, bool)
        for j in range(5):
            log_sum1[j] = np.exp(log_density[j] - top)
            log_sum += log_sum1[j]
            t[j] = (log_density[j] == top) | np.isnan(log_density[j])
            total1 += np.float64(t[j])
        d_log_sum = -(1.0 / log_sum)
        total2 = 0.0
        d_log_sum1 = np.empty(5)
        for j in range(5):
            d_log_sum1[j] = d_log_sum * log_sum1[j]
            total2 += d_log_sum1[j]
        d_top = -1.0 + (0.0 - total2)
        t1 = d_top / total1
        for j in range(5):
            d_log_density = d_log_sum1[j] + (t1 if t[j] else 0.0)
            grad_weights[j] += d_log_density
            d_log_density1 = -(d_log_density * 0.5)
            for k in range(3):
                d_z = 2.0 * (d_log_density1 * z[j, k])
                total[j, k] += d_z * z1[j, k]
                d_z_sum[j, k] += d_z * z2[j, k]
    grad_means = np.empty((5, 3))
    grad_log_scales = np.empty((5, 3))
    for i in range(5):
        d_log_density2 = -grad_weights[i]
        for j in range(3):
            grad_means[i, j] = 0.0 - total[i, j]
            d_log_scales = -(d_z_sum[i, j] * z1[i, j])
            grad_log_scales[i, j] = d_log_scales + d_log_density2
    return grad_weights, grad_means, grad_log_scales
