"""Simplification: rules one by one, and random graphs whose values must not change."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph, Node, bind
from srcgrad.graph.structure import COND, constant, items, loop, new_input
from srcgrad.graph.verify import verify
from srcgrad.pipeline import finish
from srcgrad.transform.patterns import Pattern, Rule, build
from srcgrad.transform.prune import prune
from srcgrad.transform.rules import algebra
from srcgrad.transform.simplify import simplify

F8 = np.dtype(np.float64)


def variable(*shape: int, dtype: Any = F8, name: str = "x") -> Node:
    return new_input(ArrayType(shape, np.dtype(dtype)), name)


X, Y, Z, M = variable(3), variable(3, name="y"), variable(5, name="z"), variable(2, 3, name="m")
I, S, C = variable(dtype=np.int64, name="i"), variable(name="s"), variable(3, dtype=bool, name="c")


def cut(x: Any, start: int, count: int, step: int = 1) -> Any:
    return apply("slice", x, starts=(start,), shape=(count,), steps=(step,))


def put(base: Any, part: Any, start: int, step: int = 1) -> Any:
    return apply("update", base, part, starts=(start,), steps=(step,))


def spread(x: Any, *shape: int) -> Any:
    return apply("broadcast_to", x, shape=shape)


def total(x: Node, *axes: int) -> Any:
    return apply("sum", x, axes=axes)


def product(a: Node, b: Node, spec: str) -> Any:
    return apply("contract", a, b, spec=spec)


def turned(x: Node) -> Any:
    return apply("transpose", x, axes=tuple(range(x.ndim))[::-1])


def shaped(x: Node, *shape: int) -> Any:
    return apply("reshape", x, shape=shape)


def where(*args: Any) -> Any:
    return apply("where", *args)


def zeros(*shape: int) -> Any:
    return spread(constant(np.float64(0)), *shape)


PAIRS = [
    (X + 0.0, None),
    (0.0 - X, None),
    (X + -0.0, X),
    (X - 0.0, X),
    (X - -0.0, None),
    (I + 0, I),
    (0 - I, -I),
    (apply("accumulate", X, 0.0), X),
    (apply("accumulate", 0.0, X), X),
    (X * 1.0, X),
    (X / 1.0, X),
    (X * -1.0, -X),
    (-(-X), X),  # noqa: B002
    (X + (-Y), X - Y),
    ((-Y) + X, X - Y),
    (X - (-Y), X + Y),
    (-(X - Y), None),
    (-(I - (I + 2)), (I + 2) - I),
    ((-X) * (-Y), X * Y),
    (X**2, X * X),
    (X**0.5, apply("sqrt", X)),
    (X**-1, spread(constant(np.float64(1)), 3) / X),
    (where(C, X, X), X),
    (where(C, where(C, X, Y), X + Y), where(C, X, X + Y)),
    (apply("exp", spread(S, 3)) * 1.0, spread(apply("exp", S), 3)),
    (spread(S, 3) * spread(constant(np.float64(2)), 3), spread(S * constant(np.float64(2)), 3)),
    (apply("astype", apply("astype", X, dtype=F8), dtype=F8), X),
    (apply("astype", apply("astype", I, dtype=np.dtype(np.int32)), dtype=np.dtype(np.int64)), None),
    (shaped(shaped(M, 6), 2, 3), M),
    (turned(turned(M)), M),
    (spread(spread(S, 3), 2, 3), spread(S, 2, 3)),
    (spread(shaped(X, 1, 3), 2, 3), spread(X, 2, 3)),
    (cut(X, 0, 3), X),
    (cut(cut(X, 0, 3, 1), 2, 2, -1), cut(X, 2, 2, -1)),
    (cut(put(X, cut(Y, 0, 2), 1), 0, 1), cut(X, 0, 1)),
    (cut(put(X, cut(Y, 0, 2), 1), 1, 2), cut(Y, 0, 2)),
    (cut(put(X, cut(Y, 0, 2), 0, 2), 1, 1), cut(X, 1, 1)),
    (cut(put(X, cut(Y, 0, 2), 1), 0, 2), None),
    (put(put(X, cut(Y, 0, 2), 1), cut(Y, 1, 2), 1), put(X, cut(Y, 1, 2), 1)),
    (put(put(X, cut(Y, 0, 2), 1), cut(Z, 1, 1), 0), apply("concatenate", cut(Z, 1, 1), cut(Y, 0, 2), axis=0)),
    (put(X, cut(X, 1, 2), 1), X),
    (put(X, Y, 0), Y),
    (put(X, Y, 2, -1), cut(Y, 2, 3, -1)),
    (total(M), M),
    (total(total(M, 0), 0), total(M, 0, 1)),
    (total(turned(M), 0), total(M, 1)),
    (total(spread(S, 4), 0), S * constant(np.float64(4))),
    (product(turned(M), X, "ji,j->i"), product(M, X, "ij,j->i")),
    (turned(product(M, M, "ij,kj->ik")), product(M, M, "ij,kj->ki")),
    (product(M, spread(S, 2, 3), "ij,ij->"), S * total(M, 0, 1)),
    (product(M, X, "ij,k->jk"), product(total(M, 0), X, "j,k->jk")),
    (cut(apply("concatenate", X, Y, axis=0), 4, 2), cut(Y, 1, 2)),
    ((I + 2) - 1, I + constant(np.int64(1))),
    (X * 0.0, None),
    (X - X, None),
    (X / X, None),
    (apply("maximum", X, 0.0) * 0.0, None),
]


@pytest.mark.parametrize(("before", "after"), PAIRS, ids=lambda node: str(node.op.name) if node else "same")
def test_before_and_after(before: Node, after: Node | None) -> None:
    inputs = (X, Y, M, I, S, C)
    found = simplify(Graph(inputs, (before,))).outputs[0]
    assert found is (before if after is None else simplify(Graph(inputs, (after,))).outputs[0])
    assert after is None or len(Graph((), (found,)).nodes()) <= len(Graph((), (after,)).nodes())


def test_small_constants_are_folded_and_large_ones_are_not() -> None:
    folded = finish(Graph((), (constant(np.arange(4.0)) * 2.0 + 1.0,)))
    assert [node.op.name for node in folded.nodes()] == ["constant"]
    large = finish(Graph((), (apply("sin", constant(np.arange(1000.0))),)))
    assert [node.op.name for node in large.nodes()] == ["constant", "sin"]


def test_signed_zeros_and_nans_of_constants_stay() -> None:
    for array in (np.array([0.0, -0.0]), np.array([np.nan, np.nan]), np.array([np.inf, np.inf])):
        found = interpret(finish(Graph((), (constant(array),))), [])[0]
        np.testing.assert_array_equal(found, array)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(array))


# regions


def body_of(function: Any, *types: ArrayType) -> Graph:
    inputs = [new_input(ArrayType((), np.dtype(np.int64)), "i"), *(new_input(type_) for type_ in types)]
    return Graph(tuple(inputs), tuple(function(*inputs)), "body")


def test_dead_results_carries_and_operands_go() -> None:
    t = ArrayType((), F8)
    body = body_of(lambda i, w, unused, a, b, c: (a * w, b + a, c, b * 2.0, a + c), t, t, t, t, t)
    start = [constant(np.float64(k)) * S for k in (1, 2, 3)]
    results = loop(constant(np.int64(4)), [S, S + 1.0], start, [], body=body, length=4)
    graph = prune(Graph((S,), (results[0], results[2])))
    (node,) = [n for n in graph.nodes() if n.op.name == "loop"]
    assert (node.params["n_consts"], node.params["n_carries"], len(node.params["body"].outputs)) == (1, 1, 1)
    assert graph.outputs[1] is start[2]  # the carry that never changes is what it was at first
    np.testing.assert_allclose(interpret(graph, [1.1]), [1.1**5, 3 * 1.1])
    both = prune(Graph((S,), (results[4], results[1])))
    (node,) = [n for n in both.nodes() if n.op.name == "loop"]
    assert (node.params["n_consts"], node.params["n_carries"]) == (2, 2)
    verify(both)
    expected = interpret(Graph((S,), (results[4], results[1])), [1.1])
    for found, value in zip(interpret(both, [1.1]), expected):
        np.testing.assert_allclose(found, value)


def test_constants_and_repeated_operands_move_into_the_body() -> None:
    t, row = ArrayType((), F8), ArrayType((3,), F8)
    body = body_of(lambda i, two, a, b, c, x: (c * two + total(a, 0) * b + x,), t, row, t, t, t)
    rows = spread(S, 5)
    operands = [constant(np.float64(2)), spread(S, 3), S]
    results = loop(constant(np.int64(5)), operands, [S], [rows], body=body, length=5)
    graph = finish(Graph((S,), (results[0],)))
    (node,) = [n for n in graph.nodes() if n.op.name == "loop"]
    assert len(node.inputs) == 3  # trip count, S, the carry
    np.testing.assert_allclose(interpret(graph, [0.3]), interpret(Graph((S,), (results[0],)), [0.3]))


def test_a_known_branch_is_taken_in_place() -> None:
    sine, cosine = (Graph((v,), (apply(name, v),), name) for name, v in (("sin", variable()), ("cos", variable())))
    node = bind(COND, (constant(np.bool_(True)), S), {"then": sine, "orelse": cosine})
    assert finish(Graph((S,), tuple(items(node)))).outputs[0] is apply("sin", S)


# random graphs of raw operations

SHAPES: list[tuple[int, ...]] = [(), (1,), (3,), (2, 3), (3, 1), (1, 3), (2, 1, 3)]
LEAVES = [variable(*shape, name=f"x{k}") for k, shape in enumerate(SHAPES)]
VALUES = [np.asarray(np.random.default_rng(k).uniform(0.3, 1.5, shape)) for k, shape in enumerate(SHAPES)]


@st.composite
def graphs(draw: st.DrawFn, steps: Any = None) -> Graph:
    """A graph over leaves of many shapes; constants, casts, views, writes, sums and products."""
    nodes: list[Node] = [
        *LEAVES,
        constant(np.float64(2)),
        zeros(2, 3),
        constant(np.full(3, 0.5)),
        constant(np.ones(())),
    ]
    for _ in range(draw(st.integers(1, 10))):
        # the last nodes are drawn more often: depth
        x = nodes[-1 - min(draw(st.integers(0, 30)) ** 2 // 30, len(nodes) - 1)]
        y = draw(st.sampled_from(nodes))
        made = draw(st.sampled_from(steps or STEPS))(draw, x, y)
        if made is not None and made.size <= 500:
            nodes.append(made)
    return Graph(tuple(LEAVES), tuple(nodes[-4:]))


def _unary(draw: Any, x: Node, y: Node) -> Any:
    name = draw(st.sampled_from(["negative", "square", "tanh", "sin"]))
    return apply(name, x)


def _sign(draw: Any, x: Node, y: Node) -> Any:
    return apply(draw(st.sampled_from(["negative", "square", "sqrt", "absolute"])), x)


def _binary(draw: Any, x: Node, y: Node) -> Any:
    name = draw(st.sampled_from(["add", "subtract", "multiply", "maximum", "divide"]))
    if name == "divide":
        y = y * y + 0.5
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return None
    return apply(name, x, y)


def _with_number(draw: Any, x: Node, y: Node) -> Any:
    name = draw(st.sampled_from(["add", "subtract", "multiply", "divide"]))
    number = draw(st.sampled_from([0.0, 1.0, -1.0, 2.0]))
    if draw(st.booleans()) and name != "divide":
        return apply(name, number, x)
    return apply(name, x, number or 1.0)


def _power(draw: Any, x: Node, y: Node) -> Any:
    exponent = draw(st.sampled_from([1, 2, 3, 4, 0.5, -1, -2, -0.5, 1.5]))
    return apply("power", apply("absolute", x) + 0.1, exponent)


def _chosen(draw: Any, x: Node, y: Node) -> Any:
    other = y if y.shape == x.shape else -x
    return where(apply("greater", x, 0.5), *((x, other) if draw(st.booleans()) else (x, x)))


def _cast(draw: Any, x: Node, y: Node) -> Any:
    narrow = apply("astype", x, dtype=np.dtype(draw(st.sampled_from(["f4", "f8", "i4"]))))
    return apply("astype", narrow, dtype=F8)


def _spread(draw: Any, x: Node, y: Node) -> Any:
    try:
        shape = np.broadcast_shapes(x.shape, draw(st.sampled_from(SHAPES)))
    except ValueError:
        return None
    return spread(x, *draw(st.sampled_from([shape, (2, *shape)])))


def _shaped(draw: Any, x: Node, y: Node) -> Any:
    flat = draw(st.sampled_from([(x.size,), (1, x.size), (*x.shape, 1), (1, *x.shape), x.shape[::-1]]))
    return shaped(x, *flat)


def _transposed(draw: Any, x: Node, y: Node) -> Any:
    return apply("transpose", x, axes=tuple(draw(st.permutations(range(x.ndim)))))


def _part(draw: Any, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    starts, counts, steps = [], [], []
    for extent in shape:
        step = draw(st.sampled_from([1, 1, 1, -1, 2]))
        start = draw(st.integers(0, extent - 1))
        longest = (extent - 1 - start) // step + 1 if step > 0 else start // -step + 1
        starts.append(start)
        steps.append(step)
        counts.append(draw(st.integers(1, longest)))
    return tuple(starts), tuple(counts), tuple(steps)


def _cut(draw: Any, x: Node, y: Node) -> Any:
    if not x.size:
        return None
    starts, counts, steps = _part(draw, x.shape)
    return apply("slice", x, starts=starts, shape=counts, steps=steps)


def _written(draw: Any, x: Node, y: Node) -> Any:
    if not x.size:
        return None
    starts, counts, steps = _part(draw, x.shape)
    parts = [apply("slice", x, starts=starts, shape=counts, steps=steps), spread(constant(np.float64(0)), *counts)]
    parts += [y] if y.shape == counts else [apply("sin", parts[0])]
    return apply("update", x, draw(st.sampled_from(parts)), starts=starts, steps=steps)


def _placed(draw: Any, x: Node, y: Node) -> Any:
    if not x.ndim:
        return None
    pads = tuple(draw(st.integers(0, 2)) for _ in x.shape)
    steps = tuple(draw(st.sampled_from([1, 2])) for _ in x.shape)
    shape = tuple(pad + step * extent for pad, step, extent in zip(pads, steps, x.shape))
    return apply("place", x, shape=shape, starts=pads, steps=steps)


def _joined(draw: Any, x: Node, y: Node) -> Any:
    return apply("concatenate", x, y if y.shape == x.shape else -x, axis=x.ndim - 1) if x.ndim else None


def _total(draw: Any, x: Node, y: Node) -> Any:
    return total(x, *sorted(draw(st.sets(st.sampled_from(range(x.ndim)))) if x.ndim else ()))


def _product(draw: Any, x: Node, y: Node) -> Any:
    labels = draw(st.permutations("abcd"))
    left, right = "".join(labels[: x.ndim]), "".join(draw(st.permutations("abcd"))[: y.ndim])
    extents: dict[str, int] = {}
    for label, extent in [*zip(left, x.shape), *zip(right, y.shape)]:
        if extents.setdefault(label, extent) != extent:
            return None
    if x.ndim > 4 or y.ndim > 4:
        return None
    every = sorted(extents)
    out = "".join(draw(st.permutations([label for label in every if draw(st.booleans())])))
    return product(x, y, f"{left},{right}->{out}")


def _element(draw: Any, x: Node, y: Node) -> Any:
    if not x.ndim or not x.shape[0]:
        return None
    index = constant(np.int64(draw(st.integers(-x.shape[0], x.shape[0] - 1))))
    place: dict[str, Any] = {"axes": (0,), "position": 0}
    if draw(st.booleans()):
        return apply("gather", x, index, **place)
    new = apply("scatter_set", x, spread(S0, *x.shape[1:]) if x.ndim > 1 else S0, index, **place, unique=True)
    return draw(
        st.sampled_from(
            [new, apply("gather", new, index, **place), apply("scatter_add", new, new_row(new), index, **place)]
        )
    )


def new_row(x: Node) -> Any:
    row = apply("slice", x, starts=(0,) * x.ndim, shape=(1, *x.shape[1:]), steps=(1,) * x.ndim)
    return shaped(row, *x.shape[1:])


S0 = LEAVES[0]
STEPS = [
    _unary,
    _binary,
    _with_number,
    _power,
    _chosen,
    _cast,
    _spread,
    _shaped,
    _transposed,
    _cut,
    _written,
    _placed,
    _joined,
    _total,
    _product,
    _element,
]


SPECIAL = [0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 5e-324, -2.5e-310, 1.7e308, -1.7e308, 0.1, -3.7, 1e-17]


def same_bits(a: Any, b: Any) -> bool:
    """Equal numbers, zeros with their signs; all NaN are the same."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype.kind == "c":
        return same_bits(a.real, b.real) and same_bits(a.imag, b.imag)
    signs = np.signbit(a) == np.signbit(b) if a.dtype.kind == "f" else True
    return bool(np.all(((a == b) & signs) | ((a != a) & (b != b))))


