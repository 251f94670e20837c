"""`bundle.sig`: OpenSSF Model Signing (OMS) v1.0 with the method `key`.

A Sigstore bundle (JSON) holds a DSSE envelope, which holds an in-toto statement, which lists the SHA-256
of every other file of the bundle. The signature is ECDSA over P-256 with SHA-256, deterministic (RFC
6979), over DSSE's pre-authentication encoding. The `model_signing` tool verifies it.

There is one accepted form: the statement follows from the bundle's name and the digests, and is compared
byte for byte. So a statement that ignores paths or allows symbolic links is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from edgeinfer.bundle.keys import PrivateKey, TrustStore, fingerprint
from edgeinfer.bundle.manifest import MAX_FILES, SIGNATURE_NAME
from edgeinfer.errors import SettingsError, SignatureError
from edgeinfer.places import TRUST_FOLDER, config_folder
from edgeinfer.strict import Meta, Struct, decode_json, encode_json, field

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://model_signing/signature/v1.0"

_T = TypeVar("_T", bound=Struct)
# The order n of the group of P-256: NIST SP 800-186, section 3.2.1.3.
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Base64 = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]*={0,2}\Z")]


class _PublicKey(Struct, frozen=True):
    hint: Sha256


class _Material(Struct, frozen=True, rename="camel"):
    public_key: _PublicKey
    tlog_entries: Annotated[tuple[str, ...], Meta(max_length=0)] = ()


class _Signature(Struct, frozen=True):
    sig: Base64
    keyid: Literal[""] = ""


class _Envelope(Struct, frozen=True, rename="camel"):
    payload: Base64
    payload_type: Literal["application/vnd.in-toto+json"]
    signatures: Annotated[tuple[_Signature, ...], Meta(min_length=1, max_length=1)]


class _SigstoreBundle(Struct, frozen=True, rename="camel"):
    media_type: Literal["application/vnd.dev.sigstore.bundle.v0.3+json"]
    verification_material: _Material
    dsse_envelope: _Envelope


class _Digest(Struct, frozen=True):
    sha256: Sha256


class _Subject(Struct, frozen=True):
    name: str
    digest: _Digest


class _Resource(Struct, frozen=True):
    algorithm: Literal["sha256"]
    digest: Sha256
    name: str


class _Serialization(Struct, frozen=True):
    hash_type: Literal["sha256"]
    allow_symlinks: bool
    ignore_paths: tuple[str, ...]
    method: Literal["files"]


class _Predicate(Struct, frozen=True):
    resources: Annotated[tuple[_Resource, ...], Meta(min_length=1, max_length=MAX_FILES + 1)]
    serialization: _Serialization


class _Statement(Struct, frozen=True, rename="camel"):
    type: Literal["https://in-toto.io/Statement/v1"] = field(name="_type")
    subject: Annotated[tuple[_Subject, ...], Meta(min_length=1, max_length=1)]
    predicate_type: Literal["https://model_signing/signature/v1.0"]
    predicate: _Predicate


@dataclass(frozen=True)
class SignedContent:
    """What a signature vouches for: SHA-256 in hexadecimal by path, and whose key signed it."""

    name: str
    digests: Mapping[str, str]
    fingerprint: str


def sign(name: str, digests: Mapping[str, str], key: PrivateKey) -> bytes:
    """The text of `bundle.sig`, before it is padded. `digests`: SHA-256 in hexadecimal by path."""
    payload = encode_json(_statement(name, digests))
    raw = _lower(
        key.sign(_pre_authentication(payload), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    )
    return encode_json(
        _SigstoreBundle(
            media_type=MEDIA_TYPE,
            verification_material=_Material(public_key=_PublicKey(hint=fingerprint(key.public_key()))),
            dsse_envelope=_Envelope(
                payload=base64.b64encode(payload).decode(),
                payload_type=PAYLOAD_TYPE,
                signatures=(_Signature(sig=base64.b64encode(raw).decode()),),
            ),
        )
    )


def verify(data: bytes, trust: TrustStore) -> SignedContent:
    """Check form and signature of a `bundle.sig`; spaces may follow the text. Raises SignatureError."""
    bundle = _parse(data.rstrip(b" "), _SigstoreBundle)
    payload = _decode(bundle.dsse_envelope.payload)
    raw = _decode(bundle.dsse_envelope.signatures[0].sig)
    hint = bundle.verification_material.public_key.hint
    trusted = trust.find(hint)
    if trusted is None:
        raise _unknown_key(hint)
    try:
        trusted.key.verify(raw, _pre_authentication(payload), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise SignatureError(
            f"{SIGNATURE_NAME}: the signature does not fit the key {hint[:16]}… ({trusted.origin})",
            hint="the bundle was changed after it was signed: get it again from its maker",
        ) from error
    if _lower(raw) != raw:
        raise SignatureError(f"{SIGNATURE_NAME}: the signature's second number is not the smaller of the two")
    return _signed_content(payload, hint)


def root_digest(digests: Mapping[str, str]) -> str:
    """The statement's subject: SHA-256 over the files' SHA-256 (as bytes), in the order of their names."""
    return hashlib.sha256(b"".join(bytes.fromhex(digests[name]) for name in sorted(digests))).hexdigest()


def _signed_content(payload: bytes, hint: str) -> SignedContent:
    statement = _parse(payload, _Statement)
    serialization = statement.predicate.serialization
    if serialization.allow_symlinks or serialization.ignore_paths != (SIGNATURE_NAME,):
        raise SignatureError(f"{SIGNATURE_NAME}: the statement leaves files or symbolic links unsigned")
    name = statement.subject[0].name
    digests = {resource.name: resource.digest for resource in statement.predicate.resources}
    if _statement(name, digests) != statement:
        raise SignatureError(f"{SIGNATURE_NAME}: the statement is not in canonical form")
    return SignedContent(name, digests, hint)


def _statement(name: str, digests: Mapping[str, str]) -> _Statement:
    resources = tuple(
        _Resource(algorithm="sha256", digest=digests[path], name=path) for path in sorted(digests)
    )
    return _Statement(
        type=STATEMENT_TYPE,
        subject=(_Subject(name=name, digest=_Digest(sha256=root_digest(digests))),),
        predicate_type=PREDICATE_TYPE,
        predicate=_Predicate(
            resources=resources,
            serialization=_Serialization(
                hash_type="sha256", allow_symlinks=False, ignore_paths=(SIGNATURE_NAME,), method="files"
            ),
        ),
    )


def _lower(signature: bytes) -> bytes:
    """The signature with the smaller of the two second numbers that fit, s and n - s.

    Otherwise anyone could make of each bundle another file, also valid: SEC 1 v2, section 4.1.4.
    """
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, min(s, _P256_ORDER - s))


def _pre_authentication(payload: bytes) -> bytes:
    """DSSE v1 PAE: https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md"""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def _parse(data: bytes, kind: type[_T]) -> _T:
    try:
        value = decode_json(data, kind, SIGNATURE_NAME)
    except SettingsError as error:
        raise SignatureError(f"{error.message}: not an OpenSSF Model Signing v1.0 key signature") from error
    # Also finds duplicate keys, white space, escapes and another order of the fields.
    if encode_json(value) != data:
        raise SignatureError(f"{SIGNATURE_NAME}: not in canonical form")
    return value


def _decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise SignatureError(f"{SIGNATURE_NAME}: not valid base64: {error}") from error
    if base64.b64encode(data).decode() != text:
        raise SignatureError(f"{SIGNATURE_NAME}: base64 that is not in canonical form")
    return data


def _unknown_key(hint: str) -> SignatureError:
    return SignatureError(
        f"{SIGNATURE_NAME}: signed by a key that is not trusted here:\n    {hint}",
        hint="if you trust whoever signed it, copy the .pub.pem file with this sha256sum into\n"
        f"    {config_folder() / TRUST_FOLDER}\n  or name it with --public-key",
    )
