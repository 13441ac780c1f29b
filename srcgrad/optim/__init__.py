"""Update rules over pytrees: plain arithmetic, usable on arrays, in compiled loops, and on eager tensors.

A rule has ``init(params) -> state`` and ``update(grads, state, params) -> (params, state)``.
Nothing is written in place.
"""

from srcgrad.optim.adaptive import adam, adamw, rmsprop
from srcgrad.optim.descent import momentum, sgd

__all__ = ["adam", "adamw", "momentum", "rmsprop", "sgd"]