def patterns_in(pattern: Pattern) -> set[str]:
    own = {pattern.op.name if pattern.op else pattern.name or str(pattern.value)}
    return own.union(*map(patterns_in, pattern.args))


#: powers are NumPy's shortcuts, what is logical is no arithmetic, and zeros are left out of sums of cotangents
_OTHER = {"power", "logical_not", "bitwise_or", "accumulate", "True", "False"}
RULES = [rule for rules in algebra().values() for rule in rules if not patterns_in(rule.before) & _OTHER]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.before} -> {rule.after}")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_rules_keep_every_bit(rule: Rule) -> None:
    reals = np.array([*itertools.product(SPECIAL, SPECIAL)]).T
    z = reals[0] + 0j
    z.imag = reals[1]
    pairs = np.array([*itertools.product(z[::6], z[::5])]).T
    whole = np.array([*itertools.product(range(-5, 6), range(-5, 6))]).T
    rows = patterns_in(rule.before)
    for x, y in (reals, reals.astype(np.float32), pairs, whole):
        if (x.dtype.kind == "c" and rows & {"maximum", "minimum"}) or (
            x.dtype.kind == "i" and rows & {"divide", "reciprocal"}
        ):
            continue
        type_ = ArrayType(x.shape, x.dtype)
        found = {"x": new_input(type_, "x"), "y": new_input(type_, "y"), "z": new_input(type_, "z")}
        found["c"] = new_input(ArrayType(x.shape, np.dtype(bool)), "c")
        before = build(rule.before, found, type_)
        after = rule(before)
        if after is not None:
            args = [x, y, x[::-1], x > 0]
            old, new = interpret(Graph(tuple(found.values()), (before, after)), args)
            assert same_bits(old, new), rule


EXACT = [_sign, _binary, _with_number, _chosen, _spread, _shaped, _transposed, _cut, _written, _placed, _joined]
EXTREMES = [np.resize(np.random.default_rng(k).permutation(SPECIAL), shape) for k, shape in enumerate(SHAPES)]


@settings(max_examples=150, deadline=None)
@given(graphs(EXACT))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_random_graphs_keep_every_bit_where_nothing_is_summed(graph: Graph) -> None:
    simple = finish(graph)
    for found, expected in zip(interpret(simple, EXTREMES), interpret(graph, EXTREMES)):
        assert same_bits(found, expected)


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_random_graphs_keep_their_values(graph: Graph) -> None:
    verify(graph)
    simple = finish(graph)
    verify(simple)
    assert [node.type for node in simple.outputs] == [node.type for node in graph.outputs]
    for found, expected in zip(interpret(simple, VALUES), interpret(graph, VALUES)):
        scale = np.abs(expected[np.isfinite(expected)]).max(initial=1.0)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * scale)
    assert finish(simple).outputs == simple.outputs  # nothing is left to do
