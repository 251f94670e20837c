"""Functions of a model (ONNX IR 8) become plain nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

import onnx
import onnx.inliner

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.foreign import GRAPH_ERRORS, short_reason
from edgeinfer_converters.graph.walk import STANDARD_DOMAINS, nested_nodes

MAX_EXPANDED_NODES = 200_000

_Key = tuple[str, str, str]


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


def check_expansion(model: onnx.ModelProto) -> None:
    """Raises ModelError for functions that call themselves, or expand to far more nodes than any model has.

    Thirty functions of two calls each are a thousand million nodes: onnx's own checker and inliner would
    expand them without end.
    """
    if not model.functions:
        return
    calls = {_key(one.domain, one.name, one.overload): _calls(one.node) for one in model.functions}
    sizes: dict[_Key, int] = {}
    try:
        order = list(TopologicalSorter(calls).static_order())
    except CycleError as error:
        names = " calls ".join(f"`{name}`" for _, name, _ in error.args[1][::-1])
        raise ModelError(
            f"the model's functions call each other in a circle: {names}",
            hint="export the model without functions",
        ) from error
    for key in order:
        # A name that is no function is an operator: one node.
        sizes[key] = min(_expanded(calls[key], sizes), MAX_EXPANDED_NODES + 1) if key in calls else 1
    if _expanded(_calls(model.graph.node), sizes) > MAX_EXPANDED_NODES:
        raise ModelError(
            f"the model has more than {MAX_EXPANDED_NODES} operators when its functions are expanded",
            hint="export the model without functions",
        )


def _calls(nodes: Iterable[onnx.NodeProto]) -> Counter[_Key]:
    return Counter(_key(node.domain, node.op_type, node.overload) for node in nested_nodes(nodes))


def _expanded(calls: Counter[_Key], sizes: dict[_Key, int]) -> int:
    return sum(count * sizes.get(key, 1) for key, count in calls.items())


def _key(domain: str, name: str, overload: str) -> _Key:
    return ("" if domain in STANDARD_DOMAINS else domain), name, overload
