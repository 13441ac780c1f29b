"""Repetitions in a sequence: the longest stretch that is one piece, over and over.

A stretch has the period p where every symbol equals the one p places before it. Periods worth a look are the distances
between two equal groups of symbols that follow each other: in ``abcabcabc`` every group comes again after 3. Each of
them is checked by one comparison of the sequence with itself, shifted; so the time is near-linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_GROUP = 4
#: distances that are checked: those that cover most
_CANDIDATES = 24
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Repetition:
    """``count`` pieces of ``period`` symbols, one after the other, from ``start``."""

    start: int
    period: int
    count: int

    @property
    def covered(self) -> int:
        return self.period * self.count


def longest_repetition(symbols: Sequence[int], least: int) -> Repetition | None:
    """The repetition of at least so many pieces that covers most; of several the one of the shortest pieces."""
    sequence = np.asarray(symbols)
    best: Repetition | None = None
    for period in _distances(sequence, len(sequence) // least):
        found = _of_period(sequence, period)
        if found.count >= least and (best is None or (found.covered, -period) > (best.covered, -best.period)):
            best = found
    return best


def longest_run(flags: np.ndarray[tuple[int], np.dtype[np.bool]]) -> tuple[int, int]:
    """Where the longest stretch of truths begins and ends; the first of equally long ones."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    if not len(edges):
        return 0, 0
    starts, stops = edges[::2], edges[1::2]
    longest = int(np.argmax(stops - starts))
    return int(starts[longest]), int(stops[longest])


def _distances(sequence: np.ndarray[tuple[int], np.dtype[np.int64]], largest: int) -> list[int]:
    """The periods that may occur, up to ``largest``."""
    if len(sequence) < _GROUP or largest < 1:
        return []
    groups = np.zeros(len(sequence) - _GROUP + 1, np.uint64)
    for place in range(_GROUP):
        groups = groups * _FACTOR + sequence[place : place + len(groups)].astype(np.uint64)
    order = np.argsort(groups, kind="stable")
    again = groups[order[1:]] == groups[order[:-1]]
    distances, counts = np.unique((order[1:] - order[:-1])[again], return_counts=True)
    within = distances <= largest
    distances, counts = distances[within], counts[within]
    most = np.argsort(-(distances * counts), kind="stable")[:_CANDIDATES]
    return sorted(distances[most].tolist())


def _of_period(sequence: np.ndarray[tuple[int], np.dtype[np.int64]], period: int) -> Repetition:
    start, stop = longest_run(sequence[period:] == sequence[:-period])
    return Repetition(start, period, (stop - start + period) // period)
