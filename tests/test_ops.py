"""The table test: every row, every sample, and what rows promise at ties, zeros, infinities and NaN."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import scipy.special

import srcgrad.ops  # noqa: F401  (fills the table)
from srcgrad.core.errors import TraceError, TraceShapeError
from srcgrad.core.lowering import Pointwise, Region, Structure
from srcgrad.core.op import TABLE, Op
from srcgrad.core.sample import Sample
from srcgrad.core.scalar_functions import SCALAR_FUNCTIONS
from srcgrad.core.types import WIDER, ArrayType, inexact, promote, type_of
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph, Node, bind, is_tuple
from srcgrad.graph.structure import items, new_input
from srcgrad.graph.verify import verify
from srcgrad.ops.random import threefry2x32
from srcgrad.transform.stop import stop_gradient
from tests.derivatives import check_derivatives, gradient_graph, is_float, random_like

ROWS = [op for op in TABLE if not isinstance(op.lowering, Structure | Region)]
POINTWISE = [op for op in ROWS if isinstance(op.lowering, Pointwise) and op.samples]
FLOATS = [np.float64, np.float32]

#: What runs a graph; each is compared with the references of the rows.
EVALUATORS: dict[str, Callable[[Graph, Sequence[Any]], Sequence[Any]]] = {"interpreter": interpret}

each_row = pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
each_float = pytest.mark.parametrize("dtype", FLOATS, ids=lambda dtype: dtype.__name__)


def graph_of(op: Op, samples: Sequence[Sample], dtype: Any) -> tuple[Graph, list[Any]]:
    """One graph with the results of all samples as outputs, and its arguments."""
    rng = np.random.default_rng(0)
    inputs: list[Node] = []
    outputs: list[Node] = []
    args: list[Any] = []
    for sample in samples:
        arrays = sample.make(rng, dtype)
        operands = [new_input(type_of(array)) for array in arrays]
        node = op(*operands, **sample.params) if operands else bind(op, (), sample.params)
        inputs += operands
        outputs += items(node) if is_tuple(node) else [node]
        args += arrays
    return Graph(tuple(inputs), tuple(outputs), op.name), args


def expected_results(op: Op, dtype: Any) -> list[Any]:
    """What the references make of the plain operands of all samples."""
    rng = np.random.default_rng(0)
    results: list[Any] = []
    for sample in op.samples:
        with np.errstate(all="ignore"):
            result = op.reference(*sample.make(rng, dtype), **sample.params)
        results += result if isinstance(result, tuple) else [result]
    return results


# Every row


@each_row
def test_a_row_has_samples_and_a_derivative_per_operand(op: Op) -> None:
    assert op.samples
    for sample in op.samples:
        assert op.partials is None or len(op.partials) == len(sample.args)


@each_row
@each_float
def test_inference_agrees_with_the_reference(op: Op, dtype: Any) -> None:
    """Shapes and dtypes, on the operands that promotion and broadcasting have made."""
    for sample in op.samples:
        graph, args = graph_of(op, [sample], dtype)
        verify(graph)
        node = graph.outputs[0] if len(graph.outputs) == 1 else graph.outputs[0].inputs[0]
        operands = interpret(Graph(graph.inputs, node.inputs), args)
        with np.errstate(all="ignore"):
            result = op.reference(*operands, **sample.params)
        results = result if isinstance(result, tuple) else (result,)
        for found, output in zip(map(np.asarray, results), graph.outputs, strict=True):
            assert (found.shape, found.dtype) == (output.shape, output.dtype)


@each_row
@each_float
@pytest.mark.parametrize("evaluator", EVALUATORS)
@pytest.mark.parametrize("strided", [False, True], ids=["contiguous", "strided"])
def test_graphs_compute_what_references_do(op: Op, dtype: Any, evaluator: str, strided: bool) -> None:
    graph, args = graph_of(op, op.samples, dtype)
    found = EVALUATORS[evaluator](graph, [spread(arg) for arg in args] if strided else args)
    for result, expected, output in zip(found, expected_results(op, dtype), graph.outputs, strict=True):
        assert (result.shape, result.dtype) == (output.shape, output.dtype)
        np.testing.assert_allclose(
            result, np.asarray(expected, output.dtype), rtol=1e-15 if dtype is np.float64 else 1e-6
        )


def spread(array: Any) -> Any:
    """The same elements, two apart in memory and backwards."""
    return np.repeat(array, 2, axis=-1)[..., ::-2][..., ::-1] if array.ndim else array


@pytest.mark.parametrize("op", [op for op in ROWS if op is not stop_gradient], ids=lambda op: op.name)
def test_adjoint_to_second_order(op: Op) -> None:
    """A row whose partial is None passes only if the derivative is zero: finite differences see the others."""
    for sample in op.samples:
        graph, args = graph_of(op, [sample], np.float64)
        with np.errstate(all="ignore"):
            check_derivatives(graph, args)


@pytest.mark.parametrize("op", [op for op in ROWS if op.tangent], ids=lambda op: op.name)
def test_tangent_to_second_order(op: Op) -> None:
    """The tangent and the adjoint of one graph give the same <u, J v>, and the tangent has derivatives itself."""
    assert op.tangent is not None
    for sample in op.samples:
        graph, args = graph_of(op, [sample], np.float64)
        tangents = tuple(new_input(node.array_type, "tangent") if is_float(node) else None for node in graph.inputs)
        moved = op.tangent(tangents, graph.outputs[0], *graph.inputs, **sample.params)
        inputs = (*graph.inputs, *(tangent for tangent in tangents if tangent is not None))
        tangent_graph = Graph(inputs, (moved,), f"tangent of {op.name}")
        verify(tangent_graph)
        rng = np.random.default_rng(1)
        directions = [random_like(node, rng) for node in inputs[len(graph.inputs) :]]
        cotangent = random_like(moved, rng)
        (found,) = interpret(tangent_graph, [*args, *directions])
        gradient, _ = gradient_graph(graph)
        cotangents = interpret(gradient, [*args, cotangent])
        pairs = zip(cotangents, directions, strict=True)
        pulled = np.sum([np.sum(c * d).real for c, d in pairs])
        np.testing.assert_allclose(np.sum(found * cotangent).real, pulled, atol=1e-12)
        check_derivatives(tangent_graph, [*args, *directions], order=1)


@each_row
def test_adjoint_in_single_precision(op: Op) -> None:
    graph, args = graph_of(op, op.samples, np.float32)
    gradient, _ = gradient_graph(graph)
    seeds = [np.ones(node.shape, node.dtype) for node in gradient.inputs[len(graph.inputs) :]]
    exact_graph, _ = graph_of(op, op.samples, np.float64)
    exact_gradient, _ = gradient_graph(exact_graph)
    found, exact = interpret(gradient, [*args, *seeds]), interpret(exact_gradient, [*args, *seeds])
    for node, one, other in zip(gradient.outputs, found, exact, strict=True):
        assert node.dtype in WIDER
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)


# Pointwise rows and NumPy


def numpy_meaning(name: str) -> Callable[..., Any] | None:
    """NumPy's or SciPy's function of that name."""
    if name == "polygamma1":
        return lambda x: scipy.special.polygamma(1, x)
    if name == "i0":  # NumPy's is slow and makes float64 of float32
        return getattr(scipy.special, name)  # type: ignore[no-any-return]
    return getattr(np, name, None) or getattr(scipy.special, name, None)


OPERANDS = [
    *(np.array([1, 2, 3], dtype) for dtype in ("f8", "f4", "c16", "c8", "i8", "i4", "i2", "u4")),
    np.array([True, False, True]),
    2,
    2.0,
    2 + 1j,
]


@pytest.mark.parametrize("op", [op for op in POINTWISE if numpy_meaning(op.name)], ids=lambda op: op.name)
def test_promotion_is_that_of_numpy(op: Op) -> None:
    """The same dtype and values for every combination of dtypes, Python scalars included, or TypeError from both."""
    function = numpy_meaning(op.name)
    assert function is not None
    for operands in itertools.product(OPERANDS, repeat=len(op.partials or ())):
        if not any(isinstance(operand, np.ndarray) for operand in operands):
            continue
        if deviates(op, operands):
            continue
        if op.name in NO_COMPLEX and any(np.iscomplexobj(np.asarray(operand)) for operand in operands):
            continue
        with np.errstate(all="ignore"):
            expected = meaning_or_error(function, operands)
        inputs = [new_input(type_of(operand)) for operand in operands]
        if expected is None:
            with pytest.raises(TypeError):
                op(*inputs)
            continue
        node = op(*inputs)
        dtype = expected.dtype if expected.dtype != np.float16 else inexact(promote([type_of(o) for o in operands])[0])
        assert node.dtype == dtype, operands
        (found,) = interpret(Graph(tuple(inputs), (node,)), operands)
        np.testing.assert_allclose(found, expected, rtol=1e-3 if expected.dtype == np.float16 else 1e-6)


#: NumPy orders complex numbers by their real parts first; its ``sign`` and ``rint`` of them are composites here.
NO_COMPLEX = {
    *("less", "less_equal", "greater", "greater_equal", "maximum", "minimum", "fmax", "fmin", "sign", "rint"),
}


def meaning_or_error(function: Callable[..., Any], operands: Sequence[Any]) -> Any:
    try:
        return np.asarray(function(*operands))
    except TypeError:
        return None


def deviates(op: Op, operands: Sequence[Any]) -> bool:
    """Where a row differs from NumPy or SciPy on purpose."""
    dtypes = [np.asarray(operand).dtype for operand in operands]
    if op.name == "angle":  # of real numbers it is the face's business
        return dtypes[0].kind != "c"
    if op.name == "reciprocal":  # floats only
        return dtypes[0].kind != "f"
    if op.name in ("polygamma", "polygamma1"):  # SciPy gives float64 for float32, and takes floats for the order
        return dtypes[-1] != np.float64 or (len(dtypes) == 2 and dtypes[0].kind not in "iu")
    if (
        not hasattr(np, op.name) or op.name == "i0"
    ):  # SciPy has its own rules for integers and Python scalars; rows have NumPy's
        return any(np.ndim(operand) == 0 or dtype.kind != "f" for operand, dtype in zip(operands, dtypes, strict=True))
    return False


INF, NAN = math.inf, math.nan
SPECIAL: dict[str, list[Any]] = {
    "f": [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 30.0, -30.0, 1e-30, 1e30, np.inf, -np.inf, np.nan],
    "i": [0, 1, -1, 2, -2, 3, 9, 40, 70],
    "u": [0, 1, 2, 3, 9, 40, 2**32 - 1],
    "b": [False, True],
    "c": list(
        map(complex, *zip(*itertools.product((0.0, -0.0, 1.5, -2.0, INF, NAN), (0.0, -0.0, -1.0, INF)), strict=True))
    ),
}
#: those that only back ends call
OF_INDICES = {"checked_index", "noted_index", "raise_noted"}
FORMULA_NAMES = {name: numpy_meaning(name) for name in SCALAR_FUNCTIONS if name not in OF_INDICES} | {
    "compose": TABLE["compose"].reference,
    "integer_power": np.power,
    "threefry": lambda key0, key1, counter: threefry2x32((key0, key1), (counter, 0))[0],
    "threefry_second": lambda key0, key1, counter: threefry2x32((key0, key1), (counter, 0))[1],
}


def special_operands(op: Op, dtype: Any) -> tuple[list[Any], Node] | None:
    """All combinations of special values, converted, and the row on them; None if it takes no such dtype."""
    kinds = [arg.dtype(dtype).kind for arg in op.samples[0].args]
    columns = list(zip(*itertools.product(*(SPECIAL[kind] for kind in kinds)), strict=True))
    args = [np.array(column, arg.dtype(dtype)) for column, arg in zip(columns, op.samples[0].args, strict=True)]
    if op.name == "power" and np.dtype(dtype).kind == "i":
        args[1] = np.abs(args[1])
    inputs = [new_input(type_of(arg)) for arg in args]
    try:
        node = op(*inputs)
    except TypeError:
        return None
    return interpret(Graph(tuple(inputs), node.inputs), args), node


@pytest.mark.parametrize("op", POINTWISE, ids=lambda op: op.name)
@pytest.mark.parametrize("dtype", ["f8", "f4", "c16", "i8", "i4", "u4", "?"])
def test_formulas_mean_what_references_compute(op: Op, dtype: str) -> None:
    """Also for NaN, infinities and signed zeros; functions of formulas have NumPy's meaning here."""
    made = special_operands(op, dtype)
    if made is None:
        return
    operands, node = made
    assert isinstance(op.lowering, Pointwise)
    formula = op.lowering.text(operands[0].dtype.kind).format(*(f"x{k}" for k in range(len(operands))))
    names = {f"x{k}": operand for k, operand in enumerate(operands)}
    with np.errstate(all="ignore"):
        found = np.asarray(eval(formula, {**FORMULA_NAMES, **names}), node.dtype)
        expected = np.asarray(op.reference(*operands))
    np.testing.assert_allclose(found, expected, rtol=1e-6 if dtype == "f4" else 1e-14)
    if node.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(found[expected == 0]), np.signbit(expected[expected == 0]))


