"""Indexing: views by slices, elements at integer indices, assignment.

An index with slices, integers, None and an ellipsis is a view. Indices that are tensors pick elements: first the rest
of the index makes a view, then the row ``gather`` takes the elements, and ``scatter_set`` or ``scatter_add`` writes
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.op import TABLE, apply
from srcgrad.eager.functions import elementwise as ew
from srcgrad.eager.functions.elementwise import where
from srcgrad.eager.functions.gathering import open_grid, pick
from srcgrad.eager.functions.shaping import dim_of, record_view, reshape
from srcgrad.eager.recording.composite import composite
from srcgrad.eager.recording.nodes import kind_of, rule_alone
from srcgrad.eager.recording.operands import is_traced, plain, to_dtype
from srcgrad.eager.recording.rows import bind
from srcgrad.eager.recording.views import in_place
from srcgrad.eager.tensors.promotion import numpy_dtype
from srcgrad.eager.tensors.tensor import Tensor, lift, wrap

_BASIC = (int, slice, type(None), type(Ellipsis))


_FIRST = {"axes": (0,), "position": 0}


def _adjoint_index(cotangent: Any, out: Any, x: Any, *, key: Any) -> Sequence[Any]:
    """A view by an index: its cotangent is placed among zeros."""
    starts, shape, steps = as_row_slice(key, x.shape)
    part = apply("reshape", cotangent, shape=shape)
    return (apply("place", part, shape=x.shape, starts=starts, steps=steps),)


_INDEX = rule_alone("index", _adjoint_index)
_SELECT, _SLICE, _UNSQUEEZE = (kind_of(_INDEX, f"{name}Backward0") for name in ("Select", "Slice", "Unsqueeze"))


def as_row_slice(key: Any, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Start, count and step for each dimension of an array that a basic index picks."""
    items = [item for item in _expanded(key if isinstance(key, tuple) else (key,), len(shape)) if item is not None]
    found = []
    for item, extent in zip(items, shape, strict=True):
        if isinstance(item, slice):
            start, stop, step = item.indices(extent)
            found.append((start, len(range(start, stop, step)), step))
        else:
            found.append((item % extent, 1, 1))
    starts, counts, steps = zip(*found, strict=True) if found else ((), (), ())
    return starts, counts, steps


def _expanded(key: Sequence[Any], ndim: int) -> list[Any]:
    """An index with the ellipsis, and what is missing at the end, written out."""
    used = sum(_dims_used(item) for item in key)
    if used > ndim:
        raise IndexError(f"too many indices for tensor of dimension {ndim}")
    items: list[Any] = []
    seen = False
    for item in key:
        if item is Ellipsis:
            items += [slice(None)] * (0 if seen else ndim - used)
            seen = True
        else:
            items.append(item)
    return items if seen else items + [slice(None)] * (ndim - used)


def _dims_used(item: Any) -> int:
    if item is None or item is Ellipsis or item is True or item is False:
        return 0
    array = getattr(item, "_array", item)
    return array.ndim if isinstance(array, np.ndarray) and array.dtype == bool else 1


def getitem(tensor: Any, key: Any) -> Any:
    """``input[key]``."""
    kind = type(key)
    if kind is int or kind is slice:
        return _view(tensor, key)
    if kind is tuple:
        for item in key:
            if type(item) not in _BASIC:
                break
        else:
            return _view(tensor, key)
    elif key is None or key is Ellipsis:
        return _view(tensor, key)
    elif kind is Tensor and key._array.ndim and key._array.dtype.kind == "i":
        array = tensor._array
        try:
            index = key._array.copy() if tensor._node is not None else key._array  # the user may change it
            return pick(tensor, array[index], (index,), _FIRST, "Index")
        except IndexError:
            pass  # said below, in PyTorch's words
    traced = next((item for item in (key if kind is tuple else (key,)) if is_traced(item)), None)
    if traced is not None:
        return traced.__sg_lift__(tensor)[key]
    view, indices, dims = _split(tensor, key)
    return _pick(view, indices, dims, "Index") if dims else view


def _view(input: Tensor, key: Any) -> Tensor:
    array = input._array
    try:
        part = array[key, ...] if type(key) is int else array[key]
    except IndexError:
        raise _index_error(key, array.shape) from None
    if type(part) is not np.ndarray:
        part = array[(*key, ...)]
    last = key[-1] if type(key) is tuple and key else key
    is_slice = type(last) is slice
    if is_slice or type(key) is tuple:
        _check_steps(key)
    kind = _SLICE if is_slice else _UNSQUEEZE if last is None else _SELECT
    return record_view(kind, input, part, lambda base: _view(base, key), key=key)


