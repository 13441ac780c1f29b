"""A kernel as Python text: what people read, and what Numba compiles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from srcgrad.kernel.ir import (
    COMPARISONS,
    OPERATORS,
    Address,
    Affine,
    Block,
    Break,
    Buffer,
    Call,
    Callee,
    Cast,
    Declare,
    Do,
    Element,
    Expr,
    For,
    Function,
    If,
    Kind,
    Let,
    Number,
    Operation,
    Section,
    Statement,
    Store,
    Variable,
    While,
)

#: where the user's line is told
NOTES = 72
_SIGNS = {"negative": "-", "~": "~", "not": "not "}
_ATOM, _UNARY, _SUM, _PRODUCT = 13, 11, 9, 10


def type_name(dtype: np.dtype[Any]) -> str:
    """Numba's name of a dtype."""
    return "boolean" if dtype.kind == "b" else dtype.name


def function_text(function: Function) -> str:
    """A definition."""
    parameters = ", ".join(parameter.name for parameter in function.parameters)
    lines = [f"def {function.name}({parameters}):", *_block(function.body, "    ")]
    if function.results:
        lines.append(f"    return {', '.join(map(text, function.results))}")
    return "\n".join(lines if len(lines) > 1 else [*lines, "    pass"])


def block_text(block: Block) -> str:
    """Statements, as a function has them."""
    return "\n".join(_block(block, ""))


def _block(block: Block, indent: str) -> Iterator[str]:
    for statement in block:
        yield from _statement(statement, indent)


def _suite(header: str, block: Block, indent: str, note: str = "") -> Iterator[str]:
    yield _noted(f"{indent}{header}:", note)
    yield from _block(block, indent + "    ")
    if not block:
        yield f"{indent}    pass"


def _noted(line: str, note: str) -> str:
    return f"{line:<{NOTES}}  # {note}" if note else line


def _statement(statement: Statement, indent: str) -> Iterator[str]:
    match statement:
        case Let():
            yield _noted(f"{indent}{statement.variable.name} = {text(statement.value)}", statement.note)
        case Store():
            line = f"{indent}{text(statement.target)} {statement.combine}= {text(statement.value)}"
            yield _noted(line, statement.note)
        case For():
            how = "" if statement.kind is Kind.SERIAL else f"  # {statement.kind.value}"
            header = f"for {statement.index.name} in {_range(statement)}"
            yield from _suite(header, statement.body, indent, statement.note or how.removeprefix("  # "))
        case If():
            yield from _suite(f"if {text(statement.test)}", statement.body, indent, statement.note)
            if statement.orelse:
                yield from _suite("else", statement.orelse, indent)
        case While():
            yield from _suite(f"while {text(statement.test)}", statement.body, indent, statement.note)
        case Declare():
            yield f"{indent}{statement.buffer.name} = {text(statement.call)}"
        case Do():
            yield _noted(f"{indent}{text(statement.call)}", statement.note)
        case Break():
            yield f"{indent}break"
        case Section():
            yield from _suite("if True", statement.body, indent, "section")


def _range(loop: For) -> str:
    bounds = [text(loop.start), text(loop.stop), str(loop.step)]
    shorter = bounds[1:2] if bounds[0] == "0" else bounds[:2]
    return f"range({', '.join(bounds if loop.step != 1 else shorter)})"


def text(node: Any) -> str:
    """An expression, or an argument of a call."""
    return _written(node)[0]


def _written(node: Any) -> tuple[str, int]:
    """The text of an argument, and how tightly it binds."""
    match node:
        case Variable() | Buffer() | Callee():
            return node.name, _ATOM
        case Number():
            return (node.name, _ATOM) if node.name else _literal(node.value)
        case Element():
            return f"{node.buffer.name}[{', '.join(map(text, node.index))}]", _ATOM
        case Operation():
            return _operation(node)
        case Call():
            return f"{node.callee.name}({', '.join(map(text, node.args))})", _ATOM
        case Cast():
            return f"{type_name(node.dtype)}({text(node.arg)})", _ATOM
        case Affine():
            return _affine(node)
        case Address():
            return f"at({node.buffer.name}, {text(node.offset)})", _ATOM
        case np.dtype():
            return type_name(node), _ATOM
        case tuple():
            return f"({', '.join(map(text, node))}{',' if len(node) == 1 else ''})", _ATOM
    return repr(node), _ATOM


def _literal(value: Any) -> tuple[str, int]:
    written = repr(value)
    return written, _UNARY if written.startswith("-") else _ATOM


def _operation(node: Operation) -> tuple[str, int]:
    operator, args = node.operator, node.args
    own = OPERATORS[operator]
    if own == _ATOM:
        return f"{operator}({', '.join(map(text, args))})", _ATOM
    if len(args) == 1:
        return f"{_SIGNS[operator]}{_within(args[0], own)}", own
    first = own + 1 if operator in COMPARISONS else own
    operands = [_within(args[0], first), *(_within(arg, own + 1) for arg in args[1:])]
    return f" {operator} ".join(operands), own


def _within(node: Expr, least: int) -> str:
    """The text of an operand: in parentheses where it binds less tightly than must be."""
    written, own = _written(node)
    return written if own >= least else f"({written})"


def _affine(node: Affine) -> tuple[str, int]:
    terms, const = node.terms, node.const
    if len(terms) == 1 and terms[0][1] == -1 and const > 0:
        return f"{const} - {terms[0][0].name}", _SUM
    parts: list[str] = []
    for variable, coefficient in terms:
        term = variable.name if abs(coefficient) == 1 else f"{abs(coefficient)} * {variable.name}"
        parts += [_sign(coefficient, bool(parts)) + term]
    if const:
        parts.append(_sign(const, True) + str(abs(const)))
    single = _UNARY if terms[0][1] == -1 else _PRODUCT
    return " ".join(parts), _SUM if len(parts) > 1 else single


def _sign(number: int, follows: bool) -> str:
    if follows:
        return "- " if number < 0 else "+ "
    return "-" if number < 0 else ""


def width(node: Expr) -> int:
    """How long the text of an expression is."""
    return len(text(node))


def header_text(used: Iterable[Any]) -> list[str]:
    """What a module has to import and define before functions that use these leaves."""
    imports: dict[str, set[str]] = {"srcgrad.backends.runtime": {"kernel"}}
    symbols: list[str] = []
    constants: list[str] = []
    for leaf in used:
        match leaf:
            case np.dtype():
                imports.setdefault("numba", set()).add(type_name(leaf))
            case Number():
                constants.append(f"{leaf.name} = np.{leaf.dtype.name}({_constant(leaf.value)})")
            case Callee(name=name, home=home, exported=exported) if home:
                wanted = exported or name
                is_alias = wanted != name and not leaf.arguments
                imports.setdefault(home, set()).add(f"{wanted} as {name}" if is_alias else wanted)
                if leaf.arguments:
                    given = ", ".join(f'"{argument}"' for argument in leaf.arguments)
                    symbols.append(f"{name} = {wanted}({given})")
    lines = ["import numpy as np"] if constants else []
    lines += [f"from {home} import {', '.join(sorted(found))}" for home, found in sorted(imports.items())]
    return [*lines, "", *symbols, *constants]


def _constant(value: Any) -> str:
    if isinstance(value, complex):
        return f'complex("{value.real!r}{value.imag:+}j")'
    plain = repr(value)
    return f'float("{plain}")' if plain in ("inf", "-inf", "nan") else plain
