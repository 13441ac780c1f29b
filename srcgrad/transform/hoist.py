"""Hoist: what a loop computes step by step, computed for all steps at once before or after it.

    for t: h = tanh(x[t] @ w + h @ v)        ->    p = x @ w;  for t: h = tanh(p[t] + h @ v)
    for t: ...; total += outer(a, b)         ->    for t: ...; A[t] = a; B[t] = b        total += A.T @ B
    for t: ...; y[t] = h @ w                 ->    for t: ...; H[t] = h                  y = H @ w
    for t: s = s * exp(x[t])                 ->    e = exp(x);  for t: s = s * e[t]

A product of a matrix and a vector reads the matrix once for each step, an outer product that is added to a matrix reads
and writes it; the product over all steps does the same work in registers. The gradients of a recurrent network's
weights are sums of the second form. Divisions and functions of numbers that a recurrence does not wait for run in
vectors outside it.

* What is read from the inputs of the loop alone, and not from what it carries, can be computed before.
* What only goes into a sum, or out, can be computed after; its operands are then put out by the loop, step by step.
* A step's product is moved where its operands, for all steps, are small beside the matrix that each step would touch;
  elementwise work where it is expensive, and on a few numbers: a loop over more of them has vectors of its own.

This is for the graph that is scheduled, after all derivatives are taken; only loops of known length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from srcgrad.core.lowering import Cast, Contract, Pointwise
from srcgrad.core.op import apply
from srcgrad.graph.node import Graph, Node, bind, substitute
from srcgrad.graph.structure import loop, new_input
from srcgrad.transform.loops import LoopParts
from srcgrad.transform.part_rules import slice_block
from srcgrad.transform.rewrite import dependents, redirect, uniform_value, with_loops
from srcgrad.transform.shape_rules import broadcast

#: loops of fewer steps are left as they are, and products with smaller matrices
_SHORTEST, _SMALLEST = 8, 256
#: a step's product is moved where its matrix has so many times the elements that have to be kept of the step
_SUM_GAIN, _PRODUCT_GAIN = 4, 8
#: elementwise work is moved where a step does at least so many multiplications on fewer elements than this
_EXPENSIVE, _FEW = 4.0, 8


def hoist(graph: Graph) -> Graph:
    """The same graph, and the graphs inside its regions, with such products moved out of loops."""
    return with_loops(graph, _hoisted)


class _Hoist:
    """What moves out of one loop."""

    def __init__(self, node: Node) -> None:
        self.parts = parts = LoopParts(node)
        self.index = parts.body.inputs[0]
        self.xs = parts.inner[parts.carries.stop :]
        self.given = dict(zip(parts.inner[: parts.n_consts], parts.operands, strict=False))
        order = parts.body.nodes()
        self.varying = dependents(order, [self.index, *parts.inner[parts.n_consts :]])
        self.readers: dict[Node, int] = {}
        for operand in (*parts.body.outputs, *(operand for one in order for operand in one.inputs)):
            self.readers[operand] = self.readers.get(operand, 0) + 1
        #: the body's outputs by their old positions, None for what moved out; then what the loop puts out besides
        self.outputs: list[Node | None] = list(parts.body.outputs)
        self.stacks: list[Node] = []
        self.known_steps: dict[Node, Node | None] = {}

    def run(self) -> list[Node] | None:
        """What replaces the results of the loop, None where nothing moves."""
        after = {k: found for k in range(len(self.outputs)) if (found := self.computed_after(k))}
        before = self.computed_before()
        if not after and not before:
            return None
        results = self.rebuilt(before)
        kept = iter(results)
        replaced = {k: next(kept) for k, output in enumerate(self.outputs) if output is not None}
        stacks = {output: replaced[k] for k, output in self.put_out_still()}
        stacks.update(zip(self.stacks, kept, strict=True))
        for k, products in after.items():
            total = replaced.get(k) or (self.parts.operands[self.parts.n_consts + k] if self.is_carry(k) else None)
            for product in products:
                value = product.over_all_steps([self.all_steps(v, stacks) for v in product.operands])
                total = value if total is None else apply("accumulate", total, value)
            assert total is not None
            replaced[k] = total
        return [replaced[k] for k in range(len(self.outputs))]

    def is_carry(self, k: int) -> bool:
        return k < self.parts.n_carries

    def put_out_still(self) -> list[tuple[int, Node]]:
        """The values of each step that the loop puts out, with their positions."""
        outputs = enumerate(self.outputs)
        return [(k, output) for k, output in outputs if output is not None and not self.is_carry(k)]

    # after the loop

    def computed_after(self, k: int) -> list[_Product]:
        """The products that make a result of the loop without being read in it; the output is what is left."""
        output = self.parts.body.outputs[k]
        if not self.is_carry(k):
            found = self.put_out(output)
            if found is None:
                return []
            self.outputs[k] = None
            self.keep(found)
            return [found]
        carry = self.parts.inner[self.parts.n_consts + k]
        terms = list(self.terms(output))
        if carry not in terms or self.readers[carry] != 1:
            return []
        moved = [product for term in terms if (product := self.added(term)) is not None]
        gone = {product.node for product in moved}
        rest = [term for term in terms if term not in gone]
        if not moved:
            return []
        for product in moved:
            self.keep(product)
        total = rest[0]
        for term in rest[1:]:
            total = apply("accumulate", total, term)
        self.outputs[k] = None if rest == [carry] else total
        return moved

    def terms(self, node: Node) -> Iterator[Node]:
        """What a sum of cotangents is made of, as far as nobody else reads the sums on the way."""
        if node.op.name == "accumulate" and self.readers[node] == 1:
            for operand in node.inputs:
                yield from self.terms(operand)
        else:
            yield node

    def added(self, term: Node) -> _Product | None:
        """A product of two values of each step, if their stacks are small beside it."""
        if not isinstance(term.op.lowering, Contract) or self.readers[term] > 1:
            return None
        if any(operand not in self.varying for operand in term.inputs):
            return None
        kept = sum(operand.size for operand in term.inputs if not self.is_known(operand))
        if term.size < _SMALLEST or term.size < _SUM_GAIN * kept:
            return None
        return _Product(term, (True, True), summed=True)

    def put_out(self, output: Node) -> _Product | None:
        """The product of a value of each step with a matrix, if it goes nowhere else."""
        found = self.with_matrix(output)
        if found is None or self.readers[output] > 1:
            return None
        (value,) = (v for v, steps in zip(output.inputs, found.steps, strict=True) if steps)
        return found if self.is_known(value) or value.size <= output.size else None

    def with_matrix(self, node: Node) -> _Product | None:
        if not isinstance(node.op.lowering, Contract):
            return None
        steps = [operand in self.varying for operand in node.inputs]
        if sum(steps) != 1:
            return None
        matrix = node.inputs[steps.index(False)]
        if matrix.size < max(_SMALLEST, _PRODUCT_GAIN * node.size):
            return None
        return _Product(node, (steps[0], steps[1]), summed=False)

    def keep(self, product: _Product) -> None:
        for value, steps in zip(product.operands, product.steps, strict=True):
            if steps and not self.is_known(value):
                self.stacks.append(value)

    # before the loop

    def computed_before(self) -> dict[Node, Node]:
        """Products and expensive functions of what the loop does not carry, for all steps."""
        found: dict[Node, Node] = {}
        roots = [*(output for output in self.outputs if output is not None), *self.stacks]
        order = Graph((), tuple(roots)).nodes()
        moved = {node for node in order if self.is_elementwise(node) and self.known(node) is not None}
        for reader in [*order, None]:
            if reader not in moved:
                for node in moved.intersection(roots if reader is None else reader.inputs):
                    if node not in found and _cost(node, moved) >= _EXPENSIVE:
                        found[node] = self.all_steps(node, {})
        for node in order:
            product = self.with_matrix(node)
            if product is None:
                continue
            operands = zip(product.operands, product.steps, strict=True)
            stacks = [self.known(v) if steps else self.outside(v) for v, steps in operands]
            known = [stack for stack in stacks if stack is not None]
            if len(known) == len(stacks):
                found[node] = product.over_all_steps(known)
        return found

    # values for all steps

    def is_known(self, node: Node) -> bool:
        """Whether the values of a node at all steps are there without putting out more."""
        put_out = [output for _, output in self.put_out_still()]
        return node in self.stacks or node in put_out or self.known(node) is not None

    def known(self, node: Node) -> Node | None:
        """The values of a node of the body at all steps, stacked, where they are there before the loop runs."""
        if node not in self.known_steps:
            self.known_steps[node] = self.stacked(node) if node in self.varying else None
        return self.known_steps[node]

    def stacked(self, node: Node) -> Node | None:
        if node in self.xs:
            return self.parts.operands[self.parts.inner.index(node)]
        if node.op.name == "gather":
            return self.stacked_gather(node)
        if node.op.name == "reshape":
            before = self.known(node.inputs[0])
            return None if before is None else apply("reshape", before, shape=(before.shape[0], *node.shape))
        if self.is_elementwise(node):
            stacks = [self.known(x) if x in self.varying else self.repeated(x) for x in node.inputs]
            known = [stack for stack in stacks if stack is not None]
            return bind(node.op, known, node.params) if len(known) == len(stacks) else None
        return None

    def stacked_gather(self, node: Node) -> Node | None:
        """Rows of an array that never changes, at places that move with the index of the loop."""
        source = node.inputs[0]
        if source in self.varying or node.params["axes"] != (0,) or node.params["position"] or node.inputs[1].ndim:
            return None
        places = self.places(node.inputs[1])
        if places is None or not all(0 <= place < source.shape[0] for place in (places[0], places[-1])):
            return None
        return slice_block(self.outside(source), (places, *map(range, source.shape[1:])))

    def places(self, index: Node) -> range | None:
        """The values of an integer at all steps, where they are the index of the loop, plus or minus a number."""
        if index is self.index:
            return range(self.parts.length or 0)
        if index.op.name not in ("add", "subtract"):
            return None
        left, right = map(uniform_value, index.inputs)
        sign = 1 if index.op.name == "add" else -1
        if right is not None and (places := self.places(index.inputs[0])):
            return range(places.start + sign * right, places.stop + sign * right, places.step)
        if left is not None and (places := self.places(index.inputs[1])):
            return range(left + sign * places.start, left + sign * places.stop, sign * places.step)
        return None

    def is_elementwise(self, node: Node) -> bool:
        return isinstance(node.op.lowering, Pointwise | Cast) and node.size < _FEW

    def repeated(self, node: Node) -> Node:
        """A loop-invariant node, once for each step."""
        assert self.parts.length is not None
        return broadcast(self.outside(node), (self.parts.length, *node.shape))

    def outside(self, node: Node) -> Node:
        """A loop-invariant node of the body, computed outside."""
        return substitute([node], self.given)[0]

    def all_steps(self, node: Node, stacks: dict[Node, Node]) -> Node:
        if node not in self.varying:
            return self.outside(node)
        return self.known(node) or stacks[node]

    def rebuilt(self, before: dict[Node, Node]) -> list[Node]:
        """The results of the loop with other inputs and outputs."""
        parts = self.parts
        slots = {node: new_input(node.array_type, "product") for node in before}
        carries = [k for k in range(parts.n_carries) if self.outputs[k] is not None]
        outputs = redirect([*(output for output in self.outputs if output is not None), *self.stacks], slots)
        inner = [parts.inner[parts.n_consts + k] for k in carries]
        return loop(
            parts.trip_count,
            parts.operands[: parts.n_consts],
            [parts.operands[parts.n_consts + k] for k in carries],
            [*parts.operands[parts.carries.stop :], *before.values()],
            body=Graph(
                (self.index, *parts.inner[: parts.n_consts], *inner, *self.xs, *slots.values()),
                tuple(outputs),
                parts.body.name,
            ),
            length=parts.length,
            reverse=parts.node.params["reverse"],
        )


@dataclass(frozen=True)
class _Product:
    """A contraction in the body; which of its operands differ from step to step; whether the steps are added."""

    node: Node
    steps: tuple[bool, bool]
    summed: bool

    @property
    def operands(self) -> tuple[Node, ...]:
        return self.node.inputs

    def over_all_steps(self, stacks: Sequence[Node]) -> Node:
        """The product for all steps: of stacks, and of what is the same in all steps."""
        operands, out = self.node.params["spec"].split("->")
        labels = operands.split(",")
        step = next(letter for letter in "tsuvwxyzabcdefghijklmnopqr" if letter not in operands)
        labels = [step + own if steps else own for own, steps in zip(labels, self.steps, strict=True)]
        arrays = list(stacks)
        while self.summed and _leading_sum(labels, out):
            merged = [apply("reshape", a, shape=(a.shape[0] * a.shape[1], *a.shape[2:])) for a in arrays]
            arrays, labels = merged, [step + own[2:] for own in labels]
        result = out if self.summed else step + out
        return apply("contract", *arrays, spec=f"{','.join(labels)}->{result}")  # type: ignore[no-any-return]


def _cost(node: Node, moved: set[Node]) -> float:
    """Multiplications that computing a node takes, of what moves with it."""
    kinds = [one.op.lowering for one in Graph((), (node,)).nodes() if one in moved]
    return sum(kind.cost for kind in kinds if isinstance(kind, Pointwise))


def _leading_sum(labels: Sequence[str], out: str) -> bool:
    """Whether the second dimension of both operands is summed over too: with the first, it is one."""
    seconds = {own[1:2] for own in labels}
    return len(seconds) == 1 and "" not in seconds and not seconds & set(out)


def _hoisted(node: Node) -> list[Node] | None:
    length = node.params["length"]
    return None if length is None or length < _SHORTEST else _Hoist(node).run()
