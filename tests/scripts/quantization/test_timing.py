"""Interleaved medians, with clocks that tests wind by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.quantization.timing import WARM_UP_ROUNDS, Latency, as_stored, interleave, one_thread_run
from tests.fixtures.models import doubler
from tests.fixtures.tflite import doubler as tflite_doubler


class Bench:
    """Two clocks and candidates that wind them by so many seconds; it writes down who ran."""

    def __init__(self) -> None:
        self.wall_s = 0.0
        self.cpu_s = 0.0
        self.ran: list[str] = []

    def candidate(self, name: str, cpu_s: list[float], waited_s: float = 0.0) -> Callable[[], object]:
        """A run that takes the times of the list in turns, and waits for the processor besides."""

        def run() -> None:
            spent_s = cpu_s[self.ran.count(name) % len(cpu_s)]
            self.ran.append(name)
            self.cpu_s += spent_s
            self.wall_s += spent_s + waited_s

        return run

    def measure(self, runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, Latency]:
        """The medians by these clocks."""
        return interleave(runs, rounds, reference="float", wall=lambda: self.wall_s, cpu=lambda: self.cpu_s)


def test_medians_and_ratios_by_hand() -> None:
    bench = Bench()
    runs = {
        "float": bench.candidate("float", [0.004]),
        "int8": bench.candidate("int8", [0.002], waited_s=0.010),
    }
    found = bench.measure(runs, 11)
    assert found["float"] == Latency(wall_ms=4.0, cpu_ms=4.0, ratio=1.0)
    assert found["int8"] == Latency(wall_ms=12.0, cpu_ms=2.0, ratio=2.0)


def test_a_hiccup_counts_for_nothing() -> None:
    bench = Bench()
    found = bench.measure({"float": bench.candidate("float", [0.001] * 9 + [5.0])}, 20)
    assert found["float"].cpu_ms == 1.0


def test_each_runs_once_a_round_and_behind_each_other_about_as_often() -> None:
    bench = Bench()
    names = ["float", "a", "b"]
    rounds = 300
    bench.measure({name: bench.candidate(name, [0.001]) for name in names}, rounds)
    measured = bench.ran[len(names) * WARM_UP_ROUNDS :]
    for start in range(0, len(measured), len(names)):
        assert sorted(measured[start : start + len(names)]) == sorted(names)
    pairs = Counter(pairwise(measured))
    behind = {one: [pairs[other, one] for other in names if other != one] for one in names}
    assert all(min(counts) > 0.7 * max(counts) for counts in behind.values())


def test_the_warm_up_is_not_measured() -> None:
    bench = Bench()
    slow_first = [9.0] * WARM_UP_ROUNDS + [0.001] * 4
    assert bench.measure({"float": bench.candidate("float", slow_first)}, 4)["float"].cpu_ms == 1.0


def test_a_clock_too_coarse_divides_nothing_by_zero() -> None:
    bench = Bench()
    runs = {"float": bench.candidate("float", [0.001]), "b": bench.candidate("b", [0.0])}
    assert np.isfinite(bench.measure(runs, 3)["b"].ratio)


@given(st.lists(st.floats(1e-4, 1.0), min_size=1, max_size=9))
def test_medians_are_those_of_what_was_spent(times_s: list[float]) -> None:
    bench = Bench()
    runs = {"float": bench.candidate("float", times_s)}
    rounds = len(times_s)
    spent_s = [times_s[(WARM_UP_ROUNDS + index) % rounds] for index in range(rounds)]
    found = bench.measure(runs, rounds)["float"]
    assert found.cpu_ms == pytest.approx(float(np.median(spent_s)) * 1e3, abs=1e-3)
    assert found.ratio == 1.0


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_models_run_on_one_sample(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    if suffix == ".onnx":
        onnx.save(doubler(shape=(1, 4)), path)
    else:
        path.write_bytes(tflite_doubler(shape=(1, 4)))
    run = one_thread_run(path, np.array([1, 2, 3, 4], np.float32))
    np.testing.assert_array_equal(np.asarray(run()).reshape(-1), [2, 4, 6, 8])


def test_a_tflite_model_takes_channels_last(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(tflite_doubler(shape=(1, 2, 2, 3)))
    sample = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    found = np.asarray(one_thread_run(path, sample)())
    np.testing.assert_array_equal(found[0], 2 * sample.transpose(1, 2, 0))


def test_an_integer_input_is_quantized_by_its_own_scale(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(tflite_doubler(shape=(1, 4), quantization=(0.5, 3)))
    detail = {"dtype": np.int8, "shape": [1, 4], "quantization": (0.5, 3)}
    sample = np.array([0.0, 1.0, -1.2, 900.0], np.float32)
    np.testing.assert_array_equal(as_stored(sample[None], detail), np.array([[3, 5, 1, 127]], np.int8))
    assert np.asarray(one_thread_run(path, sample)()).dtype == np.int8


@given(st.integers(1, 3), st.integers(2, 4), st.integers(5, 6))
def test_only_images_that_lie_otherwise_are_turned(count: int, channels: int, side: int) -> None:
    images = np.arange(count * channels * side * side, dtype=np.float32).reshape(count, channels, side, side)
    last = {"dtype": np.float32, "shape": [1, side, side, channels], "quantization": (0.0, 0)}
    turned = as_stored(images, last)
    np.testing.assert_array_equal(turned, images.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(as_stored(turned, last), turned)
