"""The examples with tensors run, and reach the numbers that they are about."""

from __future__ import annotations

import eager_first_steps
import eager_network
import eager_thermometer
import numpy as np
import pytest

import srcgrad.eager as torch


def test_first_steps(capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("sys.argv", ["eager_first_steps.py", "--draw", str(tmp_path / "graph.svg")])
    eager_first_steps.main()
    printed = capsys.readouterr().out
    assert "value: tensor(-3.4000, grad_fn=<SubBackward0>)" in printed
    assert "gradient: tensor(0.8000) tensor(0.8000)" in printed
    assert "value -5.0" in printed
    assert "<svg" in (tmp_path / "graph.svg").read_text()


def test_network(capsys) -> None:
    torch.manual_seed(0)
    x, y = eager_network.data()
    params = eager_network.parameters()
    start = tuple(parameter.detach().clone() for parameter in params)
    losses = eager_network.train(params, x, y, 20)
    trained, last = eager_network.train_compiled(start, x, y, 20)
    assert last.item() == pytest.approx(losses[-1], rel=1e-4)
    for mine, other in zip(params, trained, strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), other.numpy(), 1e-3, 1e-4)
    assert capsys.readouterr().out.startswith("epoch    0  loss")


def test_thermometer() -> None:
    fitted = eager_thermometer.fit_compiled(torch.tensor([1.0, 0.0]))
    assert repr(fitted) == "tensor([  5.3671, -17.3012])"
