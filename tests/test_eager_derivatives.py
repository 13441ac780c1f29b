"""Gradients of tensors against finite differences, to second order."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import srcgrad.eager as torch
from tests.eager_cases import EXPRESSIONS

#: Where a finite difference does not see what the rule says: steps of float16, and in-place changes of constants.
_COARSE = {"x.half().float()", "x.float()"}


@pytest.mark.parametrize("expression", [text for text in EXPRESSIONS if text not in _COARSE])
def test_gradients_are_finite_differences(expression: str) -> None:
    rng = np.random.default_rng(1)
    x = torch.tensor(rng.uniform(0.3, 2.0, (2, 3)), requires_grad=True)
    y = torch.tensor(rng.uniform(0.3, 2.0, (2, 3)), requires_grad=True)

    def function(x, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return eval(expression, {"torch": torch, "x": x, "y": y})

    assert torch.autograd.gradcheck(function, (x, y))
    assert torch.autograd.gradgradcheck(function, (x, y))
