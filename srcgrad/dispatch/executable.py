"""Compiled graphs: what the pipeline made of a graph, or an earlier process did, as a function of arrays."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.callback import raising
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph
from srcgrad.pipeline import emit, named, schedule

pack, build = named("pack"), named("build")


class Executable:
    """A compiled graph.

    Attributes:
        graph: what was compiled.
        fast_math: whether the user's own arithmetic may be reassociated.
        source: the emitted module.
        packing: which inputs and results are passed together, as one array.
        function: the native function. It takes the inputs (aligned C-contiguous arrays of exactly the right shape and
            dtype; scalars for zero-dimensional ones), then ``constants``, and returns a tuple of arrays, and of NumPy
            scalars for zero-dimensional outputs; NotImplemented for other arguments.
        constants: arrays that came with the graph.
    """

    def __init__(self, graph: Graph, *, fast_math: bool = False) -> None:
        from srcgrad.backends.kept import kept_module
        from srcgrad.backends.machine import this_machine

        packed, self.packing = pack(graph)
        target = this_machine(packed)
        module = kept_module(
            packed, fast_math, target, lambda: emit(schedule(packed, target), graph.name, fast_math, target)
        )
        self.fast_math = fast_math
        self.graph = graph
        self.module = module
        self.source = module.source
        self.constants = tuple(exact(array, array.dtype) for array in module.constants)
        self.input_types = tuple((node.shape, node.dtype) for node in graph.inputs)

    @functools.cached_property
    def function(self) -> Callable[..., tuple[Any, ...]]:
        from srcgrad.backends.packing import with_packing

        function = build(self.module, lambda: _places(self.graph), raising if _calls_back(self.graph) else None)
        self.module = dataclasses.replace(self.module, functions=())  # it is compiled now
        return function if self.packing is None else with_packing(function, self.packing, self.input_types)

    def __call__(self, *arrays: Any) -> Sequence[Any]:
        """One array (or scalar) for each input, to one array (or NumPy scalar) for each output."""
        results = self.function(*self.native(arrays), *self.constants)
        assert results is not NotImplemented
        return results

    def native(self, arrays: Sequence[Any]) -> list[Any]:
        """The inputs as the native function takes them."""
        return [
            exact(array, dtype) if shape else dtype.type(array)
            for array, (shape, dtype) in zip(arrays, self.input_types, strict=True)
        ]


def _places(graph: Graph) -> str:
    """Where the loops are whose trip count is known only at run time."""
    found: dict[str, None] = {}

    def visit(inner: Graph) -> None:
        for node in inner.nodes():
            is_open = node.op.name == "while" or (node.op.name == "loop" and node.params["length"] is None)
            if is_open and node.location is not None:
                found[f"{node.location.file}:{node.location.line}"] = None
            for part in node.params.values():
                if isinstance(part, Graph):
                    visit(part)

    visit(graph)
    return f" (at {', '.join(list(found)[:3])})" if found else ""


def _calls_back(graph: Graph) -> bool:
    """Whether a program calls Python functions."""
    return any(
        node.op.name == "callback"
        or any(isinstance(part, Graph) and _calls_back(part) for part in node.params.values())
        for node in graph.nodes()
    )


def exact(array: Any, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """An array as native functions take it: contiguous, aligned, with NumPy's own object for the dtype."""
    return np.require(array, dtype, ["C", "A"]).view(np.ndarray).view(np.dtype(dtype.type))


class Interpreted(Executable):
    """A graph that runs operation by operation, each by NumPy: where compilation is switched off."""

    def __init__(self, graph: Graph, *, fast_math: bool = False) -> None:
        self.fast_math, self.graph, self.constants, self.source = fast_math, graph, (), str(graph)
        self.input_types = tuple((node.shape, node.dtype) for node in graph.inputs)

    @functools.cached_property
    def function(self) -> Callable[..., tuple[Any, ...]]:
        """As a native function: results are new arrays, and arguments that it was not made for are refused."""

        def run(*arrays: Any) -> Any:
            for array, (shape, dtype) in zip(arrays, self.input_types, strict=True):
                is_exact = type(array) is np.ndarray and array.shape == shape and array.dtype == dtype
                if shape and not (is_exact and array.flags.c_contiguous and array.flags.aligned):
                    return NotImplemented
            return tuple(np.array(result)[()] for result in interpret(self.graph, arrays))

        return run


def compile_graph(graph: Graph, *, fast_math: bool = False) -> Executable:
    """Graph to callable; interpreted where ``NUMBA_DISABLE_JIT=1`` says so."""
    from srcgrad.backends.switch import is_off

    return (Interpreted if is_off() else Executable)(graph, fast_math=fast_math)


def compiling(function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a function that traces and compiles, on a stack that is large enough for it."""
    from srcgrad.backends.room import COMPILER, with_room

    return with_room(COMPILER, function, *arguments)
