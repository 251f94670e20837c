"""Which operators ONNX Runtime can run on a CPU: asked of the runtime, not kept in a list here."""

from __future__ import annotations

from functools import cache
from typing import Any

import onnx
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from edgeinfer_converters.graph.walk import STANDARD_DOMAINS, all_nodes

PROVIDER = "CPUExecutionProvider"


def unsupported_operators(model: onnx.ModelProto) -> tuple[str, ...]:
    """The operators of a model that have neither a CPU kernel nor a definition by other operators.

    Sorted, each once, custom ones with their domain in front: `("MyOp", "com.example.Foo")`.
    """
    functions = {(function.domain, function.name) for function in model.functions}
    used = {(node.domain, node.op_type) for node in all_nodes(model)} - functions
    return tuple(sorted({operator_name(*one) for one in used if not _is_runnable(*one)}))


def operator_name(domain: str, op_type: str) -> str:
    """The name for people: the domain in front where it is not ONNX's own."""
    return op_type if domain in STANDARD_DOMAINS else f"{domain}.{op_type}"


def _is_runnable(domain: str, op_type: str) -> bool:
    domain = "" if domain in STANDARD_DOMAINS else domain
    return (domain, op_type) in _kernels() or _has_definition(domain, op_type)


@cache
def _kernels() -> frozenset[tuple[str, str]]:
    found = {
        (kernel.domain, kernel.op_name)
        for kernel in runtime.get_all_opkernel_def()
        if kernel.provider == PROVIDER
    }
    return frozenset(found)


def _has_definition(domain: str, op_type: str) -> bool:
    if (domain, op_type) == ("", "Constant"):
        return True  # the runtime turns it into an initializer
    if not onnx.defs.has(op_type, domain=domain):
        return False
    schema: Any = onnx.defs.get_schema(op_type, domain=domain)  # its type stub lacks these two
    return bool(schema.has_function or schema.has_context_dependent_function)
