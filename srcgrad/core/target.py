"""The machine that a program is compiled for, as one frozen value that schedule and kernel passes are given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """What passes may know of a machine.

    Attributes:
        threads: how many threads compiled code is laid out for.
        registers: how many elements of a result a loop may keep in registers, from where they are copied at its end.
    """

    threads: int = 1
    registers: int = 64
