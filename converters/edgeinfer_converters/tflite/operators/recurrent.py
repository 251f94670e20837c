"""LSTM, GRU and RNN: unrolled, a few small operators for each step.

What the inputs contribute to all steps is one product beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.activations import apply
from edgeinfer_converters.tflite.steps import (
    combine,
    cut_axis,
    joined,
    linear,
    select,
    shape_of,
    with_number,
)
from edgeinfer_converters.tflite.tensors import ABSENT

MAX_STEPS = 512
"""Steps of both directions together: a longer sequence would make a file of too many operators."""

States = tuple[int, ...]
Function = Callable[[int], int]


@dataclass(frozen=True)
class _Cell:
    """One direction: its weights, and the functions for its gates.

    `recurrent`: (gates * hidden, hidden). `recurrent_bias`: ABSENT where the inputs' product has it already.
    `peepholes`: three of (1, hidden), or none.
    """

    hidden: int
    recurrent: int
    recurrent_bias: int
    functions: tuple[Function, ...]
    peepholes: tuple[int, ...]


Step = Callable[[Lowering, _Cell, int, States], States]


def lstm(node: Node, at: Lowering) -> None:
    """LSTM: gates i, o, f, c; peepholes; states h and c."""
    node.refuse("input_forget")
    _unroll(node, at, 4, ("Sigmoid", "Tanh", "Tanh"), _lstm_step, states=2)


def gru(node: Node, at: Lowering) -> None:
    """GRU: gates z, r, h."""
    step = partial(_gru_step, after=bool(node.integer("linear_before_reset", 0)))
    _unroll(node, at, 3, ("Sigmoid", "Tanh"), step, states=1)


def rnn(node: Node, at: Lowering) -> None:
    """RNN: one gate."""
    _unroll(node, at, 1, ("Tanh",), _rnn_step, states=1)


# -- steps


def _lstm_step(at: Lowering, cell: _Cell, projected: int, states: States) -> States:
    hidden, (before, memory) = cell.hidden, states
    gates = combine(at, "ADD", projected, linear(at, before, cell.recurrent))
    gate, candidate, output = cell.functions
    if not cell.peepholes:
        sigmoids = gate(cut_axis(at, gates, 1, 0, 3 * hidden))
        i, o, f = (cut_axis(at, sigmoids, 1, place * hidden, hidden) for place in range(3))
    else:
        i, o, f = (cut_axis(at, gates, 1, place * hidden, hidden) for place in range(3))
        i = gate(combine(at, "ADD", i, combine(at, "MUL", memory, cell.peepholes[0])))
        f = gate(combine(at, "ADD", f, combine(at, "MUL", memory, cell.peepholes[2])))
    new = candidate(cut_axis(at, gates, 1, 3 * hidden, hidden))
    kept = combine(at, "ADD", combine(at, "MUL", f, memory), combine(at, "MUL", i, new))
    if cell.peepholes:
        o = gate(combine(at, "ADD", o, combine(at, "MUL", kept, cell.peepholes[1])))
    return combine(at, "MUL", o, output(kept)), kept


def _gru_step(at: Lowering, cell: _Cell, projected: int, states: States, *, after: bool) -> States:
    """`after`: the reset gate is applied behind the product with the state, not before it."""
    hidden, (before,) = cell.hidden, states
    gate, candidate = cell.functions
    both, last = 2 * hidden, cut_axis(at, projected, 1, 2 * hidden, hidden)
    if after:
        product = linear(at, before, cell.recurrent, cell.recurrent_bias)
        known = cut_axis(at, product, 1, 0, both)
    else:
        known = linear(at, before, cut_axis(at, cell.recurrent, 0, 0, both))
    sigmoids = gate(combine(at, "ADD", cut_axis(at, projected, 1, 0, both), known))
    update, reset = (cut_axis(at, sigmoids, 1, place * hidden, hidden) for place in range(2))
    if after:
        remembered = combine(at, "MUL", reset, cut_axis(at, product, 1, both, hidden))
    else:
        weights = cut_axis(at, cell.recurrent, 0, both, hidden)
        remembered = linear(at, combine(at, "MUL", reset, before), weights)
    new = candidate(combine(at, "ADD", last, remembered))
    change = combine(at, "MUL", update, combine(at, "SUB", before, new))
    return (combine(at, "ADD", new, change),)


def _rnn_step(at: Lowering, cell: _Cell, projected: int, states: States) -> States:
    return (cell.functions[0](combine(at, "ADD", projected, linear(at, states[0], cell.recurrent))),)


# -- unrolling


def _unroll(
    node: Node, at: Lowering, gates: int, functions: tuple[str, ...], step: Step, *, states: int
) -> None:
    batch_first = node.integer("layout", 0) == 1
    sequence = at.read(node.inputs[0], (1, 0, 2) if batch_first else None)
    length, batch, _ = shape_of(at, sequence)
    directions = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
    turned = directions.get(node.text("direction", "forward"))
    if turned is None:
        raise UnsupportedError(f"the direction `{node.text('direction', '')}` is not known")
    if length * len(turned) > MAX_STEPS or length == 0:
        raise UnsupportedError(f"its sequence of {length} steps is empty or too long to be unrolled")
    names = _functions(node, functions * len(turned))
    lengths = _lengths(node, at, length)
    results, ends = [], []
    for number, backwards in enumerate(turned):
        chosen = names[number * len(functions) : (number + 1) * len(functions)]
        cell, projected = _cell(node, at, number, gates, chosen, sequence)
        start = _start(node, at, number, batch, cell.hidden, states)
        every, end = _run(at, cell, projected, start, lengths, step, backwards=backwards)
        results.append(at.reshape(every, (length, 1, batch, cell.hidden)))
        ends.append([at.reshape(one, (1, batch, cell.hidden)) for one in end])
    outputs = [joined(at, results, 1), *(joined(at, list(one), 0) for one in zip(*ends, strict=True))]
    layouts = [(1, 2, 0, 3), *[(1, 0, 2)] * states] if batch_first else [None] * (states + 1)
    for name, tensor, layout in zip(node.outputs, outputs, layouts, strict=False):
        if name:
            at.write(name, tensor, layout)


def _run(
    at: Lowering,
    cell: _Cell,
    projected: int,
    states: States,
    lengths: int | None,
    step: Step,
    *,
    backwards: bool,
) -> tuple[int, States]:
    """All results (steps, batch, hidden) and the last states. Where a sequence has ended its states stay."""
    length = shape_of(at, projected)[0]
    found: dict[int, int] = {}
    for number in reversed(range(length)) if backwards else range(length):
        batch, wide = shape_of(at, projected)[1:]
        now = at.reshape(cut_axis(at, projected, 0, number, 1), (batch, wide))
        new = step(at, cell, now, states)
        shown = new[0]
        if lengths is not None:
            going = at.add("GREATER", [lengths, at.const([[number]])], (batch, 1), "bool")
            shown = select(at, going, new[0], at.const(np.zeros((batch, cell.hidden), np.float32)))
            new = tuple(select(at, going, one, old) for one, old in zip(new, states, strict=True))
        states = new
        found[number] = at.reshape(shown, (1, *shape_of(at, shown)))
    return joined(at, [found[number] for number in range(length)], 0), states


def _cell(
    node: Node, at: Lowering, number: int, gates: int, names: tuple[str, ...], sequence: int
) -> tuple[_Cell, int]:
    """One direction's weights, and what the inputs contribute to each step (steps, batch, gates * hidden)."""
    weights, recurrent = (_direction(at, node.input(index), number) for index in (1, 2))
    wide, hidden = shape_of(at, recurrent)
    first, second = _biases(node, at, number, gates, hidden)
    length, batch, width = shape_of(at, sequence)
    rows = linear(at, at.reshape(sequence, (length * batch, width)), weights, first)
    peepholes: tuple[int, ...] = ()
    if node.input(7):
        row = at.reshape(_direction(at, node.input(7), number), (1, 3 * hidden))
        peepholes = tuple(cut_axis(at, row, 1, place * hidden, hidden) for place in range(3))
    limit = node.real("clip", 0.0)
    functions = tuple(partial(_function, at, name, limit) for name in names)
    cell = _Cell(hidden, recurrent, second, functions, peepholes)
    return cell, at.reshape(rows, (length, batch, wide))


