"""Golden data: which samples, how many, and how near is near."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edgeinfer.backends.fake import FakeBackend
from edgeinfer.bundle.golden import parse_golden
from edgeinfer.frames import TensorInfo
from edgeinfer.processing.spec import PipelineSpec
from edgeinfer_converters.emitting.choose import Emitted
from edgeinfer_converters.emitting.golden import golden_members, made_up_samples, tolerance_db
from edgeinfer_converters.samples import Sample
from tests.fixtures.data import (
    DETECTION_TOML,
    IMAGE_TENSOR,
    IMAGE_TOML,
    WINDOW_TENSOR,
    WINDOW_TOML,
    pipeline,
)

X = TensorInfo(name="x", dtype="float32", shape=(1, 3))
Y = TensorInfo(name="y", dtype="float32", shape=(1, 3))
CLASSES = pipeline(IMAGE_TOML)
ANOMALY = pipeline(WINDOW_TOML)


def members(
    spec: PipelineSpec, rows: list[list[float]], *, model_bytes: int = 10**6
) -> tuple[dict[str, bytes], int]:
    backend = FakeBackend((X,), (Y,), lambda inputs: {"y": inputs["x"]})
    samples = [Sample(str(k), {"x": np.array([row], np.float32)}) for k, row in enumerate(rows)]
    return golden_members(backend, samples, spec, min_sqnr_db=12.5, model_bytes=model_bytes)


def rows_of(data: bytes) -> list[list[float]]:
    array = np.frombuffer(data, np.float32).reshape(-1, 3)
    return [[float(array[row, column]) for column in range(3)] for row in range(len(array))]


def test_the_clearest_samples_are_taken() -> None:
    rows: list[list[float]] = [[0, 1, 1.1], [0, 0, 9], [0, 5, 6], [3, 0, 0], [0, 2, 1], [0, 0, 1]]
    found, count = members(CLASSES, rows)
    # Lead over spread: 1, 1, 1, 0.5; a tie keeps the order of the data.
    assert count == 4
    assert rows_of(found["golden/input-0.bin"]) == [[0, 0, 9], [3, 0, 0], [0, 0, 1], [0, 2, 1]]
    golden = parse_golden(found["golden.json"])
    assert (golden.samples, golden.min_sqnr_db, golden.same_top_class) == (4, 12.5, True)
    assert golden.inputs[0].shape == (1, 3)


def test_other_tasks_take_the_first_samples() -> None:
    found, count = members(ANOMALY, [[float(k)] * 3 for k in range(9)])
    assert rows_of(found["golden/output-0.bin"]) == [[k] * 3 for k in range(4)]
    assert count == 4
    assert json.loads(found["golden.json"])["same_top_class"] is False


def test_only_so_many_candidates_are_looked_at() -> None:
    rows = [[1.0, 0.9, 0.0]] * 16 + [[9.0, 0.0, 0.0]]
    found, _ = members(CLASSES, rows)
    assert [9.0, 0.0, 0.0] not in rows_of(found["golden/input-0.bin"])


@pytest.mark.parametrize(
    ("side", "model_bytes", "count"), [(10**4, 10**4, 1), (10**4, 10**6, 3), (10, 10, 4)]
)
def test_golden_data_stay_small_beside_the_model(side: int, model_bytes: int, count: int) -> None:
    tensor = TensorInfo(name="x", dtype="float32", shape=(1, side))
    output = TensorInfo(name="y", dtype="float32", shape=(1, side))
    backend = FakeBackend((tensor,), (output,), lambda inputs: {"y": inputs["x"]})
    samples = [Sample(str(k), {"x": np.full((1, side), k, np.float32)}) for k in range(6)]
    _, found = golden_members(backend, samples, ANOMALY, min_sqnr_db=1.0, model_bytes=model_bytes)
    assert found == count


@pytest.mark.parametrize(
    ("precision", "measured_db", "tolerance"),
    [
        ("float32", 140.0, 40.0),
        ("float16", 62.0, 40.0),
        ("int8", 21.3, 15.3),
        ("int8", 4.0, 0.0),
        ("as-is", None, 20.0),
    ],
)
def test_tolerances(precision: Emitted, measured_db: float | None, tolerance: float) -> None:
    assert tolerance_db(precision, CLASSES, measured_db) == tolerance


def test_lists_of_boxes_may_change_places() -> None:
    assert tolerance_db("as-is", pipeline(DETECTION_TOML), None) == 0.0


def test_made_up_samples_are_always_the_same() -> None:
    first = list(made_up_samples(CLASSES, (IMAGE_TENSOR,), 3))
    second = list(made_up_samples(CLASSES, (IMAGE_TENSOR,), 3))
    assert len(first) == 3
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.inputs["image"], other.inputs["image"])
        assert one.inputs["image"].shape == (1, 3, 16, 16)
        assert one.geometry is not None
    assert not np.array_equal(first[0].inputs["image"], first[1].inputs["image"])


def test_made_up_windows_are_normalized_noise() -> None:
    text = WINDOW_TOML.replace("stride = 4", "stride = 4\nmean = [100.0, 5.0]\nstd = [7.0, 0.5]")
    (sample,) = made_up_samples(pipeline(text), (WINDOW_TENSOR,), 1)
    assert abs(float(sample.inputs["window"].mean())) < 1.0
    assert 0.3 < float(sample.inputs["window"].std()) < 2.0


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8", "bool"])
def test_made_up_tensors_have_the_models_type_and_shape(dtype: str) -> None:
    text = '[model]\nname = "x"\nversion = "1.0.0"\ntask = "raw"\n[[input]]\nkind = "tensor"\n'
    tensor = TensorInfo(name="ids", dtype=dtype, shape=(-1, 4))
    (sample,) = made_up_samples(pipeline(text), (tensor,), 1)
    assert sample.inputs["ids"].shape == (1, 4)
    assert sample.inputs["ids"].dtype.name == dtype
