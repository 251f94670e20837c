"""Video files: whole, looped, paced, cut off, and none at all."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeinfer.errors import SourceError
from edgeinfer.frames import Frame
from edgeinfer.sources.fake import ManualClock
from edgeinfer.sources.opencv import Capture
from edgeinfer.sources.options import VideoOptions
from edgeinfer.sources.video import FALLBACK_FPS, VideoSource
from tests.fixtures.clips import FPS, HEIGHT, WIDTH, cut_in_frame, number_of, write_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", 8)


def video(
    path: Path, clock: ManualClock | None = None, *, loop: bool = False, realtime: bool = False
) -> VideoSource:
    return VideoSource(path, VideoOptions(loop=loop, realtime=realtime), clock or ManualClock())


def numbers(source: VideoSource, limit: int = 1000) -> list[int]:
    found: list[int] = []
    while len(found) < limit and (frame := source.read()):
        found.append(number_of(frame.data))
    return found


def test_all_frames_come_in_order(clip: Path) -> None:
    with video(clip) as source:
        assert numbers(source) == list(range(8))
        assert source.read() is None


def test_a_frame_is_bgr_of_8_bit(clip: Path) -> None:
    with video(clip) as source:
        frame = source.read()
    assert isinstance(frame, Frame)
    assert frame.data.shape == (HEIGHT, WIDTH, 3)
    assert frame.data.dtype == np.uint8


def test_frames_are_the_callers_to_keep(clip: Path) -> None:
    with video(clip) as source:
        frames = [source.read() for _ in range(8)]
    assert [number_of(frame.data) for frame in frames if frame] == list(range(8))


def test_it_is_not_live_and_does_not_wait(clip: Path) -> None:
    clock = ManualClock()
    with video(clip, clock) as source:
        assert source.live is False
        numbers(source)
    assert clock.waits_s == []


def test_realtime_is_live_and_keeps_the_speed_of_the_clip(clip: Path) -> None:
    clock = ManualClock()
    with video(clip, clock, realtime=True) as source:
        assert source.live is True
        stamps = [frame.captured_s for _ in range(8) if (frame := source.read())]
    assert stamps == pytest.approx([number / FPS for number in range(8)])


def test_a_loop_begins_again_and_goes_on_counting(clip: Path) -> None:
    with video(clip, loop=True) as source:
        frames = [frame for _ in range(20) if (frame := source.read())]
    assert [number_of(frame.data) for frame in frames] == [number % 8 for number in range(20)]
    assert [frame.sequence for frame in frames] == list(range(20))


def test_a_loop_keeps_its_pace_across_the_seam(clip: Path) -> None:
    clock = ManualClock()
    with video(clip, clock, loop=True, realtime=True) as source:
        stamps = [frame.captured_s for _ in range(20) if (frame := source.read())]
    assert np.diff(stamps) == pytest.approx(np.full(19, 1 / FPS))


def test_closing_ends_a_loop(clip: Path) -> None:
    with video(clip, loop=True) as source:
        assert source.read() is not None
        source.close()
        assert source.read() is None


def test_a_clip_cut_in_the_middle_of_a_frame_gives_the_frames_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = cut_in_frame(write_clip(tmp_path / "cut.avi", 16, fourcc="MJPG"), 9)
    with caplog.at_level(logging.WARNING), video(path) as source:
        found = numbers(source)
    assert found == list(range(9))
    assert f"{path}: ended after 9 of 16 frames" in caplog.text


def test_a_whole_clip_ends_without_a_warning(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), video(clip) as source:
        numbers(source)
    assert caplog.text == ""


def test_an_mp4_without_its_end_has_no_index_and_is_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "cut.mp4", 16)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") + 100])
    with (
        pytest.raises(SourceError, match="not a video that can be read, or its end is missing") as caught,
        video(path),
    ):
        pass
    assert "ffprobe" in caught.value.hint


def test_a_clip_without_one_whole_frame_is_an_error(tmp_path: Path) -> None:
    path = cut_in_frame(write_clip(tmp_path / "cut.avi", 4, fourcc="MJPG"), 0)
    with (
        pytest.raises(SourceError, match=r"no frame of this video|not a video that can be read"),
        video(path) as source,
    ):
        source.read()


@pytest.mark.parametrize(
    "data", [b"nonsense", b"\x00" * 5000, b"#EXTM3U\n"], ids=["nonsense", "zeros", "a playlist"]
)
def test_what_is_no_video_is_an_error(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    with pytest.raises(SourceError, match="not a video that can be read"), video(path):
        pass


def test_an_absent_empty_or_wrong_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    for path, message in (
        (tmp_path / "absent.mp4", "absent.mp4: No such file or directory"),
        (tmp_path / "empty.mp4", "empty.mp4: the file is empty"),
        (tmp_path, "this is a folder"),
    ):
        with pytest.raises(SourceError, match=message), video(path):
            pass


def test_a_playlist_cannot_name_another_protocol(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(SourceError), video(path) as source:
        source.read()
    assert "Connection refused" not in capfd.readouterr().err


def test_a_name_with_special_characters_is_a_file(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", 2).rename(tmp_path / "tcp: a%20b?c#d.mp4")
    with video(path) as source:
        assert len(numbers(source)) == 2


class EndlessCapture:
    """Tells properties that a test sets, and gives no frame."""

    def __init__(self, properties: dict[int, float]) -> None:
        self.properties = properties

    def grab(self) -> bool:
        return False

    def retrieve(self) -> tuple[bool, None]:
        return False, None

    def get(self, property_id: int, /) -> float:
        return self.properties.get(property_id, 0.0)

    def set(self, property_id: int, value: float, /) -> bool:
        return False

    def release(self) -> None:
        pass


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf"), 90000.0])
def test_a_clip_without_a_frame_rate_gets_one(
    fps: float, clip: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def opened(*_: object) -> Capture:
        return EndlessCapture({cv2.CAP_PROP_FPS: fps})

    monkeypatch.setattr("edgeinfer.sources.video.open_ffmpeg", opened)
    with caplog.at_level(logging.WARNING), video(clip, realtime=True):
        pass
    assert f"{FALLBACK_FPS:.0f} per second are assumed" in caplog.text


def test_a_loop_over_nothing_ends_in_an_error_and_does_not_spin(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeinfer.sources.video.open_ffmpeg", lambda *_: EndlessCapture({}))
    with video(clip, loop=True) as source, pytest.raises(SourceError, match="no frame of this video"):
        source.read()


@pytest.mark.zoo
@pytest.mark.parametrize(
    ("name", "frames", "size"),
    [
        ("bottle-detection.mp4", 1189, (640, 360)),
        ("one-by-one-person-detection.mp4", 1394, (768, 432)),
    ],
)
def test_real_clips_are_read_to_their_last_frame(
    name: str, frames: int, size: tuple[int, int], zoo: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), video(zoo / "video" / name) as source:
        last = None
        while frame := source.read():
            last = frame
    assert last is not None
    assert (last.sequence + 1, last.size) == (frames, size)
    assert caplog.text == ""


@pytest.mark.zoo
def test_a_real_clip_cut_in_the_middle_of_a_frame(
    zoo: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # This one has its index in front, so that what is there can be played.
    path = tmp_path / "cut.mp4"
    path.write_bytes((zoo / "video" / "one-by-one-person-detection.mp4").read_bytes()[:400_001])
    with caplog.at_level(logging.WARNING), video(path) as source:
        count = 0
        while source.read():
            count += 1
    assert 50 < count < 1000
    assert f"ended after {count} of 1394 frames" in caplog.text
