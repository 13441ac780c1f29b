"""A small network with tensors: gradients by the engine, updates by hand; then the same loss, compiled.

python examples/eager_network.py [--epochs N]
"""

from __future__ import annotations

import argparse
import time

import srcgrad as sg
import srcgrad.eager as torch

D_IN, D_OUT, N, D_HIDDEN, LEARNING_RATE = 3, 1, 100, 32, 1e-4
Tensors = tuple[torch.Tensor, ...]


def data() -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(N, D_IN)
    y = x[:, 0, None] * 0.2 - x[:, 1, None] * 1.3 - x[:, 2, None] * 0.5 + torch.randn(N, 1)
    return x, y


def parameters() -> Tensors:
    w1, w2 = torch.randn(D_IN, D_HIDDEN, requires_grad=True), torch.randn(D_HIDDEN, D_OUT, requires_grad=True)
    b1, b2 = torch.zeros(1, D_HIDDEN, requires_grad=True), torch.zeros(1, D_OUT, requires_grad=True)
    return w1, b1, w2, b2


def loss_fn(params: Tensors, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    w1, b1, w2, b2 = params
    y_pred = x.mm(w1).add(b1).clamp(min=0).mm(w2).add(b2)
    return (y_pred - y).pow(2).sum()


def train(params: Tensors, x: torch.Tensor, y: torch.Tensor, epochs: int) -> list[float]:
    """One forward and one backward pass a step, each operation a NumPy call."""
    losses = []
    for epoch in range(epochs):
        loss = loss_fn(params, x, y)
        losses.append(loss.item())
        if epoch % 10 == 0:
            print(f"epoch {epoch:4d}  loss {loss.item():10.3f}")
        loss.backward()
        with torch.no_grad():
            for parameter in params:
                parameter -= LEARNING_RATE * parameter.grad
                parameter.grad.zero_()
    return losses


@sg.jit
def train_compiled(params: Tensors, x: torch.Tensor, y: torch.Tensor, epochs: int) -> tuple[Tensors, torch.Tensor]:
    """The same steps as one native call: the loss is differentiated, fused and compiled with its loop."""
    loss = torch.tensor(0.0)
    for _ in range(epochs):
        loss, gradients = sg.value_and_grad(loss_fn)(params, x, y)
        params = tuple(p - LEARNING_RATE * g for p, g in zip(params, gradients, strict=True))
    return params, loss


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--epochs", type=int, default=200)
    epochs = arguments.parse_args().epochs
    torch.manual_seed(0)
    x, y = data()
    params = parameters()
    start = tuple(parameter.detach().clone() for parameter in params)

    began = time.perf_counter()
    losses = train(params, x, y, epochs)
    eager = time.perf_counter() - began

    train_compiled(start, x, y, epochs)  # compiles
    began = time.perf_counter()
    _, last = train_compiled(start, x, y, epochs)
    compiled = time.perf_counter() - began
    print(f"last loss: eager {losses[-1]:.4f}, compiled {last.item():.4f}")
    print(f"{epochs} steps: eager {eager * 1e3:.1f} ms, compiled {compiled * 1e3:.3f} ms")


if __name__ == "__main__":
    main()
