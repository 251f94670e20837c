"""Only the canonical archive is read: every flipped bit, cut and trick is refused."""

from __future__ import annotations

import base64
import io
import os
import random
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.bundle.archive import check_archive, open_archive
from edgeinfer.bundle.layout import BLOCK_BYTES, END, header
from edgeinfer.bundle.manifest import MANIFEST_NAME, SIGNATURE_NAME
from edgeinfer.bundle.reader import open_bundle
from edgeinfer.errors import BundleError, FormatError
from tests.fixtures.archives import (
    archive_of,
    edit_manifest,
    frame,
    members_of,
    open_bytes,
    resign,
)
from tests.fixtures.bundles import Signed

# Fields of a ustar header: offset of the type, of the link's target, of the prefix.
MODE, UID, SIZE, MTIME, TYPE, LINK, UNAME, PREFIX = 100, 108, 124, 136, 156, 157, 265, 345


def refused(data: bytes, signed: Signed, text: str = ".") -> None:
    with pytest.raises(BundleError, match=text):
        open_bytes(data, signed.trust)


def test_what_was_read_and_written_again_is_the_same_file(classifier: Signed) -> None:
    assert archive_of(members_of(classifier.data)) == classifier.data


def test_one_flipped_bit_in_any_byte_is_refused(small: Signed) -> None:
    open_bytes(small.data, small.trust)
    for position in range(len(small.data)):
        data = bytearray(small.data)
        data[position] ^= 1 << (position % 8)
        with pytest.raises(BundleError):
            open_bytes(bytes(data), small.trust)


def test_every_bit_of_the_signature_counts(small: Signed) -> None:
    start = check_archive(lambda: io.BytesIO(small.data)).members[1]
    for position in range(start.offset, start.offset + start.size, 7):
        for bit in range(8):
            data = bytearray(small.data)
            data[position] ^= 1 << bit
            with pytest.raises(BundleError):
                open_bytes(bytes(data), small.trust)


def test_a_file_cut_at_any_block_is_refused(classifier: Signed) -> None:
    for length in range(0, len(classifier.data), BLOCK_BYTES):
        refused(classifier.data[:length], classifier, "ends early|cut off")


@pytest.mark.parametrize("cut", [1, 511, 513, 1023])
def test_a_file_cut_inside_a_block_is_refused(classifier: Signed, cut: int) -> None:
    refused(classifier.data[:-cut], classifier, "cut off")


@pytest.mark.parametrize(
    "tail", [b"x", b"\0", bytes(BLOCK_BYTES), bytes(9 * 1024)], ids=["a letter", "a zero", "a block", "many"]
)
def test_nothing_may_follow_the_end(small: Signed, tail: bytes) -> None:
    refused(small.data + tail, small, "follow the end")


def test_two_bundles_in_a_row_are_refused(small: Signed, classifier: Signed) -> None:
    refused(small.data + classifier.data, small, "follow the end")
    refused(small.data[: -len(END)] + classifier.data, small)


def test_the_end_must_be_zero(small: Signed) -> None:
    refused(small.data[:-1] + b"\1", small, "two zero blocks")


def test_padding_must_be_zero(small: Signed) -> None:
    member = check_archive(lambda: io.BytesIO(small.data)).members[0]
    data = bytearray(small.data)
    data[member.offset + member.size] = 1
    refused(bytes(data), small, "padding after `bundle.json`")


