"""A .npz of already preprocessed arrays by input name, streamed a sample at a time.

numpy would load a whole array at once: here each member of the archive is read by its own header
(NEP 1), and then as many bytes at a time as one sample takes. Pickled objects are never read.
"""

from __future__ import annotations

import contextlib
import math
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from edgeinfer.errors import DataError
from edgeinfer.frames import Array, TensorInfo
from edgeinfer.processing.preprocess import Geometry
from edgeinfer.processing.spec import ImageInput
from edgeinfer_converters.samples.sample import Request, Sample, Truth, check_finite

LABELS = "labels"
MAX_SAMPLE_BYTES = 256 * 1024 * 1024
MAX_LABELS_BYTES = 64 * 1024 * 1024
_FAULTS = (
    *(zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError),
    *(SyntaxError, tokenize.TokenError, TypeError, MemoryError),  # numpy parses headers as Python literals
    OSError,  # seeking to where a damaged directory says
)


@dataclass(frozen=True)
class Member:
    """One array of the archive: its first axis counts the samples."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def sample_bytes(self) -> int:
        """The size of one sample."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize


class ArrayFile:
    """A sample source over the arrays of a .npz."""

    def __init__(
        self,
        path: Path,
        members: dict[TensorInfo, Member],
        truths: tuple[Truth, ...] | None,
        geometry: Geometry | None = None,
    ) -> None:
        self._path = path
        self._geometry = geometry
        self._members = members
        self._truths = truths

    def files(self, chosen: Sequence[int]) -> tuple[Path, ...]:
        """The archive."""
        return (self._path,)

    @property
    def labelled(self) -> bool:
        """True where the archive holds `labels`."""
        return self._truths is not None

    def __len__(self) -> int:
        return next(iter(self._members.values())).shape[0]

    def read(self, chosen: Sequence[int]) -> Iterator[Sample]:
        """The samples at these positions; those between them are skipped over."""
        with _translated(self._path), zipfile.ZipFile(self._path) as archive, contextlib.ExitStack() as stack:
            rows = {
                tensor: _rows(stack.enter_context(_data(archive, member)), member, chosen)
                for tensor, member in self._members.items()
            }
            for position in chosen:
                where = f"{self._path}, sample {position}"
                inputs = {tensor.name: self._input(tensor, next(rows[tensor]), where) for tensor in rows}
                yield Sample(where, inputs, self._geometry, self._truths[position] if self._truths else None)

    def _input(self, tensor: TensorInfo, row: Array, where: str) -> Array:
        check_finite(row, where)
        return row.reshape((1, *row.shape[len(row.shape) - (len(tensor.shape) - 1) :]))


def open_source(path: Path, request: Request) -> ArrayFile:
    """Open a .npz and check its arrays against the model's inputs. Raises DataError."""
    with _translated(path), zipfile.ZipFile(path) as archive:
        members = {member.name: member for member in _members(archive, path)}
        inputs = {tensor: _match(tensor, request, members, path) for tensor in request.tensors}
        counts = {member.shape[0] for member in inputs.values()}
        if len(counts) != 1:
            raise DataError(f"{path}: the arrays hold different numbers of samples: {sorted(counts)}")
        truths = None
        if request.purpose == "evaluation" and LABELS in members:
            truths = _truths(archive, members[LABELS], counts.pop(), request, path)
    return ArrayFile(path, inputs, truths, _geometry(request))


def _geometry(request: Request) -> Geometry | None:
    """Boxes in what was preprocessed already are in pixels of the model's input."""
    image = request.spec.input[0]
    if not isinstance(image, ImageInput):
        return None
    return Geometry(1.0, 1.0, 0.0, 0.0, *image.size)


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except _FAULTS as error:
        raise DataError(f"{path}: not a readable .npz file: {error}") from error


