"""`edgeinfer-convert inspect`, on files."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import onnx
import pytest

from edgeinfer.errors import ModelError, SettingsError
from edgeinfer.exits import Exit
from edgeinfer_converters.commands.inspect import configure, execute
from tests.fixtures import tflite
from tests.fixtures.models import doubler, image_classifier


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    configure(parser)
    return execute(parser.parse_args(words))


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "m.onnx"
    onnx.save(image_classifier(), path)
    return str(path)


def test_for_people(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(model, "--profile", "raspberry-pi-4") == Exit.DONE
    text = capsys.readouterr().out
    assert text.startswith("format        onnx, opset 17, IR version 9\n")
    assert text.endswith("profile       raspberry-pi-4: nothing that its runtime cannot run\n")


def test_for_programs(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(model, "--json") == Exit.DONE
    found = json.loads(capsys.readouterr().out)
    assert found["operators"]["Conv"] == 2
    assert found["profile"] is None
    assert found["obstacles"] == []


def test_the_host_is_a_profile_too(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(model, "--profile", "host", "--json") == Exit.DONE
    assert json.loads(capsys.readouterr().out)["profile"]


def test_a_tflite_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.tflite").write_bytes(tflite.doubler(quantization=(0.5, 3)))
    assert run(str(tmp_path / "m.tflite"), "--profile", "raspberry-pi-4") == Exit.DONE
    text = capsys.readouterr().out
    assert "tflite, quantized" in text
    assert "operators     ADD 1" in text


@pytest.mark.parametrize("domain", ["", "com.example"])
def test_a_foreign_operator_is_listed_and_no_reason_to_refuse(
    tmp_path: Path, domain: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = doubler()
    model.graph.node[0].op_type = "Wobble"
    model.graph.node[0].domain = domain
    if domain:
        model.opset_import.add(domain=domain, version=1)
    onnx.save(model, tmp_path / "m.onnx")
    name = f"{domain}.Wobble".lstrip(".")
    for words in ((), ("--profile", "raspberry-pi-4")):
        assert run(str(tmp_path / "m.onnx"), *words) == Exit.DONE
        assert f"onnxruntime has no operator {name}\n" in capsys.readouterr().out
    assert run(str(tmp_path / "m.onnx"), "--json") == Exit.DONE
    obstacle = {"runtime": "onnxruntime", "reason": f"has no operator {name}"}
    assert json.loads(capsys.readouterr().out)["obstacles"] == [obstacle]


def test_names_that_would_steer_a_terminal_are_refused(tmp_path: Path) -> None:
    model = doubler()
    model.graph.node[0].op_type = "Wobble\x1b[2J"
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ModelError) as caught:
        run(str(tmp_path / "m.onnx"))
    assert str(caught.value).isprintable()


def test_what_cannot_be_looked_at(tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "noise.tflite").write_bytes(bytes(range(256)))
    for words, error in (
        ((str(tmp_path / "gone.onnx"),), ModelError),
        ((str(tmp_path / "noise.tflite"),), ModelError),
        ((model, "--profile", "toaster"), SettingsError),
    ):
        with pytest.raises(error):
            run(*words)
    assert capsys.readouterr().out == ""