@pytest.mark.parametrize(
    ("where", "value"),
    [
        pytest.param(TYPE, b"1", id="hard link"),
        pytest.param(TYPE, b"2", id="symbolic link"),
        pytest.param(TYPE, b"3", id="character device"),
        pytest.param(TYPE, b"4", id="block device"),
        pytest.param(TYPE, b"5", id="folder"),
        pytest.param(TYPE, b"6", id="FIFO"),
        pytest.param(TYPE, b"7", id="contiguous"),
        pytest.param(TYPE, b"\0", id="old regular file"),
        pytest.param(TYPE, b"S", id="GNU sparse"),
        pytest.param(TYPE, b"L", id="GNU long name"),
        pytest.param(TYPE, b"K", id="GNU long link"),
        pytest.param(TYPE, b"x", id="PAX header"),
        pytest.param(TYPE, b"g", id="PAX global header"),
        pytest.param(LINK, b"/etc/passwd", id="link target"),
        pytest.param(PREFIX, b"..", id="prefix"),
        pytest.param(PREFIX, b"/etc", id="absolute prefix"),
        pytest.param(0, b"../escape\0\0\0", id="parent folder"),
        pytest.param(0, b"/etc/passwd\0\0", id="absolute path"),
        pytest.param(0, b"C:\\model\0\0\0", id="drive letter"),
        pytest.param(0, b"model.onnx\0hidden", id="NUL in the name"),
        pytest.param(0, b"MODEL.ONNX", id="other case"),
        pytest.param(0, b"mode\xcc\x80l.onnx", id="Unicode twin"),
        pytest.param(0, b"\xff\xfe", id="not UTF-8"),
        pytest.param(MODE, b"0004755\0", id="setuid"),
        pytest.param(MODE, b"0000755\0", id="executable"),
        pytest.param(UID, b"0001750\0", id="owner"),
        pytest.param(MTIME, b"00000000001\0", id="time"),
        pytest.param(UNAME, b"root", id="user name"),
        pytest.param(SIZE, b"17777777777\0", id="2^31 - 1 bytes"),
        pytest.param(SIZE, b"20000000000\0", id="2^31 bytes"),
        pytest.param(SIZE, b"40000000000\0", id="2^32 bytes"),
        pytest.param(SIZE, b"77777777777\0", id="the largest octal size"),
        pytest.param(SIZE, b"\x80" + bytes(10) + b"\x07", id="binary size"),
        pytest.param(SIZE, b"\xff" * 12, id="negative size"),
        pytest.param(SIZE, b"          7\0", id="size with spaces"),
        pytest.param(SIZE, b"zzzzzzzzzzz\0", id="size that is no number"),
    ],
)
@pytest.mark.parametrize("member", [MANIFEST_NAME, SIGNATURE_NAME, "model.onnx"])
def test_a_header_that_is_not_ours_is_refused(small: Signed, member: str, where: int, value: bytes) -> None:
    members = members_of(small.data)
    wrong = frame(header(member, len(members[member])), where, value)
    refused(archive_of(members, headers={member: wrong}), small)


@pytest.mark.parametrize(
    "path",
    [
        "../model.onnx",
        "a/../model.onnx",
        "/model.onnx",
        "a//model.onnx",
        "./model.onnx",
        "a/b/model.onnx",
        "C:/model.onnx",
        "model.onnx\0.txt",
        "Model.onnx",
        "modèl.onnx",
        "mode\u0300l.onnx",
        ".hidden",
        "-rf",
        "a/",
        "",
        "m" * 101,
        "model\u202exnno",
        "model\n",
        "bundle.json",
        "bundle.sig",
        "pipeline.json/model.onnx",
    ],
)
def test_a_signed_manifest_cannot_name_other_paths(small: Signed, path: str) -> None:
    members = members_of(small.data)
    manifest = open_bytes(small.data, small.trust).manifest
    files = [{"path": entry.path, "size": entry.size} for entry in manifest.files]
    files[-1]["path"] = path
    changed = edit_manifest(members, small.key, files=files)
    with pytest.raises(BundleError):
        open_bytes(archive_of(changed), small.trust)


def test_a_duplicate_name_is_refused(small: Signed) -> None:
    members = members_of(small.data)
    files = [{"path": "profile.json", "size": len(members["profile.json"])}] * 2
    files += [{"path": "pipeline.json", "size": len(members["pipeline.json"])}]
    files += [{"path": "model.onnx", "size": len(members["model.onnx"])}]
    refused(archive_of(edit_manifest(members, small.key, files=files)), small, "listed twice")


def test_a_million_members_are_refused(small: Signed) -> None:
    members = members_of(small.data)
    files = [{"path": f"a{n}", "size": 0} for n in range(100)]
    refused(archive_of(edit_manifest(members, small.key, files=files)), small, "100 entries")


def test_a_huge_declared_size_needs_no_memory(small: Signed) -> None:
    members = members_of(small.data)
    files = [{"path": path, "size": len(members[path])} for path in ("pipeline.json", "profile.json")]
    for size in (2**31 - 1, 2**31, 2**32, 8**11 - 1):
        changed = edit_manifest(members, small.key, files=[*files, {"path": "model.onnx", "size": size}])
        refused(archive_of(changed), small, "cut off")
    changed = edit_manifest(members, small.key, files=[*files, {"path": "model.onnx", "size": 8**11}])
    refused(archive_of(changed), small, "size")


