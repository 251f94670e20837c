"""The table of operators."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from onnx import defs

from edgeinfer_converters.tflite import operators


def test_each_operator_is_in_one_module_and_all_are_in_the_table() -> None:
    found: dict[str, str] = {}
    for module in pkgutil.iter_modules(operators.__path__):
        table = getattr(import_module(f"{operators.__name__}.{module.name}"), "OPERATORS", {})
        for kind in table:
            assert kind not in found, f"{kind} is in {module.name} and in {found[kind]}"
            found[kind] = module.name
    assert found.keys() == operators.OPERATORS.keys()


def test_each_is_an_operator_of_the_standard() -> None:
    known = {schema.name for schema in defs.get_all_schemas_with_history() if schema.domain == ""}
    assert operators.OPERATORS.keys() <= known
