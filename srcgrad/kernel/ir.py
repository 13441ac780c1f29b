"""The kernel IR: loops, stores and typed scalar expressions. What runs a kernel is printed or lowered from it.

    function   = name(parameters): block, returning expressions
    block      = statements
    statement  = for index in start, stop, step: block             serial, unrolled, vector or parallel
               | while expression: block | if expression: block, else: block | break
               | let variable = expression                         a number in a register, bound or bound again
               | store place [combine]= expression                 into an element, or a step of a reduction
               | declare buffer = call                             memory, or a view of memory
               | do call
               | section: block                                    a part that becomes a function of its own
    place      = variable | element
    element    = buffer[expression, ...]
    expression = number | variable | affine | element | operator(expressions) | callee(arguments) | cast
    affine     = const + sum of coefficient * variable             of int64 variables: an index
    argument   = expression | buffer | address | dtype | shape | nest | callee

Every expression has a dtype. A variable or a buffer is named once in a function, and keeps its type. Nodes are values:
two that are equal mean the same wherever the same variables have the same values. Passes are functions from valid
functions to valid functions, one file each; `verify.py` says what valid is, `text.py` prints Python.
"""

from __future__ import annotations

import enum
import operator as operator_module
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

DType = np.dtype[Any]
INT64: DType = np.dtype(np.int64)
BOOL: DType = np.dtype(bool)


class Space(enum.Enum):
    """Where a buffer's memory is."""

    ARGUMENT = "argument"
    STACK = "stack"
    WORKSPACE = "workspace"


# expressions


@dataclass(frozen=True, slots=True)
class Variable:
    """A number in a register."""

    name: str
    dtype: DType


@dataclass(frozen=True, slots=True)
class Number:
    """A number that is known. Python has no literal for it where it has a name, under which the module defines it."""

    value: Any
    dtype: DType
    name: str = ""


@dataclass(frozen=True, slots=True)
class Affine:
    """``const + sum(coefficient * variable)``: an index. What is a number, or just a variable, is none."""

    terms: tuple[tuple[Variable, int], ...]
    const: int

    @property
    def dtype(self) -> DType:
        return INT64


@dataclass(frozen=True, slots=True)
class Buffer:
    """C-ordered memory of a fixed shape."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    space: Space


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a buffer: where it is read, or where something is stored."""

    buffer: Buffer
    index: tuple[Expr, ...]

    @property
    def dtype(self) -> DType:
        return self.buffer.dtype


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator of `OPERATORS` on numbers. An ``unordered`` sum of any number of terms may be added in any order."""

    operator: str
    args: tuple[Expr, ...]
    dtype: DType
    unordered: bool = False


@dataclass(frozen=True, slots=True)
class Callee:
    """A function under its name in the module: one of ours from where it is ``exported``, one that a function there
    makes of ``arguments`` (a native symbol), or, without a home, another function of the module.
    """

    name: str
    home: str = ""
    exported: str = ""
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function: a number, or what a statement is made for."""

    callee: Callee
    args: tuple[Argument, ...]
    dtype: DType


@dataclass(frozen=True, slots=True)
class Cast:
    """A change of dtype."""

    arg: Expr
    dtype: DType


@dataclass(frozen=True, slots=True)
class Address:
    """Where the element at a row-major offset of a buffer is."""

    buffer: Buffer
    offset: Expr


#: an address is printed as a call of it
AT = Callee("at", "srcgrad.backends.buffer")
Expr = Number | Variable | Affine | Element | Operation | Call | Cast
Shape = tuple[int, ...]
Nest = tuple[Shape, ...]
Argument = Expr | Buffer | Address | DType | Callee | Shape | Nest | tuple["Argument", ...]
Place = Variable | Element

#: how tightly each operator binds in Python
OPERATORS: dict[str, int] = {
    "or": 1,
    "and": 2,
    "not": 3,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), 4),
    "|": 5,
    "^": 6,
    "&": 7,
    **dict.fromkeys(("<<", ">>"), 8),
    **dict.fromkeys(("+", "-"), 9),
    **dict.fromkeys(("*", "/", "//", "%"), 10),
    **dict.fromkeys(("negative", "~"), 11),
    **dict.fromkeys(("min", "max"), 13),
}
COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))
LOGIC = frozenset(("or", "and", "not"))


def result_dtype(operator: str, *dtypes: DType) -> DType:
    """What an operator gives: Python's integers are of 64 bits, whatever it is handed."""
    key = operator, dtypes
    if key not in _results:
        _results[key] = _result_dtype(operator, dtypes)
    return _results[key]


_results: dict[tuple[str, tuple[DType, ...]], DType] = {}


def _result_dtype(operator: str, dtypes: tuple[DType, ...]) -> DType:
    if operator in COMPARISONS or operator in LOGIC:
        return BOOL
    if all(dtype == BOOL for dtype in dtypes) and operator in "&|^":
        return BOOL
    wide = [_wide(dtype) for dtype in dtypes]
    if operator == "/" and all(dtype.kind in "iu" for dtype in wide):
        return np.dtype(np.float64)
    return wide[0] if len(set(wide)) == 1 else np.result_type(*wide)


