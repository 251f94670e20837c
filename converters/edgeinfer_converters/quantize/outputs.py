"""Results in integers, for files that give them so: the tail of a QDQ graph is quantized to its very end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import onnx

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.affine import Affine, Form, affine_of, clamps_like
from edgeinfer_converters.quantize.emitter import Emitter
from edgeinfer_converters.quantize.operators import clamp_bounds, data_inputs, is_move

Bounds = Mapping[str, tuple[float, float]]
"""Least and largest value by tensor."""

FORM = Form("int8", symmetric=False)

FIXED = {
    **dict.fromkeys(("Sigmoid", "Softmax"), Affine(1 / 256, -128, FORM)),
    "Tanh": Affine(1 / 128, 0, FORM),
}
"""Operators whose 8-bit kernels are specified with one scale for the result (TFLite's quantization spec)."""


def open_ranges(model: onnx.ModelProto, wanted: Collection[str]) -> tuple[str, ...]:
    """Those of the results `wanted` in integers of which nothing but samples can tell the range."""
    tail = _Tail(GraphView(model))
    return tuple(name for name in wanted if tail.affine(name) is None)


def quantize_outputs(model: onnx.ModelProto, wanted: Collection[str], bounds: Bounds) -> onnx.ModelProto:
    """A QDQ graph whose results `wanted` come out of a DequantizeLinear. They must be float32.

    `bounds`: those of the tensors that `open_ranges` names. Operators that only move values, that join
    them, and those of `FIXED` become integer too, up to the last integer result in front of them.
    """
    model = _without_saturated(model)
    tail = _Tail(GraphView(model))
    scales: dict[str, Affine] = {}
    for name in wanted:
        tail.collect(name, tail.affine(name) or affine_of(*bounds[name], FORM), scales)
    return _rewritten(model, scales) if scales else model


@dataclass(frozen=True)
class _Tail:
    """A QDQ graph, looked at from its results."""

    view: GraphView

    def affine(self, name: str) -> Affine | None:
        """The scale that a tensor has by itself: that of the integers that it is made of, or a fixed one."""
        producer = self.view.producers.get(name)
        if producer is None:
            return None
        if producer.op_type == "DequantizeLinear":
            return self._stored(producer)
        if is_move(producer) or self.is_saturated(producer):
            return self.affine(producer.input[0])
        return FIXED.get(producer.op_type)

    def is_saturated(self, node: onnx.NodeProto) -> bool:
        """Whether a clamp changes nothing: integers that saturate for it lie in front of it."""
        bounds = clamp_bounds(node, self.view)
        affine = None if bounds is None else self.affine(node.input[0])
        return bounds is not None and affine is not None and clamps_like(affine, *bounds)

    def collect(self, name: str, affine: Affine, scales: dict[str, Affine]) -> None:
        """Note the scale of a tensor, and of those in front of it as far as kernels compute with integers."""
        producer = self.view.producers.get(name)
        if name in scales or producer is None or producer.op_type == "DequantizeLinear":
            return
        scales[name] = FIXED.get(producer.op_type, affine)
        if is_move(producer) or producer.op_type == "Concat":
            for source in data_inputs(producer):
                if source not in self.view.initializers:
                    self.collect(source, affine, scales)

    def _stored(self, node: onnx.NodeProto) -> Affine | None:
        if any(name not in self.view.initializers for name in node.input[1:]):
            return None
        scale, zero_point = (self.view.constant(name) for name in node.input[1:3])
        if scale.size != 1:
            return None
        form = Form("uint8" if zero_point.dtype.name == "uint8" else "int8", symmetric=False)
        return Affine(float(scale.item()), int(zero_point.item()), form)


def _without_saturated(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with clamps that change nothing as identities; it itself where there are none."""
    tail = _Tail(GraphView(model))
    places = [number for number, node in enumerate(model.graph.node) if tail.is_saturated(node)]
    if not places:
        return model
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for node in (changed.graph.node[number] for number in places):
        node.op_type = "Identity"
        del node.input[1:]
        del node.attribute[:]
    return changed


def _rewritten(model: onnx.ModelProto, scales: Mapping[str, Affine]) -> onnx.ModelProto:
    rewritten = onnx.ModelProto()
    rewritten.CopyFrom(model)
    emitter = Emitter(GraphView(model))
    unrounded = {name: emitter.free(f"{name}_float") for name in scales}
    for node in rewritten.graph.node:
        results = [name for name in node.output if name in scales]
        for place, name in enumerate(node.output):
            node.output[place] = unrounded.get(name, name)
        emitter.add(node)
        for name in results:
            stored = emitter.quantize(unrounded[name], scales[name], name)
            emitter.dequantize(stored, scales[name], name, name)
    nodes = list(emitter.nodes)
    del rewritten.graph.node[:]
    rewritten.graph.node.extend(nodes)
    rewritten.graph.initializer.extend(emitter.initializers.values())
    return rewritten
