"""The table of contenders: how each makes a gradient program, waits for a result, and starts up.

Each peer gets the formulation that its documentation recommends and that measured best; where several were
tried, a comment says what was measured.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.case import Array, Case, Gradient, Inputs, Program, leaves, matches

OURS, OP_BY_OP, BY_HAND, PEER = "ours", "ours, op by op", "by hand", "peer"
PRIMAL, ONE_THREAD = "ours, primal alone", "ours, one thread"


class Unavailable(Exception):
    """The contender has no program for a case."""


@dataclass(frozen=True)
class Contender:
    """One column of the table.

    Attributes:
        packages: imported before the first call is timed.
        gradient: makes a program from a loss under differentiation.
        follows: another contender, and what makes this one's program from its program.
        start: runs before the first call is timed: threads, precision.
        wait: blocks until an output is there; None where a call returns only then.
        cache_variables: the environment variables that move its disk cache.
        environment: what else its process has to find there.
        cases: patterns of the cases that it takes part in.
        without: cases that it has no way to run: it cannot write in place, or would take minutes.
        expected: the right answer, where it is not the case's.
    """

    name: str
    role: str
    packages: tuple[str, ...]
    gradient: Callable[[Gradient, Inputs], Program] | None = None
    follows: tuple[Contender, Callable[[Program], Program]] | None = None
    start: Callable[[Case, int], None] = lambda case, threads: None
    wait: Callable[[Any], Any] | None = None
    to_numpy: Callable[[Any], Array] = np.asarray
    cache_variables: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    cases: tuple[str, ...] = ("*",)
    without: tuple[str, ...] = ()
    expected: Callable[[Case, Inputs, int], tuple[Any, ...]] = lambda case, inputs, units: case.expected(inputs, units)

    def has_program(self, case: Case) -> bool:
        if case.name in self.without or not matches(case.name, self.cases):
            return False
        if self.name in case.programs or (self.gradient and case.gradient):
            return True
        return self.follows is not None and self.follows[0].has_program(case)

    def program(self, case: Case, inputs: Inputs) -> Program:
        if self.name in case.programs:
            return case.programs[self.name](inputs)
        if self.gradient and case.gradient:
            return self.gradient(case.gradient, inputs)
        if self.follows:
            other, change = self.follows
            return change(other.program(case, inputs))
        raise Unavailable(f"{self.name} has no program for {case.name}")

    def results(self, output: Any) -> list[Array]:
        return [np.asarray(self.to_numpy(leaf)) for leaf in leaves(output)]

    def load(self) -> None:
        for package in self.packages:
            importlib.import_module(package)


# --- srcgrad --------------------------------------------------------------------------------------------------------


def _srcgrad_gradient(problem: Gradient, inputs: Inputs) -> Program:
    import srcgrad as sg

    transform = sg.value_and_grad if problem.with_value else sg.grad
    return Program(transform(problem.loss(np), argnums=problem.argnums), inputs)


def interpreted(program: Program) -> Program:
    """The graph of a compiled srcgrad function, run one NumPy call an operation."""
    from srcgrad.graph.interpret import interpret

    found = program.function.specialise(*program.args)  # type: ignore[attr-defined]
    return Program(lambda *args: tuple(interpret(found.graph, [*args, *found.captured])), program.args, program.units)


def _srcgrad_primal(problem: Gradient, inputs: Inputs) -> Program:
    import srcgrad as sg

    return Program(sg.jit(problem.loss(np)), inputs)


def _primal_expected(case: Case, inputs: Inputs, units: int) -> tuple[Any, ...]:
    assert case.gradient is not None
    return (case.gradient.loss(np)(*(a.astype(np.float64) if a.dtype.kind == "f" else a for a in inputs)),)


def _one_thread(case: Case, threads: int) -> None:
    import srcgrad as sg

    sg.set_num_threads(1)


# --- PyTorch --------------------------------------------------------------------------------------------------------


def _torch_start(case: Case, threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


def _torch_eager_gradient(problem: Gradient, inputs: Inputs) -> Program:
    import torch

    tensors = [torch.from_numpy(array) for array in inputs]
    variables = [tensor.requires_grad_() for tensor in tensors[: problem.n_differentiated]]
    constants = tensors[problem.n_differentiated :]
    loss = problem.torch_loss

    def gradients() -> Any:
        return torch.autograd.grad(loss(*variables, *constants), variables)

    def value_and_gradients() -> Any:
        value = loss(*variables, *constants)
        return value, torch.autograd.grad(value, variables)

    return Program(value_and_gradients if problem.with_value else gradients, ())


def _eager_gradient(problem: Gradient, inputs: Inputs) -> Program:
    """The program of PyTorch eager, run by our define-by-run face under PyTorch's name."""
    import sys

    import srcgrad.eager

    sys.modules["torch"] = srcgrad.eager
    sys.modules["torch.nn"] = srcgrad.eager.nn
    sys.modules["torch.nn.functional"] = srcgrad.eager.nn.functional
    return _torch_eager_gradient(problem, inputs)


