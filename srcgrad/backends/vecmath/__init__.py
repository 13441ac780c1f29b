"""Elementwise math as branch-free formulas that LLVM turns into vector code; see `docs/vecmath.md`."""
