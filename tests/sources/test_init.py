"""From a URI and an input to a source."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgeinfer.errors import SettingsError
from edgeinfer.processing.spec import ImageInput, InputSpec, TensorInput, WindowInput
from edgeinfer.sources import KINDS, SOURCES, open_source
from edgeinfer.sources.images import ImagesSource
from edgeinfer.sources.table import TableSource
from edgeinfer.sources.video import VideoSource

IMAGE = ImageInput(size=(8, 8))
WINDOW = WindowInput(columns=("x",), length=4, stride=4)


@pytest.mark.parametrize(
    ("uri", "spec", "kind"),
    [
        ("file:///clip.mp4", IMAGE, VideoSource),
        ("images:///folder", IMAGE, ImagesSource),
        ("csv:///rows.csv", WINDOW, TableSource),
    ],
)
def test_the_scheme_chooses_and_nothing_is_opened_yet(uri: str, spec: InputSpec, kind: type) -> None:
    assert isinstance(open_source(uri, spec), kind)


@pytest.mark.parametrize(
    ("uri", "spec", "message", "hint"),
    [
        (
            "v4l2:///dev/video0",
            WINDOW,
            "v4l2:///dev/video0: the model takes windows of sensor rows",
            "csv, jsonl",
        ),
        ("csv:///rows.csv", IMAGE, "the model takes images, which a `csv` source does not give", "v4l2"),
        (
            "synthetic:",
            TensorInput(),
            "the model takes arrays, which a `synthetic` source",
            "sources for it: npz",
        ),
        ("npz:///a.npz", WINDOW, "which a `npz` source does not give", "jsonl"),
        ("rtsp://u:hunter2@camera/x", WINDOW, "rtsp://***@camera/x: the model takes windows", "csv"),
    ],
)
def test_a_source_that_does_not_fit_the_model_is_refused(
    uri: str, spec: InputSpec, message: str, hint: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        open_source(uri, spec)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_every_scheme_serves_some_input() -> None:
    assert {scheme for _, schemes in KINDS.values() for scheme in schemes} == set(SOURCES)


def test_each_module_is_loaded_only_when_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x\n1\n2\n3\n4\n")
    program = (
        "import sys\n"
        "from edgeinfer.processing.spec import WindowInput\n"
        "from edgeinfer.sources import open_source\n"
        "with open_source(sys.argv[1], WindowInput(columns=('x',), length=4, stride=4)) as source:\n"
        "    assert source.read().data.tolist() == [[1], [2], [3], [4]]\n"
        "print('cv2' in sys.modules, 'edgeinfer.sources.jsonl' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "rows.csv")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False False\n"
