"""The rewriting: control flow becomes calls that decide, when the function is traced, what to do.

    for x in xs: body           def body(item): nonlocal ...; x = item; body
                                for_(xs, body, ...)
    while test: body            while_(def test, def body, ...)
    if test: a                  if_(test, def then, def orelse, ...)
    else: b
    a if test else b            if_else(test, lambda: a, lambda: b)
    a and b, not a, a < b < c   and_(a, lambda: b), not_(a), chain(a, (lambda: b, less), (lambda: c, less))
    [a for x in xs]             listed(xs, lambda x: a, ...)
    f(x), x[i], a.b             callee(f)(x), item(x, i), attribute(a, "b")

Variables stay Python's own: a body is a nested function that declares what it writes `nonlocal`, so that the run-time
helpers find every variable in a closure cell. Lines stay the user's.
"""

from __future__ import annotations

import ast
import copy
import itertools
import sys
from types import CodeType
from typing import Any

from srcgrad.staging.assigned import Assignment, loose
from srcgrad.staging.jumps import between_yields, without_jumps, yields
from srcgrad.staging.matches import WithoutMatches
from srcgrad.staging.source import FUTURES
from srcgrad.staging.syntax import (
    RUNTIME,
    Private,
    at,
    constants,
    declaration,
    helper,
    key,
    lambda_,
    load,
    names_something,
    no_parameters,
    target_names,
)
from srcgrad.staging.variables import Liveness, Names, captured, declared, is_path, last_name, parameters, written

_UNTOUCHED = {"super", "locals", "globals", "vars", "eval", "exec", "dir"}
_COMPARISONS = {
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Is: "is_",
    ast.IsNot: "is_not",
    ast.In: "in_",
    ast.NotIn: "not_in",
}


def rewritten(tree: ast.FunctionDef | ast.Lambda, code: CodeType, owner: str | None) -> CodeType | None:
    """The code object of the rewritten definition; None where it holds what cannot be rewritten.

    ``owner`` is the class whose method it is, for private names.
    """
    tree = copy.deepcopy(tree)
    if isinstance(tree, ast.Lambda):
        body: list[ast.stmt] = [ast.copy_location(ast.Return(tree.body), tree.body)]
        function = ast.FunctionDef(code.co_name, tree.args, body, [], None, None)
        ast.copy_location(function, tree)
    else:
        function = tree
    if _is_untouched(function):
        return None
    function.decorator_list, function.returns = [], None
    WithoutMatches().visit(function)
    private = Private(owner) if owner else None
    if private is not None:
        function = private.visit(function)
    function.name = code.co_name
    made = _Function(function).rewritten()
    factory = ast.FunctionDef("factory", no_parameters(code.co_freevars), [made], [], None, None)
    module = ast.Module([ast.copy_location(factory, function)], type_ignores=[])
    ast.fix_missing_locations(module)
    flags = code.co_flags & FUTURES
    compiled = compile(module, code.co_filename, "exec", flags=flags, dont_inherit=True)
    return _renamed(_named(_named(compiled, "factory"), code.co_name), f"factory.<locals>.{code.co_name}", code)


def _renamed(code: CodeType, name: str, original: CodeType) -> CodeType:
    """The code with the user's qualified names, which messages show."""
    if sys.version_info < (3, 11):
        return code
    parts = [_renamed(part, name, original) if isinstance(part, CodeType) else part for part in code.co_consts]
    users = original.co_qualname + code.co_qualname.removeprefix(name)
    return code.replace(co_consts=tuple(parts), co_qualname=users)


def _named(code: CodeType, name: str) -> CodeType:
    return next(part for part in code.co_consts if isinstance(part, CodeType) and part.co_name == name)


def _is_untouched(function: ast.FunctionDef) -> bool:
    """Whether it awaits, or yields where it catches exceptions."""
    parts = [part for statement in function.body for part in ast.walk(statement)]
    catching = (part for part in parts if isinstance(part, ast.Try) and part.handlers)
    return any(isinstance(part, ast.Await | ast.AsyncFor | ast.AsyncWith) for part in parts) or any(
        map(yields, ([part] for part in catching))
    )


