"""Names and objects under conditions that are known only when the program runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from srcgrad.core.errors import TraceError
from tests.interpreted import run
from tests.staged import ARGUMENTS, agrees


def write_or_rebind(x, y, p, n):
    z = x * 1.0
    if p > 0:
        z[0] = 5.0
    else:
        z = z * 2
    return z * y


def augmented_or_rebind(x, y, p, n):
    if p > 0:
        x += y
    else:
        x = x * y
    return x.sum()


def rebind_or_write_argument(x, y, p, n):
    if p > 0:
        x = y * 2
    else:
        x[1:] = p * y[1:]
    x[0] = 3.0
    return x * p


def in_elif(x, y, p, n):
    z = x * p
    if p > 2:
        z[0] = 5.0
    elif p > 0:
        z[1] = p
        z = z + 1
    elif p > -1:
        z = y
    else:
        z -= y
    return z


def write_then_rebind(x, y, p, n):
    if p > 0:
        x[0] = 7.0 * p
        x = x * 2
        x[1] = 1.0
    return x


def in_dict(x, y, p, n):
    d = {"a": x * 1.0, "b": y}
    if p > 0:
        d["a"][0] = 5.0
        d["b"] = d["a"]
    else:
        d["a"] = d["a"] * 2
    d["b"][1] = p
    return d["a"] + d["b"]


class Holder:
    def __init__(self, value):
        self.value = value
        self.count = 0


def in_attribute(x, y, p, n):
    h = Holder(x)
    if p > 0:
        h.value[0] += 5.0 * p
        h.count += 1
    else:
        h.value = y
    h.value *= 2
    return h.value + h.count


def in_list(x, y, p, n):
    items = [x, y * p]
    if p > 0:
        items[0][0] = 5.0
    else:
        items[0] = items[1]
    items[0] += 1
    return items[0] - items[1]


@dataclass
class State:
    position: np.ndarray
    speed: np.ndarray


def in_dataclass(x, y, p, n):
    s = State(x, y)
    if p > 0:
        s.position, s.speed = s.speed, s.position
    s.position[0] = 4.0 * p
    s.speed += 1
    return s.position * s.speed


def nested_branches(x, y, p, n):
    z = x
    if p > 0:
        if n > 2:
            z = y
        else:
            z[0] = 1.0
    else:
        z = z + y
    z[1] = p
    return z


def alias_expression(x, y, p, n):
    c = x if p > 0 else y
    c[0] = 77.0 * p
    return x.sum() * y.sum() + c.sum()


def alias_statement(x, y, p, n):
    best = y * 1.0
    cur = x * 1.0
    if p > 0:
        best = cur
    cur[0] += p
    best[1] *= 2
    return best * cur


def alias_both_directions(x, y, p, n):
    c = x
    if p > 0:
        c = y
    x[0] = 3 * p
    y[0] = 4 * p
    c[0] += 1
    c += x
    return c.sum() + y.sum()


def alias_of_view(x, y, p, n):
    z = x[1:] if p > 0 else x[:-1]
    z[0] = 100.0 * p
    z *= 2
    return z.sum()


def alias_view_or_fresh(x, y, p, n):
    z = x[::2] if p > 0 else y[::2] * 2
    z += 1
    x[0] += 1
    return z * p


def view_of_selected(x, y, p, n):
    c = x if p > 0 else y
    tail = c[1:]
    tail *= p
    row = c.reshape(2, -1)[1]
    row += x[:2]
    return tail.sum() + c[0]


def selected_twice(x, y, p, n):
    c = x if p > 0 else y
    d = c if n > 2 else x
    d[0] = 5.0
    c[1] = p
    return d * c


def rotating(x, y, p, n):
    a, b = x, y
    if p > 0:
        a, b = b, a
    a[0] = p
    b[1] = a[0] * 2
    a += b
    return a - 2 * b


def swap_or_not_then_copy(x, y, p, n):
    a, b = (x, y) if p > 0 else (y, x)
    a[:] = b * p
    return a + b


def helper_chooses(x, y, p, n):
    def choose(a, b):
        if p > 0:
            return a
        return b

    c = choose(x, y)
    c *= 2
    return c.sum()


def helper_writes(x, y, p, n):
    def change(a):
        if p > 0:
            a[0] = p
            return a
        a = a * 3
        a[1] = 2.0
        return a

    z = change(x)
    z[0] += 1
    return z


def closure_rebinds(x, y, p, n):
    z = x

    def use(other):
        nonlocal z
        z = other

    if p > 0:
        use(y)
    z[0] = 9.0 * p
    return z.sum() + x.sum()


def broken_alias(x, y, p, n):
    a = x
    b = a
    if p > 0:
        a = a + y
    a[0] = 6.0
    b[1] = 2 * p
    return a * b


def subscripts_augmented(x, y, p, n):
    m = np.outer(x, y)
    if p > 0:
        m[0] += y
        m[:, 1] *= 2
    else:
        m[1, 1] -= 5
        m = m.T
    m[0, 1] += 1
    return m


def comprehension_in_branch(x, y, p, n):
    if p > 0:
        items = [x * k for k in range(3)]
    else:
        items = [y, y + 1, x]
    items[0] = items[0] + 1
    return items[0] + items[1] + items[2]


def generator(x, y, p, n):
    def values():
        yield x
        yield y * p

    total = 0.0
    for value in values():
        value[0] = 1.0
        total = total + value.sum()
    return total


def tuple_of_arrays(x, y, p, n):
    pair = (x, y)
    if p > 0:
        pair = (y, x * 1.0)
    pair[0][0] = 5.0
    pair[1][1] = p
    return pair[0] * pair[1]


def starred(x, y, p, n):
    first, *rest = (x, y, x * p) if p > 0 else (y, x, y * p)
    first[0] = 3.0
    rest[0][1] = 4.0
    rest[1][2] = 5.0
    return first + rest[0] + rest[1]


def in_place_function(x, y, p, n):
    c = x if p > 0 else y
    np.add(c, 1, out=c)
    np.copyto(c[1:], p)
    c.fill(3.0) if p > 1 else None
    return c * 1.0


def scalar_branches(x, y, p, n):
    a = p
    if p > 0:
        a += 1
        b = a * 2
    else:
        b = a
        a = -a
    return a * x + b * y


def matrix_rows(x, y, p, n):
    m = np.outer(x, y)
    for i in range(4):
        row = m[i] if p > 0 else m[:, i]
        row += i
        row[0] = p
    return m


def shared_fresh(x, y, p, n):
    if p > 0:
        u = x * 2
        v = u
    else:
        u = y
        v = x + 1
    u[0] = 5.0 * p
    v[1] *= 3
    return u * v


def view_of_fresh(x, y, p, n):
    if p > 0:
        m = x * 2
        v = m[1:]
    else:
        m = y
        v = x[:-1]
    v[0] = 5.0 * p
    m[2] += 1
    return m.sum() * v


def nested_choice(x, y, p, n):
    c = x if p > 0 else (y if n > 2 else x * y)
    d = c if n > 1 else y
    c[0] = 5.0 * p
    d += x
    return c + d


def view_at_an_index(x, y, p, n):
    m = np.outer(x, y)
    row = m[n] if n < 4 else m[0]
    row[1] = 7.0 * p
    return m * row


def choice_written_in_a_branch(x, y, p, n):
    c = x if p > 0 else y
    if n > 2:
        c[0] = 3.0
        x[1] = p
    else:
        c = c * 2
    c[1] += 1
    return c + x - y


PROGRAMS = (
    write_or_rebind,
    augmented_or_rebind,
    rebind_or_write_argument,
    in_elif,
    write_then_rebind,
    in_dict,
    in_attribute,
    in_list,
    in_dataclass,
    nested_branches,
    alias_expression,
    alias_statement,
    alias_both_directions,
    alias_of_view,
    alias_view_or_fresh,
    view_of_selected,
    selected_twice,
    rotating,
    swap_or_not_then_copy,
    helper_chooses,
    helper_writes,
    closure_rebinds,
    broken_alias,
    subscripts_augmented,
    comprehension_in_branch,
    generator,
    tuple_of_arrays,
    starred,
    in_place_function,
    scalar_branches,
    matrix_rows,
    shared_fresh,
    view_of_fresh,
    nested_choice,
    view_at_an_index,
    choice_written_in_a_branch,
)


@pytest.mark.parametrize(("p", "n"), ARGUMENTS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_do_what_python_does(program, p, n):
    agrees(program, p, n)


def test_what_is_chosen_of_two_dtypes_is_not_written():
    def program(x, p):
        counts = np.zeros(4, np.int64)
        chosen = x if p > 0 else counts
        chosen[0] = 1
        return chosen + counts

    with pytest.raises(TraceError, match=r"test_staging_model.py:\d+: .* give both one dtype"):
        run(program, np.ones(4), 1.0)