@pytest.mark.parametrize("op", POINTWISE, ids=lambda op: op.name)
@pytest.mark.parametrize("dtype", ["f8", "c16", "i8", "u4", "?"])
def test_formulas_use_what_back_ends_provide(op: Op, dtype: str) -> None:
    made = special_operands(op, dtype)
    if made is None:
        return
    assert isinstance(op.lowering, Pointwise)
    kind, computed = made[0][0].dtype.kind, made[0][-1].dtype.kind
    for part in ast.walk(ast.parse(op.lowering.text(kind).format(*"abc"), mode="eval")):
        if isinstance(part, ast.Call):
            assert isinstance(part.func, ast.Name)
            assert computed in SCALAR_FUNCTIONS[part.func.id].kinds
        if isinstance(part, ast.Constant):
            assert part.value == 0


def test_every_function_for_formulas_is_used() -> None:
    formulas = [op.lowering.formula for op in POINTWISE if isinstance(op.lowering, Pointwise)]
    texts = [text for formula in formulas for text in ([formula] if isinstance(formula, str) else formula.values())]
    assert {name for name in SCALAR_FUNCTIONS if not any(f"{name}(" in text for text in texts)} == OF_INDICES


# Derivatives at ties, zeros and infinities

TINY = 1e-170
EDGES: list[tuple[str, tuple[float, ...], tuple[float, ...]]] = [
    ("absolute", (0.0,), (0.0,)),
    ("absolute", (-0.0,), (0.0,)),
    ("copysign", (-2.0, 3.0), (-1.0, 0.0)),
    ("copysign", (0.0, 3.0), (0.0, 0.0)),
    ("maximum", (1.0, 1.0), (1.0, 0.0)),
    ("minimum", (1.0, 1.0), (1.0, 0.0)),
    ("fmax", (1.0, 1.0), (1.0, 0.0)),
    ("fmax", (NAN, 1.0), (0.0, 1.0)),
    ("fmin", (1.0, NAN), (1.0, 0.0)),
    ("fmin", (NAN, NAN), (1.0, 0.0)),
    ("remainder", (5.5, 2.0), (1.0, -2.0)),
    ("remainder", (-5.5, 2.0), (1.0, 3.0)),
    ("fmod", (-5.5, 2.0), (1.0, 2.0)),
    ("fmod", (0.3, 0.1), (1.0, -2.0)),
    ("power", (0.0, 2.0), (0.0, 0.0)),
    ("power", (0.0, 1.0), (1.0, 0.0)),
    ("power", (0.0, 0.0), (0.0, 0.0)),
    ("power", (0.0, 0.5), (INF, 0.0)),
    ("power", (-2.0, 3.0), (12.0, 0.0)),
    ("power", (-2.0, 0.5), (NAN, NAN)),
    ("sqrt", (0.0,), (INF,)),
    ("sqrt", (INF,), (0.0,)),
    ("cbrt", (0.0,), (INF,)),
    ("exp", (-INF,), (0.0,)),
    ("expm1", (-INF,), (0.0,)),
    ("log", (0.0,), (INF,)),
    ("log1p", (-1.0,), (INF,)),
    ("tanh", (INF,), (0.0,)),
    ("expit", (-INF,), (0.0,)),
    ("log_expit", (-1000.0,), (1.0,)),
    ("log_expit", (40.0,), (math.exp(-40.0),)),
    ("erf", (INF,), (0.0,)),
    ("arcsin", (1.0,), (INF,)),
    ("arcsin", (1 - 2**-40,), (1 / math.sqrt(2**-39 - 2**-80),)),
    ("arctan", (INF,), (0.0,)),
    ("hypot", (0.0, 0.0), (0.0, 0.0)),
    ("hypot", (-3.0, 0.0), (-1.0, 0.0)),
    ("arctan2", (0.0, 0.0), (0.0, 0.0)),
    ("arctan2", (TINY, TINY), (0.5 / TINY, -0.5 / TINY)),
    ("logaddexp", (-INF, -INF), (0.5, 0.5)),
    ("logaddexp", (-INF, 1.0), (0.0, 1.0)),
    ("logaddexp", (INF, 1.0), (1.0, 0.0)),
    ("logaddexp2", (2000.0, 0.0), (1.0, 0.0)),
    ("sinc", (0.0,), (0.0,)),
    ("sinc", (1e-6,), (-(math.pi**2) / 3 * 1e-6,)),
    ("xlogy", (0.0, 2.0), (math.log(2.0), 0.0)),
    ("xlogy", (0.0, 0.0), (-INF, 0.0)),
    ("xlog1py", (0.0, -1.0), (-INF, 0.0)),
    ("heaviside", (0.0, 0.5), (0.0, 1.0)),
]


