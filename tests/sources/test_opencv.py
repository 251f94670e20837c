"""Captures and images by OpenCV."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeinfer.errors import SourceError
from edgeinfer.sources.fake import ManualClock
from edgeinfer.sources.opencv import as_bgr, decode_image, open_capture, read_capture
from tests.fixtures.clips import jpeg, number_of, picture, write_clip


class SlowCapture:
    """A capture whose decoding takes ten seconds of a hand-set clock."""

    def __init__(self, clock: ManualClock, *, decodes: bool = True, error: cv2.error | None = None) -> None:
        self.clock = clock
        self.decodes = decodes
        self.error = error

    def grab(self) -> bool:
        return True

    def retrieve(self) -> tuple[bool, Any]:
        if self.error:
            raise self.error
        self.clock.advance(10.0)
        return self.decodes, picture(1)

    def get(self, property_id: int, /) -> float:
        return 0.0

    def set(self, property_id: int, value: float, /) -> bool:
        return False

    def release(self) -> None:
        pass


def test_a_frame_is_stamped_before_it_is_decoded() -> None:
    clock = ManualClock()
    got = read_capture(SlowCapture(clock), clock)
    assert got is not None
    assert got[1].s == 0.0
    assert clock.moment().s == 10.0


def test_what_cannot_be_decoded_is_no_frame() -> None:
    clock = ManualClock()
    assert read_capture(SlowCapture(clock, decodes=False), clock) is None


def test_errors_of_opencv_are_translated() -> None:
    clock = ManualClock()
    with pytest.raises(SourceError, match="OpenCV cannot decode a picture: bad stride") as caught:
        read_capture(SlowCapture(clock, error=cv2.error("bad stride")), clock)
    assert isinstance(caught.value.__cause__, cv2.error)


def test_a_clip_can_be_opened_and_nonsense_cannot(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.avi", 3, fourcc="MJPG")
    capture = open_capture(str(clip), cv2.CAP_FFMPEG)
    assert capture is not None
    capture.release()
    (tmp_path / "nonsense.avi").write_bytes(b"nonsense" * 100)
    assert open_capture(str(tmp_path / "nonsense.avi"), cv2.CAP_FFMPEG) is None


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 4)])
def test_every_picture_becomes_bgr(shape: tuple[int, ...]) -> None:
    grays = np.arange(35, dtype=np.uint8).reshape(5, 7)
    source = grays if len(shape) == 2 else np.repeat(grays[..., None], shape[2], axis=2)
    image = as_bgr(source)
    assert image.shape == (5, 7, 3)
    assert image.dtype == np.uint8
    assert (image == grays[..., None]).all()


def test_a_view_becomes_contiguous() -> None:
    assert as_bgr(picture(1)[:, ::2]).flags.c_contiguous


def test_deep_pictures_are_refused() -> None:
    with pytest.raises(SourceError, match="uint16 instead of 8 bit"):
        as_bgr(np.zeros((4, 4), np.uint16))


def test_images_are_decoded_to_bgr() -> None:
    image = decode_image(jpeg(3))
    assert image is not None
    assert number_of(image) == 3


@pytest.mark.parametrize("extension", [".png", ".bmp", ".webp", ".tiff", ".pgm"])
def test_gray_and_deep_files_become_8_bit_bgr(extension: str) -> None:
    depth = np.uint16 if extension in (".png", ".tiff") else np.uint8
    done, data = cv2.imencode(extension, np.full((9, 5), np.iinfo(depth).max, depth))
    assert done
    image = decode_image(data.tobytes())
    assert image is not None
    assert image.shape == (9, 5, 3)
    assert (image == 255).all()


def test_transparency_is_dropped() -> None:
    image = decode_image(cv2.imencode(".png", np.full((4, 6, 4), 77, np.uint8))[1].tobytes())
    assert image is not None
    assert image.shape == (4, 6, 3)
    assert (image == 77).all()


def test_an_image_is_turned_upright() -> None:
    # An EXIF segment of one entry: orientation 6, the camera was held on its side.
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"
    exif = b"Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01" + entry + b"\x00\x00\x00\x00"
    plain = jpeg(2)
    turned = plain[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + plain[2:]
    before, after = decode_image(plain), decode_image(turned)
    assert before is not None
    assert after is not None
    assert after.shape[:2] == before.shape[1::-1]


@pytest.mark.parametrize("data", [b"", b"\x00", b"no image at all", jpeg(1)[:20]])
def test_what_is_no_image_is_none(data: bytes) -> None:
    assert decode_image(data) is None


def test_without_opencv_the_error_says_what_to_install() -> None:
    program = (
        "import sys\n"
        "sys.modules['cv2'] = None\n"
        "from edgeinfer.errors import MissingRuntimeError\n"
        "from edgeinfer.processing.spec import ImageInput, WindowInput\n"
        "from edgeinfer.sources import open_source\n"
        "open_source('csv:-', WindowInput(columns=('x',), length=1, stride=1))\n"
        "open_source('synthetic:', ImageInput(size=(8, 8)))\n"
        "for uri in ('file:///a.mp4', 'v4l2:///dev/video0', 'rtsp://camera/x', 'images:///a'):\n"
        "    try:\n"
        "        open_source(uri, ImageInput(size=(8, 8)))\n"
        "    except MissingRuntimeError as error:\n"
        "        print(error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "pip install 'edgeinfer[camera]'\n" * 4
