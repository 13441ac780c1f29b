"""Unchanged NumPy programs: native loops and branches become regions of the graph when a function is traced.

`staged` gives the traced copy of a function. Its syntax tree is rewritten (`rewrite`) so that control flow asks, while
the function is traced, what to do: run as Python does, where everything is known, or record a region (`loops`,
`branches`). The copy sees the NumPy-named namespace where the original sees `numpy` (`convert`).
"""

from srcgrad.staging.captured import Captured, capturing, reads
from srcgrad.staging.convert import publishing, staged

__all__ = ["Captured", "capturing", "publishing", "reads", "staged"]
