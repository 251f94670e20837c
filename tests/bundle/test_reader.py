"""Opening and extracting whole bundles."""

from __future__ import annotations

import hashlib
import io
import stat
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.bundle import folder as folder_module
from edgeinfer.bundle.archive import check_archive
from edgeinfer.bundle.reader import extract, open_bundle, read_manifest, verify_container
from edgeinfer.bundle.writer import sealed_members, write_bundle
from edgeinfer.errors import BundleError, FormatError, SignatureError
from tests.fixtures.archives import archive_of, edit_manifest, members_of, open_bytes, pad, resign
from tests.fixtures.bundles import LABELS, MODEL, Signed, key_of, manifest_of, small_members, trust_of

PATHS = st.from_regex(r"(extra/)?[a-z0-9][a-z0-9._-]{0,12}", fullmatch=True).filter(
    lambda path: path not in ("bundle.json", "bundle.sig", "labels.txt", "golden.json", "extra", MODEL)
)


def test_a_bundle_tells_what_is_in_it(classifier: Signed) -> None:
    bundle = open_bundle(classifier.path, classifier.trust)
    members = members_of(classifier.data)
    assert bundle.path == classifier.path
    assert (bundle.manifest.name, bundle.manifest.version) == ("parts", "1.0.0")
    assert bundle.pipeline.model.task == "classification"
    assert bundle.profile.name == "generic-x86-64"
    assert bundle.labels == LABELS
    assert bundle.model() == members[MODEL]
    assert bundle.read("pipeline.json") == members["pipeline.json"]
    assert bundle.digests[MODEL] == hashlib.sha256(members[MODEL]).hexdigest()
    assert set(bundle.digests) == set(members) - {"bundle.sig"}
    assert bundle.fingerprint == classifier.trust.keys[0].fingerprint


def test_the_sha256_is_that_of_the_file(classifier: Signed, small: Signed) -> None:
    for signed in (classifier, small):
        bundle = open_bundle(signed.path, signed.trust)
        assert bundle.sha256 == hashlib.sha256(signed.data).hexdigest()


def test_golden_arrays_have_the_sample_first(classifier: Signed, small: Signed) -> None:
    bundle = open_bundle(classifier.path, classifier.trust)
    assert bundle.golden_inputs()["image"].shape == (2, 1, 3, 16, 16)
    assert bundle.golden_outputs()["logits"].shape == (2, 1, 3)
    assert bundle.golden_outputs()["logits"].dtype == np.float32
    assert open_bundle(small.path, small.trust).golden_inputs() == {}


def test_an_unknown_member_is_named(small: Signed) -> None:
    with pytest.raises(FormatError, match=r"double\.eib: there is no member `labels.txt`"):
        open_bundle(small.path, small.trust).read("labels.txt")


def test_a_change_after_opening_is_noticed(small: Signed, tmp_path: Path) -> None:
    path = tmp_path / "copy.eib"
    path.write_bytes(small.data)
    bundle = open_bundle(path, small.trust)
    data = bytearray(small.data)
    data[bundle.container.members[-1].offset] ^= 1
    path.write_bytes(data)
    with pytest.raises(SignatureError, match="not what was signed"):
        bundle.model()
    path.write_bytes(small.data[:5000])
    with pytest.raises(FormatError, match="ends early"):
        bundle.model()


def test_a_manifest_that_is_swapped_for_one_read_is_refused(small: Signed) -> None:
    members = members_of(small.data)
    text = members["bundle.json"].replace(b'"minimum_version": "1.20"', b'"minimum_version": "0.01"')
    assert len(text) == len(members["bundle.json"])
    assert text != members["bundle.json"]
    honest, swapped = small.data, archive_of({**members, "bundle.json": text})
    for opening in range(1, 12):
        given = map(io.BytesIO, [honest] * opening + [swapped] + [honest] * 20)
        container = check_archive(partial(next, given))
        try:
            bundle = verify_container(container, Path("memory.eib"), small.trust)
        except SignatureError:
            continue
        assert bundle.manifest.runtime.minimum_version == "1.20"


def test_the_signature_is_checked_before_contents_are_parsed(small: Signed, tmp_path: Path) -> None:
    members = members_of(small.data)
    members["profile.json"] = b"x" * len(members["profile.json"])
    members = resign(members, key_of(tmp_path))
    with pytest.raises(SignatureError, match="not trusted"):
        open_bytes(archive_of(members), small.trust)


