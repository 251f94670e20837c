"""Labelled pictures of the conveyor: what the model is trained, calibrated and judged on.

    python -m scripts.parts.draw sheet parts.jpg
    python -m scripts.parts.draw images FOLDER --split calibration --count 64

Picture number i of a split is drawn from the seed (split, i) and nothing else: splits cannot overlap,
any picture can be drawn alone, and the same libraries draw the same pixels.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from scripts.parts.gear import CONDITIONS, Condition, random_gear
from scripts.parts.pool import drawing_pool
from scripts.parts.scene import BELT_LENGTH, HEIGHT, WIDTH, Image, Placed, Scene, photograph, random_scene

NO_PART = "no-part"
LABELS: tuple[str, ...] = (*CONDITIONS, NO_PART)

Split = Literal["train", "validation", "heldout", "calibration", "evaluate"]
SPLIT_SEEDS: dict[Split, int] = {
    "train": 1001,
    "validation": 2002,
    "heldout": 3003,
    "calibration": 4004,
    "evaluate": 5005,
}


def draw(split: Split, index: int) -> tuple[Image, str]:
    """Picture `index` of a split, (360, 480, 3) uint8 in BGR, and its label. Labels take turns."""
    rng, scene, placed = _compose(split, index)
    return photograph(scene, placed, float(rng.uniform(0, BELT_LENGTH)), rng), label_of(index)


def label_of(index: int) -> str:
    """The label of picture `index` of every split."""
    return LABELS[index % len(LABELS)]


def faults(split: Split, index: int) -> list[tuple[Condition, float, float]]:
    """What is wrong in a picture and where: condition, x and y in pixels. Draws nothing."""
    found: list[tuple[Condition, float, float]] = []
    for placed in _compose(split, index)[2]:
        places = placed.gear.fault_places()
        found += [(placed.gear.condition, placed.x + x, placed.y + y) for x, y in places]
    return [one for one in found if 0 <= one[1] < WIDTH and 0 <= one[2] < HEIGHT]


def _compose(split: Split, index: int) -> tuple[np.random.Generator, Scene, tuple[Placed, ...]]:
    rng = np.random.default_rng([SPLIT_SEEDS[split], index])
    scene = random_scene(rng)
    return rng, scene, _place(rng, label_of(index))


def _place(rng: np.random.Generator, label: str) -> tuple[Placed, ...]:
    """A whole gear in the frame, or for `no-part` none, or one that the frame's edge clearly cuts."""
    condition = next((one for one in CONDITIONS if one == label), None) or _any_condition(rng)
    gear = random_gear(rng, condition)
    y = HEIGHT / 2 + rng.uniform(-12, 12)
    whole = whole_within(gear.radius)
    if label != NO_PART:
        return (Placed(gear, WIDTH / 2 + float(rng.uniform(-whole, whole)), float(y)),)
    if rng.random() < 0.5:
        return ()
    distance = rng.uniform(cut_beyond(gear.radius), WIDTH / 2 + 1.1 * gear.radius)
    return (Placed(gear, WIDTH / 2 + float(distance * rng.choice([-1, 1])), float(y)),)


def _any_condition(rng: np.random.Generator) -> Condition:
    return CONDITIONS[rng.integers(0, len(CONDITIONS))]


def whole_within(radius: float) -> float:
    """How far off the middle a gear may be, in pixels, and still be seen whole."""
    return WIDTH / 2 - radius


def cut_beyond(radius: float) -> float:
    """From how far off the middle a gear is `no-part`: a sixth of it is outside. Between, both are right."""
    return WIDTH / 2 - radius + radius / 3


def write_images(folder: Path, split: Split, count: int, *, workers: int | None = None) -> Iterator[int]:
    """Write the first pictures of a split as PNG files, then labels.csv; yields how many are done."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["file,label"]
    with drawing_pool(workers) as pool:
        drawn = pool.map(partial(draw, split), range(count), chunksize=8)
        for index, (image, label) in enumerate(drawn):
            name = f"{index:05}.png"
            _write(folder / name, image)
            rows.append(f"{name},{label}")
            yield index + 1
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def contact_sheet(columns: int = 4, *, scale: float = 0.5, first: int = 0) -> Image:
    """A row of samples for each label, to look at."""
    rows = []
    for number, label in enumerate(LABELS):
        indices = [first + number + len(LABELS) * column for column in range(columns)]
        pictures = [_captioned(draw("evaluate", index)[0], label, scale) for index in indices]
        rows.append(np.hstack(pictures))
    return np.vstack(rows)


def _captioned(image: Image, label: str, scale: float) -> Image:
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cv2.putText(small, label, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA)
    return np.asarray(small, np.uint8)


def _write(path: Path, image: Image) -> None:
    if not cv2.imwrite(str(path), image):
        raise OSError(f"{path}: the picture could not be written")


def main() -> None:
    """Write a contact sheet or a folder of labelled pictures."""
    parser = argparse.ArgumentParser(description="Draw labelled pictures of parts on a conveyor.")
    commands = parser.add_subparsers(dest="command", required=True)
    sheet = commands.add_parser("sheet", help="one picture with samples of every label")
    sheet.add_argument("path", type=Path)
    sheet.add_argument("--columns", type=int, default=4)
    sheet.add_argument("--first", type=int, default=0)
    images = commands.add_parser("images", help="a folder of pictures and labels.csv")
    images.add_argument("folder", type=Path)
    images.add_argument("--split", choices=SPLIT_SEEDS, default="evaluate")
    images.add_argument("--count", type=int, default=64)
    arguments = parser.parse_args()
    if arguments.command == "sheet":
        _write(arguments.path, contact_sheet(arguments.columns, first=arguments.first))
    else:
        for done in write_images(arguments.folder, arguments.split, arguments.count):
            print(f"\r{done} of {arguments.count} pictures", end="", flush=True)
        print()


if __name__ == "__main__":
    main()
