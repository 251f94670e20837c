"""`edgeinfer run`, as typed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeinfer.bundle.keys import development_key
from edgeinfer.cli.main import main
from edgeinfer.cli.run import Tally, run_frames
from edgeinfer.frames import Frame
from edgeinfer.processing.results import Result
from edgeinfer.sources.fake import FakeSource
from tests.fixtures.bundles import LABELS, write_classifier, write_small
from tests.fixtures.pipelines import gray_frame, light_pipeline

Run = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_classifier(tmp_path / "parts.eib", development_key())


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        image = np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command on any machine; exit code, lines of stdout, stderr."""

    def call(*words: object) -> tuple[int, list[str], str]:
        code = main(["run", "--allow-foreign", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out.splitlines(), captured.err

    return call


def test_a_short_line_a_result_and_a_summary(run: Run, bundle: Path, pictures: Path) -> None:
    code, lines, summary = run(bundle, "--source", f"images://{pictures}")
    assert code == 0
    assert [line.split("  ")[0] for line in lines] == ["0.png", "1.png", "2.png"]
    assert all(line.split("  ")[1].startswith(LABELS) for line in lines)
    assert summary.startswith("3 frames in ")
    assert " fps; latency p50 " in summary


def test_json_is_one_document_a_line_and_nothing_else(run: Run, bundle: Path, pictures: Path) -> None:
    code, lines, _ = run(bundle, "--source", f"images://{pictures}", "--json")
    records = [json.loads(line) for line in lines]
    assert code == 0
    assert [record["sequence"] for record in records] == [0, 1, 2]
    assert [record["name"] for record in records] == ["0.png", "1.png", "2.png"]
    for record in records:
        assert record["schema"] == 1
        assert record["model"] == "parts@1.0.0"
        assert record["task"] == "classification"
        assert record["stream"] == "run"
        assert record["frame"] == [64, 48]
        assert record["classes"][0]["label"] in LABELS


def test_it_stops_after_enough_frames(run: Run, bundle: Path) -> None:
    code, lines, summary = run(bundle, "--source", "synthetic:", "--max-frames", 5, "--threads", 1)
    assert (code, len(lines)) == (0, 5)
    assert summary.startswith("5 frames")


def test_pictures_are_saved_with_what_was_found(
    run: Run, bundle: Path, pictures: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "saved"
    code, _, _ = run(bundle, "--source", f"images://{pictures}", "--save", folder)
    assert code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["000000.jpg", "000001.jpg", "000002.jpg"]
    saved = cv2.imread(str(folder / "000000.jpg"))
    assert saved is not None
    assert saved.shape == (48, 64, 3)


def test_lines_fit_into_a_terminal(run: Run, tmp_path: Path) -> None:
    bundle = write_small(tmp_path / "double.eib", development_key())
    np.savez(tmp_path / "rows.npz", x=np.full((2, 1, 4), 1e8 + 1 / 3, np.float32))
    code, lines, _ = run(bundle, "--source", f"npz://{tmp_path / 'rows.npz'}")
    assert code == 0
    assert len(lines) == 2
    assert max(map(len, lines)) <= 80


def test_saving_needs_pictures(run: Run, tmp_path: Path) -> None:
    bundle = write_small(tmp_path / "double.eib", development_key())
    np.savez(tmp_path / "rows.npz", x=np.ones((2, 1, 4), np.float32))
    code, _, errors = run(bundle, "--source", f"npz://{tmp_path / 'rows.npz'}", "--save", tmp_path / "s")
    assert code == 1
    assert "only pictures can be saved" in errors
    assert "leave --save out" in errors


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("absent.eib", "--source", "synthetic:"), "absent.eib: no such bundle"),
        (("{bundle}", "--source", "images:///absent"), "/absent"),
        (("{bundle}", "--source", "csv:///rows.csv"), "the model takes images"),
        (("{bundle}", "--source", "teapot:"), "teapot"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, bundle: Path, words: tuple[str, ...], complaint: str) -> None:
    code, lines, errors = run(*(word.format(bundle=bundle) for word in words))
    assert code == 1
    assert lines == []
    assert complaint in errors
    assert "Traceback" not in errors


def test_a_changed_bundle_is_not_run(run: Run, bundle: Path) -> None:
    data = bytearray(bundle.read_bytes())
    data[-3000] ^= 1
    bundle.write_bytes(data)
    code, lines, errors = run(bundle, "--source", "synthetic:")
    assert (code, lines) == (1, [])
    assert "Traceback" not in errors


def test_a_folder_that_cannot_be_made(run: Run, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    code, _, errors = run(bundle, "--source", "synthetic:", "--save", tmp_path / "file")
    assert code == 1
    assert "file" in errors


def test_the_source_is_a_must(run: Run, bundle: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        run(bundle)
    assert caught.value.code == 2


def test_the_summary_comes_also_when_the_user_interrupts() -> None:
    tally = Tally(clock=iter([0.0, 1.0, 2.0, 3.0]).__next__)

    def show(frame: Frame, result: Result) -> None:
        if frame.sequence == 1:
            raise KeyboardInterrupt

    with FakeSource([gray_frame(0).data] * 5) as source, pytest.raises(KeyboardInterrupt):
        run_frames(source, light_pipeline(), show, tally, None)
    assert tally.summary().startswith("2 frames in 2.0 s, 1.0 fps; latency p50 ")


def test_nothing_came() -> None:
    tally = Tally()
    assert tally.summary() == "no frames"
    tally.start()
    assert tally.summary() == "no frames"


@pytest.mark.parametrize(("limit", "expected"), [(None, 4), (2, 2), (9, 4)])
def test_no_frame_is_read_beyond_the_limit(limit: int | None, expected: int) -> None:
    shown: list[int] = []
    with FakeSource([gray_frame(0).data] * 4) as source:
        run_frames(source, light_pipeline(), lambda frame, _: shown.append(frame.sequence), Tally(), limit)
        rest = 0
        while source.read() is not None:
            rest += 1
    assert shown == list(range(expected))
    assert rest == 4 - expected


@pytest.mark.zoo
def test_the_clip_of_a_person_through_a_real_detector(zoo: Path, tmp_path: Path, run: Run) -> None:
    from tests.fixtures.zoo_bundles import write_yolox

    bundle = write_yolox(tmp_path / "yolox.eib", development_key(), zoo)
    clip = shutil.copy(zoo / "video" / "one-by-one-person-detection.mp4", tmp_path / "clip.mp4")
    code, lines, _ = run(bundle, "--source", f"file://{clip}", "--max-frames", 100, "--json")
    assert code == 0
    # The first person walks in from the left and is fully in the picture from the second second on.
    people = [one for one in json.loads(lines[-1])["objects"] if one["label"] == "person"]
    assert len(people) == 1
    x, y, width, height = people[0]["box"]
    assert (x, y, width, height) == pytest.approx((380, 16, 135, 391), abs=12)
