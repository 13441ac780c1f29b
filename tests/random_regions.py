"""Random control flow: loops, scans, branches, with random operations in their bodies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import srcgrad as sg
import srcgrad.numpy as snp
from tests.random_operations import MAX_SIZE, Integer, Made, Operations

STEPS = (
    *("smooth", "smooth", "smooth", "arithmetic", "arithmetic", "arithmetic", "arithmetic"),
    *("exact_pointwise", "comparison", "comparison", "selection", "selection", "whole_numbers", "cast"),
    *("reduction", "reduction", "reduction", "position_of_extremum", "contraction", "contraction", "matrix_product"),
    *("rearrangement", "rearrangement", "rearrangement", "joining", "padding", "writing", "writing"),
    *("gathering", "scattering", "along_an_axis", "loop", "scan", "branch", "repetition"),
)
_REGIONS = ("loop", "scan", "branch", "repetition")


class Maker(Operations):
    """Records random operations and regions. ``differentiable`` leaves out what has no reverse pass."""

    def __init__(self, integer: Integer, *, differentiable: bool = True, depth: int = 0) -> None:
        super().__init__(integer)
        self.differentiable = differentiable
        self.depth = depth

    def step(self) -> None:
        names = [name for name in STEPS if self.depth < 2 or name not in _REGIONS]
        getattr(self, self.choose(names))()

    def inner(self, values: Sequence[Made]) -> Maker:
        maker = Maker(self.integer, differentiable=self.differentiable, depth=self.depth + 1)
        outside = [self.choose(self.values) for _ in range(3)]
        maker.values = [*outside, *values]
        for _ in range(self.integer(1, 4)):
            maker.step()
        return maker

    def next_of(self, maker: Maker, old: Any, is_float: bool) -> Any:
        """A new value for something carried, from what the body made."""
        new = maker.fitting(maker.choose(maker.values[-4:]), tuple(old.shape), old.dtype)
        if not is_float:
            return (old + new) % 5 if np.dtype(old.dtype).kind in "iu" else old ^ new
        how = self.integer(0, 3)
        return old if how == 0 else new if how == 1 else 0.5 * old + 0.3 * new

    def carried(self) -> list[Made]:
        found = [self.some() for _ in range(self.integer(1, 3))]
        return [value for value in found if value is not None]

    def loop(self) -> None:
        init = self.carried()
        count: Any = self.choose((0, 1, 2, 3, 5))

        def body(i: Any, carry: Any) -> Any:
            values = [Made(c, exact=False, bound=max(4.0, v.bound)) for c, v in zip(carry, init, strict=True)]
            maker = self.inner([*values, Made(i)])
            new = [self.next_of(maker, c, v.kind == "f") for c, v in zip(carry, init, strict=True)]
            if len(new) > 1 and self.chance(30) and _alike(new[0], new[1]):
                new[0], new[1] = new[1], new[0]
            return tuple(new)

        if self.chance(40):
            integer = self.pick(lambda v: v.kind == "i" and v.shape == ())
            count = count if integer is None else integer.array % 4
        result = sg.fori_loop(0, count, body, tuple(v.array for v in init))
        for array, old in zip(result, init, strict=True):
            self.keep(array, exact=False, bound=max(4.0, old.bound))

    def scan(self) -> None:
        x = self.some(ndim=1)
        if x is None:
            return
        init = self.carried()

        def body(carry: Any, row: Any) -> Any:
            values = [Made(c, exact=False, bound=max(4.0, v.bound)) for c, v in zip(carry, init, strict=True)]
            maker = self.inner([*values, Made(row, x.exact, x.bound)])
            new = tuple(self.next_of(maker, c, v.kind == "f") for c, v in zip(carry, init, strict=True))
            chosen = maker.choose(maker.values[-3:])
            return new, chosen.array if math.prod(chosen.shape) * x.shape[0] <= MAX_SIZE else row

        last, ys = sg.scan(body, tuple(v.array for v in init), x.array, reverse=self.chance(30))
        for array, old in zip(last, init, strict=True):
            self.keep(array, exact=False, bound=max(4.0, old.bound))
        self.keep(ys, exact=False, bound=60.0)

    def branch(self) -> None:
        predicate = self.pick(lambda v: v.kind == "b" and v.shape == ())
        x = self.some()
        if predicate is None or x is None:
            return

        def make(c: Any) -> Any:
            maker = self.inner([Made(c, x.exact, x.bound)])
            return self.next_of(maker, c, x.kind == "f")

        self.keep(sg.cond(predicate.array, make, make, x.array), exact=False, bound=max(4.0, x.bound))

    def repetition(self) -> None:
        """A while loop."""
        x = self.some()
        if x is None:
            return
        turns = self.integer(0, 4)

        def body(carry: Any) -> Any:
            k, c = carry
            maker = self.inner([Made(c, exact=False, bound=max(4.0, x.bound)), Made(k)])
            return k + 1, self.next_of(maker, c, x.kind == "f")

        _, result = sg.while_loop(lambda carry: carry[0] < turns, body, (snp.asarray(np.int64(0)), x.array))
        self.keep(result, exact=False, bound=max(4.0, x.bound))


def _alike(a: Any, b: Any) -> bool:
    return tuple(a.shape) == tuple(b.shape) and a.dtype == b.dtype
