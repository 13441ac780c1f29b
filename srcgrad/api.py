"""The public transforms: functions to functions, usable as decorators, freely nested."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from srcgrad.core import tree
from srcgrad.core.errors import ArgumentError
from srcgrad.dispatch import Function, Grad, Jit, Options, Specialisation, jacobians
from srcgrad.dispatch.custom import Checkpoint, CustomVjp
from srcgrad.dispatch.pullback import vjp
from srcgrad.staging.hidden import fixed
from srcgrad.transform.stop import stop_gradient as _stop

Argnums = int | Sequence[int]
Transform = TypeVar("Transform", bound=Callable[..., Any])

_OPTIONS = """
Options that the transforms share:
    static_argnums, static_argnames: positions and names of arguments that are fixed for a specialisation: they must be
        hashable, the function sees them as they are, and each new value is traced anew. Arguments that are neither
        arrays nor numbers are static without being named.
    backend: "cpu".
    fast_math: by default floating point is NumPy's, but that a reduction (a sum, a product of matrices, a gradient that
        a loop accumulates) is added up in any order, and that a product which feeds a sum may be rounded once with it.
        True also lets LLVM reassociate what the function computes itself, multiply by reciprocals in place of dividing,
        and lose the sign of a zero: ``(x + 1e16) - 1e16`` may become ``x``. NaN, infinities and the errors of functions
        such as ``np.log1p`` stay.
