"""What is recorded: gradient mode, inference mode, anomaly detection; each belongs to a thread, as in PyTorch."""

from __future__ import annotations

import contextvars
import functools
import inspect
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

Run = Callable[..., Any]
Wrapped = TypeVar("Wrapped", bound=Callable[..., Any])

#: Values of `State.mode`: recording is off, on, or on with the user's line kept for every node.
OFF, ON, ANOMALY = 0, 1, 2


def _quiet_runner() -> Run:
    """``run(function, *args)`` without NumPy's floating point warnings: PyTorch gives inf and nan silently.

    NumPy 2 keeps its error state in a context variable, so a context that has it set once serves every call, at a
    sixth of the cost of ``np.errstate``.
    """
    context = contextvars.copy_context()
    context.run(np.seterr, all="ignore")
    return context.run


def _run_in_errstate(function: Callable[..., Any], *args: Any, **params: Any) -> Any:
    with np.errstate(all="ignore"):
        return function(*args, **params)


class State(threading.local):
    """The modes of a thread.

    ``mode`` is what the recording path reads: one of OFF, ON, ANOMALY. ``lift``: while a function of tensors is
    being recorded for the compiler, what makes new tensors, which have to take traced values, of arrays.
    """

    def __init__(self) -> None:
        self.run: Run = _quiet_runner() if int(np.__version__.split(".")[0]) > 1 else _run_in_errstate
        self.mode = ON
        self.inference = False
        self.anomaly = False
        self.check_nan = True
        self.lift: Callable[[Any], Any] | None = None

    def set(self, grad: bool, inference: bool | None = None) -> None:
        """Switch recording on or off; and inference mode, unless it is None."""
        if inference is not None:
            self.inference = inference
        self.mode = OFF if not grad else ANOMALY if self.anomaly else ON


state = State()


class _Mode:
    """A context manager that is also a decorator, for functions and generators."""

    def __init__(self) -> None:
        self._saved: list[tuple[bool, bool]] = []

    def enter(self) -> None:
        """Change the state."""
        raise NotImplementedError

    def fresh(self) -> _Mode:
        """Another of the same, for one call of a decorated function."""
        return type(self)()

    def __enter__(self) -> None:
        self._saved.append((state.mode != OFF, state.inference))
        self.enter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        state.set(*self._saved.pop())

    def __call__(self, function: Wrapped) -> Wrapped:
        if inspect.isgeneratorfunction(function):
            return self._wrap_generator(function)  # type: ignore[return-value]

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self.fresh():
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]

    def _wrap_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The mode holds while the generator runs, not while it waits."""

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            generator = function(*args, **kwargs)
            step: Callable[..., Any] = generator.send
            given: Any = None
            while True:
                try:
                    with self.fresh():
                        produced = step(given)
                except StopIteration as stop:
                    return stop.value
                try:
                    given, step = (yield produced), generator.send
                except GeneratorExit:
                    with self.fresh():
                        generator.close()
                    raise
                except BaseException as error:
                    given, step = error, generator.throw

        return wrapped


class no_grad(_Mode):
    """Stop recording: ``with no_grad():`` or ``@no_grad()``."""

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        made = super().__new__(cls)
        if function is None:
            return made
        made.__init__()  # type: ignore[misc]
        return made(function)

    def __init__(self, function: None = None) -> None:
        super().__init__()

    def enter(self) -> None:
        state.set(False)


class enable_grad(no_grad):
    """Record again within `no_grad`."""

    def enter(self) -> None:
        state.set(True)


class inference_mode(_Mode):
    """As `no_grad`, and what is made can never be part of a recorded graph."""

    def __new__(cls, mode: bool | Callable[..., Any] = True) -> Any:
        made = super().__new__(cls)
        if isinstance(mode, bool):
            return made
        made.__init__()  # type: ignore[misc]
        return made(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self._mode = mode

    def fresh(self) -> _Mode:
        return inference_mode(self._mode)

    def enter(self) -> None:
        state.set(not self._mode, self._mode)


class set_grad_enabled(_Mode):
    """Recording on or off: at once when called, undone at the end when used in ``with``."""

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self._mode = mode
        self._before = (state.mode != OFF, state.inference)
        state.set(mode)

    def enter(self) -> None:
        self._saved[-1] = self._before
        state.set(self._mode)

    def __call__(self, function: Wrapped) -> Wrapped:
        state.set(*self._before)
        return super().__call__(function)

    def fresh(self) -> _Mode:
        return set_grad_enabled(self._mode)


class tracing(_Mode):
    """While a function of tensors is recorded for the compiler: gradients are on, and ``lift`` makes new tensors."""

    def __init__(self, lift: Callable[[Any], Any]) -> None:
        super().__init__()
        self._lift, self._outer = lift, state.lift

    def __enter__(self) -> None:
        super().__enter__()
        self._outer, state.lift = state.lift, self._lift

    def __exit__(self, *error: Any) -> None:
        state.lift = self._outer
        super().__exit__(*error)

    def enter(self) -> None:
        state.set(True)


class set_detect_anomaly:
    """Keep the line at which each node was recorded, and stop the backward pass at the first NaN."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = (state.anomaly, state.check_nan)
        self._set(mode, check_nan)

    def _set(self, mode: bool, check_nan: bool) -> None:
        state.anomaly, state.check_nan = mode, check_nan
        state.set(state.mode != OFF)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._set(*self._before)


class detect_anomaly(set_detect_anomaly):
    """`set_detect_anomaly` for a ``with`` block."""

    def __init__(self, check_nan: bool = True) -> None:
        self._check_nan = check_nan
        self._before = (state.anomaly, state.check_nan)

    def __enter__(self) -> None:
        self._before = (state.anomaly, state.check_nan)
        self._set(True, self._check_nan)


def is_grad_enabled() -> bool:
    """Whether operations are recorded."""
    return state.mode != OFF


def is_inference_mode_enabled() -> bool:
    """Whether inference mode is on."""
    return state.inference


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on."""
    return state.anomaly
