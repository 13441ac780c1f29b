"""`Tensor`: an array, the node that made it, and little else."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from weakref import ref

import numpy as np

from srcgrad.core.types import ArrayType
from srcgrad.eager.tensors import dtypes
from srcgrad.eager.tensors.attached import Attached
from srcgrad.eager.tensors.errors import nearest
from srcgrad.eager.tensors.modes import state
from srcgrad.eager.tensors.node import LEAVES, BackwardNode, Port, add_hook, sequence
from srcgrad.eager.tensors.printing import tensor_text
from srcgrad.eager.tensors.storage import Meta, Size, Version, device

Array = np.ndarray[Any, Any]
new = object.__new__


class AccumulateGrad(BackwardNode):
    """The end of a graph: adds what arrives to the gradient of a leaf."""

    __slots__ = ("array", "meta", "tensor")

    def __init__(self, tensor: Any, meta: Any) -> None:
        self.edges, self.seq, self.extra = (), LEAVES + next(sequence), None
        self.tensor, self.array, self.meta = ref(tensor), tensor._array, meta

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    @property
    def variable(self) -> Any:
        """The leaf. Nobody else has it any more where it has to be made again."""
        found = self.tensor()
        if found is None:
            found = wrap(self.array)
            found._node, found._meta = self, self.meta
            self.tensor = ref(found)
        return found


class Tensor(Attached):
    """An array that knows how it was made. See ``docs/eager.md``."""

    __slots__ = ("__dict__", "__weakref__", "_array", "_counter", "_meta", "_node")
    __sg_level__ = -1  # beside a traced value it is a constant
    __sg_fuses__ = True  # functions that have a rule of their own are one node
    __array_priority__ = 1000
    __hash__ = object.__hash__

    _array: Array
    _node: BackwardNode | None
    _counter: Version | None
    _meta: Meta | None

    #: what finds a method that has not been attached: the function of that name, or None
    _late: Callable[[str], Any] = staticmethod(lambda name: None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # NumPy, notebooks and copy ask for many of these
            raise AttributeError(f"'{type(self).__name__}' object has no attribute {name!r}")
        function = self._late(name)
        if function is not None:
            return functools.partial(function, self)
        raise AttributeError(nearest(type(self).__name__, name, dir(type(self))), name=name, obj=self)

    # the array

    @property
    def shape(self) -> Size:
        return Size(self._array.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the extent of one dimension."""
        return Size(self._array.shape) if dim is None else self._array.shape[dim]

    @property
    def dtype(self) -> dtypes.dtype:
        return dtypes.of(self._array.dtype)

    @property
    def ndim(self) -> int:
        return self._array.ndim

    def dim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return self._array.size

    nelement = numel

    @property
    def itemsize(self) -> int:
        return self._array.itemsize

    @property
    def nbytes(self) -> int:
        return self._array.nbytes

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._array.itemsize

    @property
    def device(self) -> Any:
        return device("cpu")

    def cpu(self) -> Tensor:
        """The tensor itself."""
        return self

    @property
    def is_cuda(self) -> bool:
        return False

    def is_floating_point(self) -> bool:
        """Whether the elements are floats."""
        return bool(self._array.dtype.kind == "f")

    def is_complex(self) -> bool:
        """Whether the elements are complex."""
        return bool(self._array.dtype.kind == "c")

    def is_contiguous(self) -> bool:
        """Whether the elements lie in row-major order without gaps."""
        return self._array.flags.c_contiguous

    def stride(self, dim: int | None = None) -> Any:
        """The steps, in elements, from one index to the next of each dimension."""
        strides = tuple(step // self._array.itemsize for step in self._array.strides)
        return strides if dim is None else strides[dim]

    def data_ptr(self) -> int:
        """The address of the first element."""
        return int(self._array.__array_interface__["data"][0])

    # leaving for Python and NumPy

    def item(self) -> Any:
        """The one element as a Python number."""
        if self._array.size != 1:
            raise RuntimeError(f"a Tensor with {self._array.size} elements cannot be converted to Scalar")
        return self._array.item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        return self._array.tolist()

    def numpy(self, *, force: bool = False) -> Array:
        """The array itself, not a copy."""
        if self._node is not None and not force:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        return self._array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        array = self.numpy()
        return np.array(array, dtype=dtype) if copy else np.asarray(array, dtype=dtype)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Tensor:
        return wrap(np.asarray(array))

    def __bool__(self) -> bool:
        if self._array.size != 1:
            if self._array.size == 0:
                raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(self._array.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self._array.dtype.kind not in "iub" or self._array.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self._array.item())

    def __len__(self) -> int:
        if self._array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return int(self._array.shape[0])

    def __iter__(self) -> Iterator[Tensor]:
        if self._array.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __contains__(self, element: Any) -> bool:
        return bool((self._array == getattr(element, "_array", element)).any())

    def __repr__(self) -> str:
        return tensor_text(self)

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self._array.ndim == 0 else repr(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self._array, self.requires_grad, dict(self.__dict__))

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment.  "
                "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage"
            )
        made = memo[id(self)] = _rebuild(type(self), self._array.copy(), self.requires_grad, dict(self.__dict__))
        if self.grad is not None:
            made.grad = wrap(self.grad._array.copy())
        return made

    # autograd

    @property
    def requires_grad(self) -> bool:
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        node = self._node
        if node is not None and type(node) is not AccumulateGrad:
            if not value:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                    "in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
                )
            return
        if value == (node is not None):
            return
        meta = self.more()
        if not value:
            meta.leaf, self._node = node, None
            return
        if self._array.dtype.kind not in "fc":
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if self.is_inference() and not state.inference:
            raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        self._node = AccumulateGrad(self, meta) if meta.leaf is None else meta.leaf

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad` in place."""
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        node = self._node
        return node is None or type(node) is AccumulateGrad

    @property
    def grad_fn(self) -> BackwardNode | None:
        node = self._node
        if node is None or type(node) is AccumulateGrad:
            return None
        return node.node if isinstance(node, Port) else node

    @property
    def output_nr(self) -> int:
        return self._node.number if isinstance(self._node, Port) else 0

    @property
    def grad(self) -> Any:
        node, meta = self._node, self._meta
        if node is not None and type(node) is not AccumulateGrad and not (meta is not None and meta.retains):
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute "
                "won't be populated during autograd.backward(). If you indeed want the .grad field to be populated for "
                "a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by "
                "mistake, make sure you access the leaf Tensor instead.",
                UserWarning,
                stacklevel=2,
            )
        return None if meta is None else meta.grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is None:
            if self._meta is not None:
                self._meta.grad = None
            return
        if not isinstance(value, Tensor):
            raise TypeError(
                f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
            )
        if value is self:
            raise RuntimeError("can't assign Variable as its own grad")
        if value._array.dtype != self._array.dtype:
            raise RuntimeError(
                f"attempting to assign a gradient with dtype '{_scalar_name(value)}' to a tensor with dtype "
                f"'{_scalar_name(self)}'. The gradient must match the tensor's dtype."
            )
        if value._array.shape != self._array.shape:
            raise RuntimeError(
                f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of size "
                f"'{list(self.shape)}'. Please ensure that the gradient and the tensor are the same size"
            )
        self.more().grad = value

    @grad.deleter
    def grad(self) -> None:
        if self._meta is not None:
            self._meta.grad = None

    def retain_grad(self) -> None:
        """Keep the gradient of a tensor that is not a leaf."""
        node = self._node
        if node is None:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if type(node) is AccumulateGrad:
            return
        meta = self.more()
        meta.retains = True
        node.more().retain = ref(self)

    @property
    def retains_grad(self) -> bool:
        return self._meta is not None and self._meta.retains

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Any:
        """Call the hook with the gradient of this tensor whenever it is computed; what it returns replaces it."""
        if self._node is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        return add_hook(self._node.more(), "pre_hooks", hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> Any:
        """Call the hook with this leaf after its gradient was added to."""
        if not isinstance(self._node, AccumulateGrad):
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        return add_hook(self._node.more(), "post_hooks", hook)

    def detach(self) -> Tensor:
        """The same data, a constant for differentiation."""
        made = wrap(self._array)
        made._counter = version_of(self)
        return made

    def detach_(self) -> Tensor:
        """Forget in place how it was made."""
        if self._meta is not None and self._meta.base is not None:
            raise RuntimeError(
                "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for "
                "training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence "
                "detach_() cannot be called on these gradients. To fix this error, please refer to the "
                "Optimizer.zero_grad() function in torch/optim/optimizer.py as a solution."
            )
        self._node = None
        return self

    @property
    def data(self) -> Tensor:
        return wrap(self._array)

    @data.setter
    def data(self, value: Tensor) -> None:
        self._array = value._array
        if isinstance(self._node, AccumulateGrad):
            self._node.array = value._array

    @property
    def _base(self) -> Tensor | None:
        return None if self._meta is None else self._meta.base

    def _is_view(self) -> bool:
        return self._base is not None

    @property
    def _version(self) -> int:
        counter = self._counter
        if counter is not None:
            return counter.count
        if self._meta is not None and self._meta.inference:
            raise RuntimeError(
                "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode "
                "in computation tracked by autograd. To work around this, you can make a clone to get a normal tensor "
                "and use it in autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
            )
        return 0

    def is_inference(self) -> bool:
        """Whether it was made in inference mode."""
        return self._meta is not None and self._meta.inference

    def more(self) -> Meta:
        """Room for what not every tensor has."""
        meta = self._meta
        if meta is None:
            meta = self._meta = Meta()
        return meta

    # the door of the table

    @property
    def __sg_type__(self) -> ArrayType:
        return ArrayType(self._array.shape, self._array.dtype)

    @property
    def __sg_array__(self) -> Array:
        """What a compiled function takes."""
        return self._array

    def __sg_lift__(self, value: Any) -> Tensor:
        return lift(value)


def wrap(array: Array) -> Tensor:
    """A tensor on an array, which is not copied."""
    made = new(Tensor)
    made._array, made._node, made._counter, made._meta = array, None, None, None
    return made


def lift(value: Any) -> Tensor:
    """A tensor as it is, anything else as a constant."""
    if isinstance(value, Tensor):
        return value
    return wrap(value if type(value) is np.ndarray else np.asarray(value))


def version_of(tensor: Tensor) -> Version:
    """The version counter of a tensor's data, made where there is none yet."""
    version = tensor._counter
    if version is None:
        version = tensor._counter = Version()
    return version


def _rebuild(kind: type[Tensor], array: Array, requires_grad: bool, attributes: dict[str, Any]) -> Tensor:
    made = new(kind)
    made._array, made._node, made._counter, made._meta = array, None, None, None
    made.__dict__.update(attributes)
    made.requires_grad = requires_grad
    return made


def _scalar_name(tensor: Tensor) -> str:
    return str(tensor._array.dtype.name).replace("float32", "float").replace("float64", "double")
