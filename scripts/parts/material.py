"""What the demo needs before it can begin: pictures to calibrate and to judge on, and the clip."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scripts.parts.clip import FRAMES, write_clip
from scripts.parts.draw import Split, write_images

HERE = Path(__file__).resolve().parent
SOURCES = ("gear.py", "scene.py", "draw.py", "clip.py")
CALIBRATION_COUNT = 64
EVALUATE_COUNT = 200


class Progress(Protocol):
    """Told what is being drawn, how much of it is done, and how much there is."""

    def __call__(self, what: str, done: int, total: int, /) -> None: ...


@dataclass(frozen=True)
class Material:
    """Where the drawings are: two folders of labelled pictures, and the clip."""

    calibration: Path
    evaluate: Path
    clip: Path


def prepare(folder: Path, progress: Progress) -> Material:
    """Draw what is not there yet. Drawings of an older version of the scripts are left aside."""
    drawn = folder / f"drawn-{_version()}"
    drawn.mkdir(parents=True, exist_ok=True)
    material = Material(drawn / "calibration", drawn / "evaluate", drawn / "parts.mp4")
    _ensure_images(material.calibration, "calibration", CALIBRATION_COUNT, "calibrate with", progress)
    _ensure_images(material.evaluate, "evaluate", EVALUATE_COUNT, "judge on", progress)
    if not material.clip.exists():
        for done in write_clip(material.clip):
            progress("the clip", done, FRAMES)
    return material


def _version() -> str:
    """Changes when the scripts that draw do."""
    return hashlib.sha256(b"".join((HERE / name).read_bytes() for name in SOURCES)).hexdigest()[:8]


def _ensure_images(folder: Path, split: Split, count: int, purpose: str, progress: Progress) -> None:
    """labels.csv is written last: where it is, the pictures are."""
    if not (folder / "labels.csv").exists():
        for done in write_images(folder, split, count):
            progress(f"pictures to {purpose}", done, count)
