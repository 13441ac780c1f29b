"""Whether compilation is switched off, as for all of Numba: ``NUMBA_DISABLE_JIT=1``, or Numba's configuration file."""

from __future__ import annotations

from numba.core import config


def is_off() -> bool:
    """Whether programs are to run operation by operation."""
    return bool(config.DISABLE_JIT)
