"""Exponentials, logarithms, powers."""

from __future__ import annotations

import numpy as np

from srcgrad.core.op import apply
from srcgrad.ops.families import pointwise

exp = pointwise("exp", "exp({0})", np.exp, lambda out, x: out, cost=8.0)
log = pointwise("log", "log({0})", np.log, lambda out, x: 1 / x, cost=8.0, domain=(0.5, 2.0))
log1p = pointwise("log1p", "log1p({0})", np.log1p, lambda out, x: 1 / (1 + x), cost=10.0, domain=(-0.5, 2.0))
tanh = pointwise("tanh", "tanh({0})", np.tanh, lambda out, x: 1 - out * out, cost=10.0)
sin = pointwise("sin", "sin({0})", np.sin, lambda out, x: apply("cos", x), cost=10.0)
cos = pointwise("cos", "cos({0})", np.cos, lambda out, x: -apply("sin", x), cost=10.0)
