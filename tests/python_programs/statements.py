"""Random statements: control flow, writes, bindings, and the functions around them."""

from __future__ import annotations

from collections.abc import Callable

from tests.python_programs.expressions import Expressions, views
from tests.python_programs.scope import BOX, FLOAT, SHAPES, Scope, Type, array, integer, list_of

Lines = list[str]
MASKED = Type("masked")


def indented(lines: Lines) -> Lines:
    return ["    " + line for line in lines]


class Statements(Expressions):
    """Lines of statements; each changes the scope as it goes."""

    #: how deep blocks nest
    depth = 2

    def block(self, scope: Scope, count: int) -> Lines:
        lines: Lines = []
        for _ in range(count):
            lines += self.statement(scope)
        return lines or ["pass"]

    def body(self, scope: Scope, **changes: object) -> Lines:
        """A nested block."""
        return self.block(scope.block(**changes), self.random.randint(1, 2))

    def statement(self, scope: Scope) -> Lines:
        simple: list[tuple[int, Callable[[Scope], Lines]]] = [
            (12, self.assign),
            (8, self.rebind),
            (7, self.augmented),
            (14, self.write),
            (6, self.alias),
            (5, self.new_view),
            (4, self.swap),
            (3, self.unpack),
            (4, self.on_list),
            (3, self.on_dict),
            (4, self.on_box),
            (3, self.call_for_effect),
            (1, self.walrus),
            (2, self.several_targets),
        ]
        compound: list[tuple[int, Callable[[Scope], Lines]]] = [
            (14, self.if_),
            (12, self.for_),
            (5, self.while_),
            (2, self.try_),
            (2, self.with_),
            (3, self.define),
            (1, self.generator),
        ]
        jumps: list[tuple[int, Callable[[Scope], Lines]]] = [(3, self.jump)] if scope.nesting else []
        options = simple + jumps + (compound if scope.nesting < self.depth else [])
        weights, makers = zip(*options)
        made: Lines = self.random.choices(makers, weights)[0](scope)
        return made

    # bindings

    def bind(self, scope: Scope, type_: Type, text: str) -> Lines:
        name = self.fresh()
        scope.names[name] = type_
        return [f"{name} = {text}"]

    def assign(self, scope: Scope) -> Lines:
        type_ = self.some_type()
        return self.bind(scope, type_, self.expression(type_, scope, 2))

    def target(self, scope: Scope, *kinds: str) -> tuple[str, Type] | None:
        found = [(name, t) for name, t in scope.assignable().items() if not kinds or t.kind in kinds]
        return self.random.choice(found) if found else None

    def rebind(self, scope: Scope) -> Lines:
        found = self.target(scope, "float", "array", "bool", "tuple", "array", "box", "list", "dict")
        if found is None:
            return self.assign(scope)
        name, type_ = found
        return [f"{name} = {self.expression(type_, scope, 2)}"]

    def augmented(self, scope: Scope) -> Lines:
        found = self.target(scope, "float", "array")
        if found is None:
            return self.assign(scope)
        name, type_ = found
        value = type_ if type_.kind == "float" or self.chance(60) else FLOAT
        op = self.random.choice(("+=", "-=", "*=", "+=", "/="))
        text = self.expression(value, scope, 2)
        return [f"{name} {op} {text if op != '/=' else f'(2.0 + np.sin({text}))'}"]

    def written_part(self, scope: Scope) -> tuple[str, Type] | None:
        """Part of an array that can be written, and the type of what it holds."""
        arrays = [(name, t.shape) for name, t in self.of_kind("array", scope)]
        for name, t in scope.visible().items():
            if t.kind == "box":
                arrays.append((f"{name}.v", (3,)))
            elif t.kind == "dict" and t.of[0].kind == "array":
                arrays += [(f"{name}['{key}']", t.of[0].shape) for key in t.keys]
            elif t.kind == "list" and t.of[0].kind == "array" and t.low:
                arrays.append((f"{name}[0]", t.of[0].shape))
            elif t.kind == "tuple":
                arrays += [(f"{name}[{k}]", part.shape) for k, part in enumerate(t.of) if part.kind == "array"]
        if not arrays:
            return None
        name, shape = self.random.choice(arrays)
        e = self.random.randrange(10)
        if e < 5:
            return f"{name}[{', '.join(self.index(extent, scope) for extent in shape)}]", FLOAT
        if e < 6 and len(shape) == 2:
            row = self.chance(50)
            part = f"[{self.index(shape[0], scope)}]" if row else f"[:, {self.index(shape[1], scope)}]"
            return name + part, array(shape[1] if row else shape[0])
        if e < 9:
            smaller = self.random.choice([shape, *(to for to in SHAPES if len(to) == len(shape))])
            found = [suffix for suffix in views(shape, smaller) if suffix.startswith("[")]
            if found:
                return name + self.random.choice(found), array(*smaller)
        if e == 9:
            return f"{name}[{name} > {self.number()}]", MASKED
        return f"{name}[:]", array(*shape)

    def write(self, scope: Scope) -> Lines:
        found = self.written_part(scope)
        if found is None:
            return self.assign(scope)
        place, type_ = found
        if type_ == MASKED:
            return [f"{place} = {self._float(FLOAT, scope, 1)}"]
        value = type_ if self.chance(70) else FLOAT
        return [f"{place} {self.random.choice(('=', '=', '+=', '-=', '*='))} {self.expression(value, scope, 2)}"]

    def alias(self, scope: Scope) -> Lines:
        found = [(n, t) for n, t in scope.visible().items() if t.kind in ("array", "list", "dict", "box", "array")]
        if not found:
            return self.assign(scope)
        name, type_ = self.random.choice(found)
        other = self.random.choice([n for n, t in found if t == type_])
        text = name if name == other else f"{name} if {self.condition(scope, 1)} else {other}"
        into = [n for n, t in scope.assignable().items() if t == type_ and n not in (name, other)]
        if into and self.chance(50):
            return [f"{self.random.choice(into)} = {text}"]
        return self.bind(scope, type_, text)

    def new_view(self, scope: Scope) -> Lines:
        shape = self.random.choice(SHAPES)
        text = self.view(shape, scope)
        if text is None:
            return self.alias(scope)
        into = [n for n, t in scope.assignable().items() if t == array(*shape)]
        if into and self.chance(40):
            return [f"{self.random.choice(into)} = {text}"]
        return self.bind(scope, array(*shape), text)

    def swap(self, scope: Scope) -> Lines:
        found = self.target(scope, "float", "array")
        same = [n for n, t in scope.assignable().items() if found is not None and t == found[1]]
        if len(same) < 2:
            return self.write(scope)
        if len(same) > 2 and self.chance(20):
            a, b, c = self.random.sample(same, 3)
            return [f"{a}, {b}, {c} = {b}, {c}, {a}"]
        a, b = self.random.sample(same, 2)
        if self.chance(20):
            return [f"{a}, {b} = {b}, {self.expression(scope.visible()[a], scope, 1)}"]
        return [f"{a}, {b} = {b}, {a}"]

    def unpack(self, scope: Scope) -> Lines:
        tuples = self.of_kind("tuple", scope)
        if tuples and self.chance(60):
            name, type_ = self.random.choice(tuples)
            names = [self.fresh() for _ in type_.of]
            scope.names.update(zip(names, type_.of))
            return [f"{', '.join(names)} = {name}"]
        vectors = [(n, t) for n, t in self.of_kind("array", scope) if len(t.shape) == 1]
        if not vectors:
            return self.assign(scope)
        name, type_ = self.random.choice(vectors)
        names = [self.fresh() for _ in range(type_.shape[0])]
        if self.chance(30) and len(names) > 2:
            scope.names[names[0]] = FLOAT
            scope.names[names[1]] = list_of(FLOAT, type_.shape[0] - 1)
            return [f"{names[0]}, *{names[1]} = {name}"]
        scope.names.update(dict.fromkeys(names, FLOAT))
        return [f"{', '.join(names)} = {name}"]

    def several_targets(self, scope: Scope) -> Lines:
        type_ = self.some_type()
        a, b = self.fresh(), self.fresh()
        text = self.expression(type_, scope, 2)
        scope.names[a] = scope.names[b] = type_
        return [f"{a} = {b} = {text}"]

    def walrus(self, scope: Scope) -> Lines:
        name = self.fresh()
        text = self._float(FLOAT, scope, 1)
        made = [f"if ({name} := {text}) > {self.number()}:"]
        scope.names[name] = FLOAT
        return made + indented(self.body(scope))

    # containers and objects

    def on_list(self, scope: Scope) -> Lines:
        lists = [(n, t) for n, t in self.of_kind("list", scope)]
        if not lists:
            type_ = list_of(FLOAT if self.chance(50) else array(*self.random.choice(SHAPES)), 2)
            return self.bind(scope, type_, self.expression(type_, scope, 1))
        name, type_ = self.random.choice(lists)
        value = self.expression(type_.of[0], scope, 1)
        options = [
            [f"{name}.append({value})"],
            [f"{name}.append({value})"],
            [f"{name}[{self.random.choice((0, -1))}] = {value}"] if type_.low else [f"{name}.append({value})"],
            [f"{name} += [{value}]"] if name in scope.assignable() else [f"{name}.extend([{value}])"],
            [f"{name}.insert(0, {value})"],
            [f"if len({name}) > {max(type_.low, 1)}:", f"    {name}.pop({self.random.choice(('', '0'))})"],
            [f"{name}.reverse()"],
            [f"for {(i := self.fresh())} in range(len({name})):", f"    {name}[{i}] = {name}[{i}] * {self.number()}"],
        ]
        if type_.low > 1:
            options.append([f"{name}[0], {name}[1] = {name}[1], {name}[0]"])
        return self.random.choice(options)

    def on_dict(self, scope: Scope) -> Lines:
        dicts = self.of_kind("dict", scope)
        if not dicts:
            type_ = Type("dict", of=(FLOAT if self.chance(50) else array(3),), keys=("a", "b"))
            return self.bind(scope, type_, self.expression(type_, scope, 1))
        name, type_ = self.random.choice(dicts)
        value = self.expression(type_.of[0], scope, 1)
        key, other = self.random.sample(type_.keys, 2)
        options = [
            [f"{name}['{key}'] = {value}"],
            [f"{name}['{key}'] {self.random.choice(('+=', '*='))} {value}"],
            [f"{name}['{key}'] = {name}['{other}']"],
            [f"{name}.update({key}={value})"],
            [f"{name}['{key}'], {name}['{other}'] = {name}['{other}'], {name}['{key}']"],
            [f"for {(k := self.fresh())} in {name}:", f"    {name}[{k}] = {name}[{k}] * {self.number()}"],
        ]
        return self.random.choice(options)

    def on_box(self, scope: Scope) -> Lines:
        boxes = [name for name, _ in self.of_kind("box", scope)]
        if not boxes:
            return self.bind(scope, BOX, self._box(BOX, scope, 1))
        name = self.random.choice(boxes)
        number, vector = self._float(FLOAT, scope, 1), self._array(array(3), scope, 1)
        options = [
            [f"{name}.s {self.random.choice(('=', '+=', '*='))} {number}"],
            [f"{name}.v {self.random.choice(('=', '+=', '*=', '='))} {vector}"],
            [f"{name}.move({number})"],
            [f"{name}.turn()"],
        ]
        return self.random.choice(options)

    def call_for_effect(self, scope: Scope) -> Lines:
        functions = self.of_kind("function", scope)
        if not functions:
            return self.write(scope)
        name, type_ = self.random.choice(functions)
        return [f"{name}({', '.join(self.expression(part, scope, 1) for part in type_.takes)})"]

    # control flow

    def if_(self, scope: Scope) -> Lines:
        joint = self.some_type() if self.chance(25) else None
        name = self.fresh() if joint is not None else ""
        branches = [f"if {self.condition(scope, 2)}:"]
        branches += [f"elif {self.condition(scope, 1)}:" for _ in range(self.random.choice((0, 0, 0, 1)))]
        branches += ["else:"] if joint is not None or self.chance(55) else []
        made: Lines = []
        for head in branches:
            inner = scope.block()
            lines = self.block(inner, self.random.randint(1, 2))
            if joint is not None:
                lines.append(f"{name} = {self.expression(joint, inner, 1)}")
            made += [head, *indented(lines)]
        if joint is not None and not any(
            line.strip().split(" ")[0] in ("break", "continue", "return") for line in made
        ):
            scope.names[name] = joint
        return made

    def for_(self, scope: Scope) -> Lines:
        item = self.fresh()
        space, names, never_empty = self.loop_space(scope, item)
        inner = scope.block(in_loop=True, may_continue=True, kept=scope.kept | set(names))
        inner.names.update(names)
        made = [f"for {', '.join(names)} in {space}:", *indented(self.block(inner, self.random.randint(1, 3)))]
        if self.chance(15):
            made += ["else:", *indented(self.body(scope))]
        if never_empty and len(names) == 1 and self.chance(30):
            scope.names.update(names)
        return made

    def loop_space(self, scope: Scope, item: str) -> tuple[str, dict[str, Type], bool]:
        """What a loop goes over, the types of its variables, and whether it surely runs."""
        e = self.random.randrange(14)
        lists = self.of_kind("list", scope)
        vectors = [(n, t) for n, t in self.of_kind("array", scope) if len(t.shape) == 1]
        matrices = [(n, t) for n, t in self.of_kind("array", scope) if len(t.shape) == 2]
        other = self.fresh()
        if e == 0 and lists:
            name, type_ = self.random.choice(lists)
            return f"list({name})", {item: type_.of[0]}, type_.low > 0
        if e == 1 and vectors:
            return self.random.choice(vectors)[0], {item: FLOAT}, True
        if e == 2 and matrices:
            name, type_ = self.random.choice(matrices)
            return name, {item: array(type_.shape[1])}, True
        if e == 3 and vectors:
            name, type_ = self.random.choice(vectors)
            return f"enumerate({name})", {item: integer(0, type_.shape[0] - 1), other: FLOAT}, True
        if e == 4 and len(vectors) > 1:
            a, b = self.random.sample(vectors, 2)
            return f"zip({a[0]}, {b[0]})", {item: FLOAT, other: FLOAT}, True
        if e == 5 and vectors:
            name, type_ = self.random.choice(vectors)
            return f"range(len({name}))", {item: integer(0, type_.shape[0] - 1)}, True
        if e == 6:
            n = self.random.randint(1, 4)
            return f"reversed(range({n}))", {item: integer(0, n - 1)}, True
        if e == 7:
            start, stop, step = self.random.choice(((1, 4, 1), (0, 4, 2), (3, -1, -1), (3, 0, -1), (0, 3, 1)))
            return f"range({start}, {stop}, {step})", {item: integer(0, 3)}, True
        integers = [(n, t) for n, t in self.of_kind("int", scope) if t.low >= 0 and 0 < t.high < 4]
        if e < 11 and integers:
            name, type_ = self.random.choice(integers)
            return f"range({name})", {item: integer(0, max(type_.high - 1, 0))}, False
        if e == 11:
            return f"({', '.join(self._float(FLOAT, scope, 1) for _ in range(3))})", {item: FLOAT}, True
        n = self.random.randint(1, 4)
        return f"range({n})", {item: integer(0, n - 1)}, True

    def while_(self, scope: Scope) -> Lines:
        name = self.fresh()
        e = self.random.randrange(5)
        inner = scope.block(in_loop=True, kept=scope.kept | {name})
        body = self.random.randint(1, 2)
        if e == 0:
            first = [f"{name} = abs({self._float(FLOAT, scope, 1)})"]
            inner.names[name] = FLOAT
            test, step, counts = f"{name} > {self.number(0.2, 0.6)}", f"{name} = {name} * 0.5", False
        elif e == 1:
            first, counts = [f"{name} = 0"], True
            inner.names[name] = integer(0, 4)
            test, step = f"{name} < 3 and {self.condition(inner, 1)}", f"{name} += 1"
        else:
            first, counts = [f"{name} = 0"], True
            inner.names[name] = integer(0, 4)
            integers = [n for n, t in self.of_kind("int", scope) if 0 < t.high < 4]
            bound = self.random.choice(integers) if integers and e == 2 else str(self.random.randint(1, 4))
            test, step = f"{name} < {bound}", f"{name} += 1"
        if e == 4:
            inner.may_continue = False
            lines = [step, *self.block(inner, body), f"if {self.condition(inner, 1)} or {name} > 2:", "    break"]
            made = [*first, "while True:", *indented(lines)]
        else:
            early = self.chance(40)
            inner.may_continue = early
            inner.names[name] = inner.names[name] if not counts else integer(0, 4)
            lines = self.block(inner, body)
            made = [*first, f"while {test}:", *indented([step, *lines] if early else [*lines, step])]
            if self.chance(15):
                made += ["else:", *indented(self.body(scope))]
        scope.names[name] = FLOAT if not counts else integer(0, 4)
        return made

    def jump(self, scope: Scope) -> Lines:
        """A jump, under a condition for the most part."""
        options = ["return " + self.expression(scope.returns, scope, 1)] if not scope.in_finally else []
        if scope.in_loop and not scope.in_finally:
            options += ["break"] * 2 + (["continue"] * 2 if scope.may_continue else [])
        if not options:
            return self.rebind(scope)
        jump = self.random.choice(options)
        return [jump] if self.chance(15) else [f"if {self.condition(scope, 1)}:", f"    {jump}"]

    def try_(self, scope: Scope) -> Lines:
        made = ["try:", *indented(self.body(scope))]
        if self.chance(35):
            raising = self.random.choice(("{}['missing']", "int('x')", "[].pop()"))
            made += indented([raising] if self.chance(60) else [])
            made += ["except (KeyError, ValueError, IndexError):", *indented(self.body(scope))]
            if self.chance(30):
                made += ["else:", *indented(self.body(scope))]
            if self.chance(60):
                return made
        return [*made, "finally:", *indented(self.body(scope, in_finally=True))]

    def with_(self, scope: Scope) -> Lines:
        boxes = [name for name, _ in self.of_kind("box", scope)]
        if boxes and self.chance(60):
            return [f"with {self.random.choice(boxes)}:", *indented(self.body(scope))]
        name = self.fresh()
        inner = scope.block()
        inner.names[name] = BOX
        made = [f"with {self._box(BOX, scope, 1)} as {name}:", *indented(self.block(inner, 2))]
        scope.names[name] = BOX
        return made

    # functions

    def define(self, scope: Scope) -> Lines:
        """A function inside, which may write the names around it."""
        if self.chance(25):
            name, parameter = self.fresh(), self.fresh()
            inner = scope.block()
            inner.names[parameter] = FLOAT
            made = f"{name} = lambda {parameter}: {self._float(FLOAT, inner, 2)}"
            scope.names[name] = Type("function", of=(FLOAT,), takes=(FLOAT,))
            return [made]
        outside = [n for n, t in scope.assignable().items() if t.kind in ("float", "array")]
        shared = frozenset(self.random.sample(outside, min(len(outside), self.random.choice((0, 1, 1, 2)))))
        head = [f"nonlocal {', '.join(sorted(shared))}"] if shared else []
        return self.function(scope, head, shared)

    def function(self, scope: Scope | None, head: Lines, shared: frozenset[str] = frozenset()) -> Lines:
        name = self.fresh()
        takes = tuple(
            self.random.choice((FLOAT, array(*self.random.choice(SHAPES)))) for _ in range(self.random.randint(1, 2))
        )
        returns = self.random.choice((FLOAT, FLOAT, array(*self.random.choice(SHAPES))))
        names = [self.fresh() for _ in takes]
        inner = (scope or Scope()).function(returns, shared)
        if scope is None:
            inner.outer = None
        inner.names.update(zip(names, takes))
        inner.nesting = max(inner.nesting, self.depth - 1)
        lines = self.block(inner, self.random.randint(1, 3))
        made = [*head, *lines, f"return {self.expression(returns, inner, 2)}"]
        if scope is not None:
            scope.names[name] = Type("function", of=(returns,), takes=takes)
        self.made = Type("function", of=(returns,), takes=takes)
        return [f"def {name}({', '.join(names)}):", *indented(made)]

    def generator(self, scope: Scope) -> Lines:
        """A generator, and a loop over it."""
        name, parameter, item = self.fresh(), self.fresh(), self.fresh()
        inner = scope.function(FLOAT)
        inner.names[parameter] = FLOAT
        k = self.fresh()
        inner.names[k] = integer(0, 2)
        made = [
            f"def {name}({parameter}):",
            f"    for {k} in range(3):",
            f"        yield {self._float(FLOAT, inner, 2)}",
        ]
        loop = scope.block(in_loop=True)
        loop.names[item] = FLOAT
        return [*made, f"for {item} in {name}({self._float(FLOAT, scope, 1)}):", *indented(self.block(loop, 2))]
