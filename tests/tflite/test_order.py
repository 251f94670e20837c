"""The order of operators, and calls of subgraphs."""

from __future__ import annotations

from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeinfer.errors import ModelError
from edgeinfer.tflite.model import parse_model
from edgeinfer.tflite.order import check_calls, check_order
from tests.fixtures.tflite import builtin, filled, graph_of, model_of, step, tensor_of


def check(graph: Any, *, buffers: tuple[bytes, ...] = ()) -> None:
    model = parse_model(model_of([graph], [builtin("ADD")], buffers=buffers))
    check_order(0, model.subgraphs[0])


def add(first: int, second: int, output: int) -> Any:
    return step(0, [first, second], [output], schema.AddOptionsT())


def tensors(count: int) -> list[Any]:
    return [tensor_of([2]) for _ in range(count)]


def test_a_chain() -> None:
    check(graph_of(tensors(3), [add(0, 0, 1), add(0, 1, 2)]))


def test_an_input_may_be_an_output() -> None:
    check(graph_of(tensors(1), []))


@pytest.mark.parametrize(
    ("graph", "text"),
    [
        (graph_of(tensors(3), [add(0, 1, 2), add(0, 0, 1)]), r"operator 0 \(ADD\) .* reads tensor 1 before"),
        (graph_of(tensors(3), [add(2, 0, 2)]), "reads tensor 2 before"),
        (graph_of(tensors(2), [add(0, 0, 1), add(0, 0, 1)]), r"operator 1 \(ADD\) .* writes tensor 1"),
        (graph_of(tensors(2), [add(0, 0, 0)]), "writes tensor 0, which is there already"),
        (graph_of(tensors(2), []), "no operator writes the output, tensor 1"),
        (graph_of(tensors(2), [add(0, 0, 1)], inputs=[0, 0]), "the same tensor as two of its inputs"),
    ],
)
def test_what_is_out_of_order_is_refused(graph: Any, text: str) -> None:
    with pytest.raises(ModelError, match=text):
        check(graph)


def test_constants_variables_and_empty_tensors_are_there() -> None:
    for other in (tensor_of([2], buffer=1), tensor_of([2], isVariable=True), tensor_of([0])):
        check(graph_of([tensor_of([2]), other, tensor_of([2])], [add(0, 1, 2)]), buffers=(bytes(8),))


def test_constants_are_neither_written_nor_given() -> None:
    both = [tensor_of([2]), tensor_of([2], buffer=1)]
    with pytest.raises(ModelError, match="writes tensor 1"):
        check(graph_of(both, [add(0, 0, 1)]), buffers=(bytes(8),))
    with pytest.raises(ModelError, match="a constant as an input, tensor 1"):
        check(graph_of(both, [], inputs=[0, 1]), buffers=(bytes(8),))


CODES = ("WHILE", "IF", "CALL_ONCE", "STABLEHLO_CASE")


def loop(cond: int, body: int) -> Any:
    return step(
        0, [0], [1], filled(schema.WhileOptionsT(), {"condSubgraphIndex": cond, "bodySubgraphIndex": body})
    )


def calls(*graphs: Any) -> None:
    check_calls(parse_model(model_of(list(graphs), [builtin(name) for name in CODES])))


def leaf(inputs: int = 1, outputs: int = 1) -> Any:
    made = tensors(inputs + outputs)
    return graph_of(made, [], inputs=list(range(inputs)), outputs=list(range(inputs, inputs + outputs)))


def test_loops_and_branches() -> None:
    choice = filled(schema.IfOptionsT(), {"thenSubgraphIndex": 1, "elseSubgraphIndex": 2})
    branch = graph_of(tensors(3), [step(1, [0, 1], [2], choice)], inputs=[0, 1])
    cases = filled(schema.StablehloCaseOptionsT(), {"branchSubgraphIndices": [1, 2]})
    calls(graph_of(tensors(2), [loop(1, 2)]), leaf(), leaf())
    calls(branch, leaf(), leaf())
    calls(graph_of(tensors(3), [step(3, [0, 1], [2], cases)], inputs=[0, 1]), leaf(), leaf())


@pytest.mark.parametrize(
    ("graphs", "text"),
    [
        ((graph_of(tensors(2), [loop(1, 2)]), leaf()), "calls subgraph 2, of 2"),
        ((graph_of(tensors(2), [loop(1, -1)]), leaf()), "calls subgraph -1, of 2"),
        ((graph_of(tensors(2), [loop(1, 0)]), leaf()), "subgraph 0 ends up calling itself"),
        (
            (
                graph_of(tensors(2), [loop(1, 1)]),
                graph_of(tensors(2), [loop(2, 2)]),
                graph_of(tensors(2), [loop(1, 1)]),
            ),
            "ends up calling itself",
        ),
        ((graph_of(tensors(2), [loop(1, 2)]), leaf(2), leaf()), "gives 1 tensors to subgraph 1 and takes 1"),
        ((graph_of(tensors(2), [loop(1, 2)]), leaf(1, 2), leaf()), "which has 1 inputs and 2 outputs"),
        (
            (
                graph_of(
                    tensors(2),
                    [step(2, [], [], filled(schema.CallOnceOptionsT(), {"initSubgraphIndex": 7}))],
                ),
            ),
            "calls subgraph 7, of 1",
        ),
    ],
)
def test_calls_that_cannot_be(graphs: tuple[Any, ...], text: str) -> None:
    with pytest.raises(ModelError, match=text):
        calls(*graphs)


def test_a_subgraph_may_be_called_from_two_places() -> None:
    calls(graph_of(tensors(3), [loop(1, 1), step(0, [1], [2], loop(1, 1).builtinOptions)]), leaf())


def test_long_chains_of_calls_are_no_recursion() -> None:
    graphs = [graph_of(tensors(2), [loop(number + 1, number + 1)]) for number in range(255)]
    calls(*graphs, leaf())
