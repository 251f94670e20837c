"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more about what else this machine is doing.
settings.register_profile("edgeinfer", deadline=None)
settings.load_profile("edgeinfer")

ROOT = Path(__file__).resolve().parent.parent
FFMPEG_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
NO_ZOO = "the zoo of third-party models is not here (EDGEINFER_ZOO)"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees or touches the keys, settings and bundles of the person who runs it."""
    for name in ("CONFIG", "STATE", "CACHE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / "home" / name.lower()))


@pytest.fixture(autouse=True)
def own_ffmpeg_options() -> Iterator[None]:
    """What a stream allows FFmpeg to open does not hold for the tests after it in the same process."""
    before = os.environ.get(FFMPEG_OPTIONS)
    yield
    if before is None:
        os.environ.pop(FFMPEG_OPTIONS, None)
    else:
        os.environ[FFMPEG_OPTIONS] = before


@pytest.fixture(scope="session")
def zoo() -> Path:
    """The folder of third-party models and data, for tests marked `zoo`."""
    return zoo_folder()


def zoo_folder() -> Path:
    """Where the zoo is, whether or not it is there."""
    return Path(os.environ.get("EDGEINFER_ZOO", ROOT.parent / "shared" / "zoo"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without the zoo its tests are left out, and the summary says how many."""
    if zoo_folder().is_dir():
        return
    absent = pytest.mark.skip(reason=NO_ZOO)
    for item in items:
        if item.get_closest_marker("zoo"):
            item.add_marker(absent)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests of the zoo were left out, above pytest's own last line."""
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = [report for report in skipped if NO_ZOO in str(report.longrepr)]
    if left_out:
        terminalreporter.write_line(f"{len(left_out)} tests left out: {NO_ZOO}")
