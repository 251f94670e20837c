"""Inputs for each float model of a zoo that the test makes up."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import onnx
import pytest

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.prepare import prepare
from edgeinfer_converters.sources.source import serialized
from scripts.tflite.flatbuffer import quantized_graph
from scripts.tflite.material import float_models, real_inputs, spectrogram_windows, task_of
from tests.fixtures.models import image_classifier
from tests.fixtures.tflite_graphs import network


@pytest.fixture
def zoo(tmp_path: Path) -> Any:
    (tmp_path / "models" / "a").mkdir(parents=True)
    calibration = np.arange(24, dtype=np.float32).reshape(4, 6)
    return SimpleNamespace(
        folder=tmp_path,
        float_model=lambda task: tmp_path / "models" / f"{task}.onnx",
        calibration=lambda task: calibration,
    )


def test_float_models_are_those_without_integers(zoo: Any) -> None:
    folder = zoo.folder / "models" / "a"
    onnx.save(image_classifier(), folder / "float.onnx")
    (folder / "float.tflite").write_bytes(network())
    prepared = prepare(image_classifier(), max_opset=17, max_ir_version=9)
    samples = np.random.default_rng(0).normal(size=(4, 3, 16, 16)).astype(np.float32)
    (folder / "int8.onnx").write_bytes(serialized(quantized_graph(prepared, samples)))
    (folder / "float.onnx.json").write_text("{}")
    (folder / "other.h5").write_bytes(b"")
    assert [one.name for one in float_models(zoo)] == ["float.onnx", "float.tflite"]


def test_a_model_that_cannot_be_read_is_kept_for_its_fault(zoo: Any) -> None:
    (zoo.folder / "models" / "a" / "broken.onnx").write_bytes(b"no model")
    assert [one.name for one in float_models(zoo)] == ["broken.onnx"]


def test_both_formats_of_a_network_share_its_data(zoo: Any) -> None:
    assert task_of(zoo, Path("resnet8.tflite")) == "resnet8"
    assert task_of(zoo, Path("other.tflite")) is None
    found = real_inputs(zoo, Path("resnet8.tflite"), (1, 2, 3), 3)
    assert found.shape == (3, 2, 3)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.reshape(-1), np.arange(18))


def test_windows_of_a_spectrogram_move_by_a_frame(zoo: Any) -> None:
    folder = zoo.folder / "datasets" / "ad"
    folder.mkdir(parents=True)
    recording = np.arange(7 * 128, dtype="<f4")
    recording.tofile(folder / "one.bin")
    windows = spectrogram_windows(zoo.folder)
    assert windows.shape == (3, 640)
    for number, window in enumerate(windows):
        np.testing.assert_array_equal(window, recording[number * 128 : number * 128 + 640])
    np.testing.assert_array_equal(real_inputs(zoo, Path("ad_toycar_x.onnx"), (1, 640), 2), windows[:2])


@pytest.mark.parametrize(("name", "scale"), [("mnist_cnn.onnx", 1), ("mnist_lstm.tflite", 255)])
def test_digits_have_the_scale_that_their_network_wants(zoo: Any, name: str, scale: int) -> None:
    folder = zoo.folder / "datasets" / "mnist"
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
    stored = gzip.compress(bytes(16) + pixels.tobytes())
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(stored)
    found = real_inputs(zoo, Path(name), (1, 1, 28, 28), 2)
    np.testing.assert_allclose(found[:, 0], pixels[:2] / scale, rtol=1e-6)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(("scale", "unit"), [(None, 1), ("x/255", 255)])
def test_pictures_are_preprocessed_as_the_model_says(
    zoo: Any, first: bool, scale: str | None, unit: int
) -> None:
    model = zoo.folder / "models" / "a" / "faces.onnx"
    mean, std = [10.0, 20.0, 30.0], [2.0, 4.0, 5.0]
    facts = {"mean": mean, "std": std, "scale": scale or ""}
    model.with_name("faces.onnx.json").write_text(json.dumps(facts))
    pictures = zoo.folder / "datasets" / "images"
    pictures.mkdir(parents=True)
    cv2.imwrite(str(pictures / "a.png"), np.full((5, 4, 3), (3, 2, 1), np.uint8))  # blue, green, red
    (pictures / "b.txt").write_text("no picture")
    found = real_inputs(zoo, model, (1, 3, 8, 6) if first else (1, 8, 6, 3), 5)
    assert found.shape == ((1, 3, 8, 6) if first else (1, 8, 6, 3))
    color = found[0, :, 0, 0] if first else found[0, 0, 0]
    np.testing.assert_allclose(color, (np.array([1, 2, 3]) / unit - mean) / std, rtol=1e-5)


def test_without_data_it_is_said(zoo: Any) -> None:
    with pytest.raises(ModelError, match="no data for inputs of shape"):
        real_inputs(zoo, Path("other.onnx"), (1, 7), 2)
