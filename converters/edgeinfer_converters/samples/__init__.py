"""Calibration and evaluation data behind one seam: `open_samples` picks the reader of a path."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Literal, cast

import numpy as np

from edgeinfer.errors import DataError
from edgeinfer.processing.spec import WindowInput
from edgeinfer_converters.samples.sample import Purpose, Request, Sample, SampleSource, Truth, TruthBox

__all__ = ["OPENERS", "Purpose", "Request", "Sample", "Samples", "Truth", "TruthBox", "open_samples"]

Kind = Literal["arrays", "coco", "images", "table", "video"]
Opener = Callable[[Path, Request], SampleSource]

OPENERS: dict[Kind, str] = {
    "arrays": "edgeinfer_converters.samples.arrays",
    "coco": "edgeinfer_converters.samples.coco",
    "images": "edgeinfer_converters.samples.images",
    "table": "edgeinfer_converters.samples.table",
    "video": "edgeinfer_converters.samples.video",
}
"""The module of each kind of data; it has `open_source(path, request) -> SampleSource`."""

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm"})
HELD_OUT_SHARE = 0.1
"""Enough to see that a model is sound; calibration does not learn from what is held out."""

MIN_HELD_OUT, MAX_HELD_OUT = 2, 128
MIN_TO_SPLIT = 10
_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Samples:
    """Some samples of a data set, in its order; can be iterated again and again."""

    kind: Kind
    source: SampleSource
    chosen: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.chosen)

    def __iter__(self) -> Iterator[Sample]:
        return self.source.read(self.chosen)

    @property
    def labelled(self) -> bool:
        """True where each sample has its truth."""
        return self.source.labelled

    def limit(self, most: int, seed: int) -> Samples:
        """At most so many samples, picked at random but the same for the same seed."""
        if len(self) <= most:
            return self
        picked = np.random.default_rng(seed).choice(len(self), most, replace=False)
        return replace(self, chosen=tuple(self.chosen[k] for k in sorted(picked)))

    def split(self, seed: int) -> tuple[Samples, Samples]:
        """The larger part, and a tenth (2 to 128) held out.

        Fewer than ten samples are too few to spare any: then both parts are the whole.
        """
        if len(self) < MIN_TO_SPLIT:
            return self, self
        wanted = int(len(self) * HELD_OUT_SHARE)
        held_out = self.limit(max(MIN_HELD_OUT, min(MAX_HELD_OUT, wanted)), seed)
        away = frozenset(held_out.chosen)
        return replace(self, chosen=tuple(k for k in self.chosen if k not in away)), held_out

    def digest(self) -> str:
        """SHA-256 over the names and contents of the files that the samples come from, in order."""
        total = hashlib.sha256()
        for path in self.source.files(self.chosen):
            total.update(f"{path.name}\0{_file_digest(path)}\n".encode())
        return total.hexdigest()


def open_samples(path: Path, request: Request) -> Samples:
    """Open a folder of images, a COCO folder, a .npz, a .csv or a video. Raises DataError."""
    kind = _kind_of(path, request)
    source = cast(Opener, import_module(OPENERS[kind]).open_source)(path, request)
    if len(source) == 0:
        raise DataError(f"{path}: there are no samples in it")
    return Samples(kind, source, tuple(range(len(source))))


def _kind_of(path: Path, request: Request) -> Kind:
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    if path.is_dir():
        return "coco" if (path / "instances.json").is_file() else "images"
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return "table" if isinstance(request.spec.input[0], WindowInput) else "images"
    if suffix in VIDEO_SUFFIXES:
        return "video"
    kinds: dict[str, Kind] = {".npz": "arrays", ".json": "coco"}
    if suffix in kinds:
        return kinds[suffix]
    raise DataError(
        f"{path}: not a kind of data that can be read here",
        hint="give a folder of images, a folder with instances.json, a .npz, a .csv or a video",
    )


def _file_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