def test_a_statement_about_another_bundle_is_refused(small: Signed) -> None:
    members = resign(members_of(small.data), small.key, name="other-1.0.0-generic-x86-64")
    with pytest.raises(SignatureError, match="another bundle"):
        open_bytes(archive_of(members), small.trust)


def test_a_listed_but_unsigned_file_is_refused(small: Signed) -> None:
    members = members_of(small.data)
    files = [{"path": path, "size": len(members[path])} for path in ("pipeline.json", "profile.json")]
    files += [{"path": "extra.bin", "size": 3}, {"path": MODEL, "size": len(members[MODEL])}]
    signed = edit_manifest(members, small.key, files=files)
    model, text = signed.pop(MODEL), signed["bundle.sig"].rstrip(b" ")
    together = {**signed, "extra.bin": b"abc", MODEL: model}
    together["bundle.sig"] = pad(text, together)
    with pytest.raises(SignatureError, match="about other files"):
        open_bytes(archive_of(together), small.trust)


def test_the_manifest_can_be_read_without_trust(small: Signed) -> None:
    assert read_manifest(small.path).name == "double"


def test_opening_a_large_bundle_takes_little_memory(small: Signed, tmp_path: Path) -> None:
    members = {**small_members(), "weights.bin": bytes(40_000_000)}
    path = tmp_path / "large.eib"
    write_bundle(path, manifest_of(members, name="double", task="raw"), members, small.key)
    del members
    tracemalloc.start()
    try:
        open_bundle(path, small.trust)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_extracting_gives_a_bundle_of_plain_files(classifier: Signed, tmp_path: Path) -> None:
    target = tmp_path / "out"
    bundle = extract(classifier.path, target, classifier.trust)
    found = {str(p.relative_to(target)): p.read_bytes() for p in target.rglob("*") if p.is_file()}
    assert found == members_of(classifier.data)
    assert bundle.path == target
    assert stat.S_IMODE(target.stat().st_mode) == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_extracting_into_an_empty_folder_is_fine(small: Signed, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert extract(small.path, tmp_path / "out", small.trust).manifest.name == "double"


@pytest.mark.parametrize("kind", ["full", "file", "link"])
def test_extracting_never_replaces_anything(small: Signed, tmp_path: Path, kind: str) -> None:
    target, outside = tmp_path / "out", tmp_path / "outside"
    outside.mkdir()
    if kind == "full":
        target.mkdir()
        (target / "mine").write_text("mine")
    elif kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to(outside)
    with pytest.raises(BundleError, match="already there"):
        extract(small.path, target, small.trust)
    assert not any(outside.iterdir())


def test_a_failed_extraction_leaves_nothing(
    small: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module, "sync_folder", full)
    with pytest.raises(BundleError, match="No space left"):
        extract(small.path, tmp_path / "out", small.trust)
    assert not any(tmp_path.iterdir())


def test_extracting_needs_the_folder_above(small: Signed, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="No such file"):
        extract(small.path, tmp_path / "none" / "out", small.trust)


def test_an_untrusted_bundle_is_not_extracted(small: Signed, tmp_path: Path) -> None:
    trust = trust_of(key_of(tmp_path / "keys"))
    with pytest.raises(SignatureError, match="not trusted"):
        extract(small.path, tmp_path / "out", trust)
    assert not (tmp_path / "out").exists()


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(PATHS, st.binary(max_size=2000), max_size=6))
def test_any_members_survive_writing_opening_and_extracting(
    small: Signed, tmp_path_factory: pytest.TempPathFactory, extra: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    members = {**extra, **small_members()}
    manifest = manifest_of(members, name="double", task="raw")
    write_bundle(folder / "a.eib", manifest, members, small.key)
    bundle = open_bundle(folder / "a.eib", small.trust)
    assert bundle.manifest == manifest
    assert {path: bundle.read(path) for path in members} == members
    assert bundle.container.members[-1].offset % 4096 == 0
    unpacked = extract(folder / "a.eib", folder / "out", small.trust)
    assert unpacked.sha256 == hashlib.sha256((folder / "a.eib").read_bytes()).hexdigest()
    assert archive_of(sealed_members(manifest, members, small.key)) == (folder / "a.eib").read_bytes()


def test_descriptors_are_closed(small: Signed, tmp_path: Path) -> None:
    extract(small.path, tmp_path / "out", small.trust)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in (small.path, tmp_path / "out"):
        bundle = open_bundle(path, small.trust)
        bundle.model()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
