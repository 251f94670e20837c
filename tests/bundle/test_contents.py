"""The small files of a bundle, against the manifest and each other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.bundle.contents import dump_labels, parse_labels, read_contents
from edgeinfer.bundle.manifest import GOLDEN_NAME, LABELS_NAME, PIPELINE_NAME, PROFILE_NAME
from edgeinfer.errors import FormatError
from edgeinfer.strict import encode_json
from tests.fixtures.bundles import LABELS, classifier_members, manifest_of, profile_of

LINES = st.text(st.characters(exclude_categories=("C", "Z")), max_size=20)


def read(members: dict[str, bytes], **changes: bytes | None) -> Any:
    """Read the contents of members, some of which were changed or, with None, left out."""
    changed = {path: data for path, data in {**members, **changes}.items() if data is not None}
    return read_contents(manifest_of(changed), changed.__getitem__)


@pytest.fixture(scope="module")
def members() -> dict[str, bytes]:
    return classifier_members()


def test_all_is_read(members: dict[str, bytes]) -> None:
    contents = read(members)
    assert contents.labels == LABELS
    assert contents.pipeline.model.name == "parts"
    assert contents.profile.name == "generic-x86-64"
    assert contents.golden.samples == 2


def test_golden_data_may_be_absent(members: dict[str, bytes]) -> None:
    golden = [path for path in members if path.startswith("golden")]
    assert read(members, **dict.fromkeys(golden)).golden is None


@settings(max_examples=50, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=20).map(tuple))
def test_parsing_labels_undoes_dumping(labels: tuple[str, ...]) -> None:
    assert parse_labels(dump_labels(labels)) == labels


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no end",
        b"a\n\x1b[31mred\n",
        b"a\r\nb\r\n",
        b"a\0b\n",
        b"\xff\n",
        "a\u202eb\n".encode(),
        b"a\tb\n",
    ],
)
def test_labels_that_could_harm_a_terminal_are_refused(members: dict[str, bytes], data: bytes) -> None:
    with pytest.raises(FormatError, match="labels"):
        read(members, **{LABELS_NAME: data})


@pytest.mark.parametrize("field", ["name", "version", "task"])
def test_the_pipeline_is_that_of_the_manifest(members: dict[str, bytes], field: str) -> None:
    table = json.loads(members[PIPELINE_NAME])
    table["model"][field] = {"name": "other", "version": "2.0.0", "task": "raw"}[field]
    if field == "task":
        table["output"] = {}
    with pytest.raises(FormatError, match=r"pipeline\.json is for"):
        read(members, **{PIPELINE_NAME: json.dumps(table).encode()})


def test_labels_and_pipeline_agree(members: dict[str, bytes]) -> None:
    with pytest.raises(FormatError, match=r"model\.labels"):
        read(members, **{LABELS_NAME: None})
    table = json.loads(members[PIPELINE_NAME])
    table["model"]["labels"] = None
    with pytest.raises(FormatError, match=r"model\.labels"):
        read(members, **{PIPELINE_NAME: json.dumps(table).encode()})


@pytest.mark.parametrize(
    ("profile", "text"),
    [
        (profile_of(name="other"), "is `other`"),
        (profile_of(architecture="aarch64"), "is for aarch64"),
    ],
)
def test_the_profile_is_that_of_the_manifest(members: dict[str, bytes], profile: Any, text: str) -> None:
    with pytest.raises(FormatError, match=text):
        read(members, **{PROFILE_NAME: encode_json(profile)})


def test_the_profile_has_the_runtime(members: dict[str, bytes]) -> None:
    table = json.loads(members[PROFILE_NAME])
    table["runtime"] = [one for one in table["runtime"] if one["name"] == "tflite"]
    with pytest.raises(FormatError, match="no runtime `onnxruntime`"):
        read(members, **{PROFILE_NAME: json.dumps(table).encode()})


@pytest.mark.parametrize("path", [PIPELINE_NAME, PROFILE_NAME, GOLDEN_NAME])
@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"model": 1}'])
def test_a_damaged_file_is_named(members: dict[str, bytes], path: str, data: bytes) -> None:
    with pytest.raises(FormatError, match=path.replace(".", r"\.")):
        read(members, **{path: data})
