"""Layers, losses and optimisers: modules of tensors, and the plain functions behind them on every face."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
import srcgrad.eager as torch
from srcgrad import nn as functions

nn, F = torch.nn, torch.nn.functional


def numbers(value):
    return np.array(value.detach().tolist())


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4)
        self.rest = nn.Sequential(nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2))
        self.scale = nn.Parameter(torch.ones(2))
        self.register_buffer("shift", torch.zeros(2))

    def forward(self, x):
        return self.rest(self.norm(self.first(x))) * self.scale + self.shift


def test_modules_know_what_is_theirs() -> None:
    net = Net()
    assert [name for name, _ in net.named_parameters()] == [
        *("scale", "first.weight", "first.bias", "norm.weight", "norm.bias", "rest.2.weight", "rest.2.bias")
    ]
    assert set(net.state_dict()) - {name for name, _ in net.named_parameters()} == {
        *("shift", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked")
    }
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in net.parameters())
    assert [type(module).__name__ for module in net.rest] == ["ReLU", "Dropout", "Linear"]
    assert repr(net).splitlines()[1] == "  (first): Linear(in_features=3, out_features=4, bias=True)"
    net.eval()
    assert not net.rest[1].training
    with pytest.raises(TypeError, match="cannot assign 'Tensor' as parameter 'scale'"):
        net.scale = torch.ones(2)
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'scales'"):
        net.scales  # noqa: B018


def test_states_are_saved_and_loaded() -> None:
    net, other = Net(), Net()
    assert repr(other.load_state_dict(net.state_dict())) == "<All keys matched successfully>"
    net.eval()
    other.eval()
    x = torch.randn(5, 3)
    np.testing.assert_array_equal(numbers(net(x)), numbers(other(x)))
    with pytest.raises(
        RuntimeError, match=r'(?s)Missing key.*"shift".*Unexpected key.*"wrong".*size mismatch for scale'
    ):
        net.load_state_dict({"wrong": torch.ones(1), "scale": torch.ones(3)})
    twin = copy.deepcopy(net)
    twin.scale.data.zero_()
    assert numbers(net.scale).tolist() == [1, 1]


def test_dropout_keeps_the_mean_in_training_and_all_after() -> None:
    torch.manual_seed(0)
    layer, x = nn.Dropout(0.25), torch.ones(100, 100, requires_grad=True)
    out = layer(x)
    assert set(np.unique(numbers(out))) == {0.0, np.float32(1 / 0.75)}
    assert numbers(out).mean() == pytest.approx(1, abs=0.02)
    out.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), out.detach().numpy())
    assert layer.eval()(x) is x


def test_embedding_skips_its_padding() -> None:
    layer = nn.Embedding(5, 3, padding_idx=0)
    layer(torch.tensor([[0, 1], [1, 4]])).sum().backward()
    assert layer.weight.grad.tolist() == [[0, 0, 0], [2, 2, 2], [0, 0, 0], [0, 0, 0], [1, 1, 1]]
    with pytest.raises(IndexError, match="index out of range"):
        layer(torch.tensor([5]))


def test_hooks_of_modules() -> None:
    seen: list[Any] = []
    layer = nn.Linear(2, 1)
    layer.register_forward_pre_hook(lambda module, args: seen.append("before"))
    layer.register_forward_hook(lambda module, args, out: seen.append(tuple(out.shape)))
    handle = layer.register_full_backward_hook(lambda module, ins, outs: seen.append(tuple(ins[0].shape)))
    layer(torch.ones(3, 2, requires_grad=True)).sum().backward()
    assert seen == ["before", (3, 1), (3, 2)]
    handle.remove()
    doubled = layer.register_forward_hook(lambda module, args, out: out * 2)
    plain = F.linear(torch.ones(2), layer.weight, layer.bias)
    np.testing.assert_allclose(numbers(layer(torch.ones(2))), 2 * numbers(plain))
    doubled.remove()


LOSSES = {
    "mse_loss": lambda m, x, y: m.mse_loss(x, y),
    "l1_loss": lambda m, x, y: m.l1_loss(x, y),
    "smooth_l1_loss": lambda m, x, y: m.smooth_l1_loss(x, y),
    "huber_loss": lambda m, x, y: m.huber_loss(x, y, delta=0.5),
    "binary_cross_entropy": lambda m, x, y: m.binary_cross_entropy(m.sigmoid(x), y),
    "binary_cross_entropy_with_logits": lambda m, x, y: m.binary_cross_entropy_with_logits(x, y),
    "kl_div": lambda m, x, y: m.kl_div(m.log_softmax(x, 1), y),
    "cross_entropy": lambda m, x, y: m.cross_entropy(x, y),
    "gelu": lambda m, x, y: (m.gelu(x) * y).sum(),
    "silu": lambda m, x, y: (m.silu(x) * y).sum(),
    "elu": lambda m, x, y: (m.elu(x) * y).sum(),
    "leaky_relu": lambda m, x, y: (m.leaky_relu(x) * y).sum(),
    "softplus": lambda m, x, y: (m.softplus(x) * y).sum(),
    "softmax": lambda m, x, y: (m.softmax(x, 1) * y).sum(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_functions_are_the_same_on_every_face(name: str) -> None:
    """NumPy arrays, eager tensors by the plain functions and by PyTorch's, and a recorded program."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 5)), rng.uniform(0.1, 0.9, (4, 5))
    loss = LOSSES[name]
    expected = float(loss(functions, x, y))
    tensors = [torch.tensor(x, requires_grad=True) for _ in range(2)]
    for module, tensor in zip((functions, F), tensors, strict=True):
        value = loss(module, tensor, torch.tensor(y))
        assert value.item() == pytest.approx(expected)
        value.backward()
    value, pullback = sg.vjp(lambda x: loss(functions, x, y), x)
    assert value == pytest.approx(expected)
    (gradient,) = pullback(np.float64(1))
    for tensor in tensors:
        np.testing.assert_allclose(tensor.grad.numpy(), gradient, 1e-6, 1e-9)


