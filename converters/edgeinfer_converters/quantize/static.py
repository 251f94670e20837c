"""Static int8 quantization: a float graph and its ranges become a graph of QDQ form.

QDQ form keeps the float operators between DequantizeLinear and QuantizeLinear nodes; runtimes fuse them
into integer kernels (`share` counts whether they did). Scales are chosen in `scales`, places in
`placement`; this module only writes them down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import onnx

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer.profile import Integer
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.importers.onnx import is_quantized
from edgeinfer_converters.quantize.affine import Affine, Form, activation_form, affine_of, clamps_like
from edgeinfer_converters.quantize.emitter import Emitter
from edgeinfer_converters.quantize.execution import single_threaded
from edgeinfer_converters.quantize.fitting import fit_weights
from edgeinfer_converters.quantize.hessian import Columns, Gram, columns_of
from edgeinfer_converters.quantize.operators import (
    PRODUCTS,
    bias_input,
    channel_axis,
    clamp_bounds,
    data_inputs,
    weight_input,
)
from edgeinfer_converters.quantize.placement import Placement, place
from edgeinfer_converters.quantize.ranges import Method, Ranges
from edgeinfer_converters.quantize.scales import choose_scales
from edgeinfer_converters.quantize.weights import (
    FULL_BOUND,
    REDUCED_BOUND,
    IntegerWeights,
    quantize_bias,
    quantize_weights,
    smallest_weight_scales,
)

InputType = Literal["float32", "uint8", "int8"]


def quantize_int8(
    model: onnx.ModelProto,
    ranges: Ranges,
    integer: Integer,
    *,
    exclude: frozenset[str] = frozenset(),
    input_dtype: InputType = "float32",
    method: Method = "mse",
) -> onnx.ModelProto:
    """The QDQ model of a prepared float graph, in the integer form that a profile asks for.

    Weights are symmetric int8, one scale for each output channel (`per_channel`), biases int32 at the
    scale of the sum, activations as `integer` says. Operators named in `exclude` stay float, as do those
    without an integer kernel; but ONNX Runtime quantizes the weights of a float convolution by itself
    where it stands between quantized tensors (WeightBiasQuantization), so ask `integer_share`.
    Where `ranges` has a product's Gram matrix its weights are rounded so that its output changes least,
    and its bias makes up for the mean of what is left; elsewhere weights go to the nearest integer.
    Inputs and outputs stay float32; with another `input_dtype`, which must be the activations', the
    inputs that integer operators read take integers. The same arguments give the same bytes.
    Raises ModelError: quantized already, nothing to quantize, ranges of another graph.
    """
    view = GraphView(model)
    placement = place(view, exclude)
    _refuse(model, placement, integer, input_dtype)
    form = activation_form(integer)
    scales = choose_scales(view, placement, ranges, form, method)
    with single_threaded():
        return _Writer(view, placement, scales, integer, form, ranges.grams, input_dtype != "float32").write()


def _refuse(model: onnx.ModelProto, placement: Placement, integer: Integer, input_dtype: InputType) -> None:
    if is_quantized(model):
        raise ModelError(
            "the model is quantized already", hint="start from the float model, or pack this one as it is"
        )
    if not placement.nodes:
        raise ModelError(
            "the model has no convolution or matrix product that could be integer",
            hint="use `--precision float32`",
        )
    if input_dtype not in ("float32", integer.activation):
        raise ModelError(
            f"the profile computes with {integer.activation}; inputs of {input_dtype} do not fit",
            hint=f"use float32 or {integer.activation} inputs",
        )


@dataclass(frozen=True)
class _Writer:
    """Writes the quantized graph node by node."""

    view: GraphView
    placement: Placement
    scales: Mapping[str, Affine]
    integer: Integer
    form: Form
    grams: Mapping[str, Gram]
    integer_inputs: bool

    @cached_property
    def columns(self) -> Mapping[str, Columns]:
        return columns_of(self.view)

    def write(self) -> onnx.ModelProto:
        emitter = Emitter(self.view)
        floats: dict[str, str] = {}
        for name in self.view.inputs:
            if name in self.scales:
                self._input(emitter, name, floats)
        dropped = self._dropped_clamps()
        for node in self.view.nodes:
            if node.name not in dropped:
                self._node(emitter, node, dropped, floats)
        return self._assemble(emitter)

    def _input(self, emitter: Emitter, name: str, floats: dict[str, str]) -> None:
        leader = self.placement.leader[name]
        stored = name if self.integer_inputs else emitter.quantize(name, self.scales[name], leader)
        floats[name] = emitter.dequantize(stored, self.scales[name], leader)

    def _dropped_clamps(self) -> dict[str, str]:
        """The clamps that saturation replaces, by node name, with their inputs."""
        dropped = {}
        for source, target in self.placement.absorbed.items():
            clamp = self.view.producers[target]
            bounds = clamp_bounds(clamp, self.view)
            if target in self.scales and bounds and clamps_like(self.scales[target], *bounds):
                dropped[clamp.name] = source
        return dropped

    def _node(
        self, emitter: Emitter, node: onnx.NodeProto, dropped: dict[str, str], floats: dict[str, str]
    ) -> None:
        written = onnx.NodeProto()
        written.CopyFrom(node)
        for index, name in enumerate(node.input):
            written.input[index] = floats.get(name, name)
        if node.name in self.placement.nodes:
            self._constants(emitter, node, written)
        results = self._results(emitter, node, written, dropped)
        emitter.add(written)
        for source, name in results:
            leader, affine = self.placement.leader[name], self.scales[name]
            target = name if name in self.view.outputs else None
            floats[name] = emitter.dequantize(
                emitter.quantize(source, affine, leader), affine, leader, target
            )

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
                if final in self.view.outputs:
                    written.output[index] = emitter.free(f"{final}_float")
                found.append((written.output[index], final))
        return found

    def _constants(self, emitter: Emitter, node: onnx.NodeProto, written: onnx.NodeProto) -> None:
        weights = weight_input(node, self.view) if node.op_type in PRODUCTS else None
        if weights is not None:
            self._weights(emitter, node, weights, written)
        for index, name in enumerate(data_inputs(node)):
            if name in self.view.initializers and name != weights:
                values = self.view.constant(name)
                affine = affine_of(float(values.min()), float(values.max()), self.form)
                written.input[index] = emitter.constant(name, values, affine)

    def _weights(self, emitter: Emitter, node: onnx.NodeProto, name: str, written: onnx.NodeProto) -> None:
        values = self.view.constant(name)
        axis = channel_axis(node, values.ndim) if self.integer.per_channel else None
        bias_name = bias_input(node)
        input_scale = self.scales[node.input[0]].scale
        bias = None if bias_name is None else self._bias(node, bias_name, values)
        floor = None if bias is None else smallest_weight_scales(bias, input_scale, axis)
        stored, change = self._integers(node, values, axis, floor)
        written.input[1] = emitter.weights(name, stored)
        if bias is not None and bias_name is not None:
            corrected = bias if change is None else bias + change
            written.input[2] = emitter.bias(bias_name, *quantize_bias(corrected, input_scale, stored.scales))

    def _integers(
        self, node: onnx.NodeProto, values: Array, axis: int | None, floor: Array | None
    ) -> tuple[IntegerWeights, Array | None]:
        """The weights of a product, and what its bias has to make up for."""
        bound = REDUCED_BOUND if self.integer.reduce_range else FULL_BOUND
        gram, columns = self.grams.get(node.name), self.columns.get(node.name)
        if gram is None or columns is None:
            return quantize_weights(values, axis, bound=bound, smallest_scales=floor), None
        return fit_weights(node, values, columns, gram, axis=axis, bound=bound, smallest_scales=floor)

    def _bias(self, node: onnx.NodeProto, name: str, weights: Array) -> Array:
        """The bias as one number an output channel, as integer kernels want it."""
        bias = self.view.constant(name)
        axis = channel_axis(node, weights.ndim)
        if node.op_type != "Gemm" or axis is None:
            return bias
        return np.broadcast_to(bias, (1, weights.shape[axis])).reshape(-1)

    def _assemble(self, emitter: Emitter) -> onnx.ModelProto:
        model = onnx.ModelProto()
        model.CopyFrom(self.view.model)
        graph = model.graph
        for field in ("node", "initializer", "value_info"):
            graph.ClearField(field)
        graph.node.extend(emitter.nodes)
        used = {name for node in emitter.nodes for name in node.input} | self.view.outputs
        kept = {**self.view.initializers, **emitter.initializers}
        graph.initializer.extend(tensor for name, tensor in kept.items() if name in used)
        if self.integer_inputs:
            kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(self.form.dtype))
            for value in graph.input:
                if value.name in self.scales:
                    value.type.tensor_type.elem_type = kind
        return infer_shapes(model)