"""


def _explaining_options(transform: Transform) -> Transform:
    """The transform with the shared options explained at the end of its docstring."""
    transform.__doc__ = inspect.cleandoc(transform.__doc__ or "") + "\n" + _OPTIONS
    return transform


__all__ = [
    "checkpoint",
    "constant",
    "custom_vjp",
    "grad",
    "hessian",
    "hvp",
    "ir",
    "jacrev",
    "jit",
    "source",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]


@_explaining_options
def jit(
    function: Callable[..., Any] | None = None,
    *,
    static_argnums: Argnums = (),
    static_argnames: str | Sequence[str] = (),
    backend: str = "cpu",
    fast_math: bool = False,
) -> Any:
    """The same function, traced once per combination of argument types and compiled.

    Arrays that the function writes into are written into.

    >>> import numpy as np
    >>> @jit
    ... def area(r):
    ...     return 3.0 * r * r
    >>> area(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    options = Options(backend, fast_math, static_argnums, static_argnames)
    return _decorate(function, lambda f: Jit(f, options))


@_explaining_options
def grad(
    function: Callable[..., Any] | None = None,
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    static_argnums: Argnums = (),
    static_argnames: str | Sequence[str] = (),
    backend: str = "cpu",
    fast_math: bool = False,
) -> Any:
    """The gradient of a function that returns a scalar, with respect to one argument or (a tuple) several.

    The result has the structure, shapes and dtypes of the argument. With ``has_aux`` the function returns
    ``(value, aux)`` and the gradient comes as ``(grads, aux)``. The result can be differentiated again.

    Of a complex argument z = x + iy the gradient is ``df/dx + i df/dy``, the direction in which f grows fastest, as in
    PyTorch: ``z - rate * grad(f)(z)`` descends. JAX gives its conjugate. The function must return a real number.

    Args:
        function: returns one real number, as a Python or NumPy scalar or an array of shape ().
        argnums: the position of the argument to differentiate with respect to, or a tuple of positions; negative ones
            count from the end. An argument may be any pytree of float or complex arrays and numbers.
        has_aux: the function returns ``(value, aux)``; aux is any pytree of arrays and numbers.

    Raises:
        TypeError, ValueError: the function returns no real scalar, or an argument has no derivative.

    >>> grad(lambda x: x * x * x)(2.0)
    np.float64(12.0)
    >>> grad(grad(lambda x: x * x * x))(2.0)
    np.float64(12.0)
    >>> grad(lambda z: z.real**2 + z.imag**2)(3 + 4j)
    np.complex128(6+8j)
    """
    options = Options(backend, fast_math, static_argnums, static_argnames)
    return _decorate(function, lambda f: Grad(f, argnums, has_aux, False, options))


@_explaining_options
def value_and_grad(
    function: Callable[..., Any] | None = None,
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    static_argnums: Argnums = (),
    static_argnames: str | Sequence[str] = (),
    backend: str = "cpu",
    fast_math: bool = False,
) -> Any:
    """As `grad`, and the value: ``(value, grads)``, or ``((value, aux), grads)`` with ``has_aux``.

    Fits ``scipy.optimize.minimize(value_and_grad(f), x0, jac=True)``.

    >>> value_and_grad(lambda x: x * x)(3.0)
    (np.float64(9.0), np.float64(6.0))
    """
    options = Options(backend, fast_math, static_argnums, static_argnames)
    return _decorate(function, lambda f: Grad(f, argnums, has_aux, True, options))


def _decorate(function: Callable[..., Any] | None, transform: Callable[[Callable[..., Any]], Any]) -> Any:
    return transform if function is None else transform(function)


def stop_gradient(x: Any) -> Any:
    """The same value (or pytree of values), as a constant for differentiation.

    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    return tree.map(lambda leaf: _stop(leaf), x)


def constant(x: Any) -> Any:
    """A value computed once, when the function is traced, on purpose: x, or what x returns if it can be called.

    Arrays and numbers that a function reads from outside count at every call; inside ``constant`` they are what they
    are now. Random draws and the like are errors in traced code, except here. The value must not depend on arguments.

    >>> import numpy as np
    >>> weights = np.array([1.0, 2.0])
    >>> total = jit(lambda x: x * constant(weights.sum()))
    >>> total(1.0)
    np.float64(3.0)
    >>> weights[0] = 10.0
    >>> total(1.0)
    np.float64(3.0)
    """
    return fixed(x)


constant.__sg_constant__ = True  # type: ignore[attr-defined]


@_explaining_options
def jacrev(
    function: Callable[..., Any] | None = None,
    argnums: Argnums = 0,
    *,
    static_argnums: Argnums = (),
    static_argnames: str | Sequence[str] = (),
    backend: str = "cpu",
    fast_math: bool = False,
) -> Any:
    """The Jacobian by reverse mode: one forward pass, then one pullback for each element of the result.

    A leaf has the shape of the result, then that of the argument. Several ``argnums`` give a tuple.

    Of a complex result by a complex argument it is the derivative of a holomorphic function; for others use `vjp`. Of a
    real result by a complex argument it is the gradient, as `grad` has it.

    >>> import numpy as np
    >>> jacrev(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    options = Options(backend, fast_math, static_argnums, static_argnames)
    return _decorate(function, lambda f: jacobians.jacrev(f, argnums, options))


@_explaining_options
def hessian(
    function: Callable[..., Any] | None = None,
    argnums: Argnums = 0,
    *,
    static_argnums: Argnums = (),
    static_argnames: str | Sequence[str] = (),
    backend: str = "cpu",
    fast_math: bool = False,
) -> Any:
    """The matrix of second derivatives of a function that returns a scalar.

    >>> import numpy as np
    >>> hessian(lambda x: x[0] * x[0] * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    options = Options(backend, fast_math, static_argnums, static_argnames)
    return _decorate(function, lambda f: jacobians.hessian(f, argnums, options))


def hvp(function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The product of the Hessian of a scalar function with a vector, without the Hessian: a tuple like ``primals``.

    >>> import numpy as np
    >>> hvp(lambda x: (x * x * x).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 10.0]),))
    (array([  6., 120.]),)
    """
    return jacobians.hvp(function, primals, tangents)


def checkpoint(function: Callable[..., Any]) -> Checkpoint:
    """The same function; what its derivative reads of it is computed again in the reverse pass instead of kept.

    It trades time for memory, and matters in loops, where what is kept is kept for every iteration.

    >>> import numpy as np
    >>> step = checkpoint(lambda x: np.sin(np.sin(x)))
    >>> grad(lambda x: step(step(x)))(0.0)
    np.float64(1.0)
    """
    return Checkpoint(function)


def custom_vjp(function: Callable[..., Any]) -> CustomVjp:
    """The same function with a derivative of your own, given by ``.defvjp(forward, backward)``.

    ``forward(*args)`` returns ``(out, residuals)``; ``backward(residuals, cotangent)`` returns a tuple with a cotangent
    for each argument, or None.

    >>> import numpy as np
    >>> @custom_vjp
    ... def clipped_gradient(x):
    ...     return x * x
    >>> _ = clipped_gradient.defvjp(lambda x: (x * x, x), lambda x, ct: (np.clip(2 * x * ct, -1, 1),))
    >>> grad(clipped_gradient)(3.0)
    np.float64(1.0)
    """
    return CustomVjp(function)


def source(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """The emitted source of the program for these arguments, or without any, of the one called last."""
    return _specialisation(function, args, kwargs).executable.source


def ir(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """The simplified graph of the program for these arguments as text, or without any, of the one called last.

    >>> print(ir(grad(lambda x: x * x), 3.0))
    grad_<lambda>(%x: float64[]):
        %0: float64[] = accumulate(%x, %x) ...
        return %0
    """
    return str(_specialisation(function, args, kwargs).graph)


def _specialisation(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Specialisation:
    compiled = function if isinstance(function, Function) else Jit(function, Options())
    if args or kwargs:
        return compiled.specialise(*args, **kwargs)
    if compiled.last is None:
        raise ArgumentError(f"{function!r} has not been called yet; give the arguments to look at")
    return compiled.last
