"""The public transforms: arguments and results, nesting, specialisations, threads."""

from __future__ import annotations

import copy
import enum
import functools
import pickle
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.optimize import minimize

import srcgrad as sg
import srcgrad.numpy as snp
from srcgrad.dispatch import Function
from tests.interpreted import interpreter


@pytest.fixture(autouse=True)
def _interpreted() -> Iterator[None]:
    with interpreter():
        yield


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclass
class Layer:
    w: Any
    b: Any


class Mode(enum.Enum):
    SINE = 1
    COSINE = 2


def specialisations(function: Function) -> int:
    return len(function._specialisations)


# arguments


@pytest.mark.parametrize("tree", [{"a": 2.0, "b": 3.0}, Pair(2.0, 3.0), Layer(2.0, 3.0), (2.0, 3.0), [2.0, 3.0]])
def test_pytrees_in_and_out(tree: Any) -> None:
    def product(p: Any) -> Any:
        a, b = sg.tree.leaves(p)
        return a * b

    found = sg.grad(product)(tree)
    assert type(found) is type(tree)
    assert sg.tree.leaves(found) == [3.0, 2.0]
    assert sg.jit(lambda p: p)(tree) == tree


def test_a_registered_container() -> None:
    class Box:
        def __init__(self, inside: Any) -> None:
            self.inside = inside

    sg.tree.register(Box, lambda box: ((box.inside,), "box"), lambda static, children: Box(*children))
    double = sg.jit(lambda box: Box(box.inside * 2))
    assert [double(Box(k)).inside for k in (1.0, 2.0)] == [2.0, 4.0]
    assert specialisations(double) == 1


def test_keywords_defaults_and_variadic_arguments() -> None:
    @sg.jit
    def f(x: Any, *more: Any, scale: Any = 2.0, **named: Any) -> Any:
        return (x + sum(more)) * scale + named.get("shift", 0.0)

    assert f(1.0) == 2.0
    assert f(1.0, 2.0, 3.0) == 12.0
    assert f(1.0, 2.0, scale=10.0, shift=1.0) == 31.0
    assert f(1.0, 2.0, shift=1.0, scale=10.0) == 31.0


def test_what_is_no_array_is_static() -> None:
    @sg.jit
    def f(x: Any, mode: Any, wave: Any = np.sin, name: Any = None) -> Any:
        assert name in (None, "double")
        y = wave(x) if mode is Mode.SINE else np.cos(x)
        return y * 2 if name == "double" else y

    assert f(1.0, Mode.SINE) == np.sin(1.0)
    assert f(1.0, Mode.COSINE) == np.cos(1.0)
    assert f(1.0, Mode.SINE, np.tanh) == np.tanh(1.0)
    assert f(1.0, Mode.SINE, name="double") == 2 * np.sin(1.0)
    assert f(2.0, Mode.SINE) == np.sin(2.0)
    assert specialisations(f) == 4


@pytest.mark.parametrize("options", [{"static_argnums": 1}, {"static_argnames": "n"}, {"static_argnums": (-1,)}])
def test_static_numbers_compile_anew(options: Any) -> None:
    power: Any = sg.jit(lambda x, n: x * power.function(x, n - 1) if n else 1.0, **options)
    assert [power(2.0, 3), power(3.0, 3), power(2.0, 4)] == [8.0, 27.0, 16.0]
    assert specialisations(power) == 2
    named = sg.jit(lambda x, n: x * n.real, **options)
    assert named(2.0, n=3) == 6.0


def test_one_and_true_and_one_point_zero_are_different_statics() -> None:
    kind = sg.jit(lambda x, n: x + len(type(n).__name__), static_argnums=1)
    assert [kind(0, 1), kind(0, True), kind(0, 1.0)] == [3, 4, 5]


def test_methods() -> None:
    class Model:
        scale = 3.0

        @sg.jit
        def __call__(self, x: Any) -> Any:
            return x * self.scale

        @functools.partial(sg.grad, argnums=1)
        def slope(self, x: Any) -> Any:
            return x * x * self.scale

    assert Model()(2.0) == 6.0
    assert Model().slope(2.0) == 12.0
    assert Model.slope(Model(), 1.0) == 6.0


def test_decorated_functions_keep_their_name_and_docstring() -> None:
    @sg.value_and_grad
    def energy(x: float) -> float:
        """Of a spring."""
        return x * x

    assert (energy.__name__, energy.__doc__) == ("energy", "Of a spring.")
    assert "energy" in repr(energy)
    options = sg.grad(argnums=0)(lambda x: x * x)
    assert options(3.0) == 6.0


# arrays


