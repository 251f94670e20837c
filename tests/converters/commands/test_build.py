"""`edgeinfer-convert build`: from words to options, and what is printed. The chain is test_convert's."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import onnx
import pytest

from edgeinfer.bundle.keys import default_trust
from edgeinfer.bundle.reader import open_bundle
from edgeinfer.errors import UsageError
from edgeinfer.exits import Exit
from edgeinfer_converters.building import convert
from edgeinfer_converters.building.options import BuildOptions
from edgeinfer_converters.commands.build import DEFAULT_MAX_DROP, configure, execute
from edgeinfer_converters.report import Report
from tests.fixtures.data import IMAGE_TOML
from tests.fixtures.models import image_classifier

NEEDED = ("m.onnx", "--profile", "raspberry-pi-4", "--pipeline", "p.toml", "-o", "out.eib")


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    configure(parser)
    return parser.parse_args([*NEEDED, *words])


def options_of(monkeypatch: pytest.MonkeyPatch, *words: str) -> BuildOptions:
    """What the chain is asked for."""
    asked: list[BuildOptions] = []

    def stop(options: BuildOptions) -> Report:
        asked.append(options)
        raise UsageError("far enough")

    monkeypatch.setattr(convert, "build", stop)
    with pytest.raises(UsageError, match="far enough"):
        execute(parse(*words))
    return asked[0]


def test_without_options_everything_is_left_to_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    assert options_of(monkeypatch) == BuildOptions(
        model=Path("m.onnx"),
        profile="raspberry-pi-4",
        pipeline=Path("p.toml"),
        output=Path("out.eib"),
        max_drop=DEFAULT_MAX_DROP,
    )


def test_every_option_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "--calibration c --evaluate e --format onnx --precision int8 --prune 0.5 --max-drop 0.02"
    more = "--effort high --key k.pem --report r --seed 7"
    assert options_of(monkeypatch, *words.split(), *more.split()) == BuildOptions(
        model=Path("m.onnx"),
        profile="raspberry-pi-4",
        pipeline=Path("p.toml"),
        output=Path("out.eib"),
        calibration=Path("c"),
        evaluation=Path("e"),
        model_format="onnx",
        precision="int8",
        prune="0.5",
        max_drop=0.02,
        effort="high",
        key=Path("k.pem"),
        report=Path("r"),
        seed=7,
    )


@pytest.mark.parametrize("word", ["none", "auto", "0.5", "1e-3"])
def test_what_prune_takes(word: str) -> None:
    assert parse("--prune", word).prune == word


@pytest.mark.parametrize(
    ("option", "word"),
    [
        *(("--prune", word) for word in ("0", "1", "-0.5", "nan", "half", "")),
        *(("--max-drop", word) for word in ("-0.01", "1.01", "nan", "inf", "one")),
        *(("--seed", word) for word in ("-1", "1.5", "", "٣", "x")),
        ("--effort", "low"),
        ("--format", "tensorrt"),
    ],
)
def test_what_no_option_takes(option: str, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(f"{option}={word}")
    assert caught.value.code == Exit.USAGE
    assert option in capsys.readouterr().err


@pytest.mark.parametrize("as_json", [False, True])
def test_the_result_is_on_stdout_and_the_progress_is_not(
    as_json: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    onnx.save(image_classifier(), "m.onnx")
    Path("p.toml").write_text(IMAGE_TOML)
    Path("labels.txt").write_text("cat\ndog\nowl\n")
    assert execute(parse(*(["--json"] if as_json else []))) == Exit.DONE
    captured = capsys.readouterr()
    assert "writing out.eib" in captured.err
    if as_json:
        assert json.loads(captured.out)["model"]["name"] == "tiny"
    else:
        assert captured.out.startswith("tiny 1.0.0 for raspberry-pi-4: float32 tflite\n")
    assert open_bundle(Path("out.eib"), default_trust()).manifest.model.precision == "float32"
