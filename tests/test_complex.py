"""Complex arrays in compiled functions: NumPy's values and dtypes, gradients in one convention, whole programs."""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.op import apply
from srcgrad.core.types import type_of
from srcgrad.dispatch.executable import compile_graph
from srcgrad.graph.node import Graph
from srcgrad.graph.structure import new_input
from srcgrad.ops.complex import compose
from tests.complex_checks import check_gradient

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(3, 4)) + 1j * RNG.normal(size=(3, 4))
W = RNG.normal(size=(4, 2)) + 1j * RNG.normal(size=(4, 2))
X = RNG.normal(size=(3, 4))


def single(x: Any) -> Any:
    return x.astype(np.complex64 if np.iscomplexobj(x) else np.float32)


# functions and methods, one by one

PROGRAMS: list[Callable[[Any, Any, Any], Any]] = [
    lambda z, w, x: z @ w,
    lambda z, w, x: np.vdot(z, z * 2),
    lambda z, w, x: np.einsum("ij,jk,ij->k", z, w, x),
    lambda z, w, x: np.outer(z[0], w[:, 0]),
    lambda z, w, x: np.inner(z, z),
    lambda z, w, x: np.tensordot(z, w, 1),
    lambda z, w, x: np.trace(z @ z.T),
    lambda z, w, x: np.vecdot(z, z),
    lambda z, w, x: z.sum(0),
    lambda z, w, x: z.prod(1),
    lambda z, w, x: z.mean(),
    lambda z, w, x: z.var(0),
    lambda z, w, x: z.std(ddof=1),
    lambda z, w, x: np.cumsum(z, 1),
    lambda z, w, x: np.cumprod(z, 0),
    lambda z, w, x: np.where(x > 0, z, x),
    lambda z, w, x: z == z.conj(),
    lambda z, w, x: np.isnan(z) | np.isreal(z),
    lambda z, w, x: abs(z) + np.angle(z),
    lambda z, w, x: z.real * z.imag,
    lambda z, w, x: np.concatenate([z, x]),
    lambda z, w, x: np.stack([z, x]),
    lambda z, w, x: z**2,
    lambda z, w, x: z**-1.5,
    lambda z, w, x: 2**z,
    lambda z, w, x: z**z,
    lambda z, w, x: x**1j,
    lambda z, w, x: np.square(z) + np.reciprocal(z),
    lambda z, w, x: np.exp(1j * x),
    lambda z, w, x: np.linalg.norm(z),
    lambda z, w, x: np.linalg.norm(z, 1, axis=0),
    lambda z, w, x: np.linalg.norm(z, ord=3, axis=1),
    lambda z, w, x: np.round(z, 2),
    lambda z, w, x: np.nan_to_num(z),
    lambda z, w, x: np.sign(z),
    lambda z, w, x: np.conj(x) + np.conjugate(z),
    lambda z, w, x: np.convolve(z[0], w[:, 0]),
    lambda z, w, x: np.correlate(z[0], w[:, 0], "full"),
    lambda z, w, x: np.correlate(w[:2, 0], z[0], "full"),
    lambda z, w, x: np.cov(z),
    lambda z, w, x: np.interp(x[0], np.arange(5.0) - 2, np.arange(5) * (1 + 2j)),
    lambda z, w, x: np.polyval(z[0], x),
    lambda z, w, x: np.diff(z),
    lambda z, w, x: np.gradient(z[0]),
    lambda z, w, x: np.kron(z, w),
    lambda z, w, x: np.cross(z[:, :3], x[:, :3]),
    lambda z, w, x: np.all(z) | np.any(z),
    lambda z, w, x: np.nansum(z),
    lambda z, w, x: np.average(z, weights=x**2),
    lambda z, w, x: z.astype(np.complex64),
    lambda z, w, x: x.astype(complex),
    lambda z, w, x: np.zeros(3, complex) + 1,
    lambda z, w, x: np.full((2,), 2j),
    lambda z, w, x: np.array([z[0, 0], 1, x[0, 0]]),
    lambda z, w, x: np.allclose(z, z),
    lambda z, w, x: np.ones_like(z),
    lambda z, w, x: z.T.conj(),
    lambda z, w, x: -z / x,
    lambda z, w, x: np.iscomplex(z),
    lambda z, w, x: np.linspace(z[0, 0], 1, 5),
    lambda z, w, x: np.vander(z[0]),
    lambda z, w, x: np.logical_not(z),
    lambda z, w, x: z != 0,
    lambda z, w, x: np.float_power(z, 2.5),
    lambda z, w, x: z[::-1, [0, 2]],
    lambda z, w, x: np.take_along_axis(z, np.argsort(x, 1), 1),
    lambda z, w, x: np.flip(z),
    lambda z, w, x: np.roll(z, 1),
    lambda z, w, x: np.triu(z),
    lambda z, w, x: np.diag(z[0]),
    lambda z, w, x: np.prod(z) * np.mean(x),
    lambda z, w, x: np.median(x) * z,
    lambda z, w, x: np.add.reduce(z),
    lambda z, w, x: z.imag.sum(),
    lambda z, w, x: np.real(z) + np.imag(x),
    lambda z, w, x: np.trapezoid(z),
    lambda z, w, x: np.sinc(x) * z,
    lambda z, w, x: np.multiply.outer(z[0], w[:, 0]),
    lambda z, w, x: np.array_equal(z, z),
    lambda z, w, x: np.isclose(z, z + 1e-12),
    lambda z, w, x: np.count_nonzero(z),
    lambda z, w, x: np.positive(z),
    lambda z, w, x: np.ptp(x) * z,
    lambda z, w, x: np.nanmean(z),
    lambda z, w, x: np.corrcoef(z),
]


