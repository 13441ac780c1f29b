"""The kernel IR: its text, what is valid, and its passes, without compiling anything."""

from __future__ import annotations

import ast
import itertools
import textwrap
from typing import Any

import numpy as np
import pytest

from srcgrad.core.errors import VerifyError
from srcgrad.kernel.build import Body, Names
from srcgrad.kernel.ir import (
    BOOL,
    INT64,
    Address,
    Block,
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
    Space,
    Store,
    Variable,
    While,
    affine,
    integer,
    leaves,
    number,
    result_dtype,
)
from srcgrad.kernel.names import exposed
from srcgrad.kernel.outline import outline, without_unused
from srcgrad.kernel.text import block_text, function_text, header_text, text
from srcgrad.kernel.verify import verify

F8, F4 = np.dtype(np.float64), np.dtype(np.float32)
I, J, PART, PARTS, N = (Variable(name, INT64) for name in ("i", "j", "part", "parts", "n"))
A, B, C = (Variable(name, F8) for name in "abc")
X = Buffer("x", F8, (4, 6), Space.ARGUMENT)
Y = Buffer("y", F8, (10,), Space.STACK)
LOCAL = Callee("local", "srcgrad.backends.buffer")


def operation(operator: str, *args: Expr) -> Operation:
    return Operation(operator, args, result_dtype(operator, *(arg.dtype for arg in args)))


def loop(index: Variable, stop: Expr | int, *body: Any, kind: Kind = Kind.SERIAL) -> For:
    return For(index, number(0), number(stop) if isinstance(stop, int) else stop, 1, body, kind)


def function(*body: Any, results: tuple[Expr, ...] = ()) -> Function:
    return Function("f", (X, Y, A, N), body, results)


def y_at(index: Expr) -> Element:
    return Element(Y, (index,))


# text


@pytest.mark.parametrize("outer", ["+", "-", "*", "/", "<", "&", "or", "negative", "not"])
@pytest.mark.parametrize("inner", ["+", "-", "*", "/", "<", "==", "and", "not", "negative", "%", "<<"])
def test_parentheses_keep_the_tree(outer: str, inner: str) -> None:
    """Python reads from the text the tree that was printed; and there are no more parentheses than it would print."""
    a, b, c = (Variable(name, BOOL if outer in ("&", "or", "not") else INT64) for name in "abc")
    inside = operation(inner, a) if inner in ("not", "negative") else operation(inner, a, b)
    if outer in ("not", "negative"):
        trees: list[Operation] = [operation(outer, inside)]
    else:
        trees = [operation(outer, inside, c), operation(outer, c, inside)]
    for tree in trees:
        written = text(tree)
        assert ast.dump(ast.parse(written)) == ast.dump(ast.parse(in_full(tree)))
        assert len(written) <= len(ast.unparse(ast.parse(written)))


def in_full(node: Any) -> str:
    """The text of a tree with all parentheses."""
    if not isinstance(node, Operation):
        return text(node)
    args = [in_full(arg) for arg in node.args]
    if len(args) == 1:
        return f"({'-' if node.operator == 'negative' else node.operator + ' '}{args[0]})"
    return f"({f' {node.operator} '.join(args)})"


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (affine(((I, 1),), 0), "i"),
        (affine((), 3), "3"),
        (affine(((I, 2), (J, -1)), -3), "2 * i - j - 3"),
        (affine(((I, -1),), 3), "3 - i"),
        (affine(((I, -2),), 0), "-2 * i"),
        (operation("%", affine(((I, 1),), 1), number(3)), "(i + 1) % 3"),
        (operation("*", operation("-", A, B), Number(-0.5, F8)), "(a - b) * -0.5"),
        (Element(X, (I, number(2))), "x[i, 2]"),
        (Cast(operation("+", I, J), F4), "float32(i + j)"),
        (Address(X, affine(((I, 6),), 0)), "at(x, 6 * i)"),
        (
            Call(Callee("gemm"), (number(2), ((3, 1, 1), (2, 3, 6)), (4,)), INT64),
            "gemm(2, ((3, 1, 1), (2, 3, 6)), (4,))",
        ),
        (Operation("+", (A, B, operation("*", A, B)), F8, unordered=True), "a + b + a * b"),
        (integer("-", operation("min", I, number(8)), number(3)), "min(i, 8) - 3"),
        (integer("//", number(17), number(5)), "3"),
    ],
)
def test_expressions(node: Any, expected: str) -> None:
    assert text(node) == expected


