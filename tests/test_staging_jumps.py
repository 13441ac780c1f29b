"""Jumps, the `else` of loops, and variables without a value: a traced function does what Python does."""

# ruff: noqa: B007, B018, F821, F841, PLW0120  (the programs are what users may write)
# mypy: disable-error-code="has-type, used-before-def"

from __future__ import annotations

import re

import numpy as np
import pytest

import srcgrad as sg
from tests.interpreted import interpreter
from tests.staged import ARGUMENTS, agrees


def for_else(x, y, p, n):
    total = 0.0
    for i in range(3):
        total = total + x[i]
    else:
        total = total * 10
    return total


def for_else_long(x, y, p, n):
    total = 0.0
    for i in range(30):
        total = total + x[0] * i
    else:
        total = total * 10
        y[0] = total
    return total


def for_else_run_time(x, y, p, n):
    for i in range(n):
        x = x * p
    else:
        x = x + 1
    return x


def while_else(x, y, p, n):
    s = x.sum()
    while s < 10 * p:
        s = s * 2 + 1
    else:
        s = -s
    return s


def while_else_known(x, y, p, n):
    k = 0
    while k < 4:
        k += 1
    else:
        k = 10
    return x * k


def for_else_break(x, y, p, n):
    for i in range(4):
        if x[i] > p:
            x[0] = 9.0
            break
    else:
        x = x * 2
    return x


def for_else_continue(x, y, p, n):
    total = p
    for i in range(20):
        if i % 3 == 0:
            continue
        total = total + i * x[0]
    else:
        total = -total
    return total


def loop_under_if(x, y, p, n):
    total = 0.0
    if p > 0:
        for i in range(20):
            if i > n:
                break
            total = total + x[0] * i
        for j in range(4):
            if j == 1:
                continue
            total = total + y[j]
    return total


def loop_under_plain_if(x, y, p, n, flag=True):
    total = 0.0
    if flag:
        k = 0
        while True:
            k += 1
            if k > 5:
                break
            if k % 2:
                continue
            total = total + x[0] * k
    return total * p


def loop_under_with(x, y, p, n):
    total = 0.0
    with np.errstate(all="ignore"):
        for i in range(20):
            if x[0] * i > p:
                break
            total = total + x[0] * i
    return total


def loop_under_try(x, y, p, n):
    total = 0.0
    try:
        for i in range(20):
            if x[0] * i > p:
                break
            if i == 2:
                continue
            total = total + x[0] * i
    finally:
        total = total + 1
    return total


def loop_in_handler(x, y, p, n):
    total = p
    try:
        np.array(["a"])[0].missing
    except AttributeError:
        for i in range(5):
            if i == 3:
                break
            total = total + x[0]
    return total


def loop_in_match(x, y, p, n, kind="a"):
    total = p
    match kind:
        case "a":
            for i in range(5):
                if i == 3:
                    break
                total = total + x[0]
        case _:
            total = total * 2
    return total


def return_in_loops(x, y, p, n):
    for i in range(20):
        for j in range(4):
            if x[j] * i > p:
                return x[j] + i
    return p


def return_under_with(x, y, p, n):
    with np.errstate(all="ignore"):
        if p > 0:
            x[0] = 3.0
            return x * 2
    return y


def return_in_try_finally(x, y, p, n):
    try:
        if p > 0:
            return x * 2
        y[0] = 1.0
    finally:
        x[1] = 4.0
    return y


def break_in_finally_block(x, y, p, n):
    total = 0.0
    for i in range(20):
        try:
            if x[0] * i > p:
                break
            total = total + 1.0
        finally:
            y[0] += 1.0
    return total * y


def nested_else(x, y, p, n):
    total = 0.0
    for i in range(3):
        for j in range(4):
            if x[j] > p:
                break
        else:
            continue
        total = total + i + x[0]
        break
    else:
        total = total - 100.0
    return total


def return_from_else(x, y, p, n):
    for i in range(4):
        if x[i] > p:
            break
    else:
        return x * 3
    return x - i


