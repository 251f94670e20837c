"""Static int8 quantization: a float graph and its ranges become a graph of QDQ form.

QDQ form keeps the float operators between DequantizeLinear and QuantizeLinear nodes; runtimes fuse them
into integer kernels (`share` counts whether they did). Scales are chosen in `scales`, places in
`placement`, weights in `products`; this module only writes them down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

import numpy as np
import onnx

from edgeinfer.errors import ModelError
from edgeinfer.profile import Integer
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import outer_names
from edgeinfer_converters.graph.weights import with_initializers
from edgeinfer_converters.importers.onnx import is_quantized
from edgeinfer_converters.quantize.affine import Affine, Form, activation_form, affine_of, clamps_like
from edgeinfer_converters.quantize.emitter import Emitter
from edgeinfer_converters.quantize.guard import guard_float_products
from edgeinfer_converters.quantize.operators import (
    FUSED_CLAMPS,
    clamp_bounds,
    data_inputs,
)
from edgeinfer_converters.quantize.padding import added_channels
from edgeinfer_converters.quantize.placement import Placement, place
from edgeinfer_converters.quantize.products import FittedProduct, fit_products
from edgeinfer_converters.quantize.ranges import Method, Ranges
from edgeinfer_converters.quantize.scales import choose_scales
from edgeinfer_converters.quantize.two_part import with_rest, write_doubled, write_two_parts
from edgeinfer_converters.quantize.weights import quantize_bias, with_zeros

InputType = Literal["float32", "uint8", "int8"]
_NAMED = 3
"""Products that an error tells the faults of."""


def quantize_int8(
    model: onnx.ModelProto,
    ranges: Ranges,
    integer: Integer,
    *,
    exclude: frozenset[str] = frozenset(),
    two_part: frozenset[str] = frozenset(),
    doubled: frozenset[str] = frozenset(),
    pad_channels: bool = False,
    input_dtype: InputType = "float32",
    method: Method = "mse",
    integer_results: bool = False,
) -> onnx.ModelProto:
    """The QDQ model of a prepared float graph, in the integer form that a profile asks for.

    Weights are symmetric int8, one scale for each output channel (`per_channel`), biases int32 at the
    scale of the sum, activations as `integer` says. Operators named in `exclude` stay float, as do those
    without an integer kernel.
    Products named in `two_part` take their input in two parts, see `two_part`; they must be plain Gemms.
    Convolutions named in `doubled` take it so as twice as many channels.
    With `pad_channels` convolutions of few channels gain channels of zeros, see `padding`.
    Where `ranges` has a product's Gram matrix its weights are rounded so that its output changes least,
    and its bias makes up for the mean of what is left; elsewhere weights go to the nearest integer.
    `integer_results`: matrix products write integers too, see `placement`.
    Inputs and outputs stay float32; with another `input_dtype`, which must be the activations', the
    inputs that integer operators read take integers. The same arguments give the same bytes.
    Raises ModelError: quantized already, nothing to quantize, ranges of another graph.
    """
    view = GraphView(model)
    placement = place(view, exclude, integer_results=integer_results)
    _refuse(model, placement, integer, input_dtype)
    form = activation_form(integer)
    scales = choose_scales(view, placement, ranges, form, method)
    options = _Options(two_part, doubled, pad_channels, input_dtype != "float32", integer_results)
    products = fit_products(view, placement.nodes, scales, integer, ranges.grams)
    return _Writer(view, placement, scales, form, products, options).write()


def _refuse(model: onnx.ModelProto, placement: Placement, integer: Integer, input_dtype: InputType) -> None:
    if is_quantized(model):
        raise ModelError(
            "the model is quantized already", hint="start from the float model, or pack this one as it is"
        )
    if not placement.nodes:
        reasons = "".join(
            f"; `{name}`: {reason}" for name, reason in islice(placement.floats.items(), _NAMED)
        )
        raise ModelError(
            f"the model has no convolution or matrix product that could be integer{reasons}",
            hint="use `--precision float32`",
        )
    if input_dtype not in ("float32", integer.activation):
        raise ModelError(
            f"the profile computes with {integer.activation}; inputs of {input_dtype} do not fit",
            hint=f"use float32 or {integer.activation} inputs",
        )


@dataclass(frozen=True)
class _Options:
    two_part: frozenset[str]
    doubled: frozenset[str]
    pad_channels: bool
    integer_inputs: bool
    integer_results: bool


@dataclass
class _Names:
    """What tensors are called in the written graph: behind a DequantizeLinear, and the integers."""

    floats: dict[str, str] = field(default_factory=dict)
    stored: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Writer:
    """Writes the quantized graph node by node."""

    view: GraphView
    placement: Placement
    scales: Mapping[str, Affine]
    form: Form
    products: Mapping[str, FittedProduct]
    options: _Options

    def write(self) -> onnx.ModelProto:
        emitter = Emitter(self.view)
        names = _Names()
        for name in self.view.inputs:
            if name in self.scales and not self._is_moved_first(name):
                stored = name if self.options.integer_inputs else None
                self._quantize(emitter, name, name, names, stored)
        dropped = self._dropped_clamps()
        for node in self.view.nodes:
            if node.name not in dropped:
                self._node(emitter, node, dropped, names)
        return self._assemble(emitter)

    def _is_moved_first(self, name: str) -> bool:
        """Whether an input is better quantized behind SpaceToDepth, which ONNX Runtime computes in float."""
        readers = self.view.readers.get(name, ())
        inside = name in self.view.outputs or self.options.integer_inputs or self.options.integer_results
        return not inside and all(node.op_type == "SpaceToDepth" for node in readers)

    def _quantize(
        self,
        emitter: Emitter,
        source: str,
        name: str,
        names: _Names,
        stored: str | None = None,
        target: str | None = None,
    ) -> None:
        """Write the tensor `name`, whose values are in `source`, as integers and behind them as floats."""
        leader, affine = self.placement.leader[name], self.scales[name]
        names.stored[name] = stored or emitter.quantize(source, affine, leader)
        names.floats[name] = emitter.dequantize(names.stored[name], affine, leader, target)

    def _dropped_clamps(self) -> dict[str, str]:
        """The clamps that saturation replaces, by node name, with their inputs."""
        dropped = {}
        for source, target in self.placement.absorbed.items():
            clamp = self.view.producers[target]
            bounds = clamp_bounds(clamp, self.view)
            saturates = bounds and target in self.scales and clamps_like(self.scales[target], *bounds)
            if saturates and not (self._may_be_finer(target) and bounds in FUSED_CLAMPS):
                dropped[clamp.name] = source
        return dropped

    def _may_be_finer(self, name: str) -> bool:
        """Whether floats alone read a result, which a TFLite file may then not round to 8 bits after all."""
        readers = self.view.readers.get(name, ())
        return self.options.integer_results and not any(one.name in self.placement.nodes for one in readers)

    def _node(self, emitter: Emitter, node: onnx.NodeProto, dropped: dict[str, str], names: _Names) -> None:
        written = onnx.NodeProto()
        written.CopyFrom(node)
        integer = node.name in self.placement.nodes
        for index, name in enumerate(node.input):
            if integer or not self._is_float(name):
                written.input[index] = names.floats.get(name, name)
        if integer:
            self._constants(emitter, node, written, names)
        results = self._results(emitter, node, written, dropped)
        if node.name in self.options.two_part:
            write_two_parts(emitter, written, node.input[0], self.scales[node.input[0]])
        else:
            if node.name in self.options.doubled:
                write_doubled(emitter, written, node.input[0], self.scales[node.input[0]])
            emitter.add(written)
        for source, name in results:
            target = name if name in self.view.outputs and source != name else None
            clamp = self.view.producers[name]
            if clamp.name in dropped and self._may_be_finer(name):
                self._quantize(emitter, source, name, names)
                self._clamp(emitter, clamp, names, target or emitter.free(f"{name}_clamped"))
            else:
                self._quantize(emitter, source, name, names, target=target)

    def _clamp(self, emitter: Emitter, clamp: onnx.NodeProto, names: _Names, target: str) -> None:
        """Write a clamp behind the integers that saturate for it: they may give way to floats."""
        name = clamp.output[0]
        written = onnx.NodeProto()
        written.CopyFrom(clamp)
        written.input[0], written.output[0] = names.floats[name], target
        emitter.add(written)
        names.floats[name] = target

    def _is_float(self, name: str) -> bool:
        """Whether a tensor exists in float too: then nobody but integer operators reads its integers."""
        producer = self.view.producers.get(name)
        if producer is None:
            return not self.options.integer_inputs
        absorbed = name in self.placement.absorbed.values()
        return producer.name not in self.placement.nodes and not absorbed

    def _results(
        self, emitter: Emitter, node: onnx.NodeProto, written: onnx.NodeProto, dropped: dict[str, str]
    ) -> list[tuple[str, str]]:
        """The quantized results of a node: what it writes, and the tensor that this stands for."""
        found = []
        for index, name in enumerate(node.output):
            final = self.placement.absorbed.get(name, name)
            if final != name and self.view.producers[final].name not in dropped:
                final = name
            if final in self.scales:
                if final in self.view.outputs and not self._is_float(final):
                    written.output[index] = emitter.free(f"{final}_float")
                found.append((written.output[index], final))
        return found

    def _constants(
        self, emitter: Emitter, node: onnx.NodeProto, written: onnx.NodeProto, names: _Names
    ) -> None:
        fitted = self.products.get(node.name)
        if fitted is not None:
            added = added_channels(node, self.view) if self.options.pad_channels else 0
            self._weights(emitter, node, fitted, written, added)
            if added:
                name = node.input[0]
                leader, affine = self.placement.leader[name], self.scales[name]
                padded = emitter.pad_channels(names.stored[name], affine, leader, added)
                written.input[0] = emitter.dequantize(padded, affine, leader)
        for index, name in enumerate(data_inputs(node)):
            if name in self.view.initializers and not (fitted is not None and index == 1):
                values = self.view.constant(name)
                affine = affine_of(float(values.min()), float(values.max()), self.form)
                written.input[index] = emitter.constant(name, values, affine)

    def _weights(
        self,
        emitter: Emitter,
        node: onnx.NodeProto,
        fitted: FittedProduct,
        written: onnx.NodeProto,
        added: int,
    ) -> None:
        doubled = node.name in self.options.doubled
        widened = with_rest(fitted.weights) if doubled else with_zeros(fitted.weights, added)
        written.input[1] = emitter.weights(node.input[1], widened)
        if fitted.bias is not None:
            input_scale = self.scales[node.input[0]].scale
            stored, scales = quantize_bias(fitted.bias, input_scale, fitted.weights.scales)
            written.input[2] = emitter.bias(node.input[2], stored, scales)

    def _assemble(self, emitter: Emitter) -> onnx.ModelProto:
        model = with_initializers(self.view.model)
        graph = model.graph
        for part in ("node", "value_info"):
            graph.ClearField(part)
        read = _names_read(emitter.nodes) | self.view.outputs
        # ONNX Runtime computes what nobody reads.
        kept_nodes = [
            node for node in emitter.nodes if node.op_type != "DequantizeLinear" or node.output[0] in read
        ]
        graph.node.extend(kept_nodes)
        used = _names_read(kept_nodes) | self.view.outputs
        kept = {**self.view.initializers, **emitter.initializers}
        graph.initializer.extend(tensor for name, tensor in kept.items() if name in used)
        if self.options.integer_inputs:
            kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(self.form.dtype))
            for value in graph.input:
                if value.name in self.scales:
                    value.type.tensor_type.elem_type = kind
        return infer_shapes(guard_float_products(model))


def _names_read(nodes: Iterable[onnx.NodeProto]) -> set[str]:
    return {name for node in nodes for name in (*node.input, *outer_names(node))}
