"""What a model file says, against what the manifest says."""

from __future__ import annotations

from typing import Any

import pytest

from edgeinfer.bundle import model_file
from edgeinfer.bundle.manifest import Manifest
from edgeinfer.bundle.model_file import (
    ModelDescription,
    check_model,
    checked_name,
    count_operators,
    describe_model,
)
from edgeinfer.errors import FormatError, ModelError
from edgeinfer.frames import TensorInfo
from edgeinfer.strict import replace
from tests.conftest import zoo_folder
from tests.fixtures.bundles import MODEL, classifier_members, manifest_of

ZOO = sorted(path for kind in ("onnx", "tflite") for path in (zoo_folder() / "models").rglob(f"*.{kind}"))


def tensor(name: str, shape: tuple[int, ...], dtype: str = "float32") -> TensorInfo:
    return TensorInfo(name=name, dtype=dtype, shape=shape)


@pytest.fixture(scope="module")
def data() -> bytes:
    return classifier_members()[MODEL]


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return manifest_of(classifier_members())


def test_the_file_is_what_the_manifest_says(manifest: Manifest, data: bytes) -> None:
    check_model(manifest, data)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"inputs": (TensorInfo(name="image", dtype="float32", shape=(1, 3, 16, 17)),)},
            r"not image float32\[1, 3, 16, 17\]",
        ),
        ({"inputs": (TensorInfo(name="picture", dtype="float32", shape=(1, 3, 16, 16)),)}, "not picture"),
        ({"outputs": (TensorInfo(name="logits", dtype="uint8", shape=(1, 3)),)}, r"not logits uint8\[1, 3\]"),
        ({"outputs": ()}, "1 outputs, not 0"),
        ({"operators": {}}, "2 Conv, not 0"),
        ({"operators": {"Conv": 3, "MatMul": 1}}, "2 Conv, not 3.*0 MatMul, not 1"),
        ({"format": "tflite"}, "not a TensorFlow Lite model"),
    ],
)
def test_each_difference_is_named(
    manifest: Manifest, data: bytes, changes: dict[str, Any], text: str
) -> None:
    with pytest.raises(FormatError, match=text):
        check_model(replace(manifest, model=replace(manifest.model, **changes)), data)


@pytest.mark.parametrize("field", ["opset", "ir_version"])
def test_versions_are_compared(manifest: Manifest, data: bytes, field: str) -> None:
    runtime = replace(manifest.runtime, **{field: 3})
    with pytest.raises(FormatError, match="not 3"):
        check_model(replace(manifest, runtime=runtime), data)


@pytest.mark.parametrize("model_format", ["onnx", "tflite"])
@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"GGUF", bytes(100), b"\x80\4\x95" * 50, b"{}" * 999],
    ids=["empty", "a zero", "another format", "zeros", "a pickle", "JSON"],
)
def test_anything_else_is_refused(model_format: Any, data: bytes) -> None:
    with pytest.raises(ModelError):
        describe_model(data, model_format)


def description(*tensors: TensorInfo) -> ModelDescription:
    fine = (TensorInfo(name="x", dtype="int8", shape=(1,)),)
    return ModelDescription(tensors or fine, fine, {}, 0, 0)


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((1,) * 17, "17 dimensions"),
        ((2**31,), "out of range"),
        ((-2,), "out of range"),
        ((2**30, 2**30), "more than"),
        ((-1, 2**30, 2**30), "more than"),
    ],
)
def test_shapes_are_bounded(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], text: str) -> None:
    class Reader:
        @staticmethod
        def describe(_: bytes) -> ModelDescription:
            return description(TensorInfo(name="x", dtype="int8", shape=shape))

    monkeypatch.setattr(model_file, "import_module", lambda _: Reader)
    with pytest.raises(ModelError, match=text):
        describe_model(b"x", "onnx")


@pytest.mark.parametrize("name", ["\x1b[2J", "a\nb", "a\0", "\u202e", "x" * 1025, "\ud800"])
def test_names_that_could_harm_a_terminal_are_refused(name: str) -> None:
    with pytest.raises(ModelError) as caught:
        checked_name(name, "a tensor")
    assert caught.value.message.isprintable()
    assert checked_name("Identity:0; model/dense", "a tensor") == "Identity:0; model/dense"


def test_operators_are_counted_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_operators(["b", "a", "b"]) == {"a": 1, "b": 2}
    assert list(count_operators(["b", "a"])) == ["a", "b"]
    monkeypatch.setattr(model_file, "MAX_OPERATORS", 2)
    with pytest.raises(ModelError, match="more than 2 operators"):
        count_operators(["a"] * 3)


@pytest.mark.zoo
def test_every_model_of_the_zoo_can_be_described() -> None:
    assert ZOO
    for path in ZOO:
        found = describe_model(path.read_bytes(), path.suffix[1:])  # type: ignore[arg-type]  # one of two
        assert found.inputs
        assert found.operators, path


@pytest.mark.zoo
def test_hostile_files_raise_nothing_but_model_errors() -> None:
    for path in sorted((zoo_folder() / "hostile").rglob("*.tflite")):
        message = ""
        try:
            describe_model(path.read_bytes(), "tflite")
        except ModelError as error:
            message = error.message
        assert message.isprintable()
