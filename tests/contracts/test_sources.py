"""The contract of every source, over the dict of all of them."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeinfer.errors import SettingsError, SourceError
from edgeinfer.frames import Frame
from edgeinfer.processing.spec import ImageInput, InputSpec, TensorInput, WindowInput
from edgeinfer.sources import SOURCES, open_source
from edgeinfer.sources.fake import ManualClock
from tests.fixtures.clips import jpeg, write_clip
from tests.fixtures.video_servers import http_server, rtsp_server

SPECS: dict[str, InputSpec] = {
    "csv": WindowInput(columns=("x",), length=2, stride=2),
    "jsonl": WindowInput(columns=("x",), length=2, stride=2),
    "npz": TensorInput(),
}
IMAGE = ImageInput(size=(8, 8))
FRAMES = 4


def _file(folder: Path) -> str:
    return f"file://{write_clip(folder / 'clip.mp4', FRAMES)}"


def _images(folder: Path) -> str:
    for number in range(FRAMES):
        (folder / f"{number}.jpg").write_bytes(jpeg(number))
    return f"images://{folder}"


def _csv(folder: Path) -> str:
    (folder / "rows.csv").write_text("x\n" + "1\n" * (2 * FRAMES))
    return f"csv://{folder}/rows.csv"


def _jsonl(folder: Path) -> str:
    (folder / "rows.jsonl").write_text('{"x": 1}\n' * (2 * FRAMES))
    return f"jsonl://{folder}/rows.jsonl"


def _npz(folder: Path) -> str:
    np.savez(folder / "a.npz", x=np.zeros((FRAMES, 3), np.float32))
    return f"npz://{folder}/a.npz"


FINITE: dict[str, Callable[[Path], str]] = {
    "csv": _csv,
    "file": _file,
    "images": _images,
    "jsonl": _jsonl,
    "npz": _npz,
    "synthetic": lambda _: f"synthetic:?frames={FRAMES}",
}
ABSENT: dict[str, str] = {
    "csv": "csv:///absent/rows.csv",
    "file": "file:///absent/clip.mp4",
    "http": "http://127.0.0.1:9/stream",
    "https": "https://127.0.0.1:9/stream",
    "images": "images:///absent",
    "jsonl": "jsonl:///absent/rows.jsonl",
    "npz": "npz:///absent/a.npz",
    "rtsp": "rtsp://127.0.0.1:9/stream",
    "rtsps": "rtsps://127.0.0.1:9/stream",
    "v4l2": "v4l2:///absent/video0",
}


def spec_of(scheme: str) -> InputSpec:
    return SPECS.get(scheme, IMAGE)


def check(frame: Frame | None, scheme: str, sequence: int) -> None:
    """A frame is what edgeinfer/frames.py says."""
    assert frame is not None
    assert frame.sequence == sequence
    assert frame.captured_at.tzinfo is not None
    if isinstance(spec_of(scheme), ImageInput):
        assert frame.data.dtype == np.uint8
        assert frame.data.ndim == 3
        assert frame.data.shape[2] == 3
    if isinstance(spec_of(scheme), WindowInput):
        assert frame.data.dtype == np.float32
        assert frame.data.shape == (2, 1)


def test_every_scheme_is_under_contract() -> None:
    # A camera cannot be had here; its own tests play its driver.
    assert {*FINITE, "http", "https", "rtsp", "rtsps", "v4l2"} == set(SOURCES)
    assert {*ABSENT, "synthetic"} == set(SOURCES)


@pytest.mark.parametrize("scheme", FINITE)
def test_it_opens_reads_and_ends(scheme: str, tmp_path: Path) -> None:
    with open_source(FINITE[scheme](tmp_path), spec_of(scheme)) as source:
        assert source.live is False
        for sequence in range(FRAMES):
            check(source.read(), scheme, sequence)
        assert source.read() is None
        assert source.read() is None


@pytest.mark.parametrize("server", [http_server, rtsp_server])
def test_a_stream_opens_and_reads(server: Callable[..., object]) -> None:
    scheme = "http" if server is http_server else "rtsp"
    run = http_server if server is http_server else rtsp_server
    with run(frames=40) as port, open_source(f"{scheme}://127.0.0.1:{port}/stream", IMAGE) as source:
        assert source.live is True
        for sequence in range(FRAMES):
            check(source.read(), scheme, sequence)


@pytest.mark.parametrize("scheme", FINITE)
def test_it_may_be_closed_at_any_time_and_often(scheme: str, tmp_path: Path) -> None:
    source = open_source(FINITE[scheme](tmp_path), spec_of(scheme))
    with source:
        check(source.read(), scheme, 0)
        source.__exit__(None, None, None)
        assert source.read() is None
    source.__exit__(None, None, None)


@pytest.mark.parametrize("scheme", FINITE)
def test_frames_are_independent_of_each_other(scheme: str, tmp_path: Path) -> None:
    with open_source(FINITE[scheme](tmp_path), spec_of(scheme)) as source:
        first, second = source.read(), source.read()
    assert first is not None
    assert second is not None
    assert not np.shares_memory(first.data, second.data)


@pytest.mark.parametrize("scheme", FINITE)
def test_frames_carry_the_time_of_the_clock(scheme: str, tmp_path: Path) -> None:
    clock = ManualClock()
    clock.advance(5.0)
    with open_source(FINITE[scheme](tmp_path), spec_of(scheme), clock=clock) as source:
        frame = source.read()
    assert frame is not None
    assert (frame.captured_at, frame.captured_s) == (clock.moment().at, 5.0)


@pytest.mark.parametrize("scheme", ABSENT)
def test_making_a_source_touches_nothing_and_absence_is_a_source_error(scheme: str) -> None:
    source = open_source(ABSENT[scheme], spec_of(scheme))
    with pytest.raises(SourceError) as caught, source:
        pass
    assert "absent" in caught.value.message or "127.0.0.1" in caught.value.message
    source.__exit__(None, None, None)


@pytest.mark.parametrize("scheme", SOURCES)
def test_an_unknown_option_is_a_settings_error(scheme: str) -> None:
    mark = "#" if scheme in ("http", "https", "rtsp", "rtsps") else "?"
    uri = ABSENT.get(scheme, "synthetic:")
    with pytest.raises(SettingsError, match="unknown option `colour`"):
        open_source(f"{uri}{mark}colour=1", spec_of(scheme))


@pytest.mark.parametrize("scheme", SOURCES)
def test_a_source_for_another_kind_of_input_is_a_settings_error(scheme: str) -> None:
    other = IMAGE if scheme == "npz" else TensorInput()
    with pytest.raises(SettingsError, match="the model takes"):
        open_source(ABSENT.get(scheme, "synthetic:"), other)


@pytest.mark.parametrize("scheme", ["csv", "jsonl"])
def test_standard_input_is_a_source(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "x\n1\n2\n" if scheme == "csv" else '{"x": 1}\n{"x": 2}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    with open_source(f"{scheme}:-", spec_of(scheme)) as source:
        check(source.read(), scheme, 0)
        assert source.read() is None
