"""This machine as a target: the one place where compilation gets what depends on it, or was measured on it."""

from __future__ import annotations

import math

from srcgrad.backends import threads
from srcgrad.backends.gemm.blas import threshold
from srcgrad.backends.gemm.micro import cpu_features
from srcgrad.core.lowering import Contract
from srcgrad.core.settings import settings
from srcgrad.core.target import AVX2, AVX512, Target
from srcgrad.graph.node import Graph


def this_machine(graph: Graph) -> Target:
    """What a graph is compiled for that runs here.

    Loops are laid out for vectors of 64 bytes on every CPU: two or four registers make one where they are shorter.
    BLAS is measured for graphs alone whose products are large enough to call it.
    """
    registers = AVX512 if "avx512f" in cpu_features() else AVX2
    largest = largest_product(graph)
    return Target(
        threads=threads.limit(),
        register_bytes=registers.register_bytes,
        product_size=settings.product_size,
        block_bytes=settings.block_bytes,
        parallel_cycles=settings.parallel_cycles,
        blas_float32=threshold("float32", largest.get("float32", 0)),
        blas_float64=threshold("float64", largest.get("float64", 0)),
    )


def largest_product(graph: Graph) -> dict[str, int]:
    """For each dtype, the multiplications of the largest contraction, those in loops and branches included."""
    found: dict[str, int] = {}
    for node in graph.nodes():
        if isinstance(node.op.lowering, Contract):
            left, right = node.params["spec"].split("->")[0].split(",")
            extents = {
                **dict(zip(left, node.inputs[0].shape, strict=True)),
                **dict(zip(right, node.inputs[1].shape, strict=True)),
            }
            found[node.dtype.name] = max(found.get(node.dtype.name, 0), math.prod(extents.values()))
        for part in node.params.values():
            if isinstance(part, Graph):
                for dtype, size in largest_product(part).items():
                    found[dtype] = max(found.get(dtype, 0), size)
    return found
