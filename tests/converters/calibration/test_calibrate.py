"""Calibration."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from edgeinfer.errors import DataError, ModelError
from edgeinfer_converters.calibration import resume
from edgeinfer_converters.calibration.calibrate import observe
from edgeinfer_converters.calibration.checkpoint import Checkpoint, key_of
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize import hessian, relay
from edgeinfer_converters.quantize.placement import observed_tensors
from edgeinfer_converters.quantize.ranges import Ranges
from tests.fixtures.graphs import GRAPHS, classifier, run, samples_of


def quiet(_: int) -> None:
    return None


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_every_tensor_that_quantization_needs_is_observed(name: str) -> None:
    model = GRAPHS[name]()
    ranges = observe(model, samples_of(model, 3), total=3, progress=quiet)
    assert set(ranges.histograms) == set(observed_tensors(GraphView(model)))
    assert ranges.samples == 3


def test_the_values_are_those_of_the_graph() -> None:
    model = classifier()
    samples = list(samples_of(model, 4))
    ranges = observe(model, samples, total=4, progress=quiet)
    images = np.concatenate([sample["image"] for sample in samples])
    assert ranges.histograms["image"].minimum == images.min()
    assert ranges.histograms["image"].total == images.size
    probe = classifier()
    probe.graph.output.append(helper.make_tensor_value_info("p", 1, None))
    pooled = np.concatenate([run(probe, sample)[1] for sample in samples])
    assert ranges.histograms["p"].maximum == pytest.approx(float(pooled.max()), rel=1e-5)
    assert ranges.histograms["r1"].minimum == 0.0


def test_order_does_not_matter() -> None:
    model = classifier()
    samples = list(samples_of(model, 5))
    one = observe(model, samples, total=5, progress=quiet).histograms
    other = observe(model, reversed(samples), total=5, progress=quiet).histograms
    for name, histogram in one.items():
        assert histogram.exponent == other[name].exponent
        np.testing.assert_array_equal(histogram.counts, other[name].counts)


def test_progress_is_told_after_each_sample() -> None:
    model = classifier()
    told: list[int] = []
    observe(model, samples_of(model, 3), total=3, progress=told.append)
    assert told == [1, 1, 1]


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_pieces_of_the_graph_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = GRAPHS[name]()
    whole = observe(model, samples_of(model, 3), total=3, progress=quiet, grams=True)
    monkeypatch.setattr(relay, "PIECE_BYTES", 1)
    parts = observe(model, samples_of(model, 3), total=3, progress=quiet, grams=True)
    assert parts.samples == whole.samples == 3
    assert list(parts.histograms) == list(whole.histograms)
    for tensor, histogram in whole.histograms.items():
        assert (histogram.minimum, histogram.maximum) == (
            parts.histograms[tensor].minimum,
            parts.histograms[tensor].maximum,
        )
        np.testing.assert_array_equal(parts.histograms[tensor].counts, histogram.counts)
    assert list(parts.grams) == list(whole.grams)
    for node, gram in whole.grams.items():
        np.testing.assert_array_equal(parts.grams[node].matrices, gram.matrices)


def test_the_given_model_is_left_alone() -> None:
    model = classifier()
    before = model.SerializeToString(deterministic=True)
    observe(model, samples_of(model, 1), total=1, progress=quiet)
    assert model.SerializeToString(deterministic=True) == before


def test_no_samples() -> None:
    with pytest.raises(DataError, match="no calibration samples"):
        observe(classifier(), [], total=0, progress=quiet)


def bytes_of(ranges: Ranges) -> dict[str, bytes]:
    """All of it, to the last bit."""
    histograms = {
        f"{name}.{part}": array.tobytes()
        for name, one in ranges.histograms.items()
        for part, array in one.arrays().items()
    }
    matrices = {
        f"{name}.{part}": array.tobytes()
        for name, one in ranges.grams.items()
        for part, array in (("matrices", one.matrices), ("means", one.means))
    }
    return {**histograms, **matrices, "samples": bytes([ranges.samples])}


def interrupting_at(number: int) -> Callable[[int], None]:
    """What is told of progress, and presses Ctrl-C during a sample."""
    total = 0

    def progress(done: int) -> None:
        nonlocal total
        total += done
        if total == number:
            signal.raise_signal(signal.SIGINT)

    return progress


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Short work leaves a checkpoint too, and Ctrl-C is what it is at a terminal."""
    monkeypatch.setattr(resume, "MIN_S", 0.0)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("stop_at", [1, 2, 4, 6])