@pytest.mark.parametrize(("name", "args", "expected"), EDGES)
def test_derivatives_at_edges(name: str, args: tuple[float, ...], expected: tuple[float, ...]) -> None:
    np.testing.assert_allclose(partial_derivatives(scalar_graph(name, len(args)), args), expected, rtol=1e-11)


def scalar_graph(name: str, arity: int) -> Graph:
    inputs = tuple(new_input(ArrayType((), np.dtype(np.float64))) for _ in range(arity))
    return Graph(inputs, (TABLE[name](*inputs),), name)


def partial_derivatives(graph: Graph, args: Sequence[float]) -> list[float]:
    """The gradient of a graph of scalars, zeros included."""
    gradient, positions = gradient_graph(graph)
    found = dict(zip(positions, interpret(gradient, [*args, 1.0]), strict=True))
    return [float(found.get(k, 0.0)) for k in range(len(args))]


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("power", (0.0, 2.0), 2.0),
        ("power", (0.0, 1.0), 0.0),
        ("power", (0.0, 0.0), 0.0),
        ("power", (0.0, 3.0), 0.0),
        ("sinc", (0.0,), -(math.pi**2) / 3),
        ("logaddexp", (1.0, 1.0), 0.25),
        ("absolute", (0.0,), 0.0),
        ("hypot", (0.0, 0.0), 0.0),
        ("arctan2", (0.0, 0.0), 0.0),
        ("maximum", (1.0, 1.0), 0.0),
    ],
)
def test_second_derivative_in_the_first_operand_at_edges(name: str, args: tuple[float, ...], expected: float) -> None:
    gradient, positions = gradient_graph(scalar_graph(name, len(args)))
    assert positions[0] == 0
    first = Graph(gradient.inputs, gradient.outputs[:1], gradient.name)
    np.testing.assert_allclose(partial_derivatives(first, [*args, 1.0])[0], expected, atol=1e-12)


