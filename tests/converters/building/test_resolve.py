"""Pipeline files, and what the model fills in."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeinfer.errors import SettingsError
from edgeinfer.frames import TensorInfo
from edgeinfer.processing.spec import ImageInput, TensorInput, WindowInput
from edgeinfer.strict import replace
from edgeinfer_converters.building.resolve import PipelineFile, read_pipeline, resolve_pipeline
from tests.fixtures.data import DETECTION_TOML, IMAGE_TENSOR, IMAGE_TOML, WINDOW_TENSOR, WINDOW_TOML, pipeline

LOGITS = TensorInfo(name="logits", dtype="float32", shape=(1, 3))
REBUILT = TensorInfo(name="r", dtype="float32", shape=(1, 8, 2))
LABELS = ("cat", "dog", "owl")


def file(text: str, labels: tuple[str, ...] = ()) -> PipelineFile:
    return PipelineFile(Path("pipeline.toml"), pipeline(text), labels)


def test_labels_lie_beside_the_pipeline(tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").write_text(IMAGE_TOML)
    (tmp_path / "labels.txt").write_bytes("cat\r\n\r\n  owl \nÿ\n\n".encode())
    found = read_pipeline(tmp_path / "pipeline.toml")
    # A line without a name keeps its number; blank lines at the end are none.
    assert found.labels == ("cat", "???", "owl", "ÿ")


def test_a_pipeline_without_labels(tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").write_text(WINDOW_TOML)
    assert read_pipeline(tmp_path / "pipeline.toml").labels == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (IMAGE_TOML.replace("mean", "maen"), "unknown field `maen`.*did you mean `mean`"),
        (IMAGE_TOML.replace("[16, 16]", '"large"'), r"Expected `array`, got `str` - at `\$.input\[0\].size`"),
        (IMAGE_TOML.replace('"1.0.0"', '"one"'), "not a semantic version"),
        ("[model", "not valid TOML"),
        (IMAGE_TOML, r"labels.txt: labels file \(named in .*pipeline.toml\): No such file"),
    ],
)
def test_bad_pipeline_files(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "pipeline.toml").write_text(text)
    with pytest.raises(SettingsError, match=message):
        read_pipeline(tmp_path / "pipeline.toml")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (b"", "there are no labels"),
        (b"\n\n", "there are no labels"),
        (b"\xff", "not UTF-8"),
        (b"a\nb\tc\n", "line 2: .* not printable"),
    ],
)
def test_bad_labels(tmp_path: Path, labels: bytes, message: str) -> None:
    (tmp_path / "pipeline.toml").write_text(IMAGE_TOML)
    (tmp_path / "labels.txt").write_bytes(labels)
    with pytest.raises(SettingsError, match=message):
        read_pipeline(tmp_path / "pipeline.toml")


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read_pipeline(tmp_path / "gone.toml")
    with pytest.raises(SettingsError, match="Is a directory"):
        read_pipeline(tmp_path)
    (tmp_path / "huge.toml").write_bytes(b"#" * 1024 * 1025)
    with pytest.raises(SettingsError, match="larger than"):
        read_pipeline(tmp_path / "huge.toml")


@pytest.mark.parametrize(("shape", "layout"), [((1, 3, 16, 16), "nchw"), ((-1, 16, 16, 3), "nhwc")])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "int8"])
def test_the_model_fills_in_an_image_input(shape: tuple[int, ...], layout: str, dtype: str) -> None:
    tensor = TensorInfo(name="pixels", dtype=dtype, shape=shape)
    (found,) = resolve_pipeline(file(IMAGE_TOML, LABELS), (tensor,), (LOGITS,)).input
    assert isinstance(found, ImageInput)
    assert (found.name, found.layout, found.dtype) == ("pixels", layout, dtype)


def test_the_model_fills_in_windows_and_tensors() -> None:
    (window,) = resolve_pipeline(file(WINDOW_TOML), (WINDOW_TENSOR,), (REBUILT,)).input
    assert isinstance(window, WindowInput)
    assert (window.name, window.dtype) == ("window", "float32")
    text = '[model]\nname = "x"\nversion = "1.0.0"\ntask = "raw"\n[[input]]\nkind = "tensor"\n'
    for dtype, shown in (("float32", "float32"), ("int64", "auto")):
        tensor = TensorInfo(name="ids", dtype=dtype, shape=(1, 4))
        (found,) = resolve_pipeline(file(text), (tensor,), (LOGITS,)).input
        assert found == TensorInput(name="ids", dtype=shown)  # type: ignore[arg-type]  # of the pairs above


def test_a_tensor_that_is_no_batch_of_one() -> None:
    text = '[model]\nname = "x"\nversion = "1.0.0"\ntask = "raw"\n[[input]]\nkind = "tensor"\n'
    tensor = TensorInfo(name="pair", dtype="float32", shape=(2, 2))
    with pytest.raises(SettingsError, match=r"`pair` has the shape \[2, 2\]: not a batch of one"):
        resolve_pipeline(file(text), (tensor,), (LOGITS,))


def test_resolving_again_changes_nothing() -> None:
    once = resolve_pipeline(file(IMAGE_TOML, LABELS), (IMAGE_TENSOR,), (LOGITS,))
    again = PipelineFile(Path("pipeline.toml"), once, LABELS)
    assert resolve_pipeline(again, (IMAGE_TENSOR,), (LOGITS,)) == once


NAMED = IMAGE_TOML.replace('kind = "image"', 'kind = "image"\nname = "picture"')
FLOAT = IMAGE_TOML.replace('kind = "image"', 'kind = "image"\ndtype = "float32"')
TYPED = IMAGE_TOML.replace('kind = "image"', 'kind = "image"\ndtype = "uint8"')
GRAY = IMAGE_TOML.replace('kind = "image"', 'kind = "image"\ncolor = "gray"')
NHWC = IMAGE_TOML.replace('kind = "image"', 'kind = "image"\nlayout = "nhwc"')
LARGER = IMAGE_TOML.replace("[16, 16]", "[32, 16]")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (NAMED, "input.name is `picture`, the model's input at this place `image`"),
        (GRAY, "cannot hold 16 x 16 pixels with 1 channels"),
        (NHWC, r"3 channels \(nhwc\)"),
        (LARGER, "cannot hold 32 x 16 pixels"),
        (IMAGE_TOML + IMAGE_TOML[IMAGE_TOML.index("[[input]]") :], r"2 \[\[input\]\] for a model with 1"),
        (WINDOW_TOML, "cannot hold a window of 8 rows and 2 columns"),
        (DETECTION_TOML, "no output of the model is left for"),
    ],
)
def test_a_pipeline_that_does_not_fit_the_model(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=rf"^pipeline\.toml: .*{message}"):
        resolve_pipeline(file(text), (IMAGE_TENSOR,), (LOGITS,))


def test_a_type_that_does_not_fit_and_one_that_is_wished_for() -> None:
    image = replace(IMAGE_TENSOR, dtype="uint8")
    with pytest.raises(SettingsError, match=r"dtype is float32, the model's input `image` takes uint8"):
        resolve_pipeline(file(FLOAT), (image,), (LOGITS,))
    # The converted model may take integers where this one takes floats.
    assert resolve_pipeline(file(TYPED), (IMAGE_TENSOR,), (LOGITS,)).input[0].dtype == "float32"


def test_the_type_of_an_output_that_is_wished_for() -> None:
    typed = f'{IMAGE_TOML}[output]\ndtype = "int8"\n'
    assert resolve_pipeline(file(typed), (IMAGE_TENSOR,), (LOGITS,)).output.dtype == "auto"
    stored = replace(LOGITS, dtype="int8")
    assert resolve_pipeline(file(typed), (IMAGE_TENSOR,), (stored,)).output.dtype == "int8"
    with pytest.raises(
        SettingsError, match=r"output\.dtype is float32, the model's output `logits` is of int8"
    ):
        resolve_pipeline(file(typed.replace('"int8"', '"float32"')), (IMAGE_TENSOR,), (stored,))


def test_a_label_count_that_does_not_fit() -> None:
    with pytest.raises(SettingsError, match=r"^pipeline.toml: there are 2 labels for a model of 3 classes"):
        resolve_pipeline(file(IMAGE_TOML, ("a", "b")), (IMAGE_TENSOR,), (LOGITS,))
