"""The order of operators: each reads what was written before it, and nothing is written twice."""

from __future__ import annotations

import math
from collections.abc import Iterator

from edgeinfer.errors import ModelError
from edgeinfer.tflite.model import OPTIONAL, Model, Operator, Subgraph

_CALLS = ("subgraph_index", "subgraph_indices")
"""How the fields end that name a subgraph (`cond_subgraph_index` and such), in every options table."""

_ONE_INPUT_LESS = ("IF", "STABLEHLO_CASE")
"""Operators whose first input chooses the subgraph, and does not go into it."""


def check_order(number: int, graph: Subgraph) -> None:
    """Raises ModelError where a tensor is read too early, written twice, or given as a constant."""
    where = f"subgraph {number}"
    _check_ends(where, graph)
    given = set(graph.inputs)
    known = given | {index for index in range(len(graph.tensors)) if _is_there(graph, index)}
    written: set[int] = set()
    for place, operator in enumerate(graph.operators):
        early = next((one for one in operator.inputs if one != OPTIONAL and one not in known), None)
        if early is not None:
            raise ModelError(f"{_name(place, operator)} of {where} reads tensor {early} before it is written")
        for index in operator.outputs:
            if index in written or index in given or graph.tensors[index].data is not None:
                raise ModelError(
                    f"{_name(place, operator)} of {where} writes tensor {index}, which is there already"
                )
            written.add(index)
        known |= written
    missing = next((one for one in graph.outputs if one not in known), None)
    if missing is not None:
        raise ModelError(f"{where}: no operator writes the output, tensor {missing}")


def check_calls(model: Model) -> None:
    """Raises ModelError where operators call subgraphs that are not there, do not fit, or call themselves."""
    called = [tuple(_called(model, number, graph)) for number, graph in enumerate(model.subgraphs)]
    open_: set[int] = set()
    done: set[int] = set()
    stack = [(number, iter(called[number])) for number in reversed(range(len(called)))]
    while stack:
        number, rest = stack[-1]
        open_.add(number)
        following = next((one for one in rest if one not in done), None)
        if following is None:
            stack.pop()
            open_.discard(number)
            done.add(number)
        elif following in open_:
            raise ModelError(f"subgraph {following} ends up calling itself")
        else:
            stack.append((following, iter(called[following])))


def calls(operator: Operator) -> Iterator[int]:
    """The subgraphs that an operator names in its options; not all in range."""
    values = operator.options.values if operator.options is not None else {}
    for field, value in values.items():
        if field.endswith(_CALLS):
            yield from value or () if isinstance(value, tuple) or value is None else (value,)


def _called(model: Model, number: int, graph: Subgraph) -> Iterator[int]:
    for place, operator in enumerate(graph.operators):
        where = f"{_name(place, operator)} of subgraph {number}"
        for target in calls(operator):
            if not 0 <= target < len(model.subgraphs):
                raise ModelError(f"{where} calls subgraph {target}, of {len(model.subgraphs)}")
            _check_call(where, operator, model, target)
            yield target


def _check_call(where: str, operator: Operator, model: Model, target: int) -> None:
    callee = model.subgraphs[target]
    name, options = operator.code.name, operator.options
    if name not in ("IF", "WHILE", "STABLEHLO_CASE", "STABLEHLO_COMPOSITE"):
        return
    inputs = len(operator.inputs) - (name in _ONE_INPUT_LESS)
    outputs = len(operator.outputs)
    if name == "WHILE" and options is not None and target == options["cond_subgraph_index"]:
        outputs = 1 if target != options["body_subgraph_index"] else outputs
    if (len(callee.inputs), len(callee.outputs)) != (inputs, outputs):
        raise ModelError(
            f"{where} gives {inputs} tensors to subgraph {target} and takes {outputs}, "
            f"which has {len(callee.inputs)} inputs and {len(callee.outputs)} outputs"
        )


def _check_ends(where: str, graph: Subgraph) -> None:
    if len(set(graph.inputs)) != len(graph.inputs):
        raise ModelError(f"{where} has the same tensor as two of its inputs")
    constant = next((one for one in graph.inputs if graph.tensors[one].data is not None), None)
    if constant is not None:
        raise ModelError(f"{where} has a constant as an input, tensor {constant}")


def _is_there(graph: Subgraph, index: int) -> bool:
    """Constants, variables, and what has no elements, are there before the first operator runs."""
    tensor = graph.tensors[index]
    return tensor.data is not None or tensor.variable or math.prod(tensor.shape) == 0


def _name(place: int, operator: Operator) -> str:
    return f"operator {place} ({operator.code.name[:60]!a})".replace("'", "")
