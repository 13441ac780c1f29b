"""From eager to compiled in one word: functions of tensors through `sg.jit`, `sg.grad` and friends."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import srcgrad as sg
import srcgrad.eager as torch
from srcgrad.dispatch.arguments import Arguments
from srcgrad.dispatch.tensors import with_arrays
from srcgrad.graph.interpret import interpret
from srcgrad.graph.verify import verify
from tests.eager_cases import EXPRESSIONS
from tests.test_eager_programs import T_C, T_U, loss_fn, model, train_small_network

#: What depends on numbers, which a program that is being recorded does not have.
UNKNOWN_SHAPES = {"x[x > 1]", "x.masked_select(x > 1)"}
#: Functions that write a result's own class or memory.
EAGER_ONLY = {"x.half().float()"}


def close(found, expected, tolerance=1e-6):
    np.testing.assert_allclose(np.array(found.tolist()), np.array(expected.tolist()), tolerance, 1e-7)


@pytest.mark.parametrize("expression", [text for text in EXPRESSIONS if text not in UNKNOWN_SHAPES | EAGER_ONLY])
def test_recorded_gradients_are_eager_gradients(expression: str) -> None:
    rng = np.random.default_rng(2)
    x, y = torch.tensor(rng.uniform(0.3, 2.0, (2, 3))), torch.tensor(rng.uniform(0.3, 2.0, (2, 3)))
    weights = torch.tensor(rng.normal(size=100))

    def function(x, y):
        value = eval(expression, {"torch": torch, "x": x, "y": y})
        return (value * weights[: value.numel()].reshape(value.shape)).double().sum()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformed = sg.value_and_grad(function, argnums=(0, 1))
        twin, args, kwargs = with_arrays(transformed, Arguments(transformed.parameters, (x, y), {}))
        graph = twin.record(Arguments(twin.parameters, args, kwargs)).graph
        verify(graph)
        value, *gradients = interpret(graph, args)
        x.requires_grad_()
        y.requires_grad_()
        expected = function(x, y)
        assert value == pytest.approx(expected.item(), rel=1e-6, abs=1e-8)
        if expected.requires_grad:
            expected.backward()
    for found, tensor in zip(gradients, (x, y), strict=True):
        np.testing.assert_allclose(found, 0 if tensor.grad is None else tensor.grad.numpy(), 1e-6, 1e-8)


def test_the_small_network() -> None:
    _, (x, y, w1, b1, w2, b2) = train_small_network(epochs=3)

    def loss(w1, b1, w2, b2):
        y_pred = x.mm(w1).add(b1).clamp(min=0).mm(w2).add(b2)
        return (y_pred - y).pow(2).sum()

    for parameter in (w1, b1, w2, b2):
        parameter.grad = None
    expected = loss(w1, b1, w2, b2)
    expected.backward()
    value, gradients = sg.value_and_grad(loss, argnums=(0, 1, 2, 3))(w1, b1, w2, b2)
    close(value, expected)
    for gradient, parameter in zip(gradients, (w1, b1, w2, b2), strict=True):
        assert isinstance(gradient, torch.Tensor)
        assert gradient.dtype == torch.float32
        np.testing.assert_allclose(gradient.tolist(), parameter.grad.tolist(), 1e-4, 1e-3)


def test_the_thermometer_as_one_compiled_loop() -> None:
    t_c, t_un = torch.tensor(T_C), 0.1 * torch.tensor(T_U)

    def loss(params):
        return loss_fn(model(t_un, *params), t_c)

    @sg.jit
    def fit(params):
        for _ in range(5000):
            params = params - 1e-2 * sg.grad(loss)(params)
        return params

    assert repr(fit(torch.tensor([1.0, 0.0]))) == "tensor([  5.3671, -17.3012])"


def test_views_changes_and_new_tensors() -> None:
    def function(x):
        out = torch.zeros(4)
        out[0] = x.sum()
        out[1:3] = x[:2] * 2
        out += torch.arange(4.0)
        part = out.view(2, 2).t()
        part[0].mul_(3)
        with torch.no_grad():
            factor = x * 2
        return (out * out).sum() + (factor * x).sum() + torch.cat([x, x.detach()]).prod()

    x = torch.tensor([0.3, 0.5, -0.2], requires_grad=True)
    expected = function(x)
    expected.backward()
    value, gradient = sg.value_and_grad(function)(x.detach())
    close(value, expected, 1e-5)
    close(gradient, x.grad, 1e-5)


def test_control_flow_on_tensors() -> None:
    def function(x):
        for _ in range(3):
            if x.sum() > 1:
                x = x.tanh()
            else:
                x = x * 2
        return x.sum()

    x = torch.tensor([0.3, 0.5, -0.2], requires_grad=True)
    function(x).backward()
    close(sg.grad(function)(x.detach()), x.grad, 1e-5)


def test_arguments_in_containers_and_arrays_beside_tensors() -> None:
    params = {"a": torch.ones(2, 2), "b": [torch.tensor(2.0)]}
    result = sg.jit(lambda p, k: {"sum": p["a"].mm(p["a"]) * p["b"][0] + k})(params, np.float32(1))
    assert result["sum"].tolist() == [[5, 5], [5, 5]]
    assert result["sum"].dtype == torch.float32


def test_arguments_written_in_place() -> None:
    def function(x):
        x.add_(1)
        return x * 2

    x = torch.ones(2)
    assert sg.jit(function)(x).tolist() == [4, 4]
    assert x.tolist() == [2, 2]
    assert x._version == 1


def test_friends() -> None:
    x = torch.tensor([1.0, 2.0], dtype=torch.float64)
    assert sg.hessian(lambda x: (x**3).sum())(x).tolist() == [[6, 0], [0, 12]]
    assert sg.jacrev(lambda x: x.square())(x).tolist() == [[2, 0], [0, 4]]
    value, pullback = sg.vjp(lambda x: x.exp(), x)
    close(pullback(torch.ones(2, dtype=torch.float64))[0], value)
    assert sg.hvp(lambda x: (x**3).sum(), (x,), (torch.ones(2, dtype=torch.float64),))[0].tolist() == [6, 12]
    grad_of_grad = sg.grad(lambda x: sg.grad(lambda z: z.pow(3).sum())(x).sum())(x)
    assert grad_of_grad.tolist() == [6, 12]


def test_compiled_calls_are_nodes_of_the_graph() -> None:
    a = torch.tensor([0.3, 0.5], dtype=torch.float64, requires_grad=True)
    function = sg.jit(lambda x, k: (x.exp() * k, x.sum(), k))
    first, second, count = function(a * 2, torch.tensor(3))
    assert not count.requires_grad
    assert first.grad_fn.name() == "CompiledCallBackward"
    (first.sum() + second).backward()
    close(a.grad, 6 * (2 * a).exp() + 2)

    cube = sg.jit(lambda x: (x**3).sum())
    (gradient,) = torch.autograd.grad(cube(a), a, create_graph=True)
    (second_gradient,) = torch.autograd.grad(gradient.sum(), a)
    close(second_gradient, 6 * a)
    assert torch.autograd.gradcheck(cube, a)
    with torch.no_grad():
        assert not cube(a).requires_grad


def test_source_and_errors() -> None:
    x = torch.ones(2)
    doubled = sg.jit(lambda x: x * 2)
    doubled(x)
    assert "2.0" in sg.source(doubled)
    assert sg.source(doubled, x) == sg.source(doubled)
    for function, message in (
        (lambda x: x.sum().backward(), "return the loss, and let sg.grad"),
        (lambda x: x.item(), "can only convert an array of size 1"),
        (lambda x: x.tolist(), "not known while the function is traced"),
        (lambda x: x.grad, "sg.grad gives gradients as results"),
        (lambda x: x.numpy(), "use tensor operations"),
    ):
        with pytest.raises(sg.SrcgradError, match=message):
            sg.jit(function)(x)


def test_modules_are_functions_to_compile() -> None:
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.layers = (
                torch.nn.Embedding(5, 3),
                torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.GELU()),
            )

        def forward(self, x, index):
            return self.layers(torch.tanh(x) + self.table(index))

    net, x, index = Net(), torch.randn(5, 3), torch.tensor([0, 1, 4, 4, 2])
    np.testing.assert_allclose(sg.jit(net)(x, index).numpy(), net(x, index).detach().numpy(), 1e-5, 1e-6)
    leaf = x.clone().requires_grad_()
    net(leaf, index).sum().backward()
    np.testing.assert_allclose(sg.grad(lambda x: net(x, index).sum())(x).numpy(), leaf.grad.numpy(), 1e-5, 1e-6)
