def train(params_b1, params_b2, params_w1, params_w2, x, y, rate):
    params_b1 = params_b1.copy()
    params_w1 = params_w1.copy()
    params_w2 = params_w2.copy()
    for i in range(200):
        grad_params_b1 = np.zeros(32)
        grad_params_w1 = np.zeros((3, 32))
        grad_params_w2 = np.zeros(32)
        grad_params_b2 = 0.0
        for j in range(100):
            predicted_sum = 0.0
            hidden = np.empty(32)
            for k in range(32):
                hidden_sum = 0.0
                for l in range(3):
                    hidden_sum += x[j, l] * params_w1[l, k]
                hidden[k] = np.tanh(hidden_sum + params_b1[k])
                predicted_sum += hidden[k] * params_w2[k]
            predicted = predicted_sum + params_b2
            error = predicted - y[j]
            d_error = 2.0 * error
            for k in range(32):
                d_hidden = d_error * params_w2[k]
                d_hidden1 = d_hidden * (1.0 - hidden[k] * hidden[k])
                grad_params_b1[k] += d_hidden1
                for l in range(3):
                    grad_params_w1[l, k] += d_hidden1 * x[j, l]
                grad_params_w2[k] += d_error * hidden[k]
            grad_params_b2 += d_error
        for j in range(32):
            for k in range(3):
                params_w1[k, j] -= rate * grad_params_w1[k, j]
            params_b1[j] -= rate * grad_params_b1[j]
            params_w2[j] -= rate * grad_params_w2[j]
        params_b2 -= rate * grad_params_b2
    return params_b1, params_b2, params_w1, params_w2