@pytest.mark.parametrize(
    "view",
    [
        lambda a: np.asfortranarray(a),
        lambda a: a[::2, ::-1],
        lambda a: a.T,
        lambda a: np.broadcast_to(a[0], a.shape),
        lambda a: a.astype(">f8"),
        lambda a: np.frombuffer(b"x" + a.tobytes(), offset=1).reshape(a.shape),
        lambda a: a.view(type("Sub", (np.ndarray,), {})),
        lambda a: a[:0],
    ],
)
def test_any_memory_layout(view: Any) -> None:
    a = view(np.arange(12.0).reshape(3, 4))
    f = sg.jit(lambda x: x * 2.0)
    for _ in range(2):
        np.testing.assert_array_equal(f(a), np.asarray(a) * 2.0)
        assert type(f(a)) is np.ndarray


def test_dtypes_of_results_are_those_of_numpy() -> None:
    f = sg.jit(lambda x, y: x * y)
    values: list[Any] = [
        2,
        2.0,
        True,
        np.float32(2),
        np.float64(2),
        np.int64(2),
        np.ones(2, np.float32),
        np.ones(2, np.int64),
    ]
    for x in values:
        for y in values:
            found, expected = f(x, y), np.multiply(x, y)
            assert type(found) is type(expected)
            assert found.dtype == expected.dtype


def test_gradients_have_the_dtype_of_their_argument() -> None:
    f = lambda x, y: (x * y).sum()  # noqa: E731
    gx, gy = sg.grad(f, (0, 1))(np.ones(2, np.float32), np.ones(2))
    assert (gx.dtype, gy.dtype) == (np.float32, np.float64)
    assert type(sg.grad(lambda x: x * x)(2.0)) is np.float64
    assert type(sg.grad(lambda x: x * x)(np.float32(2))) is np.float32
    assert type(sg.grad(lambda x: x * x)(np.array(2.0))) is np.float64


def test_a_list_of_numbers_is_a_container() -> None:
    assert sg.grad(lambda x: x[0] * x[1])([2.0, 3.0]) == [3.0, 2.0]


def test_dtype_objects_that_are_equal_but_not_the_same() -> None:
    f = sg.jit(lambda x: x + 1.0)
    a = pickle.loads(pickle.dumps(np.ones(3)))
    np.testing.assert_array_equal(f(a), [2, 2, 2])
    np.testing.assert_array_equal(f(np.ones(3)), [2, 2, 2])
    assert specialisations(f) == 1


# writes


def test_jit_writes_arguments_back() -> None:
    @sg.jit
    def smooth(a: Any, b: Any) -> Any:
        a[1:-1] += b["k"] * (a[2:] - 2 * a[1:-1] + a[:-2])
        return a.sum()

    a = np.arange(10.0)[::2] ** 2
    expected = a.copy()
    total = smooth.function(expected, {"k": 0.25})
    assert smooth(a, {"k": 0.25}) == total
    np.testing.assert_allclose(a, expected)
    backing = np.zeros((3, 5))
    backing[1] = 1.0
    smooth(backing.T[1:4, 1], {"k": 0.5})
    assert backing[1].tolist() == [1, 1, 1, 1, 1]


def test_grad_leaves_arguments_alone() -> None:
    def f(a: Any) -> Any:
        a *= 2.0
        return (a * a).sum()

    a = np.ones(3)
    np.testing.assert_array_equal(sg.grad(f)(a), 8 * np.ones(3))
    np.testing.assert_array_equal(a, np.ones(3))


# gradients


def test_argnums() -> None:
    f = lambda x, y, z: x * y * y * z  # noqa: E731
    assert sg.grad(f)(2.0, 3.0, 4.0) == 36.0
    assert sg.grad(f, 1)(2.0, 3.0, 4.0) == 48.0
    assert sg.grad(f, -1)(2.0, 3.0, 4.0) == 18.0
    assert sg.grad(f, (2, 0))(2.0, 3.0, 4.0) == (18.0, 36.0)
    assert sg.grad(f, argnums=[1])(2.0, 3.0, 4.0) == (48.0,)


def test_an_argument_that_does_not_matter_has_gradient_zero() -> None:
    found = sg.grad(lambda x, y: (y * y).sum(), (0, 1))(np.ones(2, np.float32), np.ones(3))
    assert found[0].dtype == np.float32
    assert found[0].tolist() == [0, 0]
    assert sg.grad(lambda x: 1.0)(2.0) == 0.0
    assert sg.grad(lambda x: np.floor(x))(2.5) == 0.0