def test_layers_as_functions_train_in_a_compiled_loop() -> None:
    rng = np.random.default_rng(0)
    params = {"hidden": functions.init_linear(rng, 2, 8), "norm": functions.init_layer_norm(8)}
    params["out"] = functions.init_linear(rng, 8, 1)
    x = rng.normal(size=(64, 2)).astype(np.float32)
    y = (x[:, :1] * x[:, 1:]).astype(np.float32)
    rule = sg.optim.adam(1e-2)

    def loss(params):
        hidden = functions.layer_norm(params["norm"], functions.tanh(functions.linear(params["hidden"], x)))
        return functions.mse_loss(functions.linear(params["out"], hidden), y)

    @sg.jit
    def train(params, state):
        for _ in range(200):
            params, state = rule.update(sg.grad(loss)(params), state, params)
        return params, loss(params)

    _, last = train(params, rule.init(params))
    assert last < 0.2 * loss(params)


OPTIMISERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.1),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.1),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.05),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_optimisers_descend_and_go_on_from_a_state(name: str) -> None:
    def steps(optimizer, x, count):
        for _ in range(count):
            optimizer.zero_grad()
            ((x - torch.tensor([1.0, -2.0])) ** 2).sum().backward()
            optimizer.step()

    x = torch.zeros(2, requires_grad=True)
    optimizer = OPTIMISERS[name]([x])
    steps(optimizer, x, 200)
    np.testing.assert_allclose(numbers(x), [1, -2], atol=0.1)

    y, z = torch.zeros(2, requires_grad=True), torch.zeros(2, requires_grad=True)
    straight, first = OPTIMISERS[name]([y]), OPTIMISERS[name]([z])
    steps(straight, y, 6)
    steps(first, z, 3)
    second = OPTIMISERS[name]([z])
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    steps(second, z, 3)
    np.testing.assert_array_equal(numbers(y), numbers(z))


