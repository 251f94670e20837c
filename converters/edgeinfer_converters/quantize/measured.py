"""Where noise is measured: at the outputs, and probabilities in front of what makes them.

Where probabilities are sure of themselves, noise does not show until it turns a decision. Detectors join
those of a Sigmoid with regressions: beside boxes of a few units scores would hardly count, so that half of
such an output's weight is that of its logits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import onnx

from edgeinfer_converters.graph.naming import free_name, names_of
from edgeinfer_converters.graph.shapes import known_types
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.weights import with_initializers
from edgeinfer_converters.quantize.activations import SURE

_PROBABILITIES = frozenset({"LogSoftmax", "Sigmoid", "Softmax"})
_ROUNDED = frozenset({"DequantizeLinear", "QuantizeLinear"})
_PASSED = _PROBABILITIES | _ROUNDED | {"ArgMax", "Identity"}
_MOVED = _ROUNDED | {"Concat", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}

_LOGITS_SHARE = 0.5
"""Of the weight of an output that joins probabilities with something else."""


@dataclass(frozen=True)
class Point:
    """A tensor that noise is measured at. An output gives its points a weight of 1 together. `is_logit`: a
    Sigmoid makes a probability of it; how sure that is, and what it is on average, is no signal."""

    tensor: str
    weight: float
    is_logit: bool = False


def find_points(view: GraphView) -> tuple[Point, ...]:
    """The tensors, each once, in the order of the outputs; those of floats alone, if there are any.

    A quantized graph has the points of the graph that it was made from.
    """
    found: dict[str, Point] = {}
    for value in view.model.graph.output:
        for point in _points_of(value.name, view):
            root = _root(point.tensor, view)
            known = found.get(root, replace(point, weight=0.0))
            found[root] = replace(known, weight=known.weight + point.weight)
    kinds = known_types(view.model)
    floats = tuple(one for one in found.values() if kinds.get(one.tensor, "float32") == "float32")
    return floats or tuple(found.values())


def with_points(model: onnx.ModelProto, points: tuple[Point, ...]) -> onnx.ModelProto:
    """The model with the points as outputs, logits clipped to what a Sigmoid distinguishes."""
    changed = with_initializers(model, model.graph.initializer)
    changed.graph.ClearField("output")
    taken = names_of(changed)
    for point in points:
        measured = _limited(changed, point.tensor, taken) if point.is_logit else point.tensor
        changed.graph.output.append(onnx.ValueInfoProto(name=measured))
    return changed


def _points_of(output: str, view: GraphView) -> Iterator[Point]:
    sources = list(_sources(output, view))
    logits = list(dict.fromkeys(name for name, is_logit in sources if is_logit))
    if not logits:
        yield Point(_in_front(output, view), 1.0)
        return
    share = 1.0 if all(is_logit for _, is_logit in sources) else _LOGITS_SHARE
    if share < 1:
        yield Point(output, 1 - share)
    for name in logits:
        yield Point(name, share / len(logits), is_logit=True)


def _sources(output: str, view: GraphView) -> Iterator[tuple[str, bool]]:
    """What an output is joined and moved from, logits instead of what a Sigmoid makes of them."""
    waiting, seen = [output], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        producer = view.producers.get(name)
        kind = "" if producer is None else producer.op_type
        if producer is not None and kind in _MOVED:
            waiting += reversed(producer.input if kind == "Concat" else producer.input[:1])
        elif producer is not None and kind == "Sigmoid" and producer.input[0] in view.floats:
            yield producer.input[0], True
        else:
            yield name, False


def _in_front(name: str, view: GraphView) -> str:
    """The tensor that an output is made of by what makes probabilities, or decides by them."""
    producer, last = view.producers.get(name), name
    while producer is not None and producer.op_type in _PASSED:
        name = producer.input[0]
        if producer.op_type not in _ROUNDED and name in view.floats:
            last = name
        producer = view.producers.get(name)
    return last


def _root(name: str, view: GraphView) -> str:
    """The tensor that another one is, rounded: some of its readers may have it so, and others not."""
    producer = view.producers.get(name)
    while producer is not None and producer.op_type in _ROUNDED:
        name = producer.input[0]
        producer = view.producers.get(name)
    return name


def _limited(model: onnx.ModelProto, name: str, taken: set[str]) -> str:
    """Add to the graph a tensor that is another one clipped to what a Sigmoid distinguishes."""
    least, most, target = (free_name(f"{name}_{end}", taken) for end in ("unlikely", "likely", "limited"))
    taken |= {least, most, target}
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.array(bound, np.float32), limit)
        for limit, bound in ((least, -SURE), (most, SURE))
    )
    model.graph.node.append(onnx.helper.make_node("Clip", [name, least, most], [target], target))
    return target
