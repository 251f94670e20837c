"""Everything that is held against a TFLite file before the runtime's own parser, native code, sees it."""

from __future__ import annotations

from edgeinfer.errors import ModelError
from edgeinfer.tflite.memory import check_memory
from edgeinfer.tflite.model import Model, parse_model
from edgeinfer.tflite.order import check_calls, check_order
from edgeinfer.tflite.support import check_operator, check_runnable
from edgeinfer.tflite.tensors import STRING, check_tensor


def read_sound(data: bytes) -> Model:
    """A model that does not contradict itself; the runtime may still lack some of its operators.

    Raises ModelError that says what is wrong and where.
    """
    model = parse_model(data)
    for number, graph in enumerate(model.subgraphs):
        for index, tensor in enumerate(graph.tensors):
            check_tensor(f"tensor {index} of subgraph {number}", tensor, len(graph.tensors))
        for place, operator in enumerate(graph.operators):
            check_operator(f"operator {place} of subgraph {number}", operator)
        check_order(number, graph)
    check_calls(model)
    check_memory(model)
    return model


def check_loadable(data: bytes) -> None:
    """Raises ModelError for every file that must not reach the runtime."""
    model = read_sound(data)
    check_runnable(model)
    main = model.subgraphs[0]
    if any(main.tensors[index].type == STRING for index in (*main.inputs, *main.outputs)):
        raise ModelError("the model takes or gives text; only tensors of numbers are supported")