def torch_compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` through torch.compile, called where nothing records.

    On the small network's step: 35 us, against 111 us for a compiled loss with ``torch.autograd.grad``
    outside and 31 us with ``cpp_wrapper``, which gained nothing on the other cases.
    """
    import torch

    compiled = torch.compile(function, fullgraph=True, dynamic=False)
    return torch.inference_mode()(compiled)  # type: ignore[no-any-return]


def _torch_compile_gradient(problem: Gradient, inputs: Inputs) -> Program:
    import torch

    derivative = torch.func.grad_and_value(problem.torch_loss, argnums=problem.argnums)

    def gradients(*args: Any) -> Any:
        return derivative(*args)[0]

    def value_and_gradients(*args: Any) -> Any:
        grads, value = derivative(*args)
        return value, grads

    program = torch_compiled(value_and_gradients if problem.with_value else gradients)
    return Program(program, tuple(torch.from_numpy(array) for array in inputs))


def _torch_to_numpy(tensor: Any) -> Array:
    return np.asarray(tensor.detach().numpy())


# --- JAX ------------------------------------------------------------------------------------------------------------


def _jax_start(case: Case, threads: int) -> None:
    import jax

    jax.config.update("jax_enable_x64", case.dtype == "float64")
    jax.devices()


def _jax_gradient(problem: Gradient, inputs: Inputs) -> Program:
    import jax
    import jax.numpy as jnp

    transform = jax.value_and_grad if problem.with_value else jax.grad
    loss = problem.jax_loss or problem.loss(jnp)
    return Program(jax.jit(transform(loss, argnums=problem.argnums)), tuple(jnp.asarray(a) for a in inputs))


def _jax_wait(output: Any) -> Any:
    """All outputs of a call become ready together; asking one leaf costs less than ``jax.block_until_ready``."""
    while isinstance(output, tuple):
        output = output[0]
    return output.block_until_ready()


def _jax(name: str, gradient: Callable[[Gradient, Inputs], Program] | None = None) -> Contender:
    return Contender(
        name,
        PEER,
        ("jax",),
        gradient=gradient,
        start=_jax_start,
        wait=_jax_wait,
        cache_variables=("JAX_COMPILATION_CACHE_DIR",),
        environment={
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        },
    )


# --- HIPS autograd --------------------------------------------------------------------------------------------------


def _autograd_gradient(problem: Gradient, inputs: Inputs) -> Program:
    import autograd

    transform = autograd.value_and_grad if problem.with_value else autograd.grad
    loss = problem.loss(importlib.import_module("autograd.numpy"))
    return Program(transform(loss, problem.argnums), inputs)


SRCGRAD = Contender(
    "srcgrad",
    OURS,
    ("srcgrad",),
    gradient=_srcgrad_gradient,
    cache_variables=("SRCGRAD_CACHE_DIR", "NUMBA_CACHE_DIR"),
)

CONTENDERS = (
    SRCGRAD,
    Contender(
        "one-thread",
        ONE_THREAD,
        ("srcgrad",),
        follows=(SRCGRAD, lambda program: program),
        start=_one_thread,
        cache_variables=SRCGRAD.cache_variables,
        cases=("digits", "pointwise-1e6-*", "training"),
    ),
    Contender(
        "primal",
        PRIMAL,
        ("srcgrad",),
        gradient=_srcgrad_primal,
        cache_variables=SRCGRAD.cache_variables,
        expected=_primal_expected,
    ),
    Contender("op-by-op", OP_BY_OP, ("srcgrad",), follows=(SRCGRAD, interpreted), without=("gauss-seidel", "thomas")),
    Contender("numba", BY_HAND, ("numba",), cache_variables=("NUMBA_CACHE_DIR",)),
    Contender("numba-primal", BY_HAND, ("numba",), cache_variables=("NUMBA_CACHE_DIR",), expected=_primal_expected),
    _jax("jax", gradient=_jax_gradient),
    _jax("jax-loop"),
    _jax("jax-checkpoint"),
    Contender(
        "torch",
        PEER,
        ("torch",),
        gradient=_torch_eager_gradient,
        start=_torch_start,
        to_numpy=_torch_to_numpy,
    ),
    Contender(
        "eager",
        OP_BY_OP,
        ("srcgrad.eager",),
        gradient=_eager_gradient,
        to_numpy=lambda tensor: tensor.detach().numpy(),
        cases=("digits", "pointwise-*", "rosenbrock", "logistic", "mixture", "attention"),
    ),
    Contender(
        "torch.compile",
        PEER,
        ("torch",),
        gradient=_torch_compile_gradient,
        start=_torch_start,
        to_numpy=_torch_to_numpy,
        cache_variables=("TORCHINDUCTOR_CACHE_DIR",),
        # a hundred half steps of jacobi compile for minutes; its tracer does not take ``torch.lstm``
        without=("jacobi", "gauss-seidel", "thomas", "lstm", "lstm-16"),
    ),
    Contender(
        "autograd",
        PEER,
        ("autograd.numpy",),
        gradient=_autograd_gradient,
        without=("jacobi", "gauss-seidel", "thomas"),
    ),
)
