"""Random programs over three inputs, for property tests: smooth, of bounded values, with loops, branches and writes."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import srcgrad as sg
import srcgrad.numpy as snp

INPUTS = (np.array([0.3, -0.7, 1.1]), np.array([[0.2, 0.5, -0.4], [0.9, -0.1, 0.6]]), np.array(0.8))


def _unary(a: Any, b: Any) -> Any:
    return np.tanh(a)


def _sine(a: Any, b: Any) -> Any:
    return np.sin(a)


def _difference(a: Any, b: Any) -> Any:
    return a - _fitting(b, a)


def _product(a: Any, b: Any) -> Any:
    return np.tanh(a * _fitting(b, a))


def _total(a: Any, b: Any) -> Any:
    return np.tanh(a.sum(axis=0)) if a.ndim else -a


def _reversed(a: Any, b: Any) -> Any:
    return a[::-1] if a.ndim else a * a


def _part(a: Any, b: Any) -> Any:
    return a[1:] if a.ndim and a.shape[0] > 1 else a * 0.5


def _transposed(a: Any, b: Any) -> Any:
    return a.T


def _flat(a: Any, b: Any) -> Any:
    return np.reshape(a, -1)


def _joined(a: Any, b: Any) -> Any:
    return np.concatenate([np.reshape(a, -1), np.reshape(b, -1)])[:6]


def _repeated(a: Any, b: Any) -> Any:
    return np.broadcast_to(a, (2, *a.shape)) if a.ndim < 2 else a


def _written(a: Any, b: Any) -> Any:
    if not a.ndim:
        return a + 1.0
    new = snp.array(a)
    new[0] = _scalar(b)
    new[-1:] *= 0.5
    return new


def _matrix_product(a: Any, b: Any) -> Any:
    flat = np.reshape(a, -1)
    return np.tanh(np.outer(flat, flat) @ np.sin(flat + _scalar(b)))


def _selected(a: Any, b: Any) -> Any:
    return np.where(a > 0.1537, a * a, np.sin(a))


def _branch(a: Any, b: Any) -> Any:
    return sg.cond(_scalar(b) > 0.1037, lambda x: np.sin(x) * _scalar(b), lambda x: x * x, a)


def _loop(a: Any, b: Any) -> Any:
    s = _scalar(b)
    return sg.fori_loop(0, 3, lambda i, c: np.tanh(c * s + 0.1 * i), a)


def _linear_loop(a: Any, b: Any) -> Any:
    return sg.fori_loop(0, 3, lambda i, c: 0.5 * c - 0.25 * _fitting(b, a), a)


def _stencil(a: Any, b: Any) -> Any:
    s = _scalar(b)

    def body(i: Any, c: Any) -> Any:
        c[i + 1] = np.tanh(c[i] * c[i + 1] + s)
        return c

    flat = np.reshape(a, -1)
    return sg.fori_loop(0, flat.shape[0] - 1, body, flat)


def _scanned(a: Any, b: Any) -> Any:
    def body(carry: Any, x: Any) -> Any:
        carry = np.tanh(carry + x * _scalar(b))
        return carry, carry * x

    last, ys = sg.scan(body, _scalar(b), np.reshape(a, -1), reverse=True)
    return ys + last


def _nested(a: Any, b: Any) -> Any:
    def outer(i: Any, c: Any) -> Any:
        return sg.fori_loop(0, 2, lambda j, d: np.sin(d + c * 0.3), c)

    return sg.fori_loop(0, 2, outer, a)


STEPS = (
    _unary,
    _sine,
    _difference,
    _product,
    _total,
    _reversed,
    _part,
    _transposed,
    _flat,
    _joined,
    _repeated,
    _written,
    _matrix_product,
    _selected,
    _branch,
    _loop,
    _linear_loop,
    _stencil,
    _scanned,
    _nested,
)


def _scalar(x: Any) -> Any:
    return np.tanh(x.sum())


def _fitting(b: Any, a: Any) -> Any:
    try:
        fits = np.broadcast_shapes(a.shape, b.shape) == a.shape
    except ValueError:
        fits = False
    return b if fits else _scalar(b)


@st.composite
def programs(draw: st.DrawFn) -> Any:
    """A function of `INPUTS` to a scalar."""
    count = draw(st.integers(1, 6))
    steps = [
        (draw(st.sampled_from(STEPS)), draw(st.integers(0, 2 + k)), draw(st.integers(0, 2 + k))) for k in range(count)
    ]

    def program(x: Any, m: Any, s: Any) -> Any:
        values = [x, m, s]
        for step, a, b in steps:
            values.append(step(values[a], values[b]))
        total = np.sin(values[-1]).sum()
        return total + (values[-2] * values[-2]).sum()

    program.__qualname__ = " ".join(f"{step.__name__}({a},{b})" for step, a, b in steps)
    return program