def text(program: Callable[..., Any]) -> str:
    return inspect.getsource(program).strip().removeprefix("lambda z, w, x: ").rstrip(",")


each_program = pytest.mark.parametrize("program", PROGRAMS, ids=text)


@each_program
def test_values_and_dtypes(program: Callable[..., Any]) -> None:
    for operands, tolerance in (((Z, W, X), 1e-10), (tuple(map(single, (Z, W, X))), 1e-4)):
        expected = program(*operands)
        found = sg.jit(program)(*operands)
        assert np.asarray(found).dtype == np.asarray(expected).dtype
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("program", [p for p in PROGRAMS if "complex64" not in text(p)], ids=text)
def test_gradients(program: Callable[..., Any]) -> None:
    if np.asarray(program(Z, W, X)).dtype.kind in "fc":
        check_gradient(lambda z, w, x: np.sum(np.abs(program(z, w, x) + 1.5) ** 2), Z, W, X)


# in-place writes, scalars, loops


def parts_are_views(z: Any, x: Any) -> Any:
    a = z.copy()
    a.real[0] = x[0]
    a.imag *= 2
    a[1] += x[1]
    a[2, 1:3] = x[2, :2] * 1j
    a.real += 1
    b = a.imag
    b[0, 0] = 5
    a[..., 0] *= 1j
    return a


def parts_are_assigned(z: Any, x: Any) -> Any:
    a = np.zeros((3, 4), complex)
    a.real = x
    a.imag = z.imag
    a[0] = 1j
    return a * np.conj(a[::-1])


def a_carried_complex_number(z: Any, x: Any) -> Any:
    s = 0j
    for k in range(3):
        s = s * z[k, 0] + x[k].sum()
        if abs(s) > 2:
            s = s / abs(s)
    return s


def a_carried_complex_array(z: Any, x: Any) -> Any:
    u = z[0]
    for _ in range(50):
        u = u * np.exp(0.1j * x[0]) + 0.01 * z[1]
    return u


def from_two_floats(z: Any, x: Any) -> Any:
    return complex(x[0, 0], x[0, 1]) * z + complex(2.0, x[1, 1])


def escape_time_with_distance(z: Any, x: Any) -> Any:
    """Mandelbrot's iteration until the orbit leaves, as a while loop over complex numbers."""
    c = 0.3 * z[0, 0] + 0.2
    w, slope, n = 0j, 0j, 0
    while abs(w) < 2 and n < 30:
        slope = 2 * w * slope + 1
        w = w * w + c
        n += 1
    return abs(w) * np.log(abs(w)) / abs(slope)


