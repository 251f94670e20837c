"""Writing bundles: the same bytes each time, whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgeinfer.bundle.manifest import FileEntry
from edgeinfer.bundle.reader import open_bundle
from edgeinfer.bundle.writer import write_bundle
from edgeinfer.errors import FormatError
from edgeinfer.strict import replace
from tests.fixtures.bundles import Signed, classifier_members, manifest_of, small_members, write_small

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from pathlib import Path
from edgeinfer.bundle.keys import load_private_key
from tests.fixtures.bundles import write_classifier
write_classifier(Path(sys.argv[1]), load_private_key(Path(sys.argv[2])))
"""


def test_the_same_input_gives_the_same_bytes(small: Signed, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    paths = [write_small(tmp_path / "a.eib", small.key), write_small(tmp_path / "deep" / "b.eib", small.key)]
    assert [path.read_bytes() for path in paths] == [small.data] * 2


def test_the_order_of_the_members_does_not_matter(small: Signed, tmp_path: Path) -> None:
    members = dict(reversed(small_members().items()))
    manifest = manifest_of(members, name="double", task="raw")
    write_bundle(tmp_path / "a.eib", manifest, members, small.key)
    assert (tmp_path / "a.eib").read_bytes() == small.data


def test_hash_seeds_do_not_matter(classifier: Signed, tmp_path: Path) -> None:
    private = classifier.public_key.with_name("signing.pem")
    for seed in ("1", "2"):
        out = tmp_path / f"{seed}.eib"
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", PROGRAM, str(out), str(private)]
        subprocess.run(command, env=environment, cwd=ROOT, check=True)
        assert out.read_bytes() == classifier.data


def test_another_key_changes_only_the_signature(small: Signed, tmp_path: Path) -> None:
    from tests.fixtures.archives import members_of
    from tests.fixtures.bundles import key_of

    other = members_of(write_small(tmp_path / "a.eib", key_of(tmp_path)).read_bytes())
    mine = members_of(small.data)
    assert {path for path in mine if mine[path] != other[path]} == {"bundle.sig"}


def wrong_size(manifest: Any) -> Any:
    files = (replace(manifest.files[0], size=1), *manifest.files[1:])
    return replace(manifest, files=files)


def extra_file(manifest: Any) -> Any:
    return replace(manifest, files=(FileEntry(path="a.txt", size=0), *manifest.files))


def model_first(manifest: Any) -> Any:
    return replace(manifest, files=tuple(reversed(manifest.files)))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (wrong_size, "golden.json"),
        (extra_file, "a.txt"),
        (model_first, "last one must be the model"),
        (lambda manifest: replace(manifest, name="../x"), "name"),
        (lambda manifest: replace(manifest, name="other"), "pipeline.json is for parts"),
        (lambda manifest: replace(manifest, architecture="aarch64"), "profile.json is for x86_64"),
    ],
)
def test_what_a_reader_would_refuse_is_not_written(
    small: Signed, tmp_path: Path, change: Any, text: str
) -> None:
    members = classifier_members()
    with pytest.raises(FormatError, match=text):
        write_bundle(tmp_path / "a.eib", change(manifest_of(members)), members, small.key)
    assert not any(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(
    small: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_small(tmp_path / "a.eib", small.key)

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        write_small(path, small.key, version="2.0.0")
    assert path.read_bytes() == small.data
    assert [one.name for one in tmp_path.iterdir()] == ["a.eib"]
    assert open_bundle(path, small.trust).manifest.version == "1.0.0"
