"""Views are views and copies are copies, as in NumPy: each written through the result, and through the original."""

from __future__ import annotations

import copy as copy_module
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from tests.interpreted import interpreter, run

#: every function, method and keyword that may give a view or a copy
FORMS: dict[str, Callable[[Any], Any]] = {
    "ravel": lambda x: np.ravel(x),
    "ravel F": lambda x: np.ravel(x, order="F"),
    "ravel K": lambda x: np.ravel(x, order="K"),
    "ravel A": lambda x: np.ravel(x, order="A"),
    ".ravel": lambda x: x.ravel(),
    ".flatten": lambda x: x.flatten(),
    "reshape": lambda x: np.reshape(x, (-1,)),
    "reshape F": lambda x: np.reshape(x, (-1,), order="F"),
    "reshape A": lambda x: np.reshape(x, (-1,), order="A"),
    "reshape 2": lambda x: x.reshape(x.shape[0], 1, *x.shape[1:]),
    "reshape copy": lambda x: np.reshape(x, (-1,), copy=True),
    "reshape copy False": lambda x: np.reshape(x, (-1,), copy=False),
    "transpose": np.transpose,
    ".T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "matrix_transpose": np.matrix_transpose,
    "permute_dims": lambda x: np.permute_dims(x),
    "swapaxes": lambda x: np.swapaxes(x, 0, -1),
    "moveaxis": lambda x: np.moveaxis(x, 0, -1),
    "rollaxis": lambda x: np.rollaxis(x, -1),
    "squeeze": lambda x: np.squeeze(x[None]),
    "squeeze nothing": np.squeeze,
    "squeeze axis": lambda x: np.squeeze(x[:, None], 1),
    "expand_dims": lambda x: np.expand_dims(x, 1),
    "newaxis": lambda x: x[None],
    "ellipsis": lambda x: x[...],
    "empty key": lambda x: x[()],
    "diagonal": np.diagonal,
    "diag": np.diag,
    "diag k": lambda x: np.diag(x, 1),
    "linalg.diagonal": np.linalg.diagonal,
    ".diagonal": lambda x: x.diagonal(),
    "real": np.real,
    "imag": np.imag,
    ".real": lambda x: x.real,
    ".imag": lambda x: x.imag,
    "asarray": np.asarray,
    "asarray dtype": lambda x: np.asarray(x, dtype=x.dtype),
    "asarray copy": lambda x: np.asarray(x, copy=True),
    "asarray copy False": lambda x: np.asarray(x, copy=False),
    "asanyarray": np.asanyarray,
    "array": np.array,
    "array copy None": lambda x: np.array(x, copy=None),
    "array copy False": lambda x: np.array(x, copy=False),
    "array ndmin": lambda x: np.array(x, ndmin=3),
    "array ndmin copy None": lambda x: np.array(x, ndmin=3, copy=None),
    "array ndmin copy False": lambda x: np.array(x, ndmin=3, copy=False),
    "astype": lambda x: x.astype(x.dtype),
    "astype copy False": lambda x: x.astype(x.dtype, copy=False),
    "np.astype": lambda x: np.astype(x, x.dtype),
    "np.astype copy False": lambda x: np.astype(x, x.dtype, copy=False),
    "astype other": lambda x: x.astype(np.complex64, copy=False),
    "copy": np.copy,
    ".copy": lambda x: x.copy(),
    "ascontiguousarray": np.ascontiguousarray,
    "asfortranarray": np.asfortranarray,
    "require": lambda x: np.require(x),
    "require C": lambda x: np.require(x, requirements=["C"]),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, *x.shape)),
    "broadcast_to same": lambda x: np.broadcast_to(x, x.shape),
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, x[:1])[0],
    "broadcast_arrays 1": lambda x: np.broadcast_arrays(x, x[:1])[1],
    "atleast_1d": np.atleast_1d,
    "atleast_2d": np.atleast_2d,
    "atleast_3d": np.atleast_3d,
    "flip": np.flip,
    "flip 0": lambda x: np.flip(x, 0),
    "fliplr": np.fliplr,
    "flipud": np.flipud,
    "rot90": np.rot90,
    "rot90 2": lambda x: np.rot90(x, 2),
    "rot90 0": lambda x: np.rot90(x, 0),
    "rot90 3": lambda x: np.rot90(x, 3),
    "split": lambda x: np.split(x, 2)[1],
    "array_split": lambda x: np.array_split(x, 2)[0],
    "hsplit": lambda x: np.hsplit(x, 2)[1],
    "vsplit": lambda x: np.vsplit(x, 2)[1],
    "dsplit": lambda x: np.dsplit(x[:, :, None], [1])[0],
    "unstack": lambda x: np.unstack(x)[1],
    "unstack 1": lambda x: np.unstack(x, axis=1)[1],
    "iteration": lambda x: list(x)[1],
    "take": lambda x: np.take(x, [0, 1], 0),
    "take int": lambda x: np.take(x, 1, 0),
    "compress": lambda x: np.compress([True, False], x, 0),
    "fancy": lambda x: x[[0, 1]],
    "mask": lambda x: x[np.array([True, True] + [False] * (x.shape[0] - 2))],
    "mask all": lambda x: x[np.ones(x.shape, bool)],
    "fancy slice": lambda x: x[[0, 1], 1:],
    "take_along_axis": lambda x: np.take_along_axis(x, np.zeros(x.shape, int), 0),
    "extract": lambda x: np.extract(np.ones(x.shape), x),
    "view": lambda x: x.view(),
    "conj": np.conj,
    "conjugate": np.conjugate,
    ".conj": lambda x: x.conj(),
    ".conjugate": lambda x: x.conjugate(),
    "positive": np.positive,
    "+x": lambda x: +x,
    "nan_to_num": np.nan_to_num,
    "nan_to_num copy False": lambda x: np.nan_to_num(x, copy=False),
    "meshgrid": lambda x: np.meshgrid(x[0], x[1])[0],
    "meshgrid copy False": lambda x: np.meshgrid(x[0], x[1], copy=False)[0],
    "meshgrid sparse": lambda x: np.meshgrid(x[0], x[1], sparse=True)[1],
    "meshgrid sparse copy False": lambda x: np.meshgrid(x[0], x[1], sparse=True, copy=False)[1],
    "meshgrid one": lambda x: np.meshgrid(x[0], copy=False)[0],
    "ix_": lambda x: x[np.ix_([0, 1], [1, 0])],
    "einsum ii": lambda x: np.einsum("ii->i", x[:2, :2]),
    "einsum ij": lambda x: np.einsum("ij->ji", x),
    "einsum same": lambda x: np.einsum("ij", x),
    "einsum ...": lambda x: np.einsum("...ij->...ji", x),
    "einsum i": lambda x: np.einsum("ij->i", x),
    "einsum ii sublist": lambda x: np.einsum(x[:2, :2], [0, 0], [0]),
    "einsum two": lambda x: np.einsum("ij,->ij", x, 1.0),
    "einsum iij": lambda x: np.einsum("iij->ji", x[:2, None][:, [0, 0]]),
    "einsum optimize False": lambda x: np.einsum("ii->i", x[:2, :2], optimize=False),
    "einsum optimize": lambda x: np.einsum("ii->i", x[:2, :2], optimize=True),
    "choose": lambda x: np.choose(np.zeros(x.shape[1], int), [x[0], x[1]]),
    "where": lambda x: np.where(True, x, 0),
    "select": lambda x: np.select([np.ones(x.shape, bool)], [x]),
    "sliding": lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=0),
    "sliding writeable": lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=0, writeable=True),
    "sliding 1": lambda x: np.lib.stride_tricks.sliding_window_view(x, 1, axis=0, writeable=True),
    "repeat": lambda x: np.repeat(x, 1),
    "resize": lambda x: np.resize(x, x.shape),
    "roll": lambda x: np.roll(x, 0),
    "concatenate": lambda x: np.concatenate([x]),
    "stack": lambda x: np.stack([x]),
    "block": lambda x: np.block(x),
    "hstack": lambda x: np.hstack([x]),
    "append": lambda x: np.append(x, []),
    "pad": lambda x: np.pad(x, 0),
    "delete": lambda x: np.delete(x, [], 0),
    "insert": lambda x: np.insert(x, [], 0),
    "tril": lambda x: np.tril(x, 9),
    "triu": lambda x: np.triu(x, -9),
    "clip": lambda x: np.clip(x, None, 1000000000.0),
    "sort": lambda x: np.sort(x),
    "partition": lambda x: np.partition(x, 1),
    "sum": lambda x: np.sum(x, axis=()),
    "max": lambda x: np.max(x, axis=()),
    "mean": lambda x: np.mean(x, axis=()),
    "prod": lambda x: np.prod(x, axis=()),
    "diff": lambda x: np.diff(x, 0),
    "unwrap": lambda x: np.unwrap(x),
    "fix": lambda x: np.fix(x),
    "linalg.matrix_transpose": np.linalg.matrix_transpose,
    "matrix_power": lambda x: np.linalg.matrix_power(x[:2, :2], 1),
    "fftshift": lambda x: np.fft.fftshift(x),
    "column_stack": lambda x: np.column_stack([x]),
    "apply_over_axes": lambda x: np.apply_over_axes(np.sum, x, []),
    "polyadd": lambda x: np.polyadd(x[0], 0),
    "polyder": lambda x: np.polyder(x[0], 0),
    "T.T": lambda x: x.T.T,
    "ravel of reversed": lambda x: x[::-1].ravel(),
    "transpose ravel": lambda x: x.T.ravel(),
    "item...": lambda x: x[0, 0, ...],
    "deepcopy": lambda x: copy_module.deepcopy(x),
    "copy.copy": lambda x: copy_module.copy(x),
}
#: what NumPy writes into, and a traced array does not: they overlap, or repeat elements
READ_ONLY = {"broadcast_arrays", "broadcast_arrays 1", "meshgrid copy False", "sliding writeable", "sliding 1"}
#: complex numbers and booleans have no order here
ORDERED = {"clip", "sort", "partition"}
SOURCES: dict[str, Callable[[], Any]] = {
    "float": lambda: np.arange(16.0).reshape(4, 4) + 1,
    "complex": lambda: np.arange(16.0).reshape(4, 4) + 1j,
    "bool": lambda: np.arange(16).reshape(4, 4) % 3 == 0,
}
PARTS: dict[str, Callable[[Any], Any]] = {
    "itself": lambda x: x,
    "transposed": lambda x: x.T,
    "step": lambda x: x[::2, ::-1],
    "rows transposed": lambda x: x[:2].T,
    "backwards": lambda x: x.T.copy().T,
}


