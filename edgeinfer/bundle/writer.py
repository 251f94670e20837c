"""Writing a bundle: signed, canonical, and whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from edgeinfer.bundle.contents import read_contents
from edgeinfer.bundle.keys import PrivateKey
from edgeinfer.bundle.layout import END, header, padding_bytes, signature_bytes
from edgeinfer.bundle.manifest import (
    MANIFEST_NAME,
    SIGNATURE_NAME,
    Manifest,
    dump_manifest,
    parse_manifest,
)
from edgeinfer.bundle.signature import sign
from edgeinfer.errors import FormatError
from edgeinfer.files import atomic_writer


def write_bundle(out: Path, manifest: Manifest, members: Mapping[str, bytes], key: PrivateKey) -> None:
    """Write and sign a bundle of these members, by path and with the model among them.

    The same manifest, members and key give the same bytes. Raises FormatError for what a reader would
    refuse, and OSError as the file system gives it; then nothing is left behind.
    """
    files = sealed_members(manifest, members, key)
    with atomic_writer(out) as stream:
        for path, data in files.items():
            stream.write(header(path, len(data)))
            stream.write(data)
            stream.write(bytes(padding_bytes(len(data))))
        stream.write(END)


def sealed_members(manifest: Manifest, members: Mapping[str, bytes], key: PrivateKey) -> dict[str, bytes]:
    """All members in the order of the archive, manifest and padded signature included."""
    text = dump_manifest(manifest)
    parse_manifest(text)
    _check_members(manifest, members)
    read_contents(manifest, members.__getitem__)
    files = {entry.path: members[entry.path] for entry in manifest.files}
    digests = {
        path: hashlib.sha256(data).hexdigest() for path, data in [(MANIFEST_NAME, text), *files.items()]
    }
    signature = sign(manifest.stem, digests, key)
    size = signature_bytes(
        len(signature), len(text), [(entry.path, entry.size) for entry in manifest.files[:-1]]
    )
    return {MANIFEST_NAME: text, SIGNATURE_NAME: signature.ljust(size), **files}


def _check_members(manifest: Manifest, members: Mapping[str, bytes]) -> None:
    listed = {entry.path: entry.size for entry in manifest.files}
    sizes = {path: len(data) for path, data in members.items()}
    wrong = sorted(path for path in listed.keys() | sizes.keys() if listed.get(path) != sizes.get(path))
    if wrong:
        raise FormatError(f"{MANIFEST_NAME}: not the size, or not the list, of: {', '.join(wrong)}")
