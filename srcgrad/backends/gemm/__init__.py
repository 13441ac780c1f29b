"""Matrix products: a register-tiled micro-kernel, its driver, and the native symbols that emitted code calls."""
