"""Formulas over tensors: operators of Python append the kernels that compute them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgeinfer_converters.tflite.broadcast import expand, few_axes
from edgeinfer_converters.tflite.layouts import Shape
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.steps import combine
from edgeinfer_converters.tflite.tensors import OptionValue


@dataclass(frozen=True)
class Term:
    """A tensor in a formula. Operands broadcast; numbers take the tensor's type."""

    at: Lowering
    tensor: int

    @property
    def dtype(self) -> str:
        """The element type."""
        return self.at.graph.tensors[self.tensor].dtype

    @property
    def shape(self) -> Shape:
        """The shape in which it is stored."""
        return self.at.graph.tensors[self.tensor].shape

    def apply(self, code: str, **options: OptionValue) -> Term:
        """A kernel of one operand."""
        return Term(self.at, self.at.add(code, [self.tensor], self.shape, self.dtype, **options))

    def cast(self, dtype: str) -> Term:
        """The values in another type."""
        return Term(self.at, self.at.cast(self.tensor, dtype))

    def number(self, value: float) -> Term:
        """A number in the same type, with as many axes."""
        return Term(self.at, self.at.const(np.full((1,) * len(self.shape), value, self.dtype)))

    def pair(self, code: str, other: Term | float) -> Term:
        """A kernel of two operands."""
        right = other if isinstance(other, Term) else self.number(other)
        shape = np.broadcast_shapes(self.shape, right.shape)
        operands = [_with_axes(one, len(shape)).tensor for one in (self, right)]
        return Term(self.at, combine(self.at, code, *operands))

    def __add__(self, other: Term | float) -> Term:
        return self.pair("ADD", other)

    def __radd__(self, other: float) -> Term:
        return self.pair("ADD", other)

    def __sub__(self, other: Term | float) -> Term:
        return self.pair("SUB", other)

    def __rsub__(self, other: float) -> Term:
        return self.number(other).pair("SUB", self)

    def __mul__(self, other: Term | float) -> Term:
        return self.pair("MUL", other)

    def __rmul__(self, other: float) -> Term:
        return self.pair("MUL", other)

    def __truediv__(self, other: Term | float) -> Term:
        return self.pair("DIV", other)

    def __rtruediv__(self, other: float) -> Term:
        return self.number(other).pair("DIV", self)

    def __neg__(self) -> Term:
        return self.apply("NEG")

    def __lt__(self, other: Term | float) -> Term:
        return self.pair("LESS", other)

    def __gt__(self, other: Term | float) -> Term:
        return self.pair("GREATER", other)

    def equals(self, other: Term | float) -> Term:
        """Where both are equal."""
        return self.pair("EQUAL", other)

    def differs(self, other: Term | float) -> Term:
        """Where both differ; NaN differs from itself."""
        return self.pair("NOT_EQUAL", other)

    def __and__(self, other: Term) -> Term:
        return self.pair("LOGICAL_AND", other)

    def __or__(self, other: Term) -> Term:
        return self.pair("LOGICAL_OR", other)

    def least(self, other: Term | float) -> Term:
        """The lesser of both; whether NaN is carried on depends on the runtime."""
        return self.pair("MINIMUM", other)

    def most(self, other: Term | float) -> Term:
        """The greater of both; whether NaN is carried on depends on the runtime."""
        return self.pair("MAXIMUM", other)

    def choose(self, yes: Term, no: Term | float) -> Term:
        """`yes` where this is true, `no` elsewhere."""
        other = no if isinstance(no, Term) else yes.number(no)
        shape = np.broadcast_shapes(self.shape, yes.shape, other.shape)
        operands = [_with_axes(one, len(shape)).tensor for one in (self, yes, other)]
        few, sides = few_axes(self.at, operands, shape)
        return Term(self.at, self.at.reshape(self.at.add("SELECT_V2", few, sides, yes.dtype), shape))

    def expanded(self, shape: Shape) -> Term:
        """Repeated to a shape."""
        return Term(self.at, expand(self.at, self.tensor, shape))


def _with_axes(term: Term, rank: int) -> Term:
    missing = rank - len(term.shape)
    return Term(term.at, term.at.reshape(term.tensor, (*(1,) * missing, *term.shape)))


Function = Callable[[Term, Node], Term]
"""A formula of one operand, with the attributes of a node."""


def pointwise(function: Function, node: Node, at: Lowering) -> None:
    """Lower a node that is a formula of its one operand, in whatever layout that is stored."""
    layout = at.layout(node.inputs[0])
    result = function(Term(at, at.read(node.inputs[0], layout)), node)
    at.write(node.outputs[0], result.tensor, layout)
