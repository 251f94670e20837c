"""The shipped model: what metrics.json says of it is true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from edgeinfer.frames import TensorInfo
from edgeinfer.processing.preprocess import build_preprocessor
from edgeinfer.processing.spec import ClassificationOutput, ImageInput, parse_pipeline_toml
from scripts.parts.dataset import confusion, shrink, to_tensor
from scripts.parts.draw import LABELS, SPLIT_SEEDS, draw
from scripts.parts.material import HERE

MODEL = HERE / "parts.onnx"
MAX_BYTES = 150_000
SLACK = 2  # pictures that another version of OpenCV or NumPy may draw, or another CPU judge, differently


@pytest.fixture(scope="module")
def metrics() -> dict[str, Any]:
    table: dict[str, Any] = json.loads((HERE / "metrics.json").read_text(encoding="utf-8"))
    return table


def test_it_is_small_and_has_the_shape_that_the_pipeline_says() -> None:
    assert MODEL.stat().st_size <= MAX_BYTES
    graph = onnx.load(MODEL).graph
    shapes = [
        [side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in (graph.input[0], graph.output[0])
    ]
    assert shapes == [[1, 3, 96, 128], [1, len(LABELS)]]


def test_it_holds_nothing_of_the_machine_that_trained_it() -> None:
    model = onnx.load(MODEL)
    assert not model.metadata_props
    assert not model.doc_string
    assert not any(node.doc_string or node.metadata_props for node in model.graph.node)
    assert str(Path.home()).encode() not in MODEL.read_bytes()


def test_the_accuracy_on_heldout_pictures_is_as_stated(metrics: dict[str, Any]) -> None:
    first = metrics["heldout_first"]
    session = onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])
    right = 0
    for index in range(first["count"]):
        image, label = draw("heldout", index)
        logits = session.run(None, {"image": to_tensor(shrink(image)[None])})[0]
        right += LABELS[int(logits.argmax())] == label
    assert abs(right - first["correct"]) <= SLACK


def test_the_stated_numbers_agree_with_each_other(metrics: dict[str, Any]) -> None:
    heldout = metrics["heldout"]
    table = np.array(heldout["confusion"])
    assert table.sum() == heldout["count"]
    assert heldout["accuracy"] == pytest.approx(np.trace(table) / table.sum(), abs=5e-5)
    assert heldout["split_seed"] == SPLIT_SEEDS["heldout"]
    assert metrics["labels"] == list(LABELS)
    weights = onnx.load(MODEL).graph.initializer
    assert metrics["parameters"] == sum(int(np.prod(one.dims)) for one in weights)


def test_the_docs_state_the_measured_accuracy(metrics: dict[str, Any]) -> None:
    heldout = metrics["heldout"]
    docs = (HERE.parents[1] / "docs" / "demo.md").read_text(encoding="utf-8")
    assert f"{heldout['accuracy']:.1%} of {heldout['count']} held-out pictures" in " ".join(docs.split())
    assert heldout["accuracy"] >= 0.95


def test_labels_and_pipeline_are_those_of_the_drawings() -> None:
    assert (HERE / "labels.txt").read_text(encoding="utf-8").split() == list(LABELS)
    spec = parse_pipeline_toml((HERE / "pipeline.toml").read_bytes(), "pipeline.toml")
    assert spec.model.labels == "labels.txt"
    assert spec.output == ClassificationOutput()


def test_the_device_prepares_pictures_as_the_training_did() -> None:
    spec = parse_pipeline_toml((HERE / "pipeline.toml").read_bytes(), "pipeline.toml").input[0]
    assert isinstance(spec, ImageInput)
    image, _ = draw("evaluate", 1)
    prepared = build_preprocessor(spec, TensorInfo(name="image", dtype="float32", shape=(1, 3, 96, 128)))(
        image
    )
    np.testing.assert_allclose(prepared.tensor, to_tensor(shrink(image)[None]), atol=1e-6)


def test_confusion_has_truth_in_rows() -> None:
    table = confusion(np.array([0, 0, 1, 3]), np.array([0, 1, 1, 3]))
    assert table[0].tolist() == [1, 1, 0, 0]
    assert np.trace(table) == 3