def test_statements() -> None:
    out = Body()
    with out.loop(I, number(3), number(-1), -1):
        out.let(A, Element(X, (I, number(0))))
        with out.block() as then:
            out.step(y_at(I), "+", A)
        out.add(If(operation(">", A, Number(0.0, F8)), tuple(then)))
    with out.loop(J, number(0), N):
        pass
    made = Function("f", (X, Y, N), out.statements, (A,))
    assert function_text(made) == textwrap.dedent("""\
        def f(x, y, n):
            for i in range(3, -1, -1):
                a = x[i, 0]
                if a > 0.0:
                    y[i] += a
            for j in range(n):
                pass
            return a""")


def test_the_header_has_what_is_used_and_nothing_else() -> None:
    half = Number(0.5, F4, "c_0_5")
    tanh = Callee("tanh_f4", "srcgrad.backends.vecmath.hyperbolic", "tanh_f32")
    gemm = Callee("gemm_float32", "srcgrad.backends.gemm.native", "product", ("float32",))
    b = Variable("b", F4)
    let = Let(b, Call(tanh, (operation("*", half, b),), F4))
    used = [leaf for statement in (let, Do(Call(gemm, (), INT64))) for leaf in leaves(statement)]
    assert header_text([leaf for leaf in used if not isinstance(leaf, Variable)]) == [
        "import numpy as np",
        "from srcgrad.backends.gemm.native import product",
        "from srcgrad.backends.runtime import kernel",
        "from srcgrad.backends.vecmath.hyperbolic import tanh_f32 as tanh_f4",
        "",
        'gemm_float32 = product("float32")',
        "c_0_5 = np.float32(0.5)",
    ]


def test_names_are_fresh() -> None:
    names = Names()
    assert [names.fresh(wish) for wish in ("t", "t", "t1", "if", "2x")] == ["t", "t1", "t1_1", "if1", "_2x"]


# what is valid

VALID: dict[str, Block] = {
    "a loop that runs defines": (loop(I, 3, Let(B, A)), Let(C, B)),
    "both branches define": (If(operation("<", A, A), (Let(B, A),), (Let(B, A),)), Let(C, B)),
    "an index inside": (loop(I, 5, Store(y_at(affine(((I, 2),), 1)), A)),),
    "an index backwards": (For(I, number(9), number(-1), -1, (Store(y_at(I), A),)),),
    "an index of a digit": (loop(I, 60, Store(y_at(operation("%", I, number(10))), A)),),
    "a loop over nothing": (loop(I, 0, Store(y_at(affine(((I, 1),), 99)), A)),),
    "iterations side by side": (For(I, number(0), number(7), 4, (Store(y_at(affine(((I, 1),), 3)), A),)),),
    "an element of each iteration": (loop(I, N, Store(y_at(I), A), kind=Kind.PARALLEL),),
    "elements of each iteration": (
        loop(PART, N, For(I, PART, affine(((PART, 1),), 1), 1, (Store(y_at(I), A),)), kind=Kind.PARALLEL),
    ),
}
INVALID: dict[str, tuple[str, Block]] = {
    "nothing defines": ("b is used before", (Let(C, B),)),
    "a loop that may not run": ("b is used before", (loop(I, N, Let(B, A)), Let(C, B))),
    "one branch": ("b is used before", (If(operation("<", A, A), (Let(B, A),)), Let(C, B))),
    "a section's own": ("b is used before", (Section((Let(B, A),)), Let(C, B))),
    "two types": ("b is", (Let(B, A), Let(Variable("b", F4), Number(1.0, F4)))),
    "another dtype": ("another dtype", (Let(Variable("b", F4), A),)),
    "another kind": ("another kind", (Store(y_at(number(0)), number(1)),)),
    "an operator's result": ("is bool, not float64", (Let(B, Operation("<", (A, A), F8)),)),
    "a number as condition": ("no boolean", (If(A, ()),)),
    "too few indices": ("is no index", (Let(B, Element(X, (number(0),))),)),
    "a number as index": ("is no index", (Let(B, y_at(A)),)),
    "beyond the end": ("outside of", (loop(I, 6, Store(y_at(affine(((I, 2),), 0)), A)),)),
    "before the start": ("outside of", (loop(I, 6, Let(B, y_at(affine(((I, 1),), -1)))),)),
    "side by side beyond": ("outside of", (For(I, number(0), number(8), 4, (Store(y_at(affine(((I, 1),), 6)), A),)),)),
    "one element of all": ("every iteration writes y[0]", (loop(I, N, Store(y_at(number(0)), A), kind=Kind.PARALLEL),)),
    "a sum of all": ("every iteration", (loop(I, N, Store(y_at(number(0)), A, "+"), kind=Kind.PARALLEL),)),
    "the same of each": (
        "every iteration",
        (loop(PART, N, loop(I, 10, Store(y_at(I), A)), kind=Kind.PARALLEL),),
    ),
}


