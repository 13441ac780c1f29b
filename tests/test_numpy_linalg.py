"""`numpy.linalg` and `scipy.linalg`, traced: what the functions compute, and gradients of programs made of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import srcgrad as sg
import srcgrad.numpy as snp
from srcgrad.core.errors import UnsupportedError
from srcgrad.numpy import scipy_linalg
from srcgrad.numpy.scipy_linalg import cho_solve
from tests.interpreted import gradient
from tests.programs import interpreted
from tests.test_numpy_face import calls, compare

LINALG = """
np.linalg.solve(m, v) | np.linalg.solve(m, x.T) | np.linalg.solve(m, c) | np.linalg.solve(c, v)
np.linalg.solve(c, x.T) | np.linalg.solve(c, c) | np.linalg.solve(c[:, None], x.T) | np.linalg.inv(m)
np.linalg.inv(c) | np.linalg.det(m) | np.linalg.det(c) | np.linalg.det(m[:2, :2]) | np.linalg.det(m[:1, :1])
np.linalg.det(b) | np.linalg.slogdet(m) | np.linalg.slogdet(c) | np.linalg.slogdet(b).logabsdet | np.linalg.cholesky(p)
np.linalg.cholesky(p, upper=True) | np.linalg.cholesky(p[None] * 2) | np.linalg.eigh(p) | np.linalg.eigh(p).eigenvalues
np.linalg.eigvalsh(p) | np.linalg.qr(m) | np.linalg.qr(x.T) | np.linalg.qr(x).R | np.linalg.qr(x, "complete")
np.linalg.qr(c, mode="r") | np.linalg.svd(m) | np.linalg.svd(x, full_matrices=False)
np.linalg.svd(x.T, full_matrices=False) | np.linalg.svd(c).S | np.linalg.svd(x, compute_uv=False)
np.linalg.svdvals(c) | np.linalg.pinv(x) | np.linalg.pinv(c) | np.linalg.pinv(x.T, rcond=0.01)
np.linalg.lstsq(x.T, v) | np.linalg.lstsq(x.T, m)[1:] | np.linalg.lstsq(x, v[:2]) | np.linalg.matrix_power(m, -2)
np.linalg.norm(x, 2) | np.linalg.norm(x, -2) | np.linalg.norm(x, "nuc") | np.linalg.norm(c, 2, axis=(0, 2))
np.linalg.norm(c, "nuc", axis=(2, 1), keepdims=True) | np.linalg.cond(m) | np.linalg.cond(c, -2) | np.linalg.cond(m, 1)
np.linalg.cond(c, "fro") | np.linalg.matrix_norm(c, ord=2) | np.linalg.tensorinv(b.reshape(2, 2, 4))
np.linalg.tensorsolve(b.reshape(2, 2, 4), x[:, :2]) | np.linalg.tensorsolve(b.reshape(2, 4, 2), b[0], axes=(0,))
"""

SCIPY = """
linalg.solve(m, v) | linalg.solve(m, x.T, transposed=True) | linalg.solve(p, v, assume_a="pos") | linalg.inv(m)
linalg.solve_triangular(m, v) | linalg.solve_triangular(m, x.T, trans="T", lower=True) | linalg.det(m)
linalg.norm(x, 1) | linalg.solve_triangular(m, v, trans=1, unit_diagonal=True) | linalg.cholesky(p)
linalg.cholesky(p, lower=True) | linalg.cho_solve(linalg.cho_factor(p), v)
linalg.cho_solve((np.linalg.cholesky(p), True), x.T) | linalg.expm(m) | linalg.expm(c * 0.01) | linalg.expm(c * 5)
linalg.qr(x.T, mode="economic") | linalg.qr(m) | linalg.svdvals(x) | linalg.svd(x, full_matrices=False)
linalg.svd(m, compute_uv=False) | linalg.eigh(p)[0] | linalg.eigvalsh(p) | linalg.eigvalsh(p, p @ p)
linalg.eigh(p, p @ p, eigvals_only=True) | linalg.pinv(x) | linalg.lstsq(x.T, v)[0] | linalg.lstsq(x.T, v)[1]
linalg.block_diag(m, x, v) | linalg.toeplitz(v) | linalg.toeplitz(v, x[0]) | linalg.hilbert(2) * m[0, 0]
linalg.lu(m) | linalg.lu(m, permute_l=True) | linalg.lu(b, p_indices=True) | linalg.lu_solve(linalg.lu_factor(m), v)
linalg.lu_solve(linalg.lu_factor(m), x.T, trans=1) | linalg.lu_solve(linalg.lu_factor(b), b, 2) | linalg.lu_factor(m)[0]
linalg.lu_solve((m, np.array([2, 1, 2])), v) | linalg.solve_banded((1, 1), m, v) | linalg.circulant(v)
linalg.solve_banded((0, 1), x + 2, x.T) | linalg.solveh_banded(x[:2] * 0.2 + np.array([[0], [3]]), v)
linalg.solveh_banded(x[:2] * 0.2 + np.array([[3], [0]]), x.T, lower=True) | linalg.hankel(v) | linalg.hankel(v, x[0])
linalg.companion(v + 3) | linalg.leslie(v, x[0, :2])
"""


def arrays(dtype: str) -> dict[str, Any]:
    """m, p (3, 3), p positive definite; c (2, 3, 3); b (4, 4); x (2, 3); v (3,)."""
    rng = np.random.default_rng(5)

    def draw(*shape: int) -> Any:
        return rng.uniform(-1, 1, shape) + (2 * np.eye(shape[-2], shape[-1]) if len(shape) > 1 else 0)

    made = {"m": draw(3, 3), "c": draw(2, 3, 3), "b": draw(4, 4), "x": draw(2, 3), "v": draw(3)}
    made["p"] = made["m"] @ made["m"].T + np.eye(3)
    return {name: np.asarray(value if dtype[0] == "f" else np.round(value * 3), dtype) for name, value in made.items()}


@pytest.mark.parametrize("call", calls(LINALG))
def test_numpy_linalg(call: str) -> None:
    for dtype in ("f8", "f4", "i8"):
        for module in (np, snp):
            check(call, {"np": np}, {"np": module}, dtype, 1e-4 if dtype == "f4" else 1e-10)


@pytest.mark.parametrize("call", calls(SCIPY))
def test_scipy_linalg(call: str) -> None:
    check(call, {"np": np, "linalg": scipy.linalg}, {"np": snp, "linalg": scipy_linalg}, "f8", 1e-10)


def check(call: str, plain: dict[str, Any], ours: dict[str, Any], dtype: str, tolerance: float) -> None:
    given = arrays(dtype)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = eval(call, plain | given)
        found = interpreted(lambda named: eval(call, ours | named), given)
    compare(found, expected, f"{call} of {dtype}", tolerance)


# gradients of compositions that have no row of their own


def along_a_line(function: Callable[[Any], Any], x: Any, symmetric: bool = False) -> tuple[float, float]:
    """The derivative in one direction, by the gradient and by differences."""
    direction = np.random.default_rng(2).normal(size=x.shape)
    if symmetric:
        direction = direction + np.swapaxes(direction, -1, -2)
    found = float(np.sum(gradient(function, x) * direction))
    step = 1e-5
    return found, (float(function(x + step * direction)) - float(function(x - step * direction))) / (2 * step)


GRADIENTS: dict[str, Callable[[dict[str, Any]], tuple[Callable[[Any], Any], Any]]] = {
    "solve of a shared matrix": lambda a: (lambda m: np.sum(np.linalg.solve(m, a["c"]) ** 3), a["m"]),
    "solve of a stack": lambda a: (lambda c: np.sum(np.linalg.solve(c, a["v"]) ** 2), a["c"]),
    "right-hand side": lambda a: (lambda c: np.sum(np.linalg.solve(a["m"], c) ** 2), a["c"]),
    "inverse": lambda a: (lambda m: np.sum(np.linalg.inv(m) ** 2), a["m"]),
    "determinant of order 3": lambda a: (lambda c: np.prod(np.linalg.det(c)), a["c"]),
    "determinant of order 4": lambda a: (lambda b: np.linalg.det(b) ** 2, a["b"]),
    "singular of order 3": lambda a: (lambda m: np.linalg.det(m), np.ones((3, 3)) + np.diag([1.0, 0.0, 0.0])),
    "singular of order 4": lambda a: (lambda b: np.linalg.det(b), np.ones((4, 4)) + np.diag([1.0, 2.0, -1.0, 0.0])),
    "singular of order 4 and rank 3": lambda a: (lambda b: np.linalg.det(b), np.diag([1.0, 2.0, -1.0, 0.0])),
    "wide QR": lambda a: (lambda x: np.sum(np.linalg.qr(x).R ** 2 * np.arange(6.0).reshape(2, 3)), a["x"]),
    "least squares, tall": lambda a: (lambda x: np.sum(np.linalg.lstsq(x.T, a["v"])[0] ** 2), a["x"]),
    "least squares, wide": lambda a: (lambda x: np.sum(np.linalg.lstsq(x, a["v"][:2])[0] ** 2), a["x"]),
    "residual": lambda a: (lambda x: np.sum(np.linalg.lstsq(x.T, a["v"])[1]), a["x"]),
    "pseudo-inverse": lambda a: (lambda x: np.sum(np.linalg.pinv(x) ** 3), a["x"]),
    "nuclear norm": lambda a: (lambda x: np.linalg.norm(x, "nuc"), a["x"]),
    "spectral norm": lambda a: (lambda c: np.sum(np.linalg.norm(c, 2, axis=(1, 2))), a["c"]),
    "condition": lambda a: (lambda m: np.linalg.cond(m), a["m"]),
    "negative power": lambda a: (lambda m: np.sum(np.linalg.matrix_power(m, -2)), a["m"]),
    "exponential": lambda a: (lambda m: np.sum(scipy_linalg.expm(m) ** 2), a["m"]),
    "Cholesky and solve": lambda a: (lambda m: a["v"] @ cho_solve((np.linalg.cholesky(m @ m.T), True), a["v"]), a["m"]),
    "generalised eigenvalues": lambda a: (lambda x: scipy_linalg.eigvalsh(a["p"], x @ x.T + np.eye(3))[0], a["c"][0]),
    "triangular": lambda a: (lambda m: np.sum(scipy_linalg.solve_triangular(m, a["v"], trans=1) ** 2), a["m"]),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name: str) -> None:
    found, expected = along_a_line(*GRADIENTS[name](arrays("f8")))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_the_common_space_of_equal_eigenvalues_has_a_derivative() -> None:
    """The projector on it is smooth, which basis of it is found does not matter."""
    turn = np.linalg.qr(np.arange(9.0).reshape(3, 3) + np.eye(3)).Q
    weights = np.arange(9.0).reshape(3, 3)

    def project(a):
        vectors = np.linalg.eigh(a).eigenvectors[:, :2]
        return np.sum(vectors @ vectors.T * weights)

    for middle in (np.diag([2.0, 2.0, 5.0]), turn @ np.diag([2.0, 2.0, 5.0]) @ turn.T):
        found, expected = along_a_line(project, middle, symmetric=True)
        np.testing.assert_allclose(found, expected, rtol=1e-7)


def test_functions_of_symmetric_matrices_have_the_gradient_of_a_triangle() -> None:
    p = arrays("f8")["p"]
    for function in (lambda a: np.sum(np.linalg.cholesky(a) ** 3), lambda a: np.sum(np.linalg.eigvalsh(a) ** 3)):
        found, expected = along_a_line(function, p, symmetric=True)
        np.testing.assert_allclose(found, expected, rtol=1e-7)
        np.testing.assert_array_equal(np.triu(gradient(function, p), 1), 0)


def test_a_program_and_its_gradient_factorise_once() -> None:
    """Log likelihood of a Gaussian, compiled: one LU, shared by the solve, the determinant and their derivatives."""

    def loss(a, b):
        return b @ np.linalg.solve(a, b) + np.linalg.slogdet(a)[1]

    given = arrays("f8")
    value, (of_a, of_b) = sg.value_and_grad(loss, argnums=(0, 1))(given["p"], given["v"])
    inverse = np.linalg.inv(given["p"])
    weights = inverse @ given["v"]
    np.testing.assert_allclose(value, loss(given["p"], given["v"]))
    np.testing.assert_allclose(of_b, 2 * weights)
    np.testing.assert_allclose(of_a, inverse.T - np.outer(weights, weights))
    source = sg.source(sg.grad(loss, argnums=(0, 1)), given["p"], given["v"], form="machine")
    assert source.count(" lu(") == 1


def test_singular_matrices_are_not_hidden() -> None:
    """A LinAlgError when the program runs; in the body of a loop that cannot raise one, the result says it."""
    singular = np.ones((4, 4))
    solve, factor = sg.jit(lambda a, b: np.linalg.solve(a, b)), sg.jit(lambda a: np.linalg.cholesky(a))
    np.testing.assert_array_equal(solve(np.eye(4), singular[0]), singular[0])
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        solve(singular, singular[0])
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        factor(-np.eye(40))
    summed = sg.jit(lambda a: sg.fori_loop(0, 2, lambda k, t: t + np.linalg.inv(a).sum() + factor(a).sum(), 0.0))
    assert not np.isfinite(summed(singular))
    assert sg.jit(lambda a: np.linalg.slogdet(a))(singular) == (0, -np.inf)


def test_gradients_of_structured_systems() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.uniform(-1, 1, (4, 4)) + np.eye(4), rng.uniform(-1, 1, (4, 2))
    weights = rng.uniform(-1, 1, (4, 2))

    def losses(linalg: Any) -> list[Callable[[Any, Any], Any]]:
        return [
            lambda a, b: np.sum(weights * linalg.lu_solve(linalg.lu_factor(a), b)),
            lambda a, b: np.sum(weights * linalg.lu_solve(linalg.lu_factor(a), b, trans=1)),
            lambda a, b: np.sum(np.arange(16.0).reshape(4, 4) * linalg.lu(a)[2]) + np.sum(b),
            lambda a, b: np.sum(weights * linalg.solve_banded((1, 2), a + 3 * np.eye(4)[2], b)),
            lambda a, b: np.sum(weights * linalg.solveh_banded(0.1 * a[:2] + np.array([[0.0], [2.0]]), b)),
            lambda a, b: np.sum(np.cos(np.arange(16.0).reshape(4, 4)) * linalg.circulant(a[0])) + np.sum(b),
        ]

    directions = rng.uniform(-1, 1, a.shape), rng.uniform(-1, 1, b.shape)
    for ours, plain in zip(losses(scipy_linalg), losses(scipy.linalg), strict=True):
        found = gradient(ours, a, b, argnums=(0, 1))
        pulled = sum(np.sum(one * other) for one, other in zip(found, directions, strict=True))
        ends = [plain(*(x + sign * 1e-6 * d for x, d in zip((a, b), directions, strict=True))) for sign in (1, -1)]
        np.testing.assert_allclose(pulled, (ends[0] - ends[1]) / 2e-6, rtol=1e-6)


def test_exchanges_that_are_not_known() -> None:
    a = np.array([[1.0, 5.0, 2.0], [2.0, 1.0, 1.0], [4.0, 0.0, 3.0]])
    factors, pivots = interpreted(lambda a: scipy_linalg.lu_factor(a), a)
    wanted = scipy.linalg.lu_factor(a)
    np.testing.assert_allclose(factors, wanted[0])
    np.testing.assert_array_equal(pivots, wanted[1])
    assert pivots.dtype == wanted[1].dtype
    solved = interpreted(lambda a, p, b: scipy_linalg.lu_solve((a, p), b), factors, pivots, np.ones(3))
    np.testing.assert_allclose(solved, np.linalg.solve(a, np.ones(3)))
    with pytest.raises(UnsupportedError, match=r"scipy.linalg.qr"):
        interpreted(lambda a: scipy_linalg.lu(a), np.ones((2, 3)))
