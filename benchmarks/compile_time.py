"""``python -m benchmarks.compile_time``: what a first call costs as a program gets longer, beside JAX.

A table of programs by lengths. Every measurement is a process of its own with an empty cache: the CPU seconds (of all
its threads, held to one core) from imported packages to the first result. Beside them the ratio to the same program
of half the length, and where srcgrad's seconds went.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from benchmarks.report import plain_table

CONTENDERS = ("srcgrad", "jax")
Program = tuple[Callable[..., Any], tuple[Any, ...]]


@dataclass(frozen=True)
class Case:
    """A program for every length: ``make(n, np)`` gives a scalar function, over that library's names, and arguments
    of which the first is differentiated.
    """

    name: str
    what: str
    lengths: tuple[int, ...]
    make: Callable[[int, Any], Program]
    jax: bool = True


def terms(n: int, xp: Any) -> Program:
    def f(p: Any, xs: Any) -> Any:
        return sum([xp.sin(p * x) for x in xs])

    return f, (1.5, list(np.linspace(0.1, 1.0, n)))


def fixed_terms(n: int, xp: Any) -> Program:
    xs = np.linspace(0.1, 1.0, n).tolist()
    return lambda p: sum([xp.sin(p * x) for x in xs]), (1.5,)


def layers(n: int, xp: Any) -> Program:
    def f(weights: Any, x: Any) -> Any:
        for w in weights:
            x = xp.tanh(w @ x)
        return x.sum()

    rng = np.random.default_rng(0)
    return f, ([rng.normal(size=(8, 8)) / 8**0.5 for _ in range(n)], rng.normal(size=8))


def chain(n: int, xp: Any) -> Program:
    def f(x: Any, a: Any, b: Any) -> Any:
        return reduce(lambda x, _: xp.sin(x) * a + b, range(n // 3), x).sum()

    return f, (np.linspace(0.0, 1.0, 1000), 0.9, 0.1)


def scalar_chain(n: int, xp: Any) -> Program:
    def f(x: Any, a: Any, b: Any) -> Any:
        return reduce(lambda x, _: xp.sin(x) * a + b, range(n // 3), x)

    return f, (0.3, 0.9, 0.1)


def branches(n: int, xp: Any) -> Program:
    """A function of n lines in which half a dozen numbers change in `if` statements, one after the other."""
    rng = random.Random(0)
    names = "abcdef"
    lines = ["def f(x, y):", "    a, b, c, d, e, f = x, y, x + y, x * y, x - y, 0.5"]
    while len(lines) < n:
        u, v, w = rng.choice(names), rng.choice(names), rng.choice(names)
        limit, factor = round(rng.uniform(-1, 1), 2), round(rng.uniform(0.2, 0.9), 2)
        lines += [f"    if {u} > {limit}:", f"        {v} = {w} * {factor} + {u}"]
        lines += ["    else:", f"        {w} = {v} * {factor} - {limit}"]
    lines.append("    return a + b + c + d + e + f")
    return _of_text(f"branches_{n}", lines, xp), (0.3, 0.7)


def mixed(n: int, xp: Any) -> Program:
    """A random program of n different operations on vectors, matrices and scalars."""

    def f(x: Any, m: Any) -> Any:
        rng = random.Random(1)
        vectors, matrices, scalars = [x], [m], [x[0]]
        for _ in range(n):
            v, u = rng.choice(vectors[-12:]), rng.choice(vectors[-12:])
            a, s = rng.choice(matrices[-6:]), rng.choice(scalars[-6:])
            match rng.randrange(12):
                case 0:
                    vectors.append(xp.tanh(v + u))
                case 1:
                    vectors.append(v * u + 0.1)
                case 2:
                    vectors.append(xp.tanh(a @ v))
                case 3:
                    scalars.append(xp.sin((v * u).sum()))
                case 4:
                    vectors.append(v * s - u)
                case 5:
                    matrices.append(xp.tanh(a * s))
                case 6:
                    vectors.append(xp.concatenate([v[2:], u[:2]]))
                case 7:
                    scalars.append(s * v[rng.randrange(5)] + 0.5)
                case 8:
                    matrices.append(xp.tanh(a + rng.choice(matrices[-6:]).T))
                case 9:
                    vectors.append(xp.maximum(v, u) * 0.9)
                case 10:
                    vectors.append(a.sum(axis=0) * 0.1 + xp.exp(-v * v))
                case _:
                    scalars.append(xp.where(s > 0.3, s * 0.5, 1.0 - s))
        return sum(v.sum() for v in vectors[-5:]) + sum(scalars[-5:]) + sum(a.sum() for a in matrices[-3:])

    rng = np.random.default_rng(0)
    return f, (rng.normal(size=5), rng.normal(size=(5, 5)) / 3)


def irregular(n: int, xp: Any) -> Program:
    """A function of n lines over vectors and numbers, no two of them alike: nothing in it repeats."""
    rng = random.Random(2)
    functions = ["np.tanh({})", "np.sin({})", "np.cos({})", "np.arctan({})", "np.exp(-abs({}))", "abs({})"]
    vectors = ["{f} * {a} + {u}", "{v} * {u} * {a} - {b}", "np.where({v} > {b}, {v} * {a}, {u} * {q})", "{f} * {p}"]
    scalars = ["{g} * {q} + {a}", "np.where({p} > {b}, {p} * {a}, {q} - {b} * {p})", "{g} - {q}", "({v} * {u}).mean()"]
    lines, known = ["def f(x, s):"], {"v": ["x"], "s": ["s"]}
    for k in range(n):
        (v, u), (p, q) = (rng.choices(earlier[-8:], k=2) for earlier in known.values())
        a, b = (round(rng.uniform(0.1, 0.9), 3) for _ in range(2))
        f, g = (rng.choice(functions).format(f"{one} * {b} + {other}") for one, other in ((v, u), (p, q)))
        kind = rng.choice("vs")
        made = rng.choice(vectors if kind == "v" else scalars).format(v=v, u=u, p=p, q=q, a=a, b=b, f=f, g=g)
        known[kind].append(f"{kind}{k}")
        lines.append(f"    {kind}{k} = {made}")
    lines.append(f"    return ({' + '.join(known['v'][-8:])}).sum() + {' + '.join(known['s'][-8:])}")
    return _of_text(f"irregular_{n}", lines, xp), (np.linspace(-1.0, 1.0, 100), 0.7)


def _of_text(name: str, lines: list[str], xp: Any) -> Callable[..., Any]:
    """The function f of a file with these lines."""
    path = Path(tempfile.mkdtemp()) / f"{name}.py"
    path.write_text("\n".join(lines) + "\n")
    namespace: dict[str, Any] = {"__name__": name, "np": xp}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    return namespace["f"]  # type: ignore[no-any-return]


CASES = (
    Case("terms", "sum of sin(p * x) over a list of arguments", (250, 500, 1000, 2000), terms),
    Case("fixed-terms", "the same with the list outside", (250, 500, 1000, 2000), fixed_terms),
    Case("layers", "tanh(w @ x) over a list of matrices of 8 x 8", (25, 50, 100, 200), layers),
    Case("chain", "x = sin(x) * a + b on 1,000 elements", (100, 200, 400, 800, 10_000), chain),
    Case("scalar-chain", "x = sin(x) * a + b on a number", (100, 200, 400, 800, 10_000), scalar_chain),
    Case("branches", "lines of scalar branches in a row", (17, 33, 65, 130), branches, jax=False),
    Case("mixed", "a random program of different operations", (125, 250, 500, 1000), mixed),
    Case("irregular", "a random program of numbers and vectors of 100 elements", (250, 500, 1000, 2000), irregular),
)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    if args.one:
        print(json.dumps(measure_here(*args.one)))
        return 0
    print(table(args))
    return 0


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.compile_time", description=__doc__)
    parser.add_argument("--cases", nargs="+", default=[case.name for case in CASES])
    parser.add_argument("--lengths", type=int, nargs="+", help="in place of each case's own")
    parser.add_argument("--what", nargs="+", default=("value", "gradient"))
    parser.add_argument("--contenders", nargs="+", default=CONTENDERS)
    parser.add_argument("--limit", type=float, default=120.0, help="seconds that one measurement may take")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def table(args: argparse.Namespace) -> str:
    rows = []
    for case in (case for case in CASES if case.name in args.cases):
        for what in args.what:
            before: dict[str, tuple[int, float]] = {}
            for length in args.lengths or case.lengths:
                row = [case.name, what, f"{length:,}"]
                for contender in args.contenders:
                    found = measure(case, what, length, contender, args.limit) if case.jax or contender != "jax" else {}
                    seconds = found.get("seconds")
                    short, least = before.get(contender, (0, 0.0))
                    row.append(f"{seconds:.2f}" if seconds else found.get("error", ""))
                    row.append(f"{seconds / least:.2f}" if seconds and length == 2 * short else "")
                    if seconds:
                        before[contender] = length, seconds
                    if contender == "srcgrad":
                        stages = {name: s for name, s in found.get("stages", {}).items() if s >= 0.01}
                        row.append(" ".join(f"{name} {s:.2f}" for name, s in stages.items()))
                rows.append(tuple(row))
                print(*row, sep="  ", file=sys.stderr, flush=True)
    heads = [(c, "x half", "stages") if c == "srcgrad" else (c, "x half") for c in args.contenders]
    return plain_table(("case", "of", "length", *(head for group in heads for head in group)), rows)


def measure(case: Case, what: str, length: int, contender: str, limit: float) -> dict[str, Any]:
    """The data of one measurement, from a process of its own on one core."""
    command = [sys.executable, "-m", "benchmarks.compile_time", "--one", case.name, what, str(length), contender]
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, **dict.fromkeys(variables, "1"), "SRCGRAD_CACHE_DIR": cache, "JAX_ENABLE_X64": "1"}
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            return {"error": f"over {limit:.0f} s"}
    if done.returncode:
        return {"error": [*done.stderr.strip().splitlines(), "died"][-2 if done.stderr.strip() else -1]}
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def measure_here(name: str, what: str, length: str, contender: str) -> dict[str, Any]:
    """One first call in this process."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    case = next(case for case in CASES if case.name == name)
    stages: dict[str, float] = {}
    if contender == "jax":
        import jax
        import jax.numpy as jnp

        function, arguments = case.make(int(length), jnp)
        transformed = jax.jit(jax.value_and_grad(function) if what == "gradient" else function)
        started = process_time()
        jax.block_until_ready(transformed(*arguments))
        return {"seconds": process_time() - started, "stages": stages}
    import srcgrad as sg
    from srcgrad.pipeline import timed

    function, arguments = case.make(int(length), np)
    transformed = sg.value_and_grad(function) if what == "gradient" else sg.jit(function)
    sg.jit(lambda x: x + 1.0)(1.0)  # the product's kernels, the loader: once a machine
    with timed(process_time) as times:
        started = process_time()
        transformed(*arguments)
        seconds = process_time() - started
    rest = seconds - sum(times.seconds.values())
    return {"seconds": seconds, "stages": {"rest": rest, **times.seconds}}


if __name__ == "__main__":
    sys.exit(main())
