def grad_jacobi(grid):
    grid = grid.copy()
    for i in range(50):
        new = np.empty((14, 14))
        for j in range(14):
            for k in range(14):
                new1 = grid[j, k + 1] + grid[j + 2, k + 1] + grid[j + 1, k] + grid[j + 1, k + 2]
                new[j, k] = 0.25 * new1
        for j in range(14):
            for k in range(14):
                grid[j + 1, k + 1] = new[j, k]
    grad_grid = np.empty((16, 16))
    for i in range(16):
        for j in range(16):
            grad_grid[i, j] = 2.0 * grid[i, j]
    for i in reversed(range(50)):
        t = np.zeros((18, 18))
        for j in range(14):
            d_new = np.empty(14)
            for k in range(14):
                d_new[k] = grad_grid[j + 1, k + 1] * 0.25
                t[j + 2, k + 2] = d_new[k]
            t1 = grad_grid[j + 1, 15] + d_new[13]
            grad_grid[j + 1, 0] += d_new[0]
            grad_grid[j + 1, 15] = t1
        for j in range(16):
            t2 = grad_grid[15, j] + t[15, j + 1]
            grad_grid[0, j] += t[2, j + 1]
            grad_grid[15, j] = t2
        for j in range(14):
            for k in range(14):
                grad_grid[j + 1, k + 1] = t[j + 2, k + 1] + t[j + 2, k + 3] + t[j + 1, k + 2] + t[j + 3, k + 2]
    return grad_grid
