"""Every name of ``srcgrad.eager``: PyTorch's, where PyTorch has it, for the same thing."""

from __future__ import annotations

import math
from typing import Any

from srcgrad.eager import autograd, drawing, methods, nn, optim
from srcgrad.eager.functions import (
    complex,
    conversion,
    creation,
    derived,
    einsums,
    elementwise,
    fft,
    indexing,
    joining,
    linear,
    random,
    reductions,
    shaping,
    surroundings,
)
from srcgrad.eager.tensors import dtypes, modes, printing
from srcgrad.eager.tensors.errors import nearest
from srcgrad.eager.tensors.node import RemovableHandle
from srcgrad.eager.tensors.storage import Size
from srcgrad.eager.tensors.tensor import Tensor


def _take(module: Any, names: str) -> dict[str, Any]:
    return {name: getattr(module, name) for name in names.split()}


_METHODS_ONLY = (
    "float",
    "int",
    "bool",
    "double",
    "half",
    "long",
    "short",
    "byte",
    "char",
    "contiguous",
    "to",
    "type",
    "view",
    "expand",
)
_DTYPE_ALIASES = {
    "float": dtypes.float32,
    "double": dtypes.float64,
    "half": dtypes.float16,
    "int": dtypes.int32,
    "long": dtypes.int64,
    "short": dtypes.int16,
    "bool": dtypes.bool_,
    "cfloat": dtypes.complex64,
    "cdouble": dtypes.complex128,
}

NAMES: dict[str, Any] = {
    "Tensor": Tensor,
    "Size": Size,
    "autograd": autograd,
    "nn": nn,
    "optim": optim,
    "fft": fft,
    **_take(complex, "real imag is_complex complex polar view_as_real view_as_complex"),
    **{name: function for name, function in methods.SHARED.items() if name not in _METHODS_ONLY},
    **_take(
        creation,
        "tensor as_tensor asarray from_numpy scalar_tensor zeros ones empty full eye arange linspace logspace "
        "zeros_like ones_like "
        "empty_like full_like",
    ),
    **_take(
        random,
        "Generator default_generator manual_seed seed initial_seed get_rng_state set_rng_state rand randn "
        "randint randperm rand_like "
        "randn_like randint_like normal bernoulli multinomial",
    ),
    **_take(joining, "cat stack hstack vstack"),
    **_take(shaping, "meshgrid"),
    **_take(elementwise, "rsub"),
    "where": elementwise.where,
    **_take(indexing, "argwhere"),
    **_take(linear, "tensordot"),
    **_take(einsums, "einsum"),
    **_take(modes, "no_grad enable_grad set_grad_enabled inference_mode is_grad_enabled is_inference_mode_enabled"),
    **_take(printing, "set_printoptions get_printoptions printoptions"),
    **_take(dtypes, "dtype get_default_dtype set_default_dtype"),
    **{one.name: one for one in dtypes.ALL},
    **_DTYPE_ALIASES,
    **_take(math, "pi inf nan e"),
    "concat": joining.cat,
    "concatenate": joining.cat,
    "std_mean": reductions.std_mean,
    "var_mean": reductions.var_mean,
    "clone": conversion.clone,
    "RemovableHandle": RemovableHandle,
    "draw": drawing.draw,
    **_take(derived, "atleast_1d atleast_2d broadcast_tensors tril_indices triu_indices is_floating_point"),
    **_take(derived, "result_type promote_types"),
    **_take(surroundings, "device cuda save load finfo iinfo trace bincount unique histc"),
}


def is_tensor(obj: Any) -> bool:
    """Whether an object is a tensor."""
    return isinstance(obj, Tensor)


def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


NAMES.update({"is_tensor": is_tensor, "numel": numel})


def missing(name: str) -> str:
    """What to say of a name that does not exist."""
    return nearest("srcgrad.eager", name, NAMES)
