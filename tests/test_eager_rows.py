"""The define-by-run face follows from the table: a row that is added appears in it without a line of its own."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import pytest

import srcgrad as sg
import srcgrad.eager as torch
from srcgrad.core.op import TABLE, apply
from srcgrad.core.partial import Where
from srcgrad.ops.families import expand_reduced, pointwise, reduction

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def rows() -> Iterator[None]:
    """Three rows that are not in the table, for the length of a test."""
    pointwise("test_cube", lambda out, x: 3 * (x * x), formula="{0} * {0} * {0}", reference=lambda x: x * x * x)
    pointwise(
        "test_larger",
        lambda out, x, y: Where(apply("greater", x, y), 2),
        lambda out, x, y: Where(apply("less_equal", x, y), 2),
        formula="{0} + {0} if {0} > {1} else {1} + {1}",
        reference=lambda x, y: 2 * np.maximum(x, y),
    )
    reduction(
        "test_energy",
        "add",
        lambda x, axes: np.sum(x * x, axes, dtype=x.dtype),
        lambda cotangent, out, x, *, axes: (expand_reduced(cotangent, x.shape, axes) * (2 * x),),
        lambda tangents, out, x, *, axes: apply("sum", 2 * x * tangents[0], axes=axes),
    )
    yield
    for name in ("test_cube", "test_larger", "test_energy"):
        del TABLE._rows[name]


def leaf(*shape):
    return torch.tensor(RNG.normal(size=shape), requires_grad=True)


def test_a_pointwise_row_is_a_function_and_a_method() -> None:
    x = leaf(2, 3)
    y = torch.test_cube(x)
    assert y.grad_fn.name() == "Test_cubeBackward0"
    assert torch.equal(y, x.test_cube())
    y.sum().backward()
    assert torch.allclose(x.grad, 3 * x.detach() ** 2)
    assert torch.autograd.gradgradcheck(torch.test_cube, x)
    assert torch.test_cube(torch.arange(3)).dtype == torch.float32  # promotion is the row's, with PyTorch's floats


def test_a_row_of_two_operands_broadcasts() -> None:
    x, y = leaf(2, 3), leaf(3)
    assert torch.autograd.gradcheck(torch.test_larger, (x, y))
    assert x.test_larger(0.5).shape == (2, 3)


def test_a_reduction_takes_dimensions() -> None:
    x = leaf(2, 3)
    assert x.test_energy().shape == ()
    assert torch.test_energy(x, 1, keepdim=True).shape == (2, 1)
    assert torch.autograd.gradcheck(lambda x: x.test_energy(0), x)
    assert torch.autograd.gradgradcheck(torch.test_energy, x)


def test_the_same_names_in_compiled_functions() -> None:
    """The traced tensor has them too: what is recorded is the row."""
    gradient = sg.grad(lambda x: torch.test_cube(x).sum())
    x = torch.tensor([1.0, 2.0])
    assert "test_cube" in str(sg.ir(lambda x: torch.test_cube(x), x))
    np.testing.assert_allclose(gradient(x).numpy(), [3.0, 12.0])


MATRICES = {
    "det": lambda t, a: t.linalg.det(a),
    "slogdet": lambda t, a: t.linalg.slogdet(a).logabsdet,
    "inv": lambda t, a: t.linalg.inv(a),
    "solve": lambda t, a: t.linalg.solve(a, a[:, :2] * 2),
    "solve of the other side": lambda t, a: t.linalg.solve(a, a[:2] * 2, left=False),
    "solve_triangular": lambda t, a: t.linalg.solve_triangular(a, a[:, :2], upper=True),
    "cholesky": lambda t, a: t.linalg.cholesky(a @ a.t()),
    "qr": lambda t, a: t.linalg.qr(a)[1],
    "both results of qr": lambda t, a: t.linalg.qr(a).Q @ t.linalg.qr(a).R.exp(),
    "eigvalsh": lambda t, a: t.linalg.eigvalsh(a + a.t()),
    "eigh": lambda t, a: t.linalg.eigh(a + a.t()).eigenvectors ** 2,
    "svdvals": lambda t, a: t.linalg.svdvals(a),
    "svd": lambda t, a: t.linalg.svd(a).U ** 2,
    "pinv": lambda t, a: t.linalg.pinv(a[:, :2]),
    "matrix_power": lambda t, a: t.linalg.matrix_power(a, 3),
    "matrix_exp": lambda t, a: t.linalg.matrix_exp(a / 4),
    "multi_dot": lambda t, a: t.linalg.multi_dot([a, a[:, :1], a[:1]]),
    "norm": lambda t, a: t.linalg.norm(a),
    "vector_norm": lambda t, a: t.linalg.vector_norm(a, 3, dim=1, keepdim=True),
    "matrix_norm": lambda t, a: t.linalg.matrix_norm(a, "nuc"),
    "cond": lambda t, a: t.linalg.cond(a),
    "diagonal": lambda t, a: t.linalg.diagonal(a, offset=1),
    "vecdot": lambda t, a: t.linalg.vecdot(a, a * 2, dim=0),
    "tensorsolve": lambda t, a: t.linalg.tensorsolve(a, a[0]),
}


@pytest.mark.parametrize("name", MATRICES)
def test_linear_algebra(name: str) -> None:
    """Library calls, results that are tuples included, are recorded with their rows' rules."""
    a = torch.tensor(RNG.normal(size=(3, 3)) + 3 * np.diag([1.0, 2.0, 3.0]), requires_grad=True)
    function = functools.partial(MATRICES[name], torch)
    assert torch.autograd.gradcheck(function, a)
    if name not in ("eigh", "svd", "both results of qr", "matrix_norm", "cond"):
        assert torch.autograd.gradgradcheck(function, a)