def test_options_of_groups_and_closures() -> None:
    x, y = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    optimizer = torch.optim.SGD([{"params": [x], "lr": 0.5}, {"params": y}], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (x + y).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2
    assert (x.item(), y.item()) == (0.5, 0.75)
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
        torch.optim.SGD([x * 2])


def test_clipping() -> None:
    x = torch.ones(4, requires_grad=True)
    (3 * x).sum().backward()
    assert nn.utils.clip_grad_norm_([x], 1.0).item() == pytest.approx(6)
    np.testing.assert_allclose(x.grad.numpy(), 0.5, 1e-5)
    vector = nn.utils.parameters_to_vector([x, x])
    assert vector.shape == (8,)


# where PyTorch is installed


@pytest.fixture
def theirs():
    return pytest.importorskip("torch")


def test_a_network_trains_as_in_pytorch(theirs) -> None:
    def build(torch):
        layers = torch.nn
        net = layers.Sequential(layers.Linear(3, 8), layers.GELU(), layers.LayerNorm(8), layers.Linear(8, 4))
        net.load_state_dict(
            {
                name: torch.tensor(np.cos(np.arange(value.numel()))).reshape(value.shape).to(value.dtype)
                for name, value in net.state_dict().items()
            }
        )
        return net

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 3)).astype(np.float32), rng.integers(0, 4, 16)
    found = []
    for module in (torch, theirs):
        net = build(module)
        optimizer = module.optim.AdamW(net.parameters(), lr=1e-2)
        losses = []
        for _ in range(20):
            optimizer.zero_grad()
            loss = module.nn.functional.cross_entropy(net(module.tensor(x)), module.tensor(y), label_smoothing=0.1)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        found.append(losses)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)
    assert found[0][-1] < 0.8 * found[0][0]


ACTIVATIONS = (
    """relu leaky_relu elu selu gelu silu mish softplus hardtanh relu6 softsign tanhshrink sigmoid tanh logsigmoid"""
)
CALLS: dict[str, Any] = {
    **{name: lambda F, x, y, name=name: getattr(F, name)(x) for name in ACTIVATIONS.split()},
    "weighted": lambda F, x, y: F.cross_entropy(x, y["classes"], weight=y["weights"]),
    "ignored": lambda F, x, y: F.cross_entropy(x, y["classes"], ignore_index=2, label_smoothing=0.2),
    "ignored_each": lambda F, x, y: F.cross_entropy(x, y["classes"], ignore_index=2, reduction="none"),
    "probabilities": lambda F, x, y: F.cross_entropy(x, y["chances"], weight=y["weights"], label_smoothing=0.1),
    "more_dimensions": lambda F, x, y: F.cross_entropy(x.reshape(2, 5, 2), y["classes"].reshape(2, 2)),
    "nll": lambda F, x, y: F.nll_loss(F.log_softmax(x, 1), y["classes"], reduction="sum"),
    "logits": lambda F, x, y: F.binary_cross_entropy_with_logits(x, y["chances"], pos_weight=y["weights"]),
    "divergence": lambda F, x, y: F.kl_div(F.log_softmax(x, 1), y["chances"], reduction="batchmean"),
    "layer_norm": lambda F, x, y: F.layer_norm(x, (4, 5)),
    "normalize": lambda F, x, y: F.normalize(x),
    "cosine": lambda F, x, y: F.cosine_similarity(x, y["chances"]),
}


@pytest.mark.parametrize("name", CALLS)
def test_functions_are_pytorchs(theirs, name: str) -> None:
    rng = np.random.default_rng(0)
    x, chances = rng.normal(size=(4, 5)), rng.dirichlet(np.ones(5), 4)
    results = []
    for module in (torch, theirs):
        leaf = module.tensor(x, requires_grad=True)
        data = {"classes": np.array([0, 4, 2, 2]), "chances": chances, "weights": np.arange(1.0, 6)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = CALLS[name](module.nn.functional, leaf, {key: module.tensor(part) for key, part in data.items()})
        weights = module.tensor(np.cos(np.arange(value.numel()))).reshape(value.shape)
        (gradient,) = module.autograd.grad((value * weights).sum(), leaf, create_graph=True)
        second = gradient * 0
        if gradient.requires_grad and name not in ("relu", "relu6", "hardtanh", "leaky_relu"):
            (second,) = module.autograd.grad((gradient * gradient).sum(), leaf)
        results.append([numbers(part) for part in (value, gradient, second)])
    for mine, other in zip(*results, strict=True):
        np.testing.assert_allclose(mine, other, 1e-6, 1e-9)