def through_the_result(form: Any, part: Any, x: Any) -> Any:
    y = part(x)
    result = form(y)
    result[...] = 3
    return x, y, result[...]


def through_the_original(form: Any, part: Any, x: Any) -> Any:
    y = part(x)
    result = form(y)
    y[...] = 3
    return x, y, result


def outcome(function: Any, x: Any) -> Any:
    """The results and what the argument became, or the kind of error."""
    try:
        results = function(x)
    except (ValueError, TypeError):
        return None
    return [np.array(one) for one in (*results, x)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("write", [through_the_result, through_the_original])
@pytest.mark.parametrize("form", FORMS)
def test_views_and_copies(form: str, write: Any) -> None:
    for source, make in SOURCES.items():
        for name, part in PARTS.items():
            if source != "float" and (form in ORDERED or name not in ("itself", "transposed")):
                continue
            program = partial(write, FORMS[form], part)
            wanted = outcome(program, make())
            with interpreter():
                found = outcome(sg.jit(program), make())
            if form in READ_ONLY and write is through_the_result:
                assert found is None
                continue
            assert (found is None) == (wanted is None), (source, name)
            for one, other in zip(found or (), wanted or (), strict=True):
                assert (one.shape, one.dtype) == (other.shape, other.dtype), (source, name)
                np.testing.assert_allclose(one, other, err_msg=f"{source}, {name}")


# elements by their number, of views as well


def put_and_mask(x: Any, i: Any, values: Any) -> Any:
    np.put(x, i, values)
    np.put(x.T, [1, 7], [-1.0, -2.0, -3.0])
    np.put(x[1:, ::2], [0, -1], 50.0)
    np.put(x, [20, -20], 60.0, mode="clip")
    np.put(x, [17], 70.0, mode="wrap")
    np.put(x, [0], [])
    np.putmask(x.T, x.T > 40, [1.5, 2.5])
    np.putmask(x, x < 0, x * 3)
    np.put_along_axis(x.T, np.array([[2], [0], [1], [3]]), 99.0, axis=1)
    np.copyto(x[::2].T, 5, where=x[::2].T > 90)
    return (x,)


def flat_elements(x: Any, i: Any, values: Any) -> Any:
    view = x.T
    view.flat[1:4] = [7.0, 8.0]
    view.flat[i] = values
    x.flat[-1] = 0
    x[1].flat = 4
    total = sum(element for element in view.flat)
    copied = view.flat[2:]
    copied[...] = 100
    return x, x.flat[3], view.flat[i], copied, len(x.flat), total, view.flat.copy()


@pytest.mark.parametrize("function", [put_and_mask, flat_elements])
def test_elements_by_number(function: Any) -> None:
    for i, values in ((np.array([3, 0]), np.array([11.0, 12.0])), (np.array([2, 5, 7]), np.array([13.0]))):
        x, y = np.arange(16.0).reshape(4, 4), np.arange(16.0).reshape(4, 4)
        wanted, found = function(x, i, values), run(function, y, i, values)
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(y, x)


def test_choices_are_copies() -> None:
    def program(x: Any, i: Any) -> Any:
        chosen = np.choose(i, [x[0], x[1]])
        single = np.choose(np.zeros(4, int), [x[2]])
        chosen += 1
        single += 1
        return (
            chosen,
            np.choose(i, [x[0], 7]),
            np.choose(i[:, None], [x, x[::-1]]),
            np.choose(i + 1, [x[0], x[3]], mode="clip"),
        )

    x, i = np.arange(16).reshape(4, 4), np.array([0, 1, 1, 0])
    for found, wanted in zip(run(program, x.copy(), i), program(x.copy(), i), strict=True):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)