def test_linear_algebra_as_in_pytorch() -> None:
    theirs = pytest.importorskip("torch")
    a = RNG.normal(size=(3, 3)) + 3 * np.eye(3)
    for name, function in MATRICES.items():
        expected = function(theirs, theirs.tensor(a))
        np.testing.assert_allclose(function(torch, torch.tensor(a)).numpy(), expected.numpy(), 1e-9, 1e-9, err_msg=name)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.flip(0),
        lambda x: x.flipud(),
        lambda x: x.roll(0, 0),
        lambda x: x.tile(1, 1),
        lambda x: torch.rot90(x),
        lambda x: torch.rot90(x, 0),
        lambda x: x.repeat_interleave(1, 0),
        lambda x: apply("slice", x, starts=(1, 0), shape=(2, 3), steps=(1, 1)),
    ],
)
def test_results_that_are_no_views_have_memory_of_their_own(function) -> None:
    x = torch.ones(3, 3)
    function(x).mul_(2)
    assert x.tolist() == torch.ones(3, 3).tolist()


def test_special_functions() -> None:
    from scipy import special

    x = torch.tensor([0.5, 1.5], requires_grad=True)
    assert torch.autograd.gradcheck(torch.special.bessel_j0, x.double())
    np.testing.assert_allclose(torch.special.gammainc(2.0, x).detach().numpy(), special.gammainc(2.0, [0.5, 1.5]), 1e-6)
    np.testing.assert_allclose(torch.special.expit(x).tolist(), torch.sigmoid(x).tolist())


def test_names_that_are_not_there() -> None:
    with pytest.raises(AttributeError, match="did you mean 'sigmoid'"):
        _ = torch.sigmoidd
    with pytest.raises(AttributeError, match="did you mean 'solve'"):
        _ = torch.linalg.solv
    with pytest.raises(AttributeError, match="has no attribute 'random_bits'"):
        _ = torch.random_bits
    with pytest.raises(RuntimeError, match=r"einsum\(\)"):
        torch.einsum("ij,jk->ik", torch.ones(2, 3), torch.ones(2, 3))
