"""Layers as modules: parameters, and a function of ``functional``."""

from __future__ import annotations

import math
import re
from typing import Any

from srcgrad.eager.functions import linear, shaping
from srcgrad.eager.making import creation
from srcgrad.eager.nn import functional, init
from srcgrad.eager.nn.module import Module
from srcgrad.eager.nn.parameter import Parameter


class Identity(Module):
    """The input itself; arguments are taken and ignored."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input


class Linear(Module):
    """``input @ weight.T + bias``"""

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(creation.empty(out_features, in_features, dtype=dtype))
        self.register_parameter("bias", Parameter(creation.empty(out_features, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Any) -> Any:
        return linear.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """``x1 @ weight[k] @ x2 + bias[k]``"""

    weight: Parameter
    bias: Parameter | None

    def __init__(self, in1_features: int, in2_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        bound = 1 / math.sqrt(in1_features)
        self.weight = Parameter(creation.empty(out_features, in1_features, in2_features))
        self.register_parameter("bias", Parameter(creation.empty(out_features)) if bias else None)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, input1: Any, input2: Any) -> Any:
        return functional.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        sizes = f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}"


class Embedding(Module):
    """A row of the weight for each integer."""

    weight: Parameter

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = padding_idx if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter(creation.empty(num_embeddings, embedding_dim))
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight._array[self.padding_idx] = 0

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None) -> Embedding:
        """On a given weight."""
        made = cls(embeddings.shape[0], embeddings.shape[1], padding_idx)
        made.weight = Parameter(embeddings, requires_grad=not freeze)
        return made

    def forward(self, input: Any) -> Any:
        return functional.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class Dropout(Module):
    """Zero with probability p in training."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def forward(self, input: Any) -> Any:
        return functional.dropout(input, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class LayerNorm(Module):
    """Mean 0 and variance 1 over the last dimensions."""

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True
    ) -> None:
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        shape = self.normalized_shape
        self.register_parameter("weight", Parameter(creation.ones(shape)) if elementwise_affine else None)
        self.register_parameter("bias", Parameter(creation.zeros(shape)) if elementwise_affine and bias else None)

    def forward(self, input: Any) -> Any:
        return functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        affine = f"elementwise_affine={self.elementwise_affine}"
        return f"{self.normalized_shape}, eps={self.eps}, {affine}, bias={self.bias is not None}"


class BatchNorm1d(Module):
    """Mean 0 and variance 1 of each feature, over the batch in training, else by running estimates."""

    running_mean: Any
    running_var: Any
    num_batches_tracked: Any
    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.register_parameter("weight", Parameter(creation.ones(num_features)) if affine else None)
        self.register_parameter("bias", Parameter(creation.zeros(num_features)) if affine else None)
        self.register_buffer("running_mean", creation.zeros(num_features) if track_running_stats else None)
        self.register_buffer("running_var", creation.ones(num_features) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", creation.tensor(0) if track_running_stats else None)

    def forward(self, input: Any) -> Any:
        if len(input.shape) not in (2, 3):
            raise ValueError(f"expected 2D or 3D input (got {len(input.shape)}D input)")
        use_batch = self.training or self.running_mean is None
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        mean, var = (self.running_mean, self.running_var) if not use_batch or self.training else (None, None)
        return functional.batch_norm(input, mean, var, self.weight, self.bias, use_batch, self.momentum, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class Flatten(Module):
    """Some dimensions as one."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Any) -> Any:
        return shaping.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One dimension as several."""

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input: Any) -> Any:
        return shaping.unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


# Activations and losses: functions with their options

#: ``Module(options) = function shown options  # what it does``
_TABLE = """
ReLU(inplace=False) = relu  # The value where it is positive, else 0.
ReLU6(inplace=False) = relu6  # Clamped to 0 .. 6.
Tanh() = tanh  # The hyperbolic tangent.
Sigmoid() = sigmoid  # ``1 / (1 + exp(-x))``
LogSigmoid() = logsigmoid  # The logarithm of the sigmoid.
LeakyReLU(negative_slope=0.01, inplace=False) = leaky_relu negative_slope  # A fraction of what is negative.
ELU(alpha=1.0, inplace=False) = elu alpha  # Exponential where it is negative.
SELU(inplace=False) = selu  # Scaled `ELU`.
GELU(approximate="none") = gelu approximate  # Times the normal distribution function.
SiLU(inplace=False) = silu  # ``x * sigmoid(x)``
Mish(inplace=False) = mish  # ``x * tanh(softplus(x))``
Softplus(beta=1.0, threshold=20.0) = softplus beta threshold  # A smooth `ReLU`.
Softsign() = softsign  # ``x / (1 + |x|)``
Tanhshrink() = tanhshrink  # ``x - tanh(x)``
Hardtanh(min_val=-1.0, max_val=1.0) = hardtanh min_val max_val  # Clamped to a range.
Softmax(dim=None) = softmax dim  # Exponentials over their sum.
LogSoftmax(dim=None) = log_softmax dim  # The logarithm of `Softmax`.
MSELoss(reduction="mean") = mse_loss  # The squared difference.
L1Loss(reduction="mean") = l1_loss  # The absolute difference.
SmoothL1Loss(reduction="mean", beta=1.0) = smooth_l1_loss  # Quadratic, then linear.
HuberLoss(reduction="mean", delta=1.0) = huber_loss  # Quadratic, then linear.
NLLLoss(weight=None, ignore_index=-100, reduction="mean") = nll_loss  # Minus the score of the class.
CrossEntropyLoss(weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0) = cross_entropy  # Of scores.
BCELoss(weight=None, reduction="mean") = binary_cross_entropy  # Cross entropy of probabilities.
BCEWithLogitsLoss(weight=None, reduction="mean", pos_weight=None) = binary_cross_entropy_with_logits  # Of the sigmoid.
KLDivLoss(reduction="mean", log_target=False) = kl_div  # The divergence of distributions.
"""


def _module(name: str, function: Any, options: dict[str, Any], shown: list[str], doc: str) -> type[Module]:
    """A module that calls a function with the options that it was made with."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        Module.__init__(self)
        given = dict(zip(options, args, strict=False))
        unknown = [key for key in kwargs if key not in options]
        if unknown or len(args) > len(options):
            raise TypeError(
                f"{name}.__init__() got an unexpected argument {unknown or args!r}; it takes {list(options)}"
            )
        for key, value in {**options, **given, **kwargs}.items():
            if key == "weight" and value is not None:
                self.register_buffer(key, value)
            else:
                setattr(self, key, value)

    def forward(self: Any, *inputs: Any) -> Any:
        return function(*inputs, **{key: getattr(self, key) for key in options if key != "inplace"})

    def extra_repr(self: Any) -> str:
        return ", ".join(f"{key}={getattr(self, key)!r}" for key in shown)

    members = {"__init__": __init__, "forward": forward, "extra_repr": extra_repr, "__doc__": doc}
    return type(name, (Module,), {**members, "__module__": __name__})


def _modules() -> dict[str, type[Module]]:
    found = {}
    for line in filter(None, _TABLE.split("\n")):
        match = re.fullmatch(r"(\w+)\((.*?)\) = (\w+) ?(.*?)  # (.*)", line)
        assert match is not None, line
        name, options, function, shown, doc = match.groups()
        found[name] = _module(name, getattr(functional, function), eval(f"dict({options})"), shown.split(), doc)
    return found


globals().update(_modules())
__all__ = sorted(  # noqa: PLE0605
    name for name, value in globals().items() if isinstance(value, type) and issubclass(value, Module)
)
