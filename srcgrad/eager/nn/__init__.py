"""Modules in PyTorch's manner, over the functions of `srcgrad.nn`."""

from typing import Any

from srcgrad.eager.nn import functional, init, layers, utils
from srcgrad.eager.nn.containers import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from srcgrad.eager.nn.layers import *  # noqa: F403
from srcgrad.eager.nn.module import Module
from srcgrad.eager.nn.parameter import Buffer, Parameter
from srcgrad.eager.tensors.errors import nearest

__all__ = [  # noqa: PLE0604
    "Buffer",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "Sequential",
    "functional",
    "init",
    "utils",
    *layers.__all__,
]


def __getattr__(name: str) -> Any:
    raise AttributeError(nearest("srcgrad.eager.nn", name, __all__))
