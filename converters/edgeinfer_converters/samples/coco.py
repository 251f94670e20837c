"""Images with boxes in the COCO form: an instances.json beside an `images` folder.

Format: https://cocodataset.org/#format-data
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Annotated

from edgeinfer.errors import DataError, SettingsError
from edgeinfer.processing.spec import ImageInput
from edgeinfer.strict import Meta, Struct, convert, decode_json
from edgeinfer_converters.samples.images import MAX_SHOWN_NAME, ImageFile, ImageFiles, find_inside
from edgeinfer_converters.samples.prepared import FramePreparer
from edgeinfer_converters.samples.sample import Request, TruthBox

ANNOTATIONS_FILE = "instances.json"
_NAMED = 5


class _Image(Struct, frozen=True):
    id: int
    file_name: str


class _Category(Struct, frozen=True):
    id: int
    name: str


class _Annotation(Struct, frozen=True):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: Annotated[float, Meta(ge=0)] | None = None
    iscrowd: int = 0


class _Instances(Struct, frozen=True):
    images: tuple[_Image, ...]
    annotations: tuple[_Annotation, ...]
    categories: tuple[_Category, ...]


_LISTS: dict[str, type[Struct]] = {"annotations": _Annotation, "categories": _Category, "images": _Image}


def open_source(path: Path, request: Request) -> ImageFiles:
    """Open a folder that holds instances.json, or the file itself. Raises DataError."""
    listing = path / ANNOTATIONS_FILE if path.is_dir() else path
    instances = _read(listing)
    preparer = FramePreparer(request, ImageInput, str(listing))
    folder = listing.parent / "images"
    boxes = _boxes(instances, request.labels, listing) if request.spec.model.task == "detection" else None
    files = []
    for image in instances.images:
        file = find_inside(folder, image.file_name, str(listing))
        if file is None:
            raise DataError(f"{listing}: there is no image `{image.file_name[:MAX_SHOWN_NAME]}` in {folder}")
        files.append(ImageFile(file, None if boxes is None else tuple(boxes[image.id])))
    return ImageFiles(files, preparer, listing, listing=listing)


def _read(listing: Path) -> _Instances:
    try:
        table = decode_json(listing.read_bytes(), dict[str, object], str(listing))
        # Unlike our own files these carry many more fields than we read.
        known = {name: _fields(table.get(name), kind) for name, kind in _LISTS.items()}
        return convert(known, _Instances, str(listing))
    except SettingsError as error:
        raise DataError(error.message, hint="a COCO instances file is needed") from error


def _fields(rows: object, kind: type[Struct]) -> object:
    names = kind.__struct_fields__
    if not isinstance(rows, list):
        return rows
    return [
        {name: row[name] for name in names if name in row} if isinstance(row, dict) else row for row in rows
    ]


def _boxes(instances: _Instances, labels: tuple[str, ...], listing: Path) -> dict[int, list[TruthBox]]:
    """The boxes of each image. Categories that the model does not know are no part of its score."""
    known = _label_of_category(instances, labels, listing)
    boxes: dict[int, list[TruthBox]] = defaultdict(list)
    for one in instances.annotations:
        if one.category_id in known:
            area = one.bbox[2] * one.bbox[3] if one.area is None else one.area
            boxes[one.image_id].append(
                TruthBox(known[one.category_id], one.bbox, area, crowd=bool(one.iscrowd))
            )
    return boxes


def _label_of_category(instances: _Instances, labels: tuple[str, ...], listing: Path) -> dict[int, int]:
    if not labels:
        return {category.id: category.id for category in instances.categories}
    known = {one.id: labels.index(one.name) for one in instances.categories if one.name in labels}
    if not known:
        names = ", ".join(one.name for one in instances.categories[:_NAMED])
        raise DataError(
            f"{listing}: none of its categories ({names}, …) is in the pipeline's labels file",
            hint="categories and labels are matched by name",
        )
    return known
