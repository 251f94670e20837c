"""The first run in a child: errors, crashes, hangs and bombs stay there."""

from __future__ import annotations

import resource
import signal
from pathlib import Path
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeinfer.backends import rehearsal
from edgeinfer.backends.rehearsal import rehearse
from edgeinfer.errors import MissingRuntimeError, ModelError
from tests.fixtures import models
from tests.fixtures.tflite import builtin, doubler, filled, graph_of, model_of, packed, step, tensor_of


def endless() -> bytes:
    """While x == x: x = x."""
    tensors = [tensor_of([1]), tensor_of([1])]
    loop = filled(schema.WhileOptionsT(), {"condSubgraphIndex": 1, "bodySubgraphIndex": 2})
    main = graph_of(tensors, [step(0, [0], [1], loop)])
    same = graph_of([tensor_of([1]), tensor_of([1], "BOOL")], [step(1, [0, 0], [1], schema.EqualOptionsT())])
    body = graph_of(tensors, [step(2, [0, 0], [1], schema.AddOptionsT())])
    return model_of([main, same, body], [builtin("WHILE"), builtin("EQUAL"), builtin("ADD")])


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the child run other code."""

    def use(text: str) -> None:
        monkeypatch.setattr(rehearsal, "_PROGRAM", text)

    return use


def test_a_model_that_runs() -> None:
    rehearse(doubler(), "tflite")
    rehearse(models.doubler().SerializeToString(), "onnx")


def test_the_runtimes_own_words_come_back() -> None:
    data = packed(schema.ModelT.InitFromPackedBuf(doubler(), 0)).replace(b"TFL3", b"TFL2")
    with pytest.raises(ModelError, match="LiteRT cannot load the model: not a TensorFlow Lite model"):
        rehearse(data, "tflite")


def test_a_loop_that_does_not_end() -> None:
    with pytest.raises(ModelError, match="on zeros, did not end within 3 seconds") as caught:
        rehearse(endless(), "tflite", timeout_s=3.0)
    assert "loop" in caught.value.hint


def test_a_bomb_meets_the_bound_of_memory() -> None:
    large = doubler(shape=(1, 60_000_000))
    with pytest.raises(ModelError):
        rehearse(large, "tflite", memory_bytes=200_000_000)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import os; os.kill(os.getpid(), 11)", r"crashed with the model \(SIGSEGV\)"),
        ("import os; os.abort()", r"crashed with the model \(SIGABRT\)"),
        ("import sys; sys.exit(7)", r"crashed with the model \(exit code 7\)"),
        ("import sys; sys.exit(1)", "does not say why"),
        ("import sys; print('[1'); sys.exit(1)", "does not say why"),
    ],
)
def test_crashes_stay_in_the_child(program: Any, text: str, found: str) -> None:
    program(text)
    with pytest.raises(ModelError, match=found):
        rehearse(doubler(), "tflite")


def test_a_missing_runtime_is_not_the_models_fault(program: Any) -> None:
    program(
        "import json, sys; print('noise'); "
        "print(json.dumps(['MissingRuntimeError', 'none', 'install it']), end=''); sys.exit(1)"
    )
    with pytest.raises(MissingRuntimeError, match="none") as caught:
        rehearse(doubler(), "tflite")
    assert caught.value.hint == "install it"


def test_limits_are_set_and_never_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "setrlimit", lambda kind, bounds: found.update({kind: bounds}))
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (5, 5 if kind == resource.RLIMIT_CPU else -1))
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: 4)
    rehearsal._limit(1000, 60)
    assert found[resource.RLIMIT_CPU] == (5, 5)
    assert found[resource.RLIMIT_CORE] == (0, 0)
    assert found[resource.RLIMIT_AS][0] > 1_000_000


def test_signals_have_names() -> None:
    assert rehearsal._death(-signal.SIGXCPU) == "SIGXCPU"
    assert rehearsal._death(3) == "exit code 3"
