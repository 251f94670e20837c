"""Einsum: products and sums over named axes, as transposes and matrix products of two operands at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.formulas import Term

_ELLIPSIS = "..."
_SPARE = "0123456789"
"""Labels for the axes that an ellipsis stands for."""


@dataclass(frozen=True)
class Labelled:
    """A tensor with a label for each axis."""

    term: Term
    labels: str

    def side(self, label: str) -> int:
        """The length of the axis of a label, 1 where there is none."""
        return self.term.shape[self.labels.index(label)] if label in self.labels else 1

    def ordered(self, labels: str) -> Term:
        """With the axes in an order."""
        order = tuple(self.labels.index(label) for label in labels)
        return Term(self.term.at, self.term.at.transpose(self.term.tensor, order))

    def summed(self, kept: str) -> Labelled:
        """Summed over the axes that are not among `kept`."""
        labels = "".join(label for label in self.labels if label in kept)
        if labels == self.labels:
            return self
        at, places = self.term.at, [i for i, label in enumerate(self.labels) if label not in kept]
        shape = tuple(self.side(label) for label in labels)
        inputs = [self.term.tensor, at.const(places)]
        return Labelled(Term(at, at.add("SUM", inputs, shape, self.term.dtype, keepDims=False)), labels)


def einsum(node: Node, at: Lowering) -> None:
    """Einsum, from the left operand to the right."""
    terms, result = _parse(node.text("equation", ""), [at.rank(name) for name in node.inputs])
    operands = [
        Labelled(Term(at, at.read(name)), labels) for name, labels in zip(node.inputs, terms, strict=True)
    ]
    total = operands[0]
    for number, operand in enumerate(operands[1:], 1):
        later = result + "".join(terms[number + 1 :])
        total = _product(total, operand, later)
    total = total.summed(result)
    at.write(node.outputs[0], total.ordered(result).tensor)


def _parse(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The labels of each operand and of the result; an ellipsis is labelled with digits, from the right."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = [_without_ellipsis(term, rank) for term, rank in zip(left.split(","), ranks, strict=True)]
    longest = max((sum(label in _SPARE for label in term) for term in terms), default=0)
    if arrow:
        result = right.replace(_ELLIPSIS, _SPARE[:longest][::-1])
    else:
        named = sorted(label for label in set(left) if label.isalpha() and left.count(label) == 1)
        result = _SPARE[:longest][::-1] + "".join(named)
    if any(len(set(term)) < len(term) for term in (*terms, result)):
        raise UnsupportedError("it takes a diagonal")
    return terms, result


def _without_ellipsis(term: str, rank: int) -> str:
    hidden = rank - len(term.replace(_ELLIPSIS, ""))
    if hidden > len(_SPARE):
        raise UnsupportedError(f"it has more than {len(_SPARE)} unnamed axes")
    return term.replace(_ELLIPSIS, _SPARE[:hidden][::-1])


def _product(left: Labelled, right: Labelled, later: str) -> Labelled:
    """The product of two tensors, summed over the labels that nothing needs `later`."""
    left, right = left.summed(later + right.labels), right.summed(later + left.labels)
    both = [label for label in left.labels if label in right.labels]
    batch = "".join(label for label in both if label in later)
    inner = "".join(label for label in both if label not in later)
    rows = "".join(label for label in left.labels if label not in both)
    columns = "".join(label for label in right.labels if label not in both)
    if any(left.side(label) != right.side(label) for label in inner):
        raise UnsupportedError("it broadcasts along an axis that it sums over")
    shared = [max(left.side(label), right.side(label)) for label in batch]
    sides = [*shared, *(left.side(label) for label in rows), *(right.side(label) for label in columns)]
    one, other = left.ordered(batch + rows + inner), right.ordered(batch + inner + columns)
    at, labels = left.term.at, batch + rows + columns
    if inner:
        matrices = _batched(one, len(batch), shared, rows), _batched(other, len(batch), shared, inner)
        return Labelled(Term(at, at.reshape(_multiplied(*matrices).tensor, sides)), labels)
    column = Term(at, at.reshape(one.tensor, (*one.shape, *(1,) * len(columns))))
    gaps = (*other.shape[: len(batch)], *(1,) * len(rows), *other.shape[len(batch) :])
    return Labelled(column * Term(at, at.reshape(other.tensor, gaps)), labels)


def _batched(term: Term, axes: int, shared: Sequence[int], first: str) -> Term:
    """A tensor as a batch of matrices: `first` are the labels of their rows."""
    whole = term.expanded((*shared, *term.shape[axes:]))
    rows = term.shape[axes : axes + len(first)]
    shape = (prod(shared), prod(rows), prod(term.shape[axes + len(first) :]))
    return Term(term.at, term.at.reshape(whole.tensor, shape))


def _multiplied(left: Term, right: Term) -> Term:
    shape = (left.shape[0], left.shape[1], right.shape[2])
    inputs = [left.tensor, right.tensor]
    return Term(left.at, left.at.add("BATCH_MATMUL", inputs, shape, left.dtype, adjX=False, adjY=False))


OPERATORS: Table = {"Einsum": einsum}
