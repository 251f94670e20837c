"""The daemon's settings and its process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgeinfer.config import parse_settings
from edgeinfer.errors import EdgeInferError
from scripts.parts import service
from scripts.parts.service import Daemon, settings_toml

BROKER = "mqtt://127.0.0.1:18830"


@pytest.mark.parametrize("name", ["plain", 'a "quoted" folder', "back\\slash", "ümlaut und mehr"])
def test_settings_are_what_the_daemon_reads(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    text = settings_toml(BROKER, folder / "p.eib", folder / "c.mp4", folder / "k.pem", folder / "state")
    settings = parse_settings(text.encode(), "edgeinfer.toml", folder=tmp_path)
    assert settings.mqtt is not None
    assert (settings.mqtt.url, settings.mqtt.version) == (BROKER, "3.1.1")
    assert settings.trust.paths == (str(folder / "k.pem"),)
    (stream,) = settings.stream
    assert stream.bundle_path == folder / "p.eib"
    assert stream.source == (folder / "c.mp4").as_uri() + "?realtime=1"


def _daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Daemon:
    """A daemon whose program is a Python script; it is called with the daemon's own arguments."""
    program = tmp_path / "edgeinfer"
    program.write_text(f"#!{sys.executable}\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(service, "program", lambda _: program)
    return Daemon(tmp_path / "edgeinfer.toml", tmp_path / "daemon.log")


RUNNING = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("running", *sys.argv[1:], flush=True)
signal.pause()
"""


def _wait_for(log: Path, word: str, daemon: Daemon) -> None:
    while word not in log.read_text(encoding="utf-8"):
        daemon.check()


def test_one_that_ends_with_its_stream_is_left_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _daemon(tmp_path, monkeypatch, "print('all streams have ended')") as daemon:
        daemon.finish()
    assert "all streams have ended" in (tmp_path / "daemon.log").read_text(encoding="utf-8")


def test_it_is_stopped_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "END_TIMEOUT_S", 0.05)
    with _daemon(tmp_path, monkeypatch, RUNNING) as daemon:
        _wait_for(tmp_path / "daemon.log", "running", daemon)
        daemon.finish()
        assert daemon.ended
    log = (tmp_path / "daemon.log").read_text(encoding="utf-8")
    assert log == f"running daemon --config {tmp_path / 'edgeinfer.toml'}\n"


def test_the_end_of_the_block_stops_it_whatever_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = _daemon(tmp_path, monkeypatch, RUNNING)

    def interrupted() -> None:
        with daemon:
            _wait_for(tmp_path / "daemon.log", "running", daemon)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert daemon.ended


def test_one_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "END_TIMEOUT_S", 0.05)
    monkeypatch.setattr(service, "STOP_TIMEOUT_S", 0.05)
    deaf = RUNNING.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN").replace(
        "signal.pause()", "while True: signal.pause()"
    )
    with _daemon(tmp_path, monkeypatch, deaf) as daemon:
        _wait_for(tmp_path / "daemon.log", "running", daemon)
        with pytest.raises(EdgeInferError, match="exit code -9"):
            daemon.finish()


def test_one_that_fails_shows_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _daemon(tmp_path, monkeypatch, "import sys; sys.exit('bundle: no such file')") as daemon:
        while not daemon.ended:
            pass
        with pytest.raises(EdgeInferError, match="exit code 1:\n    bundle: no such file") as caught:
            daemon.check()
    assert str(tmp_path / "daemon.log") in caught.value.hint


def test_one_that_was_never_started_has_nothing_to_stop(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "edgeinfer.toml", tmp_path / "daemon.log")
    daemon.finish()
    assert not daemon.ended
