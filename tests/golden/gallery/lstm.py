def grad_lstm_loss(params_0, params_1, params_2, inputs, target):
    c = np.zeros(8)
    h = np.zeros(8)
    d_c = np.zeros(8)
    h_stack = np.empty((20, 8))
    saved_stack = np.empty((20, 8))
    saved_stack1 = np.empty((20, 8))
    c_stack = np.empty((20, 8))
    saved_stack2 = np.empty((20, 8))
    c_stack1 = np.empty((20, 8))
    h_stack1 = np.empty((20, 8))
    for i in range(20):
        gates_sum = np.zeros(32)
        for j in range(8):
            for k in range(32):
                gates_sum[k] += h[j] * params_1[j, k]
        x = inputs[i]
        gates = np.empty(32)
        for j in range(32):
            gates_sum1 = 0.0
            for k in range(5):
                gates_sum1 += x[k] * params_0[k, j]
            gates[j] = gates_sum1 + gates_sum[j] + params_2[j]
        for j in range(8):
            t = np.exp(-gates[j + 8])
            t1 = np.exp(-gates[j])
            c1 = np.tanh(gates[j + 24])
            c2 = 1.0 / (1.0 + t) * c[j] + 1.0 / (1.0 + t1) * c1
            t2 = np.exp(-gates[j + 16])
            h1 = np.tanh(c2)
            h_stack[i, j] = h[j]
            saved_stack[i, j] = t2
            saved_stack1[i, j] = t
            c_stack[i, j] = c[j]
            saved_stack2[i, j] = t1
            c_stack1[i, j] = c1
            h_stack1[i, j] = h1
            c[j] = c2
            h[j] = 1.0 / (1.0 + t2) * h1
    d_h1 = np.empty(8)
    for i in range(8):
        d_h1[i] = 2.0 * (h[i] - target[i])
    grad_params_0 = np.zeros((5, 32))
    grad_params_2 = np.zeros(32)
    d_gates_stack = np.empty((20, 32))
    for i in reversed(range(20)):
        x1 = inputs[i]
        d_gates = np.empty(32)
        for j in range(8):
            t3 = 1.0 + saved_stack[i, j]
            t4 = 1.0 / t3
            d_c1 = d_c[j] + d_h1[j] * t4 * (1.0 - h_stack1[i, j] * h_stack1[i, j])
            t5 = 1.0 + saved_stack1[i, j]
            t6 = 1.0 / t5
            t7 = 1.0 + saved_stack2[i, j]
            t8 = 1.0 / t7
            d_gates[j] = t8 / t7 * (d_c1 * c_stack1[i, j]) * saved_stack2[i, j]
            d_gates[j + 8] = t6 / t5 * (d_c1 * c_stack[i, j]) * saved_stack1[i, j]
            d_gates[j + 16] = t4 / t3 * (d_h1[j] * h_stack1[i, j]) * saved_stack[i, j]
            d_gates[j + 24] = d_c1 * t8 * (1.0 - c_stack1[i, j] * c_stack1[i, j])
            d_c[j] = d_c1 * t6
        for j in range(32):
            for k in range(5):
                grad_params_0[k, j] += d_gates[j] * x1[k]
            d_gates_stack[i, j] = d_gates[j]
            grad_params_2[j] += d_gates[j]
        for j in range(8):
            d_h = 0.0
            for k in range(32):
                d_h += d_gates[k] * params_1[j, k]
            d_h1[j] = d_h
    grad_params_1 = np.zeros((8, 32))
    for i in range(20):
        for j in range(8):
            for k in range(32):
                grad_params_1[j, k] += d_gates_stack[i, k] * h_stack[i, j]
    return grad_params_0, grad_params_1, grad_params_2
