"""The inputs and outputs of the file."""

from __future__ import annotations

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.forms import Forms
from edgeinfer_converters.tflite.layouts import Layout, channels_last, plain, stored_shape
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.tensors import Quant

SPATIAL = frozenset(
    {
        *("AveragePool", "Conv", "ConvTranspose", "DepthToSpace", "GlobalAveragePool", "GlobalMaxPool"),
        *("LpPool", "MaxPool", "Resize", "SpaceToDepth", "Upsample"),
    }
)
"""Operators whose kernels want images channels last."""

_MAX_STEPS = 64
"""So far an input is followed to what it is for."""


def add_inputs(lowering: Lowering, forms: Forms) -> None:
    """Make the inputs' tensors.

    Raises ModelError for open dimensions, types that TFLite lacks, and inputs that are wanted as integers
    where the graph reads them as floats.
    """
    for name in lowering.view.inputs:
        try:
            shape, dtype = lowering.shape(name), lowering.facts.dtype(name).name
        except UnsupportedError as fault:
            raise ModelError(
                f"input `{name}`: {fault}", hint="export the model with fixed input shapes"
            ) from fault
        layout = plain(len(shape)) if name in forms.as_is else _input_layout(lowering, name)
        quant = lowering.sites.stored.get(name)
        if name in forms.integers:
            quant, dtype = _wanted_in_integers(lowering, name), forms.integers[name]
        tensor = lowering.graph.tensor(name, stored_shape(shape, layout), dtype, _as_stored(quant, dtype))
        lowering.graph.inputs.append(tensor)
        lowering.inputs[name] = layout
        if name in forms.integers and dtype == "uint8" and quant is not None:
            tensor = lowering.requantize(tensor, quant)
        lowering.write(name, tensor, layout)


def _wanted_in_integers(lowering: Lowering, name: str) -> Quant:
    """The scale of an input that only a QuantizeLinear reads. Raises ModelError for any other."""
    quant = lowering.target(name)
    if quant is None:
        raise ModelError(
            f"input `{name}` cannot be of integers: not all that reads it computes with integers",
            hint='leave `dtype` out of the [[input]], or write "float32"',
        )
    return quant


def _as_stored(quant: Quant | None, dtype: str) -> Quant | None:
    """int8's scale and zero point as those of the type that is stored."""
    if quant is None or dtype != "uint8":
        return quant
    return Quant.whole(quant.scales[0], quant.zero_points[0] + 128)


def add_outputs(lowering: Lowering, forms: Forms) -> None:
    """Read each output in ONNX's order of axes, or channels last where that is how it was computed.

    Raises ModelError for outputs that are wanted as integers where the graph computes them in floats.
    """
    for value in lowering.view.model.graph.output:
        if value.name in forms.alike:
            layout = lowering.inputs[forms.alike[value.name]]
        else:
            layout = _output_layout(lowering, value.name)
        if value.name in forms.integers:
            tensor = _integers(lowering, value.name, layout, forms.integers[value.name])
        else:
            tensor = _output(lowering, value.name, layout)
        found = lowering.graph.tensors[tensor]
        taken = tensor in (*lowering.graph.inputs, *lowering.graph.outputs)
        if found.data is not None or taken:
            tensor = lowering.reshape_anew(tensor)
        lowering.graph.tensors[tensor].name = value.name
        lowering.graph.outputs.append(tensor)
        lowering.outputs[value.name] = layout


def _output(lowering: Lowering, name: str, layout: Layout) -> int:
    """The tensor in its ONNX type; one that is stored in it goes no way through the type of kernels."""
    as_stored = name in lowering.values and lowering.quant(name) is None
    tensor = (lowering.stored if as_stored else lowering.read)(name, layout)
    return lowering.cast(tensor, lowering.facts.dtype(name))


def _integers(lowering: Lowering, name: str, layout: Layout, dtype: str) -> int:
    """The integers that a result is stored in, in the type that is wanted. Raises ModelError for floats."""
    quant = lowering.quant(name)
    if quant is None:
        raise ModelError(
            f"output `{name}` cannot be of integers: it is computed in floats",
            hint='leave `dtype` out of the [output], or write "float32"',
        )
    tensor = lowering.stored(name, layout)
    if dtype == lowering.graph.tensors[tensor].dtype:
        return tensor
    shape = lowering.graph.tensors[tensor].shape
    return lowering.add("QUANTIZE", [tensor], shape, dtype, _as_stored(quant, dtype))


def _input_layout(lowering: Lowering, name: str) -> Layout:
    """Channels last for an image whose first spatial operator wants it so."""
    rank = lowering.rank(name)
    pending, seen = [name], {name}
    while rank == 4 and pending and len(seen) < _MAX_STEPS:
        current = pending.pop(0)
        for reader in lowering.view.readers.get(current, ()):
            if reader.op_type in SPATIAL and reader.input[0] == current:
                return channels_last(rank)
            for output in reader.output:
                if reader.op_type in _PASSED and output not in seen:
                    seen.add(output)
                    pending.append(output)
    return plain(rank)


_PASSED = frozenset(
    {
        *("Add", "BatchNormalization", "Cast", "Clip", "Concat", "DequantizeLinear", "Div", "Identity"),
        *("Mul", "Pad", "QuantizeLinear", "Relu", "Slice", "Split", "Sub"),
    }
)
"""Operators that work in any layout."""


def _output_layout(lowering: Lowering, name: str) -> Layout:
    layout = lowering.layout(name)
    last = channels_last(len(layout))
    return last if len(layout) == 4 and layout == last else plain(len(layout))
