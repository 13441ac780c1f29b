"""Pictures of programs: `sg.draw`."""

from __future__ import annotations

from typing import Any

from srcgrad.core.errors import ArgumentError
from srcgrad.dispatch.function import Function
from srcgrad.dispatch.transforms import Jit
from srcgrad.graph.draw import graph_picture
from srcgrad.graph.picture import Picture


def draw(function: Any, *args: Any, **kwargs: Any) -> Picture:
    """The graph of the program for these arguments (without any, of the one called last) as a picture.

    Notebooks show it; ``.save("graph.svg")`` writes a file. The backward graph of a tensor is drawn too:
    ``sg.draw(loss, {"w": w})``.

    >>> draw(lambda x: x * x, 3.0)
    <picture of <lambda>: 2 boxes, 2 arrows>
    """
    if hasattr(function, "__sg_array__"):
        from srcgrad.eager.drawing import draw as draw_tensor

        return draw_tensor(function, *args, **kwargs)
    compiled = function if isinstance(function, Function) else Jit(function)
    found = compiled.specialise(*args, **kwargs) if args or kwargs else compiled.last
    if found is None:
        raise ArgumentError(f"{function!r} has not been called yet; give the arguments to look at")
    return graph_picture(found.graph)
