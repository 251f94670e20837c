"""The daemon as a process of its own: a real bundle, a real broker, real signals."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.bundles import key_of, write_classifier
from tests.fixtures.mosquitto import Mosquitto, free_port, running_broker, watching
from tests.fixtures.waiting import until

pytestmark = pytest.mark.broker

CAMERA = "synthetic:?fps=50&realtime=1&width=32&height=24"
CLIP = "synthetic:?frames=40&width=32&height=24"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with running_broker(tmp_path / "broker") as running:
        yield running


def write_settings(folder: Path, port: int, *sources: str, extra: str = "", version: str = "5") -> Path:
    """Settings of a device whose streams are called s0, s1 and so on."""
    if not (folder / "parts.eib").exists():
        write_classifier(folder / "parts.eib", key_of(folder / "keys"))
    text = f"""
        [device]
        name = "gate-1"
        [mqtt]
        url = "mqtt://127.0.0.1:{port}"
        version = "{version}"
        {extra}
        [trust]
        paths = ["keys/signing.pub.pem"]
        [metrics]
        interval_s = 1
        """
    for number, source in enumerate(sources):
        text += f'[[stream]]\nname = "s{number}"\nsource = "{source}"\nbundle = "parts.eib"\n'
    path = folder / "edgeinfer.toml"
    path.write_text(text)
    return path


@contextlib.contextmanager
def running(settings: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A daemon, killed at the end of the block if it still runs."""
    process = subprocess.Popen(
        [Path(sys.executable).with_name("edgeinfer"), "daemon", "--config", str(settings)],
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_clip_is_inferred_to_its_end(broker: Mosquitto, tmp_path: Path, version: str) -> None:
    settings = write_settings(tmp_path, broker.port, CLIP, CLIP, version=version)
    with watching(broker.port) as watcher, running(settings) as daemon:
        _, err = daemon.communicate(timeout=60)
        assert daemon.returncode == 0, err
        watcher.wait_for(lambda seen: b"stopped" in seen.payloads("/availability"))
        for stream in ("s0", "s1"):
            results = [json.loads(one) for one in watcher.payloads(f"/stream/{stream}/result")]
            assert [one["sequence"] for one in results] == list(range(40))
            assert results[0]["model"] == "parts@1.0.0"
        assert [json.loads(one)["state"] for one in watcher.payloads("/s0/state")] == [
            "starting",
            "running",
            "ended",
        ]
        metrics = json.loads(watcher.payloads("/metrics")[-1])
        assert metrics["streams"]["s0"]["frames_total"] == 40
        assert metrics["process_memory_bytes"] > 0
    assert "s0: ended, 40 frames" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(broker: Mosquitto, tmp_path: Path, number: int) -> None:
    settings = write_settings(tmp_path, broker.port, CAMERA, "v4l2:///dev/video77")
    with watching(broker.port) as watcher, running(settings) as daemon:
        watcher.wait_for(lambda seen: bool(seen.payloads("/s0/result")))
        watcher.wait_for(
            lambda seen: any(b"there is no such camera" in one for one in seen.payloads("/s1/state"))
        )
        daemon.send_signal(number)
        _, err = daemon.communicate(timeout=30)
        assert daemon.returncode == 0, err
        watcher.wait_for(lambda seen: seen.payloads("/availability") == [b"online", b"stopped"])


def test_a_daemon_that_is_killed_leaves_its_will(broker: Mosquitto, tmp_path: Path) -> None:
    with watching(broker.port) as watcher, running(write_settings(tmp_path, broker.port, CAMERA)) as daemon:
        watcher.wait_for(lambda seen: bool(seen.payloads("/s0/result")))
        daemon.kill()
        watcher.wait_for(lambda seen: seen.payloads("/availability") == [b"online", b"offline"])
    with watching(broker.port) as late:
        late.wait_for(lambda seen: seen.payloads("/availability") == [b"offline"])


def test_a_broker_that_comes_late_and_goes_does_not_stop_inference(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    results = tmp_path / "results.jsonl"
    settings = write_settings(tmp_path, broker.port, CAMERA)
    settings.write_text(settings.read_text() + f'[jsonl]\npath = "{results}"\n')

    def count() -> int:
        return len(results.read_bytes().splitlines()) if results.exists() else 0

    with running(settings) as daemon:
        until(lambda: count() > 20, what="inference without a broker")
        broker.start()
        with watching(broker.port) as watcher:
            watcher.wait_for(lambda seen: bool(seen.payloads("/s0/result") and seen.payloads("/info")))
        broker.stop()
        before = count()
        until(lambda: count() > before + 20, what="inference after the broker has gone")
        broker.start()
        with watching(broker.port) as watcher:
            watcher.wait_for(lambda seen: bool(seen.payloads("/s0/result") and seen.payloads("/metrics")))
            assert json.loads(watcher.payloads("/metrics")[-1])["messages_dropped_total"] > 20
            assert json.loads(watcher.payloads("/s0/state")[-1])["state"] == "running"
        daemon.send_signal(signal.SIGTERM)
        _, err = daemon.communicate(timeout=30)
    broker.stop()
    assert daemon.returncode == 0, err
    sequences = [json.loads(line)["sequence"] for line in results.read_bytes().splitlines()]
    assert sequences == sorted(sequences)


def test_a_refused_password_is_in_the_status_and_in_the_journal(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "passwords").write_text("")
    lines = ("allow_anonymous false", f"password_file {tmp_path / 'broker' / 'passwords'}")
    (tmp_path / "secret").write_text("hunter2")
    with running_broker(tmp_path / "broker", *lines) as broker:
        extra = 'username = "gate-1"\npassword_file = "secret"'
        settings = write_settings(tmp_path, broker.port, CAMERA, extra=extra)
        with (
            notify_socket(tmp_path / "notify") as manager,
            running(settings, NOTIFY_SOCKET=str(tmp_path / "notify")) as daemon,
        ):
            told = ""
            while "refuses the connection" not in told:
                told = manager.recv(4096).decode()
            assert "of 1 streams running; mqtt: the MQTT broker mqtt://127.0.0.1" in told
            daemon.send_signal(signal.SIGTERM)
            _, err = daemon.communicate(timeout=30)
    assert (
        err.count("refuses the connection: Not authorized; check mqtt.username and mqtt.password_file") == 1
    )
    assert "hunter2" not in err


@contextlib.contextmanager
def notify_socket(path: Path) -> Iterator[socket.socket]:
    """The socket that systemd would have."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(path))
        bound.settimeout(30)
        yield bound


def test_systemd_hears_of_every_turn(broker: Mosquitto, tmp_path: Path) -> None:
    settings = write_settings(tmp_path, broker.port, CAMERA)
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
    with notify_socket(tmp_path / "notify") as manager, running(settings, **environment) as daemon:
        told = [manager.recv(4096).decode()]
        while told.count("WATCHDOG=1") < 3:
            told.append(manager.recv(4096).decode())
        daemon.send_signal(signal.SIGTERM)
        while not told[-1].startswith("STOPPING=1"):
            told.append(manager.recv(4096).decode())
        daemon.communicate(timeout=30)
    ready = next(number for number, one in enumerate(told) if one.startswith("READY=1"))
    assert ready < told.index("WATCHDOG=1")
    assert told[0].startswith("STATUS=loading")


def test_where_no_stream_can_run_it_fails(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, free_port(), CAMERA)
    (tmp_path / "parts.eib").write_bytes(b"no bundle")
    with running(settings) as daemon:
        _, err = daemon.communicate(timeout=30)
    assert daemon.returncode == 1
    assert "stream s0 does not start" in err


HANGING_MODEL = """
import sys, threading
from edgeinfer.cli.main import main
from edgeinfer.daemon.loading import BundleLoader
from tests.fixtures.daemon import ScriptedPipeline, ScriptedSource, frame, loaded

def hang(one):
    print("hanging", flush=True)
    threading.Event().wait()

def load(self, stream):
    return loaded(stream, lambda: ScriptedSource([frame(0)]), ScriptedPipeline(hang))

BundleLoader.load = load
sys.exit(main(["daemon", "--config", sys.argv[1]]))
"""


def test_a_call_that_never_returns_does_not_hold_up_the_end(tmp_path: Path) -> None:
    settings = tmp_path / "edgeinfer.toml"
    settings.write_text(
        '[jsonl]\npath = "-"\n[[stream]]\nname = "s0"\nsource = "synthetic:"\nbundle = "parts"\n'
    )
    command = [sys.executable, "-c", HANGING_MODEL, str(settings)]
    root = Path(__file__).resolve().parents[2]
    daemon = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == "hanging\n"
        daemon.send_signal(signal.SIGTERM)
        _, err = daemon.communicate(timeout=30)
    finally:
        daemon.kill()
        daemon.wait()
    assert daemon.returncode == 0, err
    assert "left behind" in err
