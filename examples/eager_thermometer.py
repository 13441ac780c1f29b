"""Calibrate a thermometer whose unit nobody knows: a line through eleven readings, eager and compiled.

python examples/eager_thermometer.py
"""

from __future__ import annotations

import srcgrad as sg
import srcgrad.eager as torch

T_C = torch.tensor([0.5, 14.0, 15.0, 28.0, 11.0, 8.0, 3.0, -4.0, 6.0, 13.0, 21.0])
T_U = torch.tensor([35.7, 55.9, 58.2, 81.9, 56.3, 48.9, 33.9, 21.8, 48.4, 60.4, 68.4])
EPOCHS, LEARNING_RATE = 5000, 1e-2


def model(t_u: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return w * t_u + b


def loss_fn(params: torch.Tensor) -> torch.Tensor:
    return ((model(0.1 * T_U, *params) - T_C) ** 2).mean()


def fit() -> torch.Tensor:
    """The parameters after 5000 epochs, by the engine."""
    params = torch.tensor([1.0, 0.0], requires_grad=True)
    for epoch in range(1, EPOCHS + 1):
        if params.grad is not None:
            params.grad.zero_()
        loss = loss_fn(params)
        loss.backward()
        with torch.no_grad():
            params -= LEARNING_RATE * params.grad
        if epoch % 1000 == 0:
            print(f"epoch {epoch}: gradient {params.grad.tolist()}, loss {loss.item():.6f}")
    return params


@sg.jit
def fit_compiled(params: torch.Tensor) -> torch.Tensor:
    """The same as one native loop."""
    for _ in range(EPOCHS):
        params = params - LEARNING_RATE * sg.grad(loss_fn)(params)
    return params


def main() -> None:
    print("eager:   ", fit())
    print("compiled:", fit_compiled(torch.tensor([1.0, 0.0])))


if __name__ == "__main__":
    main()
