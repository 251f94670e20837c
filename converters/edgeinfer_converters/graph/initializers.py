"""Initializers are constants: they are not inputs too."""

from __future__ import annotations

import onnx

IR_VERSION = 4
"""The first IR version in which an initializer need not be listed as an input."""


def unlist_initializers(model: onnx.ModelProto) -> onnx.ModelProto:
    """Take initializers out of the list of inputs, where IR 3 wants them (in place)."""
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    model.ir_version = max(model.ir_version, IR_VERSION)
    return model
