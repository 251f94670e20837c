"""Results as lines."""

from __future__ import annotations

import json
import logging
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from edgeinfer.errors import SinkError
from edgeinfer.sinks import Message
from edgeinfer.sinks.jsonl import JsonlSink


def result(number: int) -> Message:
    return Message("result", json.dumps({"sequence": number}).encode(), "door")


def test_each_result_is_a_line_that_can_be_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with JsonlSink(str(path)) as sink:
        for number in range(3):
            sink.send(result(number))
            assert [json.loads(line)["sequence"] for line in path.read_text().splitlines()] == [
                *range(number + 1)
            ]
    assert sink.health().sent == 3


def test_a_file_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(b'{"sequence":-1}\n')
    with JsonlSink(str(path)) as sink:
        sink.send(result(0))
    assert len(path.read_text().splitlines()) == 2


def test_only_results_are_written(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with JsonlSink(str(path)) as sink:
        sink.send(Message("state", b"{}", "door"))
        sink.send(Message("metrics", b"{}"))
    assert path.read_bytes() == b""
    assert (sink.health().sent, sink.health().dropped) == (0, 0)


def test_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    with JsonlSink("-") as sink:
        sink.send(result(7))
    assert capfd.readouterr().out == '{"sequence": 7}\n'
    os.fstat(1)  # stdout is still open


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"cannot open .*No such file"), JsonlSink(str(tmp_path / "no" / "f")):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
def test_a_full_disk_costs_results_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with JsonlSink("/dev/full") as sink:
        for number in range(3):
            sink.send(result(number))
        health = sink.health()
    assert (health.sent, health.dropped, health.connected) == (0, 3, False)
    assert "No space left" in health.fault
    assert [one.levelno for one in caplog.records] == [logging.ERROR]


def test_a_reader_that_has_gone_costs_results(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with JsonlSink(f"/proc/self/fd/{writing}") as sink:
        os.close(writing)
        os.close(reading)
        sink.send(result(0))
        assert sink.health().dropped == 1


def test_a_reader_that_stalls_costs_results_and_nothing_waits(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with JsonlSink(f"/proc/self/fd/{writing}") as sink:
        for number in range(5000):
            sink.send(result(number))
        health = sink.health()
        assert 0 < health.sent < 5000
        assert health.sent + health.dropped == 5000
        assert "too slow" in health.fault
        lines = os.read(reading, 1 << 20).splitlines()
        assert [json.loads(line)["sequence"] for line in lines] == list(range(health.sent))
        sink.send(result(9))
        assert sink.health().connected
    assert os.read(reading, 1 << 20) == b'{"sequence": 9}\n'
    os.close(writing)
    os.close(reading)


def test_a_stalled_stdout_does_not_block_either() -> None:
    reading, writing = os.pipe()
    code = (
        "from edgeinfer.sinks import Message\nfrom edgeinfer.sinks.jsonl import JsonlSink\nimport sys\n"
        "with JsonlSink('-') as sink:\n"
        "    for number in range(100): sink.send(Message('result', b'1' * 10_000, 'door'))\n"
        "    sys.exit(not sink.health().dropped)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=writing, timeout=60, check=False)
    os.close(writing)
    os.close(reading)
    assert done.returncode == 0


def test_a_named_pipe_without_a_reader_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SinkError, match="cannot open"), JsonlSink(str(tmp_path / "pipe")):
        pass


def test_a_line_that_the_disk_broke_off_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with JsonlSink(str(path)) as sink:
        sink.send(result(0))
        # A limit on the size of files plays the full disk: a part is written, then nothing more.
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 5, before[1]))
        try:
            sink.send(result(1))
            sink.send(result(2))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        sink.send(result(3))
        health = sink.health()
    assert (health.sent, health.dropped) == (2, 2)
    assert path.read_text().splitlines() == ['{"sequence": 0}', '{"seq', '{"sequence": 3}']


def test_a_line_that_a_power_cut_broke_off_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(b'{"seq')
    with JsonlSink(str(path)) as sink:
        sink.send(result(0))
    assert path.read_bytes() == b'{"seq\n{"sequence": 0}\n'
