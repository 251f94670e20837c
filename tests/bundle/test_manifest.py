"""`bundle.json`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.bundle.manifest import (
    MANIFEST_NAME,
    FileEntry,
    Manifest,
    ModelEntry,
    RuntimeNeed,
    dump_manifest,
    list_files,
    parse_manifest,
)
from edgeinfer.errors import FormatError
from edgeinfer.frames import DTYPES, Quantization, TensorInfo
from edgeinfer.strict import replace
from tests.fixtures.archives import members_of
from tests.fixtures.bundles import Signed

SEGMENT = r"[a-z0-9][a-z0-9._-]{0,20}"
PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")), max_size=20)
TENSORS = st.lists(
    st.builds(
        TensorInfo,
        name=PRINTABLE,
        dtype=st.sampled_from(sorted(DTYPES)),
        shape=st.lists(st.integers(-1, 2**31 - 1), max_size=6).map(tuple),
        quantization=st.none()
        | st.builds(
            Quantization,
            scale=st.floats(allow_nan=False, allow_infinity=False),
            zero_point=st.integers(-128, 255),
        ),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda tensor: tensor.name,
).map(tuple)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """Any manifest that a reader accepts."""
    names = draw(st.sets(st.from_regex(rf"(golden/)?{SEGMENT}", fullmatch=True), max_size=6))
    small = sorted(
        {"pipeline.json", "profile.json", *names} - {"bundle.json", "bundle.sig", "model.tflite", "golden"}
    )
    size = st.integers(0, 64 * 1024 * 1024)
    entries = [FileEntry(path=path, size=draw(size)) for path in small]
    return Manifest(
        format="edgeinfer-bundle",
        format_version=1,
        name=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.]{0,63}", fullmatch=True)),
        version=draw(st.from_regex(r"(0|[1-9][0-9]{0,3})\.0\.1(-rc\.1)?(\+b-1)?", fullmatch=True)),
        task=draw(st.sampled_from(["classification", "detection", "anomaly", "regression", "raw"])),
        profile=draw(st.from_regex(r"[a-z0-9][a-z0-9-]{0,30}", fullmatch=True)),
        architecture=draw(st.sampled_from(["aarch64", "x86_64", "armv7l"])),
        runtime=RuntimeNeed(
            name=draw(st.sampled_from(["onnxruntime", "tflite"])),
            minimum_version=draw(st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}", fullmatch=True)),
            opset=draw(st.integers(0, 30)),
        ),
        model=ModelEntry(
            file="model.tflite",
            format="tflite",
            precision=draw(st.sampled_from(["float32", "float16", "int8", "mixed", "as-is"])),
            inputs=draw(TENSORS),
            outputs=draw(TENSORS),
            operators=draw(st.dictionaries(PRINTABLE, st.integers(0, 10**6), max_size=5)),
        ),
        files=(*entries, FileEntry(path="model.tflite", size=draw(st.integers(0, 8**11 - 1)))),
    )


@pytest.fixture(scope="module")
def table(small: Signed) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(members_of(small.data)[MANIFEST_NAME])
    return found


def tensor(name: str, dtype: str, shape: list[int]) -> dict[str, Any]:
    return {"name": name, "dtype": dtype, "shape": shape, "quantization": None}


def text_of(table: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps({**table, **changes}, indent=2, ensure_ascii=False).encode() + b"\n"


@settings(max_examples=40, deadline=None)
@given(manifests())
def test_parsing_undoes_dumping(manifest: Manifest) -> None:
    data = dump_manifest(manifest)
    assert dump_manifest(parse_manifest(data)) == data
    assert parse_manifest(data) == manifest


def test_the_plain_json_of_the_tests_is_canonical(table: dict[str, Any]) -> None:
    assert parse_manifest(text_of(table)).name == "double"


def test_names_of_files_and_signature(table: dict[str, Any]) -> None:
    manifest = parse_manifest(text_of(table))
    assert manifest.stem == "double-1.0.0-generic-x86-64"
    assert manifest.file_name == "double-1.0.0-generic-x86-64.eib"


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "zip"},
        {"format_version": 2},
        {"format_version": 1.0},
        {"name": "../evil"},
        {"name": ".hidden"},
        {"name": "a" * 65},
        {"name": "a\n"},
        {"name": "a-b"},
        {"version": "1.0"},
        {"version": "1.0.0/../.."},
        {"version": "1.0.0-" + "a" * 64},
        {"profile": "../x"},
        {"profile": ""},
        {"task": "segmentation"},
        {"architecture": "sparc"},
        {"runtime": {"name": "onnxruntime", "minimum_version": "1.20; rm -rf", "opset": 1, "ir_version": 1}},
        {"runtime": {"name": "onnxruntime", "minimum_version": "", "opset": 1, "ir_version": 1}},
        {"runtime": {"name": "onnxruntime", "minimum_version": "1", "opset": -1, "ir_version": 1}},
        {"files": []},
        {"files": [{"path": "model.onnx", "size": 1}]},
        {"files": [{"path": "model.onnx", "size": -1}]},
        {"files": "model.onnx"},
        {"unknown": 1},
    ],
)
def test_a_wrong_field_is_refused(table: dict[str, Any], changes: dict[str, Any]) -> None:
    with pytest.raises(FormatError, match=r"bundle\.json"):
        parse_manifest(text_of(table, **changes))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"inputs": []}, "inputs"),
        ({"file": "other.onnx"}, "last one must be the model"),
        ({"operators": {"Add\x1b[31m": 1}}, "not printable"),
        ({"operators": {"Add": -1}}, "operators"),
        ({"format": "pickle"}, "format"),
        (
            {"outputs": [{"name": "\x1b]0;x\x07", "dtype": "float32", "shape": [1], "quantization": None}]},
            "printable",
        ),
        (
            {"outputs": [{"name": "y", "dtype": "object", "shape": [1], "quantization": None}]},
            "unknown dtype",
        ),
        ({"outputs": [tensor("y", "int8", [-2])]}, "out of range"),
        (
            {"outputs": [{"name": "y", "dtype": "int8", "shape": [2**31], "quantization": None}]},
            "out of range",
        ),
        (
            {"outputs": [{"name": "y", "dtype": "int8", "shape": [1] * 17, "quantization": None}]},
            "out of range",
        ),
        (
            {"outputs": [{"name": "y", "dtype": "int8", "shape": [1], "quantization": None}] * 2},
            "different names",
        ),
    ],
)
def test_a_wrong_model_is_refused(table: dict[str, Any], changes: dict[str, Any], text: str) -> None:
    with pytest.raises(FormatError, match=text):
        parse_manifest(text_of(table, model={**table["model"], **changes}))


def test_a_small_file_may_not_be_large(table: dict[str, Any]) -> None:
    files = [dict(entry) for entry in table["files"]]
    files[0]["size"] = 64 * 1024 * 1024 + 1
    with pytest.raises(FormatError, match="67108864 are allowed"):
        parse_manifest(text_of(table, files=files))


def test_a_list_of_thousands_of_files_is_not_looked_at(table: dict[str, Any]) -> None:
    files = [{"path": f"f{number}", "size": 0} for number in range(15_000)]
    with pytest.raises(FormatError) as caught:
        parse_manifest(text_of(table, files=files))
    # No word about the single files: comparing each with each took a quarter of a minute.
    assert caught.value.message == "bundle.json: files: 15000 entries; 1 to 64 are allowed"


def test_other_spellings_of_the_same_manifest_are_refused(table: dict[str, Any]) -> None:
    data = text_of(table)
    for changed in (
        data[:-1],
        data + b"\n",
        data.replace(b'": "', b'":"', 1),
        data.replace(b'"name"', b'"n\\u0061me"', 1),
        data.replace(b'"format_version": 1,', b'"format_version": 1, "format_version": 1,'),
        json.dumps(table).encode() + b"\n",
        json.dumps(dict(reversed(table.items())), indent=2).encode() + b"\n",
        b"\xef\xbb\xbf" + data,
    ):
        with pytest.raises(FormatError):
            parse_manifest(changed)


def test_every_fault_is_listed(table: dict[str, Any]) -> None:
    files = [{"path": "../a", "size": 1}, {"path": "B", "size": 1}]
    with pytest.raises(FormatError) as caught:
        parse_manifest(text_of(table, files=files))
    for part in ("'../a'", "'B'", "`pipeline.json` is missing", "last one must be the model"):
        assert part in caught.value.message


@given(st.binary(max_size=200))
def test_garbage_raises_only_format_errors(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_manifest(data)


def test_operators_are_sorted(table: dict[str, Any]) -> None:
    manifest = parse_manifest(text_of(table))
    model = replace(manifest.model, operators={"B": 1, "A": 2})
    found = parse_manifest(dump_manifest(replace(manifest, model=model)))
    assert list(found.model.operators) == ["A", "B"]


def test_files_are_listed_by_path_with_the_model_last() -> None:
    members = {"z.json": b"12", "model.onnx": b"1", "golden/a.bin": b"", "a.json": b"123"}
    found = [(entry.path, entry.size) for entry in list_files(members, "model.onnx")]
    assert found == [("a.json", 3), ("golden/a.bin", 0), ("z.json", 2), ("model.onnx", 1)]


@pytest.mark.parametrize(
    "data",
    [
        b'{"format":"\\u001b[31mx"}',
        b'{"\\u001b[31mx":1}',
        '{"\x7f\u202ex":1}'.encode(),
        b'{"format":"edgeinfer-bundle","format_version":1,"name":"\\u001b]0;x"}',
    ],
)
def test_no_message_steers_a_terminal(data: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        parse_manifest(data)
    assert caught.value.message.isprintable()
