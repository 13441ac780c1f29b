"""What goes wrong around a program: memory, forks, signals, stacks, sizes."""

from __future__ import annotations

import gc
import linecache
import os
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core.registry import cpu_target

import srcgrad as sg
from srcgrad.core.errors import ArgumentValueError
from srcgrad.core.settings import override
from srcgrad.dispatch import pullback as pullback_module
from srcgrad.dispatch.identity import Keyed
from tests.interpreted import interpreter

ROOT = Path(__file__).parents[1]

# --- what is compiled is freed ---------------------------------------------------------------------------------------


def test_a_compilation_goes_with_its_function():
    def compiled(k: float) -> Any:
        function = sg.grad(lambda x, y: np.sum(np.sin(x) * k) + np.sum(np.cumsum(y) * x[0]))
        function(np.ones(3), np.ones(5))
        assert function.last is not None
        return weakref.ref(function), weakref.ref(function.last.executable.function)

    with override(cache_dir=""):
        warm = [compiled(k) for k in (1.5, 2.0)]  # two at a time, as below: what is made once is there then
        gc.collect()
        assert [ref() for refs in warm for ref in refs] == [None] * 4
        modules, lines = set(sys.modules), set(linecache.cache)
        found = [compiled(k) for k in (2.5, 3.5)]
        gc.collect()
    assert [ref() for refs in found for ref in refs] == [None] * 4
    assert set(sys.modules) == modules
    assert {name for name in set(linecache.cache) - lines if "grad_lambda" in name or "srcgrad" in name} == set()
    known = [getattr(thing, "__name__", "") for thing in cpu_target.target_context._defns]
    assert not any("grad" in name for name in known)


def test_a_function_that_runs_outlives_its_last_name():
    function = sg.jit(lambda x: np.cumsum(x)[-1])
    native = function.specialise(np.ones(4)).executable.function
    del function
    gc.collect()
    assert native(np.arange(4.0)) == (6.0,)


# --- fresh functions with equal code ---------------------------------------------------------------------------------

SCALE = 2.0


class Holder:
    k = 1.0


def test_equal_functions():
    def make(k: Any, default: Any = 1.0) -> Any:
        def helper(x):
            return x * k

        return lambda x, d=default: helper(x) * SCALE + d

    same: list[Any] = [(1.0, 1.0), (2, 2), ("a", "a"), ((1, 2.0), (1, 2.0)), (np.ones(2), np.ones(2)), (np.sin, np.sin)]
    for values in same:
        assert Keyed(make(values[0])) == Keyed(make(values[1]))
        assert hash(Keyed(make(values[0]))) == hash(Keyed(make(values[1])))
    different: list[Any] = [
        (1.0, 1),
        (0.0, -0.0),
        (True, 1),
        (np.ones(2), np.zeros(2)),
        (np.ones(2), np.ones(2, np.float32)),
    ]
    for values in different:
        assert Keyed(make(values[0])) != Keyed(make(values[1]))
    assert Keyed(make(1.0, 2.0)) != Keyed(make(1.0, 3.0))
    unknown: list[Any] = [[1.0], {}, Holder(), Holder, np.zeros(10_000), iter(())]
    for value in unknown:
        assert Keyed(make(value)) != Keyed(make(value))
        function = make(value)
        assert Keyed(function) == Keyed(function)


def test_equal_code_of_two_files():
    namespaces: list[dict[str, Any]] = [{}, {}]
    for number, namespace in enumerate(namespaces):
        exec(compile("f = lambda x: x * 2.0", f"file{number}", "exec"), namespace)
    assert Keyed(namespaces[0]["f"]) != Keyed(namespaces[1]["f"])


def scaled(k):
    return lambda x: (x * k * SCALE).sum()


def test_vjp_of_fresh_lambdas_is_compiled_once(monkeypatch: pytest.MonkeyPatch):
    holder, table = Holder(), [1.0]
    x = np.arange(3.0)
    with interpreter():
        before = pullback_module._compiled_pair.lasting.cache_info()
        for k in (2.0, 3.0, 2.0, 2.0):
            value, pullback = sg.vjp(scaled(k), x)
            assert value == 3 * k * SCALE
            np.testing.assert_array_equal(pullback(1.0)[0], np.full(3, k * SCALE))
        after = pullback_module._compiled_pair.lasting.cache_info()
        assert (after.misses - before.misses, after.hits - before.hits) == (2, 2)
        for k in (2.0, 3.0):
            monkeypatch.setattr(sys.modules[__name__], "SCALE", k)
            holder.k = table[0] = k
            assert sg.vjp(lambda x: (x * SCALE).sum(), x)[0] == 3 * k
            assert sg.vjp(lambda x: (x * holder.k).sum(), x)[0] == 3 * k
            assert sg.vjp(lambda x: (x * table[0]).sum(), x)[0] == 3 * k
            assert sg.hvp(lambda x: (x * x * x * SCALE).sum(), [x], [np.ones(3)])[0][1] == 6 * k