def loop_variable_after(x, y, p, n):
    for i in range(25):
        x[0] += 0.1
    return x * i


def walrus(x, y, p, n):
    total = 0.0
    if (s := x.sum()) > p:
        total = s
    while (k := total) < 20 * p:
        total = total + 1 + k * 0.5
    return total + k


def deleted(x, y, p, n):
    z = x * 2
    if p > 0:
        w = z
        del z
        z = w + 1
    return z


PROGRAMS = (
    for_else,
    for_else_long,
    for_else_run_time,
    while_else,
    while_else_known,
    for_else_break,
    for_else_continue,
    loop_under_if,
    loop_under_plain_if,
    loop_under_with,
    loop_under_try,
    loop_in_handler,
    loop_in_match,
    return_in_loops,
    return_under_with,
    return_in_try_finally,
    break_in_finally_block,
    nested_else,
    return_from_else,
    loop_variable_after,
    walrus,
    deleted,
)


@pytest.mark.parametrize(("p", "n"), ARGUMENTS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_do_what_python_does(program, p, n):
    agrees(program, p, n)


# variables that may have no value


def bound_on_one_side(x, p, n):
    if p > 0:
        z = x * 2
    return z


def loop_that_may_not_run(x, p, n):
    for i in range(n):
        z = x * i
    return z


def while_that_may_not_run(x, p, n):
    while x[0] < p:
        z = x * 2
        x = x + 1
    return z


def loop_variable(x, p, n):
    for i in range(n):
        pass
    return x * i


def read_where_it_is_bound(x, p, n):
    if p > 0:
        z = x * 2
    y = x
    if p > 0:
        y = z + 1
    return y


def bound_before_break(x, p, n):
    for i in range(20):
        if x[0] * i > p:
            w = x * i
            break
    return w


def free_variable(x, p, n):
    def inner():
        return z

    if p > 0:
        z = x * 2
    return inner()


def deleted_on_one_side(x, p, n):
    z = x
    if p > 0:
        del z
    return z


def augmented(x, p, n):
    if p > 0:
        z = x.sum()
    z += 1
    return z


def first_iteration_binds(x, p, n):
    for i in range(n):
        acc = acc + x if i > 0 else x
    return acc


def first_of_many_binds(x, p, n):
    for i in range(30):
        if i > 0:
            acc = acc + x
        else:
            acc = x
    return acc


def bound_in_dead_code(x, p, n):
    if p > 0:
        return q
        q = 3
    return x


def read_in_the_same_iteration(x, p, n):
    total = 0.0
    for i in range(25):
        if p * i > 10:
            s = x * i
        if p * i > 10:
            total = total + s.sum()
    return total


def under_try(x, p, n):
    try:
        if p > 0:
            z = x
    finally:
        pass
    return z


def nested_branches(x, p, n):
    if p > 0:
        if n > 1:
            z = x
        else:
            z = x + 1
    if n > 1 and p > 0:
        x = z
    return x


UNBOUND = (
    bound_on_one_side,
    loop_that_may_not_run,
    while_that_may_not_run,
    loop_variable,
    read_where_it_is_bound,
    bound_before_break,
    free_variable,
    deleted_on_one_side,
    augmented,
    first_iteration_binds,
    first_of_many_binds,
    bound_in_dead_code,
    read_in_the_same_iteration,
    under_try,
    nested_branches,
)


@pytest.mark.parametrize("program", UNBOUND)
def test_a_variable_without_a_value_is_an_error(program):
    with interpreter():
        traced = sg.jit(program)
    for p, n in ARGUMENTS:
        x = np.array([0.5, 1.5])
        try:
            expected = program(x, p, n)
        except NameError as failure:
            with interpreter(), pytest.raises(type(failure), match=re.escape(str(failure))):
                traced(x, p, n)
        else:
            with interpreter():
                np.testing.assert_allclose(traced(x, p, n), expected)


def test_what_is_bound_on_the_path_costs_nothing():
    with interpreter():
        assert not sg.jit(read_where_it_is_bound).specialise(np.ones(2), 1.0, 2).causes
