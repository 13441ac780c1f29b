"""Only what is read of a matrix has a derivative: NumPy's and SciPy's choice of a triangle, against differences."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import srcgrad as sg
from tests.interpreted import gradient, interpreter, run

_RNG = np.random.default_rng(3)
_ROOT = _RNG.standard_normal((2, 3, 3))
#: neither symmetric nor far from positive definite, whichever triangle is read
REAL = _ROOT[0] @ _ROOT[0].T + 4 * np.eye(3) + 0.3 * _ROOT[1]
COMPLEX = REAL + 0.4j * _RNG.standard_normal((3, 3))
B, WEIGHTS = _RNG.standard_normal(3), _RNG.standard_normal((3, 3))

Program = Callable[[Any], Any]


def size(x: Any) -> Any:
    """A real number that all of a result counts in, whatever the phases."""
    return np.sum(WEIGHTS[: x.shape[0]].reshape(-1)[: x.size].reshape(x.shape) * np.abs(x) ** 2)


def solved(kind: Any, lower: bool, a: Any) -> Any:
    return size(scipy.linalg.solve(a, B, assume_a=kind, lower=lower))


PROGRAMS: dict[str, Program] = {
    "cholesky": lambda a: size(np.linalg.cholesky(a)),
    "cholesky upper": lambda a: size(np.linalg.cholesky(a, upper=True)),
    "scipy cholesky": lambda a: size(scipy.linalg.cholesky(a)),
    "scipy cholesky lower": lambda a: size(scipy.linalg.cholesky(a, lower=True)),
    "cho_factor": lambda a: size(np.triu(scipy.linalg.cho_factor(a)[0])),
    "cho_solve": lambda a: size(scipy.linalg.cho_solve((a, True), B)),
    "cho_solve upper": lambda a: size(scipy.linalg.cho_solve((a, False), B)),
    "solve_triangular": lambda a: size(scipy.linalg.solve_triangular(a, B)),
    "solve_triangular lower": lambda a: size(scipy.linalg.solve_triangular(a, B, lower=True, trans=1)),
    "solve_triangular unit": lambda a: size(scipy.linalg.solve_triangular(a, B, unit_diagonal=True, trans="C")),
    "eigvalsh": lambda a: size(np.linalg.eigvalsh(a)),
    "eigvalsh U": lambda a: size(np.linalg.eigvalsh(a, UPLO="U")),
    "eigh": lambda a: size(np.linalg.eigh(a)[1]) + size(np.linalg.eigh(a)[0]),
    "eigh U": lambda a: size(np.linalg.eigh(a, "U").eigenvectors),
    "scipy eigh": lambda a: size(scipy.linalg.eigh(a)[1]),
    "scipy eigh upper": lambda a: size(scipy.linalg.eigh(a, lower=False)[1]),
    "scipy eigvalsh upper": lambda a: size(scipy.linalg.eigvalsh(a, lower=False)),
    "pinv": lambda a: size(np.linalg.pinv(a, hermitian=True)),
    "svd": lambda a: size(np.linalg.svd(a, hermitian=True, compute_uv=False)),
    **{
        f"solve {kind} {lower}": partial(solved, kind, lower)
        for kind in ("sym", "her", "pos", "hermitian", "diagonal", "tridiagonal", "upper triangular", "gen", None)
        for lower in (False, True)
    },
    "solve transposed": lambda a: size(scipy.linalg.solve(a, B, assume_a="lower triangular", transposed=True)),
    "generalised": lambda a: size(scipy.linalg.eigvalsh(a, a @ a.T)) + size(scipy.linalg.eigvalsh(B * np.eye(3), a)),
    "generalised upper": lambda a: size(scipy.linalg.eigh(a, a @ a.T + a, lower=False)[1]),
}
REAL_ONLY = {"pinv", "svd", "generalised", "generalised upper", "solve transposed"}


def differences(function: Program, a: Any, step: float = 1e-5) -> Any:
    """The derivative by every element, which changes alone; of complex ones by both parts, as a complex number."""
    found = np.zeros_like(a)
    for place in np.ndindex(a.shape):
        for unit in (1, 1j) if a.dtype.kind == "c" else (1,):
            change = np.zeros_like(a)
            change[place] = step * unit
            found[place] += unit * (function(a + change) - function(a - change)) / (2 * step)
    return found


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("kind", ["real", "complex"])
def test_values_and_derivatives(name: str, kind: str) -> None:
    if kind == "complex" and name in REAL_ONLY:
        pytest.skip("takes real matrices")
    function, a = PROGRAMS[name], REAL if kind == "real" else COMPLEX
    np.testing.assert_allclose(run(function, a), function(a), rtol=1e-10)
    np.testing.assert_allclose(gradient(function, a), differences(function, a), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "name", ["cholesky", "cholesky upper", "eigh", "eigvalsh U", "solve sym False", "cho_solve upper"]
)
@pytest.mark.parametrize("kind", ["real", "complex"])
def test_second_derivatives(name: str, kind: str) -> None:
    function, a = PROGRAMS[name], REAL if kind == "real" else COMPLEX
    direction = _RNG.standard_normal(a.shape).astype(a.dtype)
    if kind == "complex":
        direction = direction + 1j * _RNG.standard_normal(a.shape)

    def slope(a: Any) -> Any:
        return np.sum((np.conj(direction) * sg.grad(function)(a)).real)

    with interpreter():
        first = sg.grad(function)
        found = sg.grad(slope)(a)
        step = 1e-5
        wanted = (first(a + step * direction) - first(a - step * direction)) / (2 * step)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "a", [REAL, COMPLEX, np.stack([REAL] * 2), np.kron(np.eye(8), REAL)], ids=["real", "complex", "stack", "large"]
)
def test_compiled_code_reads_the_same_triangle(a: Any) -> None:
    def program(a: Any) -> Any:
        return (
            np.linalg.cholesky(a),
            np.linalg.cholesky(a, upper=True),
            np.linalg.eigvalsh(a),
            np.linalg.eigvalsh(a, "U"),
        )

    for found, wanted in zip(sg.jit(program)(a), program(a), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


def test_what_is_no_such_choice() -> None:
    with pytest.raises(ValueError, match="UPLO argument must be 'L' or 'U'"):
        run(lambda a: np.linalg.eigh(a, "X")[0], REAL)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="not a recognized matrix structure"):
        run(lambda a: scipy.linalg.solve(a, B, assume_a="square"), REAL)
