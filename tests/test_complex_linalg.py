"""Complex matrices: systems, determinants, Cholesky, Hermitian eigenvalues, exponentials; values and gradients."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import srcgrad as sg
from tests.complex_checks import check_gradient

RNG = np.random.default_rng(0)


def numbers(*shape: int) -> Any:
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


def adjoint(a: Any) -> Any:
    return np.conj(np.swapaxes(a, -1, -2))


def hermitian(a: Any) -> Any:
    return (a + adjoint(a)) / 2


A, B = numbers(2, 4, 4) + 3 * np.eye(4), numbers(2, 4, 3)
H, POSITIVE = hermitian(A), A @ adjoint(A)
LARGE = numbers(40, 40) + 8 * np.eye(40)

PROGRAMS: list[tuple[Callable[[Any, Any], Any], Any]] = [
    (lambda a, b: np.linalg.solve(a, b), A),
    (lambda a, b: np.linalg.inv(a) @ b, A),
    (lambda a, b: np.linalg.det(a), A),
    (lambda a, b: np.linalg.det(a[:, :2, :2]), A),
    (lambda a, b: np.linalg.slogdet(a)[0], A),
    (lambda a, b: np.linalg.slogdet(a)[1], A),
    (lambda a, b: np.linalg.norm(a), A),
    (lambda a, b: np.linalg.matrix_power(a, 3), A),
    (lambda a, b: scipy.linalg.expm(0.3 * a[0]), A),
    (lambda a, b: scipy.linalg.solve_triangular(a[0], b[0], trans="C", lower=True), A),
    (lambda a, b: np.linalg.solve(a, a), LARGE),
    (lambda a, b: np.linalg.slogdet(a)[1], LARGE),
    (lambda a, b: np.linalg.cholesky(a @ adjoint(a)), LARGE),
    (lambda a, b: np.linalg.cholesky(hermitian(a)), POSITIVE),
    (lambda a, b: np.linalg.cholesky(hermitian(a), upper=True), POSITIVE),
    (lambda a, b: scipy.linalg.cho_solve((np.linalg.cholesky(hermitian(a[0])), True), b[0]), POSITIVE),
    (lambda a, b: np.linalg.eigvalsh(hermitian(a)), H),
    (lambda a, b: np.abs(np.linalg.eigh(hermitian(a))[1]), H),
    (lambda a, b: np.linalg.eigvalsh(a + adjoint(a)), LARGE),
]
each = pytest.mark.parametrize(
    ("program", "a"), PROGRAMS, ids=[inspect.getsource(p).strip().removeprefix("(lambda a, b: ") for p, _ in PROGRAMS]
)


@each
def test_values(program: Callable[..., Any], a: Any) -> None:
    for dtype, tolerance in ((np.complex128, 1e-9), (np.complex64, 1e-3)):
        operands = a.astype(dtype), B.astype(dtype)
        expected = np.asarray(program(*operands))
        found = np.asarray(sg.jit(program)(*operands))
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())


@each
def test_gradients(program: Callable[..., Any], a: Any) -> None:
    shape = np.shape(program(a, B))
    weights = np.cos(np.arange(1.0, 1.0 + np.prod(shape, dtype=int))).reshape(shape)
    check_gradient(lambda a, b: np.sum(weights * np.abs(program(a, b) + 1) ** 2), a, B, tolerance=1e-5)


def test_evolution_of_a_quantum_state() -> None:
    """The energy that is left after driving a spin chain: by matrix exponentials, and by Trotter steps in a loop."""
    n, sites = 8, 3
    x, z = np.array([[0, 1], [1, 0]], complex), np.diag([1.0, -1.0]).astype(complex)

    def at(operator: Any, site: int) -> Any:
        parts = [operator if k == site else np.eye(2) for k in range(sites)]
        return np.kron(np.kron(parts[0], parts[1]), parts[2])

    coupling = sum(at(z, k) @ at(z, k + 1) for k in range(sites - 1))
    field = sum(at(x, k) for k in range(sites))
    start = np.zeros(n, complex)
    start[0] = 1

    def exact(strengths: Any) -> Any:
        state = start
        for strength in strengths:
            state = scipy.linalg.expm(-0.1j * (coupling + strength * field)) @ state
        return np.vdot(state, field @ state).real

    def split(strengths: Any) -> Any:
        state = start
        diagonal = np.diag(coupling)
        for strength in strengths:
            for _ in range(200):
                state = np.exp(-0.0005j * diagonal) * state
                state = state - 0.0005j * strength * (field @ state)
        state = state / np.linalg.norm(state)
        return np.vdot(state, field @ state).real

    strengths = np.array([0.3, 1.0, -0.5, 0.8])
    check_gradient(exact, strengths)
    check_gradient(split, strengths)
    np.testing.assert_allclose(sg.jit(split)(strengths), exact(strengths), atol=2e-2)


@pytest.mark.parametrize("name", ["svd", "qr", "pinv"])
def test_what_is_not_there_names_the_dtype(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} is not defined for operands of types complex128"):
        sg.jit(lambda a: getattr(np.linalg, name)(a))(A)
