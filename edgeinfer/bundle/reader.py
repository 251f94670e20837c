"""Reading a bundle: nothing of it is used before form, signature and hashes have been checked.

Law: what was read, written again, is the same file. Hence `Bundle.sha256` is the `sha256sum` of the
`.eib` file also where an unpacked folder was opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from edgeinfer.bundle.archive import open_archive
from edgeinfer.bundle.contents import read_contents
from edgeinfer.bundle.folder import open_folder, write_folder
from edgeinfer.bundle.golden import Golden, GoldenTensor, unpack
from edgeinfer.bundle.keys import TrustStore
from edgeinfer.bundle.layout import END, Member, header, padding_bytes, signature_bytes
from edgeinfer.bundle.manifest import MANIFEST_NAME, SIGNATURE_NAME, Manifest, parse_manifest
from edgeinfer.bundle.regular import FOLDER_MODE
from edgeinfer.bundle.signature import verify
from edgeinfer.errors import BundleError, FormatError, SignatureError
from edgeinfer.files import sync_folder
from edgeinfer.frames import Array
from edgeinfer.processing.spec import PipelineSpec
from edgeinfer.profile import Profile


class Container(Protocol):
    """A file or a folder whose structure was checked; the contents of its members were not."""

    @property
    def members(self) -> tuple[Member, ...]:
        """Manifest, signature, then the manifest's files."""

    def chunks(self, member: Member) -> Iterator[bytes]:
        """The member's bytes, as many as its size says. Raises FormatError, OSError."""


@dataclass(frozen=True)
class Bundle:
    """A verified bundle. Members are read from `path` when asked for, and checked again then.

    `digests`: SHA-256 in hexadecimal by member, all but the signature's. `sha256`: that of the whole
    `.eib` file. `fingerprint`: the key that signed it.
    """

    path: Path
    manifest: Manifest
    pipeline: PipelineSpec
    profile: Profile
    labels: tuple[str, ...]
    golden: Golden | None
    digests: Mapping[str, str]
    sha256: str
    fingerprint: str
    container: Container

    def read(self, member: str) -> bytes:
        """A member's bytes, hashed as they were read. Raises BundleError."""
        with translated(self.path):
            return _read(self.container, member, self.digests)

    def model(self) -> bytes:
        """The model file's bytes, hashed as they were read: what was checked is what is run."""
        return self.read(self.manifest.model.file)

    def golden_inputs(self) -> dict[str, Array]:
        """Golden inputs by name, the first axis is the sample; empty without golden data."""
        return self._arrays(self.golden.inputs if self.golden else ())

    def golden_outputs(self) -> dict[str, Array]:
        """Golden outputs by name, the first axis is the sample; empty without golden data."""
        return self._arrays(self.golden.outputs if self.golden else ())

    def _arrays(self, tensors: tuple[GoldenTensor, ...]) -> dict[str, Array]:
        samples = self.golden.samples if self.golden else 0
        return {tensor.name: unpack(tensor, samples, self.read(tensor.file)) for tensor in tensors}


def open_bundle(path: Path, trust: TrustStore) -> Bundle:
    """Verify a bundle, an `.eib` file or an unpacked folder, completely: form, signature, hashes.

    Reads every byte once, at most 1 MiB at a time. Raises BundleError: FormatError, SignatureError.
    """
    with translated(path):
        return verify_container(_open_container(path), path, trust)


def read_manifest(path: Path) -> Manifest:
    """The manifest of a bundle that has the right form; neither signature nor hashes are checked.

    For showing it to people, never for using what it describes. Raises FormatError.
    """
    with translated(path):
        container = _open_container(path)
        return parse_manifest(b"".join(container.chunks(container.members[0])))


