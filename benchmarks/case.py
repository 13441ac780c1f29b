"""What a case is: inputs, one program for each contender, and the right answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Inputs = tuple[Array, ...]


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name is one of some names and shell patterns."""
    return any(fnmatch(name, pattern) for pattern in patterns)


@dataclass(frozen=True)
class Program:
    """What one contender runs: ``function(*args)`` is one call, and a call makes ``units`` steps."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    units: int = 1


@dataclass(frozen=True)
class Gradient:
    """A scalar loss under differentiation, from which each contender makes its program in its own way.

    ``loss(np)`` is the loss as a function of all inputs, written once for every namespace that has NumPy's
    names. The gradient is taken with respect to the leading ``n_differentiated`` inputs; a program returns it
    after the value where ``with_value`` says so.
    """

    loss: Callable[[Any], Callable[..., Any]]
    torch_loss: Callable[..., Any]
    n_differentiated: int = 1
    with_value: bool = True
    jax_loss: Callable[..., Any] | None = None  # where JAX has a better formulation than NumPy's names

    @property
    def argnums(self) -> int | tuple[int, ...]:
        return 0 if self.n_differentiated == 1 else tuple(range(self.n_differentiated))


@dataclass(frozen=True)
class Case:
    """One row of the table: the same computation for every contender that has a program for it.

    ``expected(inputs, units)`` is the answer by hand-derived NumPy, which every contender has to match within
    ``tolerance``, relative to the largest element of each result, before it is timed.
    """

    name: str
    what: str
    dtype: str
    make_inputs: Callable[[np.random.Generator], Inputs]
    expected: Callable[[Inputs, int], tuple[Any, ...]]
    tolerance: float
    unit: str = "call"
    gradient: Gradient | None = None
    programs: Mapping[str, Callable[[Inputs], Program]] = field(default_factory=dict)

    def inputs(self, seed: int) -> Inputs:
        return self.make_inputs(np.random.default_rng(seed))


def leaves(output: Any) -> Iterable[Any]:
    """The arrays of a nested result, from left to right."""
    if isinstance(output, (tuple, list)):
        for part in output:
            yield from leaves(part)
    else:
        yield output


def worst_error(results: list[Array], expected: list[Array]) -> float:
    """The largest deviation of any result, relative to the largest element of what was expected."""
    if len(results) != len(expected):
        raise ValueError(f"{len(results)} results where {len(expected)} are expected")
    worst = 0.0
    for result, reference in zip(results, expected, strict=True):
        if result.size != reference.size:
            raise ValueError(f"a result of shape {result.shape} where {reference.shape} is expected")
        deviation = np.abs(result.reshape(-1).astype(np.float64) - reference.reshape(-1))
        scale = max(float(np.max(np.abs(reference), initial=0.0)), np.finfo(np.float64).tiny)
        error = float(np.max(deviation, initial=0.0)) / scale
        worst = error if np.isnan(error) else max(worst, error)
        if np.isnan(worst):
            break
    return worst