class _Function(ast.NodeTransformer):
    """Rewrites the body of one function; functions inside get a rewriter of their own."""

    def __init__(self, function: ast.FunctionDef, outer: Names = frozenset()) -> None:
        """``outer`` are the variables of functions around it that may be without a value."""
        self.function = function
        self.outer = outer
        self.globals = declared(function.body, ast.Global)
        self.parameters = parameters(function.args)
        self.numbers = itertools.count()
        self.in_regions: set[str] = set()
        #: functions that the statement that is being rewritten calls; None inside of an expression with its own names
        self.pending: list[ast.stmt] | None = []

    def rewritten(self) -> ast.FunctionDef:
        function = self.function
        every = written(function.body)
        is_generator = yields(function.body)
        body = between_yields(function.body) if is_generator else without_jumps(function.body)
        outside = declared(body, ast.Nonlocal)
        unreachable = every - written(body)  # they are local none the less
        self.locals = (every | written(body) | self.parameters) - self.globals
        always = self.locals if is_generator else (captured(body) & self.locals) | outside
        self.loose = ((loose(body) | unreachable) & self.locals) | (self.outer - self.locals) | (self.outer & outside)
        Assignment(self.loose, body).block(body, self.parameters)
        Liveness(always).block(body, always)
        made = [self.visit(statement) for statement in body]
        flat = [part for parts in made for part in (parts if isinstance(parts, list) else [parts])]
        unbound = sorted((self.in_regions | unreachable) - self.parameters - outside - self.globals)
        declarations: list[ast.stmt] = [declaration(name, function) for name in unbound]
        moved = [part for part in flat if isinstance(part, ast.Nonlocal | ast.Global)]
        function.body = [*moved, *declarations, *(part for part in flat if part not in moved)]
        return function

    # statements

    def visit(self, node: ast.AST) -> Any:
        """A statement comes after the functions that it needs."""
        if not isinstance(node, ast.stmt):
            return super().visit(node)
        outer, self.pending = self.pending, []
        made = self.generic_visit(node) if hasattr(node, "is_native") else super().visit(node)
        needed, self.pending = self.pending, outer
        return [*needed, *made] if isinstance(made, list) else [*needed, made] if needed else made

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        args = node.args  # defaults and decorators are this function's, whatever becomes of the one inside
        args.defaults = [self.visit(default) for default in args.defaults]
        args.kw_defaults = [default and self.visit(default) for default in args.kw_defaults]
        node.decorator_list = [self.visit(decorator) for decorator in node.decorator_list]
        return node if _is_untouched(node) else _Function(node, self.loose).rewritten()

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        """The methods are rewritten; the rest of a class has a scope that functions inside do not see."""
        for position, part in enumerate(node.body):
            if isinstance(part, ast.ClassDef):
                node.body[position] = self.visit_ClassDef(part)
            elif isinstance(part, ast.FunctionDef) and not _is_untouched(part):
                WithoutMatches().visit(part)
                node.body[position] = _Function(Private(node.name).visit(part), self.loose).rewritten()
        return node

    def visit_For(self, node: ast.For) -> list[ast.stmt]:
        item = f"$item{next(self.numbers)}"
        bind = at(ast.Assign([node.target], ast.Name(item, ast.Load())), node.target)
        writes = self.writes(node.target, *node.body)
        has_loops = any(isinstance(part, ast.For | ast.While) for inner in node.body for part in ast.walk(inner))
        body = self.nested("loop", [bind, *node.body], node, item)
        target = node.target.id if isinstance(node.target, ast.Name) else None
        stop = self.stop(node)
        space = self.loop_space(node.iter)
        call = self.call(
            "for_",
            node,
            space,
            load(body.name),
            stop,
            *constants(*self.flow(node, writes)),
            *constants(target, has_loops),
        )
        return [body, call]

    def visit_While(self, node: ast.While) -> list[ast.stmt]:
        writes = self.writes(node.test, *node.body)
        body = self.nested("loop", node.body, node)
        result = at(ast.Return(node.test), node.test)
        test = self.nested("test", [result], node.test)
        call = self.call(
            "while_", node, load(test.name), load(body.name), self.stop(node), *constants(*self.flow(node, writes))
        )
        return [test, body, call]

    def visit_If(self, node: ast.If) -> list[ast.stmt]:
        writes = self.writes(*node.body, *node.orelse)
        then = self.nested("then", node.body, node)
        orelse = self.nested("orelse", node.orelse, node)
        leaving = tuple(sorted(writes & node.leaving))  # type: ignore[attr-defined]
        test = self.visit(node.test)
        call = self.call("if_", node, test, load(then.name), load(orelse.name), *constants(leaving))
        return [then, orelse, call]

    def writes(self, *block: ast.AST) -> Names:
        """The variables that the code binds; asked before it is rewritten, which moves it into functions."""
        return written(block) - self.globals

    def visit_AugAssign(self, node: ast.AugAssign) -> list[ast.stmt]:
        if isinstance(node.target, ast.Attribute) and is_path(node.target.value):
            read = ast.Attribute(copy.deepcopy(node.target.value), node.target.attr, ast.Load())
            name = ast.Constant(type(node.op).__name__)
            value = helper("augmented", name, ast.copy_location(read, node), node.value)
            made = ast.Assign([node.target], ast.copy_location(value, node))
            return [self.visit(at(made, node))]
        return [*self.unwrapped(node.target, node), self.generic_visit(node)]  # type: ignore[list-item]

    def visit_Delete(self, node: ast.Delete) -> list[ast.stmt]:
        reads = [read for target in node.targets for read in self.unwrapped(target, node)]
        return [*reads, self.generic_visit(node)]  # type: ignore[list-item]

    def unwrapped(self, target: ast.expr, place: ast.stmt) -> list[ast.stmt]:
        """A variable that may have no value has one after this, or the program fails."""
        if not isinstance(target, ast.Name) or not hasattr(target, "maybe"):
            return []
        return [at(ast.Assign([ast.Name(target.id, ast.Store())], self.bound(load(target.id))), place)]

    def visit_Raise(self, node: ast.Raise) -> ast.stmt:
        self.generic_visit(node)
        if node.exc is not None:
            node.exc = helper("raising", node.exc)
        return node

    def visit_Try(self, node: ast.Try) -> ast.stmt:
        self.generic_visit(node)
        if node.handlers:
            own = ast.Attribute(load(RUNTIME), "own_errors", ast.Load())
            handler = ast.ExceptHandler(own, None, [ast.Raise()])
            node.handlers.insert(0, ast.fix_missing_locations(ast.copy_location(handler, node)))
            node.body = [at(ast.With([ast.withitem(helper("catching"))], node.body), node)]
        return node

    def visit_With(self, node: ast.With) -> ast.stmt:
        self.generic_visit(node)
        for item in node.items:
            item.context_expr = helper("entered", item.context_expr)
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        message = lambda_(self.visit(node.msg) if node.msg else ast.Constant(None))
        return self.call("assert_", node, self.visit(node.test), message)

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        return self.imported(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.stmt]:
        return self.imported(node)

    def imported(self, node: ast.Import | ast.ImportFrom) -> list[ast.stmt]:
        made: list[ast.stmt] = [node]
        for name in sorted(written([node])):
            seen = helper("stand_in", load(name))
            made.append(at(ast.Assign([ast.Name(name, ast.Store())], seen), node))
        return made

    def nested(self, role: str, block: list[ast.stmt], place: ast.AST, item: str | None = None) -> ast.FunctionDef:
        """A block as a function without parameters (or with one), over the variables around it."""
        writes = written(block)
        own = writes & self.globals
        shared = sorted(writes - own)
        self.in_regions |= set(shared)
        made = [self.visit(statement) for statement in block]
        flat: list[ast.stmt] = [part for parts in made for part in (parts if isinstance(parts, list) else [parts])]
        head: list[ast.stmt] = []
        helpers = {part.name for part in flat if isinstance(part, ast.FunctionDef) and part.name.startswith("$")}
        assert not helpers & set(shared)
        if shared:
            head.append(ast.Nonlocal(shared))
        if own:
            head.append(ast.Global(sorted(own)))
        flat = [part for part in flat if not isinstance(part, ast.Nonlocal | ast.Global)]
        body = [at(part, place) for part in head] + (flat or [at(ast.Pass(), place)])
        name = f"${role}{next(self.numbers)}"
        function = ast.FunctionDef(name, no_parameters((item,) if item else ()), body, [], None, None)
        ast.copy_location(function, place)
        return function

    def stop(self, node: ast.For | ast.While) -> ast.expr:
        flags = getattr(node, "stop_flags", [])
        if not flags:
            return ast.Constant(None)
        names: list[ast.expr] = [load(flag) for flag in flags]
        test = names[0] if len(names) == 1 else helper("or_", names[0], lambda_(names[1]))
        return lambda_(test)

    def flow(self, node: Any, writes: Names) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The variables that go from one iteration to the next, and the others that are read after the loop."""
        carried = writes & node.carried
        return tuple(sorted(carried)), tuple(sorted(writes & node.leaving - carried))

    def call(self, name: str, place: ast.AST, *args: ast.expr) -> ast.stmt:
        return at(ast.Expr(helper(name, *args)), place)

    def loop_space(self, node: ast.expr) -> ast.expr:
        """What a loop goes over: `zip`, `enumerate` and `reversed` are called as loops need them."""
        if isinstance(node, ast.Call) and not isinstance(node.func, ast.Attribute):
            args = [self.loop_space(arg) if not isinstance(arg, ast.Starred) else self.visit(arg) for arg in node.args]
            keywords = [ast.keyword(word.arg, self.visit(word.value)) for word in node.keywords]
            made = ast.Call(helper("looped", self.visit(node.func)), args, keywords)
            return ast.copy_location(made, node)
        return self.visit(node)  # type: ignore[no-any-return]

    # expressions

    def bound(self, name: ast.Name) -> ast.expr:
        """The value of a variable that may have none."""
        made = helper("bound", *constants(name.id, name.id in self.locals), lambda_(name))
        return ast.copy_location(made, name)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.bound(node) if isinstance(node.ctx, ast.Load) and hasattr(node, "maybe") else node

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        return self.with_own_names(node)

    def visit_SetComp(self, node: ast.SetComp) -> ast.expr:
        return self.with_own_names(node)

    def visit_DictComp(self, node: ast.DictComp) -> ast.expr:
        return self.with_own_names(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:
        return self.with_own_names(node)

    def with_own_names(self, node: ast.expr) -> ast.expr:
        """The expression with its parts rewritten, where these cannot be moved out of it."""
        outer, self.pending = self.pending, None
        self.generic_visit(node)
        self.pending = outer
        return node

    def later(self, *parts: ast.expr) -> tuple[list[ast.expr], tuple[str, ...]]:
        """Functions that compute the parts, and the variables that they bind; a part is rewritten already."""
        names = written(parts) - self.globals
        return [self.function_of(part) for part in parts], tuple(sorted(names))

    def function_of(self, part: ast.expr) -> ast.expr:
        names = written([part])
        if not names:
            return lambda_(part)
        assert self.pending is not None
        own, shared = sorted(names & self.globals), sorted(names - self.globals)
        self.in_regions |= set(shared)
        scope: list[ast.stmt] = [*([ast.Global(own)] if own else []), *([ast.Nonlocal(shared)] if shared else [])]
        body = [at(statement, part) for statement in (*scope, ast.Return(part))]
        made = ast.FunctionDef(f"$part{next(self.numbers)}", no_parameters(), body, [], None, None)
        self.pending.append(at(made, part))
        return ast.copy_location(load(made.name), part)

    def stays(self, node: ast.expr) -> bool:
        """Whether parts of an expression cannot become functions: they bind names and belong to a lambda, or yield."""
        return yields([node]) or (self.pending is None and names_something(node))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Name) and node.func.id in _UNTOUCHED and not _is_vars(node):
            if node.func.id == "super" and not node.args and self.function.args.args:
                node.args = [load("__class__"), load(self.function.args.args[0].arg)]
            return node
        is_constant = last_name(node.func) == "constant" and len(node.args) == 1 and not node.keywords
        self.generic_visit(node)
        if is_constant and not isinstance(node.args[0], ast.Starred) and not names_something(node):
            return ast.copy_location(helper("constant_of", node.func, lambda_(node.args[0])), node)
        node.func = ast.copy_location(helper("callee", node.func), node.func)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            node.value = helper("storing", node.value)
            return node
        return ast.copy_location(helper("attribute", node.value, ast.Constant(node.attr)), node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load) or not any(isinstance(part, ast.Name) for part in ast.walk(node.slice)):
            return node
        return ast.copy_location(helper("item", node.value, key(node.slice)), node)

    def visit_ListComp(self, node: ast.ListComp) -> ast.expr:
        generator = node.generators[0]
        simple = len(node.generators) == 1 and not generator.ifs and not generator.is_async
        names = target_names(generator.target)
        if not simple or names is None or names_something(node) or captured([node.elt]) & {*names}:
            return self.with_own_names(node)
        values = self.loop_space(generator.iter)
        outer, self.pending = self.pending, None
        element = ast.Lambda(no_parameters(tuple(names)), self.visit(node.elt))
        self.pending = outer
        several = ast.Constant(isinstance(generator.target, ast.Tuple))
        return ast.copy_location(helper("listed", values, element, several), node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        if self.stays(node):
            return self.with_own_names(node)
        self.generic_visit(node)
        parts, names = self.later(node.body, node.orelse)
        return ast.copy_location(helper("if_else", node.test, *parts, *constants(names)), node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        if self.stays(node):
            return self.with_own_names(node)
        self.generic_visit(node)
        name = "and_" if isinstance(node.op, ast.And) else "or_"
        made = node.values[-1]
        names: tuple[str, ...] = ()
        for value in reversed(node.values[:-1]):
            (part,), own = self.later(made)
            names = tuple(sorted({*names, *own}))
            made = ast.copy_location(helper(name, value, part, *constants(names)), node)
        return made

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Not):
            return node
        return ast.copy_location(helper("not_", node.operand), node)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        if len(node.ops) == 1 and isinstance(node.ops[0], ast.Is | ast.IsNot | ast.In | ast.NotIn):
            left, right = (self.visit(one) for one in (node.left, node.comparators[0]))
            if isinstance(right, ast.Constant):  # ``x is None``
                return ast.copy_location(ast.Compare(left, node.ops, [right]), node)
            return ast.copy_location(
                helper("compared", ast.Constant(_COMPARISONS[type(node.ops[0])]), left, right), node
            )
        if len(node.ops) == 1 or names_something(node) or yields([node]):
            return self.with_own_names(node) if len(node.ops) > 1 else self.generic_visit(node)  # type: ignore[return-value]
        self.generic_visit(node)
        steps: list[ast.expr] = []
        for op, operand in zip(node.ops, node.comparators, strict=True):
            steps.append(ast.Tuple([ast.Constant(_COMPARISONS[type(op)]), lambda_(operand)], ast.Load()))
        return ast.copy_location(helper("chain", node.left, *steps), node)


def _is_vars(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id == "vars" and bool(node.args)
