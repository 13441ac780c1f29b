"""What a valid function of the kernel IR is; `verify` raises `VerifyError` for any other.

definitions   what is used is a parameter, or defined before on every way to its use
types         a name means one variable or buffer; what is bound to it, or stored, has its type; operators give what
              they give
indices       an index has a number for each dimension; what is known to be outside of a buffer is refused
parallelism   no two iterations of a parallel loop write one element: each writes buffers of its own, or elements
              whose index depends on the iteration
"""

from __future__ import annotations

from typing import Any

from srcgrad.core.errors import VerifyError
from srcgrad.core.intervals import Interval, is_inside, of_affine, of_operation
from srcgrad.kernel.ir import (
    BOOL,
    Affine,
    Block,
    Buffer,
    Call,
    Cast,
    Declare,
    Element,
    Expr,
    For,
    Function,
    If,
    Kind,
    Let,
    Number,
    Operation,
    Statement,
    Store,
    Variable,
    While,
    arguments,
    blocks,
    result_dtype,
    statements,
)
from srcgrad.kernel.names import assigned, defined, exposed, names_in, runs, used
from srcgrad.kernel.text import block_text, text


def verify(function: Function) -> Function:
    """The function itself, if it is valid."""
    try:
        _definitions(function)
        _Types().block(function.body, {})
        _parallel(function.body)
    except VerifyError as error:
        raise VerifyError(f"{function.name}: {error}") from None
    return function


def _require(holds: bool, message: str, statement: Statement) -> None:
    if not holds:
        raise _invalid(message, statement)


def _invalid(message: str, statement: Statement) -> VerifyError:
    return VerifyError(f"{message}\n{block_text((statement,))}")


def _definitions(function: Function) -> None:
    """Names: each means one thing, and is known where it is used."""
    given = {parameter.name for parameter in function.parameters}
    for name in exposed(function.body):
        if name.name not in given:
            raise VerifyError(f"{name.name} is used before it is defined")
    missing = names_in(function.results) - given - assigned(function.body)
    if missing:
        raise VerifyError(f"{missing} is returned and not defined")
    known: dict[str, Variable | Buffer] = {parameter.name: parameter for parameter in function.parameters}
    for statement in statements(function.body):
        for name in (*defined(statement), *used(statement)):
            same = known.setdefault(name.name, name)
            if same != name:
                raise _invalid(f"{name.name} is {same} and {name}", statement)


class _Types:
    """Types, and indices: by what loops are known to run over."""

    def block(self, block: Block, known: dict[str, Interval]) -> None:
        for statement in block:
            for argument in arguments(statement):
                self.argument(argument, known, statement)
            self.statement(statement, known)
            inside = known
            if isinstance(statement, For):
                if not runs(statement) and isinstance(statement.stop, Number) and isinstance(statement.start, Number):
                    continue  # over nothing
                inside = {**known, **_reach(statement, known)}
            for inner in blocks(statement):
                self.block(inner, inside)

    def statement(self, statement: Statement, known: dict[str, Interval]) -> None:
        match statement:
            case Let():
                _require(statement.value.dtype == statement.variable.dtype, "a value of another dtype", statement)
            case Store(target=target, value=value):
                kinds = {target.dtype.kind, value.dtype.kind}
                _require(len(kinds) == 1 or kinds <= set("iu"), "a value of another kind", statement)
                _require(bool(statement.combine) or isinstance(target, Element), "a store into a variable", statement)
                if isinstance(target, Element):
                    self.argument(target, known, statement)
            case If() | While():
                _require(statement.test.dtype == BOOL, "a condition that is no boolean", statement)
            case Declare():
                _require(statement.call.dtype == statement.buffer.dtype, "memory of another dtype", statement)

    def argument(self, node: Any, known: dict[str, Interval], statement: Statement) -> None:
        match node:
            case Element():
                self.rank(node, statement)
                for part, extent in zip(node.index, node.buffer.shape or (1,), strict=True):
                    self.argument(part, known, statement)
                    reach = interval(part, known)
                    if not is_inside(reach, extent):
                        raise _invalid(f"{text(node)} is outside of {node.buffer.shape}: {reach}", statement)
            case Operation():
                if node.operator not in ("min", "max"):
                    result = result_dtype(node.operator, *(arg.dtype for arg in node.args))
                    if result != node.dtype:
                        raise _invalid(f"{text(node)} is {result}, not {node.dtype}", statement)
                for part in node.args:
                    self.argument(part, known, statement)
            case Cast():
                self.argument(node.arg, known, statement)
            case Call():
                self.argument(node.args, known, statement)
            case tuple():
                for given in node:
                    self.argument(given, known, statement)

    def rank(self, element: Element, statement: Statement) -> None:
        rank = len(element.buffer.shape) or 1
        fits = len(element.index) == rank and all(part.dtype.kind in "iu" for part in element.index)
        if not fits:
            raise _invalid(f"{text(element)} is no index of {element.buffer.shape}", statement)


def _reach(loop: For, known: dict[str, Interval]) -> dict[str, Interval]:
    """What the index of a loop may be."""
    start, stop = interval(loop.start, known), interval(loop.stop, known)
    if start is None or stop is None:
        return {}
    if loop.step < 0:
        return {loop.index.name: (stop[0] + 1, start[1])}
    last = stop[1] - 1
    if start[0] == start[1] and stop[0] == stop[1]:
        last -= (last - start[0]) % loop.step
    return {loop.index.name: (start[0], last)}


def interval(node: Expr, known: dict[str, Interval]) -> Interval | None:
    """The least and the greatest that an integer can be, as far as loops say."""
    match node:
        case Number():
            return int(node.value), int(node.value)
        case Variable():
            return known.get(node.name)
        case Affine():
            return of_affine(node.const, ((c, known.get(variable.name)) for variable, c in node.terms))
        case Operation(operator=operator, args=(left, right)):
            return of_operation(operator, interval(left, known), interval(right, known))
    return None


def _parallel(block: Block) -> None:
    """Iterations of parallel loops write elements of their own."""
    for statement in block:
        if isinstance(statement, For) and statement.kind is Kind.PARALLEL:
            _own_elements(statement.body, {statement.index.name}, set())
        for inner in blocks(statement):
            _parallel(inner)


def _own_elements(block: Block, moving: set[str], own: set[str]) -> None:
    """``moving`` are the variables that differ between iterations, ``own`` the buffers that each has for itself."""
    for statement in block:
        depends = not moving.isdisjoint(name.name for name in used(statement))
        if isinstance(statement, Declare):
            own.add(statement.buffer.name)
        elif isinstance(statement, Store) and isinstance(statement.target, Element):
            target = statement.target
            is_own = target.buffer.name in own or not moving.isdisjoint(names_in(target.index))
            if not is_own:
                raise _invalid(f"every iteration writes {text(target)}", statement)
        elif isinstance(statement, For | Let) and depends:
            moving.update(name.name for name in defined(statement))
        for inner in blocks(statement):
            _own_elements(inner, moving, own)
