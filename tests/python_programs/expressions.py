"""Random expressions of a type: smooth for the most part, of moderate size."""

from __future__ import annotations

from typing import Any

from tests.python_programs.scope import BOOL, BOX, FLOAT, SHAPES, Scope, Type, Writer, array, integer, list_of

_FUNCTIONS = ("np.sin", "np.cos", "np.tanh", "np.arctan", "np.sin", "np.tanh")


class Expressions(Writer):
    """Text of expressions. ``depth`` bounds how deep they go."""

    def expression(self, type_: Type, scope: Scope, depth: int) -> str:
        made: str = getattr(self, f"_{type_.kind}")(type_, scope, depth)
        return made

    def of_kind(self, kind: str, scope: Scope) -> list[tuple[str, Type]]:
        return [(name, type_) for name, type_ in scope.visible().items() if type_.kind == kind]

    def variable(self, type_: Type, scope: Scope) -> str | None:
        """A name, attribute or item of this type."""
        found = [name for name, known in scope.visible().items() if known == type_]
        for name, known in scope.visible().items():
            if known.kind == "tuple":
                found += [f"{name}[{k}]" for k, part in enumerate(known.of) if part == type_]
            elif known.kind == "list" and known.of[0] == type_ and known.low:
                found += [f"{name}[{k}]" for k in (0, -1)]
            elif known.kind == "dict" and known.of[0] == type_:
                found += [f"{name}['{key}']" for key in known.keys]
            elif known.kind == "box":
                found += [f"{name}.{attribute}" for attribute, part in zip("sv", known.of) if part == type_]
        return self.random.choice(found) if found else None

    def call(self, type_: Type, scope: Scope, depth: int) -> str | None:
        """A call of a function of the program that returns this type."""
        found = [(name, known) for name, known in self.of_kind("function", scope) if known.of == (type_,)]
        if not found:
            return None
        name, known = self.random.choice(found)
        return f"{name}({', '.join(self.expression(part, scope, depth - 1) for part in known.takes)})"

    def either(self, type_: Type, scope: Scope, depth: int) -> str:
        """A conditional expression."""
        then, orelse = (self.expression(type_, scope, depth - 1) for _ in range(2))
        return f"({then} if {self.condition(scope, depth - 1)} else {orelse})"

    def comes(self, *options: Any) -> str | None:
        """The first option that can be written, in random order."""
        return self.random.choice(options)()  # type: ignore[no-any-return]

    # numbers

    def _float(self, type_: Type, scope: Scope, depth: int) -> str:
        if depth <= 0:
            return self.leaf(scope)
        e = self.random.randrange(19)
        a = lambda: self._float(type_, scope, depth - 1)  # noqa: E731
        if e < 2:
            return self.leaf(scope)
        if e < 4:
            return f"({a()} + {a()})"
        if e < 6:
            return f"({a()} - {a()})"
        if e < 8:
            return f"{self.random.choice(('0.5 * ', ''))}{a()} * {self.random.choice(_FUNCTIONS)}({a()})"
        if e < 10:
            return f"{self.random.choice((*_FUNCTIONS, 'math.sin', 'math.cos', 'math.atan', 'math.tanh'))}({a()})"
        if e == 10:
            return f"({a()} / (1.5 + {a()} ** 2))"
        if e == 11:
            return f"np.sqrt(1.1 + {a()} ** 2)"
        if e == 12:
            return self.either(type_, scope, depth)
        if e == 13:
            return self.call(type_, scope, depth) or a()
        if e == 14:
            return f"{self.random.choice(('max', 'min'))}({a()}, {a()})"
        if e == 15:
            return self.total(scope, depth)
        if e == 16:
            return f"abs({a()})" if self.chance(50) else f"-{a()}"
        if e == 17:
            return f"float({a()})" if self.chance(30) else f"(lambda z: z * {self.number()} + {a()})({a()})"
        whole = self._int(integer(0, 3), scope, 1)
        return f"{self.number()} * {whole}"

    def leaf(self, scope: Scope) -> str:
        """A variable, element or number."""
        if self.chance(15):
            return self.number()
        if self.chance(65):
            found = self.variable(FLOAT, scope)
            if found is not None:
                return found
        arrays = self.of_kind("array", scope)
        if not arrays:
            return self.number()
        name, type_ = self.random.choice(arrays)
        return f"{name}[{', '.join(self.index(extent, scope) for extent in type_.shape)}]"

    def total(self, scope: Scope, depth: int) -> str:
        """A number made of many."""
        e = self.random.randrange(7)
        if e < 3:
            method = self.random.choice(("sum", "mean", "sum", "max", "min", "prod"))
            return f"{self.some_array(scope, depth - 1)}.{method}()"
        if e == 3:
            lists = [name for name, t in self.of_kind("list", scope) if t.of[0] == FLOAT]
            if lists:
                return f"sum({self.random.choice(lists)})"
        if e == 4:
            item = self.fresh()
            space, names = self.space(scope, item, depth)
            return f"sum({self.inside(FLOAT, scope, names, depth)} for {item} in {space})"
        shape = self.random.choice(SHAPES)
        a, b = (self.expression(array(*shape), scope, depth - 1) for _ in range(2))
        return f"np.sum({a} * {b})"

    def inside(self, type_: Type, scope: Scope, names: dict[str, Type], depth: int) -> str:
        inner = scope.block()
        inner.names.update(names)
        return self.expression(type_, inner, depth - 1)

    def space(self, scope: Scope, item: str, depth: int) -> tuple[str, dict[str, Type]]:
        """What a comprehension goes over, and the type of its variable."""
        lists = [(name, t) for name, t in self.of_kind("list", scope)]
        vectors = [(name, t) for name, t in self.of_kind("array", scope) if len(t.shape) == 1]
        e = self.random.randrange(3)
        if e == 0 and lists:
            name, type_ = self.random.choice(lists)
            return name, {item: type_.of[0]}
        if e == 1 and vectors:
            return self.random.choice(vectors)[0], {item: FLOAT}
        count = self.random.randint(1, 4)
        return f"range({count})", {item: integer(0, count - 1)}

    def _int(self, type_: Type, scope: Scope, depth: int) -> str:
        low, high = type_.low, type_.high
        fitting = [name for name, t in self.of_kind("int", scope) if low <= t.low and t.high <= high]
        if fitting and self.chance(60):
            return self.random.choice(fitting)
        shifted = [(name, t) for name, t in self.of_kind("int", scope) if t.high - t.low <= high - low]
        if shifted and self.chance(30):
            name, t = self.random.choice(shifted)
            shift = self.random.randint(low - t.low, high - t.high)
            return f"({name} {'-' if shift < 0 else '+'} {abs(shift)})" if shift else name
        others = [name for name, t in self.of_kind("int", scope)]
        if others and low == 0 and self.chance(30):
            return f"{self.random.choice(others)} % {high + 1}"
        lists = [name for name, t in self.of_kind("list", scope)]
        if lists and low == 0 and self.chance(5):
            return f"len({self.random.choice(lists)}) % {high + 1}"
        vectors = [name for name, t in self.of_kind("array", scope) if len(t.shape) == 1 and t.shape[0] <= high + 1]
        if vectors and low == 0 and depth > 0 and self.chance(5):
            return f"int(np.argmax({self.random.choice(vectors)}))"
        return str(self.random.randint(low, high))

    def index(self, extent: int, scope: Scope) -> str:
        if self.chance(12):
            return str(-self.random.randint(1, extent))
        return self._int(integer(0, extent - 1), scope, 1)

    # truth

    def _bool(self, type_: Type, scope: Scope, depth: int) -> str:
        return self.condition(scope, depth)

    def condition(self, scope: Scope, depth: int) -> str:
        e = self.random.randrange(15)
        a = lambda: self._float(FLOAT, scope, min(depth - 1, 1))  # noqa: E731
        if e < 5:
            return f"{a()} {self.random.choice('<>')} {self.number()}"
        if e < 7:
            return f"{a()} {self.random.choice('<>')} {a()}"
        integers = [name for name, _ in self.of_kind("int", scope)]
        if e < 9 and integers:
            name = self.random.choice(integers)
            k = self.random.randint(0, 2)
            return f"{name} {self.random.choice((f'== {k}', f'> {k}', '% 2 == 0', f'< {k}', f'!= {k}'))}"
        if e == 9 and depth > 0:
            first, second = (self.condition(scope, depth - 1) for _ in range(2))
            return f"({first} {self.random.choice(('and', 'or'))} {second})"
        if e == 10 and depth > 0:
            return f"not {self.condition(scope, depth - 1)}"
        if e == 11:
            return f"{self.number(-1.5, 0)} < {a()} < {self.number(0, 1.5)}"
        if e == 12:
            arrays = self.of_kind("array", scope)
            if arrays:
                name = self.random.choice(arrays)[0]
                return f"np.{self.random.choice(('any', 'all'))}({name} > {self.number()})"
        if e == 13:
            return self.static_condition(scope)
        booleans = [name for name, _ in self.of_kind("bool", scope)]
        return self.random.choice(booleans) if booleans else f"{a()} > {self.number()}"

    def static_condition(self, scope: Scope) -> str:
        lists = [name for name, _ in self.of_kind("list", scope)]
        dicts = [name for name, _ in self.of_kind("dict", scope)]
        words = [name for name, _ in self.of_kind("word", scope)]
        e = self.random.randrange(4)
        if e == 0 and lists:
            return f"len({self.random.choice(lists)}) > {self.random.randint(0, 3)}"
        if e == 1 and dicts:
            return f"'{self.random.choice('abz')}' in {self.random.choice(dicts)}"
        if words:
            return f"{self.random.choice(words)} == '{self.random.choice(('sine', 'plain'))}'"
        return self.random.choice(("True", "False"))

    def _word(self, type_: Type, scope: Scope, depth: int) -> str:
        return self.variable(type_, scope) or "'sine'"

    # arrays

    def some_array(self, scope: Scope, depth: int) -> str:
        arrays = self.of_kind("array", scope)
        if arrays and (depth <= 0 or self.chance(60)):
            return self.random.choice(arrays)[0]
        return f"({self.expression(array(*self.random.choice(SHAPES)), scope, depth)})"

    def _array(self, type_: Type, scope: Scope, depth: int) -> str:
        shape = type_.shape
        if depth <= 0:
            return self.variable(type_, scope) or self.view(shape, scope) or self.new_array(shape, scope, 0)
        a = lambda: self._array(type_, scope, depth - 1)  # noqa: E731
        e = self.random.randrange(20)
        if e < 2:
            return self.variable(type_, scope) or self.new_array(shape, scope, depth - 1)
        if e < 4:
            return self.view(shape, scope) or a()
        if e < 6:
            return f"({a()} {self.random.choice('+-')} {a()})"
        if e < 8:
            return f"({a()} * {self._float(FLOAT, scope, depth - 1)})"
        if e < 10:
            return f"{self.random.choice(_FUNCTIONS)}({a()})"
        if e == 10:
            return f"np.where({a()} > {self.number()}, {a()}, {a()})"
        if e == 11:
            return self.either(type_, scope, depth)
        if e == 12:
            return self.call(type_, scope, depth) or a()
        if e == 13:
            return f"({a()} * {a()})"
        if e == 14:
            return self.product(shape, scope, depth) or a()
        if e == 15:
            return f"({a()}).copy()"
        if e == 16:
            return self.stacked(shape, scope, depth)
        if e == 17 and len(shape) == 1 and shape[0] > 2:
            n = self.random.randint(2, shape[0] - 1) if shape[0] > 3 else 2
            rest = shape[0] - n
            second = (
                self._array(array(rest), scope, depth - 1)
                if rest > 1
                else f"np.array([{self._float(FLOAT, scope, depth - 1)}])"
            )
            return f"np.concatenate([{self._array(array(n), scope, depth - 1)}, {second}])"
        return self.new_array(shape, scope, depth - 1)

    def product(self, shape: tuple[int, ...], scope: Scope, depth: int) -> str | None:
        if len(shape) == 2:
            a, b = (self._array(array(extent), scope, depth - 1) for extent in shape)
            return f"np.outer({a}, {b})"
        if shape[0] == 4:
            return None
        a, b = (self._array(array(*own), scope, depth - 1) for own in ((shape[0], 2), (2,)))
        return f"({a} @ {b})"

    def stacked(self, shape: tuple[int, ...], scope: Scope, depth: int) -> str:
        item = self.fresh()
        element = FLOAT if len(shape) == 1 else array(shape[1])
        inner = self.inside(element, scope, {item: integer(0, shape[0] - 1)}, depth)
        return f"np.{'array' if element == FLOAT else 'stack'}([{inner} for {item} in range({shape[0]})])"

    def new_array(self, shape: tuple[int, ...], scope: Scope, depth: int) -> str:
        text = str(shape[0]) if len(shape) == 1 else str(shape)
        e = self.random.randrange(6)
        if e < 2:
            return f"np.{self.random.choice(('zeros', 'ones'))}({text})"
        if e == 2:
            return f"np.full({text}, {self._float(FLOAT, scope, depth)})"
        same = [name for name, t in self.of_kind("array", scope) if t.shape == shape]
        if same and e < 5:
            return f"np.{self.random.choice(('zeros_like', 'ones_like', 'copy', 'array'))}({self.random.choice(same)})"
        if len(shape) == 1:
            return f"np.array([{', '.join(self._float(FLOAT, scope, depth) for _ in range(shape[0]))}])"
        return f"np.array([{', '.join(self._array(array(shape[1]), scope, depth) for _ in range(shape[0]))}])"

    def view(self, shape: tuple[int, ...], scope: Scope) -> str | None:
        """A view of this shape of a variable."""
        found = []
        for name, type_ in self.of_kind("array", scope):
            found += [f"{name}{suffix}" for suffix in views(type_.shape, shape)]
            if len(type_.shape) == 2 and len(shape) == 1:
                if type_.shape[1] == shape[0]:
                    found.append(f"{name}[{self.index(type_.shape[0], scope)}]")
                if type_.shape[0] == shape[0]:
                    found.append(f"{name}[:, {self.index(type_.shape[1], scope)}]")
        return self.random.choice(found) if found else None

    # containers

    def _tuple(self, type_: Type, scope: Scope, depth: int) -> str:
        if self.chance(25):
            found = self.variable(type_, scope)
            if found is not None:
                return found
        parts = ", ".join(self.expression(part, scope, depth - 1) for part in type_.of)
        return f"({parts},)" if len(type_.of) == 1 else f"({parts})"

    def _list(self, type_: Type, scope: Scope, depth: int) -> str:
        (element,) = type_.of
        found = [name for name, t in self.of_kind("list", scope) if t.of == type_.of and t.low >= type_.low]
        if found and self.chance(30):
            return self.random.choice(
                (self.random.choice(found), f"list({self.random.choice(found)})", f"{self.random.choice(found)}[:]")
            )
        if self.chance(25):
            item, count = self.fresh(), max(type_.low, 1)
            return f"[{self.inside(element, scope, {item: integer(0, count - 1)}, depth)} for {item} in range({count})]"
        if self.chance(10) and type_.low:
            return f"[{self.expression(element, scope, depth - 1)}] * {type_.low}"
        return f"[{', '.join(self.expression(element, scope, depth - 1) for _ in range(max(type_.low, 1)))}]"

    def _dict(self, type_: Type, scope: Scope, depth: int) -> str:
        (element,) = type_.of
        if self.chance(20):
            item = self.fresh()
            return f"{{{item}: {self.expression(element, scope, depth - 1)} for {item} in {type_.keys!r}}}"
        return "{" + ", ".join(f"'{key}': {self.expression(element, scope, depth - 1)}" for key in type_.keys) + "}"

    def _box(self, type_: Type, scope: Scope, depth: int) -> str:
        found = [name for name, _ in self.of_kind("box", scope)]
        if found and self.chance(30):
            return self.random.choice(found)
        return f"Box({self.expression(FLOAT, scope, depth - 1)}, {self.expression(array(3), scope, depth - 1)})"

    def some_type(self, *, simple: bool = False) -> Type:
        """A type for a new variable."""
        e = self.random.randrange(14 if not simple else 10)
        if e < 4:
            return FLOAT
        if e < 9:
            return array(*self.random.choice(SHAPES))
        if e < 10:
            return BOOL
        element = FLOAT if self.chance(50) else array(*self.random.choice(SHAPES))
        if e == 10:
            return Type("tuple", of=tuple(self.some_type(simple=True) for _ in range(self.random.randint(2, 3))))
        if e == 11:
            return list_of(element, self.random.randint(1, 3))
        if e == 12:
            return Type("dict", of=(element,), keys=("a", "b"))
        return BOX


