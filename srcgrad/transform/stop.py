"""``stop_gradient``: the identity, with no derivative."""

from __future__ import annotations

from srcgrad.core.lowering import Pointwise
from srcgrad.core.op import TABLE, Op
from srcgrad.core.sample import Arg, Sample

stop_gradient = TABLE.add(
    Op(
        "stop_gradient",
        lambda type_: type_,
        lambda x: x,
        Pointwise("{0}", 0.0),
        partials=(None,),
        samples=(Sample((Arg((2, 3)),)), Sample((Arg((3,), kind="i"),))),
        doc="The same value, as a constant for differentiation.",
    )
)
