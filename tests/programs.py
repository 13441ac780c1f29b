"""Whole programs as users write them, and a way to run them without a back end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import srcgrad.numpy as snp
from srcgrad.core import tree
from srcgrad.core.types import type_of
from srcgrad.graph.interpret import interpret
from srcgrad.graph.trace import trace
from srcgrad.graph.verify import verify


def interpreted(function: Callable[..., Any], *args: Any) -> Any:
    """Trace a function and interpret its graph; arguments that it writes in place are written back."""
    leaves, structure = tree.flatten((args, {}))
    traced = trace(function, structure, [type_of(leaf) for leaf in leaves], handle=snp.Array)
    verify(traced.graph)
    results = [np.array(result) for result in interpret(traced.graph, leaves)]  # no views of arguments that change
    for position, new in zip(traced.mutated, results[traced.n_results :], strict=True):
        leaves[position][...] = new
    return tree.unflatten(traced.out_structure, results[: traced.n_results])
