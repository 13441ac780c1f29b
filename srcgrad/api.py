"""The public transforms: functions to functions, usable as decorators, freely nested."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, overload

from srcgrad.core import tree
from srcgrad.core.errors import ArgumentError
from srcgrad.dispatch import Function, Grad, Jit, Options, Specialisation, jacobians
from srcgrad.dispatch.custom import Checkpoint, CustomVjp
from srcgrad.dispatch.transforms import Argnums
from srcgrad.pipeline import readable
from srcgrad.staging.hidden import fixed
from srcgrad.transform.stop import stop_gradient as _stop

if TYPE_CHECKING:
    from typing_extensions import Unpack

P = ParamSpec("P")
Result = TypeVar("Result")
Aux = TypeVar("Aux")
Transform = TypeVar("Transform", bound=Callable[..., Any])


def _explaining_options(transform: Transform) -> Transform:
    """The transform with the shared options explained at the end of its docstring."""
    transform.__doc__ = f"{inspect.getdoc(transform)}\n\n{inspect.getdoc(Options)}"
    return transform


@overload
def jit(function: Callable[P, Result], **options: Unpack[Options]) -> Jit[P, Result]: ...
@overload
def jit(function: None = None, **options: Unpack[Options]) -> Callable[[Callable[P, Result]], Jit[P, Result]]: ...
@_explaining_options
def jit(function: Callable[..., Any] | None = None, **options: Unpack[Options]) -> Any:
    """The same function, traced once per combination of argument types and compiled.

    Arrays that the function writes into are written into.

    >>> import numpy as np
    >>> @jit
    ... def area(r):
    ...     return 3.0 * r * r
    >>> area(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    return _decorate(function, lambda f: Jit(f, options))


@overload
def grad(
    function: Callable[P, Any], argnums: Argnums = 0, has_aux: Literal[False] = False, **options: Unpack[Options]
) -> Grad[P, Any]: ...
@overload
def grad(
    function: Callable[P, tuple[Any, Aux]], argnums: Argnums = 0, *, has_aux: Literal[True], **options: Unpack[Options]
) -> Grad[P, tuple[Any, Aux]]: ...
@overload
def grad(function: Callable[P, Any], argnums: Argnums, has_aux: bool, **options: Unpack[Options]) -> Grad[P, Any]: ...
@overload
def grad(
    function: None = None, argnums: Argnums = 0, has_aux: bool = False, **options: Unpack[Options]
) -> Callable[[Callable[P, Any]], Grad[P, Any]]: ...
@_explaining_options
def grad(
    function: Callable[..., Any] | None = None, argnums: Argnums = 0, has_aux: bool = False, **options: Unpack[Options]
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
    return _decorate(function, lambda f: Grad(f, argnums, has_aux, False, options))


@overload
def value_and_grad(
    function: Callable[P, Result], argnums: Argnums = 0, has_aux: bool = False, **options: Unpack[Options]
) -> Grad[P, tuple[Result, Any]]: ...
@overload
def value_and_grad(
    function: None = None, argnums: Argnums = 0, has_aux: bool = False, **options: Unpack[Options]
) -> Callable[[Callable[P, Result]], Grad[P, tuple[Result, Any]]]: ...
@_explaining_options
def value_and_grad(
    function: Callable[..., Any] | None = None, argnums: Argnums = 0, has_aux: bool = False, **options: Unpack[Options]
) -> Any:
    """As `grad`, and the value: ``(value, grads)``, or ``((value, aux), grads)`` with ``has_aux``.

    Fits ``scipy.optimize.minimize(value_and_grad(f), x0, jac=True)``.

    >>> value_and_grad(lambda x: x * x)(3.0)
    (np.float64(9.0), np.float64(6.0))
    """
    return _decorate(function, lambda f: Grad(f, argnums, has_aux, True, options))


def _decorate(function: Callable[..., Any] | None, transform: Callable[[Callable[..., Any]], Any]) -> Any:
    return transform if function is None else transform(function)


def stop_gradient(x: Result) -> Result:
    """The same value (or pytree of values), as a constant for differentiation.

    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    return tree.map(_stop, x)  # type: ignore[no-any-return]


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


@overload
def jacrev(function: Callable[P, Any], argnums: Argnums = 0, **options: Unpack[Options]) -> Jit[P, Any]: ...
@overload
def jacrev(
    function: None = None, argnums: Argnums = 0, **options: Unpack[Options]
) -> Callable[[Callable[P, Any]], Jit[P, Any]]: ...
@_explaining_options
def jacrev(function: Callable[..., Any] | None = None, argnums: Argnums = 0, **options: Unpack[Options]) -> Any:
    """The Jacobian by reverse mode: one forward pass, then one pullback for each element of the result.

    A leaf has the shape of the result, then that of the argument. Several ``argnums`` give a tuple.

    Of a complex result by a complex argument it is the derivative of a holomorphic function; for others use `vjp`. Of a
    real result by a complex argument it is the gradient, as `grad` has it.

    >>> import numpy as np
    >>> jacrev(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _decorate(function, lambda f: jacobians.jacrev(f, argnums, options))


@overload
def hessian(function: Callable[P, Any], argnums: Argnums = 0, **options: Unpack[Options]) -> Jit[P, Any]: ...
@overload
def hessian(
    function: None = None, argnums: Argnums = 0, **options: Unpack[Options]
) -> Callable[[Callable[P, Any]], Jit[P, Any]]: ...
@_explaining_options
def hessian(function: Callable[..., Any] | None = None, argnums: Argnums = 0, **options: Unpack[Options]) -> Any:
    """The matrix of second derivatives of a function that returns a scalar.

    >>> import numpy as np
    >>> hessian(lambda x: x[0] * x[0] * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return _decorate(function, lambda f: jacobians.hessian(f, argnums, options))


def hvp(function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, ...]:
    """The product of the Hessian of a scalar function with a vector, without the Hessian: a tuple like ``primals``.

    >>> import numpy as np
    >>> hvp(lambda x: (x * x * x).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 10.0]),))
    (array([  6., 120.]),)
    """
    return jacobians.hvp(function, primals, tangents)


def checkpoint(function: Callable[P, Result]) -> Checkpoint[P, Result]:
    """The same function; what its derivative reads of it is computed again in the reverse pass instead of kept.

    It trades time for memory, and matters in loops, where what is kept is kept for every iteration.

    >>> import numpy as np
    >>> step = checkpoint(lambda x: np.sin(np.sin(x)))
    >>> grad(lambda x: step(step(x)))(0.0)
    np.float64(1.0)
    """
    return Checkpoint(function)


def custom_vjp(function: Callable[P, Result]) -> CustomVjp[P, Result]:
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


def source(function: Callable[..., Any], *args: Any, form: str = "readable", **kwargs: Any) -> str:
    """The program for these arguments, or without any, of the one called last, as Python.

    Args:
        form: "readable", the loops as a person would write them; or "machine", what is compiled: with short loops
            written out, several iterations side by side, and memory and threads spelt out.

    >>> import numpy as np
    >>> def loss(w, x):
    ...     return np.sum(np.exp(x @ w))
    >>> print(source(grad(loss), np.ones(3), np.ones((100, 3))))
    def grad_loss(w, x):
        grad_w = np.zeros(3)
        for i in range(100):
            total = 0.0
            for j in range(3):
                total += x[i, j] * w[j]
            t = np.exp(total)
            for j in range(3):
                grad_w[j] += t * x[i, j]
        return grad_w
    <BLANKLINE>
    """
    if form not in ("readable", "machine"):
        raise ArgumentError(f"the forms of source are 'readable' and 'machine', not {form!r}")
    found = _specialisation(function, args, kwargs)
    return found.executable.source if form == "machine" else readable(found.executable.graph, found.recorded.names)


def ir(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """The simplified graph of the program for these arguments as text, or without any, of the one called last.

    >>> print(ir(grad(lambda x: x * x), 3.0))
    grad_<lambda>(%x: float64[]):
        %0: float64[] = accumulate(%x, %x) ...
        return %0
    """
    return str(_specialisation(function, args, kwargs).graph)


def _specialisation(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Specialisation:
    compiled = function if isinstance(function, Function) else Jit(function)
    if args or kwargs:
        return compiled.specialise(*args, **kwargs)
    if compiled.last is None:
        raise ArgumentError(f"{function!r} has not been called yet; give the arguments to look at")
    return compiled.last
