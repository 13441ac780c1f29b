"""The machine that a program is compiled for, as one frozen value that schedule and kernel passes are given.

What is emitted depends on it alone. `backends.machine` makes that of the machine at hand; those of others are plain
values, so that their schedules can be made, read and tested anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

#: more multiplications than any product has
NEVER = 2**62


@dataclass(frozen=True)
class Target:
    """What passes may know of a machine. Sizes are bytes, costs are cycles of one core.

    Attributes:
        threads: how many threads compiled code is laid out for.
        register_elements: how many elements of a result a loop may keep in registers until its end.
        vector_bytes: the vectors that loops are laid out for.
        register_bytes: what sums may hold in vector registers; half of all, since operands need some.
        line_bytes: a line of the caches.
        l1_bytes, l2_bytes: the caches of a core; the smallest among the server CPUs that were measured.
        near_line_cycles, far_line_cycles: a line that no line before announced, from L2 and from further away.
        product_size: multiplications from which a contraction is a matrix product for the micro-kernel.
        block_bytes: intermediates of a block of rows, which share L2 with the weights.
        parallel_cycles: work from which a loop is worth forking threads for.
        blas_float32, blas_float64: multiplications from which a product calls the installed BLAS.
    """

    threads: int = 1
    register_elements: int = 64
    vector_bytes: int = 64
    register_bytes: int = 1024
    line_bytes: int = 64
    l1_bytes: int = 32 * 1024
    l2_bytes: int = 1024 * 1024
    near_line_cycles: float = 3.0
    far_line_cycles: float = 30.0
    product_size: int = 16384
    block_bytes: int = 655360
    parallel_cycles: float = 60000.0
    blas_float32: int = NEVER
    blas_float64: int = NEVER

    def blas_size(self, dtype: str) -> int:
        """Multiplications from which a product of this dtype calls the installed BLAS."""
        return self.blas_float32 if dtype == "float32" else self.blas_float64

    def lanes(self, itemsize: int = 4) -> int:
        """The elements of a vector."""
        return self.vector_bytes // itemsize


#: x86 with 32 registers of 64 bytes, with 16 of 32 bytes; ARM with 32 of 16 bytes
AVX512 = Target()
AVX2 = Target(vector_bytes=32, register_bytes=256)
NEON = Target(vector_bytes=16, register_bytes=256)