@pytest.mark.parametrize(("name", "sign"), [("max", 1.0), ("min", -1.0)])
def test_tied_extrema_share_the_cotangent(name: str, sign: float) -> None:
    x = new_input(ArrayType((2, 3), np.dtype(np.float64)))
    gradient, _ = gradient_graph(Graph((x,), (TABLE[name](x, axes=(1,)),)))
    values = sign * np.array([[1.0, 3.0, 3.0], [2.0, 0.0, 1.0]])
    (found,) = interpret(gradient, [values, np.array([1.0, 5.0])])
    np.testing.assert_array_equal(found, [[0.0, 0.5, 0.5], [5.0, 0.0, 0.0]])


def test_selected_away_infinities_leave_no_nan() -> None:
    """The derivative of sqrt at 0 is infinite, and nobody asked for it."""
    x = new_input(ArrayType((2,), np.dtype(np.float64)))
    safe = TABLE["where"](TABLE["greater"](x, 0.0), x, 1.0)
    y = TABLE["where"](TABLE["greater"](x, 0.0), TABLE["sqrt"](safe), 0.0)
    gradient, _ = gradient_graph(Graph((x,), (y,)))
    np.testing.assert_array_equal(interpret(gradient, [np.array([0.0, 4.0]), np.array([INF, 1.0])])[0], [0.0, 0.25])


