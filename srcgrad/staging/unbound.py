"""Variables that have a value on some paths only.

After a branch that binds a variable on one side, or a loop that may not run, the variable holds a `Maybe`: a value and
a flag that says whether it is bound. Whoever reads it gets the value, and the program notes that it fails where the
flag is not set. That is what Python does: it raises where it comes to the read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from srcgrad.control.failures import fail_if, is_raised, raising
from srcgrad.core.op import apply
from srcgrad.graph.node import Node
from srcgrad.graph.structure import constant
from srcgrad.numpy.static import static_of

#: predicates of the branches around, with the side that is being recorded
_assumed: ContextVar[dict[Node, bool] | None] = ContextVar("assumed", default=None)


@dataclass(frozen=True, eq=False)
class Maybe:
    """A variable's value where ``flag`` holds."""

    value: Any
    flag: Node

    @staticmethod
    def of(value: Any, flag: Node) -> Any:
        """The value itself where it is certain to be there."""
        return value if holds(flag) else Maybe(value, flag)


def bound(name: str, local: bool, read: Callable[[], Any]) -> Any:
    """The value of a variable that may have none; it belongs to the function that reads it, or to one around that."""
    try:
        value = read()
    except NameError as failure:
        if is_raised(failure):
            raise
        raise raising(_error(name, local)) from None
    if not isinstance(value, Maybe):
        return value
    if not holds(value.flag):
        fail_if(apply("logical_not", value.flag), raising(_error(name, local)))
    return value.value


def _error(name: str, local: bool) -> NameError:
    """As Python words it."""
    if not local:
        what = f"cannot access free variable '{name}' where it is not associated with a value in enclosing scope"
        return NameError(what)
    if sys.version_info >= (3, 11):
        return UnboundLocalError(f"cannot access local variable '{name}' where it is not associated with a value")
    return UnboundLocalError(f"local variable '{name}' referenced before assignment")


@contextmanager
def assuming(predicate: Node, truth: bool) -> Iterator[None]:
    """In the block the program is recorded for the case that the predicate has this truth."""
    token = _assumed.set({**(_assumed.get() or {}), predicate: truth})
    try:
        yield
    finally:
        _assumed.reset(token)


def assumptions() -> dict[Node, bool] | None:
    """What is assumed on the path that is being recorded: another object whenever that changes."""
    return _assumed.get()


def holds(flag: Node) -> bool:
    """Whether a flag is set for certain on the path that is being recorded."""
    return truth_on_path(flag) is True


def truth_on_path(flag: Node) -> bool | None:
    """The truth of a bool on the path that is being recorded; None where that is not known."""
    return _truth(flag, _assumed.get() or {})


def _truth(flag: Node, assumed: dict[Node, bool]) -> bool | None:
    if flag in assumed:
        return assumed[flag]
    if flag.op.name == "logical_not":
        inner = _truth(flag.inputs[0], assumed)
        return None if inner is None else not inner
    if flag.op.name == "where":
        test = _truth(flag.inputs[0], assumed)
        sides = [_truth(side, assumed) for side in flag.inputs[1:]]
        return (sides[0] if sides[0] is sides[1] else None) if test is None else sides[0 if test else 1]
    known = static_of(flag)
    return None if known is None else bool(known)


def flagged(value: Any, unbound: Any) -> tuple[Any, Node]:
    """What a variable holds, and whether it is bound; ``unbound`` is the mark of those that are not."""
    if isinstance(value, Maybe):
        return value.value, value.flag
    return value, constant(value is not unbound)
