"""Small programs at the edges of PyTorch's semantics: what they return, warn of or raise is what PyTorch does."""

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
def integers_require(torch):
    torch.tensor([1, 2], requires_grad=True)


@program
def integers_require_later(torch):
    torch.arange(3).requires_grad_()


@program
def array_of_a_leaf(torch):
    leaf(torch, 1, 2).numpy()


@program
def item_of_a_vector(torch):
    leaf(torch, 1, 2).item()


@program
def truth_of_a_vector(torch):
    bool(leaf(torch, 1, 2))


@program
def shapes_do_not_fit(torch):
    torch.ones(2, 3) + torch.ones(4)


@program
def matrices_do_not_fit(torch):
    torch.ones(2, 3).mm(torch.ones(2, 3))


@program
def matrices_of_two_dtypes(torch):
    torch.ones(2, 3).mm(torch.ones(3, 2, dtype=torch.float64))


@program
def view_of_transposed(torch):
    torch.ones(2, 3).t().view(6)


@program
def view_of_wrong_size(torch):
    torch.ones(2, 3).view(5)


@program
def index_out_of_bounds(torch):
    torch.ones(3)[5]


@program
def too_many_indices(torch):
    torch.ones(3)[0, 0]


@program
def index_tensor_out_of_bounds(torch):
    torch.ones(3)[torch.tensor([5])]


@program
def mask_of_wrong_shape(torch):
    torch.ones(3)[torch.tensor([True, False])]


@program
def negative_step(torch):
    torch.ones(3)[::-1]


@program
def float_into_integers(torch):
    torch.arange(3).add_(1.5)


@program
def broadcast_into_smaller(torch):
    torch.ones(3).add_(torch.ones(2, 3))


@program
def expanded_written(torch):
    torch.ones(1).expand(3).add_(1)


@program
def stacked_shapes_differ(torch):
    torch.stack([torch.ones(2), torch.ones(3)])


@program
def joined_shapes_differ(torch):
    torch.cat([torch.ones(2, 2), torch.ones(2, 3)])


@program
def dimension_out_of_range(torch):
    torch.ones(2).sum(1)


@program
def dimension_twice(torch):
    torch.ones(2, 2).sum((0, 0))


@program
def mean_of_integers(torch):
    torch.arange(3).mean()


@program
def maximum_of_nothing(torch):
    torch.ones(0).max()


@program
def integers_divided_by_zero(torch):
    torch.arange(3) // 0


@program
def booleans_subtracted(torch):
    torch.tensor([True]) - torch.tensor([False])


@program
def boolean_negated(torch):
    -torch.tensor([True])


@program
def ragged_list(torch):
    torch.tensor([[1.0, 2.0], [3.0]])


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
def ties(torch):
    found = []
    for function in (
        lambda x: x.clamp(0, 1),
        lambda x: torch.maximum(x, torch.tensor([0.0, 1, 2])),
        torch.relu,
        lambda x: x.max(),
        lambda x: x.max(dim=0)[0],
        lambda x: x.amax(0),
        lambda x: x.floor(),
        lambda x: x.abs(),
        lambda x: x**0,
        lambda x: x.sqrt(),
        lambda x: (0 * x).norm(),
        lambda x: x.prod(),
        lambda x: x.std(),
        lambda x: x.sort()[0],
        lambda x: x.median(),
    ):
        x = leaf(torch, 0, 1, 1)
        function(x).sum().backward()
        found.append(x.grad.tolist())
    return found


@program
def power_of_negative_base(torch):
    x, e = leaf(torch, 0, -2, 2), leaf(torch, 2, 2, 2)
    (x**e).sum().backward()
    return x.grad, e.grad


@program
def arithmetic_of_integers(torch):
    n = torch.arange(3)
    flags = torch.tensor([True, False])
    return (
        n / 2,
        n // 2,
        n * 2,
        n + 1.5,
        torch.sin(n),
        flags.sum(),
        n**2,
        2**n,
        n % 2,
        -n,
        n.float().mean(),
        flags * 2,
        ~flags,
    )


@program
def promotion(torch):
    dtypes = [torch.bool, torch.uint8, torch.int32, torch.int64, torch.float16, torch.float32, torch.float64]
    found = []
    for a in dtypes:
        for b in dtypes:
            one, two, zero = torch.ones(2, dtype=a), torch.ones(2, dtype=b), torch.tensor(1, dtype=b)
            found.append(
                [str(value.dtype) for value in (one + two, one * zero, one * 2, one * 2.5, one + True, one / two)]
            )
    return found


@program
def mixed_dtypes(torch):
    x = leaf(torch, 1, 2)
    y = torch.ones(2, dtype=torch.float64, requires_grad=True)
    (x * y).sum().backward()
    return x.grad, y.grad


@program
def numbers_are_float32(torch):
    import numpy as np

    made: Any = (1, 1.5, True, [1, 2.5], [[1], [2]], np.ones(2), np.float32(1), [], [True, 1], [np.float64(1)])
    return [(torch.tensor(value).dtype.__repr__(), tuple(torch.tensor(value).shape)) for value in made]


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
