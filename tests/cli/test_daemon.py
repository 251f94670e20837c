"""`edgeinfer daemon` as it is typed; tests/daemon/test_end_to_end.py runs it as a process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeinfer.cli.main import main
from tests.fixtures.bundles import key_of, write_classifier
from tests.fixtures.waiting import until

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """The command takes over SIGTERM, SIGINT and SIGHUP; give them back."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@contextlib.contextmanager
def sent_after_results(path: Path, number: signal.Signals) -> Iterator[None]:
    """Sends a signal to this process as soon as there are results; they end with a line end."""

    def send() -> None:
        until(lambda: path.exists() and path.stat().st_size > 0)
        os.kill(os.getpid(), number)

    sender = threading.Thread(target=send)
    sender.start()
    yield
    sender.join()
    assert path.read_bytes().endswith(b"\n")


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


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_ends_it_in_order(
    settings: Path, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.write_text(settings.read_text().replace("frames=5", "realtime=1"))
    signal.signal(number, signal.SIG_DFL)  # where the tests run under nohup too
    with sent_after_results(settings.parent / "results.jsonl", number):
        assert main(["daemon", "--config", str(settings)]) == 0
    assert "messages sent" in capsys.readouterr().err


def test_under_nohup_the_end_of_the_terminal_does_not_matter(settings: Path) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert main(["daemon", "--config", str(settings)]) == 0
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