def newton_for_a_root(z: Any, x: Any) -> Any:
    """A root of z^3 - p, by a fixed number of Newton steps."""
    p, w = z[1], 1.0 + 0.5j + 0 * z[1]
    for _ in range(12):
        w = w - (w**3 - p) / (3 * w**2)
    return w


LOOPS = [
    parts_are_views,
    parts_are_assigned,
    a_carried_complex_number,
    a_carried_complex_array,
    from_two_floats,
    escape_time_with_distance,
    newton_for_a_root,
]


@pytest.mark.parametrize("program", LOOPS, ids=lambda program: program.__name__)
def test_writes_and_loops(program: Callable[..., Any]) -> None:
    expected = program(Z.copy(), X.copy())
    found = sg.jit(program)(Z, X)
    assert np.asarray(found).dtype == np.asarray(expected).dtype
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
    check_gradient(lambda z, x: np.sum(np.abs(program(z, x) + 1) ** 2), Z, X)


def test_single_precision_accumulates_in_place() -> None:
    def program(z: Any) -> Any:
        a = np.zeros(3, np.complex64)
        a += z[:, 0]
        return a

    found = sg.jit(program)(single(Z))
    assert found.dtype == np.complex64
    np.testing.assert_allclose(found, Z[:, 0], rtol=1e-6)


def test_long_sums_in_single_precision() -> None:
    z = np.full(2_000_000, 0.1 + 0.3j, np.complex64)
    found = sg.jit(lambda z: z.sum())(z)
    assert abs(found - (2e5 + 6e5j)) < 1.0


# the convention


def test_the_gradient_is_the_direction_of_steepest_ascent() -> None:
    """``df/dx + i df/dy``, of |z|^2 twice z, of the real part of a holomorphic function its conjugated derivative."""
    np.testing.assert_allclose(sg.grad(lambda z: abs(z) ** 2)(3 + 4j), 6 + 8j)
    np.testing.assert_allclose(sg.grad(lambda z: z.real)(1 + 2j), 1)
    np.testing.assert_allclose(sg.grad(lambda z: z.imag)(1 + 2j), 1j)
    np.testing.assert_allclose(sg.grad(lambda z: (z**3).real)(1 + 2j), np.conj(3 * (1 + 2j) ** 2))
    np.testing.assert_allclose(sg.grad(lambda z: np.angle(z))(2j), -0.5)
    np.testing.assert_allclose(sg.grad(lambda z: np.sum(abs(z)))(np.array([0j, 3 - 4j])), [0, 0.6 - 0.8j])


def test_real_arguments_have_real_gradients() -> None:
    found = sg.grad(lambda x: np.sum(np.abs(np.exp(1j * x) * x) ** 2))(np.array([1.0, -2.0]))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, [2.0, -4.0])


def test_a_pullback_takes_complex_cotangents() -> None:
    """Of a holomorphic function it multiplies by the conjugated derivative; complex and real ones may be given."""
    value, pullback = sg.vjp(lambda z: z**2, Z)
    np.testing.assert_allclose(value, Z**2)
    np.testing.assert_allclose(pullback(Z * 1j)[0], Z * 1j * np.conj(2 * Z))
    np.testing.assert_allclose(pullback(X)[0], X * np.conj(2 * Z))


def test_a_derivative_of_ones_own_is_in_the_convention() -> None:
    @sg.custom_vjp
    def square(z: Any) -> Any:
        return z * z

    square.defvjp(lambda z: (z * z, z), lambda z, cotangent: (cotangent * np.conj(2 * z),))

    def energy(z: Any) -> Any:
        return np.sum(np.abs(square(z) - 1) ** 2)

    np.testing.assert_allclose(
        sg.grad(energy)(Z), sg.grad(lambda z: np.sum(np.abs(z * z - 1) ** 2))(Z), rtol=1e-12, atol=1e-12
    )


