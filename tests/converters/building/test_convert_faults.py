"""What a build refuses: with a message and a hint, and nothing is left behind."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from tests.fixtures.builds import build, refused
from tests.fixtures.data import IMAGE_TOML, WINDOW_TOML

MODEL = '[model]\nname = "tiny"'
PIPELINE_FAULTS = {
    "misspelt key": (IMAGE_TOML.replace("mean", "maen"), "did you mean `mean`"),
    "wrong type": (IMAGE_TOML.replace("[16, 16]", '"16"'), "Expected `array`, got `str`"),
    "missing labels": (IMAGE_TOML.replace("labels.txt", "other.txt"), "other.txt: labels file"),
    "wrong size": (IMAGE_TOML.replace("[16, 16]", "[17, 16]"), "cannot hold 17 x 16 pixels"),
    "wrong channels": (IMAGE_TOML.replace("size", 'color = "gray"\nsize'), "with 1 channels"),
    "wrong kind": (WINDOW_TOML, "cannot hold a window"),
    "not TOML": ("[[[", "not valid TOML"),
}


@pytest.mark.parametrize("fault", PIPELINE_FAULTS)
def test_bad_pipelines(work: Path, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    text, message = PIPELINE_FAULTS[fault]
    (work / "pipeline.toml").write_text(text)
    refused(work, message, capsys)


@pytest.mark.parametrize("labels", ["cat\ndog\n", "cat\ndog\nowl\nbat\n"])
def test_a_label_count_that_does_not_match(
    work: Path, labels: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (work / "labels.txt").write_text(labels)
    refused(work, f"{labels.count(chr(10))} labels for a model of 3 classes", capsys)


def nan_images() -> np.ndarray:
    array = np.zeros((12, 3, 16, 16), np.float32)
    array[3] = np.nan
    return array


CALIBRATION_FAULTS: dict[str, tuple[np.ndarray, str]] = {
    "shape": (np.zeros((4, 3, 8, 8), np.float32), "has the shape (4, 3, 8, 8)"),
    "dtype": (np.zeros((4, 3, 16, 16), np.float64), "is float64"),
    "nan": (nan_images(), "holds NaN or infinity"),
    "empty": (np.zeros((0, 3, 16, 16), np.float32), "no samples"),
}


@pytest.mark.parametrize("fault", CALIBRATION_FAULTS)
def test_bad_calibration(work: Path, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    array, message = CALIBRATION_FAULTS[fault]
    np.savez(work / "cal.npz", image=array)
    refused(work, message, capsys, "--calibration", "cal.npz")


def test_unreadable_images(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("03.png", "04.png", "05.png"):
        (work / "cal" / name).write_bytes(b"broken")
    refused(work, "more than a tenth of the images cannot be decoded", capsys, "--calibration", "cal")


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (("--calibration", "gone"), "gone: no such file or folder", 1),
        (("--evaluate", "labels.txt"), "not a kind of data", 1),
        (("--key", "gone.pem"), "gone.pem: there is no such key file", 1),
        (("--report", "labels.txt"), "labels.txt: is a file", 2),
        (("--precision", "int8"), "needs --calibration", 2),
        (("--precision", "mixed"), "--precision mixed needs --calibration", 2),
        (("--prune", "0.5"), "--prune 0.5 needs --calibration", 2),
        (("-o", "."), "is a folder", 1),
        (("-o", "gone/out.eib"), "gone: no such folder", 1),
    ],
)
def test_what_cannot_be_done(
    work: Path, arguments: tuple[str, ...], message: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(work, message, capsys, *arguments, code=code)


@pytest.mark.parametrize("name", ["cal", "gone.onnx", "empty.onnx", "random.onnx", "random.tflite"])
def test_what_is_no_model(work: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (work / "empty.onnx").write_bytes(b"")
    for random in ("random.onnx", "random.tflite"):
        (work / random).write_bytes(np.random.default_rng(0).bytes(4096))
    refused(work, name, capsys, model=name)


def test_an_unknown_profile(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(work, "no device profile `pi`", capsys, profile="pi")


def test_a_full_disk(work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert build() == 0
    old = (work / "out.eib").read_bytes()
    capsys.readouterr()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert build("--seed", "1") == 1
    assert "No space left on device" in capsys.readouterr().err
    assert (work / "out.eib").read_bytes() == old
    assert [path.name for path in work.iterdir() if path.name.startswith(".")] == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work / "locked").mkdir(mode=0o500)
    refused(work, "locked: cannot be written", capsys, "-o", "locked/out.eib")