@pytest.mark.parametrize("name", VALID)
def test_valid(name: str) -> None:
    verify(function(*VALID[name]))


@pytest.mark.parametrize("name", INVALID)
def test_invalid(name: str) -> None:
    message, body = INVALID[name]
    with pytest.raises(VerifyError, match=message.replace("[", r"\[")):
        verify(function(*body))


# passes


ONE, TEST = Number(1.0, F8), operation("<", A, A)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ((Let(B, A), Let(C, B)), "a"),
        ((Store(B, y_at(I), "+"),), "b y i"),
        ((Store(y_at(I), A),), "y i a"),
        ((If(TEST, (Let(B, ONE),), (Let(B, ONE),)), Let(C, B)), "a"),
        ((If(TEST, (Let(B, ONE),)), Let(C, B)), "a b"),
        ((loop(I, 3, Let(B, ONE)), Let(C, B)), ""),
        ((loop(I, 0, Let(B, ONE)), Let(C, B)), "b"),
        ((For(I, number(2), number(-1), -1, (Let(B, ONE),)), Let(C, B)), ""),
        ((loop(I, N, Let(B, ONE)), Let(C, B)), "n b"),
        ((loop(I, 3, Let(C, B), Let(B, ONE)),), "b"),
        ((While(TEST, (Let(B, ONE),)), Let(C, B)), "a b"),
        ((Section((Let(B, A),)), Let(C, B)), "b a"),
        ((Let(B, A), Store(y_at(I), operation("+", B, C)), loop(J, N, Let(B, A))), "a y i c n"),
    ],
)
def test_what_statements_need_from_before(body: Block, names: str) -> None:
    assert " ".join(name.name for name in exposed(body)) == names


def test_outlining() -> None:
    own = Buffer("own", F8, (2,), Space.STACK)
    inside = (
        Declare(own, Call(LOCAL, (F8, (2,)), F8)),
        Store(Element(own, (number(0),)), A),
        Store(y_at(PART), operation("*", Element(own, (number(0),)), B)),
    )
    split = (Let(PARTS, N), loop(PART, PARTS, *inside, kind=Kind.PARALLEL))
    whole = function(Let(B, A), *split, Section((Let(C, B), Store(y_at(number(1)), C))))
    counts = itertools.count(1)
    functions = outline(verify(whole), lambda wish: f"{wish}_{next(counts)}")
    assert "\n\n".join(function_text(verify(made)) for made in functions) == textwrap.dedent("""\
        def f_part1_1(part, parts, a, y, b):
            own = local(float64, (2,))
            own[0] = a
            y[part] = own[0] * b

        def f_section2_2(b, y):
            c = b
            y[1] = c

        def f(x, y, a, n):
            b = a
            parts = n
            fork(f_part1_1, parts, (a, y, b))
            f_section2_2(b, y)""")


def test_unused_memory_goes() -> None:
    first, second, third = (Buffer(name, F8, (2,), Space.STACK) for name in ("first", "second", "third"))
    reshaped = Callee("reshaped", "srcgrad.backends.buffer")
    made = without_unused(
        function(
            Declare(first, Call(LOCAL, (F8, (2,)), F8)),
            Declare(second, Call(LOCAL, (F8, (2,)), F8)),
            Declare(third, Call(reshaped, (first, (2,)), F8)),
            Store(Element(third, (number(0),)), A),
        )
    )
    assert block_text(made.body) == "first = local(float64, (2,))\nthird = reshaped(first, (2,))\nthird[0] = a"
