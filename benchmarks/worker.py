"""A session in a process of its own, so that contenders share neither thread pools nor settings nor crashes.

The parent asks, the process answers; between questions it sleeps. Hence the parent can let contenders take turns
as if they lived in one process.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.case import Case
from benchmarks.contenders import Contender
from benchmarks.measure import Failed, Session, first_line
from benchmarks.results import FirstCall

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Options:
    """What all contenders of a run have in common."""

    threads: int = 2
    seed: int = 0
    rounds: int = 20
    seconds: float = 0.03  # of one turn in a round
    limit: float = 180.0  # seconds that one answer may take
    patience: float = 20.0  # seconds a case waits for other work on the machine to end
    quick: bool = False  # no second process, no imports


class Worker:
    """A `Session` in another process, with the same methods. Use as a context manager."""

    def __init__(self, case: Case, contender: Contender, options: Options, cache: Path) -> None:
        self.options = options
        cache.mkdir(parents=True, exist_ok=True)
        self._log = cache / "output.log"
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, case.name, contender.name, options, self._log), daemon=True
        )
        with _environment(contender, options, cache):
            self._process.start()
        theirs.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()
        self._process.join(timeout=2)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def first_call(self) -> FirstCall:
        return self._ask("first_call")  # type: ignore[no-any-return]

    def round(self, seconds: float) -> float:
        return self._ask("round", seconds)  # type: ignore[no-any-return]

    def _ask(self, method: str, *args: Any) -> Any:
        try:
            self._connection.send((method, args))
            if not self._connection.poll(self.options.limit):
                self._process.kill()
                raise Failed(f"no answer within {self.options.limit:.0f} s")
            ok, answer = self._connection.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self._process.join(timeout=2)
            raise Failed(f"the process ended with exit code {self._process.exitcode}") from None
        if not ok:
            raise Failed(answer)
        return answer


def _serve(connection: Connection, case: str, contender: str, options: Options, log: Path) -> None:
    """Answer the parent's questions until it hangs up."""
    from benchmarks.cases import CASES
    from benchmarks.contenders import CONTENDERS

    with log.open("ab") as stream:  # the parent's terminal shows tables, not the contenders' chatter
        for descriptor in (1, 2):
            os.dup2(stream.fileno(), descriptor)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    session = Session(
        next(c for c in CASES if c.name == case),
        next(c for c in CONTENDERS if c.name == contender),
        threads=options.threads,
        seed=options.seed,
    )
    while True:
        try:
            method, args = connection.recv()
        except EOFError:
            return
        try:
            answer = (True, getattr(session, method)(*args))
        except Exception as error:
            sys.excepthook(*sys.exc_info())
            answer = (False, first_line(error))
        connection.send(answer)


@contextmanager
def _environment(contender: Contender, options: Options, cache: Path) -> Iterator[None]:
    """The variables that a process has to find when it starts."""
    variables = dict.fromkeys(THREAD_VARIABLES, str(options.threads))
    variables |= {name: str(cache / name.lower()) for name in contender.cache_variables}
    variables |= contender.environment
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
