"""The signature: OpenSSF Model Signing v1.0, and nothing but the one form of it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.bundle.keys import TrustStore
from edgeinfer.bundle.signature import PAYLOAD_TYPE, root_digest, sign, verify
from edgeinfer.errors import SignatureError
from tests.fixtures.bundles import Signed, key_of, trust_of

DIGESTS = {"bundle.json": "a" * 64, "model.onnx": "b" * 64, "golden/input-0.bin": "c" * 64}
NAME = "parts-1.0.0-generic-x86-64"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture(scope="module")
def key(signer: tuple[Any, Path]) -> Any:
    return signer[0]


def envelope_of(statement: object, key: Any, *, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """A correct signature over any statement, in the form that ours have."""
    payload = json.dumps(statement, separators=(",", ":")).encode()
    pae = b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(payload), payload)
    r, s = decode_dss_signature(key.sign(pae, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
    raw = encode_dss_signature(r, min(s, ORDER - s))
    table = json.loads(sign(NAME, DIGESTS, key))
    table["dsseEnvelope"] = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [{"sig": base64.b64encode(raw).decode(), "keyid": ""}],
    }
    return compact(table)


def compact(table: object) -> bytes:
    return json.dumps(table, separators=(",", ":")).encode()


def statement_of(key: Any) -> dict[str, Any]:
    payload = json.loads(sign(NAME, DIGESTS, key))["dsseEnvelope"]["payload"]
    statement: dict[str, Any] = json.loads(base64.b64decode(payload))
    return statement


def refused(data: bytes, trust: TrustStore, text: str = ".") -> None:
    with pytest.raises(SignatureError, match=text):
        verify(data, trust)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z0-9._/-]{1,40}", fullmatch=True),
        st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
        min_size=1,
        max_size=10,
    )
)
@settings(max_examples=50, deadline=None)
def test_what_is_signed_is_what_is_verified(key: Any, digests: dict[str, str]) -> None:
    found = verify(sign(NAME, digests, key), trust_of(key))
    assert (found.name, found.digests) == (NAME, digests)


def test_signing_is_deterministic_and_ignores_the_order(key: Any) -> None:
    assert sign(NAME, DIGESTS, key) == sign(NAME, dict(reversed(DIGESTS.items())), key)


@given(st.text(alphabet="0123456789abcdef", min_size=64, max_size=64))
def test_nobody_can_make_a_second_signature_of_one(key: Any, digest: str) -> None:
    data = sign(NAME, {"bundle.json": digest}, key)
    table = json.loads(data)
    signature = table["dsseEnvelope"]["signatures"][0]
    r, s = decode_dss_signature(base64.b64decode(signature["sig"]))
    assert s <= ORDER // 2
    verify(data, trust_of(key))
    # ECDSA takes both s and n - s, and nobody needs the key to go from one to the other.
    signature["sig"] = base64.b64encode(encode_dss_signature(r, ORDER - s)).decode()
    refused(compact(table), trust_of(key), "not the smaller of the two")


def test_spaces_may_follow_and_nothing_else(key: Any) -> None:
    text = sign(NAME, DIGESTS, key)
    assert verify(text + b" " * 99, trust_of(key)).digests == DIGESTS
    for tail in (b"\n", b" \n", b"\t", b"\0", b"{}", b" x"):
        refused(text + tail, trust_of(key))
    refused(b" " + text, trust_of(key))


def test_the_test_can_make_a_good_envelope(key: Any) -> None:
    assert verify(envelope_of(statement_of(key), key), trust_of(key)).digests == DIGESTS


def test_an_unknown_key_is_named_with_what_to_do(key: Any, tmp_path: Path) -> None:
    other = key_of(tmp_path)
    with pytest.raises(SignatureError, match="not trusted") as caught:
        verify(sign(NAME, DIGESTS, key), trust_of(other))
    assert trust_of(key).keys[0].fingerprint in caught.value.message
    assert "trust.d" in caught.value.hint
    assert "--public-key" in caught.value.hint


def test_a_hint_that_points_at_another_key_is_refused(key: Any, tmp_path: Path) -> None:
    other = key_of(tmp_path)
    table = json.loads(sign(NAME, DIGESTS, key))
    hint = trust_of(other).keys[0].fingerprint
    table["verificationMaterial"]["publicKey"]["hint"] = hint
    refused(compact(table), trust_of(key, other), "does not fit the key")


def test_nothing_is_trusted_without_keys(key: Any) -> None:
    refused(sign(NAME, DIGESTS, key), TrustStore(()), "not trusted")


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda t: t["predicate"]["serialization"].update(ignore_paths=[]), id="no ignore"),
        pytest.param(
            lambda t: t["predicate"]["serialization"].update(ignore_paths=["bundle.sig", "evil"]), id="hide"
        ),
        pytest.param(
            lambda t: t["predicate"]["serialization"].update(ignore_paths=["bundle.sig", ".git"]), id="git"
        ),
        pytest.param(lambda t: t["predicate"]["serialization"].pop("ignore_paths"), id="none"),
        pytest.param(lambda t: t["predicate"]["serialization"].update(allow_symlinks=True), id="links"),
        pytest.param(lambda t: t["predicate"]["serialization"].update(method="shards"), id="shards"),
        pytest.param(lambda t: t["predicate"]["serialization"].update(hash_type="blake2"), id="hash type"),
        pytest.param(lambda t: t["predicate"]["resources"][0].update(algorithm="blake3"), id="algorithm"),
        pytest.param(lambda t: t["predicate"]["resources"][0].update(digest="A" * 64), id="upper case"),
        pytest.param(lambda t: t["predicate"]["resources"][0].update(digest="a" * 63), id="short"),
        pytest.param(lambda t: t["predicate"]["resources"].clear(), id="nothing signed"),
        pytest.param(lambda t: t["predicate"]["resources"].reverse(), id="order"),
        pytest.param(lambda t: t["predicate"].update(resources=t["predicate"]["resources"] * 2), id="twice"),
        pytest.param(lambda t: t["predicate"].update(extra=1), id="extra in predicate"),
        pytest.param(lambda t: t["subject"][0]["digest"].update(sha256="0" * 64), id="root digest"),
        pytest.param(lambda t: t["subject"].append(t["subject"][0]), id="two subjects"),
        pytest.param(lambda t: t.update(predicateType="https://model_signing/Digests/v0.1"), id="v0.1"),
        pytest.param(lambda t: t.update(_type="https://in-toto.io/Statement/v0.1"), id="old statement"),
        pytest.param(lambda t: t.update(extra=1), id="extra"),
    ],
)
def test_a_correctly_signed_statement_of_another_form_is_refused(key: Any, change: Change) -> None:
    statement = statement_of(key)
    change(statement)
    refused(envelope_of(statement, key), trust_of(key))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda t: t.update(mediaType="application/vnd.dev.sigstore.bundle+json"), id="media"),
        pytest.param(lambda t: t["dsseEnvelope"]["signatures"].clear(), id="no signature"),
        pytest.param(
            lambda t: t["dsseEnvelope"]["signatures"].append(t["dsseEnvelope"]["signatures"][0]), id="two"
        ),
        pytest.param(lambda t: t["dsseEnvelope"]["signatures"][0].update(sig=""), id="empty signature"),
        pytest.param(lambda t: t["dsseEnvelope"]["signatures"][0].update(keyid="x"), id="key id"),
        pytest.param(lambda t: t["dsseEnvelope"].update(payload=""), id="empty payload"),
        pytest.param(lambda t: t["dsseEnvelope"].update(payloadType="text/plain"), id="payload type"),
        pytest.param(lambda t: t["verificationMaterial"].update(tlogEntries=["x"]), id="log entry"),
        pytest.param(lambda t: t["verificationMaterial"].pop("publicKey"), id="no key"),
        pytest.param(
            lambda t: t["verificationMaterial"].update(x509CertificateChain={}), id="certificate too"
        ),
        pytest.param(lambda t: t.update(messageSignature={}), id="message signature too"),
    ],
)
def test_an_envelope_of_another_form_is_refused(key: Any, change: Change) -> None:
    table = json.loads(sign(NAME, DIGESTS, key))
    change(table)
    refused(compact(table), trust_of(key))


def test_another_payload_type_is_refused_although_signed(key: Any) -> None:
    refused(envelope_of(statement_of(key), key, payload_type="application/json"), trust_of(key))


def test_duplicate_keys_white_space_and_escapes_are_refused(key: Any) -> None:
    text = sign(NAME, DIGESTS, key)
    trust = trust_of(key)
    refused(text.replace(b'{"mediaType"', b'{"mediaType":"x","mediaType"', 1), trust, "canonical|mediaType")
    twice = text.replace(b'"keyid":""', b'"keyid":"","keyid":""')
    refused(twice, trust, "canonical")
    refused(text.replace(b'":"', b'": "', 1), trust, "canonical")
    refused(text.replace(b'"keyid"', b'"\\u006beyid"'), trust, "canonical")
    refused(json.dumps(json.loads(text), indent=1).encode(), trust, "canonical")


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"null", b"\xff" * 99, b"[" * 100_000, b'{"a":' * 9999],
    ids=["empty", "object", "list", "null", "not text", "deep lists", "deep objects"],
)
def test_garbage_is_refused(key: Any, data: bytes) -> None:
    refused(data, trust_of(key))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutations_raise_nothing_but_signature_errors(key: Any, data: st.DataObject) -> None:
    text = bytearray(sign(NAME, DIGESTS, key))
    start = data.draw(st.integers(0, len(text) - 1))
    piece = data.draw(st.binary(max_size=20))
    before = bytes(text)
    text[start : start + data.draw(st.integers(0, 40))] = piece
    if bytes(text).rstrip(b" ") != before:
        refused(bytes(text), trust_of(key))


def test_the_root_digest_is_over_the_digests_in_the_order_of_names() -> None:
    import hashlib

    joined = bytes.fromhex("a" * 64 + "c" * 64 + "b" * 64)
    assert root_digest(DIGESTS) == hashlib.sha256(joined).hexdigest()


@pytest.fixture
def model_signing() -> str:
    """A Python that has the reference implementation."""
    python = os.environ.get("EDGEINFER_MODEL_SIGNING", "")
    if not python:
        pytest.skip("EDGEINFER_MODEL_SIGNING does not name a Python with the model_signing package")
    return python


def test_the_reference_implementation_verifies_our_bundle(
    classifier: Signed, tmp_path: Path, model_signing: str
) -> None:
    subprocess.run(["tar", "xf", classifier.path, "-C", tmp_path], check=True)
    command = [model_signing, "-m", "model_signing", "verify", "key", str(tmp_path)]
    command += ["--signature", str(tmp_path / "bundle.sig"), "--public_key", str(classifier.public_key)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "Verification succeeded\n"), done.stderr
    model = tmp_path / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "model.onnx" in done.stdout + done.stderr
