"""Random tensors: NumPy's generator, seeded by `manual_seed`. The numbers are not PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.eager.making.creation import finish, float_or, shape_of
from srcgrad.eager.tensors.dtypes import numpy_dtype
from srcgrad.eager.tensors.tensor import Tensor


class Generator:
    """A source of random numbers."""

    def __init__(self, device: Any = None) -> None:
        self._seed = 0
        self.numpy = np.random.default_rng()

    def manual_seed(self, seed: int) -> Generator:
        """Begin the sequence of a seed."""
        self._seed = int(seed)
        self.numpy = np.random.default_rng(self._seed % 2**63)
        return self

    def seed(self) -> int:
        """Begin a sequence that nobody knows."""
        self.manual_seed(int(np.random.SeedSequence().generate_state(1)[0]))
        return self._seed

    def initial_seed(self) -> int:
        """The seed that was set last."""
        return self._seed

    def get_state(self) -> Any:
        """The state, for `set_state`."""
        return self.numpy.bit_generator.state

    def set_state(self, state: Any) -> None:
        """Go on from a state."""
        self.numpy.bit_generator.state = state


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Begin the sequence of random numbers of a seed."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Begin a sequence that nobody knows."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that was set last."""
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """The state of the default generator."""
    return default_generator.get_state()


def set_rng_state(state: Any) -> None:
    """Let the default generator go on from a state."""
    default_generator.set_state(state)


def source(generator: Generator | None) -> np.random.Generator:
    """NumPy's generator behind one of ours."""
    return (generator or default_generator).numpy


def _float(array: Any, dtype: Any, requires_grad: bool) -> Tensor:
    return finish(np.asarray(array).astype(float_or(dtype), copy=False), requires_grad)


def uniform(rng: np.random.Generator, shape: Any, dtype: Any) -> Any:
    """Numbers from 0 to before 1; float32 ones are drawn as such, for rounding could make a 1."""
    return rng.random(shape, np.float32 if float_or(dtype) == np.float32 else np.float64)


def rand(
    *size: Any, generator: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Uniform numbers from 0 to before 1."""
    return _float(uniform(source(generator), shape_of(size), dtype), dtype, requires_grad)


def randn(
    *size: Any, generator: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Normal numbers of mean 0 and variance 1."""
    return _float(source(generator).standard_normal(shape_of(size)), dtype, requires_grad)


def randint(
    *bounds: Any, size: Any = None, generator: Any = None, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Whole numbers from low (by default 0) to before high: ``randint(low, high, size)``."""
    given = list(bounds)
    if size is None:
        size = given.pop()
    low, high = (0, given[0]) if len(given) == 1 else given
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    kind = np.dtype(np.int64) if dtype is None else numpy_dtype(dtype)
    return finish(np.asarray(source(generator).integers(low, high, shape_of((size,)))).astype(kind), requires_grad)


def randperm(n: int, *, generator: Any = None, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """The numbers 0 to n - 1 in random order."""
    kind = np.dtype(np.int64) if dtype is None else numpy_dtype(dtype)
    return finish(source(generator).permutation(n).astype(kind), requires_grad)


def rand_like(input: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Uniform numbers in another's shape and dtype."""
    return rand(tuple(input.shape), dtype=dtype or input.dtype, requires_grad=requires_grad)


def randn_like(input: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Normal numbers in another's shape and dtype."""
    return randn(tuple(input.shape), dtype=dtype or input.dtype, requires_grad=requires_grad)


def randint_like(input: Any, *bounds: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Whole numbers in another's shape and dtype."""
    return randint(*bounds, size=tuple(input.shape), dtype=dtype or input.dtype, requires_grad=requires_grad)


def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Any = None) -> Tensor:
    """Normal numbers of these means and standard deviations, numbers or tensors."""
    centre, width = (getattr(value, "_array", value) for value in (mean, std))
    shape = np.broadcast_shapes(np.shape(centre), np.shape(width)) if size is None else shape_of((size,))
    return _float(centre + width * source(generator).standard_normal(shape), None, False)


def bernoulli(input: Any, p: float | None = None, *, generator: Any = None) -> Tensor:
    """1 with the probability that each element gives, else 0."""
    chance = input._array if p is None else p
    if np.min(chance) < 0 or np.max(chance) > 1:
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.")
    drawn = source(generator).random(input._array.shape) < chance
    return finish(drawn.astype(input._array.dtype), False)


def multinomial(input: Any, num_samples: int, replacement: bool = False, *, generator: Any = None) -> Tensor:
    """Indices drawn with the weights in each row."""
    rng, weights = source(generator), input._array.astype(np.float64)
    rows = weights.reshape(-1, weights.shape[-1])
    drawn = [rng.choice(len(row), num_samples, replacement, row / row.sum()) for row in rows]
    return finish(np.asarray(drawn, np.int64).reshape(*weights.shape[:-1], num_samples), False)


# In place


def uniform_(input: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Any = None) -> Any:
    """Let the elements be uniform from a to before b."""
    drawn = uniform(source(generator), input._array.shape, input._array.dtype)
    return input._fill_with(np.asarray(a + (b - a) * drawn))


def normal_(input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Any:
    """Let the elements be normal."""
    return input._fill_with(np.asarray(mean + std * source(generator).standard_normal(input._array.shape)))


def bernoulli_(input: Tensor, p: Any = 0.5, *, generator: Any = None) -> Any:
    """Let the elements be 1 with probability p, else 0."""
    return input._fill_with(np.asarray(source(generator).random(input._array.shape) < getattr(p, "_array", p)))


def random_(input: Tensor, *bounds: int, generator: Any = None) -> Any:
    """Let the elements be whole numbers from low to before high."""
    low, high = (
        (0, *bounds) if len(bounds) == 1 else bounds or (0, 2 ** (24 if input._array.dtype == np.float32 else 53))
    )
    return input._fill_with(np.asarray(source(generator).integers(low, high, input._array.shape)))


def exponential_(input: Tensor, lambd: float = 1.0, *, generator: Any = None) -> Any:
    """Let the elements be exponential with this rate."""
    return input._fill_with(np.asarray(source(generator).exponential(1 / lambd, input._array.shape)))
