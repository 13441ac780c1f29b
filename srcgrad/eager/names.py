"""Every name of ``srcgrad.eager``: PyTorch's, where PyTorch has it, for the same thing."""

from __future__ import annotations

import math
from typing import Any

import srcgrad.eager.methods  # noqa: F401  (gives tensors their methods)
from srcgrad.eager import autograd, drawing, nn, optim
from srcgrad.eager.functions import fft, renamed, surroundings
from srcgrad.eager.functions.catalogue import FUNCTIONS, late
from srcgrad.eager.making import creation, random
from srcgrad.eager.tensors import dtypes, modes, printing
from srcgrad.eager.tensors.errors import nearest
from srcgrad.eager.tensors.node import RemovableHandle
from srcgrad.eager.tensors.storage import Size
from srcgrad.eager.tensors.tensor import Tensor


def is_tensor(obj: Any) -> bool:
    """Whether an object is a tensor."""
    return isinstance(obj, Tensor)


def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


_TAKEN = {
    creation: "tensor as_tensor asarray from_numpy scalar_tensor zeros ones empty full eye arange linspace logspace "
    "zeros_like ones_like empty_like full_like",
    random: "Generator default_generator manual_seed seed initial_seed get_rng_state set_rng_state rand randn randint "
    "randperm rand_like randn_like randint_like normal bernoulli multinomial",
    modes: "no_grad enable_grad set_grad_enabled inference_mode is_grad_enabled is_inference_mode_enabled",
    printing: "set_printoptions get_printoptions printoptions",
    dtypes: "dtype get_default_dtype set_default_dtype",
    surroundings: "device cuda save load finfo iinfo bincount unique histc",
    renamed: "linalg special",
    math: "pi inf nan e",
}
_DTYPES = (
    "float=float32 double=float64 half=float16 int=int32 long=int64 short=int16 cfloat=complex64 cdouble=complex128"
)

NAMES: dict[str, Any] = {
    **FUNCTIONS,
    **{name: getattr(module, name) for module, names in _TAKEN.items() for name in names.split()},
    **{one.name: one for one in dtypes.ALL},
    **{alias: getattr(dtypes, name) for alias, name in (pair.split("=") for pair in _DTYPES.split())},
    "Tensor": Tensor,
    "Size": Size,
    "autograd": autograd,
    "nn": nn,
    "optim": optim,
    "fft": fft,
    "RemovableHandle": RemovableHandle,
    "draw": drawing.draw,
    "is_tensor": is_tensor,
    "numel": numel,
}


def named(name: str) -> Any:
    """What has a name that is not in `NAMES`; raises AttributeError with the nearest name there is."""
    found = late(name)
    if found is None:
        raise AttributeError(nearest("srcgrad.eager", name, NAMES))
    return found