def _members(archive: zipfile.ZipFile, path: Path) -> Iterator[Member]:
    for info in archive.infolist():
        with archive.open(info) as stream:
            shape, fortran, dtype = _header(stream)
            header_bytes = stream.tell()
        name = info.filename.removesuffix(".npy")
        if dtype.hasobject:
            raise DataError(f"{path}: array `{name}` holds pickled objects, which are never read")
        if fortran and len(shape) > 1:
            raise DataError(
                f"{path}: array `{name}` is in Fortran order", hint="save np.ascontiguousarray(array)"
            )
        member = Member(name, dtype, shape)
        if not shape or info.file_size - header_bytes != shape[0] * member.sample_bytes:
            raise DataError(f"{path}: array `{name}` is not as long as its header says")
        if not member.sample_bytes:
            # A file of a few bytes could claim any number of them.
            raise DataError(f"{path}: a sample of `{name}` holds nothing: its shape is {shape}")
        if member.sample_bytes > MAX_SAMPLE_BYTES:
            raise DataError(f"{path}: a sample of `{name}` takes more than {MAX_SAMPLE_BYTES} bytes")
        yield member


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"array format {version}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy guesses that a damaged header was written by Python 2
        shape, fortran, dtype = readers[version](stream)
    if any(side < 0 for side in shape):
        raise ValueError(f"negative shape {shape}")
    return shape, fortran, dtype


def _match(tensor: TensorInfo, request: Request, members: dict[str, Member], path: Path) -> Member:
    arrays = [name for name in members if name != LABELS]
    member = members.get(tensor.name)
    if member is None and len(request.tensors) == 1 and len(arrays) == 1:
        member = members[arrays[0]]
    if member is None:
        raise DataError(
            f"{path}: there is no array for the model's input `{tensor.name}`; "
            f"it holds {', '.join(f'`{name}`' for name in arrays) or 'none'}"
        )
    _check(tensor, member, path)
    return member


def _check(tensor: TensorInfo, member: Member, path: Path) -> None:
    if member.dtype != np.dtype(tensor.dtype):
        raise DataError(
            f"{path}: array `{member.name}` is {member.dtype}, the model's input `{tensor.name}` "
            f"is {tensor.dtype}",
            hint=f"save it preprocessed, with .astype(np.{tensor.dtype})",
        )
    wanted = tensor.shape[1:]
    # Both (samples, …) and (samples, 1, …) are in use: some tools keep the model's batch axis.
    for shape in (member.shape[1:], member.shape[2:] if member.shape[1:2] == (1,) else None):
        if shape is not None and _fits(shape, wanted):
            return
    shown = ", ".join("any" if side < 0 else str(side) for side in wanted)
    raise DataError(
        f"{path}: array `{member.name}` has the shape {member.shape}, the model's input "
        f"`{tensor.name}` needs (samples, {shown})"
    )


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(b in (-1, a) for a, b in zip(shape, wanted, strict=True))


@contextlib.contextmanager
def _data(archive: zipfile.ZipFile, member: Member) -> Iterator[IO[bytes]]:
    with archive.open(f"{member.name}.npy") as stream:
        _header(stream)
        yield stream


def _rows(stream: IO[bytes], member: Member, chosen: Sequence[int]) -> Iterator[Array]:
    start = stream.tell()
    for position in chosen:
        stream.seek(start + position * member.sample_bytes)
        data = stream.read(member.sample_bytes)
        # A copy: what numpy makes of bytes is read-only, and runtimes may refuse that.
        yield np.frombuffer(data, member.dtype).reshape(member.shape[1:]).copy()


def _truths(
    archive: zipfile.ZipFile, member: Member, count: int, request: Request, path: Path
) -> tuple[Truth, ...]:
    task = request.spec.model.task
    if task == "detection":
        raise DataError(f"{path}: boxes do not fit a .npz", hint="evaluate detection on a COCO folder")
    if member.shape[0] != count or member.shape[0] * member.sample_bytes > MAX_LABELS_BYTES:
        raise DataError(f"{path}: `{LABELS}` has {member.shape[0]} entries for {count} samples")
    with _data(archive, member) as stream:
        values = np.frombuffer(stream.read(), member.dtype).reshape(member.shape[0], -1)
    if task == "regression":
        numbers = values.astype(np.float64)
        check_finite(numbers, f"{path}, `{LABELS}`")
        return tuple(tuple(map(float, row)) for row in numbers)
    return tuple(_classes(values, request, path))


def _classes(values: Array, request: Request, path: Path) -> Iterator[int]:
    kind = values.dtype.kind
    if values.shape[1] != 1 or kind not in "biu":
        raise DataError(f"{path}: `{LABELS}` must be one class number a sample, not {values.dtype}")
    most = 2 if request.spec.model.task == "anomaly" else len(request.labels)
    for value in map(int, values[:, 0]):
        if value < 0 or (most and value >= most):
            raise DataError(f"{path}: `{LABELS}` holds {value}; classes are numbered 0 to {most - 1}")
        yield value
