"""Small programs at the edges of PyTorch's semantics: shapes, dtypes, indices, ties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.eager_edges import leaf

PROGRAMS: dict[str, Callable[[Any], Any]] = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


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
