"""einsum: repeated labels become diagonals, lone ones sums, and pairs of operands contractions."""

from __future__ import annotations

from typing import Any

from srcgrad.eager.functions.indexing import diagonal
from srcgrad.eager.functions.linear import contract
from srcgrad.eager.functions.reductions import sum as total
from srcgrad.eager.functions.shaping import permute, squeeze
from srcgrad.eager.recording.operands import to_dtype
from srcgrad.eager.tensors.promotion import result_dtype

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def einsum(equation: str, *operands: Any) -> Any:
    """Sums of products of tensors whose dimensions are named by letters: ``einsum("ij,jk->ik", a, b)``."""
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    inputs, out = _parse(equation, operands)
    dtype = result_dtype(operands)
    values = [_without_repeats(to_dtype(value, dtype), labels) for value, labels in zip(operands, inputs, strict=True)]
    value, labels = values[0]
    for position, (other, other_labels) in enumerate(values[1:], start=1):
        later = set(out).union(*(one for _, one in values[position + 1 :]))
        value, labels = _two(value, labels, other, other_labels, later)
    gone = [k for k, label in enumerate(labels) if label not in out]
    if gone:
        value = total(value, gone)
        labels = "".join(label for label in labels if label in out)
    return value if labels == out else permute(value, [labels.index(label) for label in out])


def _parse(equation: str, operands: tuple[Any, ...]) -> tuple[list[str], str]:
    """The labels of the operands and of the result, ellipses written out."""
    left, arrow, out = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(operands):
        raise RuntimeError(
            "einsum(): more operands were provided than specified in the equation"
            if len(parts) < len(operands)
            else "einsum(): fewer operands were provided than specified in the equation"
        )
    spare = [letter for letter in _LETTERS if letter not in equation]
    most = max(
        (
            len(value.shape) - len(part.replace("...", ""))
            for part, value in zip(parts, operands, strict=True)
            if "..." in part
        ),
        default=0,
    )
    dots = "".join(spare[:most])
    found = []
    for number, (part, value) in enumerate(zip(parts, operands, strict=True)):
        count = len(value.shape) - len(part.replace("...", ""))
        if count < 0 or (count and "..." not in part):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(part.replace('...', ''))}) does not "
                "match the number of dimensions "
                f"({len(value.shape)}) for operand {number} and no ellipsis was given"
            )
        found.append(part.replace("...", dots[most - count :] if count else ""))
    if not arrow:
        used = "".join(found)
        out = dots + "".join(sorted(label for label in set(used) - set(dots) if used.count(label) == 1))
    out = out.replace("...", dots)
    for label in out:
        if not any(label in part for part in found):
            raise RuntimeError(
                f"einsum(): output subscript {label} does not appear in the equation for any input operand"
            )
    return found, out


def _without_repeats(value: Any, labels: str) -> tuple[Any, str]:
    """Diagonals where one operand has a label twice."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            value = diagonal(value, 0, first, second)
            labels = labels[:first] + labels[first + 1 : second] + labels[second + 1 :] + label
    return value, labels


def _two(x: Any, left: str, y: Any, right: str, later: set[str]) -> tuple[Any, str]:
    """The product of two operands, summed over what nobody needs later."""
    x, left = _lone_summed(x, left, right, later)
    y, right = _lone_summed(y, right, left, later)
    for label in set(left) & set(right):  # one of both may be broadcast
        a, b = x.shape[left.index(label)], y.shape[right.index(label)]
        if a == 1 and b != 1:
            x, left = squeeze(x, left.index(label)), left.replace(label, "")
        elif b == 1 and a != 1:
            y, right = squeeze(y, right.index(label)), right.replace(label, "")
        elif a != b:
            raise RuntimeError(
                f"einsum(): subscript {label} has size {b} for operand 1 which does not broadcast with previously "
                f"seen size {a}"
            )
    out = "".join(label for label in dict.fromkeys(left + right) if label in later)
    if not left or not right:
        return x * y, left + right
    return contract(x, y, f"{left},{right}->{out}", "BmmBackward0"), out


def _lone_summed(value: Any, labels: str, other: str, later: set[str]) -> tuple[Any, str]:
    lone = [k for k, label in enumerate(labels) if label not in other and label not in later]
    return (total(value, lone), "".join(x for k, x in enumerate(labels) if k not in lone)) if lone else (value, labels)
