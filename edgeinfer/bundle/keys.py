"""Signing keys (ECDSA over P-256, as PEM files) and the public keys that a reader trusts.

A key's fingerprint is the SHA-256 of its public PEM text as `cryptography` and `openssl` write it, so
`sha256sum signing.pub.pem` shows it. It is also the `hint` that OpenSSF Model Signing puts into a
signature.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edgeinfer.errors import SettingsError
from edgeinfer.files import sync_folder, write_atomically
from edgeinfer.places import trust_folders, user_config_folder, user_trust_folder

PrivateKey = ec.EllipticCurvePrivateKey
PublicKey = ec.EllipticCurvePublicKey

PRIVATE_NAME = "signing.pem"
PUBLIC_NAME = "signing.pub.pem"
DEVELOPMENT_NAME = "development.pub.pem"
PRIVATE_MODE = 0o600
PUBLIC_MODE = 0o644
MAX_KEY_BYTES = 16 * 1024


@dataclass(frozen=True)
class KeyPaths:
    """The files of a key pair."""

    private: Path
    public: Path


@dataclass(frozen=True)
class TrustedKey:
    """A public key that bundles may be signed with, and the file it came from."""

    fingerprint: str
    key: PublicKey
    origin: Path


@dataclass(frozen=True)
class TrustStore:
    """The public keys that are trusted, in the order of their files."""

    keys: tuple[TrustedKey, ...]

    @classmethod
    def load(cls, folders_or_files: Iterable[Path]) -> TrustStore:
        """The keys of PEM files, and of the `*.pem` files of folders.

        Raises SettingsError for what is not there, or is not a P-256 public key.
        """
        return cls(tuple(_read_trusted(path) for path in _pem_files(folders_or_files)))

    def find(self, fingerprint: str) -> TrustedKey | None:
        """The key with this fingerprint, or None."""
        return next((one for one in self.keys if one.fingerprint == fingerprint), None)


def default_trust() -> TrustStore:
    """The keys of the system's and the user's `trust.d`, as far as these folders exist."""
    return TrustStore.load([folder for folder in trust_folders() if folder.is_dir()])


def generate_keys(folder: Path) -> KeyPaths:
    """Make a key pair: `signing.pem` (mode 0600) and `signing.pub.pem`; the folder is made too.

    Raises SettingsError rather than replace a key, OSError where the folder cannot be written.
    """
    paths = KeyPaths(folder / PRIVATE_NAME, folder / PUBLIC_NAME)
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    _create(paths.private, private_pem(key), PRIVATE_MODE)
    write_atomically(paths.public, public_pem(key.public_key()), mode=PUBLIC_MODE)
    return paths


def development_key() -> PrivateKey:
    """The user's own key, made and trusted on first use, so that verification is never skipped."""
    path = user_config_folder() / "keys" / PRIVATE_NAME
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        generate_keys(path.parent)
    key = load_private_key(path)
    _trust(key.public_key())
    return key


def load_private_key(path: Path) -> PrivateKey:
    """Read a signing key. Raises SettingsError."""
    try:
        key = serialization.load_pem_private_key(_read_key_file(path), password=None)
    except TypeError as error:
        raise SettingsError(
            f"{path}: the key is protected by a password",
            hint=f"decrypt it first: openssl pkey -in {path} -out FILE",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"{path}: not a private key in PEM form", hint=_KEYGEN_HINT) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SettingsError(f"{path}: not an ECDSA key on the curve P-256", hint=_KEYGEN_HINT)
    return key


def load_public_key(path: Path) -> PublicKey:
    """Read a public key. Raises SettingsError."""
    data = _read_key_file(path)
    if b"PRIVATE KEY" in data:
        raise SettingsError(
            f"{path}: this is a private key, which must stay with whoever signs",
            hint=f"use its public half, {PUBLIC_NAME}",
        )
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"{path}: not a public key in PEM form") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SettingsError(f"{path}: not an ECDSA public key on the curve P-256")
    return key


def private_pem(key: PrivateKey) -> bytes:
    """PKCS#8 PEM text, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key: PublicKey) -> bytes:
    """SubjectPublicKeyInfo PEM text."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def fingerprint(key: PublicKey) -> str:
    """SHA-256 of the public PEM text, in hexadecimal."""
    return hashlib.sha256(public_pem(key)).hexdigest()


_KEYGEN_HINT = "`edgeinfer-convert keygen DIR` makes a key pair"


def _trust(key: PublicKey) -> None:
    path = user_trust_folder() / DEVELOPMENT_NAME
    pem = public_pem(key)
    if not path.is_file() or path.read_bytes() != pem:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, pem, mode=PUBLIC_MODE)


def _create(path: Path, data: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError as error:
        raise SettingsError(
            f"{path}: there is a key already, and it is never overwritten",
            hint="take another folder, or move the old key away",
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    sync_folder(path.parent)


def _pem_files(folders_or_files: Iterable[Path]) -> Iterator[Path]:
    for path in folders_or_files:
        if path.is_dir():
            yield from sorted(path.glob("*.pem"))
        else:
            yield path


def _read_trusted(path: Path) -> TrustedKey:
    key = load_public_key(path)
    return TrustedKey(fingerprint(key), key, path)


def _read_key_file(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise SettingsError(f"{path}: there is no such key file")
        with path.open("rb") as stream:
            data = stream.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    if len(data) > MAX_KEY_BYTES:
        raise SettingsError(f"{path}: too large for a key file")
    return data
