"""External data of ONNX models: tensors whose bytes lie in files beside the model.

The model names the files, so the names are an attacker's to choose. They are checked here, before any
library sees them, in every tensor of the model wherever it stands (initializers, sparse initializers,
attributes, subgraphs, functions, training information), and the files are opened component by component
without following links. Afterwards no tensor of the model refers to a file.
Spec: onnx/docs/ExternalData.md. Attacks: CVE-2022-25882, CVE-2024-27318, CVE-2026-34446, CVE-2026-34447.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import TensorProto

from edgeinfer.bundle.manifest import MAX_RANK
from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.bounded import MAX_MODEL_BYTES
from edgeinfer_converters.importers.messages import all_tensors

_KEYS = frozenset({"location", "offset", "length", "checksum"})
_NUMBER = re.compile(r"\d{1,15}\Z", re.ASCII)
_MEMORY_MARKER = "_ORT_MEM_ADDR_"
_BITS: dict[int, int] = {
    TensorProto.UINT4: 4,
    TensorProto.INT4: 4,
    TensorProto.FLOAT4E2M1: 4,
    TensorProto.UINT2: 2,
    TensorProto.INT2: 2,
}


@dataclass(frozen=True)
class _Place:
    """Where the bytes of a tensor lie."""

    location: str
    offset: int
    length: int


def embed_external_data(model: onnx.ModelProto, path: Path) -> int:
    """Read the external data of `model`, the content of the file `path`, into it; returns its bytes.

    All tensors are checked before the first file is opened. Raises ModelError that names the tensor.
    """
    external = [tensor for tensor in all_tensors(model) if _is_external(tensor)]
    places = [_place(tensor) for tensor in external]
    total_bytes = sum(place.length for place in places)
    if total_bytes > MAX_MODEL_BYTES:
        raise ModelError(
            f"the external data of {path} has {total_bytes} bytes; {MAX_MODEL_BYTES} is the most"
        )
    for tensor, place in zip(external, places, strict=True):
        data = _read(path.parent, place, tensor)
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
        tensor.raw_data = data
    return total_bytes


def _is_external(tensor: TensorProto) -> bool:
    return tensor.data_location != TensorProto.DEFAULT or len(tensor.external_data) > 0


def _place(tensor: TensorProto) -> _Place:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    if len(entries) != len(tensor.external_data) or not entries.keys() <= _KEYS:
        raise _fault(tensor, f"unknown or repeated keys {sorted(e.key for e in tensor.external_data)}")
    if tensor.data_location != TensorProto.EXTERNAL:
        raise _fault(tensor, f"data_location {tensor.data_location} is not EXTERNAL")
    needed = _needed_bytes(tensor)
    length = _number(tensor, entries, "length", needed)
    if length != needed:
        raise _fault(tensor, f"length {length} does not match its type and shape, which need {needed} bytes")
    return _Place(_location(tensor, entries), _number(tensor, entries, "offset", 0), length)


def _location(tensor: TensorProto, entries: dict[str, str]) -> str:
    location = entries.get("location", "")
    if _MEMORY_MARKER in location:
        raise _fault(tensor, "the location is a memory address")
    parts = location.split("/")
    if not location or "\0" in location or "\\" in location or ".." in parts or location.startswith("/"):
        raise _fault(tensor, f"the location {location!r} is not a path inside the model's folder")
    return location


def _number(tensor: TensorProto, entries: dict[str, str], key: str, default: int) -> int:
    text = entries.get(key)
    if text is None:
        return default
    if not _NUMBER.match(text):
        raise _fault(tensor, f"{key} {text!r} is not a size in bytes")
    return int(text)


def _needed_bytes(tensor: TensorProto) -> int:
    if len(tensor.dims) > MAX_RANK:
        # Before they are multiplied: the product of 300,000 large dimensions takes minutes.
        raise _fault(tensor, f"it has {len(tensor.dims)} dimensions; {MAX_RANK} are possible")
    if any(dim < 0 for dim in tensor.dims):
        raise _fault(tensor, f"the shape {list(tensor.dims)} has a negative dimension")
    if tensor.data_type == TensorProto.STRING:
        raise _fault(tensor, "strings cannot lie in external data")
    try:
        bits = (
            _BITS.get(tensor.data_type) or 8 * onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        )
    except (KeyError, ValueError) as error:
        raise _fault(tensor, f"unknown element type {tensor.data_type}") from error
    return -(-math.prod(int(dim) for dim in tensor.dims) * bits // 8)


def _read(folder: Path, place: _Place, tensor: TensorProto) -> bytes:
    try:
        with contextlib.ExitStack() as stack:
            descriptor = _open(folder, place.location, stack)
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise _fault(tensor, f"{place.location!r} is not a regular file")
            if status.st_nlink != 1:
                raise _fault(tensor, f"{place.location!r} is a hard link: it may be a file of another folder")
            if place.offset + place.length > status.st_size:
                end = place.offset + place.length
                raise _fault(tensor, f"{place.location!r} ends at byte {status.st_size}, before byte {end}")
            return _read_at(descriptor, place, tensor)
    except OSError as error:
        raise _fault(tensor, f"{place.location!r}: {_reason(error)}") from error


def _open(folder: Path, location: str, stack: contextlib.ExitStack) -> int:
    """Open component by component: a link anywhere below the model's folder is an OSError."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
    current = os.open(folder, flags | os.O_DIRECTORY)
    stack.callback(os.close, current)
    *parents, name = [part for part in location.split("/") if part not in ("", ".")] or ["."]
    for parent in parents:
        current = os.open(parent, flags | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=current)
        stack.callback(os.close, current)
    current = os.open(name, flags | os.O_NOFOLLOW, dir_fd=current)
    stack.callback(os.close, current)
    return current


def _read_at(descriptor: int, place: _Place, tensor: TensorProto) -> bytes:
    chunks = []
    position, end = place.offset, place.offset + place.length
    while position < end:
        chunk = os.pread(descriptor, end - position, position)
        if not chunk:
            raise _fault(tensor, f"{place.location!r} became shorter while it was read")
        chunks.append(chunk)
        position += len(chunk)
    return b"".join(chunks)


def _reason(error: OSError) -> str:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):  # what O_NOFOLLOW gives, without and with O_DIRECTORY
        return "a symbolic link, or a folder that is none, is on the way"
    return error.strerror or str(error)


def _fault(tensor: TensorProto, what: str) -> ModelError:
    return ModelError(
        f"external data of the tensor `{tensor.name}`: {what}",
        hint="keep the data files as plain files in the model's folder, or save the model as one file",
    )
