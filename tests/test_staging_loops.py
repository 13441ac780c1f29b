"""Native loops: a traced function computes what Python computes, and its gradient is the derivative."""

from __future__ import annotations

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.errors import TraceError
from srcgrad.core.settings import override
from tests.interpreted import gradient, interpreter, run
from tests.staged import X, gradient_is_right, regions, same_as_python

# loops


def early_return(x):
    for i in range(20):
        if x[i] > 0.7:
            return x[i] * i
    return 0.0


def skips(x):
    total = 0.0
    for v in x:
        if v < 0.5:
            continue
        total += v * v
    total *= 2
    return total


def breaks(x):
    total = 0.0
    for i, v in enumerate(x):
        total += i * v
        if total > 5:
            break
    else:
        total = -1.0
    return total


def swaps(x):
    a, b = x.copy(), np.zeros_like(x)
    for _ in range(21):
        b[1:-1] = 0.5 * (a[:-2] + a[2:])
        a, b = b, a
    return a, b


def rotates(x):
    before, now = x, 0.9 * x
    for _ in range(30):
        before, now = now, 1.8 * now - 0.9 * before
    return now


def zips(x):
    total = 0.0
    for a, (b, c) in zip(x, zip(x[::-1], reversed(x))):
        total += a * b + c
    return total


def triangular(x):
    out = np.zeros(20)
    for i in range(20):
        for j in range(i, -1, -2):
            out[i] += x[j] * x[i - j]
    return out


def grows(x):
    found = []
    for i in range(20):
        found.append(x[i] * i)  # noqa: PERF401
    return np.array(found)


def first_differs(x):
    previous = None
    for v in x:
        if previous is None:
            previous = v
        previous = 0.5 * previous + v * v
    return previous


def assigned_inside(x):
    for i in range(20):
        last = x[i] * i
    return last, i


def state(x):
    memory = {"h": np.zeros(3), "n": 0}
    for t in range(20):
        memory["h"] = np.tanh(memory["h"] + x[t])
        memory["n"] += 1  # type: ignore[operator]
    return memory


def counts(x):
    t, y = 0.0, x
    while t < 1.0:
        y = y - 0.02 * y * y
        t += 0.02
    return y


def two_flags(x):
    total = 0.0
    for i in range(20):
        for j in range(20):
            if j > i:
                break
            if x[i] * x[j] > 0.5:
                continue
            total += x[i] * x[j]
        if total > 3:
            return total * 2
    return total


def views(x):
    table = np.zeros((4, 6))
    row = table[1]
    for t in range(24):
        row[t % 6] += x[t]
        table[2, 1:] = row[:-1]
    return table


def accumulates(x):
    total, seen = 0.0, np.zeros(3)

    def add(k, v):
        nonlocal total
        if v > 0.3:
            total = total + v
        seen[k % 3] += v

    for i in range(20):
        add(i, x[i])
    return total, seen


class Counter:
    def __init__(self):
        self.h, self.n = np.zeros(3), 0

    def step(self, x):
        self.h = np.tanh(self.h + x)
        self.n += 1


def objects(x):
    counter = Counter()
    for t in range(20):
        counter.step(x[t])
    return counter.h, counter.n


def guarded_by_try(x):
    total = 0.0
    for i in range(20):
        try:
            if x[i] > 0.5:
                continue
            total += x[i]
        finally:
            total += 1
    return total


def named_in_test(x):
    total, i = 0.0, 0
    while (v := x[i]) < 0.8:
        total += v
        i += 1
    return total + v


LOOPS = [
    accumulates,
    objects,
    guarded_by_try,
    early_return,
    skips,
    breaks,
    swaps,
    rotates,
    zips,
    triangular,
    grows,
    first_differs,
    assigned_inside,
    state,
    counts,
    two_flags,
    views,
]


@pytest.mark.parametrize("function", LOOPS)
def test_loops(function):
    same_as_python(function, X)
    gradient_is_right(function, X)


def test_short_loops_unroll_and_long_ones_do_not():
    def power(x, n):
        for _ in range(n):
            x = x * x
        return x

    assert regions(power, 1.0, 3) == ["loop"]
    assert regions(lambda x: power(x, 3), 1.0) == []
    assert regions(lambda x: power(x, 50), 1.0) == ["loop"]


def test_loops_over_plain_numbers_are_run():
    def taylor(x):
        terms, factor = [], 1
        for k in range(1, 20):
            factor *= k
            terms.append(1 / factor)
        total = 0.0
        for k in range(len(terms)):
            total += terms[k] * x ** (k + 1)
        return total

    same_as_python(taylor, np.array(0.3))


