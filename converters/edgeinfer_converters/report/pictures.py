"""What a sample looks like: a thumbnail of the model's input, or the curve of its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgeinfer.frames import Array
from edgeinfer.opencv import cv2
from edgeinfer.processing.results import DetectedObject, Detection, Outcome
from edgeinfer.processing.spec import ImageInput, PipelineSpec
from edgeinfer_converters.samples.sample import Sample

MAX_SIDE = 240
MAX_POINTS = 240
MAX_CURVES = 4
_QUALITY = 82
_IMAGE_RANK = 4
_SMALL = 64

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Thumbnail:
    """A JPEG or PNG; boxes are x, y, width, height as shares of its sides."""

    data: bytes
    media_type: str
    width: int
    height: int
    reference: tuple[Box, ...] = ()
    converted: tuple[Box, ...] = ()


@dataclass(frozen=True)
class Curves:
    """A curve for each of the first columns of a window."""

    series: tuple[tuple[float, ...], ...]


Picture = Thumbnail | Curves


def picture_of(sample: Sample, spec: PipelineSpec, reference: Outcome, converted: Outcome) -> Picture | None:
    """The picture of a sample's first input, None where it has no sensible one."""
    array = next(iter(sample.inputs.values()))
    if isinstance(spec.input[0], ImageInput):
        made = thumbnail(array, spec.input[0])
        if isinstance(reference, Detection) and isinstance(converted, Detection):
            made = replace(
                made,
                reference=_boxes(reference.objects, sample, made, spec.input[0]),
                converted=_boxes(converted.objects, sample, made, spec.input[0]),
            )
        return made
    return curves(array)


def thumbnail(array: Array, spec: ImageInput) -> Thumbnail:
    """A model's input, (1, height, width, channels) or (1, channels, height, width), as people see it."""
    image = array[0]
    if _channels_first(image, spec):
        image = image.transpose(1, 2, 0)
    pixels = _denormalized(image, spec)
    if spec.color == "rgb":
        pixels = pixels[..., ::-1]
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    factor = MAX_SIDE / max(height, width)
    if factor < 1:
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    # JPEG would blur what is only some pixels wide.
    small = max(pixels.shape[:2]) <= _SMALL
    suffix, options = (".png", []) if small else (".jpg", [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    _, encoded = cv2.imencode(suffix, pixels, options)
    media_type = "image/png" if small else "image/jpeg"
    return Thumbnail(encoded.tobytes(), media_type, pixels.shape[1], pixels.shape[0])


def curves(array: Array) -> Curves | None:
    """The columns of (1, length, columns) or (1, length); None for other shapes and single numbers."""
    values = np.atleast_1d(array.squeeze())
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or len(values) < 2:  # rows and columns; a line needs two points
        return None
    step = -(-len(values) // MAX_POINTS)
    return Curves(tuple(tuple(float(one) for one in column) for column in values[::step, :MAX_CURVES].T))


def _channels_first(image: Array, spec: ImageInput) -> bool:
    if spec.layout != "auto":
        return spec.layout == "nchw"
    return bool(image.shape[-1] != spec.channels)


def _denormalized(image: Array, spec: ImageInput) -> Array:
    if image.dtype == np.int8:
        return (image.astype(np.int16) + 128).astype(np.uint8)
    if image.dtype == np.uint8:
        return image
    values = image * np.array(spec.std, np.float32) + np.array(spec.mean, np.float32)
    return np.asarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def _boxes(
    objects: Sequence[DetectedObject], sample: Sample, made: Thumbnail, spec: ImageInput
) -> tuple[Box, ...]:
    geometry = sample.geometry
    if geometry is None:
        return ()
    width, height = spec.size
    scale = (geometry.scale_x * width, geometry.scale_y * height)
    found = []
    for one in objects:
        x, y, w, h = one.box
        found.append(
            (
                (x - geometry.offset_x) / scale[0],
                (y - geometry.offset_y) / scale[1],
                w / scale[0],
                h / scale[1],
            )
        )
    return tuple(found)
