"""Golden data: packing, comparing, and telling a bad device from a good one."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeinfer.bundle.golden import (
    Golden,
    check_golden,
    dump_golden,
    golden_faults,
    pack_golden,
    parse_golden,
    sqnr_db,
    unpack,
)
from edgeinfer.bundle.manifest import GOLDEN_NAME
from edgeinfer.bundle.reader import Bundle, open_bundle
from edgeinfer.errors import DataError, FormatError, ModelError
from edgeinfer.frames import DTYPES, Array, Quantization, TensorInfo
from edgeinfer.strict import replace
from tests.fixtures.bundles import Signed

FLOATS = st.floats(-1e6, 1e6, width=32)
ARRAYS = hnp.arrays(
    np.float32, hnp.array_shapes(max_dims=3, max_side=5), elements=st.floats(-1e6, 1e6, width=32)
)


@dataclass
class Replay:
    """A backend that gives the expected outputs of each sample in turn, changed as a test wants."""

    bundle: Bundle
    factor: float = 1.0
    noise: float = 0.0
    renamed: str = "logits"
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        return self.bundle.manifest.model.inputs

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        return self.bundle.manifest.model.outputs

    def run(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        expected = self.bundle.golden_outputs()["logits"][len(self.shapes)]
        self.shapes.append(tensors["image"].shape)
        return {self.renamed: expected * self.factor + self.noise * np.sign(expected)}

    def __enter__(self) -> Replay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


@pytest.fixture
def bundle(classifier: Signed) -> Bundle:
    return open_bundle(classifier.path, classifier.trust)


def test_the_same_outputs_pass(bundle: Bundle) -> None:
    backend = Replay(bundle)
    report = check_golden(bundle, backend)
    assert (report.sqnr_db, report.same_top_class, report.passed) == ({"logits": math.inf}, True, True)
    assert backend.shapes == [(1, 3, 16, 16)] * 2


def test_noise_is_measured_in_decibel(bundle: Bundle) -> None:
    report = check_golden(bundle, Replay(bundle, factor=1.001))
    assert report.sqnr_db["logits"] == pytest.approx(60.0, abs=0.1)
    assert not check_golden(bundle, Replay(bundle, factor=1.1)).passed


def test_another_class_fails_whatever_the_noise(bundle: Bundle) -> None:
    assert bundle.golden is not None
    loose = replace_golden(bundle, min_sqnr_db=-100.0)
    report = check_golden(loose, Replay(bundle, factor=-1.0))
    assert report.sqnr_db["logits"] == pytest.approx(-6.02, abs=0.01)
    assert not report.same_top_class
    assert not report.passed
    assert check_golden(replace_golden(loose, same_top_class=False), Replay(bundle, factor=-1.0)).passed


@pytest.mark.parametrize("zero_point", [0, -128, 90])
def test_integers_are_compared_by_what_they_stand_for(bundle: Bundle, zero_point: int) -> None:
    """Scores near zero are stored near -128: a signal that has no meaning must not drown the noise."""
    steps = Quantization(scale=1 / 256, zero_point=zero_point)
    outputs = tuple(replace(one, quantization=steps) for one in bundle.manifest.model.outputs)
    model = replace(bundle.manifest.model, outputs=outputs)
    stored = dataclasses.replace(bundle, manifest=replace(bundle.manifest, model=model))
    expected = bundle.golden_outputs()["logits"].astype(np.float64)
    report = check_golden(stored, Replay(bundle, factor=1.001))
    ratio = np.square(expected - zero_point).sum() / np.square(expected * 0.001).sum()
    assert report.sqnr_db["logits"] == pytest.approx(10 * math.log10(ratio), abs=0.1)


def test_a_batch_axis_may_be_left_out(bundle: Bundle) -> None:
    assert bundle.golden is not None
    tensor = replace(bundle.golden.inputs[0], shape=(3, 16, 16))
    backend = Replay(bundle)
    assert check_golden(replace_golden(bundle, inputs=(tensor,)), backend).passed
    assert backend.shapes == [(1, 3, 16, 16)] * 2


def test_an_output_that_is_not_there_is_named(bundle: Bundle) -> None:
    with pytest.raises(ModelError, match="no output `logits`"):
        check_golden(bundle, Replay(bundle, renamed="other"))


def test_a_bundle_without_golden_data_cannot_be_checked(small: Signed) -> None:
    bundle = open_bundle(small.path, small.trust)
    with pytest.raises(FormatError, match="no golden"):
        check_golden(bundle, Replay(bundle))


def replace_golden(bundle: Bundle, **changes: Any) -> Bundle:
    assert bundle.golden is not None
    return dataclasses.replace(bundle, golden=replace(bundle.golden, **changes))


@given(ARRAYS)
def test_equal_arrays_are_infinitely_near(array: Array) -> None:
    assert sqnr_db(array, array.copy()) == math.inf


@given(ARRAYS.filter(lambda array: bool(np.abs(array).max(initial=0) > 1e-3)), st.floats(1e-5, 10.0))
def test_sqnr_is_the_ratio_of_powers(array: Array, part: float) -> None:
    reference = array.astype(np.float64)
    assert sqnr_db(reference, reference * (1 + part)) == pytest.approx(-20 * math.log10(part), abs=0.01)


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1.0, 1e200, 1e300])
def test_sqnr_neither_overflows_nor_vanishes(scale: float) -> None:
    reference = np.array([1.0, -2.0]) * scale
    assert sqnr_db(reference, reference * 1.01) == pytest.approx(40.0, abs=0.01)


@pytest.mark.parametrize(
    ("reference", "other"),
    [
        ([1.0], [math.nan]),
        ([math.inf], [1.0]),
        ([0.0, 0.0], [0.0, 1.0]),
        ([1.0, 2.0], [1.0]),
    ],
)
def test_what_cannot_be_compared_is_infinitely_far(reference: list[float], other: list[float]) -> None:
    assert sqnr_db(np.array(reference), np.array(other)) == -math.inf


def test_the_same_not_a_number_is_equal() -> None:
    assert sqnr_db(np.array([math.nan, 1.0]), np.array([math.nan, 1.0])) == math.inf
    assert sqnr_db(np.array([]), np.array([])) == math.inf


@given(
    st.sampled_from(sorted(DTYPES)).flatmap(
        lambda name: hnp.arrays(DTYPES[name], hnp.array_shapes(min_dims=1, max_dims=4, max_side=4))
    )
)
def test_unpacking_undoes_packing(array: Array) -> None:
    members = pack_golden({"x": array}, {"y": array}, min_sqnr_db=30.0, same_top_class=False)
    golden = parse_golden(members[GOLDEN_NAME])
    for tensor in (*golden.inputs, *golden.outputs):
        found = unpack(tensor, golden.samples, members[tensor.file])
        assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_bytes_are_little_endian_in_c_order() -> None:
    array = np.array([[1, 2], [3, 4]], dtype=">i2")
    members = pack_golden({"x": array.T}, {"y": array}, min_sqnr_db=0.0, same_top_class=False)
    assert members["golden/input-0.bin"] == b"\1\0\3\0\2\0\4\0"
    assert members["golden/output-0.bin"] == b"\1\0\2\0\3\0\4\0"


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ({"x": np.zeros((2, 1))}, {"y": np.zeros((3, 1))}),
        ({"x": np.zeros((0, 1))}, {"y": np.zeros((0, 1))}),
        ({"x": np.float32(1)}, {"y": np.float32(1)}),
        ({"x": np.zeros((1, 1), object)}, {"y": np.zeros((1, 1))}),
        ({"x": np.zeros((1, 1), "U3")}, {"y": np.zeros((1, 1))}),
        ({}, {}),
    ],
)
def test_arrays_that_do_not_fit_are_refused(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="golden array"):
        pack_golden(inputs, outputs, min_sqnr_db=0.0, same_top_class=False)


@given(st.binary(max_size=99))
def test_garbage_raises_only_format_errors(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_golden(data)


def test_parsing_undoes_dumping(bundle: Bundle) -> None:
    assert bundle.golden is not None
    assert parse_golden(dump_golden(bundle.golden)) == bundle.golden


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"name": "other"}, "not those of the model"),
        ({"dtype": "object"}, "not the model's dtype"),
        ({"dtype": "int8"}, "not the model's dtype"),
        ({"shape": [1, 3, 16, 17]}, "does not hold"),
        ({"shape": [2**31 - 1] * 16}, "does not hold"),
        ({"file": "model.onnx"}, "does not hold"),
        ({"file": "../../etc/passwd"}, "does not hold"),
    ],
)
def test_faults_of_a_golden_file_are_named(bundle: Bundle, changes: dict[str, Any], text: str) -> None:
    table = json.loads(bundle.read(GOLDEN_NAME))
    table["inputs"][0].update(changes)
    golden = parse_golden(json.dumps(table).encode())
    assert any(text in fault for fault in golden_faults(golden, bundle.manifest))


@pytest.mark.parametrize(
    "changes", [{"samples": 0}, {"samples": 1025}, {"inputs": []}, {"outputs": []}, {"x": 1}]
)
def test_limits_of_a_golden_file(bundle: Bundle, changes: dict[str, Any]) -> None:
    table = json.loads(bundle.read(GOLDEN_NAME))
    with pytest.raises(FormatError, match=r"golden\.json"):
        parse_golden(json.dumps({**table, **changes}).encode())


def test_an_array_of_nothing_has_sides_that_numpy_can_multiply(bundle: Bundle) -> None:
    table = json.loads(bundle.read(GOLDEN_NAME))
    file = table["outputs"][0]["file"]
    entries = [replace(one, size=0) if one.path == file else one for one in bundle.manifest.files]
    manifest = replace(bundle.manifest, files=tuple(entries))
    for shape, refused in (([1, 0], False), ([2**31 - 1, 2**31 - 1, 2**31 - 1, 0], True)):
        table["outputs"][0]["shape"] = shape
        golden = parse_golden(json.dumps(table).encode())
        assert any("does not hold" in fault for fault in golden_faults(golden, manifest)) == refused
        if not refused:
            assert unpack(golden.outputs[0], golden.samples, b"").shape == (2, 1, 0)


def test_golden_is_a_value(bundle: Bundle) -> None:
    assert isinstance(bundle.golden, Golden)
