"""Control flow: the same results traced and untraced, carried types, what bodies may read and write, errors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import srcgrad as sg
import srcgrad.numpy as snp
from srcgrad.core.errors import ArgumentError, ArgumentValueError, TraceError
from tests.interpreted import gradient, run


class Point(NamedTuple):
    x: Any
    y: Any


def same(function: Any, *args: Any) -> Any:
    """The result, which has to be the same for a traced and for a plain call."""
    plain, traced = function(*args), run(function, *args)
    for a, b in zip(sg.tree.leaves(plain), sg.tree.leaves(traced), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-14)
        assert np.asarray(a).dtype == np.asarray(b).dtype
    return traced


# fori_loop


def test_fori_loop_counts_from_lower_to_upper() -> None:
    assert same(lambda x: sg.fori_loop(2, 5, lambda i, c: c * 10 + i, x), 0) == 234


@pytest.mark.parametrize(("lower", "upper"), [(0, 0), (3, 3), (4, 1)])
def test_an_empty_range_gives_the_initial_value(lower: int, upper: int) -> None:
    assert same(lambda x: sg.fori_loop(lower, upper, lambda i, c: c * 2.0, x), 3.0) == 3.0


def test_bounds_may_be_traced() -> None:
    assert same(lambda a, b: sg.fori_loop(a, b, lambda i, c: c + i, 0), 3, 6) == 3 + 4 + 5
    assert same(lambda a, b: sg.fori_loop(a, b, lambda i, c: c + i, 0), 6, 3) == 0


def test_a_bound_computed_from_shapes_is_static() -> None:
    def total(x: Any) -> Any:
        return sg.fori_loop(0, x.shape[0], lambda i, c: c + np.sin(x[i]), 0.0)

    x = np.arange(4.0)
    np.testing.assert_allclose(gradient(total, x), np.cos(x))


def test_carries_are_pytrees() -> None:
    def step(i: Any, carry: Any) -> Any:
        return {"p": Point(carry["p"].y, carry["p"].x + 1.0), "n": [carry["n"][0] + i], "none": None}

    def loop(x: Any) -> Any:
        return sg.fori_loop(0, 3, step, {"p": Point(x, x * 2.0), "n": [0], "none": None})

    found = same(loop, 1.0)
    assert found["p"] == Point(3.0, 3.0)
    assert found["n"] == [3]


def test_the_index_is_a_python_number_to_promotion() -> None:
    def scaled(x: Any) -> Any:
        return sg.fori_loop(0, 3, lambda i, c: c * i + 1, x)

    assert same(scaled, np.ones(2, np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("init", "body", "dtype"),
    [
        (0, lambda i, c: c + 1, np.int64),
        (0, lambda i, c: c + 0.5, np.float64),
        (0, lambda i, c: c + np.float32(0.5), np.float32),
        (0.0, lambda i, c: c + np.float32(0.5), np.float32),
        (np.float32(0), lambda i, c: c + 0.5, np.float32),
        (np.float32(0), lambda i, c: 1.0, np.float32),
        (False, lambda i, c: c + 1, np.int64),
    ],
)
def test_python_numbers_give_way_to_what_the_body_makes_of_them(init: Any, body: Any, dtype: Any) -> None:
    assert np.asarray(run(lambda x: (sg.fori_loop(0, 3, body, init), x)[0], 1.0)).dtype == dtype


def test_init_is_not_written() -> None:
    def loop(x: Any) -> Any:
        def body(i: Any, c: Any) -> Any:
            c[i] = i
            return c

        return x, sg.fori_loop(0, 3, body, x)

    before, after = same(loop, np.full(3, 7.0))
    assert before.tolist() == [7, 7, 7]
    assert after.tolist() == [0, 1, 2]


def test_a_body_reads_what_is_around_it() -> None:
    def loop(w: Any, x: Any) -> Any:
        scale = np.exp(w)
        return sg.fori_loop(0, 2, lambda i, c: c * scale + x[i], 1.0)

    found = same(loop, 0.1, np.array([1.0, 2.0]))
    assert found == pytest.approx((np.exp(0.1) + 1) * np.exp(0.1) + 2)


def test_a_deep_nest() -> None:
    def nest(x: Any) -> Any:
        def outer(i: Any, a: Any) -> Any:
            return sg.fori_loop(i, 3, lambda j, b: sg.cond(j > i, lambda c: c * x, lambda c: c + j, b), a)

        return sg.fori_loop(0, 3, outer, x)

    same(nest, 1.5)


# scan


def test_scan_stacks_results_in_the_order_of_its_inputs() -> None:
    def sums(x: Any, reverse: bool) -> Any:
        return sg.scan(lambda c, row: (c + row["a"], (c, row["b"] * 2)), 0.0, {"a": x, "b": x + 1}, reverse=reverse)

    x = np.array([1.0, 2.0, 4.0])
    last, (before, doubled) = same(lambda x: sums(x, False), x)
    assert (last, before.tolist(), doubled.tolist()) == (7.0, [0, 1, 3], [4, 6, 10])
    last, (before, doubled) = same(lambda x: sums(x, True), x)
    assert (last, before.tolist(), doubled.tolist()) == (7.0, [6, 4, 0], [4, 6, 10])


def test_scan_without_inputs_takes_a_length() -> None:
    last, powers = same(lambda x: sg.scan(lambda c, _: (c * x, c), 1.0, length=4), 2.0)
    assert (last, powers.tolist()) == (16.0, [1, 2, 4, 8])


def test_scan_over_nothing_is_empty_where_it_is_traced() -> None:
    last, rows = run(lambda x: sg.scan(lambda c, row: (c + row.sum(), row * 2), 0.0, x), np.zeros((0, 3)))
    assert last == 0.0
    assert rows.shape == (0, 3)


def test_scan_gradient_in_the_inputs() -> None:
    def weighted(x: Any) -> Any:
        return sg.scan(lambda c, v: (0.5 * c + v * v, None), 0.0, x)[0]

    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(gradient(weighted, x), 2 * x * [0.25, 0.5, 1.0])


# while_loop and cond


def test_while_loop_runs_until_the_condition_fails() -> None:
    def collatz(n: Any) -> Any:
        step = lambda s: (np.where(s[0] % 2 == 0, s[0] // 2, 3 * s[0] + 1), s[1] + 1)  # noqa: E731
        return sg.while_loop(lambda s: s[0] != 1, step, (n, 0))[1]

    assert same(collatz, np.int64(6)) == 8


def test_cond_runs_one_branch() -> None:
    def clipped(x: Any) -> Any:
        return sg.cond(x.sum() > 0, lambda a, b: {"r": a + b}, lambda a, b: {"r": a * 2.0}, x, 1.0)

    assert same(clipped, np.array([1.0, 2.0]))["r"].tolist() == [2, 3]
    assert same(clipped, np.array([-1.0, -2.0]))["r"].tolist() == [-2, -4]


def test_cond_promotes_what_the_branches_return() -> None:
    found = run(lambda x: sg.cond(x > 0, lambda: np.float32(1), lambda: 2), 1.0)
    assert found.dtype == np.float32


def test_a_branch_may_write_its_operand() -> None:
    def zeroed(x: Any, flag: Any) -> Any:
        def zero(a: Any) -> Any:
            a[0] = 0.0
            return a.sum()

        y = snp.array(x)
        total = sg.cond(flag, zero, lambda a: a.sum() * 1.0, y)
        return total, y

    for flag in (True, False):
        total, y = run(zeroed, np.ones(3), flag)
        assert (total, y.tolist()) == ((2.0, [0, 1, 1]) if flag else (3.0, [1, 1, 1]))


def test_gradient_through_cond_follows_the_branch_taken() -> None:
    def piecewise(x: Any, y: Any) -> Any:
        return sg.cond(x > y, lambda: x * x * y, lambda: np.sin(x))

    assert gradient(piecewise, 3.0, 2.0) == 12.0
    assert gradient(piecewise, 1.0, 2.0) == np.cos(1.0)


# errors: what, where, what to do instead


def bad_structure(x: Any) -> Any:
    return sg.fori_loop(0, 3, lambda i, c: (c[0],), (x, x))


def bad_shape(x: Any) -> Any:
    return sg.fori_loop(0, 3, lambda i, c: {"w": c["w"] * np.ones(3)}, {"w": x})


def bad_dtype(x: Any) -> Any:
    return sg.fori_loop(0, 3, lambda i, c: c.astype(np.float32), x * np.ones(2))


def bad_write(x: Any) -> Any:
    total = snp.zeros(3) + x

    def body(i: Any, c: Any) -> Any:
        total[0] += c
        return c

    return sg.fori_loop(0, 3, body, x)


def bad_pair(x: Any) -> Any:
    return sg.scan(lambda c, v: c, x, np.zeros(3))


def bad_lengths(x: Any) -> Any:
    return sg.scan(lambda c, v: (c, None), x, {"a": np.zeros(3), "b": np.zeros(4)})


def bad_branches(x: Any) -> Any:
    return sg.cond(x > 0, lambda: (x, x), lambda: x)


def bad_branch_shapes(x: Any) -> Any:
    return sg.cond(x > 0, lambda: x, lambda: x * np.ones(2))


def bad_predicate(x: Any) -> Any:
    return sg.cond(x * np.ones(2) > 0, lambda: x, lambda: x)


def bad_condition(x: Any) -> Any:
    return sg.while_loop(lambda c: c, lambda c: c, x)


def bad_bound(x: Any) -> Any:
    return sg.fori_loop(0, x, lambda i, c: c, 1.0)


def bad_init(x: Any) -> Any:
    return sg.fori_loop(0, 3, lambda i, c: c, {"name": "adam"})


@pytest.mark.parametrize(
    ("function", "kind", "texts"),
    [
        (bad_structure, TraceError, ["fori_loop", "tuple(*)", "tuple(*, *)", "return the same"]),
        (bad_shape, TraceError, ["carry['w']", "float64[]", "float64[3]", "start with an array of that shape"]),
        (bad_dtype, TraceError, ["float64[2]", "float32[2]", ".astype"]),
        (bad_write, TraceError, ["writes into total", "make it part of the carried value"]),
        (bad_pair, TraceError, ["scan", "pair (carry, y)"]),
        (bad_lengths, ArgumentValueError, ["xs['a']: 3", "xs['b']: 4"]),
        (bad_branches, TraceError, ["tuple(*, *)", "return the same"]),
        (bad_branch_shapes, TraceError, ["float64[]", "float64[2]", "same shape"]),
        (bad_predicate, ArgumentError, ["shape (2,)", ".any() or .all()"]),
        (bad_condition, TraceError, ["must return one bool", "float64[]"]),
        (bad_bound, ArgumentError, ["upper", "float64[]", "not an integer"]),
        (bad_init, ArgumentError, ["init['name']", "str"]),
    ],
)
def test_mistakes_are_named_with_their_line_and_cure(function: Any, kind: Any, texts: list[str]) -> None:
    with pytest.raises(kind) as caught:
        run(function, 1.0)
    for text in ["test_control.py:", *texts]:
        assert text in str(caught.value)


def test_plain_loops_check_carries_too() -> None:
    with pytest.raises(TraceError, match=r"carries carry\['w'\]"):
        bad_shape(np.float64(1.0))
    with pytest.raises(TraceError, match="return the same"):
        bad_structure(1.0)
