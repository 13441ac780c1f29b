"""The define-by-run face against PyTorch eager: cost of an operation with its backward step, and of a small network.

    python -m benchmarks.eager_ops [OPERATION ...]

Each operation is applied 41 times in a row to 10 elements, then the chain is differentiated; the cost is the difference
to a chain of one, over 40. Both libraries run in one process, in turns; the minimum of many rounds counts. One thread.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any

Torch = Any
Tensor = Any
Operation = Callable[[Torch, Tensor, Tensor, Tensor], Tensor]

SIZE, LENGTH, ROUNDS = 10, 41, 40

#: From the module, the value so far, a constant and a parameter to the next value. Some are several operations.
OPERATIONS: dict[str, Operation] = {
    "add": lambda torch, z, c, w: z + c,
    "add parameter": lambda torch, z, c, w: z + w,
    "multiply": lambda torch, z, c, w: z * c,
    "multiply parameter": lambda torch, z, c, w: z * w,
    "multiply number": lambda torch, z, c, w: z * 2.0,
    "subtract": lambda torch, z, c, w: z - c,
    "divide": lambda torch, z, c, w: z / c,
    "divide parameter": lambda torch, z, c, w: z / w,
    "negative": lambda torch, z, c, w: -z,
    "square": lambda torch, z, c, w: z.pow(2),
    "cube": lambda torch, z, c, w: z**3,
    "exp": lambda torch, z, c, w: z.exp(),
    "log": lambda torch, z, c, w: z.log(),
    "sqrt": lambda torch, z, c, w: z.sqrt(),
    "sin": lambda torch, z, c, w: z.sin(),
    "tanh": lambda torch, z, c, w: z.tanh(),
    "sigmoid": lambda torch, z, c, w: z.sigmoid(),
    "relu": lambda torch, z, c, w: torch.relu(z),
    "clamp": lambda torch, z, c, w: z.clamp(min=0),
    "abs": lambda torch, z, c, w: z.abs(),
    "maximum": lambda torch, z, c, w: torch.maximum(z, c),
    "where": lambda torch, z, c, w: torch.where(c > 0, z, c),
    "sum, expand": lambda torch, z, c, w: z.sum().expand(SIZE),
    "mean, expand": lambda torch, z, c, w: z.mean().expand(SIZE),
    "view, sum(1)": lambda torch, z, c, w: z.view(SIZE, 1).sum(1),
    "view, max(1)": lambda torch, z, c, w: z.view(SIZE, 1).max(1)[0],
    "softmax": lambda torch, z, c, w: z.softmax(0),
    "slice": lambda torch, z, c, w: z[0:SIZE],
    "select, expand": lambda torch, z, c, w: z[0].expand(SIZE),
    "view, view": lambda torch, z, c, w: z.view(5, 2).view(SIZE),
    "view, t, t, view": lambda torch, z, c, w: z.view(2, 5).t().t().view(SIZE),
    "slice, slice, cat": lambda torch, z, c, w: torch.cat([z[:5], z[5:]]),
    "view, mm, view": lambda torch, z, c, w: z.view(SIZE, 1).mm(w.view(1, SIZE)[:, :1]).view(SIZE),
}


def chain(torch: Torch, operation: Operation, length: int) -> Callable[[], None]:
    """A forward and a backward pass over so many applications of an operation."""
    x, w = torch.ones(SIZE, requires_grad=True), torch.ones(SIZE, requires_grad=True)
    c, cotangent = torch.ones(SIZE) * 0.5, torch.ones(SIZE)

    def run() -> None:
        z = x
        for _ in range(length):
            z = operation(torch, z, c, w)
        z.backward(cotangent)
        x.grad = None
        w.grad = None

    return run


def small_network(torch: Torch, steps: int = 200) -> Callable[[], float]:
    """Training of the network 100 x 3 -> 32 -> 1 by the engine, updates by hand; gives the last loss."""
    torch.manual_seed(0)
    x, y = torch.randn(100, 3), torch.randn(100, 1)

    def train() -> float:
        w1, w2 = torch.randn(3, 32, requires_grad=True), torch.randn(32, 1, requires_grad=True)
        b1, b2 = torch.zeros(1, 32, requires_grad=True), torch.zeros(1, 1, requires_grad=True)
        for _ in range(steps):
            loss = (x.mm(w1).add(b1).clamp(min=0).mm(w2).add(b2) - y).pow(2).sum()
            loss.backward()
            with torch.no_grad():
                for parameter in (w1, w2, b1, b2):
                    parameter.sub_(1e-4 * parameter.grad)
                    parameter.grad.zero_()
        return loss.item()  # type: ignore[no-any-return]

    return train


def fastest(programs: dict[Any, Callable[[], Any]], rounds: int, calls: int = 1) -> dict[Any, float]:
    """The least seconds of each program, all run in turns."""
    least = dict.fromkeys(programs, math.inf)
    for _ in range(rounds):
        for key, program in programs.items():
            began = time.perf_counter()
            for _ in range(calls):
                program()
            least[key] = min(least[key], (time.perf_counter() - began) / calls)
    return least


def per_operation(modules: dict[str, Torch], operation: Operation) -> dict[str, float]:
    """Seconds for one application and its backward step, by the name of the module."""
    programs = {(name, n): chain(torch, operation, n) for name, torch in modules.items() for n in (1, LENGTH)}
    least = fastest(programs, ROUNDS, 3)
    return {name: (least[name, LENGTH] - least[name, 1]) / (LENGTH - 1) for name in modules}


def main() -> None:
    import torch

    from srcgrad import eager

    torch.set_num_threads(1)
    modules = {"torch": torch, "eager": eager}
    chosen = sys.argv[1:] or list(OPERATIONS)
    ratios = []
    print(f"{'microseconds':20s} {'torch':>8s} {'eager':>8s} {'ratio':>6s}")
    for name in chosen:
        cost = per_operation(modules, OPERATIONS[name])
        ratios.append(cost["eager"] / cost["torch"])
        print(f"{name:20s} {cost['torch'] * 1e6:8.2f} {cost['eager'] * 1e6:8.2f} {ratios[-1]:6.2f}")
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"{'geometric mean':38s} {mean:6.2f}")
    if not sys.argv[1:]:
        least = fastest({name: small_network(module) for name, module in modules.items()}, 15)
        print(
            f"{'network, ms':20s} {least['torch'] * 1e3:8.2f} {least['eager'] * 1e3:8.2f} "
            f"{least['eager'] / least['torch']:6.2f}"
        )


if __name__ == "__main__":
    main()
