"""The wrapper around kernels: what it takes and refuses, what it makes, and that it loses no reference."""

from __future__ import annotations

import gc
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import srcgrad as sg

X = np.linspace(-1, 1, 12).reshape(3, 4)


@sg.jit
def several(x, a):
    return x > 0, np.sum(x), (x * a).astype(np.float32), np.any(x > 0), np.sum(x > 0), x[0] * 1j, np.sum(x) * 1j


def native(x=X, a=2.0):
    several(X, a)
    return several.specialise(x, a).executable.function


def test_results_are_arrays_and_scalars_of_numpy():
    results = native()(X, 2.0)
    expected = several.function(X, 2.0)
    assert [type(result) for result in results] == [type(np.asarray(value)[()]) for value in expected]
    assert [result.dtype for result in results] == [np.asarray(value).dtype for value in expected]
    for result, value in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, value, rtol=1e-6)
    assert all(array.flags.owndata and array.flags.writeable for array in results if array.ndim)


class Subclass(np.ndarray):
    pass


def unaligned(x):
    return np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape)


REFUSED = {
    "another shape": X[:2],
    "other dimensions": X.reshape(-1),
    "another dtype": (np.round(8 * X) / 8).astype(np.float32),  # whose sum is exact in any order
    "another byte order": X.astype(">f8"),
    "Fortran order": np.asfortranarray(X),
    "strides": np.repeat(X, 2, axis=1)[:, ::2],
    "backwards": X[::-1],
    "unaligned": unaligned(X),
    "a subclass": X.view(Subclass),
    "a list": X.tolist(),
    "a number": 1.0,
    "nothing": None,
}


@pytest.mark.parametrize("given", REFUSED.values(), ids=REFUSED)
def test_what_is_not_exactly_so_is_refused(given):
    assert native()(given, 2.0) is NotImplemented


def test_another_number_of_arguments_is_refused():
    assert native()(X) is NotImplemented
    assert native()(X, 2.0, X) is NotImplemented


def test_what_is_no_number_is_an_error():
    with pytest.raises(TypeError):
        native()(X, "two")


@pytest.mark.parametrize("given", [v for k, v in REFUSED.items() if np.shape(v) == X.shape and k != "a list"])
def test_refused_arrays_are_converted(given):
    results, expected = several(given, 2.0), several.function(np.asarray(given), 2.0)
    for result, value in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, value, rtol=1e-6, atol=1e-12)


def test_a_dtype_that_is_equal_but_another_object():
    other = pickle.loads(pickle.dumps(np.dtype({"names": ["a"], "formats": ["f8"]})))["a"]
    array = X.view(other.newbyteorder("="))
    np.testing.assert_allclose(several(array, 2.0)[1], 0, atol=1e-12)


def test_read_only_arrays_are_taken():
    fixed = X.copy()
    fixed.flags.writeable = False
    assert native()(fixed, 2.0) is not NotImplemented


def test_integers_of_the_platform_have_their_usual_type():
    assert type(sg.jit(lambda x: np.sum(x))(np.arange(3))) is np.int64


def test_no_reference_is_lost_or_left():
    function, argument, array = native(), 123456.789, X.copy()
    dtypes = [np.dtype(name) for name in ("float64", "float32", "bool", "complex128")]
    lookup = sg.jit(lambda x, k: x[k])
    lookup(X, np.array([1]))

    def everything():
        function(array, argument)
        function(X[:2], argument)
        with pytest.raises(IndexError):
            lookup(X, np.array([7]))

    def counts():
        gc.collect()
        return [sys.getrefcount(thing) for thing in (*dtypes, argument, array, NotImplemented, np.ndarray)]

    everything()
    before = counts()
    for _ in range(200):
        everything()
    assert all(abs(now - then) < 100 for now, then in zip(counts(), before, strict=True))


def test_the_order_of_results_is_not_in_the_text():
    """Two programs whose texts are the same still have wrappers of their own."""
    one = sg.jit(lambda x: (np.sum(x), x * 2))
    other = sg.jit(lambda x: (x * 2, np.sum(x)))
    assert np.shape(one(X)[0]) == ()
    assert np.shape(other(X)[0]) == X.shape


def test_threads_share_a_workspace_never():
    w = np.random.default_rng(0).standard_normal((64, 64))
    f = sg.jit(lambda x, w: np.sum(np.tanh(x @ w) @ w, axis=1))
    inputs = [np.random.default_rng(k).standard_normal((64, 64)) for k in range(8)]
    expected = [f(x, w) for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            for found, value in zip(pool.map(lambda x: f(x, w), inputs), expected, strict=True):
                np.testing.assert_array_equal(found, value)
