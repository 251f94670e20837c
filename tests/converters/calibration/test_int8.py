"""The steps of post-training quantization together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from edgeinfer.profile import Integer
from edgeinfer_converters.calibration import resume
from edgeinfer_converters.calibration.int8 import Aims, Int8Model, calibrate, to_int8
from edgeinfer_converters.quantize.divided import Divided
from edgeinfer_converters.quantize.reach import NARROW
from edgeinfer_converters.quantize.share import integer_share
from edgeinfer_converters.shelf import shelve
from edgeinfer_converters.sources.source import serialized
from tests.fixtures.graphs import GRAPHS, ranges_of, run, samples_of, sqnr_db
from tests.fixtures.steps import Steps

FORMS = {
    "u8": Integer(activation="uint8"),
    "s8": Integer(activation="int8"),
    "symmetric": Integer(activation="int8", symmetric_activation=True),
    "reduced": Integer(activation="uint8", reduce_range=True),
    "per-tensor": Integer(activation="int8", per_channel=False),
}


def converted(model: onnx.ModelProto, integer: Integer, count: int = 12) -> onnx.ModelProto:
    return int8_of(model, count, Aims(integer), Steps()).quantized


def int8_of(model: onnx.ModelProto, count: int, aims: Aims, steps: Steps) -> Int8Model:
    def inputs() -> Iterator[dict[str, np.ndarray]]:
        return samples_of(model, count)

    return to_int8(calibrate(shelve(serialized(model)), inputs, count, steps), inputs, count, aims, steps)


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_close_to_float_and_wholly_integer(name: str, form: str) -> None:
    model = GRAPHS[name]()
    before = model.SerializeToString(deterministic=True)
    result = converted(model, FORMS[form])
    onnx.checker.check_model(result, full_check=True)
    # A symmetric form keeps its ReLUs: only TensorRT, which it is for, computes them in integers.
    assert integer_share(result).share == 1.0 or form == "symmetric"
    (sample,) = samples_of(model, 1, seed=7)
    assert sqnr_db(run(model, sample)[0], run(result, sample)[0]) > 17
    assert model.SerializeToString(deterministic=True) == before


def test_a_single_sample_is_enough() -> None:
    model = GRAPHS["residual"]()
    assert integer_share(converted(model, FORMS["u8"], 1)).share == 1.0


def test_every_step_says_what_it_does() -> None:
    model, steps = GRAPHS["classifier"](), Steps()
    int8_of(model, 3, Aims(FORMS["u8"]), steps)
    assert steps.seen == {"equalizing channels": 3, "calibrating": 3, "correcting biases": 3}


def test_the_same_bytes_with_any_number_of_threads(tmp_path: Path) -> None:
    code = (
        "import sys, contextlib\n"
        "from tests.converters.calibration.test_int8 import FORMS, GRAPHS, converted\n"
        "model = converted(GRAPHS['residual'](), FORMS['u8'])\n"
        "open(sys.argv[1], 'wb').write(model.SerializeToString(deterministic=True))\n"
    )
    written = []
    for threads in ("1", "2"):
        target = tmp_path / threads
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        environment["PYTHONPATH"] = os.pathsep.join([*sys.path, str(Path(__file__).parents[2])])
        subprocess.run([sys.executable, "-c", code, str(target)], env=environment, check=True)
        written.append(target.read_bytes())
    assert written[0] == written[1]


def test_ranges_without_gram_matrices_round_to_nearest() -> None:
    assert ranges_of(GRAPHS["residual"]()).grams == {}


def test_an_interrupted_calibration_gives_the_same_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume, "MIN_S", 0.0)
    model, aims = GRAPHS["residual"](), Aims(FORMS["u8"])
    prepared = shelve(serialized(model))
    steps = Steps()
    pressed: list[int] = []

    def inputs() -> Iterator[dict[str, np.ndarray]]:
        for number, sample in enumerate(samples_of(model, 12), 1):
            if "calibrating" in steps.seen and number == 7 and not pressed:
                pressed.append(number)
                signal.raise_signal(signal.SIGINT)
            yield sample

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt):
        calibrate(prepared, inputs, 12, steps, tmp_path)
    signal.signal(signal.SIGINT, before)
    assert len(list(tmp_path.iterdir())) == 1
    calibration = calibrate(prepared, inputs, 12, Steps(), tmp_path)
    assert list(tmp_path.iterdir()) == []
    resumed = to_int8(calibration, inputs, 12, aims, Steps())
    assert serialized(resumed.quantized) == serialized(int8_of(model, 12, aims, Steps()).quantized)


@pytest.mark.parametrize(("count", "said"), [(0, []), (1, ["an uneven gate"]), (3, ["3 uneven gates"])])
def test_divided_gates_are_told_of(count: int, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    model = GRAPHS["bottlenecks"]()
    asked: list[bool] = []

    def inputs() -> Iterator[dict[str, np.ndarray]]:
        return samples_of(model, 8)

    def divide(graph: onnx.ModelProto, _: object, *, thrifty: bool) -> Divided:
        asked.append(thrifty)
        return Divided(graph, count)

    monkeypatch.setattr("edgeinfer_converters.calibration.int8.divide_gates", divide)
    for thrifty in (False, True):
        found = calibrate(shelve(serialized(model)), inputs, 8, Steps(), thrifty=thrifty)
        assert found.divided == count
        made = to_int8(found, inputs, 8, Aims(FORMS["u8"]), Steps())
        assert [what for what, _ in made.reasons] == [f"{one} divided by channel" for one in said]
    assert asked == [False, True]


def test_refining_ranges_needs_samples_to_judge_on() -> None:
    model = GRAPHS["residual"]()
    plain, refining = Aims(FORMS["s8"]), Aims(FORMS["s8"], refine=True)
    for count, looked in ((15, False), (40, True)):
        steps = Steps()
        refined = int8_of(model, count, refining, steps)
        assert ("refining ranges" in steps.seen) == looked
        if not looked:
            assert refined == int8_of(model, count, plain, Steps())


def of_many(seed: int, count: int = 48, **aims: Any) -> tuple[Int8Model, Steps]:
    """An int8 classifier, and the steps that it took."""
    model, steps = GRAPHS["classifier"](), Steps()

    def inputs() -> Iterator[dict[str, np.ndarray]]:
        return samples_of(model, count, seed)

    calibration = calibrate(shelve(serialized(model)), inputs, count, steps)
    return to_int8(calibration, inputs, count, Aims(FORMS["u8"], **aims), steps), steps


def test_ranges_reach_as_far_as_new_samples_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of a hundred new samples go beyond what 48 have shown, and a pool adds up what is cut off."""
    model = GRAPHS["classifier"]()
    new = list(samples_of(model, 100, seed=11))
    wanted = np.concatenate([run(model, sample)[0] for sample in new])

    def sqnr_of_new(made: Int8Model) -> float:
        return sqnr_db(wanted, np.concatenate([run(made.quantized, sample)[0] for sample in new]))

    reaching = [of_many(seed)[0] for seed in (1, 2, 3)]
    monkeypatch.setattr("edgeinfer_converters.calibration.int8.choose_reach", lambda _: NARROW)
    narrow = [of_many(seed)[0] for seed in (1, 2, 3)]
    gains = [sqnr_of_new(far) - sqnr_of_new(near) for far, near in zip(reaching, narrow, strict=True)]
    assert np.mean(gains) > 1
    assert min(gains) > -0.5
    widened = [any(what.startswith("ranges ") for what, _ in far.reasons) for far in reaching]
    assert widened == [gain != 0 for gain in gains]


@pytest.mark.parametrize(("count", "aims"), [(15, {}), (48, {"method": "minmax"})])
def test_ranges_are_compared_where_there_is_a_choice_and_samples_enough(
    count: int, aims: dict[str, Any]
) -> None:
    assert "comparing ranges" not in of_many(1, count, **aims)[1].seen
    assert "comparing ranges" in of_many(1)[1].seen