# Random bits


@pytest.mark.parametrize(
    ("key", "counter", "words"),
    [
        ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_agrees_with_the_published_vectors(key: Any, counter: Any, words: Any) -> None:
    """From the known-answer tests of Random123, 20 rounds."""
    assert tuple(int(word) for word in threefry2x32(key, counter)) == words


def test_random_bits_are_the_two_words_of_a_block() -> None:
    counter = np.arange(5, dtype=np.uint32)
    low, high = threefry2x32((7, 9), (counter, 0))
    x = new_input(type_of(counter))
    graph = Graph((x,), (TABLE["random_bits"](7, 9, x), TABLE["random_bits_second"](7, 9, x)))
    found = interpret(graph, [counter])
    np.testing.assert_array_equal(found, [low, high])
    assert all(part.dtype == np.uint32 for part in found)


# What does not fit


def value(shape: tuple[int, ...] = (), dtype: Any = np.float64, weak: bool = False) -> Node:
    return new_input(ArrayType(shape, np.dtype(dtype), weak))


def test_shapes_that_do_not_broadcast() -> None:
    with pytest.raises(TraceShapeError, match=r"add: shapes \(2,\), \(3,\) cannot be broadcast together"):
        TABLE["add"](value((2,)), value((3,)))


def test_dtypes_that_a_row_does_not_take() -> None:
    with pytest.raises(TraceError, match="bitwise_and is not defined for float64"):
        TABLE["bitwise_and"](value(), value())
    with pytest.raises(TraceError, match="the order must be an integer, not float64"):
        TABLE["polygamma"](value(), value())


def test_a_pass_that_forgets_to_convert_is_found() -> None:
    with pytest.raises(TraceError, match="need conversion first"):
        bind(TABLE["add"], (value(dtype=np.float32), value()), {})


def test_reductions_of_nothing() -> None:
    with pytest.raises(TraceShapeError, match="zero-size array to reduction operation max which has no identity"):
        TABLE["max"](value((0, 2)), axes=(0,))
    with pytest.raises(TraceShapeError, match="attempt to get argmax of an empty sequence"):
        TABLE["argmax"](value((0,)), axis=0)


def test_python_scalars_stay_weak_among_themselves_and_adapt_to_arrays() -> None:
    scalar, single = value(weak=True), value((2,), np.float32)
    assert TABLE["exp"](scalar * 2 + 1).array_type.weak
    assert (single * TABLE["exp"](scalar)).dtype == np.float32
    assert (TABLE["power"](single, 2) / 3).dtype == np.float32
    assert not TABLE["less"](scalar, 1.0).array_type.weak
