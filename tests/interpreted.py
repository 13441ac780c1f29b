"""The transforms without a back end: graphs are interpreted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np

import srcgrad as sg
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph
from srcgrad.graph.verify import verify


class Interpreted:
    """In place of a compiled graph."""

    def __init__(self, graph: Graph, **options: Any) -> None:
        verify(graph)
        self.graph, self.constants = graph, ()

    @property
    def source(self) -> str:
        return str(self.graph)

    def function(self, *arrays: Any) -> Any:
        """As the native function: only exactly what it was made for is taken, and numbers are NumPy's scalars."""
        for node, array in zip(self.graph.inputs, arrays, strict=True):
            if node.shape and not (
                type(array) is np.ndarray
                and array.shape == node.shape
                and array.dtype == node.dtype
                and array.flags.c_contiguous
            ):
                return NotImplemented
        return tuple(np.array(result)[()] for result in interpret(self.graph, arrays))


@contextmanager
def interpreter() -> Iterator[None]:
    """Functions that are compiled inside the block are interpreted."""
    with mock.patch("srcgrad.dispatch.function.compile_graph", Interpreted):
        yield


def run(function: Callable[..., Any], *args: Any) -> Any:
    """The traced function's result."""
    with interpreter():
        return sg.jit(function)(*args)


def gradient(function: Callable[..., Any], *args: Any, argnums: Any = 0) -> Any:
    """The gradient of the traced function."""
    with interpreter():
        return sg.grad(function, argnums)(*args)
