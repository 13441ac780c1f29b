def grad_attention_loss(q, k, v, target):
    grad_v = np.zeros((16, 8))
    grad_k = np.zeros((16, 8))
    grad_q = np.empty((16, 8))
    for i in range(16):
        weights_max = -np.inf
        scores = np.empty(16)
        for j in range(16):
            scores_sum = 0.0
            for l in range(8):
                scores_sum += q[i, l] * k[j, l]
            scores[j] = scores_sum / 2.8284271247461903
            weights_max = np.maximum(weights_max, scores[j])
        weights_sum = 0.0
        total = 0.0
        weights = np.empty(16)
        t = np.empty(16, bool)
        for j in range(16):
            weights[j] = np.exp(scores[j] - weights_max)
            weights_sum += weights[j]
            t[j] = (scores[j] == weights_max) | np.isnan(scores[j])
            total += np.float64(t[j])
        t1 = 1.0 / weights_sum
        error_sum = np.zeros(8)
        weights1 = np.empty(16)
        for j in range(16):
            weights1[j] = weights[j] / weights_sum
            for l in range(8):
                error_sum[l] += weights1[j] * v[j, l]
        d_error = np.empty(8)
        for j in range(8):
            error = error_sum[j] - target[i, j]
            d_error[j] = 2.0 * error
        total1 = 0.0
        d_weights_sum = np.empty(16)
        for j in range(16):
            d_weights_sum[j] = 0.0
            for l in range(8):
                d_weights_sum[j] += d_error[l] * v[j, l]
                grad_v[j, l] += d_error[l] * weights1[j]
            total1 += weights1[j] / weights_sum * d_weights_sum[j]
        t2 = 0.0 - total1
        total2 = 0.0
        d_weights1 = np.empty(16)
        for j in range(16):
            d_weights = d_weights_sum[j] * t1 + t2
            d_weights1[j] = d_weights * weights[j]
            total2 += d_weights1[j]
        t3 = (0.0 - total2) / total
        grad_q[i, :] = 0.0
        for j in range(16):
            d_scores = d_weights1[j] + (t3 if t[j] else 0.0)
            d_scores1 = d_scores * 0.35355339059327373
            for l in range(8):
                grad_q[i, l] += d_scores1 * k[j, l]
                grad_k[j, l] += d_scores1 * q[i, l]
    return grad_q, grad_k, grad_v
