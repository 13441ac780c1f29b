"""Is anything else running? A contender with threads loses far more to a neighbour than one without.

The machine counts the time that its cores are busy; while all contenders sleep, that time is somebody else's.
"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter, sleep

COUNTERS = Path("/proc/stat")
TICKS_A_SECOND = 100
WINDOW = 0.1  # seconds
MOST_BUSY = 0.15  # of one core


class Quiet:
    """Waits for the machine to be quiet, but in all no longer than its patience, in seconds."""

    def __init__(self, patience: float) -> None:
        self.patience = patience

    def now(self) -> bool:
        """Whether the machine is quiet; true where it does not tell."""
        return busy_cores() <= MOST_BUSY

    def wait(self) -> bool:
        """Whether the machine is quiet now, after waiting for that."""
        while not self.now():
            if self.patience <= 0:
                return False
            sleep(1.0)
            self.patience -= 1.0 + WINDOW
        return True


def busy_cores() -> float:
    """How many cores were busy for a short while in which the caller slept; 0 where the system does not tell."""
    if not COUNTERS.exists():
        return 0.0
    before, started = _busy_ticks(), perf_counter()
    sleep(WINDOW)
    return (_busy_ticks() - before) / TICKS_A_SECOND / (perf_counter() - started)


def _busy_ticks() -> int:
    user, nice, system, _idle, _wait, irq, soft, *_ = COUNTERS.read_text(encoding="ascii").split()[1:11]
    return sum(map(int, (user, nice, system, irq, soft)))
