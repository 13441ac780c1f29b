"""Recording, looking at the graph, and descending a quadratic, with tensors.

python examples/eager_first_steps.py [--draw FILE.svg]
"""

from __future__ import annotations

import argparse
from typing import Any

import srcgrad.eager as torch


def quadratic(x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
    return x1.square() * 0.2 + x2.square() * 0.2 - 5


def show(node: Any, depth: int = 0) -> None:
    """Print a backward graph: a line a node, operands indented."""
    if node is None:
        return
    print("  " * depth + type(node).__name__)
    for other, _ in node.next_functions:
        show(other, depth + 1)


def descend(steps: int = 60, learning_rate: float = 0.5) -> tuple[torch.Tensor, torch.Tensor]:
    """Steepest descent from (2, 2): the point that is reached, and the value there."""
    x = torch.tensor([2.0, 2.0], requires_grad=True)
    for _ in range(steps):
        value = quadratic(*x)
        x.grad = None
        value.backward()
        with torch.no_grad():
            x -= learning_rate * x.grad
    return x, value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draw", metavar="FILE", help="write the graph of the quadratic as SVG")
    arguments = parser.parse_args()

    x1, x2 = torch.tensor(2.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    value = quadratic(x1, x2)
    print("value:", value)
    show(value.grad_fn)
    if arguments.draw:
        torch.draw(value, {"x1": x1, "x2": x2}).save(arguments.draw)
    value.backward()
    print("gradient:", x1.grad, x2.grad)

    point, lowest = descend()
    print("after 60 steps:", point.detach(), "value", lowest.item())


if __name__ == "__main__":
    main()
