"""The clip of the demo: gears pass under the camera, one at a time, while the light changes.

python -m scripts.parts.clip parts.mp4
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from edgeinfer.errors import EdgeInferError
from scripts.parts.gear import Condition, random_gear
from scripts.parts.pool import drawing_pool
from scripts.parts.scene import HEIGHT, WIDTH, Image, Placed, Scene, photograph

SEED = 6006
FPS = 30
SPEED = 190.0  # pixels a second
SPACING = 420.0  # pixels from one gear to the next
ENTRY = 150.0  # pixels left of the frame where the first gear is at the start
ORDER: tuple[Condition, ...] = ("good", "scratched", "good", "piece-missing", "good", "scratched")
"""What passes, in this order."""

DURATION_S = (ENTRY + WIDTH + ENTRY + SPACING * (len(ORDER) - 1)) / SPEED
FRAMES = math.ceil(DURATION_S * FPS)


def draw_frame(number: int) -> Image:
    """Frame `number` of the clip, (360, 480, 3) uint8 in BGR."""
    moved = SPEED * number / FPS
    placed = tuple(
        replace(one, x=one.x + moved) for one in _gears() if -ENTRY < one.x + moved < WIDTH + ENTRY
    )
    rng = np.random.default_rng([SEED, number])
    return photograph(_scene(number / FPS), placed, moved, rng)


@cache
def _gears() -> tuple[Placed, ...]:
    """The gears and where they are at the start, off the frame on the left."""
    rng = np.random.default_rng(SEED)
    return tuple(
        Placed(
            random_gear(rng, condition), -ENTRY - SPACING * number, HEIGHT / 2 + float(rng.uniform(-10, 10))
        )
        for number, condition in enumerate(ORDER)
    )


def _scene(time_s: float) -> Scene:
    """One place, and light that comes and goes as if clouds passed a window."""
    clouds = 0.22 * math.sin(time_s / 2.3) + 0.08 * math.sin(time_s / 0.9 + 1)
    return Scene(
        belt_seed=3,
        belt_color=(0.21, 0.22, 0.21),
        exposure=1.0 + clouds,
        warmth=0.04 + 0.05 * math.sin(time_s / 3.1),
        light_angle=-2.2 + 0.5 * math.sin(time_s / 4),
        light_slope=0.2,
        glare=(0.6, 120 * math.sin(time_s / 3), 45.0, 0.10),
        shadow=0.6,
        motion_blur=3,
        focus_blur=0.6,
        noise=0.014 - 0.012 * clouds,
        jpeg_quality=90,
    )


def write_clip(path: Path, *, workers: int | None = None) -> Iterator[int]:
    """Draw the clip into an MP4 file that appears when it is whole; yields how many frames are done.

    Raises EdgeInferError where OpenCV cannot write MP4.
    """
    unfinished = path.with_name(f".unfinished-{os.getpid()}-{path.name}")  # another demo may draw too
    try:
        with drawing_pool(workers) as pool:
            yield from _encode(unfinished, pool.map(draw_frame, range(FRAMES), chunksize=10))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _encode(path: Path, frames: Iterable[Image]) -> Iterator[int]:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise EdgeInferError(
            f"{path}: OpenCV could not open this file to write MPEG-4",
            hint="Is the folder writable? Otherwise: pip install --force-reinstall opencv-python-headless",
        )
    try:
        for done, frame in enumerate(frames, start=1):
            writer.write(frame)
            yield done
    finally:
        writer.release()


def main() -> None:
    """Write the clip."""
    parser = argparse.ArgumentParser(description="Draw the demo's clip of parts on a conveyor.")
    parser.add_argument("path", type=Path)
    for done in write_clip(parser.parse_args().path):
        print(f"\r{done} of {FRAMES} frames", end="", flush=True)
    print()


if __name__ == "__main__":
    main()
