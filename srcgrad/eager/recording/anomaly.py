"""Anomaly detection: where a node was recorded, and which one made a NaN."""

from __future__ import annotations

import os
import traceback
import warnings
from typing import Any

import numpy as np

from srcgrad.eager.tensors.modes import state
from srcgrad.eager.tensors.node import BackwardNode

_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep


def annotate(node: BackwardNode) -> None:
    """Remember the user's line."""
    frames = [frame for frame in traceback.extract_stack()[:-1] if not frame.filename.startswith(_PACKAGE)]
    node.more().trace = "".join(traceback.format_list(frames))


def report(node: BackwardNode) -> None:
    """Warn which forward line belongs to the node whose rule failed."""
    trace = None if node.extra is None else node.extra.trace
    if trace is None:
        what = (
            f"Error detected in {node.name()}. No forward pass information available. Enable detect anomaly during "
            "forward pass for more information."
        )
    else:
        what = f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n{trace}"
    warnings.warn(what, UserWarning, stacklevel=2)


def check_nan(node: BackwardNode, contributions: Any) -> None:
    """Raise where a contribution holds a NaN."""
    for number, contribution in enumerate(contributions):
        array = getattr(contribution, "_array", contribution)
        if array is not None and state.check_nan and np.isnan(array).any():
            raise RuntimeError(f"Function '{node.name()}' returned nan values in its {number}th output.")
