"""The define-by-run face: tensors that record what is done to them, with PyTorch's names and semantics.

>>> import srcgrad.eager as torch
>>> x = torch.ones(2, 2, requires_grad=True)
>>> y = x.mean()
>>> y.backward()
>>> x.grad
tensor([[0.2500, 0.2500],
        [0.2500, 0.2500]])
"""

from typing import Any

from srcgrad.eager.names import NAMES, named

globals().update(NAMES)
__all__ = sorted(NAMES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    return named(name)
