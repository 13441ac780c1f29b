"""Whole programs in the define-by-run face, with values worked out beforehand."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import srcgrad.eager as torch

T_C = [0.5, 14, 15, 28, 11, 8, 3, -4, 6, 13, 21]
T_U = [35.7, 55.9, 58.2, 81.9, 56.3, 48.9, 33.9, 21.8, 48.4, 60.4, 68.4]


def close(tensor, expected, tolerance=1e-5):
    np.testing.assert_allclose(np.array(tensor.tolist()), np.broadcast_to(expected, tuple(tensor.shape)), tolerance)


def test_recording_and_backward() -> None:
    x = torch.ones(2, 2, requires_grad=True)
    y = x.mean()
    assert re.fullmatch(r"<MeanBackward0 object at 0x[0-9a-f]+>", repr(y.grad_fn))
    y.backward()
    close(x.grad, 0.25)


def test_who_requires_a_gradient() -> None:
    x, plain = torch.ones(2, requires_grad=True), torch.ones(2)
    assert x.is_leaf
    assert x.grad_fn is None
    assert plain.is_leaf
    assert not plain.requires_grad
    y = x + plain
    assert y.requires_grad
    assert not y.is_leaf
    assert not (plain * 2).requires_grad
    assert plain.requires_grad_() is plain
    assert plain.requires_grad
    assert plain.requires_grad_(False).requires_grad is False


def test_the_graph_can_be_looked_at() -> None:
    x1, x2 = torch.ones(2, 2, requires_grad=True), torch.tensor(1.1, requires_grad=True)
    y = x1 * (x2 + 2)
    z = y.pow(2) * 3
    out = z.mean()
    y.retain_grad()
    z.retain_grad()

    names, node = [], out.grad_fn
    for _ in range(4):
        names.append(type(node).__name__)
        (node, number), *rest = node.next_functions
        assert number == 0
    assert names == ["MeanBackward0", "MulBackward0", "PowBackward0", "MulBackward0"]
    assert node.variable is x1
    (sum_node, _) = rest[0]
    assert type(sum_node).__name__ == "AddBackward0"
    assert sum_node.next_functions[0][0].variable is x2
    assert sum_node.next_functions[1] == (None, 0)

    out.backward()
    close(z.grad, 0.25)
    close(y.grad, 4.65)
    close(x2.grad, 18.6)
    close(x1.grad, 14.415)


def test_a_quadratic() -> None:
    x1, x2 = torch.tensor(2.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    x3, x4 = x1.square(), x2.square()
    x5, x6 = x3 * 0.2, x4 * 0.2
    x7 = x5 + x6 - 5
    assert repr(x7) == "tensor(-3.4000, grad_fn=<SubBackward0>)"
    assert x3.grad_fn.name() == "PowBackward0"
    for kept in (x3, x4, x5, x6):
        kept.retain_grad()
    x7.backward()
    found = [float(x.grad) for x in (x1, x2, x3, x4, x5, x6)]
    np.testing.assert_allclose(found, [0.8, 0.8, 0.2, 0.2, 1.0, 1.0], 1e-6)


def test_gradient_of_a_result_is_not_kept() -> None:
    y = torch.tensor(2.0, requires_grad=True) * 2
    y.backward()
    with pytest.warns(UserWarning, match="not a leaf Tensor.*use .retain_grad"):
        assert y.grad is None


def test_steepest_descent_on_the_quadratic() -> None:
    x = torch.tensor([2.0, 2.0], requires_grad=True)
    for _ in range(60):
        value = (x.square() * 0.2).sum() - 5
        x.grad = None
        value.backward()
        with torch.no_grad():
            x -= 0.5 * x.grad
    close(x.detach() + 1, 1.0)
    assert float(value) == pytest.approx(-5)


def test_a_polynomial() -> None:
    x = torch.ones(2, 2, requires_grad=True)
    ((x + 2) * (x + 2) * 3).mean().backward()
    close(x.grad, 4.5)


def test_control_flow_and_an_external_gradient() -> None:
    torch.manual_seed(1)
    x = torch.randn(3, requires_grad=True)
    y = x * 2
    while y.data.norm() < 1000:
        y = y * 2
    y.backward(torch.tensor([0.1, 1.0, 0.0001]))
    factor = float((y / x)[0])
    assert np.log2(factor) == round(np.log2(factor))
    close(x.grad, np.array([0.1, 1.0, 0.0001]) * factor)


def test_modes() -> None:
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        assert not (x * 2).requires_grad
        with torch.enable_grad():
            assert (x * 2).requires_grad

    @torch.no_grad()
    def double(x):
        return x * 2

    assert not double(x).requires_grad
    assert (x * 2).requires_grad
    torch.set_grad_enabled(False)
    assert not (x * 2).requires_grad
    torch.set_grad_enabled(True)
    with torch.set_grad_enabled(False):
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
    with torch.inference_mode():
        assert (x * 2).is_inference()
    y = x.detach()
    assert not y.requires_grad
    assert y.data_ptr() == x.data_ptr()
    assert repr(x.eq(y).all()) == "tensor(True)"
    loss = (x * 3).sum()
    loss.backward(torch.tensor(1.0))
    close(x.grad, 3.0)


def train_small_network(epochs=200):
    torch.manual_seed(0)
    d_in, d_out, n, d_hidden, learning_rate = 3, 1, 100, 32, 1e-4
    x = torch.randn(n, d_in)
    y = x[:, 0, None] * 0.2 - x[:, 1, None] * 1.3 - x[:, 2, None] * 0.5 + torch.randn(n, 1)
    w1, w2 = torch.randn(d_in, d_hidden, requires_grad=True), torch.randn(d_hidden, d_out, requires_grad=True)
    b1, b2 = torch.zeros(1, d_hidden, requires_grad=True), torch.zeros(1, d_out, requires_grad=True)
    losses = []
    for _ in range(epochs):
        y_pred = x.mm(w1).add(b1).clamp(min=0).mm(w2).add(b2)
        loss = (y_pred - y).pow(2).sum()
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            w1 -= learning_rate * w1.grad
            w2.sub_(learning_rate * w2.grad)
            for parameter in (b1, b2):
                parameter -= learning_rate * parameter.grad
            for parameter in (w1, w2, b1, b2):
                parameter.grad.zero_()
    return losses, (x, y, w1, b1, w2, b2)


def test_the_small_network_learns() -> None:
    losses, (x, y, w1, b1, w2, b2) = train_small_network()
    assert losses[-1] < 0.02 * losses[0]
    assert losses[-1] < 130
    assert w1.is_leaf
    assert w1.grad_fn is None
    h = np.maximum(x.numpy() @ w1.detach().numpy() + b1.detach().numpy(), 0)
    difference = h @ w2.detach().numpy() + b2.detach().numpy() - y.numpy()
    (x.mm(w1).add(b1).clamp(min=0).mm(w2).add(b2) - y).pow(2).sum().backward()
    close(w2.grad, h.T @ (2 * difference), 1e-3)


def test_gradients_accumulate_until_they_are_zeroed() -> None:
    x = torch.ones(2, requires_grad=True)
    for count in (1, 2, 3):
        (2 * x).sum().backward()
        close(x.grad, 2.0 * count)
    x.grad.zero_()
    close(x.grad + 1, 1.0)


def model(t_u, w, b):
    return w * t_u + b


def loss_fn(t_p, t_c):
    return ((t_p - t_c) ** 2).mean()


def test_first_gradient_of_the_thermometer() -> None:
    params = torch.tensor([1.0, 0.0], requires_grad=True)
    loss_fn(model(torch.tensor(T_U), *params), torch.tensor(T_C)).backward()
    assert repr(params.grad) == "tensor([4517.2969,   82.6000])"


def test_the_thermometer() -> None:
    t_c, t_un = torch.tensor(T_C), 0.1 * torch.tensor(T_U)
    params = torch.tensor([1.0, 0.0], requires_grad=True)
    seen = {}
    for epoch in range(1, 5001):
        if params.grad is not None:
            params.grad.zero_()
        loss = loss_fn(model(t_un, *params), t_c)
        loss.backward()
        with torch.no_grad():
            params -= 1e-2 * params.grad
        if epoch in (500, 1000, 2000, 5000):
            seen[epoch] = params.grad.tolist(), loss.item()
    for epoch, (gradient, value) in {
        500: ([-0.2252, 1.2748], 7.860116),
        1000: ([-0.0962, 0.5448], 3.828538),
        2000: ([-0.0175, 0.0995], 2.957697),
        5000: ([-9.75e-05, 6.13e-04], 2.927647),
    }.items():
        np.testing.assert_allclose(seen[epoch][0], gradient, 0.02, 1e-4)
        assert seen[epoch][1] == pytest.approx(value, rel=1e-6)
    assert repr(params) == "tensor([  5.3671, -17.3012], requires_grad=True)"


def test_what_people_rely_on() -> None:
    x = torch.arange(6.0).view(2, 3)
    assert x.shape == (2, 3)
    assert x.size(1) == 3
    assert repr(x.size()) == "torch.Size([2, 3])"
    assert x.T.shape == (3, 2)
    assert x[None, :, 1:].tolist() == [[[1.0, 2.0], [4.0, 5.0]]]
    assert x[x > 2].tolist() == [3.0, 4.0, 5.0]
    assert x[torch.tensor([1, 0]), torch.tensor([2, 2])].tolist() == [5.0, 2.0]
    assert torch.cat([x, x], 1).shape == (2, 6)
    assert torch.stack([x, x]).shape == (2, 2, 3)
    assert (x > 2).any().item() is True
    assert x.sum().item() == 15.0
    array = np.ones(3)
    shared = torch.from_numpy(array)
    shared[0] = 5
    assert array[0] == 5
    assert shared.numpy() is array
    assert torch.tensor(array).dtype == torch.float64
    assert np.asarray(torch.ones(2)).dtype == np.float32


def test_missing_names_say_the_nearest() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'tanhh'; did you mean 'tanh'\?"):
        torch.tanhh  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'requires_gard'; did you mean 'requires_grad"):
        torch.ones(2).requires_gard  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'Liner'; did you mean 'Linear'\?"):
        torch.nn.Liner  # noqa: B018


def test_no_numpy_warnings() -> None:
    x = torch.tensor([0.0, 1e38], requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (x.log() + 1 / x + x * x).sum().backward()
    assert x.grad[0].isnan() or x.grad[0].isinf()


def test_what_scripts_use_around_tensors(tmp_path) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    x = torch.Tensor([1, 2]).to(device)
    assert x.dtype == torch.float32
    assert torch.Tensor(2, 3).shape == (2, 3)
    assert x.device.type == "cpu"
    assert x.detach().cpu().numpy().tolist() == [1, 2]
    torch.save({"x": x}, tmp_path / "state")
    assert torch.load(tmp_path / "state")["x"].tolist() == [1, 2]
    assert torch.finfo(torch.float32).eps == np.finfo(np.float32).eps
    assert torch.trace(torch.eye(3)).item() == 3
    assert torch.bincount(torch.tensor([0, 2, 2])).tolist() == [1, 0, 2]
    with pytest.raises(RuntimeError, match="there is no device 'cuda'"):
        x.to("cuda")
