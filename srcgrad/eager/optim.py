"""Optimisers in PyTorch's manner: objects that hold parameters and step by the update rules of `srcgrad.optim`.

>>> import srcgrad.eager as torch
>>> x = torch.tensor([2.0], requires_grad=True)
>>> optimizer = SGD([x], lr=0.25)
>>> (x * x).sum().backward()
>>> optimizer.step()
>>> x
tensor([1.], requires_grad=True)
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from srcgrad import optim as rules
from srcgrad.eager.tensors.modes import enable_grad, no_grad
from srcgrad.eager.tensors.tensor import Tensor, version_of, wrap
from srcgrad.optim.adaptive import AdamState

Array = np.ndarray[Any, Any]
State = dict[str, Any]


class Optimizer:
    """Base class: groups of parameters with options, and a state for each parameter.

    A subclass says in `move` what becomes of one parameter.
    """

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + params.type()
            )
        self.defaults = defaults
        self.state: defaultdict[Tensor, State] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters, with options of their own."""
        params = param_group["params"]
        params = (
            [params] if isinstance(params, Tensor) else [one[1] if isinstance(one, tuple) else one for one in params]
        )
        for param in params:
            if not isinstance(param, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(param).__name__}")
            if not param.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
        known = {id(param) for group in self.param_groups for param in group["params"]}
        if any(id(param) in known for param in params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append({**self.defaults, **param_group, "params": params})

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to zero."""
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    param.grad = None if set_to_none else param.grad.detach().zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient; the closure computes the loss, and gradients, first."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                for param in group["params"]:
                    if param.grad is not None:
                        self._step_one(param, group)
        return loss

    def _step_one(self, param: Tensor, group: dict[str, Any]) -> None:
        array, grad = param._array, param.grad._array
        if group["maximize"]:
            grad = -grad
        if group["weight_decay"] and not group.get("decoupled_weight_decay", False):
            grad = grad + group["weight_decay"] * array
        state = self.state.get(param, {})
        array[...] = self.move(array, grad, state, group)
        if state:
            self.state[param] = state
        version_of(param).count += 1

    def move(self, param: Array, grad: Array, state: State, group: dict[str, Any]) -> Array:
        """The new value of a parameter; changes its state."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """The options, and the states by the parameters' numbers."""
        numbers = {id(param): k for k, param in enumerate(self._params())}
        packed = [
            {
                **{key: value for key, value in group.items() if key != "params"},
                "params": [numbers[id(p)] for p in group["params"]],
            }
            for group in self.param_groups
        ]
        return {
            "state": {numbers[id(param)]: dict(state) for param, state in self.state.items()},
            "param_groups": packed,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over options and states; raises ValueError where the groups differ."""
        saved = copy.deepcopy(state_dict)
        sizes = [len(group["params"]) for group in self.param_groups]
        if len(saved["param_groups"]) != len(sizes):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if [len(group["params"]) for group in saved["param_groups"]] != sizes:
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        for group, old in zip(self.param_groups, saved["param_groups"], strict=True):
            group.update({key: value for key, value in old.items() if key != "params"})
        params = list(self._params())
        self.state = defaultdict(dict, {params[int(number)]: state for number, state in saved["state"].items()})

    def _params(self) -> Iterable[Tensor]:
        return (param for group in self.param_groups for param in group["params"])

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def _check(**values: float) -> None:
    for name, value in values.items():
        if value < 0:
            raise ValueError(f"Invalid {name.replace('_', ' ')}: {value}")


class SGD(Optimizer):
    """Gradient descent, with momentum if asked for."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        _check(learning_rate=lr, momentum_value=momentum, weight_decay_value=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        options = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        super().__init__(params, {**options, "nesterov": nesterov, "maximize": maximize})

    def move(self, param: Array, grad: Array, state: State, group: dict[str, Any]) -> Array:
        if not group["momentum"]:
            return rules.sgd(group["lr"]).update(grad, (), param)[0]  # type: ignore[no-any-return]
        rule = rules.momentum(group["lr"], group["momentum"], group["nesterov"])
        velocity = state.get("momentum_buffer")
        if velocity is not None:
            grad = grad * param.dtype.type(1 - group["dampening"])
        moved, new = rule.update(grad, rule.init(param) if velocity is None else velocity._array, param)
        state["momentum_buffer"] = wrap(np.asarray(new))
        return moved  # type: ignore[no-any-return]


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015)."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        _check(learning_rate=lr, epsilon_value=eps, weight_decay_value=weight_decay)
        for number, beta in enumerate(betas):
            if not 0 <= beta < 1:
                raise ValueError(f"Invalid beta parameter at index {number}: {beta}")
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, {**options, "decoupled_weight_decay": decoupled_weight_decay})

    def move(self, param: Array, grad: Array, state: State, group: dict[str, Any]) -> Array:
        (beta1, beta2), decay = group["betas"], group["weight_decay"]
        if group["decoupled_weight_decay"] and decay:
            rule = rules.adamw(group["lr"], beta1, beta2, group["eps"], decay)
        else:
            rule = rules.adam(group["lr"], beta1, beta2, group["eps"])
        if not state:
            state.update(
                step=wrap(np.zeros((), np.float32)),
                exp_avg=wrap(np.zeros_like(param)),
                exp_avg_sq=wrap(np.zeros_like(param)),
            )
        count = np.int64(state["step"]._array)
        known = AdamState(count, state["exp_avg"]._array, state["exp_avg_sq"]._array)
        moved, new = rule.update(grad, known, param)
        state.update(
            step=wrap(np.asarray(new.count, np.float32)),
            exp_avg=wrap(np.asarray(new.mean)),
            exp_avg_sq=wrap(np.asarray(new.square)),
        )
        return moved  # type: ignore[no-any-return]


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, maximize=maximize, decoupled_weight_decay=True)


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton 2012)."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        _check(learning_rate=lr, epsilon_value=eps, weight_decay_value=weight_decay)
        super().__init__(
            params, {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        )

    def move(self, param: Array, grad: Array, state: State, group: dict[str, Any]) -> Array:
        rule = rules.rmsprop(group["lr"], group["alpha"], group["eps"])
        square = state["square_avg"]._array if state else rule.init(param)
        moved, new = rule.update(grad, square, param)
        state.update(
            step=wrap(np.asarray(state["step"]._array + 1 if state else 1, np.float32)),
            square_avg=wrap(np.asarray(new)),
        )
        return moved  # type: ignore[no-any-return]
