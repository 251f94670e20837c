"""The bytes around the members: ustar headers, padding, the end, and where each member's data lies.

The form is what GNU tar writes with `--format=ustar -b 1` and all metadata set to zero (docs/bundle.md has
the command). Headers are packed here and not by `tarfile`, whose ustar headers differ between Python
versions (device numbers as zeros or as octal digits).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

BLOCK_BYTES = 512
PAGE_BYTES = 4096
END = bytes(2 * BLOCK_BYTES)

# name, mode, uid, gid, size, mtime, checksum, type, linkname, magic and version, uname, gname, devmajor,
# devminor, prefix: POSIX.1-2017, "ustar Interchange Format".
_HEADER = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x")
_ZERO = b"0000000\0"


@dataclass(frozen=True)
class Member:
    """A file of the bundle. `offset`: where its data begins in the archive, in bytes."""

    path: str
    size: int
    offset: int

    @property
    def header_offset(self) -> int:
        """Where its header begins, in bytes."""
        return self.offset - BLOCK_BYTES

    @property
    def end(self) -> int:
        """Where the next header begins, in bytes."""
        return self.offset + self.size + padding_bytes(self.size)


def header(path: str, size: int) -> bytes:
    """The one ustar header of a member: a regular file, mode 0644, owner 0, time 0."""
    fields = [
        path.encode("ascii"),
        b"0000644\0",
        _ZERO,
        _ZERO,
        b"%011o\0" % size,
        b"%011o\0" % 0,
        b" " * 8,
        b"0",
        b"",
        b"ustar\x0000",
        b"",
        b"",
        _ZERO,
        _ZERO,
        b"",
    ]
    # The checksum counts its own field as spaces.
    fields[6] = b"%06o\0 " % sum(_HEADER.pack(*fields))
    return _HEADER.pack(*fields)


def padding_bytes(size: int) -> int:
    """The zero bytes that fill up a member's last block."""
    return -size % BLOCK_BYTES


def place(files: Iterable[tuple[str, int]]) -> tuple[Member, ...]:
    """Members one after the other, from path and size."""
    members: list[Member] = []
    position = 0
    for path, size in files:
        members.append(Member(path, size, position + BLOCK_BYTES))
        position = members[-1].end
    return tuple(members)


def archive_bytes(members: tuple[Member, ...]) -> int:
    """The size of the whole archive."""
    return members[-1].end + len(END)


def signature_bytes(text_bytes: int, manifest_bytes: int, small_files: Iterable[tuple[str, int]]) -> int:
    """The size to which the signature is padded with spaces.

    The smallest multiple of 512 that holds the text and puts the model's data at a multiple of 4096.
    """
    before = place([("", manifest_bytes), *small_files])[-1].end
    # Two more headers: the signature's and the model's.
    rest = -(before + 2 * BLOCK_BYTES) % PAGE_BYTES
    pages = max(0, -(-(text_bytes - rest) // PAGE_BYTES))
    return rest + pages * PAGE_BYTES
