"""The command line: help, usage errors, and what is said without the converter's libraries."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import onnx
import pytest

from edgeinfer_converters import cli
from tests.fixtures.models import image_classifier

HIDE = """
import sys
class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {hidden}:
            return self.finder.find_spec(name, path, target)
sys.meta_path[:] = map(Without, sys.meta_path)
{more}
from edgeinfer_converters.cli import main
sys.exit(main(sys.argv[1:]))
"""


def run_hidden(
    *arguments: str, hidden: tuple[str, ...] = cli.EXTRA, more: str = ""
) -> subprocess.CompletedProcess[str]:
    """The program in a Python that lacks these libraries."""
    code = HIDE.format(hidden=set(hidden), more=textwrap.dedent(more))
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


BUILD = ("build", "m.onnx", "--profile", "host", "--pipeline", "p.toml", "-o", "o.eib")


@pytest.mark.parametrize("arguments", [BUILD, ("inspect", "m.onnx")])
def test_without_the_extra_it_says_which_to_install(arguments: tuple[str, ...]) -> None:
    done = run_hidden(*arguments)
    assert done.returncode == 1
    assert "pip install 'edgeinfer[convert]'" in done.stderr
    assert "onnx" in done.stderr
    assert "Traceback" not in done.stderr


def test_on_an_older_python_it_says_which_one_it_needs() -> None:
    done = run_hidden(*BUILD, more="sys.version_info = (3, 10, 12)")
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "Traceback" not in done.stderr


def test_keys_need_no_extra(tmp_path: Path) -> None:
    done = run_hidden("keygen", str(tmp_path / "keys"))
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE((tmp_path / "keys" / "signing.pem").stat().st_mode) == 0o600
    assert "PUBLIC KEY" in (tmp_path / "keys" / "signing.pub.pem").read_text()


@pytest.mark.parametrize("arguments", [("--help",), ("build", "--help"), ("--version",)])
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    heavy = ("numpy", "msgspec", "cryptography", *cli.EXTRA)
    done = run_hidden(*arguments, hidden=heavy)
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "required: COMMAND"),
        (("bild",), "invalid choice: 'bild'"),
        (("build", "m.onnx"), "required: --profile, --pipeline, -o"),
        ((*BUILD, "--prune", "2"), "`2` is no share of the work: none, auto, or a number between 0 and 1"),
        ((*BUILD, "--prune", "20%"), "`20%` is no share of the work"),
        ((*BUILD, "--prune", "nan"), "`nan` is no share of the work"),
        ((*BUILD, "--max-drop", "some"), "`some` is no number"),
        ((*BUILD, "--max-drop", "nan"), "a drop lies between 0 and 1"),
        ((*BUILD, "--max-drop", "-1"), "a drop lies between 0 and 1"),
        ((*BUILD, "--seed", "-1"), "a seed is a whole number"),
        ((*BUILD, "--precision", "int4"), "invalid choice: 'int4'"),
    ],
)
def test_usage_errors(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_keygen_never_overwrites(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["keygen", str(tmp_path)]) == 0
    before = (tmp_path / "signing.pem").read_bytes()
    assert "trust.d" in capsys.readouterr().out
    assert cli.main(["keygen", str(tmp_path)]) == 1
    assert (tmp_path / "signing.pem").read_bytes() == before
    assert "never overwritten" in capsys.readouterr().err


def test_inspect_for_people_and_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tiny.onnx"
    onnx.save(image_classifier(), path)
    assert cli.main(["inspect", str(path), "--profile", "raspberry-pi-4"]) == 0
    text = capsys.readouterr().out
    assert "Conv 2" in text
    assert "raspberry-pi-4" in text
    assert cli.main(["inspect", str(path), "--profile", "host", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["operators"]["Conv"] == 2
    assert found["macs"] > 0


def test_a_closed_pipe_is_no_bug(tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    onnx.save(image_classifier(), path)
    reading, writing = os.pipe()
    os.close(reading)
    code = "import sys; from edgeinfer_converters.cli import main; sys.exit(main(sys.argv[1:]))"
    try:
        done = subprocess.run(
            [sys.executable, "-u", "-c", code, "inspect", str(path)],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
