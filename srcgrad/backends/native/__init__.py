"""Emitted text to machine code by a short path: our own frontend and one run of LLVM's passes inside Numba."""
