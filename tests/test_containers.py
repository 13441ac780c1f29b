"""Lists and dicts as arguments: a change that the caller would not see is an error with its line."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from tests.interpreted import gradient, run


@dataclasses.dataclass
class State:
    u: Any
    v: Any


def adds(c: Any) -> None:
    c[:] = [*c, c[0]]


def appends(c: Any) -> None:
    y = c[0] * 2
    c.append(y)


def reverses(c: Any) -> None:
    c.reverse()


def pops(c: Any) -> None:
    for k in range(2):
        if k == 1:
            c.pop()


def sets(c: Any) -> None:
    c[0] = c[1]


def helped(c: Any) -> None:
    sets(c)


def new_key(c: Any) -> None:
    c["n"] = c["a"] * 2


def new_value(c: Any) -> None:
    c["a"] = c["a"] * 2


def updates(c: Any) -> None:
    c.update(a=c["b"])


def counts(c: Any) -> None:
    c["count"] += 1


def new_attribute(c: Any) -> None:
    c.u = c.v * 2


def changes_inner(c: Any) -> None:
    c["deep"][0]["a"] = c["b"]


LIST: Callable[[], Any] = lambda: [np.zeros(2), np.ones(2)]  # noqa: E731
DICT: Callable[[], Any] = lambda: {"a": np.zeros(2), "b": np.ones(2), "count": 0, "deep": [{"a": np.ones(2)}]}  # noqa: E731
STATE: Callable[[], Any] = lambda: State(np.zeros(2), np.ones(2))  # noqa: E731


@pytest.mark.parametrize(
    ("function", "make", "offset"),
    [
        (adds, LIST, 1),
        (appends, LIST, 2),
        (reverses, LIST, 1),
        (pops, LIST, 3),
        (sets, LIST, 1),
        (new_key, DICT, 1),
        (new_value, DICT, 1),
        (updates, DICT, 1),
        (counts, DICT, 1),
        (new_attribute, STATE, 1),
        (changes_inner, DICT, 1),
    ],
)
def test_another_item_is_an_error_with_the_line(
    function: Callable[..., Any], make: Callable[[], Any], offset: int
) -> None:
    line = inspect.getsourcelines(function)[1] + offset
    with pytest.raises(
        sg.SrcgradError, match=rf"test_containers.py:{line}: {function.__name__} changes .* argument c "
    ):
        run(function, make())


def test_the_line_is_in_the_helper() -> None:
    line = inspect.getsourcelines(sets)[1] + 1
    with pytest.raises(sg.SrcgradError, match=rf"test_containers.py:{line}: helped changes"):
        run(helped, LIST())


def test_arrays_of_containers_are_written() -> None:
    def writes(c: Any, l: Any) -> None:
        c["a"] += 1
        c["deep"][0]["a"][0] = 5.0
        l[1][:] = c["a"]

    given, arrays = DICT(), LIST()
    run(writes, given, arrays)
    np.testing.assert_array_equal(given["a"], [1, 1])
    np.testing.assert_array_equal(given["deep"][0]["a"], [5, 1])
    np.testing.assert_array_equal(arrays[1], [1, 1])


def test_changes_of_copies_and_changes_undone_are_none() -> None:
    def total(c: Any) -> Any:
        own = dict(c, a=c["a"] * 2)
        own["n"] = own.pop("b")
        c["x"] = 1.0
        del c["x"]
        return np.sum(own["a"] * own["n"])

    given = {"a": np.ones(2), "b": np.full(2, 3.0)}
    np.testing.assert_array_equal(gradient(total, given)["a"], [6, 6])
