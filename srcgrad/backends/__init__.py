"""Schedule to source to callable: the only floor that knows Numba."""
