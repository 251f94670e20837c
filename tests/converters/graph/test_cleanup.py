"""The clean-up by onnxslim: what we rely on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxslim
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph import slimmer
from edgeinfer_converters.graph.cleanup import clean_up
from tests.fixtures.models import image_classifier, model_of


def test_constants_are_folded_and_dead_code_goes() -> None:
    model = model_of(
        [
            helper.make_node("Constant", [], ["two"], value=numpy_helper.from_array(np.array(2, np.float32))),
            helper.make_node("Add", ["two", "one"], ["three"]),
            helper.make_node("Mul", ["x", "three"], ["y"]),
            helper.make_node("Neg", ["x"], ["unused"]),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
        {"one": np.array(1, np.float32)},
    )
    assert [node.op_type for node in clean_up(model).graph.node] == ["Mul"]


def test_the_same_model_gives_the_same_bytes() -> None:
    one, other = (clean_up(image_classifier()).SerializeToString(deterministic=True) for _ in range(2))
    assert one == other


def test_names_of_inputs_and_outputs_are_kept() -> None:
    slim = clean_up(image_classifier())
    assert [value.name for value in slim.graph.input] == ["image"]
    assert [value.name for value in slim.graph.output] == ["logits"]


def test_a_failure_is_translated(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(model: onnx.ModelProto) -> onnx.ModelProto:
        raise KeyError("some_tensor")

    monkeypatch.setattr(onnxslim, "slim", fail)
    with pytest.raises(ModelError, match="cannot be cleaned up: 'some_tensor'"):
        clean_up(image_classifier())


def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small models too be cleaned in a process of their own."""
    monkeypatch.setattr(slimmer, "SMALL_BYTES", 0)


def test_a_process_of_its_own_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    here = clean_up(image_classifier())
    apart(monkeypatch)
    assert clean_up(image_classifier()).SerializeToString(deterministic=True) == here.SerializeToString(
        deterministic=True
    )


def test_large_models_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(model: onnx.ModelProto) -> onnx.ModelProto:
        raise AssertionError("called in this process")

    monkeypatch.setattr(onnxslim, "slim", fail)
    model = image_classifier()
    model.graph.initializer.append(
        numpy_helper.from_array(np.zeros(slimmer.SMALL_BYTES // 4, "f4"), "unused")
    )
    assert model.ByteSize() > slimmer.SMALL_BYTES > clean_up(model).ByteSize()


def test_a_failure_over_there_is_told_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    apart(monkeypatch)
    program = tmp_path / "slim.py"
    monkeypatch.setattr(slimmer, "PROGRAM", program)
    for text, message in (
        ("raise KeyError('some_tensor')", "cannot be cleaned up: KeyError: 'some_tensor'"),
        ("import os; os._exit(3)", "onnxslim ended with code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "onnxslim ended with code -9"),
        ("print('not a model')", "cannot be cleaned up: "),
    ):
        program.write_text(text, "utf-8")
        with pytest.raises(ModelError, match=message) as caught:
            clean_up(image_classifier())
        assert caught.value.hint


def test_what_onnxslim_prints_is_no_part_of_the_answer() -> None:
    """The program keeps its stdout for the model, whoever writes to it below Python."""
    code = (
        "import os, sys, runpy, onnxslim\n"
        "real = onnxslim.slim\n"
        "def noisy(model):\n"
        "    print('chatter', flush=True)\n"
        "    os.write(1, b'more')\n"
        "    return real(model)\n"
        "onnxslim.slim = noisy\n"
        "runpy.run_path(sys.argv[1], run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, slimmer.PROGRAM],
        input=image_classifier().SerializeToString(),
        capture_output=True,
        check=True,
    )
    assert onnx.load_from_string(done.stdout) == clean_up(image_classifier())
    assert b"chatter" in done.stderr
    assert b"more" in done.stderr


def test_a_changed_interface_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(model: onnx.ModelProto) -> onnx.ModelProto:
        changed = image_classifier()
        changed.graph.output[0].name = "other"
        return changed

    monkeypatch.setattr(onnxslim, "slim", rename)
    with pytest.raises(ModelError, match="changed the model's inputs or outputs"):
        clean_up(image_classifier())
