"""The row that declares an operation, and the one door through which every operation goes.

Calling a row on values applies it on whatever face the values belong to: plain NumPy arrays are evaluated by
``reference``; anything that has ``__sg_bind__`` (graph nodes, traced arrays, eager tensors, rewrite patterns)
is asked to bind it. That is why one derivative rule, written with ordinary operators, serves every face and
every order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from srcgrad.core.lowering import Lowering
from srcgrad.core.types import Type, type_of

Formula = Callable[..., Any]


@dataclass(frozen=True, eq=False, slots=True)
class Op:
    """One row of the table. See ``docs/adding_an_op.md``.

    Attributes:
        name: NumPy's or SciPy's name where there is one.
        infer: operand types and params to the type of the result; raises where they do not fit.
        reference: the NumPy meaning, on NumPy arrays.
        lowering: how the elements follow; one of the closed set of kinds.
        partials: for pointwise rows, one formula per operand ``(out, *inputs) -> d out / d input``, or None where it is
            zero everywhere. It yields both the adjoint and the tangent.
        adjoint: for the rest: ``(cotangent, out, *inputs, **params)`` to one cotangent, or None, per input.
        prepare: promotion and broadcasting as explicit operations, before the row is applied:
            ``(args, params) -> args``.
        samples: what exercises the row in the table tests, the docs and the micro-benchmarks.
    """

    name: str
    infer: Callable[..., Type]
    reference: Callable[..., Any]
    lowering: Lowering
    partials: tuple[Formula | None, ...] | None = None
    adjoint: Callable[..., Sequence[Any]] | None = None
    prepare: Callable[[Sequence[Any], dict[str, Any]], Sequence[Any]] | None = None
    tangent: Callable[..., Any] | None = None
    samples: tuple[Any, ...] = field(default=(), repr=False)
    doc: str = field(default="", repr=False)

    def __call__(self, *args: Any, **params: Any) -> Any:
        face = face_of(args)
        if face is None:
            return self.reference(*args, **params)
        if hasattr(face, "__sg_apply__"):  # it broadcasts by rules of its own
            return face.__sg_apply__(self, args, params)
        if self.prepare is not None:
            args = tuple(self.prepare(args, params))
            face = face_of(args)
            if face is None:
                return self.reference(*args, **params)
        return face.__sg_bind__(self, args, params)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


def face_of(args: Sequence[Any]) -> Any:
    """The first argument that binds operations itself; the one of the highest ``__sg_level__`` where they differ."""
    face = None
    for arg in args:
        if hasattr(arg, "__sg_bind__") and (face is None or arg.__sg_level__ > face.__sg_level__):
            face = arg
    return face


class Table:
    """The table of operations: rows by name, in order of declaration."""

    def __init__(self) -> None:
        self._rows: dict[str, Op] = {}

    def add(self, op: Op) -> Op:
        if op.name in self._rows:
            raise ValueError(f"the operation {op.name!r} is declared twice")
        self._rows[op.name] = op
        return op

    def __getitem__(self, name: str) -> Op:
        return self._rows[name]

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[Op]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)


#: Every row, filled by ``srcgrad.ops`` (arithmetic and the like) and ``srcgrad.graph.structure`` (inputs,
#: constants, regions).
TABLE = Table()


def apply(name: str, *args: Any, **params: Any) -> Any:
    """Apply the row of that name: for floors that must not import the table's modules."""
    return TABLE[name](*args, **params)


__all__ = ["TABLE", "Op", "Table", "apply", "face_of", "type_of"]
