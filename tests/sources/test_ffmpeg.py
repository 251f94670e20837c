"""The gate before FFmpeg's options, which hold for the whole process."""

from __future__ import annotations

import os
import threading

import pytest

from edgeinfer.errors import SourceError
from edgeinfer.sources.ffmpeg import VARIABLE, OptionsGate, open_ffmpeg
from edgeinfer.sources.video import FFMPEG_OPTIONS
from tests.fixtures.clips import write_clip


@pytest.fixture(autouse=True)
def own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    # Set before it is deleted, so that whatever a test leaves there is taken away again.
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delenv(VARIABLE)


def test_the_options_stand_in_the_variable() -> None:
    with OptionsGate().holding({"rtsp_transport": "tcp", "fflags": "nobuffer"}, 1.0):
        assert os.environ[VARIABLE] == "rtsp_transport;tcp|fflags;nobuffer"


def test_what_the_administrator_set_comes_last_and_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "rtsp_transport;udp")
    gate = OptionsGate()
    for _ in range(2):
        with gate.holding({"rtsp_transport": "tcp"}, 1.0):
            assert os.environ[VARIABLE] == "rtsp_transport;tcp|rtsp_transport;udp"


def test_the_same_options_may_be_used_side_by_side() -> None:
    gate = OptionsGate()
    with gate.holding({"a": "1"}, 0.0), gate.holding({"a": "1"}, 0.0):
        assert os.environ[VARIABLE] == "a;1"


def test_other_options_must_wait_and_give_up() -> None:
    gate = OptionsGate()
    with gate.holding({"a": "1"}, 0.0):
        with (
            pytest.raises(SourceError, match="another source has been opening"),
            gate.holding({"a": "2"}, 0.0),
        ):
            pass
        assert os.environ[VARIABLE] == "a;1"


def test_other_options_have_their_turn_afterwards() -> None:
    gate, entered, seen = OptionsGate(), threading.Event(), []

    def second() -> None:
        entered.set()
        with gate.holding({"a": "2"}, 60.0):
            seen.append(os.environ[VARIABLE])

    with gate.holding({"a": "1"}, 0.0):
        thread = threading.Thread(target=second)
        thread.start()
        assert entered.wait(60)
        seen.append(os.environ[VARIABLE])
    thread.join(60)
    assert seen == ["a;1", "a;2"]


def test_a_failure_inside_opens_the_gate_again() -> None:
    gate = OptionsGate()
    with pytest.raises(RuntimeError), gate.holding({"a": "1"}, 0.0):
        raise RuntimeError
    with gate.holding({"a": "2"}, 0.0):
        assert os.environ[VARIABLE] == "a;2"


@pytest.mark.parametrize("value", ["/a;b.pem", "x|protocol_whitelist;file"])
def test_a_value_cannot_smuggle_in_an_option(value: str) -> None:
    with (
        pytest.raises(SourceError, match="may not stand in ca_file"),
        OptionsGate().holding({"ca_file": value}, 0),
    ):
        pass
    assert VARIABLE not in os.environ


def test_a_file_cannot_be_opened_where_only_the_network_may_be(tmp_path, capfd) -> None:  # type: ignore[no-untyped-def]  # pytest's own
    clip = str(write_clip(tmp_path / "clip.avi", 2, fourcc="MJPG"))
    assert open_ffmpeg(clip, {"protocol_whitelist": "rtsp,tcp"}) is None
    assert "not on whitelist" in capfd.readouterr().err
    capture = open_ffmpeg(clip, FFMPEG_OPTIONS)
    assert capture is not None
    capture.release()
