"""An unpacked bundle: exactly its members, and nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeinfer.bundle.folder import open_folder, write_folder
from edgeinfer.bundle.reader import extract, open_bundle
from edgeinfer.errors import BundleError, FormatError
from tests.fixtures.archives import members_of
from tests.fixtures.bundles import Signed


@pytest.fixture
def folder(classifier: Signed, tmp_path: Path) -> Path:
    extract(classifier.path, tmp_path / "unpacked", classifier.trust)
    return tmp_path / "unpacked"


def test_a_folder_is_the_same_bundle_as_its_file(classifier: Signed, folder: Path) -> None:
    one, other = open_bundle(classifier.path, classifier.trust), open_bundle(folder, classifier.trust)
    assert (one.manifest, one.digests, one.sha256) == (other.manifest, other.digests, other.sha256)
    assert open_folder(folder).members == one.container.members


def test_what_was_written_is_read(classifier: Signed, tmp_path: Path) -> None:
    members = members_of(classifier.data)
    write_folder(tmp_path, ((path, [data[:10], data[10:]]) for path, data in members.items()))
    assert open_bundle(tmp_path, classifier.trust).manifest.name == "parts"


def link_member(folder: Path) -> None:
    (folder / "model.onnx").rename(folder.parent / "model.onnx")
    (folder / "model.onnx").symlink_to(folder.parent / "model.onnx")


def link_folder(folder: Path) -> None:
    (folder / "golden").rename(folder.parent / "golden")
    (folder / "golden").symlink_to(folder.parent / "golden")


def grow(folder: Path) -> None:
    with (folder / "model.onnx").open("ab") as stream:
        stream.write(b"x")


def flip(folder: Path) -> None:
    data = bytearray((folder / "model.onnx").read_bytes())
    data[50] ^= 1
    (folder / "model.onnx").write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        pytest.param(lambda f: (f / "extra.txt").write_text("hi"), "does not list", id="extra"),
        pytest.param(lambda f: (f / ".hidden").write_text("hi"), "does not list", id="hidden"),
        pytest.param(lambda f: (f / "golden" / "x").write_text("hi"), "does not list", id="extra below"),
        pytest.param(lambda f: (f / "golden" / "deep").mkdir(), "not a regular file", id="deep"),
        pytest.param(lambda f: (f / "\x1b[31m").write_text("hi"), r"\\x1b", id="control characters"),
        pytest.param(lambda f: (f / "labels.txt").unlink(), "`labels.txt` is missing", id="missing"),
        pytest.param(lambda f: (f / "bundle.sig").unlink(), "no file `bundle.sig`", id="unsigned"),
        pytest.param(lambda f: (f / "bundle.json").unlink(), "no file `bundle.json`", id="no manifest"),
        pytest.param(lambda f: (f / "bundle.sig").write_bytes(b""), "bundle.sig", id="empty signature"),
        pytest.param(lambda f: (f / "bundle.sig").write_bytes(b" " * 2**17), "too large", id="long sig"),
        pytest.param(lambda f: (f / "bundle.json").write_bytes(b" " * 2**21), "too large", id="long"),
        pytest.param(lambda f: os.mkfifo(f / "fifo"), "not a regular file", id="FIFO"),
        pytest.param(link_member, "not a regular file", id="linked member"),
        pytest.param(link_folder, "not a regular file", id="linked folder"),
        pytest.param(grow, "bytes; the manifest says", id="grown"),
        pytest.param(flip, "not what was signed", id="flipped bit"),
    ],
)
def test_a_changed_folder_is_refused(
    classifier: Signed, folder: Path, damage: Callable[[Path], object], text: str
) -> None:
    damage(folder)
    with pytest.raises(BundleError, match=text):
        open_bundle(folder, classifier.trust)


def test_a_signature_without_its_padding_is_refused(classifier: Signed, folder: Path) -> None:
    path = folder / "bundle.sig"
    path.write_bytes(path.read_bytes().rstrip(b" "))
    with pytest.raises(FormatError, match="put the model on a page"):
        open_bundle(folder, classifier.trust)


def test_a_huge_folder_is_given_up_early(folder: Path) -> None:
    for number in range(200):
        (folder / f"{number}").touch()
    with pytest.raises(FormatError, match="more files than a bundle may have"):
        open_folder(folder)


def test_a_change_after_opening_is_noticed(classifier: Signed, folder: Path) -> None:
    bundle = open_bundle(folder, classifier.trust)
    flip(folder)
    with pytest.raises(BundleError, match="not what was signed"):
        bundle.model()
    shutil.rmtree(folder)
    with pytest.raises(BundleError, match="No such file"):
        bundle.model()
