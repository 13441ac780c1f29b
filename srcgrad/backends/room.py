"""The stack of a thread, and calls that need more of it than there is.

LLVM's passes want megabytes, a kernel up to ``settings.stack_budget`` for its arrays. A thread may have less:
``threading.stack_size``, ``ulimit -s``, or a system whose threads begin with half a megabyte. Such a call goes to a
thread with room, which costs some 50 us.
"""

from __future__ import annotations

import contextvars
import ctypes
import sys
import threading
from collections.abc import Callable
from typing import Any

#: bytes that tracing and compilation may need, and that a thread with room has
COMPILER, ROOM = 4 << 20, 32 << 20
#: bytes for the frames around a kernel, and beside the arrays that it declares
FRAMES = 1 << 16

_here = threading.local()
_sizes = threading.Lock()


def stack_size() -> int:
    """Bytes of this thread's stack; very many where that cannot be told."""
    try:
        size: int = _here.size
    except AttributeError:
        size = _here.size = _measured()
    return size


def _measured() -> int:
    try:
        library = ctypes.CDLL(None)
        library.pthread_self.restype = ctypes.c_void_p
        own = ctypes.c_void_p(library.pthread_self())
        if sys.platform == "darwin":
            library.pthread_get_stacksize_np.restype = ctypes.c_size_t
            return int(library.pthread_get_stacksize_np(own))
        return _of_attributes(library, lambda attributes: library.pthread_getattr_np(own, attributes))
    except (AttributeError, OSError, TypeError):
        return sys.maxsize


def of_new_threads() -> int:
    """Bytes of the stack of a thread that native code starts with the system's defaults."""
    try:
        library = ctypes.CDLL(None)
        return _of_attributes(library, library.pthread_attr_init)
    except (AttributeError, OSError, TypeError):
        return sys.maxsize


def _of_attributes(library: Any, fill: Callable[[Any], int]) -> int:
    """The stack size in a thread's attributes, which ``fill`` writes; it returns an error number, or 0."""
    attributes, size = ctypes.create_string_buffer(256), ctypes.c_size_t()
    if fill(attributes):
        return sys.maxsize
    library.pthread_attr_getstacksize(attributes, ctypes.byref(size))
    library.pthread_attr_destroy(attributes)
    return size.value


def with_room(need: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """The function's result, computed on a stack of at least so many bytes."""
    if stack_size() >= need:
        return function(*arguments)
    return in_a_thread(function, *arguments)


def in_a_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """The function's result, computed in a thread with room; in this one's context."""
    outcome: list[Any] = []
    context = contextvars.copy_context()

    def run() -> None:
        try:
            outcome.append(context.run(function, *arguments))
        except BaseException as error:  # raised where the call is
            outcome.extend((None, error))

    with _sizes:
        before = threading.stack_size(ROOM)
        try:
            thread = threading.Thread(target=run, name="srcgrad")
            thread.start()
        finally:
            threading.stack_size(before)
    thread.join()
    if len(outcome) > 1:
        raise outcome[1]
    return outcome[0]
