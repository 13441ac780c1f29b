"""Every rewrite at 0, -0, infinities, NaN, denormal and huge numbers: values, and derivatives where those are kept."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.errors import TraceError
from srcgrad.core.types import ArrayType
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph, Node, bind
from srcgrad.graph.structure import new_input
from srcgrad.transform.adjoint import adjoint
from srcgrad.transform.patterns import Bindings, Pattern, Rule
from srcgrad.transform.rewrite import filled
from srcgrad.transform.rules import algebra, powers
from tests.interpreted import gradient, interpreter, run

KEEPING = [rule for rules in algebra().values() for rule in rules]
LAST = [rule for rules in powers().values() for rule in rules]


def points(dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Edges of a real dtype and some ordinary numbers; the integers 0 to 3 and the smallest and the largest."""
    if dtype.kind == "i":
        return np.array([0, 1, 2, 3, -1, np.iinfo(dtype).min, np.iinfo(dtype).max], dtype)
    limits = np.finfo(dtype)
    huge = limits.max / 3
    small = [limits.tiny / 8, limits.smallest_subnormal, limits.tiny, huge**-0.5, huge ** (-1 / 3)]
    sizes = [0.0, np.inf, 0.75, 1.0, 3.0, huge, huge**0.5 * 2, huge**0.7, huge ** (1 / 3) * 2, *small]
    return np.array([np.nan, *sizes, *(-size for size in sizes)], dtype)


def variables_of(pattern: Pattern) -> list[str]:
    if pattern.name is not None:
        return [pattern.name]
    return list(dict.fromkeys(name for part in pattern.args for name in variables_of(part)))


def truths_of(pattern: Pattern) -> set[str]:
    """The variables that stand for booleans."""
    if pattern.op is None:
        return set()
    count = {"where": 1, "logical_not": 1, "bitwise_or": 2, "invert": 1}.get(pattern.op.name, 0)
    found = {part.name for part in pattern.args[:count] if part.name is not None}
    return found.union(*map(truths_of, pattern.args))


def node_of(pattern: Pattern, found: Bindings, type_: ArrayType) -> Node:
    """The node that a pattern matches."""
    if pattern.op is None:
        kind = bool if isinstance(pattern.value, bool) else type_.dtype
        return found[pattern.name] if pattern.name else filled(ArrayType(type_.shape, np.dtype(kind)), pattern.value)
    return bind(pattern.op, [node_of(part, found, type_) for part in pattern.args], {})


class Instance:
    """A rule whose variables are inputs of one type."""

    def __init__(self, rule: Rule, type_: ArrayType) -> None:
        names, truths = variables_of(rule.before), truths_of(rule.before)
        kinds = [np.dtype(bool) if name in truths else type_.dtype for name in names]
        self.inputs = tuple(
            new_input(ArrayType(type_.shape, kind), name) for name, kind in zip(names, kinds, strict=True)
        )
        found: Bindings = dict(zip(names, self.inputs, strict=True))
        self.before, self.after = (node_of(pattern, found, type_) for pattern in (rule.before, rule.after))
        values = [np.array([False, True]) if kind.kind == "b" else points(type_.dtype) for kind in kinds]
        grid = np.array(list(itertools.product(*(range(len(one)) for one in values))), int).T
        self.values = [one[place] for one, place in zip(values, grid, strict=True)]


def instances(rules: list[Rule], *dtypes: str) -> list[Any]:
    return [
        pytest.param(rule, np.dtype(dtype), id=f"{rule.before}, {dtype}")
        for rule in rules
        for dtype in dtypes
        if is_defined(rule, dtype)
    ]


def is_defined(rule: Rule, dtype: str) -> bool:
    try:
        Instance(rule, ArrayType((1,), np.dtype(dtype)))
    except TraceError:  # a quotient of integers
        return False
    return True


#: Cotangents that are zero are left out of a sum, so that of -0.0 and 0 keeps its sign.
LOSE_A_SIGN = {"accumulate(x, 0)", "accumulate(0, x)"}


def evaluate(instance: Instance, root: Node, values: Any) -> Any:
    return interpret(Graph(instance.inputs, (root,), "rule"), values)[0]


def check_equal(found: Any, wanted: Any, *, signs: bool = True) -> None:
    """NaN is NaN, a zero has its sign; the last bits may differ, by multiples of the smallest number for denormals."""
    if found.dtype.kind != "f":
        np.testing.assert_array_equal(found, wanted)
        return
    limits = np.finfo(found.dtype)
    np.testing.assert_allclose(found, wanted, rtol=4 * limits.eps, atol=4 * limits.smallest_subnormal)
    if signs:
        zero = wanted == 0
        np.testing.assert_array_equal(np.signbit(found[zero]), np.signbit(wanted[zero]))


@pytest.mark.parametrize(("rule", "dtype"), instances(KEEPING, "f8", "f4", "i8"))
def test_a_rule_gives_what_its_row_gives(rule: Rule, dtype: np.dtype[Any]) -> None:
    instance = Instance(rule, ArrayType((1,), dtype))
    if rule.when is not None and not rule.when(instance.before):
        return
    instance = Instance(rule, ArrayType(instance.values[0].shape, dtype))
    before, after = (evaluate(instance, root, instance.values) for root in (instance.before, instance.after))
    check_equal(after, before, signs=repr(rule.before) not in LOSE_A_SIGN)


