"""`edgeinfer daemon` as it is typed; tests/daemon/test_end_to_end.py runs it as a process."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeinfer.cli.main import main
from tests.fixtures.bundles import key_of, write_classifier


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """The command takes over SIGTERM and SIGINT; give them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Settings without a broker: results go to a file."""
    write_classifier(tmp_path / "parts.eib", key_of(tmp_path / "keys"))
    path = tmp_path / "edgeinfer.toml"
    path.write_text(
        """
        [device]
        name = "gate-1"
        [jsonl]
        path = "results.jsonl"
        [trust]
        paths = ["keys/signing.pub.pem"]
        [[stream]]
        name = "door"
        source = "synthetic:?frames=5&width=32&height=24"
        bundle = "parts.eib"
        """
    )
    return path


def test_running_to_the_end(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["daemon", "--config", str(settings)]) == 0
    lines = (settings.parent / "results.jsonl").read_text().splitlines()
    assert [json.loads(one)["sequence"] for one in lines] == list(range(5))
    output = capsys.readouterr()
    assert output.out == ""
    assert "door: ended, 5 frames" in output.err


def test_checking(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["daemon", "--config", str(settings), "--check"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"device gate-1 -> {settings.parent / 'results.jsonl'}",
        "stream door: parts@1.0.0 (classification, float32 onnx) on synthetic:",
    ]
    assert not (settings.parent / "results.jsonl").exists(), "nothing was started"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("parts.eib", "person", "door: `person` is not installed"),
        ("synthetic:", "rtps:", "door: "),
        ("[jsonl]", "[jsnl]", "jsnl: unknown field; did you mean `jsonl`?"),
        ("keys/signing.pub.pem", "none.pem", "none.pem"),
        ("[jsonl]", '[mqtt]\nurl = "mqtts://b"\nca_file = "none"\n[jsonl]', "mqtt.ca_file: cannot use"),
        (
            "[jsonl]",
            '[mqtt]\nurl = "mqtt://b"\nusername = "u"\npassword_file = "none"\n[jsonl]',
            "mqtt.password_file",
        ),
    ],
)
def test_checking_finds_it(
    settings: Path, before: str, after: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.write_text(settings.read_text().replace(before, after))
    assert main(["daemon", "--config", str(settings), "--check"]) == 1
    output = capsys.readouterr()
    assert expected in output.err
    assert output.out == ""


def test_settings_that_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["daemon", "--config", str(tmp_path / "none.toml")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_where_no_stream_runs(settings: Path, caplog: pytest.LogCaptureFixture) -> None:
    (settings.parent / "parts.eib").write_bytes(b"")
    assert main(["daemon", "--config", str(settings)]) == 1
    assert "stream door does not start" in caplog.text


def test_config_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["daemon"])
    assert caught.value.code == 2
