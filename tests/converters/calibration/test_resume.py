"""Passes over samples that are interrupted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from edgeinfer_converters.calibration import checkpoint
from edgeinfer_converters.calibration.checkpoint import Checkpoint, Saved
from edgeinfer_converters.calibration.resume import MIN_S, PERIOD_S, Resumable

Arrays = Mapping[str, np.ndarray]
SAMPLES: list[Arrays] = [
    {"x": np.full((1, 2), k, np.float32), "y": np.arange(k, dtype=np.int64)} for k in range(8)
]


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as at a terminal, also under nohup, where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@dataclass
class Sums:
    """A pass that adds up its samples; each takes `step_s` on a clock of its own."""

    folder: Path
    samples: Iterable[Arrays] = field(default_factory=lambda: SAMPLES)
    step_s: float = PERIOD_S
    now_s: float = 0.0
    total: float = 0.0
    seen: list[int] = field(default_factory=list)
    known: int = 0

    def __post_init__(self) -> None:
        self.place = Checkpoint(self.folder, "key")

    def state(self) -> Arrays:
        return {"0.total": np.array(self.total)}

    def restore(self, arrays: Arrays) -> None:
        if set(arrays) != {"0.total"}:
            raise ValueError("no total")
        self.total = float(arrays["0.total"])

    def run(self, stop_at: int | None = None, stop: BaseException | int = signal.SIGINT) -> None:
        """All of it; at the sample `stop_at` an exception or a signal comes."""
        one = Resumable(self.samples, self.place, lambda: self.now_s)
        self.known = one.begin(self.restore)
        with one.running(self.state) as done:
            for sample in one.rest():
                number = int(sample["x"][0, 0])
                if number == stop_at and isinstance(stop, BaseException):
                    raise stop
                if number == stop_at and isinstance(stop, int):
                    signal.raise_signal(stop)
                self.total += number
                self.seen.append(number)
                self.now_s += self.step_s
                done()


@pytest.mark.parametrize("stop_at", range(8))
def test_goes_on_behind_the_sample_at_which_ctrl_c_came(
    tmp_path: Path, stop_at: int, capsys: pytest.CaptureFixture[str]
) -> None:
    first = Sums(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        first.run(stop_at)
    assert first.seen == list(range(stop_at + 1))
    second = Sums(tmp_path)
    second.run()
    assert second.known == stop_at + 1
    assert second.seen == list(range(stop_at + 1, 8))
    assert second.total == sum(range(8))
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err == f"going on from a checkpoint, {stop_at + 1} samples are done …\n"


def test_a_process_that_is_killed_loses_the_work_since_the_last_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        Sums(tmp_path, step_s=PERIOD_S / 2).run(5, SystemExit())
    second = Sums(tmp_path)
    second.run()
    assert (second.known, second.total) == (4, 28)


def test_interrupted_twice(tmp_path: Path) -> None:
    for stop_at in (2, 5):
        with pytest.raises(KeyboardInterrupt):
            Sums(tmp_path).run(stop_at)
    last = Sums(tmp_path)
    last.run()
    assert (last.known, last.seen, last.total) == (6, [6, 7], 28)


def test_short_work_touches_no_disk(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    Sums(folder, step_s=PERIOD_S / 9).run()
    with pytest.raises(KeyboardInterrupt):
        Sums(folder, step_s=MIN_S / 9).run(7)
    assert not folder.exists()


def pass_of(folder: Path) -> tuple[Sums, Resumable]:
    sums = Sums(folder)
    one = Resumable(SAMPLES, sums.place, lambda: sums.now_s)
    one.begin(sums.restore)
    return sums, one


def test_ctrl_c_pressed_again_does_not_wait(tmp_path: Path) -> None:
    reached: list[str] = []

    def press_twice() -> None:
        for press in ("first", "second"):
            signal.raise_signal(signal.SIGINT)
            reached.append(press)

    sums, one = pass_of(tmp_path)
    with pytest.raises(KeyboardInterrupt), one.running(sums.state):
        press_twice()
    assert reached == ["first"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_behind_the_last_sample_is_not_lost(tmp_path: Path) -> None:
    sums, one = pass_of(tmp_path)
    with pytest.raises(KeyboardInterrupt), one.running(sums.state):
        signal.raise_signal(signal.SIGINT)


def test_whoever_else_handles_ctrl_c_is_left_alone(tmp_path: Path) -> None:
    heard: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    Sums(tmp_path).run(3)
    assert heard == [signal.SIGINT]


def test_in_another_thread(tmp_path: Path) -> None:
    sums = Sums(tmp_path)
    thread = threading.Thread(target=sums.run)
    thread.start()
    thread.join()
    assert sums.total == 28


def interrupted(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        Sums(folder).run(4)


@pytest.mark.parametrize(
    "samples",
    [
        [*SAMPLES[:3], {"x": SAMPLES[3]["x"] + 1, "y": SAMPLES[3]["y"]}, *SAMPLES[4:]],
        [*SAMPLES[:3], {"x": SAMPLES[3]["x"].astype(np.float64), "y": SAMPLES[3]["y"]}, *SAMPLES[4:]],
        [*SAMPLES[:3], {"x": SAMPLES[3]["x"].T, "y": SAMPLES[3]["y"]}, *SAMPLES[4:]],
        [*SAMPLES[:3], {"x": SAMPLES[3]["x"], "z": SAMPLES[3]["y"]}, *SAMPLES[4:]],
        [SAMPLES[1], SAMPLES[0], *SAMPLES[2:]],
        SAMPLES[:3],
    ],
    ids=["value", "type", "shape", "name", "order", "fewer"],
)
def test_of_other_samples_all_are_seen(
    tmp_path: Path, samples: list[Arrays], capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted(tmp_path)
    second = Sums(tmp_path, samples)
    second.run()
    assert second.known == 0
    assert len(second.seen) == len(samples)
    assert "of other samples: calibrating anew" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_samples_that_came_to_the_end_of_the_set(tmp_path: Path) -> None:
    interrupted(tmp_path)
    second = Sums(tmp_path, [*SAMPLES, {"x": np.full((1, 2), 100, np.float32)}])
    second.run()
    assert (second.known, second.total) == (5, 128)


def test_a_state_that_does_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    interrupted(tmp_path)
    place = Checkpoint(tmp_path, "key")
    saved = place.read()
    assert saved is not None
    place.write(Saved(saved.count, saved.digest, {"0.other": np.array(1.0)}))
    second = Sums(tmp_path)
    second.run()
    assert (second.known, second.total) == (0, 28)
    assert "does not fit (no total): calibrating anew" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Checkpoint(tmp_path, "key").path.write_bytes(b"no zip")
    second = Sums(tmp_path, step_s=0.0)
    second.run()
    assert (second.known, second.total) == (0, 28)
    assert "cannot be read (File is not a zip file): calibrating anew" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_a_file_says_does_not_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted(tmp_path)
    place = Checkpoint(tmp_path, "key")
    # zipfile quotes the name of a member whose checksum is wrong.
    data = place.path.read_bytes().replace(b"0.total", b"0.\x1b[2J?")
    place.path.write_bytes(data.replace(np.array(10.0).tobytes(), np.array(11.0).tobytes()))
    Sums(tmp_path).run()
    text = capsys.readouterr().err
    assert r"\x1b[2J" in text
    assert "\x1b" not in text


def test_where_nothing_can_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_bytes(b"")
    sums = Sums(tmp_path / "file" / "cache")
    sums.run()
    assert sums.total == 28
    errors = capsys.readouterr().err.splitlines()
    assert [line.partition(" (")[0] for line in errors][1:] == ["no checkpoint can be written"]


def test_too_much_to_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checkpoint, "MAX_BYTES", 10)
    sums = Sums(tmp_path)
    sums.run()
    assert sums.total == 28
    assert capsys.readouterr().err == "too much to keep in a checkpoint: going on without …\n"
