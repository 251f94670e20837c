"""Videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeinfer.errors import DataError
from edgeinfer_converters.samples import open_samples, video
from tests.fixtures.data import image_request, window_request, write_video


def test_every_frame_of_a_short_video(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.avi", 6)
    samples = open_samples(tmp_path / "clip.avi", image_request())
    assert samples.kind == "video"
    assert not samples.labelled
    grays = [float(sample.inputs["image"].mean()) * 127.5 + 127.5 for sample in samples]
    np.testing.assert_allclose(grays, [0, 8, 16, 24, 32, 40], atol=3)


def test_frames_are_evenly_spaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "MAX_FRAMES", 4)
    write_video(tmp_path / "clip.avi", 20)
    samples = open_samples(tmp_path / "clip.avi", image_request())
    assert [sample.name.split()[-1] for sample in samples] == ["0", "5", "10", "15"]


def test_chosen_frames_only(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.avi", 8)
    source = open_samples(tmp_path / "clip.avi", image_request()).source
    grays = [float(sample.inputs["image"].mean()) * 127.5 + 127.5 for sample in source.read((2, 7))]
    np.testing.assert_allclose(grays, [16, 56], atol=3)


def test_a_cut_off_video_gives_what_can_be_decoded(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.avi", 12)
    data = (tmp_path / "clip.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: len(data) * 4 // 5])
    samples = open_samples(tmp_path / "cut.avi", image_request())
    assert 1 <= len(samples) < 12
    assert len(list(samples)) == len(samples)


@pytest.mark.parametrize("data", [b"", b"no video at all"])
def test_not_a_video(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "clip.mp4").write_bytes(data)
    with pytest.raises(DataError, match="not a video that OpenCV can read"):
        open_samples(tmp_path / "clip.mp4", image_request())


def test_a_video_for_a_pipeline_of_windows(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.avi", 2)
    with pytest.raises(DataError, match="takes windows of sensor rows"):
        open_samples(tmp_path / "clip.avi", window_request())
