"""Emitted text to machine code by a short path: our own front end and one run of LLVM's passes inside Numba."""
