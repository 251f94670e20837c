"""Removes what nothing needs: reshapes of reshapes, copies, dead operators, tensors that nobody reads."""

from __future__ import annotations

from dataclasses import replace

from edgeinfer_converters.tflite.tensors import ABSENT, Graph, Operator


def tidy(graph: Graph) -> Graph:
    """The same function with fewer operators; inputs and outputs keep their order and names."""
    operators = _without_dead(graph, _without_idle_reshapes(graph))
    return _renumbered(graph, operators)


def _without_idle_reshapes(graph: Graph) -> list[Operator]:
    """A reshape reads what the reshape before it read; one that changes nothing is bypassed."""
    origins: dict[int, int] = {}
    stands_for: dict[int, int] = {}
    kept: list[Operator] = []
    for operator in graph.operators:
        inputs = [stands_for.get(number, number) for number in operator.inputs]
        if operator.code == "RESHAPE":
            source, result = origins.get(inputs[0], inputs[0]), operator.outputs[0]
            same = graph.tensors[source].shape == graph.tensors[result].shape
            if same and result not in graph.outputs:
                stands_for[result] = source
                continue
            origins[result] = source
            inputs[0] = source
        kept.append(replace(operator, inputs=inputs))
    return kept


def _without_dead(graph: Graph, operators: list[Operator]) -> list[Operator]:
    needed = set(graph.outputs)
    kept: list[Operator] = []
    for operator in reversed(operators):
        if needed.intersection(operator.outputs):
            needed.update(operator.inputs)
            kept.append(operator)
    return kept[::-1]


def _renumbered(graph: Graph, operators: list[Operator]) -> Graph:
    """Only the tensors that are used, in the order of their use."""
    used = [*graph.inputs, *(number for one in operators for number in (*one.inputs, *one.outputs))]
    order = dict.fromkeys(number for number in [*used, *graph.outputs] if number != ABSENT)
    numbers = {old: new for new, old in enumerate(order)} | {ABSENT: ABSENT}
    return Graph(
        tensors=[graph.tensors[number] for number in order],
        operators=[
            replace(
                one,
                inputs=[numbers[number] for number in one.inputs],
                outputs=[numbers[number] for number in one.outputs],
            )
            for one in operators
        ],
        inputs=[numbers[number] for number in graph.inputs],
        outputs=[numbers[number] for number in graph.outputs],
    )