def test_mutated_arguments_are_written_back():
    def smooth(a, b):
        for _ in range(31):
            b[1:-1] = (a[:-2] + a[2:]) / 2
            a, b = b, a

    a, b = X.copy(), np.zeros_like(X)
    c, d = X.copy(), np.zeros_like(X)
    smooth(a, b)
    with interpreter():
        sg.jit(smooth)(c, d)
    np.testing.assert_allclose(c, a)
    np.testing.assert_allclose(d, b)


def until_settled(a, b):
    change, n = 1.0, 0
    while change > 1e-2:
        b[1:-1] = 0.5 * (a[:-2] + a[2:])
        b[0] = b[-1] = 0.0
        change = np.max(np.abs(a - b))
        a, b = b, a
        n += 1
    return a, n


@pytest.mark.parametrize("size", [5, 6, 9, 10, 14])
def test_arrays_that_a_while_swaps_are_written_back(size):
    a, b = X[:size].copy(), np.zeros(size)
    c, d = X[:size].copy(), np.zeros(size)
    expected = until_settled(a, b)
    with interpreter():
        found = sg.jit(until_settled)(c, d)
    for one, other in zip([c, d, *found], [a, b, *expected]):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_value_that_changes_its_shape_is_named():
    def doubles(x):
        total = x[:1]
        for i in range(17):
            total = np.concatenate([total, total + i])
        return total

    with override(unroll_operations=20), pytest.raises(TraceError) as raised:
        run(doubles, X)
    message = str(raised.value)
    assert "total" in message
    assert "float64[2]" in message
    assert "float64[4]" in message


# while


def newton(x):
    y = x
    for _ in range(100):
        residual = y**3 - x
        if abs(residual) < 1e-12:
            break
        y = y - residual / (3 * y * y)
    return y


def test_newton_by_a_loop_with_break_has_a_gradient():
    same_as_python(newton, np.float64(3.0))
    gradient_is_right(newton, np.float64(3.0))


def bisection(x):
    low, high = 0, len(x)
    while low < high:
        middle = (low + high) // 2
        if x[middle] < 0.8:
            low = middle + 1
        else:
            high = middle
    return low


def escapes(x):
    counts = np.zeros(len(x))
    for i in range(len(x)):
        z, n = 0.0, 0
        while True:
            z = z * z + x[i]
            n += 1
            if z > 2 or n >= 30:
                break
        counts[i] = n
    return counts


@pytest.mark.parametrize("function", [bisection, escapes, named_in_test])
def test_while(function):
    same_as_python(function, X)


# what it is compiled to


def gauss_seidel(a):
    for _ in range(20):
        for i in range(1, a.shape[0] - 1):
            for j in range(1, a.shape[1] - 1):
                a[i, j] = (a[i - 1, j] + a[i + 1, j] + a[i, j - 1] + a[i, j + 1]) / 4
    return np.sum(a)


def sparse_updates(a):
    total = 0.0
    for i in range(30):
        if a[i % 5] > 0.3:
            a[i % 5] = 0.5 * a[(i + 1) % 5] * a[i % 5]
        else:
            total += a[i % 5]
    return total + np.sum(a * a)


def writes_after_reads(a):
    b = np.zeros_like(a)
    for i in range(1, len(a)):
        before = a[1:] * 2
        a[i] = a[i - 1] + before[i - 1]
        b[1:] = a[:-1]
        b[:-1] = b[1:]
    return np.sum(np.sin(b) * a)


@pytest.mark.parametrize(
    ("function", "shape"), [(gauss_seidel, (12, 9)), (sparse_updates, (5,)), (writes_after_reads, (18,))]
)
def test_element_loops_are_compiled_in_place(function, shape):
    x = np.random.default_rng(1).random(shape)
    np.testing.assert_allclose(sg.jit(function)(x.copy()), function(x.copy()), rtol=1e-10)
    np.testing.assert_allclose(sg.grad(function)(x), gradient(function, x), rtol=1e-9, atol=1e-12)


def test_an_element_is_written_without_copying_the_array():
    x = np.random.default_rng(1).random((100, 90))
    for transformed in (sg.jit(gauss_seidel), sg.grad(gauss_seidel)):
        transformed.specialise(x)
        source = sg.source(transformed, x, form="machine")
        sweeps = "range(20)" if "range(20)" in source else "range(19, -1, -1)"
        inner = source[source.index(sweeps) :].split("\n\n")[0].split("total = 0.0")[0]
        assert "range(100)" not in inner
        assert "range(0, 97, 4)" not in inner


def else_that_jumps(x):
    for i in range(30):
        if x[i % 24] * i > 1e7:
            break
    else:
        return i + x[1]
    return i * x[0]


def target_after_break(x):
    for v in x:
        if v > 0.8:
            break
    return 3 * v


@pytest.mark.parametrize("function", [else_that_jumps, target_after_break])
def test_what_is_left_when_a_loop_ends(function):
    same_as_python(function, X)
    gradient_is_right(function, X)