def test_a_function_that_has_changed_since_is_another():
    def make(k):
        def change(value):
            nonlocal k
            k = value

        return (lambda x: x * k), change

    first, change = make(2.0)
    with interpreter():
        assert sg.vjp(first, 1.0)[0] == 2.0
        change(5.0)
        assert sg.vjp(make(2.0)[0], 1.0)[0] == 2.0
        assert sg.vjp(make(2.0)[0], 1.0)[1](1.0) == (2.0,)
        assert sg.vjp(first, 1.0)[0] == 5.0


def test_a_pullback_does_not_take_what_has_changed_since():
    k, table = 2.0, np.ones(3)

    def f(x):
        return (x * k * table).sum()

    with interpreter():
        for _ in range(2):
            k, table[0] = 2.0, 1.0
            pullback = sg.vjp(f, np.ones(3))[1]
            np.testing.assert_array_equal(pullback(1.0)[0], [2.0, 2.0, 2.0])
            k = 3.0
            with pytest.raises(ArgumentValueError, match="changed since"):
                pullback(1.0)
            k, table[0] = 2.0, 7.0
            with pytest.raises(ArgumentValueError, match="changed since"):
                pullback(1.0)
            table[0] = 1.0
            np.testing.assert_array_equal(pullback(1.0)[0], [2.0, 2.0, 2.0])


# --- sizes -----------------------------------------------------------------------------------------------------------


def through_a_loop(x, n):
    y = x
    for _ in range(n):
        y = np.sin(y) * x
    return y.sum()


def test_trip_counts_beyond_all_memory():
    slope = sg.grad(through_a_loop)
    x = np.array([0.5, 1.0, 1.5])
    expected = slope(x, 3)
    line = through_a_loop.__code__.co_firstlineno + 2
    for power in (50, 58, 59, 60, 61, 62):
        for more in (-1, 0, 1):
            with pytest.raises(MemoryError, match=rf"test_faults.py:{line}.*checkpoint"):
                slope(x, 2**power + more)
    with pytest.raises(MemoryError, match="every iteration"):
        slope(x, 2**63 - 1)
    np.testing.assert_array_equal(slope(x, 3), expected)
    np.testing.assert_array_equal(slope(x, -5), np.ones(3))


# --- forks -----------------------------------------------------------------------------------------------------------


def in_a_process(script: str, seconds: float = 240.0, prefix: Sequence[str] = (), **variables: str) -> str:
    """What a process prints that runs this script; it fails if the process crashes or hangs."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "1", **variables}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "script.py"  # loops are staged from a function's source
        file.write_text(script, encoding="utf-8")
        found = subprocess.run(
            [*prefix, sys.executable, "-W", "error", "-W", "ignore:.*fork.*:DeprecationWarning", str(file)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    assert found.returncode == 0, found.stderr
    return found.stdout


FORKS = """
import os, signal, sys, threading, warnings
import numpy as np
import srcgrad as sg

signal.alarm(200)
x = np.ones(200_000)

@sg.jit
def wide(x):
    return np.sum(np.sin(x) * x)

wide(x)  # on two threads
stop = threading.Event()

def compile_on():
    k = 0
    while not stop.is_set():
        k += 1
        sg.grad(lambda x, k=float(k): np.sum(np.sin(x) * k))(np.ones(7))

def child(number):
    signal.alarm(100)  # inherited by none
    assert sg.get_num_threads() == 1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sg.set_num_threads(2)
    assert "forked" in str(caught[0].message) and sg.get_num_threads() == 1
    assert np.isclose(wide(x), 200_000 * np.sin(1.0))
    assert np.allclose(sg.grad(lambda x: np.sum(x * x * (number + 0.5)))(np.ones(3)), 2 * number + 1)

compiling = threading.Thread(target=compile_on)
compiling.start()
children = []
for number in range(4):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            child(number)
            code = 0
        finally:
            os._exit(code)
    children.append(pid)
print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children])
stop.set()
compiling.join()
sg.set_num_threads(2)
assert np.isclose(wide(x), 200_000 * np.sin(1.0))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_forks_while_another_thread_compiles():
    assert in_a_process(FORKS, SRCGRAD_CACHE_DIR="", NUMBA_NUM_THREADS="2").strip() == "[0, 0, 0, 0]"


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------