@pytest.mark.parametrize("size", [2**31 - 1, 2**31, 2**32])
def test_sizes_beyond_two_gigabytes_are_laid_out_right(small: Signed, tmp_path: Path, size: int) -> None:
    # A sparse file of the declared size takes no room on the disk; its form is checked, not its hash.
    members = members_of(small.data)
    files = [{"path": path, "size": len(members[path])} for path in ("pipeline.json", "profile.json")]
    changed = edit_manifest(members, small.key, files=[*files, {"path": "model.onnx", "size": size}])
    prefix = archive_of({p: d for p, d in changed.items() if p != "model.onnx"})[: -len(END)]
    path = tmp_path / "huge.eib"
    with path.open("wb") as stream:
        stream.write(prefix + header("model.onnx", size))
        stream.truncate(len(prefix) + BLOCK_BYTES + -(-size // BLOCK_BYTES) * BLOCK_BYTES + len(END))
    archive = open_archive(path)
    assert archive.members[-1].size == size
    assert archive.members[-1].offset % 4096 == 0
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(FormatError, match="cut off"):
        open_archive(path)


def test_swapped_members_are_refused(small: Signed) -> None:
    members = members_of(small.data)
    order = [MANIFEST_NAME, SIGNATURE_NAME, "profile.json", "pipeline.json", "model.onnx"]
    refused(archive_of({path: members[path] for path in order}), small, "header of `pipeline.json`")


def test_an_extra_or_missing_member_is_refused(small: Signed) -> None:
    members = members_of(small.data)
    refused(archive_of({**members, "extra.txt": b"hi"}), small)
    refused(archive_of({p: d for p, d in members.items() if p != "profile.json"}), small)


def test_a_member_swapped_for_another_of_the_same_size_is_refused(small: Signed) -> None:
    members = members_of(small.data)
    members["model.onnx"] = members["model.onnx"][::-1]
    refused(archive_of(members), small, r"`model.onnx` is not what was signed")


def test_a_signature_that_is_padded_otherwise_is_refused(small: Signed) -> None:
    members = members_of(small.data)
    members[SIGNATURE_NAME] += b" " * 4096
    refused(archive_of(members), small, "put the model on a page")
    members[SIGNATURE_NAME] = members[SIGNATURE_NAME].rstrip(b" ")
    refused(archive_of(members), small, "put the model on a page")


def test_python_itself_writes_no_accepted_archive_with_pax_headers(small: Signed) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, data in members_of(small.data).items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            info.pax_headers = {"path": path, "size": str(len(data)), "comment": "x"}
            archive.addfile(info, io.BytesIO(data))
    refused(stream.getvalue(), small)


def test_a_signed_bundle_still_needs_the_form(small: Signed) -> None:
    members = members_of(small.data)
    assert open_bytes(archive_of(resign(members, small.key)), small.trust).manifest.name == "double"
    refused(archive_of(resign({**members, "profile.json": b"{}"}, small.key)), small)


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", bytes(512), bytes(10_240), b"PK\3\4" * 1000, random.Random(0).randbytes(4096)],
    ids=["empty", "a zero", "a block", "an empty archive", "zip", "noise"],
)
def test_anything_else_is_refused(small: Signed, data: bytes) -> None:
    refused(data, small, "ends early|no tar header")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutations_raise_nothing_but_bundle_errors(small: Signed, data: st.DataObject) -> None:
    changed = bytearray(small.data)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(changed) - 1))
        piece = data.draw(st.binary(min_size=0, max_size=40))
        length = data.draw(st.integers(0, 600))
        changed[start : start + length] = piece
    if bytes(changed) != small.data:
        refused(bytes(changed), small)


def test_paths_that_are_no_bundles(small: Signed, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path, text in (
        (tmp_path / "none.eib", "No such file"),
        (fifo, "not a regular file"),
        (Path("/dev/null"), "not a regular file"),
        (tmp_path, "not an unpacked bundle"),
    ):
        with pytest.raises(BundleError, match=text):
            open_bundle(path, small.trust)


def test_a_link_to_a_bundle_is_a_bundle(small: Signed, tmp_path: Path) -> None:
    link = tmp_path / "link.eib"
    link.symlink_to(small.path)
    assert open_bundle(link, small.trust).manifest.name == "double"


def test_base64_of_the_signature_is_canonical(small: Signed) -> None:
    members = members_of(small.data)
    text = members[SIGNATURE_NAME].decode()
    sig = text.split('"sig":"')[1].split('"')[0]
    raw = base64.b64decode(sig)
    for changed in (sig.rstrip("=") + "====", sig[:-1] + "\\n" + sig[-1], sig.replace("=", "%3D") + "!"):
        assert raw  # the signature itself stays the same
        members[SIGNATURE_NAME] = text.replace(sig, changed).rstrip().encode().ljust(len(text))
        refused(archive_of(members), small)
