"""The extremes of channels, found by the runtime: no activation has to leave it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeinfer.frames import Array
from edgeinfer_converters.calibration.checks import check_finite, check_sample, numbered, sample_name
from edgeinfer_converters.graph.naming import free_name
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import standard_opset
from edgeinfer_converters.graph.weights import with_initializers
from edgeinfer_converters.quantize.execution import open_model, run_session
from edgeinfer_converters.quantize.extremes import Extremes
from edgeinfer_converters.quantize.threads import each

_REDUCTIONS = ("ReduceMin", "ReduceMax")
_AXES_AS_INPUT = 18
"""The opset from which on reductions take their axes as an input."""


def channel_extremes(
    model: onnx.ModelProto,
    names: tuple[str, ...],
    samples: Iterable[Mapping[str, Array]],
    *,
    total: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Mapping[str, Extremes]:
    """Those of each channel (axis 1) of the tensors `names`, over all samples, whatever their order.

    `total` is how many samples there are, for messages; `progress` is called with 1 after each. Several of
    them run at the same time. Raises DataError: no samples, one that does not fit, or one that leads to
    infinity; NaN inside the network may go unnoticed here, but does not when ranges are observed. Raises
    ModelError if the model cannot be run.
    """
    view = GraphView(model)
    reduced, axes, outputs = _reduced(model, view, names)
    session = open_model(reduced, (*model.graph.initializer, *axes), pooled=False)

    def look(one: tuple[int, Mapping[str, Array]]) -> list[Extremes]:
        number, sample = one
        where = sample_name(number, total)
        check_sample(view, sample, where)
        values = run_session(session, outputs, sample, where)
        for index, array in enumerate(values):
            check_finite(array, f"{where}: the activation `{names[index // 2]}`")
        return [Extremes(low, high) for low, high in zip(values[::2], values[1::2], strict=True)]

    seen: list[Extremes] = []
    for found in each(look, numbered(samples)):
        seen = [one | other for one, other in zip(seen, found, strict=True)] if seen else found
        progress(1)
    return dict(zip(names, seen, strict=True))


def _reduced(
    model: onnx.ModelProto, view: GraphView, names: tuple[str, ...]
) -> tuple[onnx.ModelProto, list[onnx.TensorProto], list[str]]:
    """The graph with two reductions of each tensor as its only outputs, without its own weights; the
    reductions' axes; and the outputs' names."""
    reduced, constants = with_initializers(model), list[onnx.TensorProto]()
    graph = reduced.graph
    taken = {*view.shapes, *view.producers, *view.initializers, *(node.name for node in view.nodes)}
    behind: dict[str, list[onnx.NodeProto]] = {}
    del graph.output[:]
    for name in names:
        axes = [0, *range(2, len(view.shapes[name]))]
        inputs, attributes = [name], [helper.make_attribute("axes", axes)]
        if standard_opset(model) >= _AXES_AS_INPUT:
            inputs, attributes = [name, free_name(f"{name}.axes", taken)], []
            constants.append(numpy_helper.from_array(np.array(axes, np.int64), inputs[1]))
        for kind in _REDUCTIONS:
            result = free_name(f"{name}.{kind}", taken)
            node = helper.make_node(kind, inputs, [result], result, keepdims=0)
            node.attribute.extend(attributes)
            behind.setdefault(name, []).append(node)
            graph.output.append(helper.make_empty_tensor_value_info(result))
    # Right behind what makes the tensor, which need not be kept for longer.
    nodes = [one for name in view.inputs for one in behind.get(name, ())]
    for node in model.graph.node:
        nodes += [node, *(one for name in node.output for one in behind.get(name, ()))]
    del graph.node[:]
    graph.node.extend(nodes)
    return reduced, constants, [value.name for value in graph.output]
