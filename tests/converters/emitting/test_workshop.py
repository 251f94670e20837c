"""What is calibrated and made with a workshop: once, and by the aims of its format."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer.errors import DataError
from edgeinfer.host import detect_host
from edgeinfer.profile import load_profile
from edgeinfer.strict import replace
from edgeinfer_converters.building.resolve import PipelineFile, resolve_pipeline
from edgeinfer_converters.calibration.int8 import Aims, Calibration, Inputs, Int8Model, Progress, to_int8
from edgeinfer_converters.emitting import workshop
from edgeinfer_converters.emitting.data import open_data
from edgeinfer_converters.emitting.workshop import TFLITE_INTEGER, Workshop, inputs_of
from edgeinfer_converters.judging.local import local_options
from edgeinfer_converters.quantize.noise import noise_meter
from edgeinfer_converters.quantize.ranges import CHOICES, Ranges
from edgeinfer_converters.shelf import shelve
from edgeinfer_converters.sources.source import prepared_graph, read_source, serialized
from edgeinfer_converters.tflite.forms import Forms
from tests.fixtures.data import IMAGE_TENSOR, IMAGE_TOML, pipeline
from tests.fixtures.models import image_classifier

LABELS = ("cat", "dog", "owl")
PI = load_profile("raspberry-pi-4")
RUNTIME = PI.runtime[-1]


def a_workshop(folder: Path, *, calibrated: bool = True, max_drop: float = 0.01) -> Workshop:
    onnx.save(image_classifier(), folder / "m.onnx")
    source = read_source(folder / "m.onnx")
    spec = resolve_pipeline(
        PipelineFile(folder / "p.toml", pipeline(IMAGE_TOML), LABELS),
        (IMAGE_TENSOR,),
        (replace(IMAGE_TENSOR, name="logits", shape=(1, 3)),),
    )
    path = None
    if calibrated:
        path = folder / "cal.npz"
        rng = np.random.default_rng(0)
        np.savez(path, image=rng.normal(0, 1, (20, 3, 16, 16)).astype(np.float32))
    data = open_data(path, None, spec, LABELS, (IMAGE_TENSOR,), effort="default", seed=0)
    prepared = shelve(serialized(prepared_graph(source, RUNTIME)))
    return Workshop(source, prepared, spec, LABELS, PI, detect_host(), data, max_drop, timed=False)


def test_high_effort_takes_the_rule_with_the_least_noise_on_held_out_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = dataclasses.replace(a_workshop(tmp_path), effort="high")
    assert shop.graph is not None
    tried: dict[tuple[str, bool], Int8Model] = {}

    def remembered(
        calibration: Calibration, inputs: Inputs, count: int, aims: Aims, steps: Progress
    ) -> Int8Model:
        made = to_int8(calibration, inputs, count, aims, steps)
        tried[aims.method, aims.refine] = made
        return made

    monkeypatch.setattr(workshop, "to_int8", remembered)
    found = shop.int8()
    meter = noise_meter(shop.graph, [sample.inputs for sample in shop.data.verification])
    noise = {aims: meter.of_model(one.quantized) for aims, one in tried.items()}
    best = min(sorted(CHOICES), key=lambda method: noise[method, False])
    assert sorted(tried) == sorted([*((method, False) for method in CHOICES), (best, True)])
    chosen = tried[best, noise[best, True] < noise[best, False]]
    assert found.quantized is chosen.quantized
    assert found.reasons[0][0] == f"ranges by {best}"


def test_default_effort_tries_one_rule(tmp_path: Path) -> None:
    shop = a_workshop(tmp_path)
    assert shop.graph is not None
    assert not any("rules" in why for _, why in shop.int8().reasons)


def test_what_divides_no_gate_is_calibrated_once(tmp_path: Path) -> None:
    """This network has no gates: both ask for the same."""
    shop = a_workshop(tmp_path)
    plain = shop.calibration()
    assert not plain.divided
    assert shop.calibration(thrifty=True) is plain


def test_what_divides_a_gate_is_calibrated_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one that needs it: the plain form may have more multiply-accumulates."""
    made = [Calibration(shelve(b""), Ranges({}, 1), divided=1) for _ in range(2)]
    monkeypatch.setattr("edgeinfer_converters.emitting.workshop.calibrate", lambda *_, thrifty: made[thrifty])
    shop = a_workshop(tmp_path)
    assert shop.calibration() is made[False]
    assert shop.calibration(thrifty=True) is made[True]


