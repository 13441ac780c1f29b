"""Modules that hold modules or parameters."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from srcgrad.eager.nn.module import Module
from srcgrad.eager.nn.parameter import Parameter


class _Sequence(Module):
    """What lists of modules or of parameters have in common."""

    @property
    def _entries(self) -> dict[str, Any]:
        return self._modules

    def append(self, module: Any) -> Any:
        """Add one at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Any]) -> Any:
        """Add several at the end."""
        for module in modules:
            self.append(module)
        return self

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._entries.values())

    def __getitem__(self, key: Any) -> Any:
        found = list(self._entries.values())[key]
        return type(self)(found) if isinstance(key, slice) else found  # type: ignore[call-arg]


class Sequential(_Sequence):
    """Modules one after the other.

    >>> import srcgrad.eager as torch
    >>> torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh())
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): Tanh()
    )
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], OrderedDict) else enumerate(args)
        for name, module in named:
            self.add_module(str(name), module)

    def forward(self, input: Any) -> Any:
        for module in self:
            input = module(input)
        return input

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return type(self)(OrderedDict(list(self._modules.items())[key]))
        return super().__getitem__(key)


class ModuleList(_Sequence):
    """A list of modules."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def __setitem__(self, key: int, module: Module) -> None:
        self._modules[str(key % len(self))] = module


class ParameterList(_Sequence):
    """A list of parameters; a plain tensor becomes one."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        super().__init__()
        self.extend(values)

    @property
    def _entries(self) -> dict[str, Any]:
        return self._parameters

    def append(self, value: Any) -> ParameterList:
        """Add a parameter at the end."""
        self.register_parameter(str(len(self)), value if isinstance(value, Parameter) else Parameter(value))
        return self


class _Mapping(Module):
    """What dictionaries of modules or of parameters have in common."""

    def __init__(self, entries: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        for name, value in (entries or {}).items():
            self[name] = value

    @property
    def _entries(self) -> dict[str, Any]:
        return self._modules

    def __getitem__(self, key: str) -> Any:
        return self._entries[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.add_module(key, value)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def keys(self) -> Any:
        """The names."""
        return self._entries.keys()

    def values(self) -> Any:
        """What has the names."""
        return self._entries.values()

    def items(self) -> Any:
        """Names and what has them."""
        return self._entries.items()


class ModuleDict(_Mapping):
    """A dictionary of modules."""


class ParameterDict(_Mapping):
    """A dictionary of parameters; a plain tensor becomes one."""

    @property
    def _entries(self) -> dict[str, Any]:
        return self._parameters

    def __setitem__(self, key: str, value: Any) -> None:
        self.register_parameter(key, value if isinstance(value, Parameter) else Parameter(value))