def _check_steps(key: Any) -> None:
    for item in key if type(key) is tuple else (key,):
        if type(item) is slice and item.step is not None and item.step <= 0:
            raise ValueError("step must be greater than zero")


def _index_error(key: Any, shape: tuple[int, ...]) -> IndexError:
    items = key if isinstance(key, tuple) else (key,)
    if not shape and any(isinstance(item, slice) for item in items):
        return IndexError("slice() cannot be applied to a 0-dim tensor.")
    if not shape and len(items) == 1 and isinstance(items[0], int):
        return IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
            "convert a 0-dim tensor to a number"
        )
    if sum(_dims_used(item) for item in items) > len(shape):
        return IndexError(f"too many indices for tensor of dimension {len(shape)}")
    places = iter(range(len(shape)))
    for item in _expanded(items, len(shape)):
        if item is None:
            continue
        place = next(places)
        if isinstance(item, int) and not -shape[place] <= item < shape[place]:
            return IndexError(f"index {item} is out of bounds for dimension {place} with size {shape[place]}")
    return IndexError(f"index {key} does not fit shape {list(shape)}")


# Indices that are tensors


def _split(input: Any, key: Any) -> tuple[Any, list[Tensor], list[int]]:
    """An index as a view by its slices, integers and Nones, and index tensors for some dimensions of the view."""
    items = list(key) if isinstance(key, tuple) else [key]
    items = [_clean(item) for item in items]
    if sum(_dims_used(item) for item in items) > len(input.shape):
        raise _index_error(tuple(items), tuple(input.shape))
    items = _expanded(items, len(input.shape))
    basic: list[Any] = []
    indices: list[Tensor] = []
    dims: list[int] = []
    place, axis = 0, 0
    for item in items:
        if isinstance(item, Tensor):
            if item._array.dtype == bool:
                extents = input.shape[axis : axis + item.ndim]
                for k, (a, b) in enumerate(zip(item.shape, extents, strict=True)):
                    if a != b:
                        raise IndexError(
                            f"The shape of the mask {list(item.shape)} at index {k} does not match the shape of the "
                            f"indexed tensor {list(input.shape)} at index {axis + k}"
                        )
                found = item._array.nonzero() if item.ndim else (np.zeros(int(item._array), np.int64),)
                if item.ndim == 0:
                    basic.append(None)
                for array in found:
                    indices.append(wrap(array))
                    dims.append(place)
                    place += 1
                basic += [slice(None)] * item.ndim
                axis += item.ndim
                continue
            if item._array.dtype.kind not in "iu":
                raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
            _check_bounds(plain(item), input.shape[axis], axis)
            indices.append(item)
            dims.append(place)
            basic.append(slice(None))
            place, axis = place + 1, axis + 1
        else:
            basic.append(item)
            place += 0 if isinstance(item, int) else 1
            axis += 0 if item is None else 1
    whole = all(isinstance(item, slice) and item == slice(None) for item in basic)
    return (input if whole and dims else _view(input, tuple(basic))), indices, dims


def _clean(item: Any) -> Any:
    """An item of an index as an int, a slice of ints, None, an ellipsis or a tensor."""
    if isinstance(item, bool | np.bool_):
        return wrap(np.asarray(item))
    if item is None or item is Ellipsis or isinstance(item, int):
        return item
    if isinstance(item, slice):
        return slice(*(None if part is None else int(part) for part in (item.start, item.stop, item.step)))
    if isinstance(item, np.integer):
        return int(item)
    if isinstance(item, Tensor):
        if item.ndim == 0 and item._array.dtype.kind in "iu":
            return int(item._array)
        return wrap(item._array.astype(bool)) if item._array.dtype == np.uint8 else item
    if isinstance(item, range):
        item = list(item)
    if isinstance(item, np.ndarray | list | tuple):
        array = np.asarray([int(x) if isinstance(x, Tensor) else x for x in item] if isinstance(item, list) else item)
        return wrap(array.astype(np.int64) if array.size == 0 else array)
    raise TypeError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
        f"{type(item).__name__})"
    )