def test_checkpoint() -> None:
    step = sg.checkpoint(lambda z: np.sin(z) * z)
    gradient = sg.grad(lambda z: np.sum(np.abs(step(step(z)))))(0.3 * Z)
    plain = sg.grad(lambda z: np.sum(np.abs(np.sin(np.sin(z) * z) * np.sin(z) * z)))(0.3 * Z)
    np.testing.assert_allclose(gradient, plain, rtol=1e-12)


def test_second_order() -> None:
    def energy(z: Any) -> Any:
        return np.sum(np.abs(z**3 - 1) ** 2) + np.sum((np.exp(z) * np.conj(z)).imag)

    gradient = sg.grad(energy)
    check_gradient(lambda z: np.sum(np.abs(gradient(z)) ** 2), Z)
    v = RNG.normal(size=(3, 4)) + 1j * RNG.normal(size=(3, 4))
    step = 1e-6
    expected = (gradient(Z + step * v) - gradient(Z - step * v)) / (2 * step)
    np.testing.assert_allclose(sg.hvp(energy, (Z,), (v,))[0], expected, rtol=1e-5, atol=1e-5)


def test_against_jax() -> None:
    """JAX gives the conjugate."""
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    def loss(z: Any, x: Any, xp: Any) -> Any:
        a = xp.fft.fft(z * xp.exp(1j * x), axis=1)
        return xp.sum(xp.abs(a) ** 1.5) + xp.sum((a @ xp.conj(a).T).imag ** 2) + xp.sum(xp.angle(xp.sin(z)))

    mine = sg.grad(lambda z, x: loss(z, x, np), argnums=(0, 1))(Z, X)
    theirs = jax.grad(lambda z, x: loss(z, x, jnp), argnums=(0, 1))(Z, X)
    np.testing.assert_allclose(mine[0], np.conj(theirs[0]), rtol=1e-9)
    np.testing.assert_allclose(mine[1], theirs[1], rtol=1e-9)


# promotion and errors


@pytest.mark.parametrize("name", ["add", "multiply", "divide", "power"])
def test_promotion(name: str) -> None:
    """As NumPy's, Python's numbers being weak."""
    function = getattr(np, name)
    arrays = [np.ones(2, dtype) for dtype in ("f4", "f8", "c8", "c16", "i4", "i8", "?")]
    for array, other in itertools.product(arrays, [*arrays, 2, 2.0, 2j]):
        expected = function(array, other)
        if expected.dtype.kind == "c":
            assert sg.jit(lambda a, b: function(a, b))(array, other).dtype == expected.dtype
            assert sg.jit(lambda a, other=other: function(a, other))(array).dtype == expected.dtype