INTERRUPTS = '''
import os, signal, sys, time
import numpy as np
import srcgrad as sg

def interrupted(call, after):
    """How many seconds after the signal the call ended."""
    signal.setitimer(signal.ITIMER_REAL, after)
    started = time.monotonic()
    try:
        call()
    except KeyboardInterrupt:
        return time.monotonic() - started - after
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
    return None

def counted(x, n):
    for i in range(n):
        x[0] += np.sin(x[0])
    return x

def repeated(x, n):
    while x[0] > -1.0:
        x[:] = np.sin(x) * x
    return x

def fixed(x, n):
    for i in range(10**12):
        x[i % 3] = np.sin(x[i % 3])
    return x

def nested(x, n):
    for i in range(3):
        for j in range(n):
            x += np.sin(x)
    return x

signal.signal(signal.SIGALRM, signal.default_int_handler)
late = []
for function in (counted, repeated, fixed, nested):
    x, compiled = np.ones(3), sg.jit(function)
    compiled.specialise(x, 2**50)
    late.append(interrupted(lambda: compiled(x, 2**50), 0.3))
    assert np.array_equal(x, np.ones(3)), "something was written back"
assert all(seconds is not None and seconds < 5 for seconds in late), late
x = np.zeros(3)
assert compiled(x, 3)[0] == 0.0

came, after = 0, 0.005
for k in range(12):  # at any moment of tracing and compiling
    def loss(x, k=float(k)):
        y = x
        for i in range(4):
            y = np.tanh(y * k) + x[i]
        return np.sum(y)
    slope = sg.grad(loss)
    came += interrupted(lambda: slope(np.ones(5)), after) is not None
    after *= 1.5
    assert slope(np.ones(5)).shape == (5,)
print(came)
'''


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no timer that sends signals")
def test_signals_are_seen_to():
    assert int(in_a_process(INTERRUPTS, SRCGRAD_CACHE_DIR="")) >= 4


# --- stacks of threads -----------------------------------------------------------------------------------------------

SMALL_STACKS = """
import threading
import numpy as np
import srcgrad as sg
from srcgrad.core.settings import override

def large(x):
    y = np.cumsum(x)
    z = np.cumsum(np.sin(y[::-1]))
    w = np.cumsum(z * z)
    return np.cumsum(w[::-1]) + np.cumsum(y[::-1])

x = np.linspace(0.0, 1.0, 2000)
compiled, found = sg.jit(large), []
with override(stack_budget=1 << 18, stack_bytes=1 << 14):
    if LATER:
        compiled.specialise(x)
    for size in (SIZES):
        if size:
            threading.stack_size(size)
        for target in (lambda: found.append(compiled(x)), lambda: sg.grad(lambda x: large(x).sum())(x)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
    found.append(compiled(x))
    assert compiled.last.executable.module.stack_bytes > 100_000
assert len(found) == len(SIZES) + 1
assert all(np.allclose(result, large(x)) for result in found)
print(sg.get_num_threads())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of the stack are set with a shell's ulimit")
@pytest.mark.parametrize("limit", ["", "300"])
def test_threads_with_small_stacks(limit: str):
    script = SMALL_STACKS.replace("SIZES", "(0,)" if limit else "(65536, 131072)").replace("LATER", str(not limit))
    prefix = ["/bin/sh", "-c", f'ulimit -s {limit}; exec "$0" "$@"'] if limit else []
    threads = in_a_process(script, prefix=prefix, SRCGRAD_CACHE_DIR="", NUMBA_NUM_THREADS="2")
    assert int(threads) == (1 if limit else 2)


# --- without compilation ---------------------------------------------------------------------------------------------

WITHOUT_JIT = """
import numpy as np
import srcgrad as sg

def loss(w, x):
    total = 0.0
    for i in range(3):
        x = np.tanh(x @ w) if total < 100.0 else x
        total = total + np.sum(x * x)
    return total

def update(x, k):
    x[k] += 1.0
    if x[0] > 5.0:
        raise ValueError("too large")
    return x[1:], x.sum()

x = np.linspace(0.0, 1.0, 9).reshape(3, 3)
x.flags.writeable = False
value, gradient = sg.value_and_grad(loss)(x.T, x[::-1])
step = np.zeros((3, 3))
step[0, 1] = 1e-6
slope = (loss(x.T + step, x[::-1]) - loss(x.T - step, x[::-1])) / 2e-6
assert np.isclose(value, loss(x.T, x[::-1])) and np.isclose(gradient[0, 1], slope)
y = np.arange(4.0)
tail, total = sg.jit(update)(y, np.array([0, 1]))
assert y.tolist() == [1, 2, 2, 3] and total == 8 and type(total) is np.float64
y[:] = 7.0
assert tail.tolist() == [2, 2, 3]
for bad, error in ((np.array([9, 0]), IndexError), (np.array([0, 0]), ValueError)):
    try:
        sg.jit(update)(y, bad)
    except error:
        assert y.tolist() == [7.0] * 4
    else:
        raise AssertionError(error)
assert sg.vjp(lambda x: x * 2.0, 3.0)[1](1.0) == (2.0,)
assert "tanh" in sg.source(loss, x.T, x)
from srcgrad.dispatch.executable import Interpreted
assert type(sg.jit(update).specialise(y, 1).executable) is Interpreted
"""


def test_without_compilation():
    in_a_process(WITHOUT_JIT, NUMBA_DISABLE_JIT="1")
