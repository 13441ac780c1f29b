"""docs/numpy_support.md lists what there is: its tables are those that the namespace gives."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy
import scipy.linalg
import scipy.special

import srcgrad.numpy as snp
from srcgrad.numpy import python_math, scipy_linalg, special
from srcgrad.numpy.elementwise import ufunc_names
from srcgrad.numpy.methods import Methods
from srcgrad.numpy.protocols import FUNCTIONS, SCIPY_FUNCTIONS
from srcgrad.numpy.stand_ins import stand_in

DOCUMENT = Path(__file__).parents[1] / "docs" / "numpy_support.md"
TITLES = {
    "creation": "New arrays",
    "shaping": "Shapes",
    "joining": "Joining, splitting, repeating, shifting",
    "indexing": "Indexing and selection",
    "reductions": "Reductions, sorting",
    "products": "Products",
    "contraction": "Einstein summation",
    "linalg": "`numpy.linalg`",
    "systems": "`numpy.linalg`",
    "rounding": "Rounding and clipping",
    "special": "Functions of `scipy.special`",
    "scipy_linalg": "`scipy.linalg`",
    "scipy_structured": "`scipy.linalg`",
    "ordering": "Order, quantiles, counts",
    "pieces": "Choices, running sums, polynomials",
    "numerics": "Numerics, statistics, comparison",
    "complex_parts": "Complex numbers",
    "elements": "Complex numbers",
    "fft": "`numpy.fft`",
}


def tables() -> dict[str, list[str]]:
    """The names of every section, as the namespace has them."""
    found: dict[str, list[str]] = {title: [] for title in TITLES.values()}
    for name, function in FUNCTIONS.items():
        found[TITLES[function.__module__.rpartition(".")[2]]].append(name)
    ufuncs = list(ufunc_names())
    found["Ufuncs of NumPy"] = [name for name in ufuncs if hasattr(np, name)]
    found["Ufuncs of `scipy.special`"] = [name for name in ufuncs if name in scipy_names()]
    found["Methods and properties"] = [name for name in vars(Methods) if not name.startswith("_")]
    return {title: sorted(names, key=str.lower) for title, names in found.items()}


def scipy_names() -> set[str]:
    return {name for name in ufunc_names() if not hasattr(np, name) and hasattr(scipy.special, name)}


@pytest.mark.parametrize("title", list(tables()))
def test_the_document_lists_what_there_is(title: str) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    section = re.search(rf"^\| {re.escape(title)} \| (.*) \|$", text, re.MULTILINE)
    expected = ", ".join(f"`{name}`" for name in tables()[title])
    assert section is not None, f"no row for {title}"
    assert section[1] == expected, f"the row should be\n| {title} | {expected} |"


def test_every_function_has_a_docstring() -> None:
    assert [name for name, function in FUNCTIONS.items() if not function.__doc__] == []


def test_the_functions_of_scipy_special_are_there() -> None:
    assert all(hasattr(special, name) and hasattr(scipy.special, name) for name in SCIPY_FUNCTIONS)
    assert special.erf.__name__ == "erf"
    assert special.jv is scipy.special.jv


def test_other_names_are_those_of_numpy() -> None:
    assert snp.float32 is np.float32
    assert snp.pi == np.pi
    assert snp.errstate is np.errstate
    assert snp.abs is snp.absolute or snp.abs.__name__ == "absolute"
    with pytest.raises(AttributeError, match="nonsense"):
        _ = snp.nonsense


# what a traced function sees in place of the modules that its globals hold


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        (np, snp),
        (np.linalg, snp.linalg),
        (np.fft, snp.fft),
        (np.fft.rfft, snp.fft.rfft),
        (math, python_math),
        (scipy.special, special),
        (np.zeros, snp.zeros),
        (np.concatenate, snp.concatenate),
        (np.linalg.norm, snp.linalg.norm),
        (np.sin, snp.sin),
        (np.ndarray, snp.ndarray),
        (math.sin, python_math.sin),
        (scipy.special.expit, special.expit),
        (scipy.special.logsumexp, special.logsumexp),
        (np.float64, np.float64),
        (np.random, np.random),
        (np.pi, np.pi),
        (len, len),
        (scipy.special.jv, scipy.special.jv),
        (scipy.linalg, scipy_linalg),
        (scipy.linalg.expm, scipy_linalg.expm),
        (scipy.linalg.solve_triangular, scipy_linalg.solve_triangular),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_stand_ins(original: Any, expected: Any) -> None:
    assert stand_in(original) is expected


def test_the_stand_in_of_scipy_has_a_stand_in_of_special() -> None:
    assert stand_in(scipy).special is special
    assert stand_in(scipy).__version__ == scipy.__version__
