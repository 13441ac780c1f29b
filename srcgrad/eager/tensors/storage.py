"""What tensors are made of besides their array: shapes, version counters, and what not every tensor has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np

Replay = Callable[[Any], Any]


class Size(tuple[int, ...]):
    """The shape of a tensor."""

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements."""
        return int(np.prod(self)) if self else 1

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return Size(found) if isinstance(key, slice) else found

    def __add__(self, other: Any) -> Size:
        return Size((*self, *other))


class Version:
    """How often the data were modified in place; one for all tensors that share them, of which ``views`` knows the
    views.
    """

    __slots__ = ("count", "most", "views")

    def __init__(self) -> None:
        self.count = 0
        self.views: list[ref[Any]] | None = None

    def add_view(self, view: Any) -> None:
        """Know a view for as long as it lives."""
        if self.views is None:
            self.views, self.most = [], 8
        self.views.append(ref(view))
        if len(self.views) > self.most:
            self.views = [known for known in self.views if known() is not None]
            self.most = max(8, 2 * len(self.views))


class Meta:
    """What not every tensor has: a gradient, a base of which it is a view, flags.

    Attributes:
        grad: the accumulated gradient.
        retains: whether the gradient of a result is kept.
        base: the tensor of which it is a view, and which is not a view itself.
        replay: the functions that make the view from the base.
        made: how the view was made, where in-place changes are therefore forbidden ("no_grad", "multiple").
        inference: made in inference mode.
        leaf: the node of a leaf, kept while it does not require a gradient.
    """

    grad: Any = None
    retains: bool = False
    base: Any = None
    replay: tuple[Replay, ...] = ()
    made: str | None = None
    inference: bool = False
    leaf: Any = None


class device:
    """Where tensors live: the CPU, the one device of this face."""

    __slots__ = ("index", "type")

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        name, _, number = str(type).partition(":")
        self.type, self.index = name, int(number) if number else index

    def __repr__(self) -> str:
        return f"device(type={self.type!r}{'' if self.index is None else f', index={self.index}'})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))
