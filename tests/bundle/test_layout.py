"""The bytes around the members."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.bundle.layout import (
    BLOCK_BYTES,
    END,
    PAGE_BYTES,
    Member,
    archive_bytes,
    header,
    padding_bytes,
    place,
    signature_bytes,
)
from tests.fixtures.archives import members_of
from tests.fixtures.bundles import Signed

PATHS = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,40}(/[a-z0-9][a-z0-9._-]{0,40})?", fullmatch=True)


@given(PATHS, st.integers(0, 8**11 - 1))
def test_python_reads_the_header_back(path: str, size: int) -> None:
    info = tarfile.TarInfo.frombuf(header(path, size), "ascii", "strict")
    assert (info.name, info.size, info.mode, info.type) == (path, size, 0o644, tarfile.REGTYPE)
    assert (info.uid, info.gid, info.mtime, info.uname, info.gname) == (0, 0, 0, "", "")


def test_the_header_is_this_to_the_byte() -> None:
    block = header("bundle.json", 5)
    assert block[:100] == b"bundle.json".ljust(100, b"\0")
    numbers = b"\0".join(
        [b"0000644", b"0000000", b"0000000", b"00000000005", b"00000000000", b"011344", b" "]
    )
    assert block[100:156] == numbers
    assert block[156:265] == b"0".ljust(101, b"\0") + b"ustar\x0000"
    assert block[265:] == bytes(64) + b"0000000\x000000000\0" + bytes(167)
    assert len(block) == BLOCK_BYTES


@given(st.integers(0, 10**7))
def test_padding_fills_the_block(size: int) -> None:
    assert 0 <= padding_bytes(size) < BLOCK_BYTES
    assert (size + padding_bytes(size)) % BLOCK_BYTES == 0


@given(st.lists(st.tuples(PATHS, st.integers(0, 10**6)), min_size=1, max_size=8))
def test_members_follow_each_other(files: list[tuple[str, int]]) -> None:
    members = place(files)
    assert members[0].header_offset == 0
    for one, other in pairwise(members):
        assert one.end == other.header_offset
    assert archive_bytes(members) == members[-1].end + len(END)


@given(
    st.integers(1, 20_000),
    st.integers(1, 10_000),
    st.lists(st.tuples(PATHS, st.integers(0, 9999)), max_size=5),
)
def test_the_signature_puts_the_model_on_a_page(
    text: int, manifest: int, small: list[tuple[str, int]]
) -> None:
    size = signature_bytes(text, manifest, small)
    model = place([("bundle.json", manifest), ("bundle.sig", size), *small, ("model", 1)])[-1]
    assert model.offset % PAGE_BYTES == 0
    assert size % BLOCK_BYTES == 0
    assert text <= size < text + PAGE_BYTES


def test_a_member_knows_where_it_ends() -> None:
    assert Member("a", 513, 512).end == 512 + 1024
    assert Member("a", 0, 512).end == 512


@pytest.mark.skipif(not shutil.which("tar"), reason="there is no tar program")
def test_gnu_tar_makes_the_same_bytes(classifier: Signed, tmp_path: Path) -> None:
    members = members_of(classifier.data)
    subprocess.run(["tar", "xf", classifier.path], cwd=tmp_path, check=True)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == sorted(
        Path(path).name for path in members
    )
    zeroed = ["--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "--mode=0644"]
    command = ["tar", "--format=ustar", *zeroed, "-b", "1", "-cf", "again.tar", *members]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert (tmp_path / "again.tar").read_bytes() == classifier.data
