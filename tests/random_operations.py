"""Random operations over the table: what the schedule and the back ends have to get right, in all combinations.

`Operations` are recorded on random operands. Choices come from a function ``integer(low, high)``, so that hypothesis
or a plain random generator can make them. Floats come in two sorts: *exact* ones are inputs, or picked, negated or
rounded from such, so that every correct evaluation agrees to the last bit; only these are compared, rounded and sorted.
Each float knows a bound of its size, so that nothing grows without limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import srcgrad.numpy as snp

Integer = Callable[[int, int], int]

SHAPES = (
    *((), (), (1,), (2,), (3,), (7,), (8,), (9,), (20,)),
    *((2, 3), (3, 1), (1, 4), (4, 8), (3, 9), (9, 8), (12, 10), (17, 10), (20, 9)),
    *((2, 3, 4), (2, 1, 3), (0,), (0, 3), (2, 0)),
)
MAX_SIZE = 400
FLOATS = ("float64", "float32")
INTEGERS = ("int64", "int32", "uint8")


@dataclass(frozen=True)
class Made:
    """A value of the program: a traced array; for floats, whether it is exact, and a bound of its size."""

    array: Any
    exact: bool = True
    bound: float = 4.0

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    @property
    def kind(self) -> str:
        return str(np.dtype(self.array.dtype).kind)

    @property
    def dtype(self) -> Any:
        return np.dtype(self.array.dtype)


class Operations:
    """Records random operations on the values made so far."""

    def __init__(self, integer: Integer) -> None:
        self.integer = integer
        self.values: list[Made] = []

    # choices

    def choose(self, options: Sequence[Any]) -> Any:
        return options[self.integer(0, len(options) - 1)]

    def chance(self, percent: int) -> bool:
        return self.integer(0, 99) < percent

    def pick(self, accept: Callable[[Made], bool]) -> Made | None:
        found = [value for value in self.values if accept(value)]
        if not found:
            return None
        late = found[-4:] if self.chance(60) else found
        return self.choose(late)  # type: ignore[no-any-return]

    def some_float(self, *, exact: bool = False, ndim: int = 0) -> Made | None:
        return self.pick(lambda v: v.kind == "f" and (v.exact or not exact) and len(v.shape) >= ndim)

    def some(self, ndim: int = 0) -> Made | None:
        return self.pick(lambda v: len(v.shape) >= ndim)

    def axes(self, value: Made) -> tuple[int, ...]:
        return tuple(k for k in range(len(value.shape)) if self.chance(50))

    def keep(self, array: Any, *, exact: bool = True, bound: float = 4.0) -> None:
        """Enter a new value; what grew too large is scaled down."""
        if math.prod(array.shape) > MAX_SIZE:
            return
        if np.dtype(array.dtype).kind == "f" and bound > 50:
            array, exact, bound = array * (1.0 / bound), False, 1.0
        self.values.append(Made(array, exact or np.dtype(array.dtype).kind != "f", bound))

    def operand(self, shape: tuple[int, ...], dtype: Any, *, exact: bool = False) -> Any:
        """Some value made to have this shape and dtype."""
        fits = [
            v
            for v in self.values
            if v.shape == shape and v.dtype == dtype and (v.exact or not exact) and v.bound <= 4.0
        ]
        if fits and self.chance(80):
            return self.choose(fits[-5:]).array
        source = self.pick(lambda v: v.kind == np.dtype(dtype).kind and (v.exact or not exact))
        if source is None or exact or np.dtype(dtype).kind != "f":
            return snp.full(shape, self.integer(0, 1), dtype)
        return snp.broadcast_to(snp.tanh(snp.sum(source.array) * 0.1).astype(dtype), shape)

    def fitting(self, value: Made, shape: tuple[int, ...], dtype: Any) -> Any:
        """The value, or what it comes to, in this shape and dtype."""
        array = value.array
        if value.kind == "f" and np.dtype(dtype).kind != "f" and not value.exact:
            return snp.full(shape, 1, dtype)
        if value.kind == "f":
            array = snp.sin(array) if value.shape == shape else snp.tanh(array.sum() * 0.2)
        elif value.shape != shape:
            array = array.sum()
        if value.kind in "iu":
            array = array % 5
        return snp.broadcast_to(array.astype(dtype), shape)

    # operations

    def smooth(self) -> None:
        if (x := self.some_float()) is None:
            return
        name = self.choose(
            ("sin", "cos", "tanh", "arctan", "expit", "erf", "exp", "log1p", "sqrt", "square", "gammaln")
        )
        a = x.array
        made = {
            "exp": lambda: (snp.exp(snp.sin(a)), 3.0),
            "log1p": lambda: (snp.log1p(a * a), 8.0),
            "sqrt": lambda: (snp.sqrt(1.0 + a * a), x.bound + 1),
            "square": lambda: (a * a, x.bound**2),
            "gammaln": lambda: (snp.gammaln(snp.tanh(a) + 2.5), 2.0),
        }.get(name, lambda: (getattr(snp, name)(a), 1.6))()
        self.keep(made[0], exact=False, bound=made[1])

    def arithmetic(self) -> None:
        if (x := self.some_float()) is None:
            return
        y = self.pick(lambda v: v.kind == "f" and _broadcast(x.shape, v.shape))
        if y is None:
            return
        a, b = x.array, y.array
        name = self.choose(("add", "subtract", "multiply", "divide", "hypot", "logaddexp", "scaled"))
        if name == "divide":
            self.keep(a / (1.5 + b * b), exact=False, bound=x.bound)
        elif name == "scaled":
            self.keep(0.5 * a - b + 1.0, exact=False, bound=x.bound + y.bound + 1)
        elif name == "hypot":
            self.keep(snp.hypot(a, b + 5.0), exact=False, bound=x.bound + y.bound + 5)
        else:
            bound = x.bound * y.bound if name == "multiply" else x.bound + y.bound + 1
            self.keep(getattr(snp, name)(a, b), exact=False, bound=bound)

    def exact_pointwise(self) -> None:
        if (x := self.some_float(exact=True)) is None:
            return
        y = self.pick(lambda v: v.kind == "f" and v.exact and _broadcast(x.shape, v.shape))
        name = self.choose(("negative", "absolute", "floor", "rint", "sign", "maximum", "minimum", "fmax"))
        if name in ("maximum", "minimum", "fmax"):
            if y is not None:
                self.keep(getattr(snp, name)(x.array, y.array), bound=max(x.bound, y.bound))
        else:
            self.keep(getattr(snp, name)(x.array), bound=x.bound + 1)

    def comparison(self) -> None:
        if (x := self.some_float(exact=True)) is None:
            return
        y = self.pick(lambda v: v.exact and v.kind in "fi" and _broadcast(x.shape, v.shape))
        name = self.choose(("less", "greater_equal", "equal", "not_equal"))
        self.keep(getattr(snp, name)(x.array, 0.25 if y is None or self.chance(40) else y.array))

    def selection(self) -> None:
        mask = self.pick(lambda v: v.kind == "b")
        if mask is None:
            return
        x = self.pick(lambda v: v.kind == "f" and _broadcast(mask.shape, v.shape))
        y = self.pick(lambda v: v.kind == "f" and x is not None and _broadcast(mask.shape, x.shape, v.shape))
        if x is not None and y is not None:
            exact = x.exact and y.exact and x.dtype == y.dtype
            other = 0.5 if self.chance(20) else y.array
            self.keep(snp.where(mask.array, x.array, other), exact=exact, bound=max(x.bound, y.bound))

    def whole_numbers(self) -> None:
        x = self.pick(lambda v: v.kind in "iub")
        if x is None:
            return
        y = self.pick(lambda v: v.kind == x.kind and v.dtype == x.dtype and _broadcast(x.shape, v.shape))
        assert y is not None
        if x.kind == "b":
            name = self.choose(("logical_and", "logical_or", "logical_xor", "not"))
            self.keep(~x.array if name == "not" else getattr(snp, name)(x.array, y.array))
            return
        name = self.choose(
            ("add", "subtract", "multiply", "floor_divide", "remainder", "maximum", "bitwise_and", "bitwise_xor")
        )
        self.keep(getattr(snp, name)(x.array, y.array))

    def cast(self) -> None:
        if (x := self.some()) is None:
            return
        if x.kind == "f" and not x.exact:
            self.keep(x.array.astype(self.choose(FLOATS)), exact=False, bound=x.bound)
        elif x.kind == "f":
            narrow = self.choose((*FLOATS, "int64", "int32", "bool"))
            self.keep(x.array.astype(narrow), exact=True, bound=x.bound)
        elif x.kind == "b":
            self.keep(x.array.astype(self.choose((*FLOATS, *INTEGERS))), bound=1.0)
        else:
            self.keep((x.array % 7).astype(self.choose((*FLOATS, *INTEGERS, "bool"))), bound=7.0)

    # reductions

    def reduction(self) -> None:
        if (x := self.some()) is None:
            return
        axes, keepdims = self.axes(x), self.chance(30)
        count = math.prod(x.shape[k] for k in axes)
        where = {"axis": axes or None, "keepdims": keepdims} if self.chance(80) else {}
        if not where or where["axis"] is None:
            count = math.prod(x.shape)
        if x.kind == "b":
            self.keep(getattr(snp, self.choose(("any", "all", "sum")))(x.array, **where))
        elif x.kind != "f":
            extremes = ("max", "min") if count else ()
            self.keep(getattr(snp, self.choose(("sum", "prod", *extremes)))(x.array, **where))
        elif x.exact and count and self.chance(60):
            self.keep(getattr(snp, self.choose(("max", "min")))(x.array, **where), bound=x.bound)
        elif self.chance(75):
            self.keep(snp.sum(x.array, **where), exact=False, bound=x.bound * max(count, 1))
        else:
            self.keep(snp.prod(snp.cos(x.array), **where), exact=False, bound=1.0)

    def position_of_extremum(self) -> None:
        x = self.pick(lambda v: v.exact and v.kind in "fib" and math.prod(v.shape) > 0 and len(v.shape) > 0)
        if x is None:
            return
        axis = self.choose((None, *range(len(x.shape))))
        array = x.array if x.kind != "b" else x.array.astype("int64")
        self.keep(getattr(snp, self.choose(("argmax", "argmin")))(array, axis=axis))

    def contraction(self) -> None:
        x = self.some_float()
        y = self.pick(lambda v: v.kind == "f" and x is not None and v.dtype == x.dtype)
        if x is None or y is None:
            return
        letters = iter("abcdefghijkl")
        left = [next(letters) for _ in x.shape]
        right: list[str] = []
        for extent in y.shape:
            same = [label for label, e in zip(left, x.shape, strict=True) if e == extent and label not in right]
            right.append(self.choose(same) if same and self.chance(75) else next(letters))
        extents = dict(zip((*left, *right), (*x.shape, *y.shape), strict=True))
        if math.prod(extents.values()) > 40 * MAX_SIZE:
            return
        out = [label for label in extents if self.chance(50)]
        if self.chance(50):
            out.reverse()
        terms = math.prod(e for label, e in extents.items() if label not in out)
        spec = f"{''.join(left)},{''.join(right)}->{''.join(out)}"
        self.keep(snp.einsum(spec, x.array, y.array), exact=False, bound=x.bound * y.bound * max(terms, 1))

    def matrix_product(self) -> None:
        x = self.some_float(ndim=1)
        if x is None:
            return
        y = self.pick(
            lambda v: v.kind == "f" and v.dtype == x.dtype and len(v.shape) == 2 and v.shape[0] == x.shape[-1]
        )
        if y is None:
            other = snp.broadcast_to(snp.arange(5, dtype=x.dtype) * 0.2 - 0.4, (x.shape[-1], 5))
            self.keep(x.array @ other, exact=False, bound=x.bound * max(x.shape[-1], 1))
        else:
            self.keep(x.array @ y.array, exact=False, bound=x.bound * y.bound * max(x.shape[-1], 1))

    # shapes

    def rearrangement(self) -> None:
        if (x := self.some()) is None:
            return
        a, ndim = x.array, len(x.shape)
        name = self.choose(
            (
                "transpose",
                "reshape",
                "flat",
                "expand",
                "squeeze",
                "slice",
                "flip",
                "broadcast",
                "roll",
                "repeat",
                "swap",
            )
        )
        if name == "transpose" and ndim > 1:
            order = sorted(range(ndim), key=lambda k: self.integer(0, 99))
            a = snp.transpose(a, order)
        elif name == "reshape":
            a = snp.reshape(a, _refactored(x.shape, self))
        elif name == "flat":
            a = snp.reshape(a, -1)
        elif name == "expand":
            a = snp.expand_dims(a, self.integer(0, ndim))
        elif name == "squeeze":
            a = snp.squeeze(a)
        elif name == "slice" and ndim:
            a = a[tuple(self.some_slice(extent) for extent in x.shape)]
        elif name == "flip" and ndim:
            a = snp.flip(a, self.integer(0, ndim - 1))
        elif name == "broadcast":
            a = snp.broadcast_to(a, (self.choose((2, 3, 9)), *x.shape))
        elif name == "roll" and ndim:
            a = snp.roll(a, self.integer(-2, 2), self.integer(0, ndim - 1))
        elif name == "repeat" and ndim:
            a = snp.repeat(a, 2, axis=self.integer(0, ndim - 1))
        elif name == "swap" and ndim > 1:
            a = snp.swapaxes(a, 0, -1)
        self.keep(a, exact=x.exact, bound=x.bound)

    def some_slice(self, extent: int) -> Any:
        kind = self.integer(0, 4)
        if kind == 0:
            return slice(None)
        if kind == 1 and extent:
            return self.integer(-extent, extent - 1)
        step = self.choose((1, 1, 2, 3, -1, -2))
        ends = sorted((self.integer(0, extent), self.integer(0, extent)))
        start, stop = ends if step > 0 else (ends[1], ends[0])
        return slice(start, stop, step)

    def joining(self) -> None:
        if (x := self.some(ndim=1)) is None:
            return
        axis = self.integer(0, len(x.shape) - 1)

        def fits(v: Made) -> bool:
            return (
                v.dtype == x.dtype
                and len(v.shape) == len(x.shape)
                and all(a == b for k, (a, b) in enumerate(zip(v.shape, x.shape, strict=True)) if k != axis)
            )

        parts = [x, *(self.pick(fits) for _ in range(self.integer(1, 2)))]
        known = [part for part in parts if part is not None]
        exact, bound = all(part.exact for part in known), max(part.bound for part in known)
        if self.chance(70):
            self.keep(snp.concatenate([part.array for part in known], axis=axis), exact=exact, bound=bound)
        else:
            same = [part.array for part in known if part.shape == x.shape]
            self.keep(snp.stack(same, axis=axis), exact=exact, bound=bound)

    def padding(self) -> None:
        if (x := self.some(ndim=1)) is None:
            return
        widths = [(self.integer(0, 2), self.integer(0, 1)) for _ in x.shape]
        self.keep(snp.pad(x.array, widths), exact=x.exact, bound=x.bound)

    def writing(self) -> None:
        """Assignments into a copy, through views too."""
        if (x := self.some(ndim=1)) is None:
            return
        copy = snp.array(x.array)
        exact, bound = x.exact, x.bound
        for _ in range(self.integer(1, 3)):
            view = copy[tuple(self.some_slice(extent) for extent in x.shape)]
            if self.chance(30):
                view = view[...].T if not view.shape else view.T
            how = self.integer(0, 3)
            if not view.shape:
                continue
            if how == 0:
                view[...] = 1
            elif how == 1 and x.kind == "f":
                view *= 0.5
                exact = False
            elif how == 2 and x.kind == "f":
                view += self.operand(tuple(view.shape), x.dtype)
                exact, bound = False, bound + 4
            else:
                view[...] = self.operand(tuple(view.shape), x.dtype)
                exact = exact and x.kind != "f"
        self.keep(copy, exact=exact, bound=max(bound, 4.0))

    # indices that are data

    def indices(self, extent: int) -> Any:
        """Integers that are in range: constants, or from the program."""
        source = self.pick(lambda v: v.kind in "iu" and math.prod(v.shape) <= 30)
        if source is None or self.chance(30):
            count = self.choose(((), (1,), (3,), (5,), (2, 3)))
            numbers = [self.integer(-extent, extent - 1) for _ in range(math.prod(count))]
            return np.array(numbers, dtype=np.int64).reshape(count)
        return source.array.astype("int64") % extent

    def gathering(self) -> None:
        x = self.pick(lambda v: len(v.shape) > 0 and all(v.shape))
        if x is None:
            return
        key: list[Any] = [slice(None)] * len(x.shape)
        axis = self.integer(0, len(x.shape) - 1)
        key[axis] = self.indices(x.shape[axis])
        if len(x.shape) > 1 and self.chance(40):
            other = (axis + 1) % len(x.shape)
            key[other] = (snp.asarray(key[axis]) * 3 + 1) % x.shape[other]
        elif self.chance(30):
            key[(axis + 1) % len(x.shape)] = (
                self.some_slice(x.shape[(axis + 1) % len(x.shape)]) if len(x.shape) > 1 else key[0]
            )
        self.keep(x.array[tuple(key)], exact=x.exact, bound=x.bound)

    def scattering(self) -> None:
        x = self.pick(lambda v: len(v.shape) > 0 and all(v.shape) and v.kind != "b")
        if x is None:
            return
        axis = self.integer(0, len(x.shape) - 1)
        index = snp.asarray(self.indices(x.shape[axis]))
        rest = x.shape[axis + 1 :]
        block = (*x.shape[:axis], *index.shape, *rest)
        if math.prod(block) > MAX_SIZE:
            return
        copy = snp.array(x.array)
        key = (*[slice(None)] * axis, index)
        update = self.operand(block, x.dtype)
        if self.chance(50):
            snp.add.at(copy, key, update)
            self.keep(copy, exact=False, bound=x.bound + 4 * max(math.prod(index.shape), 1))
        else:
            copy[key] = update
            self.keep(copy, exact=False, bound=max(x.bound, 4))

    def along_an_axis(self) -> None:
        x = self.pick(lambda v: len(v.shape) > 0 and v.kind in "fi" and v.exact)
        y = self.some_float(ndim=1)
        if x is not None and self.chance(50):
            axis = self.integer(0, len(x.shape) - 1)
            if self.chance(50):
                self.keep(snp.sort(x.array, axis=axis), bound=x.bound)
            else:
                self.keep(snp.argsort(x.array, axis=axis, kind="stable"))
        elif y is not None:
            axis = self.integer(0, len(y.shape) - 1)
            if self.chance(60):
                self.keep(snp.cumsum(y.array, axis=axis), exact=False, bound=y.bound * max(1, y.shape[axis]))
            else:
                self.keep(snp.cumprod(snp.cos(y.array), axis=axis), exact=False, bound=1.0)


def _broadcast(*shapes: tuple[int, ...]) -> bool:
    try:
        return math.prod(np.broadcast_shapes(*shapes)) <= MAX_SIZE
    except ValueError:
        return False


def _refactored(shape: tuple[int, ...], maker: Operations) -> tuple[int, ...]:
    """Another shape with as many elements."""
    size = math.prod(shape)
    if size == 0:
        return maker.choose(((0,), (0, 3), (2, 0), (4, 0, 2)))  # type: ignore[no-any-return]
    found = []
    while size > 1:
        divisors = [d for d in range(2, size + 1) if size % d == 0]
        found.append(maker.choose(divisors))
        size //= found[-1]
        if maker.chance(15):
            found.append(1)
    return tuple(found)
