def grad_cross_entropy(params_0_0, params_0_1, params_1_0, params_1_1, params_2_0, params_2_1, images, labels):
    h_sum = images @ params_0_0
    h1 = np.empty((32, 256))
    t = np.empty((32, 256), bool)
    d_logits1 = np.empty((32, 10))
    for i in range(32):
        for j in range(256):
            h2 = h_sum[i, j] + params_0_1[j]
            h1[i, j] = np.maximum(h2, 0.0)
            t[i, j] = h2 < 0.0
        for j in range(10):
            d_logits1[i, j] = -0.03125 * labels[i, j]
    h_sum1 = h1 @ params_1_0
    h = np.empty((32, 128))
    t1 = np.empty((32, 128), bool)
    for i in range(32):
        for j in range(128):
            h3 = h_sum1[i, j] + params_1_1[j]
            h[i, j] = np.maximum(h3, 0.0)
            t1[i, j] = h3 < 0.0
    logits_sum = h @ params_2_0
    top = np.empty(32)
    total = np.empty(32)
    log_total_sum = np.empty(32)
    total1 = np.empty(32)
    log_total1 = np.empty((32, 10))
    t2 = np.empty((32, 10), bool)
    for i in range(32):
        top[i] = -np.inf
        total[i] = 0.0
        logits = np.empty(10)
        t3 = np.empty(10, bool)
        for j in range(10):
            logits[j] = logits_sum[i, j] + params_2_1[j]
            top[i] = np.maximum(top[i], logits[j])
            total[i] += logits[j] * labels[i, j]
            t3[j] = np.isnan(logits[j])
        log_total_sum[i] = 0.0
        total1[i] = 0.0
        for j in range(10):
            log_total1[i, j] = np.exp(logits[j] - top[i])
            log_total_sum[i] += log_total1[i, j]
            t2[i, j] = (logits[j] == top[i]) | t3[j]
            total1[i] += np.float64(t2[i, j])
    total2 = 0.0
    d_log_total = np.empty(32)
    for i in range(32):
        log_total = np.log(log_total_sum[i]) + top[i]
        total2 += log_total - total[i]
        d_log_total[i] = 0.03125 * (1.0 / log_total_sum[i])
    total3 = np.empty(32)
    d_logits2 = np.empty((32, 10))
    for i in range(32):
        total3[i] = 0.0
        for j in range(10):
            d_log_total1 = d_log_total[i] * log_total1[i, j]
            d_logits2[i, j] = d_logits1[i, j] + d_log_total1
            total3[i] += d_log_total1
    t4 = np.empty(32)
    for i in range(32):
        d_top = 0.03125 + (0.0 - total3[i])
        t4[i] = d_top / total1[i]
    grad_params_2_1 = np.zeros(10)
    d_logits = np.empty((32, 10))
    for i in range(32):
        for j in range(10):
            d_logits[i, j] = d_logits2[i, j] + (t4[i] if t2[i, j] else 0.0)
            grad_params_2_1[j] += d_logits[i, j]
    d_h = d_logits @ params_2_0.T
    grad_params_1_1 = np.zeros(128)
    d_h1 = np.empty((32, 128))
    for i in range(32):
        for j in range(128):
            d_h1[i, j] = 0.0 if t1[i, j] else d_h[i, j]
            grad_params_1_1[j] += d_h1[i, j]
    d_h_sum = d_h1 @ params_1_0.T
    grad_params_0_1 = np.zeros(256)
    d_h2 = np.empty((32, 256))
    for i in range(32):
        for j in range(256):
            d_h2[i, j] = 0.0 if t[i, j] else d_h_sum[i, j]
            grad_params_0_1[j] += d_h2[i, j]
    result = total2 / 32.0
    grad_params_0_0 = images.T @ d_h2
    grad_params_1_0 = h1.T @ d_h1
    grad_params_2_0 = h.T @ d_logits
    return result, grad_params_0_0, grad_params_0_1, grad_params_1_0, grad_params_1_1, grad_params_2_0, grad_params_2_1
