"""The drawn pictures as the model takes them: small RGB arrays and class numbers."""

from __future__ import annotations

from functools import partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from scripts.parts.draw import LABELS, Split, draw
from scripts.parts.pool import drawing_pool
from scripts.parts.scene import Image

INPUT_WIDTH, INPUT_HEIGHT = 128, 96
SCALE = 255.0  # pipeline.toml says the same: mean 0, std 255


def shrink(image: Image) -> Image:
    """(360, 480, 3) BGR to (96, 128, 3) RGB, as pipeline.toml tells the device to do it."""
    small = cv2.resize(image, (INPUT_WIDTH, INPUT_HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)


def to_tensor(images: Image) -> npt.NDArray[np.float32]:
    """(n, 96, 128, 3) uint8 to (n, 3, 96, 128) float32 in 0..1."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(SCALE))


def small_set(split: Split, count: int, *, workers: int = 1) -> tuple[Image, npt.NDArray[np.int64]]:
    """The first `count` pictures of a split: (count, 96, 128, 3) uint8 RGB, and their class numbers."""
    if workers == 1:
        rows = [_small(split, index) for index in range(count)]
    else:
        with drawing_pool(workers) as pool:
            rows = list(pool.map(partial(_small, split), range(count), chunksize=50))
    return np.stack([image for image, _ in rows]), np.array([number for _, number in rows], np.int64)


def _small(split: Split, index: int) -> tuple[Image, int]:
    image, label = draw(split, index)
    return shrink(image), LABELS.index(label)


def confusion(truth: npt.NDArray[Any], found: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """(classes, classes) counts: a row for each true class, a column for each found one."""
    table = np.zeros((len(LABELS), len(LABELS)), np.int64)
    np.add.at(table, (truth, found), 1)
    return table
