"""The table of scalar functions: what formulas may call, each under NumPy's or SciPy's name.

One entry says all of a function: where its code is, what it costs, how far it is off. Rows, back ends, documentation
and tests read it here. The code itself is in the modules that the entries name, which are imported when a kernel
calls one of their functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.core.types import complex_dtype, largest, real_dtype, smallest

DType = np.dtype[Any]

_BOOL, _INT64 = np.dtype(bool), np.dtype(np.int64)
_HOME = "srcgrad.backends"


@dataclass(frozen=True)
class ScalarFunction:
    """A function of numbers, of one dtype or behind others.

    Attributes:
        name: NumPy's name, or that in ``scipy.special``, where there is one.
        code: by dtype kinds of the last operand ("iu", "f", "c"): module and name of a function that Numba compiles, as
            ``package.module.name``, in which ``{bits}`` stands for the width of the operand.
        cost: in multiplications.
        ulp: the largest error of float64 and of float32 in units in the last place; None where results are NumPy's, or
            within a relative error that the code states.
        result: the dtype of the result, where it is not that of the last operand, or a function of the latter.
        neutral: of a function that reductions may combine with, which is associative and commutative: what changes no
            number of a dtype.
    """

    name: str
    code: dict[str, str]
    cost: float = 1.0
    ulp: tuple[float, float] | None = None
    result: DType | Callable[[DType], DType] | None = None
    neutral: Callable[[DType], Any] | None = None

    @property
    def kinds(self) -> str:
        """The dtype kinds that the last operand may have."""
        return "".join(self.code)

    def home(self, dtype: DType) -> tuple[str, str]:
        """Module and name of the function for operands of a dtype; ValueError where there is none."""
        for kinds, path in self.code.items():
            if dtype.kind in kinds:
                module, _, function = path.format(bits=8 * dtype.itemsize).rpartition(".")
                return module, function
        raise ValueError(f"the scalar function {self.name} is not defined for {dtype}")

    def result_dtype(self, dtype: DType) -> DType:
        """Of the result, for a last operand of a dtype."""
        return self.result(dtype) if callable(self.result) else self.result or dtype


def _vector(name: str, module: str, kinds: str = "f", *, cost: float, ulp: tuple[float, float]) -> ScalarFunction:
    """Straight-line code, one function a precision; of complex numbers from their parts."""
    code = {"f": f"{_HOME}.vecmath.{module}.{name}_f{{bits}}"}
    return ScalarFunction(name, code | (_complex(name) if "c" in kinds else {}), cost, ulp)


def _complex(name: str) -> dict[str, str]:
    return {"c": f"{_HOME}.complex_math.{name}"}


def _of(module: str, name: str, kinds: str = "f", cost: float = 1.0, result: Any = None) -> ScalarFunction:
    """One function for all dtypes of some kinds, but for complex ones."""
    code = {kinds.replace("c", ""): f"{_HOME}.{module}.{name}"}
    return ScalarFunction(name, code | (_complex(name) if "c" in kinds else {}), cost, None, result)


def _by_kind(name: str, cost: float) -> ScalarFunction:
    """One function for floats and one for integers."""
    code = {"iu": f"{_HOME}.numeric.integer_{name}", "f": f"{_HOME}.numeric.float_{name}"}
    return ScalarFunction(name, code, cost)


def _parts(name: str, cost: float = 0.0, result: Any = None) -> ScalarFunction:
    return ScalarFunction(name, _complex(name), cost, None, result)


_ENTRIES = (
    # exponentials and logarithms
    _vector("exp", "exponential", "fc", cost=8.0, ulp=(1.1, 1.1)),
    _vector("exp2", "exponential", "fc", cost=8.0, ulp=(1.0, 1.0)),
    _vector("expm1", "exponential", "fc", cost=10.0, ulp=(1.4, 1.4)),
    _vector("log", "logarithm", "fc", cost=8.0, ulp=(0.9, 0.9)),
    _vector("log1p", "logarithm", "fc", cost=10.0, ulp=(1.4, 1.5)),
    _vector("log2", "logarithm", "fc", cost=8.0, ulp=(1.0, 1.0)),
    _vector("log10", "logarithm", "fc", cost=8.0, ulp=(1.0, 1.0)),
    # hyperbolic and logistic functions
    _vector("tanh", "hyperbolic", "fc", cost=10.0, ulp=(1.9, 1.6)),
    _vector("sinh", "hyperbolic", "fc", cost=15.0, ulp=(2.5, 2.3)),
    _vector("cosh", "hyperbolic", "fc", cost=10.0, ulp=(1.9, 1.9)),
    _vector("arcsinh", "hyperbolic", "fc", cost=15.0, ulp=(1.9, 1.9)),
    _vector("arccosh", "hyperbolic", "fc", cost=15.0, ulp=(2.3, 2.2)),
    _vector("arctanh", "hyperbolic", "fc", cost=15.0, ulp=(2.2, 2.2)),
    _vector("expit", "sigmoid", cost=10.0, ulp=(1.6, 1.6)),
    _vector("log_expit", "sigmoid", cost=18.0, ulp=(1.8, 1.8)),
    _vector("logit", "sigmoid", cost=12.0, ulp=(1.8, 1.8)),
    _vector("logaddexp", "sigmoid", cost=20.0, ulp=(1.8, 1.8)),
    _vector("logaddexp2", "sigmoid", cost=20.0, ulp=(1.9, 1.9)),
    # circular functions
    _vector("sin", "trigonometric", "fc", cost=10.0, ulp=(1.5, 1.4)),
    _vector("cos", "trigonometric", "fc", cost=10.0, ulp=(1.5, 1.4)),
    _vector("tan", "trigonometric", "fc", cost=15.0, ulp=(2.9, 2.8)),
    _vector("sinc", "trigonometric", "fc", cost=15.0, ulp=(3.5, 3.5)),
    _vector("arcsin", "inverse_trigonometric", "fc", cost=15.0, ulp=(2.2, 2.2)),
    _vector("arccos", "inverse_trigonometric", "fc", cost=15.0, ulp=(1.4, 1.4)),
    _vector("arctan", "inverse_trigonometric", "fc", cost=15.0, ulp=(2.0, 2.0)),
    _vector("arctan2", "inverse_trigonometric", cost=25.0, ulp=(2.1, 2.1)),
    # roots and powers
    _vector("cbrt", "root", cost=15.0, ulp=(0.6, 0.6)),
    _vector("hypot", "root", cost=10.0, ulp=(1.3, 1.3)),
    _vector("power", "power", "fc", cost=25.0, ulp=(1.1, 0.6)),
    _of("numeric", "integer_power", "iu", cost=25.0),
    _of("vecmath.bits", "sqrt", "fc", cost=4.0),
    # the gamma function, and error functions
    _vector("gammaln", "gamma", cost=30.0, ulp=(4.0, 4.0)),
    _vector("digamma", "gamma", cost=30.0, ulp=(4.0, 4.0)),
    _vector("polygamma1", "gamma", cost=40.0, ulp=(3.5, 3.8)),
    _vector("gamma", "gamma_function", cost=60.0, ulp=(4.5, 0.6)),
    _vector("erf", "error", cost=12.0, ulp=(1.4, 1.4)),
    _vector("erfc", "error", cost=20.0, ulp=(3.2, 3.8)),
    _vector("erfinv", "error", cost=20.0, ulp=(3.8, 3.4)),
    _vector("erfcx", "normal", cost=25.0, ulp=(5.0, 0.6)),
    _vector("ndtr", "normal", cost=25.0, ulp=(4.5, 0.6)),
    _vector("log_ndtr", "normal", cost=40.0, ulp=(5.5, 0.6)),
    # Bessel functions
    _vector("i0", "modified_bessel", cost=40.0, ulp=(4.5, 0.6)),
    _vector("i1", "modified_bessel", cost=40.0, ulp=(4.5, 0.6)),
    _vector("i0e", "modified_bessel", cost=30.0, ulp=(3.5, 0.6)),
    _vector("i1e", "modified_bessel", cost=30.0, ulp=(3.5, 0.6)),
    _vector("j0", "bessel", cost=40.0, ulp=(4.5, 0.6)),
    _vector("j1", "bessel", cost=40.0, ulp=(4.5, 0.6)),
    _vector("y0", "bessel", cost=60.0, ulp=(5.5, 0.6)),
    _vector("y1", "bessel", cost=60.0, ulp=(5.5, 0.6)),
    # series and continued fractions, in loops
    _of("incomplete", "gammainc", cost=100.0),
    _of("incomplete", "gammaincc", cost=100.0),
    _of("incomplete", "betainc", cost=150.0),
    _of("incomplete", "exp1", cost=60.0),
    _of("incomplete", "expi", cost=60.0),
    _of("incomplete", "zeta", cost=60.0),
    _of("incomplete", "polygamma", cost=60.0),
    # quotients and remainders
    _by_kind("floor_divide", cost=6.0),
    _by_kind("remainder", cost=6.0),
    _by_kind("fmod", cost=6.0),
    _of("numeric", "reciprocal", "fc", cost=4.0),
    # selection, extrema, rounding, signs
    ScalarFunction("where", {"biufc": f"{_HOME}.scalars.where"}),
    ScalarFunction("maximum", {"biuf": f"{_HOME}.scalars.maximum"}, neutral=smallest),
    ScalarFunction("minimum", {"biuf": f"{_HOME}.scalars.minimum"}, neutral=largest),
    _of("scalars", "fmax"),
    _of("scalars", "fmin"),
    _of("vecmath.bits", "floor"),
    _of("vecmath.bits", "ceil"),
    _of("vecmath.bits", "trunc"),
    _of("vecmath.bits", "rint"),
    _of("scalars", "absolute", "ifc", result=real_dtype),
    _of("vecmath.bits", "copysign"),
    _of("numeric", "sign", "iuf"),
    _of("scalars", "signbit", result=_BOOL),
    _of("numeric", "isnan", "fc", result=_BOOL),
    _of("numeric", "isinf", "fc", result=_BOOL),
    _of("numeric", "isfinite", "fc", result=_BOOL),
    # complex numbers and their parts
    ScalarFunction("compose", {"f": f"{_HOME}.complex_math.compose"}, 0.0, None, complex_dtype),
    _parts("real", result=real_dtype),
    _parts("imag", result=real_dtype),
    _parts("conjugate"),
    _parts("angle", cost=25.0, result=real_dtype),
    _parts("divide", cost=4.0),
    # bits
    _of("numeric", "left_shift", "iu"),
    _of("numeric", "right_shift", "iu"),
    _of("numeric", "threefry", "u", cost=70.0),
    _of("numeric", "threefry_second", "u", cost=70.0),
    # indices that come from data
    _of("scalars", "checked_index", "i", result=_INT64),
    _of("scalars", "noted_index", "i", result=_INT64),
    _of("scalars", "raise_noted", "i"),
)

#: The scalar functions by name. One that is added here is known to all formulas from then on.
SCALAR_FUNCTIONS: dict[str, ScalarFunction] = {entry.name: entry for entry in _ENTRIES}

#: The operators that reductions combine with besides scalar functions, and what they start from.
REDUCING_OPERATORS = {"add": ("+", 0), "multiply": ("*", 1), "or": ("|", 0), "and": ("&", 1)}


def neutral_element(combine: str, dtype: DType) -> Any:
    """What a reduction starts from, as a NumPy scalar; ValueError where nothing combines by that name."""
    if combine in REDUCING_OPERATORS:
        return dtype.type(REDUCING_OPERATORS[combine][1])
    function = SCALAR_FUNCTIONS.get(combine)
    if function is None or function.neutral is None:
        raise ValueError(f"no reduction combines with {combine}: it has no neutral element")
    return function.neutral(dtype)
