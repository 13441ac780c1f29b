"""Unroll and jam: iterations of an outer loop side by side, with rows of their own where each keeps a row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.backends import threads
from srcgrad.core.settings import override
from tests.interpreted import interpreter

SERIAL = 10**15


def network(w: Any, b: Any, v: Any, x: Any, y: Any) -> Any:
    hidden = np.maximum(x @ w + b, 0.0)
    return np.mean((hidden @ v - y) ** 2)


@pytest.mark.parametrize(("samples", "split"), [(101, False), (100, False), (101, True)])
def test_two_samples_of_a_network_side_by_side(samples: int, split: bool) -> None:
    """Each has a row of hidden values of its own, in split loops too; an odd last one comes alone."""
    generator = np.random.default_rng(0)
    w, b, v = generator.normal(size=(3, 32)), generator.normal(size=32), generator.normal(size=32)
    x, y = generator.normal(size=(samples, 3)), generator.normal(size=samples)
    gradient = sg.value_and_grad(network, argnums=(0, 1, 2))
    with override(parallel_cycles=0 if split else SERIAL):
        value, found = gradient(w, b, v, x, y)
        source = sg.source(gradient, w, b, v, x, y, form="machine")
    with interpreter():
        wanted_value, wanted = sg.value_and_grad(network, argnums=(0, 1, 2))(w, b, v, x, y)
    np.testing.assert_allclose(value, wanted_value, rtol=1e-12)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    assert ", 2):" in source
    assert ("fork(" in source) == (split and threads.limit() > 1)
