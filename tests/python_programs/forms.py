"""Forms of programs that users write often, with random parts."""

from __future__ import annotations

from collections.abc import Callable

from tests.python_programs.scope import BOOL, FLOAT, SHAPES, Scope, Type, array, integer, list_of
from tests.python_programs.statements import Lines, Statements, indented


class Forms(Statements):
    """Adds them to the statements."""

    def statement(self, scope: Scope) -> Lines:
        if self.chance(86):
            return super().statement(scope)
        forms: list[Callable[[Scope], Lines]] = [
            self.best_so_far,
            self.found_flag,
            self.counter,
            self.swapped_elements,
            self.part_with_variable_bounds,
            self.part_with_variable_bounds,
            self.out_argument,
            self.view_of_view,
            self.pairs,
            self.items_of_dict,
            self.identity,
            self.elements_at_once,
            self.checks,
            self.maybe_unbound,
            self.removed,
            self.recursion,
            self.parameters_of_all_kinds,
            self.managed,
            self.matching,
            self.functional,
            self.nested_unpacking,
            self.recurrence,
            self.derived_class,
            self.closures_in_a_list,
            self.rows_at_once,
            self.table_of_lists,
        ]
        return self.random.choice(forms)(scope)

    def vector(self, scope: Scope) -> tuple[str, int] | None:
        found = [(name, t.shape[0]) for name, t in self.of_kind("array", scope) if len(t.shape) == 1]
        return self.random.choice(found) if found else None

    def best_so_far(self, scope: Scope) -> Lines:
        found = self.vector(scope)
        if found is None:
            return self.assign(scope)
        best, item = self.fresh(), self.fresh()
        first = "None" if self.chance(40) else f"{found[0]}[0]"
        none = f"{best} is None or " if first == "None" else ""
        scope.names[best] = FLOAT
        value = f"{item} * {self.number()}" if self.chance(50) else item
        lines = [f"if {none}{item} {self.random.choice('<>')} {best}:", f"    {best} = {value}"]
        return [f"{best} = {first}", f"for {item} in {found[0]}:", *indented(lines)]

    def found_flag(self, scope: Scope) -> Lines:
        found = self.vector(scope)
        if found is None:
            return self.assign(scope)
        flag, item = self.fresh(), self.fresh()
        inner = scope.block(in_loop=True, kept=scope.kept | {item, flag})
        inner.names.update({item: integer(0, found[1] - 1), flag: BOOL})
        made = [f"{flag} = False", f"for {item} in range({found[1]}):"]
        made += indented([f"if {found[0]}[{item}] > {self.number()}:", f"    {flag} = True"])
        made += indented(indented(["break"] if self.chance(60) else []) + self.block(inner, 1))
        scope.names[flag] = BOOL
        scope.names[item] = integer(0, found[1] - 1)
        return made

    def counter(self, scope: Scope) -> Lines:
        name = self.fresh()
        inner = scope.block(kept=scope.kept | {name})
        inner.names[name] = integer(0, 100)
        item = self.fresh()
        made = [f"{name} = 0", f"for {item} in range({self.random.randint(1, 4)}):"]
        step = [f"{name} += {self.random.randint(1, 2)}"]
        if self.chance(60):
            step = [f"if {self.condition(inner, 1)}:", *indented(step)]
        made += indented([*step, *self.block(inner, 1)])
        scope.names[name] = integer(0, 100)
        return made

    def swapped_elements(self, scope: Scope) -> Lines:
        found = self.vector(scope)
        if found is None:
            return self.assign(scope)
        name, n = found
        if self.chance(40):
            i, j = self.fresh(), self.fresh()
            lines = [f"for {j} in range({i} + 1, {n}):", f"    if {name}[{j}] < {name}[{i}]:"]
            lines.append(f"        {name}[{i}], {name}[{j}] = {name}[{j}], {name}[{i}]")
            return [f"for {i} in range({n - 1}):", *indented(lines)]
        i, j = self.index(n, scope), self.index(n, scope)
        return [f"{name}[{i}], {name}[{j}] = {name}[{j}], {name}[{i}]"]

    def part_with_variable_bounds(self, scope: Scope) -> Lines:
        found = self.vector(scope)
        if found is None:
            return self.assign(scope)
        name, n = found
        i = self._int(integer(0, n - 1), scope, 1)
        part = self.random.choice((f"[{i}:]", f"[:{i}]", f"[:{i} + 1]"))
        if self.chance(30) and n > 2:
            part = f"[{(k := self._int(integer(0, n - 2), scope, 1))}:{k} + 2]"
        if self.chance(40):
            return self.bind(scope, FLOAT, f"{name}{part}.sum()")
        return [f"{name}{part} {self.random.choice(('=', '+=', '*='))} {self._float(FLOAT, scope, 1)}"]

    def out_argument(self, scope: Scope) -> Lines:
        arrays = self.of_kind("array", scope)
        if not arrays:
            return self.assign(scope)
        name, type_ = self.random.choice(arrays)
        value, number = self._array(type_, scope, 1), self._float(FLOAT, scope, 1)
        return [
            self.random.choice(
                (
                    f"np.add({name}, {value}, out={name})",
                    f"np.sin({value}, out={name})",
                    f"np.multiply({name}, {number}, {name})",
                    f"{name}.fill({number})",
                    f"np.copyto({name}, {value})",
                    f"{name}.sort()",
                )
            )
        ]

    def view_of_view(self, scope: Scope) -> Lines:
        found = self.vector(scope)
        if found is None:
            return self.assign(scope)
        name, n = found
        first = self.random.choice((f"{name}[::-1]", f"{name}[1:]", f"{name}[:]", f"{name}[:, None]", f"{name}[::2]"))
        if first.endswith("None]"):
            return [f"{first}[{self.index(n, scope)}, 0] = {self._float(FLOAT, scope, 1)}"]
        return [f"{first}[{self.random.choice(('0', '-1', ':1', '1:', '::-1'))}] += {self._float(FLOAT, scope, 1)}"]

    def pairs(self, scope: Scope) -> Lines:
        """A list of pairs, and a loop over it."""
        shape = self.random.choice(SHAPES)
        name, a, b, k = (self.fresh() for _ in range(4))
        made = [f"({self._float(FLOAT, scope, 1)}, {self._array(array(*shape), scope, 1)})" for _ in range(2)]
        inner = scope.block(in_loop=True)
        inner.names.update({a: FLOAT, b: array(*shape)})
        head = f"for {a}, {b} in {name}:"
        if self.chance(40):
            inner.names[k] = integer(0, 1)
            inner.kept |= {k}
            head = f"for {k}, ({a}, {b}) in enumerate({name}):"
        return [f"{name} = [{', '.join(made)}]", head, *indented(self.block(inner, 2))]

    def items_of_dict(self, scope: Scope) -> Lines:
        dicts = self.of_kind("dict", scope)
        if not dicts:
            return self.on_dict(scope)
        name, type_ = self.random.choice(dicts)
        key, value = self.fresh(), self.fresh()
        inner = scope.block(in_loop=True)
        inner.names[value] = type_.of[0]
        if self.chance(40):
            return [f"for {value} in {name}.values():", *indented(self.block(inner, 2))]
        lines = self.block(inner, 1)
        if self.chance(40):
            lines = [f"if {key} == 'a':", *indented(lines)]
        return [f"for {key}, {value} in {name}.items():", *indented(lines)]

    def identity(self, scope: Scope) -> Lines:
        """`is` and `is not` of arrays."""
        arrays = self.of_kind("array", scope)
        if len(arrays) < 2:
            return self.assign(scope)
        (a, _), (b, _) = self.random.sample(arrays, 2)
        return [f"if {a} {self.random.choice(('is', 'is not'))} {b}:", *indented(self.body(scope))]

    def elements_at_once(self, scope: Scope) -> Lines:
        found = self.vector(scope)
        if found is None:
            return self.assign(scope)
        name, n = found
        i, j = self.index(n, scope), self.index(n, scope)
        if self.chance(50):
            return [f"{name}[{i}] = {name}[{j}] = {self._float(FLOAT, scope, 1)}"]
        return [f"{name}[{i}], {name}[{j}] = {self._float(FLOAT, scope, 1)}, {self._float(FLOAT, scope, 1)}"]

    def checks(self, scope: Scope) -> Lines:
        """`assert` and `raise`, seldom true."""
        if self.chance(50):
            return [f"assert {self._float(FLOAT, scope, 1)} < {self.number(2.0, 4.0)}"]
        error = self.random.choice(("ValueError('bad')", "RuntimeError", "KeyError('k')"))
        return [f"if {self._float(FLOAT, scope, 1)} > {self.number(1.5, 3.0)}:", f"    raise {error}"]

    def maybe_unbound(self, scope: Scope) -> Lines:
        """A name that one path binds, read on the same condition or another one."""
        name, condition = self.fresh(), self.condition(scope, 1)
        inner = scope.block()
        inner.names[name] = FLOAT
        again = condition if self.chance(85) else self.condition(scope, 1)
        made = [f"if {condition}:", f"    {name} = {self._float(FLOAT, scope, 1)}"]
        made += self.block(scope, 1) if self.chance(20) else []
        return [*made, f"if {again}:", *indented(self.block(inner, 1))]

    def removed(self, scope: Scope) -> Lines:
        name = self.fresh()
        inner = scope.block()
        inner.names[name] = FLOAT
        return [f"{name} = {self._float(FLOAT, scope, 1)}", *self.rebind(inner), f"del {name}"]

    def recursion(self, scope: Scope) -> Lines:
        name, value, k = (self.fresh() for _ in range(3))
        inner = scope.function(FLOAT)
        inner.names[value] = FLOAT
        stop = self.random.choice((f"{k} == 0", f"{k} == 0 or {value} > 1.7"))
        lines = [f"if {stop}:", f"    return {self._float(FLOAT, inner, 1)}"]
        lines.append(f"return {name}({self._float(FLOAT, inner, 1)}, {k} - 1)")
        made = [f"def {name}({value}, {k}):", *indented(lines)]
        return made + self.bind(scope, FLOAT, f"{name}({self._float(FLOAT, scope, 1)}, {self.random.randint(0, 3)})")

    def parameters_of_all_kinds(self, scope: Scope) -> Lines:
        name, a, b, c, d = (self.fresh() for _ in range(5))
        inner = scope.function(FLOAT)
        inner.names.update({a: FLOAT, b: FLOAT})
        lines = [*self.block(inner, 1), f"return {self._float(FLOAT, inner, 1)} + sum({c}) + {d}.get('z', 0.5)"]
        default = self.number() if self.chance(50) else self._float(FLOAT, scope, 0)
        made = [f"def {name}({a}, {b}={default}, *{c}, **{d}):", *indented(lines)]
        x = lambda: self._float(FLOAT, scope, 1)  # noqa: E731
        calls = (f"{x()}", f"{x()}, {x()}, {x()}", f"{x()}, z={x()}", f"*({x()}, {x()})", f"{b}={x()}, {a}={x()}")
        return made + self.bind(scope, FLOAT, f"{name}({self.random.choice(calls)})")

    def managed(self, scope: Scope) -> Lines:
        """A context manager made from a generator function, over an array of the program."""
        arrays = self.of_kind("array", scope)
        if not arrays:
            return self.assign(scope)
        name, a, b = (self.fresh() for _ in range(3))
        lines = [f"{a} *= {self.number()}", "try:", f"    yield {a}", "finally:", f"    {a} += {self.number()}"]
        chosen, type_ = self.random.choice(arrays)
        inner = scope.block()
        inner.names[b] = type_
        made = ["@contextlib.contextmanager", f"def {name}({a}):", *indented(lines), f"with {name}({chosen}) as {b}:"]
        return made + indented(self.block(inner, 2))

    def matching(self, scope: Scope) -> Lines:
        integers = self.of_kind("int", scope)
        if not integers:
            return self.if_(scope)
        made = [f"match {self.random.choice(integers)[0]}:", "    case 0:", *indented(indented(self.body(scope)))]
        made += ["    case 1 | 2:", *indented(indented(self.body(scope)))] if self.chance(60) else []
        return [*made, "    case _:", *indented(indented(self.body(scope)))]

    def functional(self, scope: Scope) -> Lines:
        found = self.vector(scope)
        if found is None:
            return self.assign(scope)
        name, n = found
        item, other = self.fresh(), self.fresh()
        inner = scope.block()
        inner.names[item] = FLOAT
        one = self._float(FLOAT, inner, 1)
        inner.names[other] = FLOAT
        two = self._float(FLOAT, inner, 1)
        made = (
            (list_of(FLOAT, n), f"list(map(lambda {item}: {one}, {name}))"),
            (FLOAT, f"functools.reduce(lambda {item}, {other}: {two}, {name})"),
            (FLOAT, f"functools.partial(lambda {item}, {other}: {two}, {name}[0])({name}[-1])"),
            (FLOAT, f"sum(map(lambda {item}: {one}, {name}))"),
            (list_of(FLOAT, n), f"[{item} * {other} for {item}, {other} in zip({name}, {name}[::-1])]"),
            (list_of(FLOAT, 2), f"[{item} + {other} for {item} in {name} for {other} in (1.5, 0.5)]"),
            (list_of(FLOAT, 1), f"[{item} * 2 for {other}, {item} in enumerate({name}) if {other} != 1]"),
        )
        type_, text = self.random.choice(made)
        return self.bind(scope, type_, text)

    def nested_unpacking(self, scope: Scope) -> Lines:
        a, b, c = (self.fresh() for _ in range(3))
        shape = self.random.choice(SHAPES)
        value, second = self._float(FLOAT, scope, 1), self._array(array(*shape), scope, 1)
        third = self._float(FLOAT, scope, 1)
        scope.names.update({a: FLOAT, b: array(*shape), c: FLOAT})
        return [f"({a}, {b}), {c} = ({value}, {second}), {third}"]

    def recurrence(self, scope: Scope) -> Lines:
        found = self.vector(scope)
        if found is None:
            return self.assign(scope)
        name, n = found
        i = self.fresh()
        inner = scope.block(in_loop=True, kept=scope.kept | {i})
        inner.names[i] = integer(1, n - 1)
        lines = [f"{name}[{i}] = {self.number()} * {name}[{i} - 1] + {self._float(FLOAT, inner, 1)}"]
        if self.chance(40):
            lines += self.block(inner, 1)
        return [f"for {i} in range(1, {n}):", *indented(lines)]

    def derived_class(self, scope: Scope) -> Lines:
        """A class of a class, with a property, made inside."""
        name, box = self.fresh().upper(), self.fresh()
        expression = self.random.choice(("self.s * 0.3", "np.sin(self.s)", "self.v.sum()"))
        made = [f"class {name}(Box):", "    rate = 0.7", "    @property", "    def twice(self):"]
        made += [f"        return {expression} * self.rate", "    def move(self, amount):"]
        made += ["        super().move(amount + 0.1)", "        self.v[-1] += self.twice"]
        value = f"{name}({self._float(FLOAT, scope, 1)}, {self._array(array(3), scope, 1)})"
        scope.names[box] = Type("box", of=(FLOAT, array(3)))
        return [*made, f"{box} = {value}", f"{box}.move({self._float(FLOAT, scope, 1)})"]

    def closures_in_a_list(self, scope: Scope) -> Lines:
        name, z, i = (self.fresh() for _ in range(3))
        inner = scope.block()
        inner.names.update({z: FLOAT, i: integer(0, 2)})
        body = self._float(FLOAT, inner, 1)
        default = f", {i}={i}" if self.chance(50) else ""
        made = [f"{name} = [lambda {z}{default}: {body} + {i} for {i} in range(3)]"]
        return made + self.bind(scope, FLOAT, f"{name}[{self.random.randint(0, 2)}]({self._float(FLOAT, scope, 1)})")

    def rows_at_once(self, scope: Scope) -> Lines:
        matrices = [name for name, t in self.of_kind("array", scope) if len(t.shape) == 2]
        if not matrices:
            return self.assign(scope)
        name = self.random.choice(matrices)
        swaps = (f"{name}[[0, 1]] = {name}[[1, 0]]", f"{name}[0], {name}[1] = {name}[1].copy(), {name}[0].copy()")
        return [self.random.choice((*swaps, f"{name}[:, [0, 1]] = {name}[:, [1, 0]]", f"{name}[:, ::-1][0] += 0.5"))]

    def table_of_lists(self, scope: Scope) -> Lines:
        """A list of lists as a table."""
        name, i, j = (self.fresh() for _ in range(3))
        inner = scope.block()
        inner.names.update({i: integer(0, 1), j: integer(0, 1)})
        made = [f"{name} = [[{self._float(FLOAT, inner, 1)} for {j} in range(2)] for {i} in range(2)]"]
        loop = scope.block(in_loop=True, kept=scope.kept | {i})
        loop.names[i] = integer(0, 1)
        made += [f"for {i} in range(2):", f"    {name}[{i}][1 - {i}] = {self._float(FLOAT, loop, 1)}"]
        return made + self.bind(scope, FLOAT, f"{name}[0][1] * {name}[1][0]")
