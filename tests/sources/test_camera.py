"""Cameras. There is none where tests run: the driver is a fake, the rest is real."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import pytest

from edgeinfer.errors import SourceError
from edgeinfer.sources.camera import CameraSource, check_device
from edgeinfer.sources.fake import ManualClock
from edgeinfer.sources.opencv import Capture
from edgeinfer.sources.options import CameraOptions
from tests.fixtures.clips import number_of, picture

DEVICE = Path("/dev/null")  # a character device that every machine has
YUYV = float(cv2.VideoWriter.fourcc(*"YUYV"))


class FakeDriver:
    """A camera of 640x480 in YUYV that can do MJPG, and no other size."""

    def __init__(self, frames: int = 3) -> None:
        self.frames = frames
        self.asked: list[int] = []
        self.properties = {
            cv2.CAP_PROP_FOURCC: YUYV,
            cv2.CAP_PROP_FRAME_WIDTH: 640.0,
            cv2.CAP_PROP_FRAME_HEIGHT: 480.0,
            cv2.CAP_PROP_FPS: 30.0,
        }
        self.number = -1
        self.released = 0

    def open(self, name: str, api: int, parameters: Sequence[int]) -> Capture:
        assert (name, api, tuple(parameters)) == (str(DEVICE), cv2.CAP_V4L2, ())
        return self

    def grab(self) -> bool:
        self.number += 1
        return self.number < self.frames

    def retrieve(self) -> tuple[bool, Any]:
        return True, picture(self.number)

    def get(self, property_id: int, /) -> float:
        return self.properties[property_id]

    def set(self, property_id: int, value: float, /) -> bool:
        self.asked.append(property_id)
        if property_id in (cv2.CAP_PROP_FOURCC, cv2.CAP_PROP_FPS):
            self.properties[property_id] = value
        return True

    def release(self) -> None:
        self.released += 1


def camera(driver: FakeDriver, **options: Any) -> CameraSource:
    return CameraSource(DEVICE, CameraOptions(**options), ManualClock(), opener=driver.open)


def test_a_camera_is_live_and_gives_frames() -> None:
    driver = FakeDriver()
    with camera(driver) as source:
        assert source.live is True
        frames = [source.read() for _ in range(3)]
    assert [number_of(frame.data) for frame in frames if frame] == [0, 1, 2]
    assert driver.released == 1


def test_a_camera_that_stops_is_an_error() -> None:
    with camera(FakeDriver(frames=1)) as source:
        source.read()
        with pytest.raises(SourceError, match="gives no more frames") as caught:
            source.read()
    assert "cable" in caught.value.hint


def test_nothing_is_asked_for_without_options() -> None:
    driver = FakeDriver()
    with camera(driver):
        pass
    assert driver.asked == []


def test_the_pixel_format_is_asked_for_first(caplog: pytest.LogCaptureFixture) -> None:
    driver = FakeDriver()
    with caplog.at_level(logging.WARNING), camera(driver, width=640, height=480, fps=15.0, fourcc="MJPG"):
        pass
    assert driver.asked[0] == cv2.CAP_PROP_FOURCC
    assert len(driver.asked) == 4
    assert caplog.text == ""


def test_what_the_camera_does_not_do_is_told(caplog: pytest.LogCaptureFixture) -> None:
    driver = FakeDriver()
    with caplog.at_level(logging.WARNING), camera(driver, width=1920, height=480):
        pass
    assert "asked for width 1920, the camera gives 640" in caplog.text
    assert "height" not in caplog.text


def test_a_pixel_format_is_told_in_letters(caplog: pytest.LogCaptureFixture) -> None:
    driver = FakeDriver()
    driver.set = lambda property_id, value: False  # type: ignore[method-assign]  # a camera that does nothing
    with caplog.at_level(logging.WARNING), camera(driver, fourcc="MJPG"):
        pass
    assert "asked for fourcc MJPG, the camera gives YUYV" in caplog.text


def test_a_camera_that_is_busy_says_so() -> None:
    source = CameraSource(DEVICE, CameraOptions(), ManualClock(), opener=lambda *_: None)
    with pytest.raises(SourceError, match="cannot be opened as a camera") as caught, source:
        pass
    assert "another program may hold it" in caught.value.hint


def test_opencv_itself_refuses_what_is_no_camera() -> None:
    with pytest.raises(SourceError, match="cannot be opened as a camera"):
        CameraSource(DEVICE, CameraOptions(), ManualClock()).__enter__()


def test_an_absent_camera_names_those_that_are_there(tmp_path: Path) -> None:
    for name in ("video2", "video0"):
        (tmp_path / name).touch()
    with pytest.raises(SourceError, match="there is no such camera") as caught:
        check_device(tmp_path / "video1", devices=tmp_path)
    assert caught.value.hint == f"there are {tmp_path}/video0, {tmp_path}/video2"


def test_a_machine_without_cameras_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        check_device(tmp_path / "video0", devices=tmp_path)
    assert caught.value.hint == f"there is no camera on this machine ({tmp_path}/video*)"


def test_a_file_is_no_camera(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.touch()
    with pytest.raises(SourceError, match="this is not a camera") as caught:
        check_device(path)
    assert f"file://{path}" in caught.value.hint


def test_a_camera_that_one_may_not_use_names_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may use everything
    monkeypatch.setenv("LOGNAME", "anna")
    with pytest.raises(SourceError, match="you may not use this camera") as caught:
        check_device(DEVICE)
    assert "usermod -aG video anna" in caught.value.hint


def test_a_user_without_a_name_still_gets_the_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4242")

    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr("getpass.getuser", nameless)
    with pytest.raises(SourceError) as caught:
        check_device(DEVICE)
    assert "usermod -aG video USER" in caught.value.hint
