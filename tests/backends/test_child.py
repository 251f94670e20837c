"""Work in a child: results come back, crashes stay there."""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from edgeinfer.backends import child
from edgeinfer.backends.child import in_child, perform
from edgeinfer.errors import MissingRuntimeError, ModelError

HERE = __name__


def lengths(model: bytes, *arguments: str) -> list[int]:
    """How long everything is."""
    sys.stdout.write("noise of a runtime\n")
    return [len(model), *map(len, arguments)]


def bloat(_: bytes) -> None:
    """More memory than there is."""
    raise MemoryError


def damaged(_: bytes) -> None:
    """A refusal with a hint."""
    raise ModelError("it is damaged", hint="export it again")


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the child run other code."""

    def use(text: str) -> None:
        monkeypatch.setattr(child, "_PROGRAM", text)

    return use


def test_results_come_back_behind_what_a_runtime_writes() -> None:
    assert in_child(f"{HERE}:lengths", b"\0\n[1]", "a b", "") == [5, 3, 0]


def test_reasons_come_back() -> None:
    with pytest.raises(ModelError, match="it is damaged") as caught:
        in_child(f"{HERE}:damaged", b"")
    assert caught.value.hint == "export it again"
    with pytest.raises(ModelError, match="more memory than it may have"):
        in_child(f"{HERE}:bloat", b"")


def test_a_child_that_says_nothing(program: Any) -> None:
    program("print('no result')")
    with pytest.raises(ModelError, match="ended without a result"):
        in_child(f"{HERE}:lengths", b"")


def test_the_order_of_things(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Limits stand before the work begins."""
    order = []
    monkeypatch.setattr(child, "_limit", lambda *found: order.append(found))
    monkeypatch.setattr("sys.stdin", type("In", (), {"buffer": type("B", (), {"read": lambda _: b"abc"})()}))
    assert perform(f"{HERE}:lengths", "1000", "3") == 0
    assert order == [(1000, 3)]
    assert capsys.readouterr().out.splitlines()[-1] == "[3]"


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
        in_child(f"{HERE}:lengths", b"")


def test_a_missing_runtime_is_not_the_models_fault(program: Any) -> None:
    program(
        "import json, sys; print('noise'); "
        "print(json.dumps(['MissingRuntimeError', 'none', 'install it']), end=''); sys.exit(1)"
    )
    with pytest.raises(MissingRuntimeError, match="none") as caught:
        in_child(f"{HERE}:lengths", b"")
    assert caught.value.hint == "install it"


def test_limits_are_set_and_never_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "setrlimit", lambda kind, bounds: found.update({kind: bounds}))
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (5, 5 if kind == resource.RLIMIT_CPU else -1))
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: 4)
    child._limit(1000, 60)
    assert found[resource.RLIMIT_CPU] == (5, 5)
    assert found[resource.RLIMIT_CORE] == (0, 0)
    assert found[resource.RLIMIT_AS][0] > 1_000_000


def test_signals_have_names() -> None:
    assert child._death(-signal.SIGXCPU) == "SIGXCPU"
    assert child._death(3) == "exit code 3"
