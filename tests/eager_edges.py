"""Small programs at the edges of PyTorch's semantics: graphs, in-place changes, hooks, modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PROGRAMS: dict[str, Callable[[Any], Any]] = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


def leaf(torch, *values):
    return torch.tensor([float(value) for value in values], requires_grad=True)


@program
def leaf_changed_in_place(torch):
    leaf(torch, 1, 2).add_(1)


@program
def view_of_leaf_assigned(torch):
    leaf(torch, 1, 2)[0] = 3


@program
def view_of_leaf_changed(torch):
    leaf(torch, 1, 2)[0:1].add_(1)


@program
def saved_operand_changed(torch):
    y = leaf(torch, 1, 2) * 1
    z = y * y
    y.add_(1)
    z.sum().backward()


@program
def saved_result_changed(torch):
    y = leaf(torch, 1, 2).exp()
    y.add_(1)
    y.sum().backward()


@program
def saved_matrix_changed(torch):
    w = leaf(torch, 1, 2, 3, 4)
    a = w.view(2, 2) * 1
    product = a.mm(a)
    a.zero_()
    product.sum().backward()


@program
def saved_mask_changed(torch):
    x = leaf(torch, 1, 2)
    mask = x > 1
    y = torch.where(mask, x, 2 * x)
    mask.zero_()
    y.sum().backward()


@program
def unsaved_operand_changed(torch):
    x = leaf(torch, 1, 2)
    y = x + 1
    y.mul_(3)
    y.sum().backward()
    return x.grad


@program
def product_in_place(torch):
    x, w = leaf(torch, 1, 2), leaf(torch, 3, 4)
    y = x * 1
    y.mul_(w)
    y.sum().backward()
    return x.grad, w.grad


@program
def power_in_place(torch):
    x = leaf(torch, 1, 2)
    y = x * 1
    y.pow_(3)
    y.sum().backward()
    return x.grad, y._version


@program
def result_of_in_place_changed(torch):
    y = leaf(torch, 1, 2) * 1
    y.exp_()
    y.add_(1)
    y.sum().backward()


@program
def detached_data_changed(torch):
    y = leaf(torch, 1, 2) * 1
    z = y * y
    y.detach().zero_()
    z.sum().backward()


@program
def raw_data_changed(torch):
    x = leaf(torch, 1, 2)
    y = x * 1
    z = y * y
    y.data.zero_()
    z.sum().backward()
    return x.grad


@program
def second_backward(torch):
    y = (leaf(torch, 1, 2) ** 2).sum()
    y.backward()
    y.backward()


@program
def second_backward_without_saved_values(torch):
    x = leaf(torch, 1, 2)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    return x.grad


@program
def retained_graph(torch):
    x = leaf(torch, 1, 2)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


@program
def backward_of_a_constant(torch):
    torch.ones(2).sum().backward()


@program
def backward_of_a_vector(torch):
    (leaf(torch, 1, 2) * 2).backward()


@program
def backward_with_wrong_shape(torch):
    (leaf(torch, 1, 2) * 2).backward(torch.ones(3))


@program
def slices_assigned(torch):
    x = leaf(torch, 1, 2, 3)
    y = x * 2
    y[1] = 5.0
    y[0:1].mul_(3)
    y.sum().backward()
    return x.grad, y, y.grad_fn.name()


@program
def written_into_zeros(torch):
    w = leaf(torch, 1, 2)
    base = torch.zeros(4)
    part = base[1:3]
    base[0] = w[0] * 2
    base[1:3] = w
    flags = base.requires_grad, part.requires_grad, part.tolist(), base.tolist()
    (base * base).sum().backward()
    return flags, w.grad


@program
def view_of_view_changed(torch):
    x = leaf(torch, 1, 2, 3, 4)
    y = (x * 1).view(2, 2)
    y.t()[0].mul_(2)
    y.sum().backward()
    return y.tolist(), x.grad


@program
def one_of_several_views_changed(torch):
    y = leaf(torch, 1, 2) * 1
    first, _ = y.unbind()
    first.add_(1)


@program
def view_made_without_grad_changed(torch):
    y = leaf(torch, 1, 2) * 1
    with torch.no_grad():
        part = y[0:1]
    part.mul_(2)


@program
def unused_input(torch):
    x, y = leaf(torch, 1, 2), leaf(torch, 1, 2)
    return torch.autograd.grad((x * 2).sum(), [x, y])


@program
def unused_input_allowed(torch):
    x, y = leaf(torch, 1, 2), leaf(torch, 1, 2)
    return torch.autograd.grad((x * 2).sum(), [x, y], allow_unused=True)


@program
def unused_input_materialized(torch):
    x, y = leaf(torch, 1, 2), leaf(torch, 1, 2)
    return torch.autograd.grad((x * 2).sum(), [x, y], materialize_grads=True)


@program
def grad_of_a_constant(torch):
    x = leaf(torch, 1, 2)
    torch.autograd.grad((x * 2).sum(), [torch.ones(2)])


@program
def gradient_of_a_result(torch):
    y = leaf(torch, 1, 2) * 2
    y.sum().backward()
    return y.grad


@program
def result_stops_requiring(torch):
    y = leaf(torch, 1, 2) * 2
    y.requires_grad = False


@program
def hook_replaces(torch):
    x = leaf(torch, 1, 2)
    y = x * 3
    handle = y.register_hook(lambda grad: grad * 2)
    y.sum().backward()
    first = x.grad.clone()
    handle.remove()
    x.grad = None
    (x * 3).sum().backward()
    return first, x.grad


@program
def hook_on_constant(torch):
    torch.ones(2).register_hook(lambda grad: grad)


@program
def order_of_hooks(torch):
    seen: list[Any] = []
    x = leaf(torch, 1, 2)
    y = x * 2
    z = y * 3
    x.register_hook(lambda grad: seen.append(("x", grad.tolist())))
    y.register_hook(lambda grad: seen.append(("y", grad.tolist())))
    z.register_hook(lambda grad: seen.append(("z", grad.tolist())))
    z.grad_fn.register_hook(lambda ins, outs: seen.append(("node", len(ins), len(outs))))
    z.grad_fn.register_prehook(lambda outs: seen.append(("before", len(outs))))
    x.register_post_accumulate_grad_hook(lambda leaf: seen.append(("leaf", leaf.grad.tolist())))
    z.sum().backward()
    return seen


@program
def inference_tensor_in_a_graph(torch):
    with torch.inference_mode():
        y = torch.ones(2) * 2
    return leaf(torch, 1, 2) * y


@program
def inference_tensor_requires(torch):
    with torch.inference_mode():
        y = torch.ones(2) * 2
    y.requires_grad_()


@program
def gradient_of_wrong_shape(torch):
    leaf(torch, 1, 2).grad = torch.ones(3)


@program
def zeroed_result(torch):
    x = leaf(torch, 1, 2)
    y = x * 2
    y.zero_()
    y.sum().backward()
    return x.grad, y.requires_grad


@program
def deepcopy_of_a_result(torch):
    import copy

    copy.deepcopy(leaf(torch, 1, 2) * 2)


@program
def wrong_number_of_gradients(torch):
    class Double(torch.autograd.Function):  # type: ignore[name-defined, misc]
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad, grad

    Double.apply(leaf(torch, 1, 2)).sum().backward()


@program
def gradient_of_wrong_size(torch):
    class Double(torch.autograd.Function):  # type: ignore[name-defined, misc]
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return torch.ones(5)

    Double.apply(leaf(torch, 1, 2)).sum().backward()


@program
def saved_tensors_after_backward(torch):
    class Square(torch.autograd.Function):  # type: ignore[name-defined, misc]
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return 2 * x * grad

    y = Square.apply(leaf(torch, 1, 2))
    y.sum().backward()
    return y.grad_fn.saved_tensors
