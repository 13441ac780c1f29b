"""Gradient descent, plain and with momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from srcgrad.core import tree
from srcgrad.optim.leaves import in_dtype_of, stepped, unzip_map, zeros_like


@dataclass(frozen=True)
class Sgd:
    """See `sgd`."""

    learning_rate: Any

    def init(self, params: Any) -> tuple[()]:
        return ()

    def update(self, grads: Any, state: tuple[()], params: Any) -> tuple[Any, tuple[()]]:
        return tree.map(lambda p, g: stepped(p, self.learning_rate * g), params, grads), state


@dataclass(frozen=True)
class Momentum:
    """See `momentum`. Its state is the velocity, a pytree like the parameters."""

    learning_rate: Any
    decay: Any = 0.9
    nesterov: bool = False

    def init(self, params: Any) -> Any:
        return zeros_like(params)

    def update(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        def move(param: Any, grad: Any, velocity: Any) -> tuple[Any, Any]:
            velocity = in_dtype_of(param, self.decay * velocity + grad)
            direction = self.decay * velocity + grad if self.nesterov else velocity
            return stepped(param, self.learning_rate * direction), velocity

        params, velocities = unzip_map(2, move, params, grads, state)
        return params, velocities


def sgd(learning_rate: Any) -> Sgd:
    """``p - learning_rate * g``.

    >>> rule = sgd(0.5)
    >>> rule.update({"w": 2.0}, rule.init({"w": 1.0}), {"w": 1.0})
    ({'w': 0.0}, ())
    """
    return Sgd(learning_rate)


def momentum(learning_rate: Any, decay: Any = 0.9, nesterov: bool = False) -> Momentum:
    """Heavy ball: ``v = decay * v + g``, then ``p - learning_rate * v``; ``nesterov`` steps by ``decay * v + g``.

    The form of Sutskever et al. 2013 that PyTorch uses: the learning rate multiplies the velocity.
    """
    return Momentum(learning_rate, decay, nesterov)
