"""A bundle as one `.eib` file: checked to be the canonical archive of what its manifest lists.

Only the size of the first two members is read from their headers. Every other offset, size and header
follows from the manifest and is compared byte for byte, and so are all padding and the end: there is
no second way to read the file, hence nothing for an attacker to hide in.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edgeinfer.bundle.layout import BLOCK_BYTES, END, Member, archive_bytes, header, padding_bytes, place
from edgeinfer.bundle.manifest import (
    MANIFEST_NAME,
    MAX_MANIFEST_BYTES,
    MAX_SIGNATURE_BYTES,
    SIGNATURE_NAME,
    parse_manifest,
)
from edgeinfer.bundle.regular import open_regular
from edgeinfer.errors import FormatError

CHUNK_BYTES = 1024 * 1024

Opener = Callable[[], BinaryIO]


@dataclass(frozen=True)
class Archive:
    """The members of an `.eib` file that has the canonical form."""

    members: tuple[Member, ...]
    open: Opener

    def chunks(self, member: Member) -> Iterator[bytes]:
        """The member's bytes, at most 1 MiB at a time. Raises FormatError where the file ends early."""
        with self.open() as stream:
            stream.seek(member.offset)
            left = member.size
            while left:
                chunk = read_exactly(stream, min(left, CHUNK_BYTES))
                left -= len(chunk)
                yield chunk


def open_archive(path: Path) -> Archive:
    """Check the form of an `.eib` file. Raises FormatError, OSError."""
    return check_archive(lambda: open_regular(path))


def check_archive(opener: Opener) -> Archive:
    """Check the form of an archive that `opener` opens, at its beginning, as often as needed."""
    with opener() as stream:
        first = _read_leading(stream, 0, MANIFEST_NAME, MAX_MANIFEST_BYTES)
        second = _read_leading(stream, first.end, SIGNATURE_NAME, MAX_SIGNATURE_BYTES)
        stream.seek(first.offset)
        manifest = parse_manifest(read_exactly(stream, first.size))
        listed = ((entry.path, entry.size) for entry in manifest.files)
        members = place([(first.path, first.size), (second.path, second.size), *listed])
        _check_size(stream, archive_bytes(members))
        for member in members:
            _check_frame(stream, member)
        stream.seek(members[-1].end)
        if read_exactly(stream, len(END)) != END:
            raise FormatError("the archive does not end with two zero blocks")
    return Archive(members, opener)


def read_exactly(stream: BinaryIO, count: int) -> bytes:
    """`count` bytes. Raises FormatError where the file ends before."""
    data = stream.read(count)
    if len(data) != count:
        raise FormatError(f"the file ends early, at byte {stream.tell()}")
    return data


def _read_leading(stream: BinaryIO, position: int, path: str, limit: int) -> Member:
    stream.seek(position)
    block = read_exactly(stream, BLOCK_BYTES)
    try:
        size = tarfile.TarInfo.frombuf(block, "ascii", "strict").size
    except (tarfile.HeaderError, ValueError) as error:
        raise FormatError(f"there is no tar header of `{path}` at byte {position}: {error}") from error
    if not 0 < size <= limit:
        raise FormatError(f"`{path}` says it has {size} bytes; at most {limit} are allowed")
    return Member(path, size, position + BLOCK_BYTES)


def _check_size(stream: BinaryIO, expected: int) -> None:
    found = stream.seek(0, io.SEEK_END)
    if found < expected:
        raise FormatError(f"the file is cut off: {found} bytes of {expected}")
    if found > expected:
        raise FormatError(f"{found - expected} bytes follow the end of the archive")


def _check_frame(stream: BinaryIO, member: Member) -> None:
    stream.seek(member.header_offset)
    if read_exactly(stream, BLOCK_BYTES) != header(member.path, member.size):
        raise FormatError(f"the tar header of `{member.path}` is not the canonical one")
    stream.seek(member.offset + member.size)
    padding = padding_bytes(member.size)
    if read_exactly(stream, padding) != bytes(padding):
        raise FormatError(f"the padding after `{member.path}` is not zero")