def _check_bounds(index: Any, extent: int, dim: int) -> None:
    if not isinstance(index, np.ndarray):
        return
    if index.size and not (-extent <= index.min() and index.max() < extent):
        wrong = index[(index < -extent) | (index >= extent)].reshape(-1)[0]
        raise IndexError(f"index {wrong} is out of bounds for dimension {dim} with size {extent}")


def _place(indices: list[Tensor], dims: list[int]) -> tuple[list[Tensor], dict[str, Any]]:
    """Index tensors of one shape, and the params of the rows."""
    try:
        arrays = np.broadcast_arrays(*[index._array for index in indices])
    except ValueError:
        shapes = ", ".join(str(list(index.shape)) for index in indices)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None
    return [wrap(array) for array in arrays], _params(dims)


def _params(dims: list[int]) -> dict[str, Any]:
    together = dims[-1] - dims[0] == len(dims) - 1
    return {"axes": tuple(dims), "position": dims[0] if together else 0}


def _pick(view: Any, indices: list[Tensor], dims: list[int], name: str, *, unique: bool = False) -> Tensor:
    if is_traced(view):
        same, params = _place(indices, dims)
        return TABLE["gather"](view, *same, **params)  # type: ignore[no-any-return]
    if len(indices) > 1:
        indices = _place(indices, dims)[0]
    params = _params(dims)
    array = view._array
    key: list[Any] = [slice(None)] * array.ndim
    for dim, index in zip(dims, indices, strict=True):
        key[dim] = index._array
    return pick(view, array[tuple(key)], tuple(key), params, name, unique=unique)


def setitem(tensor: Any, key: Any, value: Any) -> None:
    """``input[key] = value``."""
    view, indices, dims = _split(tensor, key)
    if not dims:
        given = _value(value, view)
        while given.ndim > view.ndim and given._array.shape[0] == 1:
            given = given[0]
        view.copy_(given if given._array.shape == view._array.shape else given.expand(view.shape))
        return
    put(view, indices, dims, _value(value, view), accumulate=False)


def _value(value: Any, target: Any) -> Tensor:
    dtype = target._array.dtype
    if isinstance(value, Tensor):
        return value
    plain = value if isinstance(value, int | float | complex | bool) else lift(np.asarray(value))
    return to_dtype(plain, dtype)  # type: ignore[no-any-return]


def put(view: Tensor, indices: list[Tensor], dims: list[int], value: Tensor, *, accumulate: bool) -> Tensor:
    """Write, or add, values at indices in place."""
    same, params = _place(indices, dims)
    kept = [extent for dim, extent in enumerate(view.shape) if dim not in dims]
    position = params["position"]
    shape = (*kept[:position], *same[0].shape, *kept[position:])
    try:
        given = to_dtype(value, view._array.dtype)
        while given.ndim > len(shape) and given.shape[0] == 1:
            given = given.squeeze(0)
        part = given.expand(shape) if tuple(given.shape) != shape else given
    except RuntimeError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to indexing result of "
            f"shape {list(shape)}"
        ) from None
    row = TABLE["scatter_add" if accumulate else "scatter_set"]
    return in_place(view, lambda old: bind(row, (old, part, *same), params, "IndexPutBackward0"))


def index_put_(input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False) -> Tensor:
    """Write, or add, values at index tensors for the first dimensions."""
    view, found, dims = _split(input, tuple(indices))
    return put(view, found, dims, values, accumulate=accumulate) if dims else view.copy_(values)


# Along one dimension


def _grid(index: Any, dim: int) -> list[Any]:
    """Index arrays that pick, at each position of the index, the element at the index along one dimension."""
    shape = tuple(index.shape)
    grid = [np.arange(n).reshape([-1 if k == axis else 1 for k in range(len(shape))]) for axis, n in enumerate(shape)]
    return [index if axis == dim else wrap(np.broadcast_to(one, shape)) for axis, one in enumerate(grid)]


def gather(input: Any, dim: int, index: Any) -> Any:
    """At each position the element of the input at the index along the dimension, elsewhere at the same position."""
    if is_traced(input) or is_traced(index):
        return _gather_traced(input, dim, index)
    _check_index_dtype("gather", index)
    array = input._array
    if not array.ndim:
        same = composite("GatherBackward0")(lambda x: ew.mul(x, 1))(input)
        return same if index.ndim == 0 else same.expand(index.shape)
    axis = dim_of(dim, array.ndim)
    _check_bounds(index._array, array.shape[axis], dim)
    key = tuple(open_grid(np.array(index._array), axis))
    return pick(input, array[key], key, {"axes": tuple(range(array.ndim)), "position": 0}, "Gather")


