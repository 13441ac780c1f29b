"""Expressions in two tensors x and y of shape (2, 3) with values between 0.3 and 2, for tests of tensors.

They are checked against finite differences, and where PyTorch is installed against PyTorch.
"""

EXPRESSIONS = """
x + y
x - y
x * y
x / y
x + 2
2 - x
x * 2
2 / x
x / 2
x ** 2
x ** 3
x ** 0.5
x ** (-1)
x ** y
2 ** x
x ** 1
x ** 0
-x
abs(x)
x.exp()
x.log()
x.sqrt()
x.rsqrt()
x.sin()
x.cos()
x.tan()
(x / 4).asin()
(x / 4).acos()
x.atan()
x.sinh()
x.cosh()
x.tanh()
x.asinh()
(x + 1).acosh()
(x / 4).atanh()
x.exp2()
x.expm1()
x.log2()
x.log10()
x.log1p()
x.sigmoid()
x.erf()
x.erfc()
(x / 4).erfinv()
x.lgamma()
x.digamma()
x.sinc()
x.square()
x.sign()
x.floor()
x.ceil()
x.trunc()
x.round()
x.frac()
x.reciprocal()
(x / 4).logit()
x.clamp(1, 1.5)
x.clamp(min=1.0)
x.clamp(max=1)
torch.relu(x - 1)
torch.maximum(x, y)
torch.minimum(x, y)
x.fmax(y)
x.fmin(y)
x.atan2(y)
x.hypot(y)
x.copysign(-y)
x.logaddexp(y)
x.logaddexp2(y)
x.xlogy(y)
torch.lerp(x, y, 0.3)
torch.lerp(x, y, y)
torch.addcmul(x, y, y, value=2)
torch.addcdiv(x, y, y, value=2)
x.fmod(0.7)
x.remainder(0.7)
x.remainder(y)
x.fmod(y)
x % y
x.add(y, alpha=3)
torch.sub(x, y, alpha=3)
torch.rsub(x, y)
x.sum()
x.sum(0)
x.sum(1, keepdim=True)
x.sum((0, 1))
x.mean()
x.mean(1)
x.mean((0, 1), keepdim=True)
x.prod()
x.prod(1)
x.max()
x.min()
x.max(1)[0]
x.min(0, keepdim=True)[0]
x.amax(1)
x.amin((0, 1))
x.var()
x.var(1)
x.var(0, unbiased=False)
x.std()
x.std(1, keepdim=True)
x.norm()
x.norm(dim=1)
x.norm(1)
x.norm(3.0)
x.norm(float('inf'))
x.norm(p=2, dim=(0, 1))
x.logsumexp(1)
x.logsumexp((0, 1))
x.softmax(0)
x.softmax(1)
x.log_softmax(1)
x.cumsum(0)
x.cumsum(1)
x.cumprod(1)
x.median()
x.median(1)[0]
x.sort(1)[0]
x.sort(0, descending=True)[0]
x.topk(2, 1)[0]
x.kthvalue(2, 1)[0]
x.t()
x.T
x.mT
x.view(6)
x.view(3, 2)
x.view(-1)
x.reshape(3, 2)
x.t().reshape(6)
x.transpose(0, 1)
x.permute(1, 0)
x.unsqueeze(1)
x.unsqueeze(0).squeeze(0)
x[None].squeeze()
x.flatten()
x.expand(4, 2, 3)
x[:1].expand(4, 3)
x.repeat(2, 2)
x.repeat(2, 1, 1)
x.tile(2)
x.flip(0)
x.flip(0, 1)
x.roll(1)
x.roll(1, 0)
x.roll((1, 2), (0, 1))
x.repeat_interleave(2)
x.repeat_interleave(2, 1)
x.movedim(0, 1)
x.narrow(1, 1, 2)
x.select(1, 2)
x[0]
x[:, 1]
x[0, 1]
x[:, 1:]
x[..., 0]
x[None]
x[:, None]
x[::1, ::2]
x[-1]
x[:, -2:]
x[torch.tensor([0, 1, 1])]
x[torch.tensor([0, 1]), torch.tensor([2, 0])]
x[:, torch.tensor([2, 0, 0])]
x[x > 1]
x[torch.tensor([True, False])]
x[:, torch.tensor([[0, 1], [2, 2]])]
x[[0, 0, 1]]
x[0, torch.tensor([1, 1])]
x[None, torch.tensor([1]), :2]
x[torch.tensor(1)]
torch.cat([x, y])
torch.cat([x, y], 1)
torch.cat([x, y], -1)
torch.stack([x, y])
torch.stack([x, y], 2)
torch.hstack([x, y])
torch.vstack([x, y])
x.unbind(1)[1]
x.split(2, 1)[1]
x.split([1, 2], 1)[1]
x.chunk(2, 1)[0]
x @ y.t()
x.mm(y.t())
x.t() @ y
x @ y[0]
x[0] @ y.t()
x[0] @ y[0]
torch.dot(x[0], y[1])
torch.outer(x[0], y[1])
x.mv(y[0])
torch.addmm(x[:, :2], x, y.t())
torch.addmm(x[:, :2], x, y.t(), beta=2, alpha=3)
torch.bmm(x[None], y.t()[None])
x[None] @ y.t()
torch.matmul(x[None].expand(2, 2, 3), y.t())
x[None, None] @ y.t()[None].expand(4, 3, 2)
torch.einsum('ij,kj->ik', x, y)
torch.einsum('ij,ij->', x, y)
torch.einsum('ij->ji', x)
torch.einsum('ij->i', x)
torch.einsum('ij,ij->i', x, y)
torch.einsum('i,j->ij', x[0], y[0])
torch.einsum('ii->i', x[:, :2])
torch.einsum('ii', x[:, :2])
torch.einsum('...j,kj->...k', x, y)
torch.einsum('ij,kj,k->i', x, y, y[:, 0])
torch.tensordot(x, y.t(), 1)
torch.tensordot(x, y, ([0, 1], [0, 1]))
torch.where(x > 1, x, y)
torch.where(x > 1, x, 0.5)
x.where(x > 1, y)
x.masked_fill(x > 1, 0.5)
x.masked_select(x > 1)
x.gather(1, torch.tensor([[0, 1], [2, 2]]))
x.scatter(1, torch.tensor([[0], [2]]), y[:, :1])
x.scatter(1, torch.tensor([[0], [2]]), 3.0)
x.scatter_add(1, torch.tensor([[0, 0], [2, 1]]), y[:, :2])
x.index_select(1, torch.tensor([2, 2, 0]))
x.index_add(1, torch.tensor([2, 0]), y[:, :2])
x.take(torch.tensor([0, 5]))
x.tril()
x.triu(1)
x.diagonal()
x.diag()
x[0].diag()
x[0].diag(1)
x.clone()
x.double()
x.float()
x.half().float()
x.contiguous()
x.type_as(x)
x.to(torch.float64)
torch.exp(x).sum()
(x * y).tanh().mean(0)
x.norm(dim=(0, 1))
torch.sigmoid(x @ y.t()).log().sum()
x.unflatten(1, (3, 1))
x.swapaxes(0, 1)
x.isclose(y).float() * x
torch.meshgrid(x[0], y[0], indexing='ij')[0]
torch.meshgrid(x[0], y[0], indexing='xy')[1]
x.argmax() * x
x.count_nonzero() * x
x.T.contiguous().view(-1)
x.view(3, 2).t() @ y.t()[:3]
torch.baddbmm(x[None, :, :2], x[None], y.t()[None])
torch.logical_and(x > 1, y > 1) * x
x.relu()
x.atan2(y * 0)
x.broadcast_to(2, 2, 3)
x.expand_as(x)
torch.std_mean(x)[0]
torch.var_mean(x, 1)[0]
x.std(unbiased=False)
x.var(1, correction=0)
x.var((0, 1))
x.sum(dtype=torch.float64)
torch.cumsum(x, 0)
torch.sum(x, dim=1)
torch.mean(x, dim=0, keepdim=True)
x.maximum(torch.tensor(1.0))
x.add(1).mul_(2).sub_(1).div_(2)
x.clone().exp_()
x.clone().clamp_(min=1)
x.clone().pow_(3)
x.clone().copy_(y)
x.clone().zero_()
x.clone().fill_(2)
x.clone().masked_fill_(x > 1, 0.0)
x.clone().neg_().abs_()
x.clone().sigmoid_()
x.clone().tanh_()
x.clone().add_(y, alpha=2)
x.clone().addcmul_(y, y)
x.clone().mul_(y).mul_(y)
(x * 2).sqrt_()
x.clone().index_add_(0, torch.tensor([0]), y[:1])
x.clone().index_put_((torch.tensor([0]),), y[0])
x.clone().index_put_((torch.tensor([0, 0]),), y, accumulate=True)
x.clone().cumsum_(0)
x.deg2rad()
torch.rad2deg(x)
x.nan_to_num()
x.nansum()
x.nan_to_num(posinf=3.0)
x.nanmean(1)
x.dist(y)
x.diff()
x.diff(dim=0)
x.cross(y)
torch.cross(x, y, dim=1)
torch.inner(x, y)
torch.kron(x, y)
x.fliplr()
torch.flipud(x)
torch.atleast_2d(x[0])
torch.broadcast_tensors(x, y[0])[1]
x.take_along_dim(torch.tensor([[0], [2]]), 1)
torch.trace(x)
x.aminmax(dim=1)[0]
""".strip().splitlines()