def test_mixed_is_made_from_gates_that_need_it_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def calibrated(*_: object, thrifty: bool) -> Calibration:
        asked.append(thrifty)
        return Calibration(shelve(b""), Ranges({}, 1), divided=1 if thrifty else 3)

    monkeypatch.setattr("edgeinfer_converters.emitting.workshop.calibrate", calibrated)
    shop = a_workshop(tmp_path)
    assert shop.calibration().divided == 3
    assert shop.calibration(thrifty=True).divided == 1
    assert shop.calibration(thrifty=True) is shop.calibration(thrifty=True)
    assert asked == [False, True]
    used: list[Calibration] = []
    monkeypatch.setattr(
        "edgeinfer_converters.emitting.workshop.to_int8", lambda found, *_: used.append(found)
    )
    shop.int8(0.05)
    shop.int8()
    assert [one.divided for one in used] == [1, 3]


def test_without_data_nothing_is_calibrated(tmp_path: Path) -> None:
    shop = a_workshop(tmp_path, calibrated=False)
    with pytest.raises(DataError, match="needs calibration data"):
        shop.calibration()
    with pytest.raises(DataError, match="needs calibration data"):
        shop.int8()
    assert shop.calibrated_on is None


def test_what_is_packed_as_it_is_has_no_graph_and_is_not_quantized(tmp_path: Path) -> None:
    shop = dataclasses.replace(a_workshop(tmp_path), prepared=None)
    assert shop.graph is None
    with pytest.raises(DataError):
        shop.int8()


def test_speed_is_compared_with_the_graph_that_has_all_channels(tmp_path: Path) -> None:
    shop = a_workshop(tmp_path)
    assert shop.graph == shop.whole_graph
    whole = onnx.ModelProto(producer_name="before pruning")
    pruned = dataclasses.replace(shop, unpruned=shelve(serialized(whole)))
    assert pruned.whole_graph == whole
    assert pruned.graph == shop.graph


def test_for_another_graph_it_is_calibrated_anew(tmp_path: Path) -> None:
    shop = a_workshop(tmp_path)
    learnt = shop.calibration()
    other = shop.afresh()
    assert other.calibrated_on is None
    assert shop.calibration() is learnt
    assert other.calibration() is not learnt


def test_models_run_here_as_on_this_host(tmp_path: Path) -> None:
    shop = a_workshop(tmp_path)
    assert shop.options == local_options(shop.profile, shop.host)


def test_each_format_has_its_own_integers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Aims] = []

    def remembered(calibration: Calibration, inputs: Inputs, count: int, aims: Aims, _: Progress) -> None:
        asked.append(aims)

    monkeypatch.setattr(workshop, "to_int8", remembered)
    shop = a_workshop(tmp_path)
    shop.int8(0.25)
    dataclasses.replace(shop, model_format="tflite").int8()
    onnx_aims, tflite_aims = asked
    assert (onnx_aims.integer, onnx_aims.float_share) == (PI.integer, 0.25)
    assert not onnx_aims.integer_results
    assert (tflite_aims.integer, tflite_aims.float_share) == (TFLITE_INTEGER, 0.0)
    assert tflite_aims.integer_results


def test_a_file_gives_integers_where_they_are_wanted(tmp_path: Path) -> None:
    shop = dataclasses.replace(a_workshop(tmp_path), model_format="tflite")
    wanted = dataclasses.replace(shop, forms=Forms(integers={"logits": "int8"}))
    dtypes = []
    for one in (shop, wanted):
        file = one.write(one.tailed(one.int8()))
        with open_backend(file.data, "tflite", BackendOptions()) as backend:
            dtypes.append((backend.inputs[0].dtype, backend.outputs[0].dtype))
    assert dtypes == [("float32", "float32"), ("float32", "int8")]


def test_the_inputs_alone_are_handed_on(tmp_path: Path) -> None:
    samples = a_workshop(tmp_path).data.calibration
    assert samples is not None
    found = list(inputs_of(samples))
    assert len(found) == len(samples)
    assert all(one.keys() == {"image"} for one in found)