def _gather_traced(input: Any, dim: int, index: Any) -> Any:
    shape = tuple(index.shape)
    axis = dim_of(dim, len(input.shape))
    grid = [np.arange(n).reshape([-1 if k == place else 1 for k in range(len(shape))]) for place, n in enumerate(shape)]
    indices = [
        index if place == axis else np.ascontiguousarray(np.broadcast_to(one, shape)) for place, one in enumerate(grid)
    ]
    return TABLE["gather"](input, *indices, axes=tuple(range(len(shape))), position=0)


def _check_index_dtype(name: str, index: Any) -> None:
    if index.dtype.kind not in "iu":
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index, but got {index.dtype}")


def _scatter(input: Tensor, dim: int, index: Tensor, src: Any, *, accumulate: bool, name: str) -> Tensor:
    _check_index_dtype(name, index)
    axis = dim_of(dim, input.ndim)
    _check_bounds(plain(index), input.shape[axis], dim)
    if hasattr(src, "__sg_bind__"):
        part = src[tuple(slice(0, n) for n in index.shape)]
    else:
        part = to_dtype(src, numpy_dtype(input.dtype)).expand(index.shape)
    row = TABLE["scatter_add" if accumulate else "scatter_set"]
    params = {"axes": tuple(range(input.ndim)), "position": 0}
    name = "ScatterAddBackward0" if accumulate else "ScatterBackward0"
    return bind(row, (input, part, *_grid(index, axis)), params, name)  # type: ignore[no-any-return]


def scatter(input: Tensor, dim: int, index: Tensor, src: Any) -> Tensor:
    """A copy with values written at the index along the dimension."""
    return _scatter(input, dim, index, src, accumulate=False, name="scatter")


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy with values added at the index along the dimension."""
    return _scatter(input, dim, index, src, accumulate=True, name="scatter_add")


def index_select(input: Any, dim: int, index: Tensor) -> Any:
    """The slices of a dimension that the index names."""
    axis = dim_of(dim, len(input.shape))
    _check_bounds(plain(index), input.shape[axis], dim)
    if is_traced(input) or is_traced(index):
        return bind(TABLE["gather"], (input, index), {"axes": (axis,), "position": axis})
    return _pick(input, [index], [axis], "IndexSelect")


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """A copy with slices added to those that the index names."""
    axis = dim_of(dim, input.ndim)
    part = source if alpha == 1 else ew.mul(source, alpha)
    return bind(TABLE["scatter_add"], (input, part, index), {"axes": (axis,), "position": axis}, "IndexAddBackward0")  # type: ignore[no-any-return]


@composite("TakeBackward0")
def take(input: Any, index: Tensor) -> Any:
    """Elements by their number in row-major order."""
    return reshape(input, (-1,))[index]


@composite("MaskedSelectBackward0")
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask holds, in one dimension."""
    shape = np.broadcast_shapes(input._array.shape, mask._array.shape)
    return input.expand(shape)[mask.expand(shape)]  # type: ignore[no-any-return]


@composite("MaskedFillBackward0")
def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """The value where the mask holds, else the input."""
    filler = to_dtype(value.item() if isinstance(value, Tensor) and value._node is None else value, input.dtype.dtype)
    return where(mask, filler, input)


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Where elements differ from zero: a row of indices for each, or a tensor for each dimension."""
    found = input._array.nonzero() if input.ndim else np.atleast_1d(input._array).nonzero()
    if as_tuple:
        return tuple(wrap(index) for index in found)
    if input.ndim == 0:
        return wrap(np.zeros((len(found[0]), 0), np.int64))
    return wrap(np.stack(found, axis=1) if found else np.zeros((0, 0), np.int64))


argwhere = nonzero


def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """The elements at indices along a dimension; without one, of all in row-major order."""
    if dim is None:
        return gather(reshape(input, (-1,)), 0, reshape(indices, (-1,)))
    return gather(input, dim, indices)


def tril_indices(row: int, col: int, offset: int = 0) -> Any:
    """The indices of the lower triangle of a matrix: a row of rows, a row of columns."""
    return wrap(np.stack(np.tril_indices(row, offset, col)))


def triu_indices(row: int, col: int, offset: int = 0) -> Any:
    """The indices of the upper triangle of a matrix: a row of rows, a row of columns."""
    return wrap(np.stack(np.triu_indices(row, offset, col)))
