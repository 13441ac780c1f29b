"""Incomplete gamma and beta functions, exponential integrals and zeta, under SciPy's names in ``scipy.special``.

The first operands, which shape the function, have no derivative: asking for it is an error that says so.
"""

from __future__ import annotations

from typing import Any

from srcgrad.core.errors import UnsupportedError
from srcgrad.core.location import user_location
from srcgrad.core.op import apply
from srcgrad.ops.exponential import exp
from srcgrad.ops.families import pointwise
from srcgrad.ops.special import gammaln, xlogy


def _undefined(name: str, operand: str, last: str) -> Any:
    """The partial with respect to an operand that has none."""

    def partial(*_: Any) -> Any:
        location = user_location()
        where = f"{location}: " if location is not None else ""
        raise UnsupportedError(
            f"{where}scipy.special.{name} has no derivative with respect to {operand} here, only with respect to "
            f"{last}. Give it one with sg.custom_vjp, or take {operand} out of it with sg.stop_gradient"
        )

    return partial


def _gamma_density(a: Any, x: Any) -> Any:
    return exp(xlogy(a - 1, x) - x - gammaln(a))


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    return exp(xlogy(a - 1, x) + apply("xlog1py", b - 1, -x) + (gammaln(a + b) - gammaln(a) - gammaln(b)))


gammainc = pointwise(
    "gammainc",
    _undefined("gammainc", "a", "x"),
    lambda out, a, x: _gamma_density(a, x),
    domain=[(1.0, 5.0), (0.5, 6.0)],
    sample_kinds="if",
)
gammaincc = pointwise(
    "gammaincc",
    _undefined("gammaincc", "a", "x"),
    lambda out, a, x: -_gamma_density(a, x),
    domain=[(1.0, 5.0), (0.5, 6.0)],
    sample_kinds="if",
)
betainc = pointwise(
    "betainc",
    _undefined("betainc", "a", "x"),
    _undefined("betainc", "b", "x"),
    lambda out, a, b, x: _beta_density(a, b, x),
    domain=[(1.0, 5.0), (1.0, 5.0), (0.1, 0.9)],
    sample_kinds="iif",
)
exp1 = pointwise("exp1", lambda out, x: -exp(-x) / x, domain=(0.3, 4.0))
expi = pointwise("expi", lambda out, x: exp(x) / x, domain=(0.3, 4.0))
zeta = pointwise(
    "zeta",
    _undefined("zeta", "x", "q"),
    lambda out, s, q: -s * apply("zeta", s + 1, q),
    domain=[(2.0, 6.0), (0.5, 4.0)],
    sample_kinds="if",
    doc="Hurwitz's zeta function of two operands.",
)
