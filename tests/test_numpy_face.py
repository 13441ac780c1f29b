"""Every function of the namespace, traced and interpreted, gives what NumPy gives: value, shape and dtype.

A call is text over the arrays of `arrays`. It is evaluated three times: by NumPy on plain arrays, by NumPy on traced
arrays (its dispatch finds our function), and by our namespace on traced arrays (as in a traced function).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import scipy.special

import srcgrad.numpy as snp
from tests.programs import interpreted

# the calls, by the dtypes that they are made with

NUMBERS = """
np.sum(x) | np.sum(x, axis=0) | np.sum(c, axis=(0, -1)) | np.sum(x, 1, keepdims=True) | np.sum(e) | np.sum(e, 0)
np.sum(s) | np.sum(x, dtype=float) | np.sum(x, axis=()) | np.sum(x, initial=3) | np.sum(x, where=p) | x.sum()
x.sum(-1) | np.add.reduce(x) | np.prod(x) | np.prod(x, axis=1) | np.prod(e, axis=0) | x.prod(0) | np.prod(x, where=p)
np.multiply.reduce(x, axis=1) | np.mean(x) | np.mean(c, axis=(0, 2)) | np.mean(x, axis=-1, keepdims=True) | x.mean(0)
np.mean(x, where=p) | np.mean(x, dtype=np.float32) | np.max(x) | np.max(x, axis=0) | np.min(x, axis=1, keepdims=True)
np.amax(x) | np.amin(x, 0) | x.max(1) | x.min() | np.maximum.reduce(x) | np.max(e, axis=0, initial=1)
np.max(x, initial=100) | np.min(x, axis=1, initial=0, where=p) | np.max(c, axis=(1, 2)) | np.var(x)
np.var(x, axis=0) | np.var(x, axis=1, ddof=1) | x.var() | np.std(x) | np.std(c, axis=(0, 2), keepdims=True)
x.std(ddof=1) | np.any(x) | np.all(x) | np.any(x, axis=0) | np.all(x, 1, keepdims=True) | x.any() | x.all(1)
np.count_nonzero(x) | np.count_nonzero(x, axis=0) | np.argmax(x) | np.argmax(x, axis=1)
np.argmin(x, axis=0, keepdims=True) | x.argmin() | x.argmax(-1) | np.argmax(c, axis=1) | np.average(x)
np.average(x, axis=1, weights=v) | np.average(x, weights=y + 9) | np.average(x, axis=0, weights=y * y, returned=True)
np.cumsum(x) | np.cumsum(x, axis=1) | x.cumsum(0) | np.cumprod(x, axis=0) | np.add.accumulate(x, axis=1)
np.cumsum(s) | np.reshape(x, (3, 2)) | np.reshape(x, -1) | x.reshape(6, 1) | x.reshape((1, -1, 2))
np.reshape(e, (3, 0)) | x.reshape(3, 2, order="F") | np.ravel(x) | x.ravel() | np.ravel(x.T) | x.ravel(order="F")
x.flatten() | x.T.flatten() | s.reshape(1, 1) | s.ravel() | np.transpose(x) | x.T | np.transpose(c, (2, 0, 1))
c.transpose(1, 0, 2) | c.transpose((0, -1, 1)) | c.T | np.permute_dims(c, (2, 1, 0)) | np.swapaxes(c, 0, -1)
c.swapaxes(1, 2) | np.moveaxis(c, 0, -1) | np.moveaxis(c, (0, 1), (-1, 0)) | np.rollaxis(c, 2) | c.mT
np.squeeze(x[None]) | np.squeeze(x[:1]) | x[:, :1].squeeze(1) | np.squeeze(c[:1, :, :1], axis=(0, 2))
np.squeeze(x[None], 0) | np.expand_dims(x, 0) | np.expand_dims(x, (0, -1)) | np.expand_dims(s, 0)
np.matrix_transpose(c) | np.shape(x) | np.ndim(c) | np.size(c) | np.broadcast_to(v, (2, 3))
np.broadcast_to(s, (2, 2)) | np.broadcast_to(x[:, :1], (4, 2, 3)) | np.broadcast_arrays(x, v, s) | np.size(c, 1)
np.flip(x) | np.flip(x, 0) | np.flip(c, (0, 2)) | np.fliplr(x) | np.flipud(x) | np.rot90(x) | np.rot90(x, 2)
np.rot90(x, -1) | np.flip(e) | np.rot90(c, 3, (1, 2)) | np.atleast_1d(s) | np.atleast_2d(v) | np.atleast_3d(v)
np.atleast_3d(x) | np.atleast_1d(s, x) | np.atleast_2d(s) | np.concatenate([x, y]) | np.concatenate((x, x, y), axis=1)
np.concatenate([x, y], axis=None) | np.concatenate([x, e]) | np.concatenate([x]) | np.stack([x, y])
np.stack((x, y), axis=-1) | np.stack([s, s]) | np.vstack([x, v]) | np.vstack([v, v]) | np.hstack([x, y])
np.hstack([v, v]) | np.dstack([x, y]) | np.dstack([v, v]) | np.column_stack([v, v]) | np.column_stack([m, v])
np.append(v, v) | np.append(x, y, axis=0) | np.split(v, 3) | np.split(c, 2, axis=2) | np.split(v, [1, 2])
np.array_split(c, 3, axis=-1) | np.vsplit(x, 2) | np.hsplit(x, 3) | np.dsplit(c, 2) | np.unstack(x)
np.unstack(x, axis=1) | np.tile(v, 2) | np.tile(x, (2, 1)) | np.tile(v, (2, 2)) | np.tile(x, 3) | np.tile(s, 3)
np.repeat(x, 2) | np.repeat(x, 2, axis=1) | np.repeat(v, [1, 0, 2]) | x.repeat(3, axis=0)
np.repeat(x, [2, 1], axis=0) | np.repeat(s, 2) | np.roll(v, 1) | np.roll(x, 2) | np.roll(x, 1, axis=1)
np.roll(x, (1, -1), axis=(0, 1)) | np.roll(c, 2, axis=(0, 1)) | np.roll(v, 0) | np.pad(x, 1) | np.pad(x, (1, 2))
np.pad(x, ((0, 1), (2, 0))) | np.pad(v, 2, constant_values=1) | np.pad(x, 1, constant_values=((1, 2), (3, 4)))
np.pad(v, 2, "edge") | np.pad(x, 1, "reflect") | np.pad(x, ((1, 1), (0, 2)), mode="symmetric")
np.pad(v, 2, mode="wrap") | np.take(x, [0, 2, -1]) | np.take(x, [1, 0, 1], axis=0) | x.take(1, axis=1)
np.take(x, [[0, 1], [2, 0]], axis=1) | np.take(v, 2) | np.take(v, []) | np.take(v, [4, -1], mode="clip")
np.take(v, [4, -1], mode="wrap") | np.take(x, k, axis=1) | np.take(x, k) | np.take(c, t, axis=2) | np.take(c, t, 0)
np.take_along_axis(x, np.argsort(x, axis=1), axis=1) | np.take_along_axis(x, x.argmax(0)[None], 0)
np.take_along_axis(x, q, 1) | np.compress([True, False, True], v) | np.compress([False, True], x, axis=0)
np.where(p, x, y) | np.where(p, x, 0) | np.where(p, 1, y) | np.where(x > y, x, v) | np.where(p, s, y)
np.where(x, 1, 2) | np.where(p, 1, 2) | np.select([x > y, x > 0], [x, y], 7) | np.diag(v) | np.diag(v, 1)
np.diag(v, -2) | np.diag(m) | np.diag(m, 1) | np.diag(x) | np.diagflat(x) | np.diagonal(m) | np.diagonal(c, 1)
m.diagonal(-1) | np.diagonal(c, axis1=1, axis2=2) | np.trace(m) | m.trace(1) | np.trace(c) | np.diagonal(c, 0, 2, 0)
np.tril(m) | np.tril(x, -1) | np.triu(m) | np.triu(c, 1) | np.tril(v) | np.linalg.diagonal(c) | np.linalg.trace(c)
np.matmul(x, m) | x @ m | m @ v | v @ m | v @ v | x @ c[:, :, 0].T | c.mT @ x[:, :, None] | v @ c | c.mT @ v | x @ x.T
np.zeros((0, 3)) @ m | np.matmul(c.mT[:, None], c[None]) | np.matmul(c[:1], c.mT) | e @ m | e.T @ e | np.dot(x, m)
np.dot(v, v) | np.dot(c, m[:, :1].repeat(4, 1).T) | np.dot(s, x) | x.dot(v) | np.dot(c.mT, c) | np.vdot(x, y)
np.inner(x, y) | np.inner(v, v) | np.inner(s, x) | np.inner(c.mT, x) | np.outer(v, x) | np.tensordot(x, m, 1)
np.tensordot(c, c, axes=([0, 1], [0, 1])) | np.tensordot(x, y) | np.tensordot(v, v, 0) | np.tensordot(c, x, [1, 1])
np.kron(x, m) | np.kron(v, v) | np.kron(v, x) | np.cross(v, x) | np.cross(x, y) | np.cross(m, v, axisa=0)
np.vecdot(x, y) | np.linalg.cross(x, y) | np.einsum("ij,jk->ik", x, m) | np.einsum("ij,jk", x, m)
np.einsum("ij->ji", x) | np.einsum("ij->", x) | np.einsum("ii", m) | np.einsum("ii->i", m)
np.einsum("i,j->ij", v, v) | np.einsum("ij,ij->i", x, y) | np.einsum("ij,kj,k->i", x, y, s.repeat(2))
np.einsum("ij,jk,kl,lm->im", x, m, m, m) | np.einsum("...ij,...jk->...ik", c, c.mT) | np.einsum("...j,j", x, v)
np.einsum("ijk->k...", c) | np.einsum(x, [0, 1], m, [1, 2], [0, 2]) | np.einsum("ij,i->j", x, y[:, 0])
np.einsum("i,i,i->i", v, v, v) | np.einsum("iij->ij", c[:, :2]) | np.einsum("ij,jj->i", x, m) | np.einsum("ba", x)
np.einsum(x, [0, 1]) | np.einsum("ij,k->", x, v) | np.einsum("a,b,c->abc", v, v, v) | np.einsum("...,...", x, y)
np.einsum("i->", v) | np.zeros_like(x) | np.ones_like(x) | np.zeros_like(np.empty_like(x)) | np.full_like(x, 3)
np.zeros_like(x, dtype=float, shape=(2,)) | np.copy(x) | x.copy() | x.astype(np.float32) | x.astype(int)
x.astype(bool) | np.astype(x, float) | np.clip(x, 0, 1) | np.clip(x, -1, v) | x.clip(max=1) | x.clip(0)
np.round(x, 1) | x.round() | np.around(x, -1) | np.fix(x) | round(x[0, 1]) | round(x[1, 1], 1) | np.sort(x)
np.sort(x, axis=0) | np.argsort(x) | np.argsort(x, axis=None) | x.argsort(0) | np.sort(x, axis=None) | np.median(v)
np.ptp(x, 0) | np.diff(v) | np.diff(x, axis=0) | np.diff(c, 2) | np.diff(v, prepend=0) | np.diff(x, append=x[:, :1])
np.ediff1d(x) | np.trapezoid(x) | np.trapezoid(x, v) | np.convolve(v, [1, 2]) | np.convolve(v, v, "same")
np.convolve(v[:2], v, "valid") | np.correlate(v, v[:2]) | np.correlate(v, v, "full") | np.vander(v)
np.vander(v, 2, increasing=True) | np.polyval(v, x) | np.polyval([1, 2], x) | np.meshgrid(v, x[:, 0])
np.cov(x) | np.cov(x, rowvar=False, ddof=0) | np.cov(v, y[0]) | np.corrcoef(x) | np.corrcoef(c[0]) | np.cov(v)
np.block([[m, m], [x, x]]) | np.block([v, v])
np.block([[s, v], [v, s]]) | np.delete(v, 1) | np.delete(x, [0, 2], axis=1)
np.lib.stride_tricks.sliding_window_view(v, 2) | np.lib.stride_tricks.sliding_window_view(x, (1, 2))
np.zeros((), np.result_type(x, 1, np.int8)) + x | x.view()
np.meshgrid(v, v, indexing="ij") | np.isclose(x, y) | np.searchsorted(np.sort(v), x)
np.searchsorted(np.sort(v), v, side="right")
np.array_equal(v, x) | np.allclose(x, x) | np.array_equal(x, x) | np.array_equal(x, v)
np.nan_to_num(x) | np.real(x) | np.imag(x) | x.real | x.imag | np.add(x, y) | x - y | x * 2 | 2 - x | x / y | x // 2
x % 3 | x ** 2 | -x | abs(x) | x > y | x == y | x != y | x <= 1 | divmod(x, 2) | +x | np.add.outer(v, x)
np.multiply.outer(v, v) | np.subtract.outer(s, v) | np.square(x) | np.sign(x) | np.conj(x) | np.positive(x)
np.fabs(x) | np.isnan(x) | np.logical_and(x, y) | np.logical_not(x) | np.maximum(x, y) | np.fmin(x, v) | np.exp(v)
np.sqrt(np.abs(x)) | np.deg2rad(x) | np.modf(x) | np.linalg.norm(x) | np.linalg.norm(v, 1) | np.linalg.norm(x, axis=1)
np.linalg.norm(v, np.inf) | np.linalg.norm(x, -np.inf) | np.linalg.norm(v, 3) | np.linalg.norm(x, 1)
np.linalg.norm(x, "fro", keepdims=True) | np.linalg.norm(c, axis=(0, 2)) | np.linalg.norm(x, 0, axis=0)
np.linalg.norm(c) | np.linalg.vector_norm(c, axis=(0, 2)) | np.linalg.matrix_norm(c) | np.linalg.norm(x, np.inf)
np.linalg.norm(v, -np.inf) | np.linalg.norm(x, keepdims=True) | np.linalg.multi_dot([x, m, m])
np.linalg.multi_dot([v, m, v]) | np.linalg.matrix_power(m, 3) | np.linalg.matrix_power(m, 0) | x[0] | x[-1, 2]
x[:, 1] | x[1:, ::-1] | x[..., None] | x[None, :, 1] | c[0, ..., ::2] | c[:, -1] | x[()] | x[...] | s[()] | s[...]
s[None] | x[5:] | x[[0, 1, 1]] | x[[[0], [1]], [0, 2]] | x[:, [2, 0]] | c[[0, 1], :, [0, 3]] | c[:, [0, 1], [1, 2]]
c[0, :, [1, 2]] | c[:, 0, [1, 2]] | c[[0], 1:, ::2] | x[k] | x[:, k] | x[k, k] | c[k, 1:, k] | c[:, k, 1:3] | c[1:, k]
c[..., k] | c[k, ..., 0] | c[None, k] | c[:, None, k] | c[k, None, k] | c[k, ..., k] | x[t] | x[:, t] | x[t, t]
c[t, 1:, 0] | c[:, t, ::2] | c[0, t] | c[t, ..., None] | x[t - 2] | x[-t] | c[:, t, k] | c[t, :, [0, 1]] | c.T[t]
c.T[1:, t, 0] | v[t:t + 2] | v[t - 1:t + 2] | c[:, t:t + 1, 1] | c[t, t:t + 2] | x[1:][t - 1] | x[:, ::-1][:, t]
x[:, ::-1][:, -t] | c[:, ::2][..., t] | v[1:][t - 1] | x[a > 2] | x[a > 2, None] | c[a > 1] | c[:, a[0] > 1]
x[[True, False]] | x[[False, True], 1:] | c[[True, False], :, [0, 1, 2]] | x[a[:, 0] > 5] | list(v)
[r.sum() for r in x] | (lambda p, q: p + q)(*x) | len(x) | x.ndim | x.size | x.shape | x.itemsize | x.nbytes
np.isscalar(x) | x[np.arange(2), k] | x[np.arange(2)[:, None], k] | x[range(2)] | x[np.int64(1)] | x[np.array(1)]
x[t][k] | x.T[k][:, t]
"""

NAMESPACE = """
np.array([v[0], 1, v[2]]) | np.array([[v[0], 0], [1, v[1]]]) | np.array([x, y]) | np.array([v, [1, 2, 3]])
np.array(x) | np.array([x[0], v]) | np.array(x, dtype=np.float32) | np.array(v, ndmin=2) | np.asarray(x)
np.asarray([s, s]) | np.asanyarray(v) | np.ascontiguousarray(s) | np.full((2, 2), s) | np.full(3, v)
np.full((2, 3), 7, np.int32) | np.linspace(s, 2, 5) | np.linspace(v, v + 1, 3, axis=1) | np.linspace(s, 3, 1)
np.linspace(0, s, 4, endpoint=False) | np.linspace(0, s, 4, retstep=True) | np.linspace(0.0, 1.0, 4) * s
np.linspace(0, 1, 3, dtype=np.float32) + s | np.arange(3) + s | np.arange(2, 8, 2) | np.arange(4.0, 1.0, -0.5)
np.arange(5, 0, -2, dtype=np.int32) | np.arange(0) | np.arange(3, dtype=x.dtype) | np.zeros(3) + v
np.ones((2, 3), x.dtype) * x | np.zeros((), int) | np.eye(3) @ v | np.eye(2, 3, 1) | np.eye(3, k=-1, dtype=int)
np.identity(2) | np.empty((2, 0)) | np.zeros(()) + s | np.ones(2) | np.tri(3) | np.tri(2, 3, 1, dtype=bool)
np.zeros(x.shape, x.dtype) | np.ones_like([1.0, 2.0]) | np.concatenate([[s, 1], v]) | np.stack([v, [1, 2, 3]])
np.sum([s, s]) | np.max([s, 2 * s]) | np.mean([v, v], axis=0) | np.hypot([s, s], 1) | np.dot([s, s], [1, 2])
np.where([True, False], [s, 1], 0) | np.sqrt(4.0) | np.sin(np.pi) | np.minimum(3, 4) | np.cumsum([s, 1, 2])
np.repeat([s], 3) | np.vstack([[s, 1], [2, s]]) | np.linalg.norm([s, 1.0]) | np.expm1(x) | np.pow(x, 2)
np.acos(np.abs(x) / 9) | np.concat([x, y]) | np.float64(2) * x | np.pi * x | np.newaxis is None
np.tril_indices(3)[0] | np.isscalar(1.0) | np.ix_([0, 1], [0, 2])[1] | np.ndim(3) | np.shape([[1, 2]])
np.outer([1, 2], [s, s]) | np.cross([s, 1, 0], [0, 1, s]) | isinstance(x, np.ndarray) | np.finfo(np.float64).eps
np.dtype(x.dtype).itemsize | np.diag([s, s]) | np.indices((2, 2))[0] | np.bitwise_count(np.array([3, 5]))
"""

FLOATS = """
np.sinc(x) | np.sin(x) | np.log1p(np.abs(x)) | np.arctan2(x, y)
np.hypot(x, v) | np.logaddexp(x, y) | np.tanh(s) | np.exp2(x)
np.cbrt(x) | np.rint(x * 3) | np.nansum(n) | np.nanmean(n, axis=0) | np.nanmax(n, 1) | np.nanmin(n) | np.nanstd(n)
np.nanvar(n, 0) | np.nanprod(n) | np.nan_to_num(n) | np.nan_to_num(n, nan=3.0) | np.interp(x, v.cumsum() ** 2, y[0])
np.interp(v, [0.0, 1.0], [2.0, 3.0], left=-1, right=9) | np.gradient(v) | np.gradient(v, 0.5, edge_order=2)
np.gradient(x, axis=1) | np.quantile(v, 0.3) | np.quantile(c, [0.1, 0.5], axis=1) | np.median(c, axis=2)
np.percentile(x, 40) | np.quantile(x, 0.5, axis=0, keepdims=True) | np.full_like(x, np.nan) | np.where(p, x, np.nan)
np.clip(x, None, 0.5) | x.clip(-0.5, 0.5) | np.floor(x) | np.ceil(x)
np.std(x, axis=1, mean=np.mean(x, axis=1, keepdims=True)) | np.var(x, correction=1) | np.mean(n) | np.max(n)
np.sort(n) | np.isfinite(n) | np.argmax(n)
"""

INTEGERS = """
x & 3 | x | y | x ^ y | ~x | x << 1 | x >> 1 | np.bitwise_and(x, y) | np.invert(x) | np.left_shift(x, 2) | x + 1.5
x * np.float32(2) | np.sin(x) | np.mean(x, axis=0) | x.sum(axis=0) | np.sum(x > 0, axis=0) | np.cumsum(x > 0)
np.prod(x > 0) | (x > 0) @ m | (x > 0) + (y > 0) | (x > 0).sum() | (x > 0).mean() | np.any(x > 2, axis=1)
np.maximum(x > 0, y > 0) | (x > 0) @ (m > 0) | np.where(x > 0, x, 0.5) | np.var(x > 0) | np.sum(x > 0, dtype=bool)
"""


SPECIAL = """
special.logsumexp(x) | special.logsumexp(c, axis=(0, 2))
special.logsumexp(x, axis=1, keepdims=True) | special.logsumexp(s)
special.logsumexp(x * 1e4, axis=0) | special.logsumexp(x - 1e30) | special.logsumexp(i) | special.logsumexp(i, axis=1)
special.logsumexp(x, b=np.abs(y)) | special.logsumexp(x, axis=1, b=y, return_sign=True) | special.logsumexp(x, b=p)
special.softmax(x) | special.softmax(c, axis=-1)
special.softmax(x * 1e4, axis=(0, 1)) | special.softmax(i[1:], axis=1)
special.log_softmax(x) | special.log_softmax(x * 1e4, axis=1)
special.log_softmax(i[1:], axis=1) | special.log_softmax(c, axis=(1, 2))
special.expit(x * 30) | special.logit(special.expit(x)) | special.erf(x)
special.gammaln(v) | special.psi(v) | special.digamma(v)
special.erfc(x) | special.xlogy(np.abs(x), np.abs(y))
special.log_expit(x * 30) | special.erfinv(np.tanh(x)) | special.xlog1py(x, np.abs(y))
"""


def calls(*texts: str) -> list[str]:
    return [call.strip() for text in texts for line in text.strip().splitlines() for call in line.split(" | ")]


def arrays(dtype: str) -> dict[str, Any]:
    """x, y (2, 3), n with NaN; i (3, 3) with infinities; c (2, 3, 4); v (3,); m (3, 3); s (); e (0, 3).

    Indices k (2,), q (2, 3), t (); mask p (2, 3).
    """
    rng = np.random.default_rng(3)

    def draw(*shape: int) -> Any:
        return (rng.uniform(-3, 4, shape) if dtype[0] == "f" else rng.integers(-3, 5, shape)).astype(dtype)

    made = {"x": draw(2, 3), "y": draw(2, 3), "c": draw(2, 3, 4), "v": draw(3), "m": draw(3, 3), "s": draw()}
    made["y"][made["y"] == 0] = 1
    made |= {"e": draw(0, 3), "k": np.array([1, 0]), "q": np.array([[0, 2, 1], [-1, 1, 1]]), "t": np.array(1)}
    made["p"] = np.array([[True, False, True], [False, True, True]])
    if dtype[0] == "f":
        made["n"] = np.where(made["p"], made["x"], np.nan)
        made["i"] = np.array([[-np.inf] * 3, [1, -np.inf, 2], [np.inf, 0, 1]], dtype)
    return made


#: not traced
STATIC = {"a": np.arange(6).reshape(2, 3)}


def evaluate(call: str, module: Any, named: dict[str, Any]) -> Any:
    special = module.special if module is snp else scipy.special
    return eval(call, {"np": module, "special": special, **STATIC, **named})


def check(call: str, dtype: str, module: Any) -> None:
    given = arrays(dtype)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = evaluate(call, np, given)
        found = interpreted(lambda named: evaluate(call, module, named), given)
    compare(found, expected, f"{dtype} by {module.__name__}", 2e-5 if dtype == "f4" else 1e-11)


def compare(found: Any, expected: Any, label: str, tolerance: float) -> None:
    if isinstance(expected, list | tuple):
        assert len(found) == len(expected), label
        for one, other in zip(found, expected, strict=True):
            compare(one, other, label, tolerance)
        return
    expected, found = np.asarray(expected), np.asarray(found)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype), label
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance / 2, err_msg=label)


@pytest.mark.parametrize("call", calls(NUMBERS))
def test_numbers(call: str) -> None:
    for dtype in ("f8", "f4", "i8", "i4"):
        check(call, dtype, np)
        check(call, dtype, snp)


@pytest.mark.parametrize("call", calls(NAMESPACE))
def test_what_only_the_namespace_can_dispatch(call: str) -> None:
    for dtype in ("f8", "f4", "i8"):
        check(call, dtype, snp)


@pytest.mark.parametrize("call", calls(FLOATS))
def test_floats(call: str) -> None:
    for dtype in ("f8", "f4"):
        check(call, dtype, np)
        check(call, dtype, snp)


@pytest.mark.parametrize("call", calls(SPECIAL))
def test_functions_of_scipy_special(call: str) -> None:
    for dtype in ("f8", "f4"):
        check(call, dtype, snp)


@pytest.mark.parametrize("call", calls(INTEGERS))
def test_integers(call: str) -> None:
    for dtype in ("i8", "i4"):
        check(call, dtype, np)
        check(call, dtype, snp)
