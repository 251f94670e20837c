"""A folder of images: classes by subfolder, by a labels.csv of file,label, or none at all."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeinfer.errors import DataError
from edgeinfer.frames import Array
from edgeinfer.opencv import cv2
from edgeinfer.processing.spec import ImageInput
from edgeinfer_converters.samples.prepared import FramePreparer
from edgeinfer_converters.samples.sample import Request, Sample, Truth, class_index

logger = logging.getLogger(__name__)

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
LABELS_FILE = "labels.csv"
LABEL_COLUMNS = ("label", "class_index")
MAX_UNREADABLE_SHARE = 0.1
MAX_SHOWN_NAME = 200
_NAMED = 5


@dataclass(frozen=True)
class ImageFile:
    """An image file and what is true of it, if anything is known."""

    path: Path
    truth: Truth | None = None


class ImageFiles:
    """A sample source over image files; unreadable ones are named and skipped, up to a tenth."""

    def __init__(
        self,
        files: Sequence[ImageFile],
        preparer: FramePreparer,
        where: Path,
        *,
        listing: Path | None = None,
    ) -> None:
        """`listing` is the file that names the images and their truth."""
        self._files = tuple(files)
        self._listing = listing
        self._preparer = preparer
        self._where = where
        self._unreadable: set[Path] = set()

    def files(self, chosen: Sequence[int]) -> tuple[Path, ...]:
        """The listing, if there is one, and the image files."""
        listing = () if self._listing is None else (self._listing,)
        return (*listing, *(self._files[position].path for position in chosen))

    @property
    def labelled(self) -> bool:
        """True where each image has its truth."""
        return all(file.truth is not None for file in self._files)

    def __len__(self) -> int:
        return len(self._files)

    def read(self, chosen: Sequence[int]) -> Iterator[Sample]:
        """The samples at these positions, less those that cannot be decoded."""
        missed: list[str] = []
        for position in chosen:
            file = self._files[position]
            image = self._decode(file.path)
            if image is not None:
                yield self._preparer.prepare(str(file.path), image, file.truth)
                continue
            missed.append(file.path.name)
            if len(missed) > len(chosen) * MAX_UNREADABLE_SHARE:
                self._refuse(missed, len(chosen))

    def _decode(self, path: Path) -> Array | None:
        # Bytes through imdecode: imread logs its own complaint, and gives up on some Unicode paths.
        data = np.frombuffer(path.read_bytes(), np.uint8)
        try:
            image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
        except cv2.error:
            image = None  # more pixels than OpenCV is allowed to decode
        if image is None and path not in self._unreadable:
            self._unreadable.add(path)
            logger.warning("%s: skipped, it cannot be decoded as an image", path)
        return image

    def _refuse(self, missed: Sequence[str], total: int) -> None:
        names = ", ".join(missed[:_NAMED]) + (", …" if len(missed) > _NAMED else "")
        raise DataError(
            f"{self._where}: more than a tenth of the images cannot be decoded "
            f"({len(missed)} of {total} so far: {names})",
            hint="repair or remove these files",
        )


def open_source(path: Path, request: Request) -> ImageFiles:
    """Open a folder of images, or a labels.csv. Raises DataError."""
    preparer = FramePreparer(request, ImageInput, str(path))
    if path.is_file() or (path / LABELS_FILE).is_file():
        listing = path if path.is_file() else path / LABELS_FILE
        return ImageFiles(_listed(listing, request), preparer, listing, listing=listing)
    files = _in_folder(path, request)
    if not files:
        raise DataError(f"{path}: there are no images in it", hint=f"read are {', '.join(sorted(SUFFIXES))}")
    return ImageFiles(files, preparer, path)


def _in_folder(folder: Path, request: Request) -> list[ImageFile]:
    flat = _images_of(folder)
    if flat:
        return [ImageFile(path) for path in flat]
    classes = [(sub, _images_of(sub)) for sub in sorted(folder.iterdir()) if sub.is_dir()]
    classes = [(sub, images) for sub, images in classes if images]
    if request.purpose == "calibration":
        return [ImageFile(path) for _, images in classes for path in images]
    # Without a labels file the classes are numbered as the training frameworks do: by sorted name.
    labels = request.labels or tuple(sub.name for sub, _ in classes)
    return [
        ImageFile(path, class_index(sub.name, labels, str(sub))) for sub, images in classes for path in images
    ]


def _images_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())


def _listed(listing: Path, request: Request) -> list[ImageFile]:
    try:
        with listing.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{listing}: not a readable CSV file: {error}") from error
    column = _label_column(listing, rows)
    found = []
    for line, row in enumerate(rows, start=2):
        path = _find(listing.parent, row["file"] or "", f"{listing}, line {line}")
        truth = None
        if request.purpose == "evaluation":
            truth = class_index((row[column] or "").strip(), request.labels, f"{listing}, line {line}")
        found.append(ImageFile(path, truth))
    return found


def _label_column(listing: Path, rows: Sequence[dict[str, str]]) -> str:
    columns = list(rows[0]) if rows else []
    column = next((name for name in LABEL_COLUMNS if name in columns), None)
    if "file" not in columns or column is None:
        there = ", ".join(str(name) for name in columns) or "none"
        raise DataError(f"{listing}: needs the columns `file` and `label`, and has {there}")
    return column


def _find(folder: Path, name: str, where: str) -> Path:
    for root in (folder, folder / "images"):
        path = find_inside(root, name, where)
        if path is not None:
            return path
    raise DataError(
        f"{where}: there is no image `{name[:MAX_SHOWN_NAME]}` in {folder} or its `images` folder"
    )


def find_inside(root: Path, name: str, where: str) -> Path | None:
    """The file of a name that a listing gives, None where there is none. Raises DataError for others' files.

    Samples leave the workstation as the golden inputs of a bundle: whoever made the listing must not
    choose among all pictures of this machine.
    """
    if name.startswith("/") or ".." in name.split("/"):
        raise DataError(
            f"{where}: `{name[:MAX_SHOWN_NAME]}` is not in the folder of the data, {root}",
            hint="copy or link the images into that folder, and name them by their paths in it",
        )
    try:
        return root / name if name and (root / name).is_file() else None
    except OSError:
        return None  # a name that no file can have
