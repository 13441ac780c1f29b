"""Generators, and assignments inside of expressions."""

from __future__ import annotations

import numpy as np
import pytest

from srcgrad.core.settings import override
from tests.staged import ARGUMENTS, agrees


def conditional_in_a_generator(x, y, p, n):
    def values(b):
        for k in range(3):
            yield (b if p > k else -b)

    total = 0.0
    for value in values(x):
        total = total + value
    return total


def generator_that_writes(x, y, p, n):
    def values():
        for k in range(3):
            x[k] += 1
            yield x[k]

    total = 0.0
    for value in values():
        if value > p * 2:
            break
        total = total + value
    return total


def branches_between_yields(x, y, p, n):
    def values(z):
        s = z * 1
        for k in range(20):
            if k == 5:
                continue
            s = s * 0.9
        yield s
        if p > 0:
            s = s + 1
        else:
            s[0] = 4
        yield s
        for k in range(4):
            if k == 2:
                return
            yield s * k

    return sum(values(x))


def generator_expressions(x, y, p, n):
    return sum(v if p > 0 else v * 2 for v in (a * x for a in range(3)))


def delegation(x, y, p, n):
    def inner():
        yield x
        return y * 2

    def outer():
        value = yield from inner()
        yield value if p > 0 else x

    a, b = outer()
    return a * b


def counted_pairs(x, y, p, n):
    def pairs():
        i = 0
        while i < 3:
            yield i, x[i]
            i += 1

    out = np.zeros(3)
    for i, value in pairs():
        out[i] = value * p
    return out


def recursive_generator(x, y, p, n):
    def walk(depth):
        if depth == 0:
            return
        yield x * depth
        yield from walk(depth - 1)

    return sum(walk(3)) * p


def walrus_in_an_expression(x, y, p, n):
    z = (a := x * 2) if p > 0 else (a := y * 3)
    a[0] = 4.0
    return z + a


def walrus_in_and(x, y, p, n):
    total = p * x
    s = 5.0
    if p > 0 and (s := x[0] * 1.0) > 0.1 and (r := s * 2) > 0:
        return s * 2 + r * total
    return total * s


def walrus_in_a_comprehension(x, y, p, n):
    rows = [(w := value * 2) + w for value in (x, x + 1)]
    return rows[0] * p + w


def walrus_in_while(x, y, p, n):
    total = 0.5
    while total < 9 and (step := total * 0.3 + 1) > 0:
        total = total + step * x[0]
    return total * p


PROGRAMS = (
    conditional_in_a_generator,
    generator_that_writes,
    branches_between_yields,
    generator_expressions,
    delegation,
    counted_pairs,
    recursive_generator,
    walrus_in_an_expression,
    walrus_in_and,
    walrus_in_a_comprehension,
    walrus_in_while,
)


@pytest.mark.parametrize("unrolled", [0, 16])
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_do_what_python_does(program, unrolled):
    for p, n in ARGUMENTS:
        with override(unroll_loops=unrolled):
            agrees(program, p, n)