def test_aux() -> None:
    f = lambda x: (x * x, {"double": 2 * x, "n": 1})  # noqa: E731
    assert sg.grad(f, has_aux=True)(3.0) == (6.0, {"double": 6.0, "n": 1})
    assert sg.value_and_grad(f, has_aux=True)(3.0) == ((9.0, {"double": 6.0, "n": 1}), 6.0)
    value, pullback, aux = sg.vjp(f, 3.0, has_aux=True)
    assert (value, aux, pullback(2.0)) == (9.0, {"double": 6.0, "n": 1}, (12.0,))


def test_value_and_grad_fits_scipy() -> None:
    rosenbrock = lambda x: ((1 - x[:-1]) ** 2 + 100.0 * (x[1:] - x[:-1] ** 2) ** 2).sum()  # noqa: E731
    result = minimize(sg.value_and_grad(rosenbrock), np.zeros(4), jac=True, method="BFGS")
    np.testing.assert_allclose(result.x, np.ones(4), rtol=1e-4)


def test_vjp() -> None:
    f = lambda p, x: {"y": p["w"] @ x, "s": p["w"].sum() * x[0]}  # noqa: E731
    w, x = np.arange(6.0).reshape(2, 3), np.array([1.0, -1.0, 2.0])
    value, pullback = sg.vjp(f, {"w": w}, x)
    np.testing.assert_array_equal(value["y"], w @ x)
    u = np.array([1.0, 10.0])
    ct_p, ct_x = pullback({"y": u, "s": 2.0})
    np.testing.assert_array_equal(ct_p["w"], np.outer(u, x) + 2.0 * x[0])
    np.testing.assert_array_equal(ct_x, u @ w + 2.0 * w.sum() * np.array([1, 0, 0]))


def test_jacobians_and_hessians() -> None:
    def f(p: Any, x: Any) -> Any:
        return {"y": np.sin(p["w"] @ x), "s": (x**3).sum()}

    w, x = np.arange(6.0).reshape(2, 3) / 5, np.array([0.1, -0.4, 0.3])
    by_x = sg.jacrev(f, argnums=1)({"w": w}, x)
    np.testing.assert_allclose(by_x["y"], np.cos(w @ x)[:, None] * w)
    np.testing.assert_allclose(by_x["s"], 3 * x**2)
    by_p, again = sg.jacrev(f, argnums=(0, -1))({"w": w}, x)["y"]
    np.testing.assert_allclose(by_p["w"], np.einsum("i,ij,k->ijk", np.cos(w @ x), np.eye(2), x))
    np.testing.assert_array_equal(again, by_x["y"])

    quadratic = lambda x, a: x @ a @ x  # noqa: E731
    a, v = np.arange(9.0).reshape(3, 3), np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(sg.hessian(quadratic)(x, a), a + a.T)
    cross = sg.hessian(quadratic, argnums=(0, 1))(x, a)
    assert cross[0][1].shape == (3, 3, 3)
    np.testing.assert_allclose(sg.hvp(lambda x: quadratic(x, a), (x,), (v,))[0], (a + a.T) @ v)
    with pytest.raises(ValueError, match="argnums 2"):
        sg.jacrev(quadratic, argnums=2)(x, a)
    with pytest.raises(TypeError, match="argument x has dtype int64"):
        sg.jacrev(quadratic)(np.arange(3), a)


def test_stop_gradient() -> None:
    assert sg.grad(lambda x: sg.stop_gradient(x) * x)(3.0) == 3.0
    assert sg.grad(lambda p: (p["a"] * sg.stop_gradient(p)["b"]).sum())({"a": 2.0, "b": 5.0}) == {"a": 5.0, "b": 0.0}
    assert sg.stop_gradient(3.0) == 3.0


# nesting


def test_derivatives_of_derivatives() -> None:
    f = sg.grad(sg.grad(sg.grad(lambda x: x**5)))
    assert f(2.0) == 240.0
    hvp = lambda x, v: sg.grad(lambda x: (sg.grad(lambda x: np.sin(x).sum())(x) * v).sum())(x)  # noqa: E731
    x, v = np.array([0.1, 0.2]), np.array([1.0, 3.0])
    np.testing.assert_allclose(sg.jit(hvp)(x, v), -np.sin(x) * v)