@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_an_interrupted_pass_ends_as_one_without_a_break(
    name: str, stop_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Columns wait for more in some of the states.
    monkeypatch.setattr(hessian, "_ROWS_AT_ONCE", 150)
    model = GRAPHS[name]()
    samples = list(samples_of(model, 6))
    place = Checkpoint(tmp_path, key_of(model, len(samples)))
    broken = interrupting_at(stop_at)
    with pytest.raises(KeyboardInterrupt):
        observe(model, samples, total=6, progress=broken, grams=True, checkpoint=place)
    assert place.path.exists()
    told: list[int] = []
    resumed = observe(model, samples, total=6, progress=told.append, grams=True, checkpoint=place)
    assert told == [stop_at, *[1] * (6 - stop_at)]
    assert not place.path.exists()
    whole = observe(model, samples, total=6, progress=quiet, grams=True)
    assert bytes_of(resumed) == bytes_of(whole)


@pytest.mark.usefixtures("patient")
def test_a_checkpoint_of_other_observers_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, place = classifier(), Checkpoint(tmp_path, "same")
    samples = list(samples_of(model, 4))
    with pytest.raises(KeyboardInterrupt):
        observe(model, samples, total=4, progress=interrupting_at(2), checkpoint=place)
    resumed = observe(model, samples, total=4, progress=quiet, grams=True, checkpoint=place)
    assert bytes_of(resumed) == bytes_of(observe(model, samples, total=4, progress=quiet, grams=True))
    assert "does not fit" in capsys.readouterr().err


@pytest.mark.usefixtures("patient")
def test_more_than_is_observed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, place = classifier(), Checkpoint(tmp_path, "same")
    samples = list(samples_of(model, 4))
    with pytest.raises(KeyboardInterrupt):
        observe(model, samples, total=4, progress=interrupting_at(2), grams=True, checkpoint=place)
    resumed = observe(model, samples, total=4, progress=quiet, checkpoint=place)
    assert bytes_of(resumed) == bytes_of(observe(model, samples, total=4, progress=quiet))
    assert "does not fit (more than is observed)" in capsys.readouterr().err


@pytest.mark.usefixtures("patient")
def test_a_wrong_sample_behind_a_checkpoint_has_its_number(tmp_path: Path) -> None:
    model, place = classifier(), Checkpoint(tmp_path, "key")
    samples = [*samples_of(model, 3), {"image": np.full((1, 3, 16, 16), np.nan, np.float32)}]
    with pytest.raises(KeyboardInterrupt):
        observe(model, samples, total=4, progress=interrupting_at(2), checkpoint=place)
    with pytest.raises(DataError, match="sample 4 of 4"):
        observe(model, samples, total=4, progress=quiet, checkpoint=place)


def test_constant_samples() -> None:
    model = classifier()
    sample = {"image": np.zeros((1, 3, 16, 16), np.float32)}
    ranges = observe(model, [sample] * 3, total=3, progress=quiet)
    assert (ranges.histograms["image"].minimum, ranges.histograms["image"].maximum) == (0.0, 0.0)


def test_a_model_that_cannot_be_loaded() -> None:
    model = classifier()
    model.graph.node[0].op_type = "Frobnicate"
    with pytest.raises(ModelError, match="ONNX Runtime cannot load the model"):
        observe(model, samples_of(classifier(), 1), total=1, progress=quiet)


SCRIPT = """
import pathlib, sys
from edgeinfer_converters.calibration.calibrate import observe
from edgeinfer_converters.graph.prepare import prepare
from tests.fixtures.graphs import samples_of
from tests.fixtures.models import image_classifier
model = prepare(image_classifier(size=128), max_opset=17, max_ir_version=9)
count = int(sys.argv[1])
observe(model, samples_of(model, count), total=count, progress=lambda _: None)
# Not ru_maxrss, in which Linux counts what the parent had when this process was forked off.
status = dict(line.split(':') for line in pathlib.Path('/proc/self/status').open())
print(status['VmHWM'].split()[0])
"""


def test_memory_does_not_grow_with_the_number_of_samples() -> None:
    root = Path(__file__).resolve().parents[3]

    def peak_kib(count: int) -> int:
        command = [sys.executable, "-c", SCRIPT, str(count)]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
        return int(done.stdout)

    # 120 samples are 23 MB, and 90 MB with their activations.
    assert peak_kib(124) - peak_kib(4) < 10 * 1024
