"""A second reader, written from docs/bundle.md alone: nothing of edgeinfer's own code reads here.

It builds the one file that the parsed contents allow, and compares. Where both readers agree on what they
accept and what they refuse, the page is complete.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.fixtures.bundles import Signed

BLOCK, PAGE = 512, 4096
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
REFUSALS = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, InvalidSignature)


def block_of(path: str, size: int) -> bytes:
    """Section 1: the header."""
    fields = [
        (path.encode(), 100),
        (b"0000644", 8),
        (b"0000000", 8),
        (b"0000000", 8),
        (b"%011o" % size, 12),
        (b"00000000000", 12),
        (b"        ", 8),
        (b"0", 1),
        (b"", 100),
        (b"ustar\x0000", 8),
        (b"", 64),
        (b"0000000", 8),
        (b"0000000", 8),
        (b"", 167),
    ]
    block = b"".join(content.ljust(width, b"\0") for content, width in fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def filled(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def statement_of(name: str, digests: dict[str, str]) -> dict[str, Any]:
    """Section 3: the statement that follows from name and digests."""
    ordered = sorted(digests)
    root = hashlib.sha256(b"".join(bytes.fromhex(digests[path]) for path in ordered)).hexdigest()
    resources = [{"algorithm": "sha256", "digest": digests[path], "name": path} for path in ordered]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": root}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "resources": resources,
            "serialization": {
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": ["bundle.sig"],
                "method": "files",
            },
        },
    }


def sealed(payload: bytes, sig: bytes, pem: bytes) -> bytes:
    """Section 3: the signature's text."""
    return compact(
        {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "publicKey": {"hint": hashlib.sha256(pem).hexdigest()},
                "tlogEntries": [],
            },
            "dsseEnvelope": {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": "application/vnd.in-toto+json",
                "signatures": [{"sig": base64.b64encode(sig).decode(), "keyid": ""}],
            },
        }
    )


def read(data: bytes, pem: bytes) -> dict[str, bytes]:
    """The members of a bundle that is signed with this key; one of REFUSALS for any other."""
    size = int(data[124:135], 8)
    text = data[BLOCK : BLOCK + size]
    manifest = json.loads(text)
    start = BLOCK + len(filled(text))
    signature = data[start + BLOCK : start + BLOCK + int(data[start + 124 : start + 135], 8)]
    members = {"bundle.json": text, "bundle.sig": signature}
    position = start + BLOCK + len(filled(signature))
    for entry in manifest["files"]:
        members[entry["path"]] = data[position + BLOCK : position + BLOCK + entry["size"]]
        position += BLOCK + len(filled(members[entry["path"]]))
    envelope = json.loads(signature)["dsseEnvelope"]
    payload, sig = (
        base64.b64decode(part) for part in (envelope["payload"], envelope["signatures"][0]["sig"])
    )
    name = "-".join((manifest["name"], manifest["version"], manifest["profile"]))
    digests = {path: hashlib.sha256(one).hexdigest() for path, one in members.items() if path != "bundle.sig"}
    if payload != compact(statement_of(name, digests)):
        raise ValueError("the statement is another")
    key = serialization.load_pem_public_key(pem)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    message = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(payload), payload)
    key.verify(sig, message, ec.ECDSA(hashes.SHA256()))
    if decode_dss_signature(sig)[1] > ORDER // 2:
        raise ValueError("s is not the smaller of the two")
    if written(manifest, members, sealed(payload, sig, pem)) != data:
        raise ValueError("not the canonical form")
    return members


def written(manifest: dict[str, Any], members: dict[str, bytes], text: bytes) -> bytes:
    """Section 1: the one file of these contents."""
    small = [entry["path"] for entry in manifest["files"][:-1]]
    width = -(-len(text) // BLOCK) * BLOCK
    while True:
        files = {
            **members,
            "bundle.json": json.dumps(manifest, indent=2, ensure_ascii=False).encode() + b"\n",
            "bundle.sig": text.ljust(width),
        }
        order = ["bundle.json", "bundle.sig", *small, manifest["model"]["file"]]
        parts = [block_of(path, len(files[path])) + filled(files[path]) for path in order]
        if (sum(map(len, parts[:-1])) + BLOCK) % PAGE == 0:
            return b"".join(parts) + bytes(2 * BLOCK)
        width += BLOCK


def test_it_reads_our_bundles(classifier: Signed, small: Signed) -> None:
    for signed in (classifier, small):
        members = read(signed.data, signed.public_key.read_bytes())
        assert list(members)[:2] == ["bundle.json", "bundle.sig"]
        assert list(members)[-1] == "model.onnx"


def test_it_refuses_any_flipped_bit(small: Signed) -> None:
    pem = small.public_key.read_bytes()
    for position in range(0, len(small.data), 5):
        data = bytearray(small.data)
        data[position] ^= 1 << (position % 7)
        with pytest.raises(REFUSALS):
            read(bytes(data), pem)


def test_it_refuses_another_key(small: Signed) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(InvalidSignature):
        read(small.data, pem)
