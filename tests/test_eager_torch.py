"""Tensors against PyTorch's, where that is installed: values, derivatives to second order, texts, errors."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest

import srcgrad.eager as ours
from tests import eager_edges, eager_edges_of_values
from tests.eager_cases import EXPRESSIONS

theirs: Any = pytest.importorskip("torch")

PROGRAMS = {**eager_edges.PROGRAMS, **eager_edges_of_values.PROGRAMS}
RNG = np.random.default_rng(0)
X, Y, WEIGHTS = RNG.uniform(0.3, 2.0, (2, 3)), RNG.uniform(0.3, 2.0, (2, 3)), RNG.normal(size=100)


def plain(value):
    """Tensors, in whatever containers, as numbers that can be compared."""
    if isinstance(value, ours.Tensor | theirs.Tensor):
        return np.array((value.detach() + 0 if value.dtype not in (ours.bool, theirs.bool) else value).tolist())
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    return value


def assert_same(found, expected, *, missing_is_zero=False):
    if isinstance(expected, list):
        assert isinstance(found, list)
        assert len(found) == len(expected)
        for mine, other in zip(found, expected, strict=True):
            assert_same(mine, other, missing_is_zero=missing_is_zero)
    elif missing_is_zero and (found is None or expected is None):
        value = expected if found is None else found
        assert value is None or np.allclose(value, 0)
    elif isinstance(expected, np.ndarray | float):
        np.testing.assert_allclose(found, expected, 1e-6, 1e-8)
        assert np.shape(found) == np.shape(expected)
    else:
        assert found == expected


def derivatives(torch, expression):
    """The value, its dtype and node, its gradients by both ways, and gradients of the gradients."""
    x, y = torch.tensor(X, requires_grad=True), torch.tensor(Y, requires_grad=True)
    names = {"torch": torch, "x": x, "y": y}
    value = eval(expression, names)
    head = [plain(value), str(value.dtype), tuple(value.shape), value.requires_grad]
    if not value.requires_grad:
        return head, [], []
    weights = torch.tensor(WEIGHTS[: value.numel()]).reshape(tuple(value.shape)).to(value.dtype)
    first = torch.autograd.grad((value * weights).sum(), [x, y], create_graph=True, allow_unused=True)
    squares = [(part * part * part).sum() for part in first if part is not None and part.requires_grad]
    second = torch.autograd.grad(sum(squares), [x, y], allow_unused=True) if squares else [None, None]
    (eval(expression, names) * weights).sum().backward()
    assert_same(plain([x.grad, y.grad]), plain(list(first)), missing_is_zero=True)
    return head, plain(list(first)), plain(list(second))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions_and_their_derivatives(expression: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        head, first, second = derivatives(theirs, expression)
    found_head, found_first, found_second = derivatives(ours, expression)
    assert_same(found_head, head)
    assert_same(found_first, first)
    assert_same(found_second, second, missing_is_zero=True)


def outcome(torch, function):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = ["returned", plain(function(torch))]
        except Exception as error:
            result = ["raised", type(error).__name__, str(error)]
    return result, sorted({warning.category.__name__ for warning in caught})


@pytest.mark.parametrize("name", PROGRAMS)
def test_edges(name: str) -> None:
    expected, warned = outcome(theirs, PROGRAMS[name])
    found, found_warned = outcome(ours, PROGRAMS[name])
    if expected[0] == "raised":  # PyTorch adds links to some texts
        found[2], expected[2] = (text.partition(", see https:")[0] for text in (found[2], expected[2]))
    assert_same(found, expected)
    assert found_warned == warned


NUMBERS: tuple[Any, ...] = (
    *(1.5, -0.0, [1.0, 1e-6], [1e10, 1.0], [np.nan, 1.0], [np.inf, 2.0], [1, 100], [True, False], [], [[]]),
    *([0.1, 123456.0], [1e-5, 1e-7], [[1.0, -2.0], [3.5, 4.25]], [[[1], [22]]], [1.0, 2.0], [100.0, 20000.0]),
    *([1e9, 1e9], [0.99999, 1.0], [-np.inf, np.nan], np.arange(2000), np.arange(1200.0).reshape(30, 40)),
    *(np.ones((8, 150)) / 3, np.ones((7, 1, 200)), np.arange(40) / 7, np.arange(30.0).reshape(2, 3, 5)),
    *(np.ones(2, np.float32), np.ones(1, np.int32), 3, True, 1e-12, [[1 + 2j, -1.5j]], np.zeros((0, 3))),
    *(np.zeros((2, 3)), [1e5, 1.0], [99999.5, 1.0], [1000.0, 1.0], [1000.5, 1.0]),
)


@pytest.mark.parametrize("number", range(len(NUMBERS)))
def test_texts(number: int) -> None:
    for requires_grad in (False, True):
        made = []
        for torch in (ours, theirs):
            tensor = torch.tensor(NUMBERS[number])
            if requires_grad and tensor.dtype.is_floating_point:
                tensor = tensor.requires_grad_()
                made += [repr(tensor), repr(tensor * 2), str(tensor[None]), f"{tensor}"]
            else:
                made += [repr(tensor), str(tensor.shape), repr(tensor.dtype), tensor.type()]
        half = len(made) // 2
        assert made[:half] == made[half:]


def test_texts_with_options() -> None:
    everything: tuple[dict[str, Any], ...] = (
        {"precision": 2},
        {"sci_mode": True},
        {"threshold": 5},
        {"edgeitems": 1, "threshold": 3},
        {"linewidth": 30},
    )
    for options in everything:
        texts = []
        for torch, printoptions in ((ours, ours.printoptions), (theirs, theirs._tensor_str.printoptions)):
            with printoptions(**options):
                texts.append(repr(torch.arange(12.0).reshape(3, 4) / 7))
        assert texts[0] == texts[1]


def graph(node, depth=4):
    if node is None or depth == 0:
        return None
    return [node.name(), [(graph(other, depth - 1), number) for other, number in node.next_functions]]


GRAPHS = """
x + y; 1 - x; x / 2; 2 / x; x ** 2; 2 ** x; x ** y; x.sum(); x.sum(1); x.mean(); x.mean(0); x @ y.t(); x[0]; x[:, 1:]
x.exp().tanh() * y; torch.cat([x, y]); torch.stack([x, y]); x.clamp(min=0); torch.relu(x); x.max(); x.max(1)[0]; x.T
x.softmax(1); x.std(); x.norm(); torch.where(x > 1, x, y); x.view(6)[None].squeeze(); x.expand(2, 2, 3); x.sort(1)[0]
torch.addmm(x[:, :2], x, y.t()); x.masked_fill(x > 1, 0.0); x.logsumexp(1); torch.lerp(x, y, 0.5); x.repeat(2, 1); x.mT
(x * 2).add_(y).mul_(3); x.unbind()[0]; x.flip(0); x.gather(1, torch.tensor([[0], [1]])); x.double().float(); x.clone()
torch.nn.functional.mse_loss(x, y); torch.nn.functional.gelu(x); torch.nn.functional.layer_norm(x, (3,), y[0], y[1])
torch.nn.functional.linear(x, y, y[:, 0]); x.split(2, 1)[0]; x.cumsum(0); x.prod(); x.prod(1); x.tril()
"""


@pytest.mark.parametrize("expression", GRAPHS.strip().replace("\n", "; ").split("; "))
def test_graphs_look_alike(expression: str) -> None:
    texts = []
    for torch in (ours, theirs):
        x, y = torch.tensor(X, requires_grad=True), torch.tensor(Y, requires_grad=True)
        value = eval(expression, {"torch": torch, "x": x, "y": y})
        texts.append(graph(value.grad_fn))
    assert texts[0] == texts[1]


def test_dtype_rules() -> None:
    kinds = (
        "bool",
        "uint8",
        "int8",
        "int16",
        "int32",
        "int64",
        "float16",
        "float32",
        "float64",
        "complex64",
        "complex128",
    )
    for a, b in itertools.product(kinds, repeat=2):
        if {a[:7], b[:7]} == {"complex", "float16"}:  # PyTorch has a complex type of two float16
            continue
        for first, second in itertools.product(((2,), ()), repeat=2):
            made = [
                (torch.ones(first, dtype=getattr(torch, a)) * torch.ones(second, dtype=getattr(torch, b))).dtype
                for torch in (ours, theirs)
            ]
            assert repr(made[0]) == repr(made[1]), (a, b, first, second)