@pytest.mark.parametrize(("rule", "dtype"), instances(LAST, "f8", "f4"))
@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_power_is_what_its_row_gives(rule: Rule, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """Rules for operands that are not negative get such; one for all gets all. Of arrays sqrt is there earlier."""
    instance = Instance(rule, ArrayType(shape, dtype))
    assert rule.when is not None
    takes_all = rule.when(instance.before)
    if takes_all and shape and repr(rule.before) == "power(x, 0.5)":
        return
    values = points(dtype)
    for value in values if takes_all else np.abs(values):
        given = [np.full(shape, value)]
        before, after = (evaluate(instance, root, given) for root in (instance.before, instance.after))
        check_equal(np.atleast_1d(after), np.atleast_1d(before))


@pytest.mark.parametrize(("rule", "dtype"), instances(KEEPING, "f8", "f4"))
def test_a_rule_keeps_the_derivative(rule: Rule, dtype: np.dtype[Any]) -> None:
    """Where the value is a number; an infinite derivative is infinite, and none is NaN that was not."""
    instance = Instance(rule, ArrayType((1,), dtype))
    if (rule.when is not None and not rule.when(instance.before)) or instance.before.dtype != dtype:
        return
    instance = Instance(rule, ArrayType(instance.values[0].shape, dtype))
    value = evaluate(instance, instance.before, instance.values)
    wanted, found = (derivatives(instance, root) for root in (instance.before, instance.after))
    for of_before, of_after in zip(wanted, found, strict=True):
        known = ~np.isnan(value) & ~below_root(rule.before, instance.values[0])
        check_equal(of_after[known], of_before[known], signs=False)


def below_root(before: Pattern, x: Any) -> Any:
    """Where the derivative of a root is that of ``sqrt(-0.0)``, which is -0.0: -inf, from a side that has no values."""
    return (x == 0) & np.signbit(x) & (repr(before) == "power(x, 0.5)")


def derivatives(instance: Instance, root: Node) -> list[Any]:
    graph = Graph(instance.inputs, (root,), "rule")
    _, found = adjoint(graph, range(len(instance.inputs)), [filled(root.array_type, 1)])
    zero = np.zeros(root.shape, root.dtype)
    return [zero if one is None else evaluate(instance, one, instance.values) for one in found]


def test_a_sum_of_negatives_keeps_the_sign_of_zero() -> None:
    """It is what is left of 0: the negative of a sum that is 0 would be -0, and NumPy's sum of -0.0 starts from 0."""
    values = np.array([[0.0, -0.0, 1.0, np.inf, np.nan], [0.0, -0.0, -1.0, 1.0, 2.0]])
    for function in (lambda x: (-x).sum(axis=0), lambda x: (0.0 - x).sum(axis=0), lambda x: (-x).sum(axis=1).sum()):
        check_equal(np.atleast_1d(run(function, values)), np.atleast_1d(function(values)))
    graph = sg.ir(lambda x: (-x).sum(axis=0) * x.sum(axis=0), values)
    assert str(graph).count("sum(") == 1, "both from one sum"


# powers through the public functions


EXPONENTS = [-3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3, 4]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_powers_and_their_derivatives_at_the_edges(exponent: float, dtype: Any) -> None:
    """The derivative is ``p x**(p - 1)``, the second one too: of what is infinite there infinite, and not NaN."""
    x = points(np.dtype(dtype))
    with np.errstate(all="ignore"):
        value = x**exponent
        slope = exponent * x ** np.asarray(exponent - 1, dtype) if exponent else 0 * np.ones_like(x)
        curvature = exponent * (exponent - 1) * x ** np.asarray(exponent - 2, dtype)
    if exponent in (0, 1):
        curvature = np.zeros_like(x)
    check_equal(run(lambda x: x**exponent, x), value)
    below = (x == 0) & np.signbit(x)  # the root of -0.0 is -0.0, and its derivative -inf
    known = ~np.isnan(value) & ~(below & (exponent == 0.5))
    found = gradient(lambda x: (x**exponent).sum(), x)
    check_equal(found[known], np.asarray(slope, dtype)[known], signs=False)
    with interpreter():
        found = sg.grad(lambda x: sg.grad(lambda x: (x**exponent).sum())(x).sum())(x)
    known &= ~np.isnan(slope) & ~(below & (exponent == 1.5))
    check_equal(found[known], np.asarray(curvature, dtype)[known], signs=False)
    if exponent == 0.5:
        np.testing.assert_array_equal(gradient(lambda x: (x**0.5).sum(), np.zeros(2)), [np.inf, np.inf])


def test_a_number_is_raised_as_by_c() -> None:
    """NumPy's operator takes the root of an array, and C's pow of a number."""
    for value in (-0.0, -np.inf, 4.0):
        with np.errstate(invalid="ignore"):
            array, number = np.array([value]) ** 0.5, np.float64(value) ** 0.5
        check_equal(run(lambda x: x**0.5, np.array([value])), array)
        check_equal(np.atleast_1d(run(lambda x: x[0] ** 0.5, np.array([value]))), np.atleast_1d(number))


def test_a_power_that_vanishes_at_infinity_has_derivative_zero_by_its_exponent() -> None:
    found = gradient(lambda y: (np.array([np.inf, 0.0, 2.0]) ** y).sum(), np.array([-1.0, 2.0, 0.0]))
    np.testing.assert_allclose(found, [0.0, 0.0, np.log(2.0)])
