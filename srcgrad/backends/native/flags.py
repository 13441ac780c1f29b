"""What LLVM may do with single floating-point operations: the flags of each instruction.

Flags are on instructions. A formula of the library that is written without any keeps none, wherever it is inlined.

    plain   + - * / as the text has them
    step    a step of a reduction: ``total += term`` and ``total *= factor`` in a kernel, which stand for nothing else

By default a product that feeds a sum may become one operation with it (``contract``), and the terms of a reduction may
be added in another order (``reassoc``), as NumPy itself does. With ``fast_math=True`` the arithmetic of the kernel may
also be reassociated, divisions become products with reciprocals, and the sign of a zero is lost; NaN and infinities
stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: what kernels are compiled with, also by Numba where our frontend does not know something: then sums keep their order
DEFAULT = frozenset({"contract"})
FAST = frozenset({"contract", "reassoc", "nsz", "arcp"})


@dataclass(frozen=True)
class FloatFlags:
    """The flags of the operations of one function; those of the library's formulas have none."""

    plain: tuple[str, ...] = ()
    step: tuple[str, ...] = ()

    @staticmethod
    def of(flags: Any) -> FloatFlags:
        """From Numba's flags of the function, in which ``fastmath`` is one of the sets above, or off."""
        plain = frozenset(flags.fastmath.flags) if flags.fastmath else frozenset()
        return FloatFlags(tuple(sorted(plain)), tuple(sorted(plain | {"reassoc"})) if plain else ())

    def of_step(self, term: Any) -> tuple[str, ...]:
        """The flags of the sum of a total and a term.

        Only a product may be contracted with it. Of ``total + (a * b + c * d)`` LLVM would make ``a * b + (c * d +
        total)`` when told both that the first sum may be contracted and that it may be reassociated: that takes the
        user's own sum apart, and the total is lost where ``c * d`` is huge.
        """
        product = getattr(term, "opname", "") in ("fmul", "fneg")
        return self.step if product or "nsz" in self.step else tuple(flag for flag in self.step if flag != "contract")
