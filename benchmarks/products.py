"""``python -m benchmarks.products``: matrix products alone, n x n, against NumPy, and OpenBLAS told its core type.

OpenBLAS picks its kernels by the model of the CPU, and an unknown model gets old ones; OPENBLAS_CORETYPE names better
ones. It reads that as it is loaded, so each contender lives in a process of its own; they take turns.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import numpy as np

from benchmarks.report import plain_table

SIZES = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048)
DTYPES = ("float32", "float64")
CONTENDERS = ("srcgrad", "numpy", "openblas")
AVX512 = "SkylakeX"
AVX2 = "Haswell"
LEAST_SECONDS = 0.01
#: the waiting threads of whoever had the last turn spin for this long at most (those of OpenBLAS some 20 ms)
PAUSE = 0.05


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.products", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--dtypes", nargs="+", default=DTYPES)
    parser.add_argument("--threads", type=int, nargs="+", default=(1, 2))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--core-type", default=_core_type(), help="OPENBLAS_CORETYPE of the third contender")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.serve:
        serve(args.serve, args.threads[0])
        return 0
    for threads in args.threads:
        print(f"\n{threads} thread(s), GFLOP/s, best of {args.rounds} rounds; OPENBLAS_CORETYPE={args.core_type}")
        print(table(args, threads), flush=True)
    return 0


def table(args: argparse.Namespace, threads: int) -> str:
    servers = {name: _start(name, threads, args.core_type) for name in CONTENDERS}
    rows = []
    for dtype in args.dtypes:
        for size in args.sizes:
            best = dict.fromkeys(CONTENDERS, float("inf"))
            for _ in range(args.rounds):
                for name, server in servers.items():
                    best[name] = min(best[name], _ask(server, size, dtype))
            rates = {name: 2e-9 * size**3 / seconds for name, seconds in best.items()}
            ratios = [f"{rates['srcgrad'] / rates[name]:.2f}" for name in CONTENDERS[1:]]
            rows.append((dtype, f"{size}", *(f"{rates[name]:.1f}" for name in CONTENDERS), *ratios))
    for server in servers.values():
        server.stdin.close()
        server.wait()
    return plain_table(("dtype", "n", *CONTENDERS, "over numpy", "over openblas"), rows)


def _core_type() -> str:
    try:
        return AVX512 if " avx512f " in Path("/proc/cpuinfo").read_text(encoding="utf-8") else AVX2
    except OSError:
        return AVX2


def _start(name: str, threads: int, core_type: str) -> Any:
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(variables, str(threads))}
    if name == "openblas":
        environment["OPENBLAS_CORETYPE"] = core_type
    command = [sys.executable, "-m", "benchmarks.products", "--serve", name, "--threads", str(threads)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)


def _ask(server: Any, size: int, dtype: str) -> float:
    sleep(PAUSE)
    server.stdin.write(f"{size} {dtype}\n")
    server.stdin.flush()
    return float(server.stdout.readline())


def serve(name: str, threads: int) -> None:
    """Answer each line ``n dtype`` with the seconds of one product."""
    product = _product(name)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    operands: dict[tuple[str, str], Any] = {}
    for line in sys.stdin:
        size, dtype = line.split()
        if (size, dtype) not in operands:
            a, b = np.random.default_rng(0).standard_normal((2, int(size), int(size))).astype(dtype)
            operands[size, dtype] = a, b
            tolerance = int(size) * float(np.finfo(dtype).eps) * 30
            assert np.max(np.abs(product(a, b) - a.astype(np.float64) @ b)) < tolerance
        a, b = operands[size, dtype]
        print(_seconds(product, a, b), flush=True)


def _product(name: str) -> Callable[[Any, Any], Any]:
    if name != "srcgrad":
        return np.matmul
    import srcgrad as sg

    return sg.jit(lambda a, b: a @ b)


def _seconds(product: Callable[[Any, Any], Any], a: Any, b: Any) -> float:
    """Of one call, from calls in a row; the first ones are not counted."""
    started = perf_counter()
    product(a, b)
    calls = max(1, round(LEAST_SECONDS / max(perf_counter() - started, 1e-7)))
    started = perf_counter()
    for _ in range(calls):
        product(a, b)
    return (perf_counter() - started) / calls


if __name__ == "__main__":
    sys.exit(main())
