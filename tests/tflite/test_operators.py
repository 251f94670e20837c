"""The table of operators, against the runtime that is installed."""

from __future__ import annotations

from importlib import import_module

import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeinfer.tflite.operators import CUSTOM, MANY, Builtin, builtin_name, builtins, unsupported_names
from tests.fixtures.tflite import builtin, graph_of, model_of

NUMBERS = {name: number for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}


def loads(name: str, version: int) -> bool:
    """Whether the runtime has an operator in a version: it looks for all that a file names, used or not."""
    data = model_of([graph_of([], [], inputs=[], outputs=[])], [builtin(name, version=version)])
    try:
        import_module("ai_edge_litert.interpreter").Interpreter(model_content=data)
    except ValueError as error:
        assert "Didn't find op" in str(error)  # noqa: PT017
        return False
    return True


def test_a_line_is_an_operator() -> None:
    assert builtins()[3] == Builtin(
        "CONV_2D", (1, 8), (2, 3), (1, 1), "Conv2D", needs_options=True, optional_from=2
    )
    assert builtins()[2].inputs == (1, MANY)
    assert builtins()[8].options == ""


def test_numbers_and_names_are_the_schemas() -> None:
    ours = {number: one.name for number, one in builtins().items()} | unsupported_names()
    assert ours == {number: name for name, number in NUMBERS.items() if number != CUSTOM}
    assert not builtins().keys() & unsupported_names().keys()


def test_the_runtime_has_every_version_that_we_let_pass() -> None:
    for one in builtins().values():
        assert all(loads(one.name, version) for version in range(one.versions[0], one.versions[1] + 1)), one


@pytest.mark.parametrize("name", ["CALL", "CONCAT_EMBEDDINGS", "STABLEHLO_CONVOLUTION", "STABLEHLO_WHILE"])
def test_the_runtime_lacks_what_we_refuse(name: str) -> None:
    assert name in unsupported_names().values()
    assert not loads(name, 1)


def test_names() -> None:
    assert builtin_name(0) == "ADD"
    assert builtin_name(NUMBERS["STABLEHLO_SORT"]) == "STABLEHLO_SORT"
    assert builtin_name(9999) == "unknown.9999"