ERRORS: list[tuple[Callable[[Any], Any], str]] = [
    (lambda z: z < z, "less is not defined for complex128; take .real"),
    (lambda z: np.sort(z), "sort is not defined for complex128"),
    (lambda z: np.maximum(z, 1), "maximum is not defined for complex128"),
    (lambda z: z.max(), "max is not defined for complex128"),
    (lambda z: z.argmax(), "argmax is not defined for complex128"),
    (lambda z: z // 2, "floor_divide is not defined for complex128"),
    (lambda z: float(z[0, 0]), "must be a real number"),
    (lambda z: np.sum(z, dtype=float), "take its .real"),
    (lambda z: set_element(np.zeros(3)), "a complex number cannot be assigned"),
    (lambda z: add_in_place(np.zeros((3, 4)), z), "same_kind"),
]


def set_element(a: Any) -> Any:
    a[0] = 1j
    return a


def add_in_place(a: Any, z: Any) -> Any:
    a += z
    return a


@pytest.mark.parametrize(("program", "message"), ERRORS)
def test_errors(program: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        sg.jit(program)(Z)


def test_a_complex_loss_names_the_cure() -> None:
    with pytest.raises(TypeError, match=r"returns complex128; return its .real, .imag or abs\(\)"):
        sg.grad(lambda z: np.sum(z * z))(Z)


@pytest.mark.parametrize("cast", [lambda z: z.astype(float), lambda z: assigned(z)])
def test_a_lost_imaginary_part_warns(cast: Callable[[Any], Any]) -> None:
    with pytest.warns(np.exceptions.ComplexWarning):
        found = sg.jit(cast)(Z)
    np.testing.assert_array_equal(found, Z.real)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_gradient(lambda z: np.sum(cast(z) ** 2), Z)


def assigned(z: Any) -> Any:
    a = np.zeros(z.shape)
    a[:] = z
    return a


def test_arguments_of_every_kind() -> None:
    double = sg.jit(lambda z: z * 2)
    assert double(1 + 2j) == 2 + 4j
    assert double(np.complex64(1 + 2j)).dtype == np.complex64
    np.testing.assert_array_equal(double(Z.T), 2 * Z.T)
    np.testing.assert_array_equal(double(Z[::2, ::-1]), 2 * Z[::2, ::-1])
    np.testing.assert_array_equal(double(Z.astype(">c16")), 2 * Z)
    assert double(np.zeros((0, 2), complex)).shape == (0, 2)


# functions at their edges, compiled

FUNCTIONS = (
    *("absolute", "angle", "isnan", "isinf", "isfinite", "exp", "exp2", "expm1", "log", "log2", "log10", "sqrt"),
    *("sinh", "cosh", "tanh", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh"),
    *("reciprocal", "square", "conjugate", "real", "imag"),
)
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 30.0, -30.0, 1e-30]


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
def test_functions(dtype: Any) -> None:
    """Over many orders of magnitude and on the branch cuts, with their signed zeros."""
    size = 10 ** RNG.uniform(-3, 1.2, (2, 500))
    spread = np.concatenate([RNG.normal(size=500) * size[0] + 1j * RNG.normal(size=500) * size[1], cuts()])
    z = spread[(spread != 0)].astype(dtype)
    node = new_input(type_of(z))
    outputs = tuple(apply(name, node) for name in FUNCTIONS)
    found = compile_graph(Graph((node,), outputs, "functions"), fast_math=False)(z)
    for name, result in zip(FUNCTIONS, found, strict=True):
        with np.errstate(all="ignore"):
            expected = getattr(np, name)(z)
        assert result.dtype == expected.dtype
        if expected.dtype == bool:
            np.testing.assert_array_equal(result, expected, err_msg=name)
            continue
        finite = np.isfinite(expected)
        limit = (2e-14 if dtype is np.complex128 else 2e-6) * np.abs(expected[finite])
        assert (np.abs(result[finite] - expected[finite]) <= limit).all(), name
        np.testing.assert_array_equal(np.isfinite(result), finite, err_msg=name)


def cuts() -> Any:
    return np.array([complex(x, y) for x, y in itertools.product(EDGES, EDGES)])


def test_infinite_parts_are_composed() -> None:
    x = np.array([np.inf, 1.0, np.nan])
    found = sg.jit(lambda x, y: compose(x, y))(x, x[::-1].copy())
    np.testing.assert_array_equal(found.real, x)
    np.testing.assert_array_equal(found.imag, x[::-1])


# Jacobians


def test_jacobians() -> None:
    """Of holomorphic functions the derivative, of complex functions of real arguments both parts', else gradients."""
    z, x = Z[0], X[0]
    np.testing.assert_allclose(sg.jacrev(lambda z: z**3)(z), np.diag(3 * z**2))
    np.testing.assert_allclose(sg.jacrev(lambda x: np.exp(1j * x) * x)(x), np.diag(np.exp(1j * x) * (1 + 1j * x)))
    np.testing.assert_allclose(sg.jacrev(lambda z: np.abs(z) ** 2)(z), np.diag(2 * z))
    np.testing.assert_allclose(sg.jacrev(lambda z: np.sum(z * z))(z), 2 * z)


def test_hessians_are_of_real_arguments() -> None:
    np.testing.assert_allclose(sg.hessian(lambda x: np.sum(np.abs(np.exp(1j * x) + x) ** 2))(X[0]).shape, (4, 4))
    with pytest.raises(TypeError, match=r"hessian takes real arguments.*sg.hvp"):
        sg.hessian(lambda z: np.sum(np.abs(z) ** 2))(Z[0])
