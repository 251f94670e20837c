"""The launcher: time and memory of a command, without the memory of whoever asked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from scripts.quantization.measured_run import LAUNCHER

MB = 1_000_000


def _launch(tmp_path: Path, code: str) -> tuple[int, dict[str, float]]:
    report = tmp_path / "report.json"
    command = [sys.executable, "-S", "-E", str(LAUNCHER), str(report), sys.executable, "-S", "-c", code]
    done = subprocess.run(command, check=False)
    return done.returncode, json.loads(report.read_text(encoding="utf-8"))


def test_a_small_program_is_small_whoever_starts_it(tmp_path: Path) -> None:
    ballast = np.ones(200 * MB, dtype=np.uint8)
    code, report = _launch(tmp_path, "pass")
    assert code == 0
    assert MB < report["peak_bytes"] < 60 * MB < ballast.nbytes
    assert 0 < report["seconds"] < 60


def test_a_peak_counts_although_it_is_over(tmp_path: Path) -> None:
    _, small = _launch(tmp_path, "pass")
    _, large = _launch(tmp_path, f"b = bytearray({100 * MB}); b[:] = b'x' * {100 * MB}; del b")
    assert large["peak_bytes"] - small["peak_bytes"] > 100 * MB


def test_waiting_takes_no_time_of_the_processor(tmp_path: Path) -> None:
    code = "import select; select.select([], [], [], 0.5)"
    _, idle = _launch(tmp_path, code)
    _, busy = _launch(tmp_path, "import time\nwhile time.process_time() < 0.5: pass")
    assert idle["seconds"] > 0.5
    assert idle["cpu_seconds"] < 0.4 < 0.5 < busy["cpu_seconds"]


def test_the_exit_code_is_the_commands(tmp_path: Path) -> None:
    assert _launch(tmp_path, "raise SystemExit(7)")[0] == 7
