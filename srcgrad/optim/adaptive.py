"""Rules that scale each coordinate by what its gradients have been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from srcgrad.core.op import apply
from srcgrad.optim.leaves import in_dtype_of, stepped, unzip_map, zeros_like


class AdamState(NamedTuple):
    """The number of steps taken, and running means of the gradient and of its square."""

    count: Any
    mean: Any
    square: Any


@dataclass(frozen=True)
class Adam:
    """See `adam` and `adamw`."""

    learning_rate: Any
    beta1: Any
    beta2: Any
    epsilon: Any
    weight_decay: Any

    def init(self, params: Any) -> AdamState:
        return AdamState(np.int64(0), zeros_like(params), zeros_like(params))

    def update(self, grads: Any, state: AdamState, params: Any) -> tuple[Any, AdamState]:
        count = state.count + 1

        def move(param: Any, grad: Any, mean: Any, square: Any) -> tuple[Any, Any, Any]:
            mean = in_dtype_of(param, self.beta1 * mean + (1 - self.beta1) * grad)
            square = in_dtype_of(param, self.beta2 * square + (1 - self.beta2) * (grad * grad))
            steps = in_dtype_of(param, count)
            correction1, correction2 = 1 - self.beta1**steps, 1 - self.beta2**steps
            direction = (mean / correction1) / (apply("sqrt", square / correction2) + self.epsilon)
            if self.weight_decay is not None:
                direction = direction + self.weight_decay * param
            return stepped(param, self.learning_rate * direction), mean, square

        params, mean, square = unzip_map(3, move, params, grads, state.mean, state.square)
        return params, AdamState(count, mean, square)


@dataclass(frozen=True)
class Rmsprop:
    """See `rmsprop`. Its state is the running mean of the squared gradient."""

    learning_rate: Any
    decay: Any
    epsilon: Any

    def init(self, params: Any) -> Any:
        return zeros_like(params)

    def update(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        def move(param: Any, grad: Any, square: Any) -> tuple[Any, Any]:
            square = in_dtype_of(param, self.decay * square + (1 - self.decay) * (grad * grad))
            return stepped(param, self.learning_rate * grad / (apply("sqrt", square) + self.epsilon)), square

        params, squares = unzip_map(2, move, params, grads, state)
        return params, squares


def adam(learning_rate: Any = 1e-3, beta1: Any = 0.9, beta2: Any = 0.999, epsilon: Any = 1e-8) -> Adam:
    """Adam (Kingma and Ba 2015, algorithm 1)."""
    return Adam(learning_rate, beta1, beta2, epsilon, None)


def adamw(
    learning_rate: Any = 1e-3, beta1: Any = 0.9, beta2: Any = 0.999, epsilon: Any = 1e-8, weight_decay: Any = 1e-2
) -> Adam:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019): the decay is not scaled by the gradients."""
    return Adam(learning_rate, beta1, beta2, epsilon, weight_decay)


def rmsprop(learning_rate: Any = 1e-2, decay: Any = 0.99, epsilon: Any = 1e-8) -> Rmsprop:
    """RMSprop (Tieleman and Hinton 2012), with PyTorch's defaults."""
    return Rmsprop(learning_rate, decay, epsilon)