def test_no_perturbation_confusion() -> None:
    assert sg.grad(lambda x: x * sg.grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert sg.grad(lambda x: sg.grad(lambda y: x * y * y)(x) * x)(3.0) == 54.0  # of 2 x^3


def test_grad_inside_jit_inside_a_loop() -> None:
    inner = sg.jit(sg.grad(lambda w, x: (w * w * x).sum()))

    @sg.jit
    def descend(w: Any, x: Any) -> Any:
        return sg.fori_loop(0, 10, lambda i, w: w - 0.1 * inner(w, x), w)

    np.testing.assert_allclose(descend(np.ones(2), np.array([1.0, 2.0])), [0.8**10, 0.6**10])
    meta = sg.grad(lambda x: descend(np.ones(2), x).sum())(np.array([1.0, 2.0]))
    np.testing.assert_allclose(meta, [-0.2 * 10 * 0.8**9, -0.2 * 10 * 0.6**9])


def test_vjp_inside_grad_of_constants() -> None:
    def f(s: Any) -> Any:
        _, pullback = sg.vjp(lambda x: np.sin(x) * s, np.array([0.0, 1.0]))
        return pullback(np.ones(2))[0].sum()

    assert sg.grad(f)(2.0) == 1.0 + np.cos(1.0)


def test_training_loop_with_an_optimizer() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 3))
    y = x @ np.array([1.0, -2.0, 0.5]) + 3.0

    def loss(p: Any) -> Any:
        return np.mean((x @ p["w"] + p["b"] - y) ** 2)

    for rule in (sg.optim.sgd(0.1), sg.optim.momentum(0.02), sg.optim.adam(0.1), sg.optim.rmsprop(0.02)):

        @sg.jit
        def train(params: Any, rule: Any = rule) -> Any:
            def step(i: Any, carry: Any) -> Any:
                params, state = carry
                return rule.update(sg.grad(loss)(params), state, params)

            return sg.fori_loop(0, 300, step, (params, rule.init(params)))[0]

        found = train({"w": np.zeros(3), "b": 0.0})
        np.testing.assert_allclose(found["w"], [1, -2, 0.5], atol=2e-2)
        np.testing.assert_allclose(found["b"], 3.0, atol=2e-2)


@pytest.mark.parametrize(
    "rule", [sg.optim.sgd(0.1), sg.optim.momentum(0.1), sg.optim.adam(), sg.optim.adamw(), sg.optim.rmsprop()]
)
def test_optimizers_keep_dtypes_and_agree_traced_and_plain(rule: Any) -> None:
    params: dict[str, Any] = {"w": np.ones(2, np.float32), "b": np.float64(1.0)}
    grads = {"w": np.array([0.5, -1.0], np.float32), "b": np.float64(2.0)}
    plain, traced = params, params
    state, traced_state = rule.init(params), rule.init(params)
    update = sg.jit(rule.update)
    for _ in range(3):
        plain, state = rule.update(grads, state, plain)
        traced, traced_state = update(grads, traced_state, traced)
    for name, first in params.items():
        assert plain[name].dtype == traced[name].dtype == first.dtype
        np.testing.assert_allclose(plain[name], traced[name], rtol=1e-5)


# specialisations


def test_one_program_per_combination_of_types() -> None:
    traced = []

    @sg.jit
    def f(x: Any, y: Any) -> Any:
        traced.append(1)
        return x + y

    for _ in range(3):
        for shape in ((2,), (3,), (2, 2), (), (1,), (4,), (5,)):
            f(np.ones(shape), 1.0)
            f(np.ones(shape), np.float32(1.0))
    assert len(traced) == specialisations(f) == 14


def test_concurrent_first_calls_compile_once() -> None:
    count = []
    start = threading.Barrier(8)

    @sg.jit
    def f(x: Any) -> Any:
        count.append(1)
        return x * 2.0

    results: list[Any] = []

    def call() -> None:
        start.wait()
        results.append(f(np.ones(3)).tolist())

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[2, 2, 2]] * 8
    assert len(count) == 1


def test_an_error_while_tracing_leaves_nothing_behind() -> None:
    @sg.jit
    def f(x: Any) -> Any:
        if fail:
            raise RuntimeError("mine")
        return x + 1.0

    fail = True
    with pytest.raises(RuntimeError, match="mine"):
        f(1.0)
    fail = False
    assert f(1.0) == 2.0
    assert snp.zeros(2).tolist() == [0, 0]  # no trace is active any more


@sg.jit
def tripled(x: Any) -> Any:
    return x * 3.0


def cubed(x: Any) -> Any:
    return x * x * x


def test_transformed_functions_can_be_sent_to_other_processes() -> None:
    assert pickle.loads(pickle.dumps(tripled)) is tripled
    slope = pickle.loads(pickle.dumps(sg.grad(cubed)))
    assert slope(2.0) == 12.0
    assert copy.copy(slope)(2.0) == 12.0


def test_looking_inside() -> None:
    f = sg.grad(lambda x: x * x)
    assert "accumulate(%x, %x)" in sg.ir(f, 2.0)
    assert f(3.0) == 6.0
    assert sg.ir(f) == sg.ir(f, 1.0)
    assert "sin" in sg.ir(lambda x: np.sin(x), 1.0)
    assert sg.source(f, 2.0)
