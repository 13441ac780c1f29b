"""Graphs of tensors: what they keep, when they go away, higher derivatives, functions of one's own, anomalies."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest

import srcgrad.eager as torch


@pytest.fixture
def without_gc():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def leaf(*values):
    return torch.tensor([float(value) for value in values], requires_grad=True)


def values_of(tensor):
    return np.array(tensor.tolist())


# memory


def test_graphs_hold_no_cycles(without_gc) -> None:
    x, w = leaf(1, 2, 3), torch.ones(3, 3, requires_grad=True)

    def loss(x):
        h = torch.relu(x @ w).exp().tanh()
        h = h[0:2].clone().mul_(2.0) + h.view(3)[1:]
        h[0] = 1.0
        parts = torch.cat([h, torch.stack([x.max(0)[0], x.softmax(0)[0]])])
        return torch.nn.functional.gelu(parts).var() + parts.norm() + torch.where(parts > 0, parts, 0.0).sum()

    value = loss(x)
    nodes = [weakref.ref(node) for node in every_node(value)]
    assert len(nodes) > 20
    value.backward()
    del value
    alive = [node() for node in nodes if node() is not None]
    assert [type(node).__name__ for node in alive] == ["AccumulateGrad"] * 2


def every_node(tensor):
    found, stack = [], [tensor.grad_fn]
    while stack:
        node = stack.pop()
        if node is not None and node not in found:
            found.append(node)
            stack += node.edges
    return found


def test_saved_values_are_freed_by_backward(without_gc) -> None:
    x = leaf(1, 2)
    middle = x * 2
    out = (middle * middle).sum()
    array = weakref.ref(middle._array)
    del middle
    assert array() is not None
    out.backward()
    assert array() is None


def test_values_that_no_rule_reads_are_not_kept(without_gc) -> None:
    x = leaf(1, 2)
    middle = x * 2
    out = middle + 1 - x
    array = weakref.ref(middle._array)
    del middle
    assert array() is None
    out.sum().backward()
    assert values_of(x.grad).tolist() == [1, 1]


def test_functions_of_ones_own_hold_no_cycles(without_gc) -> None:
    x = leaf(1, 2)
    y = Exp.apply(x)
    node = weakref.ref(y.grad_fn)
    y.sum().backward()
    del y
    assert node() is None


def test_double_backward_holds_no_cycles(without_gc) -> None:
    x = leaf(1, 2)
    (grad,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    node = weakref.ref(grad.grad_fn)
    torch.autograd.grad(grad.sum(), x)
    del grad
    assert node() is None


def test_chains_of_100000_nodes() -> None:
    x = leaf(1, 2)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    y.sum().backward()
    assert x.grad.tolist() == [1, 1]
    del y  # a chain is freed without recursion too
    z = x
    for _ in range(100_000):
        z = z + x
    (grad,) = torch.autograd.grad(z.sum(), x)
    assert grad.tolist() == [100_001, 100_001]


def test_a_leaf_that_nobody_kept_is_still_in_the_graph() -> None:
    y = leaf(1, 2) * 3
    gc.collect()
    y.sum().backward()
    variable = y.grad_fn.next_functions[0][0].variable
    assert variable.tolist() == [1, 2]
    assert variable.grad.tolist() == [3, 3]


# where gradients go


def test_a_node_waits_for_all_that_read_it() -> None:
    x = leaf(1, 2)
    y = x * 2
    calls = []
    y.register_hook(lambda grad: calls.append(grad.tolist()))
    (y * 3 + y.exp() * 0 + y).sum().backward()
    assert calls == [[4, 4]]
    assert x.grad.tolist() == [8, 8]


def test_gradients_of_a_tensor_do_not_share_memory() -> None:
    x, y = leaf(1, 2), leaf(3, 4)
    seed = torch.ones(2)
    (x + y).backward(seed)
    x.grad.zero_()
    assert y.grad.tolist() == [1, 1]
    assert seed.tolist() == [1, 1]


def test_the_same_gradient_tensor_is_added_to() -> None:
    x = leaf(1, 2)
    x.sum().backward()
    grad = x.grad
    x.sum().backward()
    assert x.grad is grad
    assert grad.tolist() == [2, 2]


def test_inputs_of_backward() -> None:
    x, y = leaf(1, 2), leaf(3, 4)
    (x * y).sum().backward(inputs=[x])
    assert x.grad.tolist() == [3, 4]
    assert y.grad is None


def test_grad_of_several_outputs_and_inner_tensors() -> None:
    x = leaf(1, 2)
    y = x * x
    z = y * 3
    grads = torch.autograd.grad([z, y], [x, y], grad_outputs=[torch.ones(2), torch.ones(2)])
    assert [grad.tolist() for grad in grads] == [[8, 16], [4, 4]]
    assert x.grad is None


def test_grad_in_batches() -> None:
    x = leaf(1, 2)
    y = x * x
    (rows,) = torch.autograd.grad(y, x, torch.eye(2), is_grads_batched=True)
    assert rows.tolist() == [[2, 0], [0, 4]]


def test_a_leaf_that_stops_requiring_gets_nothing() -> None:
    x = leaf(1, 2)
    y = (x * 2).sum()
    x.requires_grad_(False)
    y.backward(retain_graph=True)
    grads = [x.grad]
    x.requires_grad_()
    y.backward()
    assert grads == [None]
    assert x.grad.tolist() == [2, 2]


def test_hooks_that_return_something() -> None:
    x = leaf(1, 2)
    y = x * 3
    y.grad_fn.register_hook(lambda ins, outs: (ins[0] * 10, None))
    y.sum().backward()
    assert x.grad.tolist() == [30, 30]
    z = x * 1
    z.register_hook(lambda grad: torch.ones(3))
    with pytest.raises(RuntimeError, match="changed the size"):
        z.sum().backward()


def test_backward_from_a_hook() -> None:
    x, w = leaf(1, 2), leaf(5)
    y = x * 2

    def hook(grad):
        with torch.enable_grad():
            (w * 3).backward()

    y.register_hook(hook)
    y.sum().backward()
    assert w.grad.tolist() == [3]


def test_threads_have_modes_of_their_own() -> None:
    x = leaf(1, 2)
    seen = []

    def work():
        seen.append((x * 2).requires_grad)

    with torch.no_grad():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert not (x * 2).requires_grad
    assert seen == [True]


def test_generators_keep_their_mode() -> None:
    @torch.no_grad()
    def batches(x):
        for _ in range(2):
            yield (x * 2).requires_grad

    x = leaf(1)
    for recorded in batches(x):
        assert not recorded
        assert (x * 2).requires_grad


# higher derivatives


def test_derivatives_of_any_order() -> None:
    x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    y = x.sin()
    for order in range(1, 9):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(np.sin(0.5 + order * np.pi / 2))


def test_gradient_penalty() -> None:
    w = leaf(1.0, -2.0)
    x = leaf(0.3, 0.7)
    (grad,) = torch.autograd.grad((w * x).tanh().sum(), x, create_graph=True)
    (grad.pow(2).sum() + w.sum()).backward()
    step = 1e-3
    for k in range(2):
        moved = []
        for side in (step, -step):
            v = w.detach().clone().double()
            v[k] += side
            u = x.detach().double().requires_grad_()
            (g,) = torch.autograd.grad((v * u).tanh().sum(), u, create_graph=True)
            moved.append((g.pow(2).sum() + v.sum()).item())
        assert w.grad[k].item() == pytest.approx((moved[0] - moved[1]) / (2 * step), rel=1e-3)


def test_functional_derivatives() -> None:
    f = torch.autograd.functional
    x = torch.tensor([1.0, 2.0])
    jacobian = f.jacobian(lambda a, b: (a * b, a.sum()), (x, x))
    assert jacobian[0][0].tolist() == [[1, 0], [0, 2]]
    assert jacobian[1][0].tolist() == [1, 1]
    assert jacobian[1][1].tolist() == [0, 0]
    hessian = f.hessian(lambda a: (a[0] ** 2 * a[1]).sum(), x)
    assert hessian.tolist() == [[4, 2], [2, 0]]
    assert f.vjp(lambda a: a**2, x, torch.ones(2))[1].tolist() == [2, 4]
    assert f.jvp(lambda a: a**2, x, torch.tensor([1.0, 0.5]))[1].tolist() == [2, 2]
    assert f.hvp(lambda a: (a**3).sum(), x, torch.ones(2))[1].tolist() == [6, 12]


def test_gradcheck_finds_what_is_wrong() -> None:
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * x

        @staticmethod
        def backward(ctx, grad):
            return grad

    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: x * x, x)
    with pytest.raises(torch.autograd.GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"):
        torch.autograd.gradcheck(Wrong.apply, x)
    assert not torch.autograd.gradcheck(Wrong.apply, x, raise_exception=False)


# functions of one's own


class Exp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        result = x.exp()
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, grad):
        (result,) = ctx.saved_tensors
        return grad * result


def test_a_function_of_ones_own_to_second_order() -> None:
    x = torch.tensor([0.1, 0.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Exp.apply, x)
    assert torch.autograd.gradgradcheck(Exp.apply, x)
    assert Exp.apply(x).grad_fn.name() == "ExpBackward"
    assert not Exp.apply(x.detach()).requires_grad


def test_functions_with_several_outputs_and_constants() -> None:
    class Split(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.factor = factor
            assert ctx.needs_input_grad == (True, False)
            signs = x > 0
            ctx.mark_non_differentiable(signs)
            return x * factor, x + 1, signs

        @staticmethod
        def backward(ctx, first, second, _):
            return first * ctx.factor + second, None

    x = leaf(1, -2)
    first, second, signs = Split.apply(x, 3.0)
    assert not signs.requires_grad
    assert first.grad_fn is second.grad_fn
    assert (first.output_nr, second.output_nr) == (0, 1)
    first.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [3, 3]  # what is not given is zero
    (first + second).sum().backward()
    assert x.grad.tolist() == [7, 7]


def test_functions_that_change_their_input() -> None:
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, grad):
            return 2 * grad

    x = leaf(1, 2)
    y = x * 1
    z = Double.apply(y)
    assert z is y
    z.sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_setup_context_and_once_differentiable() -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        @torch.autograd.once_differentiable
        def backward(ctx, grad):
            return 2 * ctx.saved_tensors[0] * grad

    x = leaf(1, 2)
    (grad,) = torch.autograd.grad((Square.apply(x) * x).sum(), x, create_graph=True)
    assert grad.tolist() == [3, 12]
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()


# anomaly detection


def test_anomaly_names_the_forward_line() -> None:
    with torch.autograd.detect_anomaly():
        y = leaf(1.0).sqrt() * 0  # the line to be named
        total = (y * torch.tensor([np.inf])).sum()
        with pytest.warns(UserWarning, match=r"(?s)Error detected in MulBackward0.*the line to be named") as caught:
            check_fails(total, "Function 'MulBackward0' returned nan values in its 0th output")
    assert "test_eager_autograd.py" in str(caught[0].message)


def check_fails(tensor, text):
    with pytest.raises(RuntimeError, match=text):
        tensor.backward()


def test_anomaly_mode_ends() -> None:
    with torch.autograd.set_detect_anomaly(True):
        assert torch.autograd.is_anomaly_enabled()
    assert not torch.autograd.is_anomaly_enabled()
    x = leaf(0.0)
    (x.sqrt() * 0).sum().backward()
    assert x.grad.isnan().all()


# copies


def test_tensors_are_copied_and_pickled() -> None:
    x = leaf(1, 2)
    x.sum().backward()
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert other is not x
        assert other.requires_grad
        assert other.tolist() == [1, 2]
    other = copy.deepcopy(x)
    other.grad.zero_()
    assert x.grad.tolist() == [1, 1]
    parameter = torch.nn.Parameter(torch.ones(2))
    assert type(copy.deepcopy(parameter)) is torch.nn.Parameter
    assert repr(pickle.loads(pickle.dumps(torch.float32))) == "torch.float32"
