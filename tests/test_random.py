"""Random numbers: distributions, independence of purposes, the same numbers traced and plain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

import srcgrad as sg
from srcgrad import random
from srcgrad.core.errors import ArgumentError, ArgumentValueError
from tests.interpreted import gradient, run

DRAWS = [
    lambda key: random.uniform(key, (3, 4)),
    lambda key: random.uniform(key, (), np.float32),
    lambda key: random.uniform(key, 5, low=-1.0, high=2.0),
    lambda key: random.normal(key, (2, 3)),
    lambda key: random.normal(key, 3, np.float32),
    lambda key: random.randint(key, (4,), -3, 5),
    lambda key: random.permutation(key, 6),
    lambda key: random.permutation(key, np.arange(8.0).reshape(4, 2)),
    lambda key: random.bernoulli(key, np.array([0.1, 0.9, 0.5])),
    lambda key: random.categorical(key, np.zeros((3, 4)), axis=0),
    lambda key: random.split(key, 3),
    lambda key: random.fold_in(key, 12),
]


@pytest.mark.parametrize("draw", DRAWS)
def test_traced_and_plain_agree(draw: Any) -> None:
    key = random.key(5)
    plain = draw(key)
    for traced in (run(draw, key), run(lambda x: (draw(key), x)[0], 1.0)):
        assert np.asarray(traced).dtype == np.asarray(plain).dtype
        np.testing.assert_array_equal(traced, plain)


def test_keys_from_seeds_splits_and_folds_are_all_different() -> None:
    key = random.key(0)
    folds = [random.fold_in(key, k) for k in range(50)]
    keys = [*random.split(key, 50), *folds, *random.split(random.key(1), 50), random.key(2**32), random.key(-1)]
    assert len({tuple(k.tolist()) for k in keys}) == len(keys)
    np.testing.assert_array_equal(random.split(key, 50)[:2], random.split(key))
    np.testing.assert_array_equal(run(lambda s: random.key(s), 2**40 + 3), random.key(2**40 + 3))


def test_uniform_and_normal_have_their_distributions() -> None:
    for dtype in (np.float64, np.float32):
        u = random.uniform(random.key(1), (200, 500), dtype)
        assert u.dtype == dtype
        assert 0.0 <= u.min() < u.max() < 1.0
        assert stats.kstest(u.ravel(), "uniform").pvalue > 1e-3
        z = random.normal(random.key(2), 100_000, dtype)
        assert z.dtype == dtype
        assert stats.kstest(z, "norm").pvalue > 1e-3
        assert np.isfinite(z).all()
    a, b = (random.normal(k, 100_000) for k in random.split(random.key(3)))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.02


def test_discrete_draws_have_their_probabilities() -> None:
    dice = random.randint(random.key(4), 60_000, 1, 7)
    assert set(dice.tolist()) == {1, 2, 3, 4, 5, 6}
    assert stats.chisquare(np.bincount(dice)[1:]).pvalue > 1e-3
    assert abs(random.bernoulli(random.key(5), 0.3, 100_000).mean() - 0.3) < 0.01
    p = np.array([0.1, 0.2, 0.7])
    drawn = random.categorical(random.key(6), np.broadcast_to(np.log(p), (50_000, 3)))
    assert stats.chisquare(np.bincount(drawn), 50_000 * p).pvalue > 1e-3
    order = random.permutation(random.key(7), 1000)
    assert sorted(order.tolist()) == list(range(1000))
    assert abs(np.corrcoef(order, np.arange(1000))[0, 1]) < 0.15


def test_random_numbers_in_a_compiled_loop() -> None:
    def walk(key: Any, scale: Any) -> Any:
        return sg.fori_loop(0, 10, lambda i, c: c + scale * random.normal(random.fold_in(key, i), 2), np.zeros(2))

    key = random.key(8)
    expected = sum(random.normal(random.fold_in(key, i), 2) for i in range(10))
    np.testing.assert_allclose(run(walk, key, 1.0), expected)
    np.testing.assert_allclose(gradient(lambda s: walk(key, s).sum(), 2.0), expected.sum())


def test_mistakes() -> None:
    with pytest.raises(ArgumentError, match=r"sg\.random\.key"):
        random.uniform(0)
    with pytest.raises(ArgumentError, match="float64 or float32"):
        random.uniform(random.key(0), 3, np.int64)
    with pytest.raises(ArgumentValueError, match="several keys"):
        random.uniform(random.key(0), (2**20, 2**20))
    with pytest.raises(ArgumentValueError, match="axis"):
        random.categorical(random.key(0), 1.0)
