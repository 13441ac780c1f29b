"""Functions from tables: a line is ``name(arguments) = expression  # what it does``, with ``@Node`` at the end where
what it records shows as one node. "..." stands for what the function of that name in ``nn`` says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from srcgrad.eager.recording.composite import composite

_LINE = re.compile(r"(\w+)\((.*?)\) = (.*?)  # (.*?)(?: @(\w+))?")


def defined(
    table: str, names: Mapping[str, Any], module: str, around: Callable[[Any], Any] = lambda function: function
) -> dict[str, Callable[..., Any]]:
    """The functions of a table, whose expressions may use those names; ``around`` wraps what they compute."""
    found = {}
    for line in filter(None, table.split("\n")):
        match = _LINE.fullmatch(line)
        assert match is not None, line
        name, arguments, expression, doc, node = match.groups()
        function = eval(f"lambda {arguments}: {expression}", dict(names))
        function.__name__ = function.__qualname__ = name
        function.__doc__ = getattr(names["nn"], name).__doc__ if doc == "..." else doc
        function.__module__ = module
        function = around(function)
        found[name] = composite(node)(function) if node else function
    return found
