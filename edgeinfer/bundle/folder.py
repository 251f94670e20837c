"""A bundle unpacked: a folder that holds exactly the bundle's members, and how it is written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeinfer.bundle.archive import CHUNK_BYTES, read_exactly
from edgeinfer.bundle.layout import Member, place
from edgeinfer.bundle.manifest import (
    MANIFEST_NAME,
    MAX_FILES,
    MAX_MANIFEST_BYTES,
    MAX_SIGNATURE_BYTES,
    SIGNATURE_NAME,
    parse_manifest,
)
from edgeinfer.bundle.regular import new_member, open_member
from edgeinfer.errors import FormatError
from edgeinfer.files import sync_folder

MAX_ENTRIES = 2 * (MAX_FILES + 2)


@dataclass(frozen=True)
class Folder:
    """The members of an unpacked bundle."""

    members: tuple[Member, ...]
    root: Path

    def chunks(self, member: Member) -> Iterator[bytes]:
        """The member's bytes, at most 1 MiB at a time. Raises FormatError where its size is another."""
        with open_member(self.root, member.path) as stream:
            left = member.size
            while left:
                chunk = read_exactly(stream, min(left, CHUNK_BYTES))
                left -= len(chunk)
                yield chunk
            if stream.read(1):
                raise FormatError(f"`{member.path}` is larger than the manifest says")


def open_folder(root: Path) -> Folder:
    """Check that a folder holds what its manifest lists and nothing else. Raises FormatError, OSError."""
    for name in (MANIFEST_NAME, SIGNATURE_NAME):
        if not (root / name).is_file():
            raise FormatError(f"the folder has no file `{name}`, so it is not an unpacked bundle")
    found = _list(root)
    with open_member(root, MANIFEST_NAME) as stream:
        data = stream.read(MAX_MANIFEST_BYTES + 1)
    signature_bytes = found.get(SIGNATURE_NAME, 0)
    if len(data) > MAX_MANIFEST_BYTES or signature_bytes > MAX_SIGNATURE_BYTES:
        raise FormatError(f"`{MANIFEST_NAME}` or `{SIGNATURE_NAME}` is too large")
    manifest = parse_manifest(data)
    sizes = {MANIFEST_NAME: len(data), SIGNATURE_NAME: signature_bytes}
    sizes.update({entry.path: entry.size for entry in manifest.files})
    _compare(found, sizes)
    return Folder(place(sizes.items()), root)


def write_folder(root: Path, members: Iterable[tuple[str, Iterable[bytes]]]) -> None:
    """Write members, as path and chunks, into an empty folder; all is synced at the end."""
    for path, chunks in members:
        with new_member(root, path) as stream:
            for chunk in chunks:
                stream.write(chunk)
    sync_folder(root)


def _list(root: Path) -> dict[str, int]:
    """The sizes of all regular files, by path; anything that does not belong is refused."""
    found: dict[str, int] = {}
    pending = [(root, "")]
    while pending:
        folder, prefix = pending.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                path = prefix + entry.name
                if entry.is_dir(follow_symlinks=False) and not prefix:
                    pending.append((folder / entry.name, f"{entry.name}/"))
                elif entry.is_file(follow_symlinks=False):
                    found[path] = entry.stat(follow_symlinks=False).st_size
                else:
                    raise FormatError(f"{path!a} is not a regular file of a bundle")
                if len(found) + len(pending) > MAX_ENTRIES:
                    raise FormatError("the folder holds more files than a bundle may have")
    return found


def _compare(found: dict[str, int], listed: dict[str, int]) -> None:
    for path in sorted(found.keys() - listed.keys()):
        raise FormatError(f"the folder holds {path!a}, which the manifest does not list")
    for path, size in listed.items():
        if path not in found:
            raise FormatError(f"`{path}` is missing")
        if found[path] != size:
            raise FormatError(f"`{path}` has {found[path]} bytes; the manifest says {size}")
