def grad_newton_root(a):
    x = a
    iterations = 0
    while abs(x * x - a) > 1e-12:
        x = 0.5 * (x + a / x)
        iterations += 1
    x1 = a
    x_stack = np.empty(iterations)
    for i in range(iterations):
        x_stack[i] = x1
        x1 = 0.5 * (x1 + a / x1)
    d_x = 1.0
    d_a = 0.0
    for i in reversed(range(iterations)):
        d_x1 = d_x * 0.5
        x2 = a / x_stack[i]
        d_x = d_x1 - x2 / x_stack[i] * d_x1
        d_a += d_x1 * (1.0 / x_stack[i])
    grad_a = d_a + d_x
    return x, grad_a