def _wide(dtype: DType) -> DType:
    return np.dtype(np.uint64) if dtype.kind == "u" else INT64 if dtype.kind in "ib" else dtype


# statements


class Kind(enum.Enum):
    """How the iterations of a loop run."""

    SERIAL = "serial"
    VECTOR = "vector"
    PARALLEL = "parallel"


@dataclass(frozen=True, slots=True)
class For:
    """``for index in range(start, stop, step)``. Of a parallel loop ``stop`` is how many iterations there are."""

    index: Variable
    start: Expr
    stop: Expr
    step: int
    body: Block
    kind: Kind = Kind.SERIAL
    note: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class While:
    """A loop under a condition."""

    test: Expr
    body: Block
    note: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class If:
    """A branch."""

    test: Expr
    body: Block
    orelse: Block = ()
    note: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Break:
    """Leave the loop around."""


@dataclass(frozen=True, slots=True)
class Let:
    """``variable = value``."""

    variable: Variable
    value: Expr
    note: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Store:
    """``target = value``, or ``target combine= value``: a step of a reduction, whose steps may come in any order."""

    target: Place
    value: Expr
    combine: str = ""
    note: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Declare:
    """``buffer = call``."""

    buffer: Buffer
    call: Call


@dataclass(frozen=True, slots=True)
class Do:
    """A call for what it does."""

    call: Call
    note: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a long function."""

    body: Block


Statement = For | While | If | Break | Let | Store | Declare | Do | Section
Block = tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """What is compiled as one."""

    name: str
    parameters: tuple[Variable | Buffer, ...]
    body: Block
    results: tuple[Expr, ...] = ()


# walks


def arguments(statement: Statement) -> tuple[Any, ...]:
    """What a statement reads itself, without the blocks inside it, in the order of its text."""
    match statement:
        case For():
            return statement.start, statement.stop
        case While() | If():
            return (statement.test,)
        case Let():
            return (statement.value,)
        case Store(target=Variable()):
            return (statement.target, statement.value)
        case Store(target=Element() as target):
            return (target.buffer, *target.index, statement.value)
        case Declare() | Do():
            return (statement.call,)
    return ()


def blocks(statement: Statement) -> tuple[Block, ...]:
    """The blocks inside a statement."""
    match statement:
        case If():
            return statement.body, statement.orelse
        case For() | While() | Section():
            return (statement.body,)
    return ()


def leaves(statement: Statement) -> list[Any]:
    """The variables, buffers, callees, dtypes and numbers with a name that a statement reads itself, without the blocks
    inside it, in the order of its text.
    """
    found: list[Any] = []
    for root in arguments(statement):
        collect(root, found)
    return found


def collect(node: Any, found: list[Any]) -> None:
    """Add the leaves of an argument to a list."""
    kind = type(node)
    if kind is Variable or kind is Buffer or kind is Callee:
        found.append(node)
    elif kind is Element:
        found.append(node.buffer)
        for part in node.index:
            collect(part, found)
    elif kind is Operation or kind is Call:
        if kind is Call:
            found.append(node.callee)
        for part in node.args:
            collect(part, found)
    elif kind is Affine:
        found += [variable for variable, _ in node.terms]
    elif kind is Number:
        if node.name:
            found.append(node)
    elif kind is Cast:
        found.append(node.dtype)
        collect(node.arg, found)
    elif kind is Address:
        found += (AT, node.buffer)
        collect(node.offset, found)
    elif kind is tuple:
        for part in node:
            collect(part, found)
    elif isinstance(node, np.dtype):
        found.append(node)


def statements(block: Block) -> Iterator[Statement]:
    """All statements, those in blocks inside included."""
    for statement in block:
        yield statement
        for inner in blocks(statement):
            yield from statements(inner)


# making index expressions


def number(value: int) -> Number:
    """An integer."""
    return Number(value, INT64)


def affine(terms: tuple[tuple[Variable, int], ...], const: int) -> Affine | Variable | Number:
    """The simplest node for ``const + sum(coefficient * variable)``."""
    if not terms:
        return number(const)
    if const == 0 and len(terms) == 1 and terms[0][1] == 1:
        return terms[0][0]
    return Affine(terms, const)


def integer(operator: str, *args: Expr) -> Expr:
    """An operation on int64, computed where both are known."""
    values = [arg.value for arg in args if isinstance(arg, Number)]
    if len(values) == len(args):
        return number(_FOLDED[operator](*values))
    if operator in "+-" and isinstance(args[1], Number) and args[1].value == 0:
        return args[0]
    return Operation(operator, args, INT64)


_FOLDED: dict[str, Callable[..., int]] = {
    "+": operator_module.add,
    "-": operator_module.sub,
    "*": operator_module.mul,
    "//": operator_module.floordiv,
    "%": operator_module.mod,
    "min": min,
}
