"""Signing keys and trusted keys."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from edgeinfer.bundle.keys import (
    TrustStore,
    default_trust,
    development_key,
    fingerprint,
    generate_keys,
    load_private_key,
    load_public_key,
    private_pem,
    public_pem,
)
from edgeinfer.errors import SettingsError
from edgeinfer.places import user_config_folder, user_trust_folder


def test_a_pair_is_made_and_read_back(tmp_path: Path) -> None:
    paths = generate_keys(tmp_path / "new" / "keys")
    private, public = load_private_key(paths.private), load_public_key(paths.public)
    assert private.public_key() == public
    assert stat.S_IMODE(paths.private.stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.public.stat().st_mode) == 0o644
    assert sorted(path.name for path in paths.private.parent.iterdir()) == ["signing.pem", "signing.pub.pem"]


def test_the_fingerprint_is_the_sha256sum_of_the_public_file(tmp_path: Path) -> None:
    paths = generate_keys(tmp_path)
    expected = hashlib.sha256(paths.public.read_bytes()).hexdigest()
    assert fingerprint(load_public_key(paths.public)) == expected


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    paths = generate_keys(tmp_path)
    before = paths.private.read_bytes(), paths.public.read_bytes()
    with pytest.raises(SettingsError, match="never overwritten"):
        generate_keys(tmp_path)
    assert (paths.private.read_bytes(), paths.public.read_bytes()) == before


def test_the_development_key_is_made_once_and_trusted() -> None:
    key = development_key()
    assert development_key().private_numbers() == key.private_numbers()
    assert default_trust().find(fingerprint(key.public_key())) is not None
    private = user_config_folder() / "keys" / "signing.pem"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(private.parent.stat().st_mode) == 0o700


def test_a_lost_public_half_is_put_back() -> None:
    key = development_key()
    public = user_trust_folder() / "development.pub.pem"
    public.unlink()
    development_key()
    assert load_public_key(public) == key.public_key()


def test_without_folders_nothing_is_trusted() -> None:
    assert default_trust().find("0" * 64) is None


def test_a_folder_gives_its_pem_files_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "trust.d"
    folder.mkdir()
    made = [generate_keys(tmp_path / name).public for name in "ab"]
    for number, path in enumerate(made):
        (folder / f"{number}.pem").write_bytes(path.read_bytes())
    (folder / "README").write_text("not a key")
    trust = TrustStore.load([folder, made[0]])
    assert [one.origin.name for one in trust.keys] == ["0.pem", "1.pem", "signing.pub.pem"]
    assert trust.find(trust.keys[1].fingerprint) == trust.keys[1]
    assert trust.find("0" * 64) is None


def encrypted() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


def ed25519_pem() -> bytes:
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "not a private key"),
        (b"garbage", "not a private key"),
        (encrypted(), "protected by a password"),
        (private_pem(ec.generate_private_key(ec.SECP384R1())), "P-256"),
        (ed25519_pem(), "P-256"),
        (public_pem(ec.generate_private_key(ec.SECP256R1()).public_key()), "not a private key"),
        (b"x" * 99_999, "too large"),
    ],
)
def test_a_private_key_of_another_kind_is_refused(tmp_path: Path, data: bytes, text: str) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(data)
    with pytest.raises(SettingsError, match=text):
        load_private_key(path)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "not a public key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "not a public key"),
        (private_pem(ec.generate_private_key(ec.SECP256R1())), "private key"),
        (public_pem(ec.generate_private_key(ec.SECP384R1()).public_key()), "P-256"),
    ],
)
def test_a_public_key_of_another_kind_is_refused(tmp_path: Path, data: bytes, text: str) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(data)
    with pytest.raises(SettingsError, match=text):
        load_public_key(path)
    with pytest.raises(SettingsError, match=text):
        TrustStore.load([tmp_path])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for load in (load_private_key, load_public_key, lambda path: TrustStore.load([path])):
        with pytest.raises(SettingsError, match=r"none\.pem: there is no such key file"):
            load(tmp_path / "none.pem")
