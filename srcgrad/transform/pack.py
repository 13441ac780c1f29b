"""Pack: many inputs that a program reads as one stack are one input, many results that are its slices one result.

A loop over a list of arrays reads them from a stack (`rolled`). Stacking them in the program takes a statement and an
argument for each, which takes long to compile; where it is called, one call of NumPy puts them together. What comes
back as slices of one stack, such as their gradients, is taken apart there too.
"""

from __future__ import annotations

from collections.abc import Iterator

from srcgrad.core.packing import Packing
from srcgrad.graph.node import Graph, Node
from srcgrad.graph.structure import INPUT, new_input
from srcgrad.transform.part_rules import slice_block
from srcgrad.transform.rewrite import redirect, strong
from srcgrad.transform.rolled import part
from srcgrad.transform.simplify import simplify

#: fewer than this many are left as they are
_FEWEST = 17


def pack(graph: Graph) -> tuple[Graph, Packing | None]:
    """The graph with packed inputs and results; itself and None where there is nothing to pack."""
    groups = list(_stacked_inputs(graph))
    replacements: dict[Node, Node] = {}
    made = []
    for group in groups:
        first = group.inputs[0].inputs[0]
        type_ = strong(first.array_type)
        whole = new_input(type_.with_shape((len(group.inputs), *type_.shape)), str(first.params["name"]))
        made.append(whole)
        replacements[group] = whole
        replacements.update((row.inputs[0], part(whole, k)) for k, row in enumerate(group.inputs))
    outputs = redirect(graph.outputs, replacements) if groups else list(graph.outputs)
    inside = {row.inputs[0] for group in groups for row in group.inputs}
    single = [node for node in graph.inputs if node not in inside]
    smaller = Graph((*single, *made), tuple(outputs), graph.name)
    if groups:
        smaller = simplify(smaller)
    kept, results = _packed_results(smaller.outputs)
    if not groups and len(kept) == len(results):
        return graph, None
    place = {node: k for k, node in enumerate(graph.inputs)}
    parts = tuple(tuple(place[row.inputs[0]] for row in group.inputs) for group in groups)
    packing = Packing(tuple(place[node] for node in single), parts, tuple(results))
    return Graph(smaller.inputs, tuple(kept), graph.name), packing


def _stacked_inputs(graph: Graph) -> Iterator[Node]:
    """Stacks of inputs, each of which is in one of them."""
    seen: set[Node] = set()
    for node in graph.nodes():
        if node.op.name != "concatenate" or len(node.inputs) < _FEWEST or node.params["axis"] != 0:
            continue
        parts = {row.inputs[0] for row in node.inputs if _is_row_of_input(row)}
        if len(parts) == len(node.inputs) and not parts & seen:
            seen |= parts
            yield node


def _is_row_of_input(node: Node) -> bool:
    return node.op.name == "reshape" and node.inputs[0].op is INPUT and node.shape == (1, *node.inputs[0].shape)


def _packed_results(outputs: tuple[Node, ...]) -> tuple[list[Node], list[tuple[int, int | None]]]:
    """The results of the packed program, and for each of the old ones where it is in these."""
    slices = [_slice_of(output) for output in outputs]
    places: dict[Node, list[int]] = {}
    for found in slices:
        if found is not None:
            places.setdefault(found[0], []).append(found[1])
    kept: list[Node] = []
    number: dict[Node, int] = {}
    results: list[tuple[int, int | None]] = []
    for output, found in zip(outputs, slices, strict=True):
        used = set(places[found[0]]) if found is not None else set()
        if found is None or len(used) < _FEWEST or 2 * len(used) < max(used) - min(used):
            results.append((len(kept), None))
            kept.append(output)
            continue
        base, k = found
        first, stop = min(used), max(used) + 1
        if base not in number:
            number[base] = len(kept)
            whole = first == 0 and stop == base.shape[0]
            kept.append(base if whole else slice_block(base, (range(first, stop), *map(range, base.shape[1:]))))
        results.append((number[base], k - first))
    return kept, results


def _slice_of(node: Node) -> tuple[Node, int] | None:
    """The stack of which a node is a slice, and its place in it."""
    inner = node.inputs[0] if node.op.name == "reshape" else node
    if inner.op.name != "slice":
        return None
    base, params = inner.inputs[0], inner.params
    rest = base.shape[1:]
    if inner.shape != (1, *rest) or node.shape != rest or any(params["starts"][1:]):
        return None
    if any(step != 1 for step, extent in zip(params["steps"][1:], rest, strict=True) if extent > 1):
        return None
    return base, params["starts"][0]