def _direction(at: Lowering, name: str, number: int) -> int:
    tensor = at.read(name)
    return at.reshape(cut_axis(at, tensor, 0, number, 1), shape_of(at, tensor)[1:])


def _biases(node: Node, at: Lowering, number: int, gates: int, hidden: int) -> tuple[int, int]:
    """The bias of the inputs' product and that of the states'. Only a GRU that resets behind the product
    needs the second, for its last gate; elsewhere the first has it all."""
    wide = gates * hidden
    if not node.input(3):
        return ABSENT, ABSENT
    both = _direction(at, node.input(3), number)
    one, other = cut_axis(at, both, 0, 0, wide), cut_axis(at, both, 0, wide, wide)
    if not node.integer("linear_before_reset", 0):
        return _sum(at, one, other), ABSENT
    return one, other


def _sum(at: Lowering, one: int, other: int) -> int:
    left, right = at.graph.tensors[one].data, at.graph.tensors[other].data
    if left is not None and right is not None:
        return at.const(left + right)
    return combine(at, "ADD", one, other)


def _start(node: Node, at: Lowering, number: int, batch: int, hidden: int, states: int) -> States:
    order = (1, 0, 2) if node.integer("layout", 0) else None
    found = []
    for index in (5, 6)[:states]:
        if not node.input(index):
            found.append(at.const(np.zeros((batch, hidden), np.float32)))
            continue
        tensor = cut_axis(at, at.read(node.input(index), order), 0, number, 1)
        found.append(at.reshape(tensor, (batch, hidden)))
    return tuple(found)


def _lengths(node: Node, at: Lowering, length: int) -> int | None:
    """The lengths of the sequences (batch, 1) int32; None where all are full."""
    name = node.input(4)
    values = at.constant(name) if name else None
    if not name or (values is not None and (values == length).all()):
        return None
    return at.reshape(at.read_as(name, "int32"), (at.shape(name)[0], 1))


def _functions(node: Node, usual: tuple[str, ...]) -> tuple[str, ...]:
    node.refuse("activation_alpha", "activation_beta")
    given = node.texts("activations", usual)
    for name in given:
        if name.lower() not in _FUNCTIONS:
            raise UnsupportedError(f"the activation `{name}` has no equal")
    if len(given) != len(usual):
        raise UnsupportedError(f"{len(given)} activations are given where {len(usual)} are needed")
    return given


_FUNCTIONS = {"relu": "RELU", "sigmoid": "LOGISTIC", "tanh": "TANH"}


def _function(at: Lowering, name: str, limit: float, tensor: int) -> int:
    """An activation, of what is clipped to +- limit if there is one."""
    if limit > 0:
        tensor = with_number(at, "MINIMUM", with_number(at, "MAXIMUM", tensor, -limit), limit)
    return apply(at, _FUNCTIONS[name.lower()], tensor)


OPERATORS: Table = {"GRU": gru, "LSTM": lstm, "RNN": rnn}