def views(from_: tuple[int, ...], to: tuple[int, ...]) -> list[str]:
    """What follows a name of the one shape to make a view of the other."""
    found = []
    if from_ == to:
        found += ["[:]", "[::-1]", "[...]"]
    if from_[::-1] == to and len(to) == 2:
        found += [".T", ".transpose()"]
    if len(from_) == len(to) == 1:
        n, k = from_[0], to[0]
        if k < n:
            found += [f"[:{k}]", f"[{n - k}:]", f"[{-k}:]", f"[:{k - n}]"]
        found += ["[::2]"] if k == (n + 1) // 2 else []
        found += ["[1::2]"] if k == n // 2 else []
        found += [f"[{n - 2}::-1]"] if k == n - 1 else []
    elif len(to) == 2 and len(from_) == 1 and from_[0] == to[0] * to[1]:
        found += [f".reshape({to[0]}, {to[1]})", f".reshape({to[0]}, -1)"]
    elif len(from_) == 2 and len(to) == 1 and to[0] == from_[0] * from_[1]:
        found += [".reshape(-1)", ".ravel()"]
    elif len(from_) == 2 and len(to) == 2:
        if from_[0] == to[0] and to[1] == from_[1] - 1:
            found += ["[:, 1:]", "[:, :-1]"]
        if from_[1] == to[1] and to[0] == from_[0] - 1:
            found += ["[1:]", "[:-1]"]
    return found
