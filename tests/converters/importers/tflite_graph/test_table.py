"""The table of operators."""

from __future__ import annotations

from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from edgeinfer_converters.importers.tflite_graph.table import CONVERTERS
from tests.fixtures import tflite_graphs

FOLDER = Path(__file__).parent


def test_the_names_are_the_schemas() -> None:
    assert set(CONVERTERS) <= set(vars(schema.BuiltinOperator))


def test_it_is_sorted() -> None:
    """By letters: `_` stands before them."""
    assert list(CONVERTERS) == sorted(CONVERTERS, key=lambda name: name.replace("_", "^"))


def test_every_operator_is_held_against_the_interpreter() -> None:
    files = [*FOLDER.glob("test_*.py"), Path(tflite_graphs.__file__)]
    tests = "".join(path.read_text(encoding="utf-8") for path in files)
    assert [name for name in CONVERTERS if f'"{name}"' not in tests and f'"{name} ' not in tests] == []
