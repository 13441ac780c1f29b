"""Views, in-place writes, scalars and dtypes of traced arrays behave as NumPy's, by example and by random programs."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import srcgrad.numpy as snp
from srcgrad.graph.trace import is_tracing
from srcgrad.numpy import python_math
from tests.programs import interpreted


def same_as_numpy(function: Callable[..., Any], *args: Any) -> None:
    """Results and written arguments are what NumPy makes of them."""
    plain, traced = ([np.array(arg) if isinstance(arg, np.ndarray) else arg for arg in args] for _ in range(2))
    expected = function(*plain)
    found = interpreted(function, *traced)
    for one, other in zip(flat([found, traced]), flat([expected, plain]), strict=True):
        one, other = np.asarray(one), np.asarray(other)
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(one, other, rtol=1e-12)


def flat(values: Any) -> list[Any]:
    return [leaf for value in values for leaf in (flat(value) if isinstance(value, list | tuple) else [value])]


def matrix() -> Any:
    return np.arange(12.0).reshape(3, 4) + 1


def write_through_slice(x):
    row = x[1]
    row[1:3] = 7
    x[0, 0] += 100
    return row, x.sum()


def write_through_view_of_view(x):
    part = x[::-1].T[1:][:, ::2]
    part[0] *= 2
    part[...] = part + 1
    return x


def write_through_transpose_and_reshape(x):
    x.T[2] = np.array([1.0, 2.0, 3.0])
    flat = x.reshape(-1)
    flat[::5] = -1
    x.reshape(2, 6)[:, 1] += 10
    return flat.sum(), x.ravel()[3]


def reshape_of_a_transposed_array_is_a_copy(x):
    copy = x.T.reshape(-1)
    copy[:] = 0
    also = x.T.ravel()
    also += 5
    return x, copy, also


def write_into_new_axes_and_swapped_axes(x):
    x[:, None, :][1, 0] = 3
    np.swapaxes(x, 0, 1)[0] -= 1
    np.moveaxis(x, 0, -1)[1] *= 2
    np.expand_dims(x, 1)[2, 0, :2] = 0
    np.flip(x, 1)[0] = x[0]
    return np.squeeze(x[None])


def read_after_overlapping_write(x):
    x[1:] = x[:-1]
    x[:, 1:] += x[:, :-1]
    x[::-1] = x
    return x


def swap_rows(x):
    x[0], x[1] = x[1].copy(), x[0].copy()
    x[[0, 2]] = x[[2, 0]]
    return x


def elements_are_copies_and_rows_are_views(x):
    element, row = x[0, 0], x[0]
    x[0, 0] = 50
    row[1] = 60
    return element, row, x[0, ...][0]


def zero_dimensional_views_are_arrays(x):
    view = x[0, 0, ...]
    view += 3
    view[...] = view * 2
    return x, view


def scalars_are_immutable(x):
    total = x.sum()
    first = total
    total += 1
    element = x[0, 0]
    element *= 10
    return first, total, element, x


def augmented_assignment_by_index(x):
    x[1:, ::2] += 1
    x[[0, 0, 2]] += 5
    x[0] -= x[1]
    x[:, [1, 3]] *= 2
    x[-1, -1] **= 2
    x[1] /= 3
    x[2] //= 2
    x[0] %= 4
    return x


def assignment_casts_and_broadcasts(x):
    ints = x.astype(int)
    ints[0] = 2.9
    ints[1:, :2] = [[1.5], [2.5]]
    ints[:, 3] = x[:, 0] / 2
    flags = x > 3
    flags[0] = 1
    x[...] = np.arange(4).reshape(1, 1, 4)
    return ints, flags, x


def masks(x):
    x[x > 6] = 0
    x[x[:, 0] == 5] = -1
    x[np.array([True, False, True])] += 0.5
    return x


def repeated_indices(x):
    x[[1, 1, 1], [0, 0, 2]] = np.array([1.0, 2.0, 3.0])
    np.add.at(x, [0, 0, 2], 1.0)
    np.subtract.at(x, [1, 1], x[0])
    return x


def out_arguments(x):
    target = x[0]
    np.multiply(x[1], 2, out=target)
    np.add(x[1], x[2], x[1])
    np.sum(x, axis=0, out=x[2])
    np.exp(x[0], out=x[0], where=x[0] > 10.5)
    return x


def method_writes(x):
    x[0].fill(4)
    x[1].sort()
    x[2][::-1].sort()
    np.copyto(x[:, 3], 9)
    np.fill_diagonal(x, 0)
    np.put_along_axis(x, x.argmax(axis=1)[:, None], -5.0, axis=1)
    return x


def iteration_gives_views(x):
    for row in x:
        row *= 2
    first, *rest = x
    first += rest[0]
    return x


def traced_indices_are_views(x, i):
    row = x[i]
    row[1] = 10
    x[i, 2:] += 1
    x[:, i] -= 1
    x[i, i] *= 2
    x[1:, ::2][i - 1] = 8
    x[i : i + 2, 1] = 3
    x.T[i][::-1][0] = 11
    return x, row, x[i - 3, -i]


def updates_at_traced_index_arrays(x, i):
    k = np.array([0, 2]) * i
    x[k] = x[k] + 1
    x[:, k] += 2
    x[k, k] = [1, 2]
    x[k, 1:3] = 0
    return x


@pytest.mark.parametrize(
    "function",
    [
        write_through_slice,
        write_through_view_of_view,
        write_through_transpose_and_reshape,
        reshape_of_a_transposed_array_is_a_copy,
        write_into_new_axes_and_swapped_axes,
        read_after_overlapping_write,
        swap_rows,
        elements_are_copies_and_rows_are_views,
        zero_dimensional_views_are_arrays,
        scalars_are_immutable,
        augmented_assignment_by_index,
        assignment_casts_and_broadcasts,
        masks,
        repeated_indices,
        out_arguments,
        method_writes,
        iteration_gives_views,
    ],
)
def test_writes(function: Callable[..., Any]) -> None:
    same_as_numpy(function, matrix())


@pytest.mark.parametrize("function", [traced_indices_are_views, updates_at_traced_index_arrays])
def test_writes_at_traced_indices(function: Callable[..., Any]) -> None:
    same_as_numpy(function, matrix(), 1)


@pytest.mark.parametrize("shape", [(1, 4), (2, 2), (3, 4), (3, 1), (0, 2)])
def test_parts_whose_place_is_traced(shape: tuple[int, int]) -> None:
    def move(x, i, j):
        part = snp.dynamic_slice(x, i, j, shape=shape)
        part += 1
        return part, snp.dynamic_update(x, part * 2, i, j), snp.dynamic_slice(x, 0, j, shape=(3, shape[1])), x

    for i in range(4 - shape[0]):
        for j in range(5 - shape[1]):
            same_as_numpy(move, matrix(), i, j)


# new arrays take traced values


def test_new_arrays_take_traced_values() -> None:
    def build(np: Any, x: Any) -> Any:
        out = np.zeros((2, 3))
        out[0] = x
        out[1, ::2] = x[0]
        rotation = np.eye(2)
        rotation[0, 1], rotation[1, 0] = x[0], -x[0]
        counts = np.array([1, 2, 3])
        counts[1] = x[1]
        scalar = np.zeros(())
        scalar += x[2]
        return out, rotation, counts, scalar, np.ones_like(x) * x, np.full(2, x[1]), np.arange(3) * x

    x = np.array([0.5, 2.5, 3.5])
    for found, expected in zip(interpreted(lambda x: build(snp, x), x), build(np, x), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


def test_known_values_steer_the_trace() -> None:
    def count(x: Any) -> Any:
        mask = snp.zeros(4)
        mask[::2] = 1
        total = x * 0
        if mask.sum() > 1 and not snp.any(mask > 1):
            for k in range(int(mask.sum())):
                total = total + x[snp.arange(4)[k]]
        return total, x[snp.array([1, 0])], x[snp.arange(4) < 2][:2], snp.zeros(snp.array([2, 1]))

    x = np.arange(4.0)
    total, picked, masked, zeros = interpreted(count, x)
    np.testing.assert_array_equal(total, x[0] + x[1] + 0 * x)
    np.testing.assert_array_equal(picked, x[[1, 0]])
    np.testing.assert_array_equal(masked, x[:2])
    assert zeros.shape == (2, 1)


def test_outside_a_trace_the_namespace_makes_plain_arrays() -> None:
    assert not is_tracing()
    for made in (
        snp.zeros(3),
        snp.array([1, 2]),
        snp.sin(np.ones(2)),
        snp.add.outer([1], [2]),
        snp.linalg.norm([3, 4]),
    ):
        assert not isinstance(made, snp.Array)


# Python scalars are weak


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "u1"])
@pytest.mark.parametrize("number", [2, 0.5, True])
def test_python_scalars_as_arguments_are_weak(dtype: str, number: Any) -> None:
    def mixed(number, x):
        doubled = 2 * number
        return x * number, x + doubled, x > number, np.multiply(x, number), number * 2, np.where(x > 1, x, number)

    same_as_numpy(mixed, number, np.arange(4).astype(dtype))


def test_functions_of_python_scalars_are_numpy_scalars() -> None:
    same_as_numpy(
        lambda t, x: (np.exp(t) * x, np.float32(2) * t, np.sum(t) * x, np.stack([t, t]), np.clip(t, 0, 1)),
        0.5,
        np.ones(2, "f4"),
    )


def test_in_place_on_a_python_scalar_makes_a_new_one() -> None:
    def step(t):
        start = t
        t += 1.5
        return start, t

    assert [float(one) for one in interpreted(step, 2.0)] == [2.0, 3.5]


# random programs


def random_key(rng: random.Random, shape: tuple[int, ...], one: Any) -> tuple[Any, ...]:
    """An index with integers (some of them traced), slices, new axes, an ellipsis, and now and then an index array."""
    key: list[Any] = []
    arrays = rng.random()
    for extent in shape[: rng.randint(0, len(shape))]:
        kind = rng.random()
        ends = [None, *range(-extent - 1, extent + 2)]
        if kind < 0.5 and extent:
            key.append(rng.randint(-extent, extent - 1) * (1 if kind < 0.3 else one))
        elif arrays < 0.4 and extent:
            chosen = np.array([rng.randint(-extent, extent - 1) for _ in range(2)])
            key.append(chosen * (1 if arrays < 0.3 else one))
        else:
            key.append(slice(rng.choice(ends), rng.choice(ends), rng.choice([None, 1, 2, -1, -2])))
        if rng.random() < 0.1:
            key.append(None)
    if rng.random() < 0.2:
        key.insert(rng.randint(0, len(key)), Ellipsis)
    return tuple(key)


def random_program(seed: int, x: Any, y: Any, one: Any) -> list[Any] | None:
    """Makes views of views, reads and writes through them; the values of all at the end, None if a step was invalid."""
    rng = random.Random(seed)
    known = [x, y]
    changes = [
        lambda a: a.T,
        lambda a: a.reshape(-1),
        lambda a: a.reshape(2, a.size // 2),
        lambda a: a.ravel(),
        lambda a: np.flip(a),
        lambda a: a[None],
        lambda a: a.squeeze(),
        lambda a: np.swapaxes(a, 0, -1),
        lambda a: np.broadcast_to(a, (2, *a.shape)),
        lambda a: a.diagonal(),
    ]
    try:
        for _ in range(rng.randint(3, 9)):
            target, kind = rng.choice(known), rng.random()
            key = random_key(rng, target.shape, one)
            other = rng.choice([1.5, *known])
            if kind < 0.3:
                part = target[key]
                known.append(part.copy() if any(getattr(k, "ndim", 0) for k in key) else part)
            elif kind < 0.6:
                known.append(rng.choice(changes)(target))
            elif kind < 0.75:
                target[key] = other
            elif kind < 0.9:
                target[key] *= other
            else:
                target += other
                known.append(target)
        return [value + 0 for value in known]
    except (ValueError, IndexError, TypeError):
        return None


@pytest.mark.parametrize("block", range(20))
def test_random_programs(block: int) -> None:
    completed = 0
    for seed in range(60 * block, 60 * block + 60):
        plain, traced = ([matrix(), np.arange(4.0)] for _ in range(2))
        expected = random_program(seed, plain[0], plain[1], 1)
        try:
            found = interpreted(partial(random_program, seed), *traced, 1)
        except IndexError:  # a traced index that is out of bounds
            found = None
        assert (found is None) == (expected is None), f"seed {seed}"
        if expected is None or found is None:
            continue
        completed += 1
        for one, other in zip([*found, *traced], [*expected, *plain], strict=True):
            np.testing.assert_allclose(one, other, err_msg=f"seed {seed}")
    assert completed > 3


# the math module


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_math_module_on_traced_scalars(dtype: str) -> None:
    def build(math: Any, x: Any) -> Any:
        a, b = x[0], x[1]
        return (
            math.sin(a) * x,
            math.hypot(a, b, 1.0) + math.dist([a, b], [b, a]) + math.fsum([a, b, 1]) + math.prod([a, b]),
            math.floor(b * 10) + math.ceil(a),
            math.log(b, 2) + math.log(b) + math.pow(a, 2) + math.atan2(a, b) + math.degrees(a) + math.lgamma(b),
            x[: 3 if math.sqrt(4.0) > 1 else 0] * math.pi,
            math.isnan(a),
        )

    x = np.array([0.25, 1.75, 3.0], dtype)
    for found, expected in zip(interpreted(lambda x: build(python_math, x), x), build(math, x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        assert np.asarray(found).dtype == np.asarray(expected).dtype


def test_the_math_module_refuses_what_it_cannot() -> None:
    with pytest.raises(TypeError, match=r"math.comb is not supported"):
        interpreted(lambda n: python_math.comb(n, 2), 5)
    with pytest.raises(ValueError, match="take scalars"):
        interpreted(lambda x: python_math.sin(x), np.ones(2))
    assert python_math.comb(5, 2) == 10