def verify_container(container: Container, path: Path, trust: TrustStore) -> Bundle:
    """Verify signature, hashes and contents of what has the right structure. Raises BundleError."""
    first, second = container.members[:2]
    text = b"".join(container.chunks(first))
    manifest = parse_manifest(text)
    signature = b"".join(container.chunks(second))
    signed = verify(signature, trust)
    # What was parsed, and not what another read of the file may give, must be what was signed.
    if hashlib.sha256(text).hexdigest() != signed.digests.get(MANIFEST_NAME):
        raise _changed(MANIFEST_NAME)
    _check_signature_size(signature, container.members)
    names = {member.path for member in container.members} - {SIGNATURE_NAME}
    if signed.digests.keys() != names or signed.name != manifest.stem:
        raise SignatureError(f"{SIGNATURE_NAME}: the statement is about other files or another bundle")
    sha256 = _hash_all(container, signed.digests)
    contents = read_contents(manifest, partial(_read, container, digests=signed.digests))
    return Bundle(
        path=path,
        manifest=manifest,
        pipeline=contents.pipeline,
        profile=contents.profile,
        labels=contents.labels,
        golden=contents.golden,
        digests=signed.digests,
        sha256=sha256,
        fingerprint=signed.fingerprint,
        container=container,
    )


def extract(path: Path, folder: Path, trust: TrustStore) -> Bundle:
    """Unpack a verified bundle into a new folder, whole or not at all, and give what was unpacked.

    Raises BundleError; also where the folder is there already and not empty.
    """
    bundle = open_bundle(path, trust)
    with translated(folder):
        if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
            raise BundleError(f"{folder}: already there", hint="name a folder that does not exist yet")
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            unpack_bundle(bundle, staging)
            staging.rename(folder)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        sync_folder(folder.parent)
    return open_bundle(folder, trust)


def unpack_bundle(bundle: Bundle, folder: Path) -> None:
    """Write the members into an empty folder, hashed on the way. Raises FormatError, OSError."""
    folder.chmod(FOLDER_MODE)
    write_folder(
        folder,
        (
            (member.path, _checked_chunks(bundle.container, member, bundle.digests))
            for member in bundle.container.members
        ),
    )


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Every error below says which file or folder it is about; OSError becomes BundleError."""
    try:
        yield
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror or error}") from error
    except BundleError as error:
        if error.message.startswith(f"{path}:"):
            raise
        raise type(error)(f"{path}: {error.message}", hint=error.hint) from error


def _open_container(path: Path) -> Container:
    return open_folder(path) if path.is_dir() else open_archive(path)


def _hash_all(container: Container, digests: Mapping[str, str]) -> str:
    """Compare every member's hash; give the hash of the archive that these members make."""
    whole = hashlib.sha256()
    for member in container.members:
        whole.update(header(member.path, member.size))
        for chunk in _checked_chunks(container, member, digests):
            whole.update(chunk)
        whole.update(bytes(padding_bytes(member.size)))
    whole.update(END)
    return whole.hexdigest()


def _checked_chunks(container: Container, member: Member, digests: Mapping[str, str]) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for chunk in container.chunks(member):
        digest.update(chunk)
        yield chunk
    if member.path != SIGNATURE_NAME and digest.hexdigest() != digests[member.path]:
        raise _changed(member.path)


def _changed(path: str) -> SignatureError:
    return SignatureError(
        f"`{path}` is not what was signed: its SHA-256 is another",
        hint="the bundle was damaged or changed: get it again from its maker",
    )


def _read(container: Container, path: str, digests: Mapping[str, str]) -> bytes:
    member = next((one for one in container.members if one.path == path), None)
    if member is None:
        raise FormatError(f"there is no member `{path}`")
    return b"".join(_checked_chunks(container, member, digests))


def _check_signature_size(data: bytes, members: tuple[Member, ...]) -> None:
    text = len(data.rstrip(b" "))
    small = [(member.path, member.size) for member in members[2:-1]]
    expected = signature_bytes(text, members[0].size, small)
    if len(data) != expected:
        raise FormatError(f"`{SIGNATURE_NAME}` has {len(data)} bytes; {expected} put the model on a page")
