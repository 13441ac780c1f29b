"""What traced arrays cannot do is said in terms of the user's program: the line, what was asked, what to do instead."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special

import srcgrad.numpy as snp
from srcgrad.core.errors import SrcgradError
from srcgrad.numpy import scipy_linalg
from tests.programs import interpreted

X = np.arange(6.0).reshape(2, 3)
PLAIN = np.arange(4.0)


def write_into_plain(x):
    PLAIN[0] = x[0, 0]


def write_into_read_only(x):
    np.broadcast_to(x, (2, 2, 3))[0] = 1


def divide_integers_in_place(x):
    counts = x.astype(int)
    counts /= 2


def grow_in_place(x):
    row = x[0]
    row += x


def write_into_scalar(x):
    x[0, 0][()] = 1


def write_wrong_shape(x):
    x[:, 1:] = x


def write_wrong_shape_at_indices(x):
    x[[0, 1]] = x[:, :2]


def write_sequence_into_element(x):
    x[0, 0] = x[0]


def write_many_values_at_a_traced_mask(x):
    x[x > 1] = np.ones(4)


def iterate_over_element(x):
    for _ in x[0, 0]:
        pass


ERRORS: dict[type[Exception], dict[str, list[Callable[[Any], Any]]]] = {
    TypeError: {
        "truth value.*np.where.*sg.cond": [
            lambda x: 1 if x[0, 0] > 0 else 2,
            lambda x: x[0, 0] and 1,
            lambda x: 3.0 in x,
        ],
        "float.. of a traced array.*static_argnums": [lambda x: float(x[0, 0]), lambda x: math.sin(x[0, 0])],
        "int.. of a traced array": [lambda x: int(x[0, 0])],
        "tolist.. of a traced": [lambda x: x.tolist()],
        "a traced integer.*sg.fori_loop.*np.take": [
            lambda x: range(x[0].argmax()),
            lambda x: PLAIN[x[0].argmax()],
            lambda x: [1, 2][x[0].argmax()],
            lambda x: np.reshape(x, (x[0].argmax(), 2)),
        ],
        "converted to a NumPy array.*docs/numpy_support.md": [
            lambda x: np.asarray(x),
            lambda x: np.array(x),
            lambda x: np.bincount([x[0]]),
        ],
        "scipy.special.logsumexp.*srcgrad.numpy.logsumexp": [lambda x: scipy.special.logsumexp(x)],
        "scipy.special.softmax.*srcgrad.numpy.softmax": [lambda x: scipy.special.softmax(x, axis=1)],
        "scipy.linalg.expm.*srcgrad.numpy.scipy_linalg.expm": [lambda x: scipy.linalg.expm(x)],
        "traced boolean mask.*np.where.mask": [lambda x: x[x > 1], lambda x: x[0, x[0] > 1]],
        "length of a slice.*x.i : i . k.": [lambda x: x[0, : x[0].argmax() : 2], lambda x: x[0, x[0].argmax() :: 2]],
        "decides? the length.*static_argnums": [
            lambda x: np.repeat(x, x[0].astype(int), axis=1),
            lambda x: snp.arange(x[0, 0]),
            lambda x: np.compress(x[0] > 1, x, axis=1),
        ],
        "shape is not known": [lambda x: snp.zeros(x[0].argmax())],
        "number of non-zero elements.*three arguments": [
            lambda x: np.nonzero(x),
            lambda x: np.where(x),
            lambda x: x.nonzero(),
        ],
        "cannot cast ufunc 'divide' output.*float array first": [divide_integers_in_place],
        "scalar does not support item assignment": [write_into_scalar],
        "which value goes where.*np.where": [write_many_values_at_a_traced_mask],
        "iteration over a 0-d array": [iterate_over_element],
        "unsized": [lambda x: len(x[0, 0])],
        "out= is a NumPy array.*np.zeros": [lambda x: np.add(x[0], 1, out=np.zeros(3))],
        "cannot cast array data": [lambda x: x.astype(int, casting="safe")],
    },
    ValueError: {
        "Invalid norm order 3": [lambda x: np.linalg.norm(x, 3)],
        "must be square": [lambda x: np.linalg.inv(x)],
        "more than one element is ambiguous.*a.any": [lambda x: bool(x), lambda x: 1 if x > 0 else 2],
        "read-only": [write_into_read_only, lambda x: np.fill_diagonal(np.diagonal(x[:, :2])[None], 0)],
        "non-broadcastable output operand": [grow_in_place],
        "could not broadcast input array from shape .2, 3. into shape .2, 2.": [write_wrong_shape],
        "shape mismatch: value array": [write_wrong_shape_at_indices],
        "array element with a sequence": [write_sequence_into_element],
        "cannot reshape array of size 6 into shape .4, -?.*": [lambda x: x.reshape(4, 2), lambda x: x.reshape(4, -1)],
        "do not fit": [
            lambda x: x @ x,
            lambda x: np.dot(x, x),
            lambda x: np.tensordot(x, x, 1),
            lambda x: np.inner(x, x.T),
        ],
        "label 'j' has the extents": [lambda x: np.einsum("ij,jk->ik", x, x)],
        "label 'q', which no operand": [lambda x: np.einsum("ij->q", x)],
        "takes 1 operands, was given 2": [lambda x: np.einsum("ij", x, x)],
        "cannot be broadcast together": [lambda x: x + x[:, :2], lambda x: np.where(x > 0, x, x[:, :2])],
        "same shape": [lambda x: np.stack([x, x[0]])],
        "equal division": [lambda x: np.split(x, 2, axis=1)],
        "size not equal to one": [lambda x: x.squeeze(0)],
        "axes don't match": [lambda x: x.transpose(0)],
        "ragged": [lambda x: snp.array([x[0], x[0, :2]]), lambda x: snp.array([[x[0, 0]], [1, 2]])],
        "negative": [lambda x: snp.zeros((-1, 2)), lambda x: np.pad(x, -1)],
        "zero-size array": [lambda x: x[:0].max(), lambda x: np.min(x[:, 1:1], axis=1)],
        "does not have an identity": [lambda x: np.max(x, where=x > 1)],
    },
    IndexError: {
        "index 2 is out of bounds for axis 0 with size 2": [lambda x: x[2], lambda x: np.take(x, [0, 2], axis=0)],
        "index -4 is out of bounds for axis 1 with size 3": [lambda x: x[:, -4], lambda x: x[0, [-4]]],
        "too many indices for array: array is 2-dimensional, but 3 were indexed": [lambda x: x[0, 0, 0]],
        "only integers, slices": [lambda x: x["a"], lambda x: x[1.5], lambda x: x[{}]],
        "must be of integer .or boolean. type": [lambda x: x[[0.5]], lambda x: x[x[0]]],
        "boolean index did not match": [lambda x: x[[True]], lambda x: x[np.ones((2, 2), bool)]],
        "indexing arrays could not be broadcast together with shapes": [lambda x: x[[0, 1], [0, 1, 2]]],
        "single ellipsis": [lambda x: x[..., ...]],
        "does not fit into an axis": [lambda x: x[0, x[0].argmax() : x[0].argmax() + 5]],
        "axis 2 is out of bounds": [
            lambda x: np.sum(x, axis=2),
            lambda x: np.swapaxes(x, 0, 2),
            lambda x: np.flip(x, 2),
        ],
    },
    NotImplementedError: {
        "numpy.unique is not supported.*depends on the data.*np.sort": [lambda x: np.unique(x)],
        "scipy.linalg.sqrtm is not supported.*sg.custom_vjp": [lambda x: scipy_linalg.sqrtm(x)],
        "numpy.packbits is not supported.*sg.custom_vjp": [lambda x: np.packbits(x)],
        "numpy.linalg.eig is not supported": [lambda x: np.linalg.eig(x)],
        "Use full_matrices=False": [lambda x: np.linalg.svd(x)],
        "numpy.linalg.eigvals is not supported.*linalg.eigvalsh": [lambda x: np.linalg.eigvals(x)],
        "scipy.special.jv is not supported": [lambda x: scipy.special.jv(1, x)],
        "numpy.hypot.accumulate": [lambda x: np.hypot.accumulate(x)],
        "numpy.add.reduceat": [lambda x: np.add.reduceat(x, [0, 1])],
        "without out=.*np.where": [lambda x: np.add(x, 1, where=x > 1)],
        "casting='unsafe' is not supported": [lambda x: np.add(x, 1, casting="unsafe")],
        "mode='linear_ramp'": [lambda x: np.pad(x, 1, "linear_ramp")],
    },
    AttributeError: {
        "no attribute 'byteswap'": [lambda x: x.byteswap()],
        "no attribute 'partition'": [lambda x: x.partition(1)],
        "'Array' object has no attribute 'grad'": [lambda x: x.grad],
    },
}
CASES = [
    pytest.param(kind, message, function, id=f"{kind.__name__}-{message[:30]}-{number}")
    for kind, group in ERRORS.items()
    for message, functions in group.items()
    for number, function in enumerate(functions)
]


@pytest.mark.parametrize(("kind", "message", "function"), CASES)
def test_errors_say_what_and_where(kind: type[Exception], message: str, function: Callable[[Any], Any]) -> None:
    with pytest.raises(kind, match=f"(?s){message}") as raised:
        interpreted(function, X.copy())
    if isinstance(raised.value, SrcgradError) and not message.startswith(("cannot be broadcast", "zero-size")):
        assert "test_numpy_errors.py:" in str(raised.value)


def test_writing_into_an_array_from_outside() -> None:
    with pytest.raises(ValueError, match="sequence") as raised:
        interpreted(write_into_plain, X)
    assert "make it inside the traced function" in str(raised.value.__cause__) + str(raised.value.__context__)
