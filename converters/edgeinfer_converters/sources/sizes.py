"""Open sizes of a model's inputs, fixed by what the pipeline says of them."""

from __future__ import annotations

import onnx

from edgeinfer.processing.spec import ImageInput, InputSpec, PipelineSpec, WindowInput

_Dims = list[onnx.TensorShapeProto.Dimension]


def fix_sizes(model: onnx.ModelProto, spec: PipelineSpec) -> onnx.ModelProto:
    """Give open dimensions of images and windows (in place) the sizes of the pipeline's inputs.

    Fixed dimensions stay, and so does what does not fit: the pipeline is held against the model later.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    values = [value for value in model.graph.input if value.name not in constants]
    if len(values) != len(spec.input):
        return model
    for value, one in zip(values, spec.input, strict=True):
        dims = list(value.type.tensor_type.shape.dim)
        for dim, size in zip(dims, _sizes(one, dims), strict=False):
            if size is not None and _is_open(dim):
                dim.dim_value = size
    return model


def _sizes(spec: InputSpec, dims: _Dims) -> tuple[int | None, ...]:
    """The size of each dimension, None for the batch and for what the pipeline does not know."""
    if isinstance(spec, WindowInput) and len(dims) == 3:
        return None, spec.length, len(spec.columns)
    if not isinstance(spec, ImageInput) or len(dims) != 4:
        return ()
    width, height = spec.size
    if _is_channels_first(spec, dims):
        return None, spec.channels, height, width
    return None, height, width, spec.channels


def _is_channels_first(spec: ImageInput, dims: _Dims) -> bool:
    """As the pipeline says; else where the number of channels stands; else as ONNX mostly has it."""
    if spec.layout != "auto":
        return spec.layout == "nchw"
    return dims[1].dim_value == spec.channels or dims[3].dim_value != spec.channels


def _is_open(dim: onnx.TensorShapeProto.Dimension) -> bool:
    return not dim.HasField("dim_value") or dim.dim_value < 1
