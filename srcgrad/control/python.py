"""The loops as Python runs them, on arrays, numbers and eager tensors: the same carried types, the same errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.control.record import carried_type, error, leaf_types
from srcgrad.core import tree
from srcgrad.core.errors import TraceError
from srcgrad.core.op import apply


def fori_loop(lower: int, upper: int, body: Callable[[Any, Any], Any], init: Any) -> Any:
    """See `srcgrad.control.fori_loop`."""
    carry = _copied(init)
    for i in range(lower, upper):
        carry = _checked("fori_loop", carry, body(i, carry))
    return carry


def while_loop(cond: Callable[[Any], Any], body: Callable[[Any], Any], init: Any) -> Any:
    """See `srcgrad.control.while_loop`."""
    carry = _copied(init)
    while cond(carry):
        carry = _checked("while_loop", carry, body(carry))
    return carry


def scan(f: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, length: int, reverse: bool) -> tuple[Any, Any]:
    """See `srcgrad.control.scan`."""
    carry, rows = _copied(init), []
    structure = None
    for i in reversed(range(length)) if reverse else range(length):
        new, y = f(carry, tree.map(lambda x: x[i], xs))  # noqa: B023  used at once
        carry = _checked("scan", carry, new)
        leaves, structure = tree.flatten(y)
        rows.append(leaves)
    if structure is None:
        raise error(
            TraceError, "scan over no slices: what the results would be is known only where it is traced (sg.jit)"
        )
    columns = zip(*(reversed(rows) if reverse else rows), strict=True)
    return carry, tree.unflatten(structure, map(_stacked, columns))


def _copied(init: Any) -> Any:
    """The body may write into what is carried, but not into the caller's arrays."""
    return tree.map(lambda leaf: leaf.copy() if isinstance(leaf, np.ndarray) else leaf, init)


def _checked(what: str, before: Any, after: Any) -> Any:
    (old, expected), (new, found) = tree.flatten(before), tree.flatten(after)
    if expected != found:
        raise error(
            TraceError, f"the body of {what} returns {found} to carry, it was given {expected}; return the same"
        )
    olds, news = leaf_types(f"{what}: carry", before), leaf_types(f"{what}: carry", after)
    for path, a, b in zip(tree.paths(before), olds, news, strict=True):
        if carried_type(a, b) is None:
            raise error(
                TraceError,
                f"{what} carries carry{path}, which comes into the body as {a} and leaves it as {b}; "
                "a carried value keeps its shape and dtype",
            )
    assert len(old) == len(new)
    return after


def _stacked(rows: tuple[Any, ...]) -> Any:
    if not any(hasattr(row, "__sg_bind__") for row in rows):
        return np.stack(rows)
    return apply("concatenate", *(apply("reshape", row, shape=(1, *row.shape)) for row in rows), axis=0)
