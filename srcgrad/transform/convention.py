"""The border between the cotangents of a sweep and the gradients of users.

The sweep pairs a cotangent c with a change dz of a complex value as ``Re(c dz)``. Users are given and give
``g = conj(c)``: of a real f that is ``df/dx + i df/dy``, the direction in which f grows fastest, so that
``z - rate * g`` descends. `docs/adjoint.md` says more.
"""

from __future__ import annotations

from typing import Any

from srcgrad.core.op import apply


def conjugated(cotangent: Any) -> Any:
    """A gradient as users have it from a cotangent of the sweep, or the reverse; real ones and None as they are."""
    if cotangent is None or cotangent.dtype.kind != "c":
        return cotangent
    return apply("conjugate", cotangent)
