"""The backward pass: the sweep of `srcgrad.transform.adjoint` over nodes that were recorded at run time.

Nodes are ready when all that read their result have contributed; counting these first takes one pass. Of the ready
ones the latest recorded goes first, and leaves at once, as in PyTorch. Nothing recurses, so chains may be as long as
memory allows.

Cotangents are plain arrays. Under ``create_graph`` they are tensors: the same rules then record what they do.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.eager.recording import anomaly, hooks
from srcgrad.eager.recording.convention import as_seen
from srcgrad.eager.tensors.modes import state
from srcgrad.eager.tensors.node import BackwardNode
from srcgrad.eager.tensors.tensor import AccumulateGrad, version_of, wrap

Cotangents = dict[BackwardNode, Any]


def run(
    roots: Sequence[BackwardNode],
    cotangents: Sequence[Any],
    *,
    keep_graph: bool,
    recorded: bool,
    targets: Sequence[BackwardNode] | None = None,
    accumulate: bool = True,
) -> Cotangents:
    """Walk from the roots to the leaves.

    ``recorded``: cotangents are tensors, and the pass can be differentiated. With ``targets`` only what leads to them
    is visited; what arrives at them is returned unless ``accumulate``, which adds it to leaves.
    """
    needed = None if targets is None else leading_to(targets, roots)
    captures = () if accumulate or targets is None else frozenset(targets)
    waiting = count_readers(roots, needed)
    captured: Cotangents = {}
    arrived: Cotangents = {}
    for root, cotangent in zip(roots, cotangents, strict=True):
        arrived[root] = arrived[root] + cotangent if root in arrived else cotangent
    ready = [(-root.seq, root) for root in dict.fromkeys(roots) if not waiting[root]]
    heapq.heapify(ready)
    push, pop, push_and_pop = heapq.heappush, heapq.heappop, heapq.heappushpop
    watched = state.anomaly
    node = pop(ready)[1] if ready else None
    while node is not None:
        cotangent = arrived.pop(node, None)
        extra, edges = node.extra, node.edges
        if extra is not None and cotangent is not None:
            cotangent = hooks.before(extra, cotangent)
        following: BackwardNode | None = None  # one that is ready, and need not go through the heap where that is empty
        if needed is not None:
            if node in captures:
                captured[node] = as_seen(cotangent)
            edges = tuple([edge if edge in needed else None for edge in edges])
        if type(node) is AccumulateGrad:
            if cotangent is not None and accumulate:
                add_to_leaf(node, cotangent, recorded)
        elif needed is None or any(edges):
            if cotangent is None:
                contributions: Sequence[Any] = (None,) * len(edges)
            else:
                pull = node.pull_recorded if recorded else node.pull
                contributions = _watch(node, pull, cotangent, edges) if watched else pull(cotangent, edges)
                if extra is not None and extra.post_hooks:
                    contributions = hooks.after(node, extra, contributions, cotangent)
                if not keep_graph:
                    node.release()
            for edge, contribution in zip(edges, contributions, strict=True):
                if edge is None:
                    continue
                if contribution is not None:
                    found = arrived.get(edge)
                    arrived[edge] = contribution if found is None else found + contribution
                left = waiting[edge] - 1
                if left:
                    waiting[edge] = left
                elif following is None:
                    following = edge
                else:
                    push(ready, (-edge.seq, edge))
        if ready:
            node = (pop(ready) if following is None else push_and_pop(ready, (-following.seq, following)))[1]
        else:
            node = following
    return captured


def count_readers(roots: Sequence[BackwardNode], needed: Cotangents | None) -> dict[BackwardNode, int]:
    """How many contributions each node will get from the nodes behind the roots."""
    waiting = dict.fromkeys(roots, 0)
    stack = list(waiting)
    while stack:
        for edge in stack.pop().edges:
            if edge is None or (needed is not None and edge not in needed):
                continue
            count = waiting.get(edge)
            if count is None:
                waiting[edge] = 1
                stack.append(edge)
            else:
                waiting[edge] = count + 1
    return waiting


def leading_to(targets: Sequence[BackwardNode], roots: Sequence[BackwardNode]) -> dict[BackwardNode, Any]:
    """The targets and the nodes on a path from a root to one of them."""
    needed: dict[BackwardNode, Any] = dict.fromkeys(targets)
    seen: set[BackwardNode] = set()
    stack: list[tuple[BackwardNode, bool]] = [(root, False) for root in roots]
    while stack:
        node, is_done = stack.pop()
        if is_done:
            if any(edge in needed for edge in node.edges if edge is not None):
                needed[node] = None
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((edge, False) for edge in node.edges if edge is not None and edge not in seen)
    return needed


def add_to_leaf(node: AccumulateGrad, cotangent: Any, recorded: bool) -> None:
    """Add to the gradient of a leaf: in place, unless the sum is to be differentiated."""
    tensor = node.tensor()
    if tensor is not None and tensor._node is None:  # it does not require a gradient any more
        return
    cotangent = as_seen(cotangent)
    meta = node.meta
    old = meta.grad
    if recorded:
        meta.grad = cotangent if old is None else old + cotangent
    elif old is None:
        meta.grad = wrap(np.array(cotangent))
    else:
        array = old._array
        np.add(array, cotangent, out=array, casting="same_kind")
        version_of(old).count += 1
    extra = node.extra
    if extra is not None and extra.post_hooks:
        hooks.after_accumulation(node, extra)


def _watch(node: BackwardNode, pull: Callable[..., Sequence[Any]], cotangent: Any, edges: Any) -> Sequence[Any]:
    """Apply a rule; where it fails or makes a NaN, say to which forward line it belongs."""
    try:
        contributions = pull(cotangent, edges)
        anomaly.check_nan(node, contributions)
    except Exception:
        anomaly.report(node)
        raise
    return contributions
