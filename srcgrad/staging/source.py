"""The syntax tree of a function, found in the file that it was written in.

The whole file is parsed, once, and the function is looked up by its line and name: no text is cut out of its context,
so line numbers, columns and continuation lines are right by construction, and lambdas in the middle of a call are found
as well. Two lambdas on a line are told apart by what they compile to, and by their columns.
"""

from __future__ import annotations
import __future__

import ast
import contextlib
import functools
import linecache
import operator
import sys
import warnings
from types import CodeType

#: what a file may import from the future, as flags of code
FUTURES = functools.reduce(
    operator.or_, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
)
_Function = ast.FunctionDef | ast.Lambda
_codes: dict[tuple[str, int], tuple[str, dict[str, list[CodeType]] | None]] = {}
_files: dict[str, tuple[str, dict[tuple[int, str], list[_Function]]]] = {}


def function_tree(code: CodeType) -> _Function | None:
    """The definition that a code object was compiled from; None where it cannot be found or told from others."""
    found = _definitions(code.co_filename).get((code.co_firstlineno, code.co_name), [])
    if not _is_current(code):
        return None
    fitting = [node for node in found if _parameters(node.args) == _parameters_of(code)]
    if len(fitting) > 1:
        fitting = [node for node in fitting if _compiles_to(node, code)]
    distinct = {ast.dump(node) for node in fitting}
    return fitting[0] if len(distinct) == 1 else None


def is_written_down(code: CodeType) -> bool:
    """Whether a definition of that name stands at that line of the file that the code names."""
    return (code.co_firstlineno, code.co_name) in _definitions(code.co_filename)


def _is_current(code: CodeType) -> bool:
    """Whether the code that runs is what its file holds now; a warning where the file was changed since."""
    compiled = _compiled(code.co_filename, code.co_flags & FUTURES)
    if compiled is None or any(name.startswith("@py") for name in code.co_names):  # pytest rewrites assertions
        return True
    if any(other == code for other in compiled.get(code.co_name, ())):
        return True
    warnings.warn(
        f"{code.co_filename} was changed since {code.co_name} was imported, so its source is not that of the function "
        "that runs: it is traced without its source, in which loops and branches over traced values cannot be part of "
        "the program; import the module again",
        RuntimeWarning,
        stacklevel=2,
    )
    return False


def _compiled(filename: str, flags: int) -> dict[str, list[CodeType]] | None:
    """The code objects of a file by their names; None where there is no text, or it cannot be compiled."""
    text = "".join(linecache.getlines(filename))
    known = _codes.get((filename, flags))
    if known is not None and known[0] == text:
        return known[1]
    found: dict[str, list[CodeType]] | None = None
    if text:
        with contextlib.suppress(SyntaxError, ValueError):
            found = {}
            stack = [compile(text, filename, "exec", flags=flags, dont_inherit=True)]
            while stack:
                code = stack.pop()
                found.setdefault(code.co_name, []).append(code)
                stack += [part for part in code.co_consts if isinstance(part, CodeType)]
    _codes[filename, flags] = text, found
    return found


def _definitions(filename: str) -> dict[tuple[int, str], list[_Function]]:
    text = "".join(linecache.getlines(filename))
    known = _files.get(filename)
    if known is None or known[0] != text:
        known = _files[filename] = (text, _parse(text, filename))
    return known[1]


def _parse(text: str, filename: str) -> dict[tuple[int, str], list[_Function]]:
    found: dict[tuple[int, str], list[_Function]] = {}
    try:
        module = ast.parse(text, filename)
    except (SyntaxError, ValueError):
        return found
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef):
            line = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            found.setdefault((line, node.name), []).append(node)
        elif isinstance(node, ast.Lambda):
            found.setdefault((node.lineno, "<lambda>"), []).append(node)
    return found


def _parameters(args: ast.arguments) -> tuple[str, ...]:
    names = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    return tuple(arg.arg for arg in (*names, *filter(None, (args.vararg, args.kwarg))))


def _parameters_of(code: CodeType) -> tuple[str, ...]:
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)
    return code.co_varnames[:count]


def _compiles_to(node: _Function, code: CodeType) -> bool:
    """Whether a lambda (or function) has the same names and constants, wherever its variables live, and its
    instructions come from the same columns (which Python 3.10 and ``python -X no_debug_ranges`` do not know).
    """
    statement = node if isinstance(node, ast.FunctionDef) else ast.copy_location(ast.Expr(node), node)
    module = ast.Module([statement], type_ignores=[])
    candidates = [part for part in compile(module, code.co_filename, "exec").co_consts if isinstance(part, CodeType)]
    return any(
        _constants(part) == _constants(code)
        and _names(part) == _names(code)
        and (_places(part) == _places(code) or not _places(code))
        for part in candidates
    )


def _places(code: CodeType) -> set[tuple[int | None, ...]]:
    positions = code.co_positions() if sys.version_info >= (3, 11) else ()
    return {place for place in positions if None not in place}


def _constants(code: CodeType) -> tuple[str, ...]:
    return tuple(part.co_name if isinstance(part, CodeType) else repr(part) for part in code.co_consts)


def _names(code: CodeType) -> list[str]:
    return sorted({*code.co_names, *code.co_freevars, *code.co_varnames, *code.co_cellvars})
