"""Which inputs and results of a program are passed together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Packing:
    """Which inputs and results are packed.

    Attributes:
        single: the positions of the inputs that are passed on as they are; the packed ones follow them.
        inputs: for each packed input the positions of its parts.
        results: for each result its number among the packed program's, and its place in it, None for all of it.
    """

    single: tuple[int, ...]
    inputs: tuple[tuple[int, ...], ...]
    results: tuple[tuple[int, int | None], ...]
