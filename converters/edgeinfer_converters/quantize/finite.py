"""Weights that are numbers: a NaN in them shows in every activation behind, and looks like a bad sample."""

from __future__ import annotations

import numpy as np

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.operators import PRODUCTS, bias_input


def check_weights(view: GraphView) -> None:
    """Raises ModelError for a convolution or matrix product with NaN in its constants, or infinite weights.

    A bias may be infinite: what masks classes out is often merged into one.
    """
    for node in view.nodes:
        if node.op_type not in PRODUCTS:
            continue
        for name in node.input[1:]:
            if name not in view.initializers or name not in view.floats:
                continue
            values = view.constant(name)
            if np.isnan(values).any() or (name != bias_input(node) and np.isinf(values).any()):
                raise ModelError(
                    f"the weights `{name}` of {node.op_type} `{node.name}` hold NaN or infinity",
                    hint="training has diverged, or the export went wrong: export a good checkpoint",
                )
