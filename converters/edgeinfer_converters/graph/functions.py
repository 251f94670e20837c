"""Functions of a model (ONNX IR 8) become plain nodes."""

from __future__ import annotations

import onnx
import onnx.inliner

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.foreign import GRAPH_ERRORS, short_reason


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """Replace each call of a function of the model by its nodes. Raises ModelError."""
    if not model.functions:
        return model
    try:
        return onnx.inliner.inline_local_functions(model)
    except GRAPH_ERRORS as error:
        raise ModelError(
            f"the model's functions cannot be expanded: {short_reason(error)}",
            hint="export the model without functions",
        ) from error
