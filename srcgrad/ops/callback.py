"""A call of a Python function: opaque to everything but the types of what goes in and comes out."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.callback import Callback
from srcgrad.core.errors import UnsupportedError
from srcgrad.core.location import user_location
from srcgrad.core.lowering import Library
from srcgrad.core.op import TABLE, Op
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.types import ArrayType, TupleType


def _infer(*types: ArrayType, callback: Callback) -> TupleType:
    return TupleType(callback.results)


def _reference(*operands: Any, callback: Callback) -> tuple[Any, ...]:
    return tuple(callback(*operands))


def _adjoint(*_: Any, callback: Callback) -> Any:
    where = user_location()
    raise UnsupportedError(
        f"{f'{where}: ' if where else ''}sg.pure_callback({callback.name}, ...) has no derivative. Put it into a "
        "function decorated with sg.custom_vjp and give that a derivative with .defvjp(forward, backward), or use "
        "sg.stop_gradient on its arguments"
    )


_INTEGERS = ArrayType((3,), np.dtype(np.int64))
_example = Callback.of(lambda x, y: [x + y, x - y], (_INTEGERS, _INTEGERS), (_INTEGERS, _INTEGERS))

callback = TABLE.add(
    Op(
        "callback",
        _infer,
        _reference,
        Library(
            "callback.call", lambda params, types: [], lambda params, types: [np.array([params["callback"].number])]
        ),
        adjoint=_adjoint,
        samples=(Sample((Arg((3,), kind="i"), Arg((3,), kind="i")), {"callback": _example}),),
        doc="The results of a Python function, none of them 0-dimensional.",
    )
)
