"""A folder to build in."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from tests.fixtures.builds import LABELS
from tests.fixtures.data import IMAGE_TOML, write_images
from tests.fixtures.models import image_classifier


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tiny classifier, its pipeline, and calibration images."""
    folder = tmp_path / "work"
    folder.mkdir()
    onnx.save(image_classifier(batch="N"), folder / "tiny.onnx")
    (folder / "pipeline.toml").write_text(IMAGE_TOML)
    (folder / "labels.txt").write_text(LABELS)
    write_images(folder / "cal", 12)
    monkeypatch.chdir(folder)
    return folder
