"""From exceptions to exit codes."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeinfer.errors import BundleError, DataError, EdgeInferError, SignatureError, UsageError
from edgeinfer.exits import Exit, run_program


def raising(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


@pytest.mark.parametrize("code", [0, 1, 2, 7])
def test_the_works_own_code_is_kept(code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program("p", lambda: code) == code
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (UsageError("what now"), 2, "p: what now\n"),
        (EdgeInferError("no good"), 1, "p: no good\n"),
        (DataError("no good", hint="try this"), 1, "p: no good\n  try this\n"),
        (SignatureError("changed"), 1, "p: changed\n"),
        (KeyboardInterrupt(), 130, "p: interrupted\n"),
        (
            FileNotFoundError(2, "No such file or directory", "a.onnx"),
            1,
            "p: a.onnx: No such file or directory\n",
        ),
        (OSError(28, "No space left on device"), 1, "p: No space left on device\n"),
        (OSError("something odd"), 1, "p: something odd\n"),
        (
            MemoryError("Unable to allocate 128 GiB"),
            1,
            "p: there is not enough memory\n  a smaller model or input may do\n",
        ),
    ],
)
def test_expected_failures_are_a_message_and_no_traceback(
    error: BaseException, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_program("p", raising(error)) == code
    assert capsys.readouterr() == ("", text)


def test_anything_else_is_a_bug_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert run_program("p", raising(ZeroDivisionError("division by zero"))) == Exit.BUG
    (record,) = caplog.records
    assert "please report it" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_the_cause_is_there_for_those_who_debug(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="edgeinfer.exits"):
        run_program("p", raising(BundleError("bad")))
    assert caplog.records[0].levelno == logging.DEBUG
    assert caplog.records[0].exc_info is not None


def test_a_program_that_is_told_to_exit_exits() -> None:
    with pytest.raises(SystemExit):
        run_program("p", raising(SystemExit(2)))


BROKEN_PIPE = """
import sys
from edgeinfer.exits import run_program
def work():
    for number in range(100_000):
        print(number)
        sys.stdout.flush()
    return 0
sys.exit(run_program("p", work))
"""


def test_a_reader_that_goes_away_is_no_error() -> None:
    reading, writing = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", BROKEN_PIPE], stdout=writing, stderr=subprocess.PIPE
    ) as process:
        os.close(writing)
        os.read(reading, 10)
        os.close(reading)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert errors == b""


def test_a_name_out_of_a_hostile_file_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        raise EdgeInferError("first fault\nsecond: \x1b[2J", hint="\x07look")

    assert run_program("p", work) == Exit.FAILED
    assert capsys.readouterr().err == "p: first fault\nsecond: \\x1b[2J\n  \\x07look\n"


def test_codes_are_what_other_programs_count_on() -> None:
    assert {code.name: code.value for code in Exit} == {
        "DONE": 0,
        "FAILED": 1,
        "USAGE": 2,
        "BUG": 3,
        "INTERRUPTED": 130,
    }


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_standard_stream_gets_no_other_file(closed: str) -> None:
    code = (
        "import os, sys; from edgeinfer.exits import fill_standard_streams; fill_standard_streams();"
        "sys.stdout.write('out'); sys.stderr.write('err'); sys.stdout.flush();"
        "sys.exit(0 if os.open('/dev/null', os.O_RDONLY) > 2 else 9)"
    )
    command = f'exec "$0" -c "$1" {closed}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout == ("" if " >&-" in f" {closed}" else "out")
    assert done.stderr == ("" if "2>&-" in closed else "err")


def test_a_command_without_stdout_is_no_bug(tmp_path: Path) -> None:
    code = "import sys; from edgeinfer.cli.main import main; sys.exit(main(['profiles']))"
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" >&-', sys.executable, code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, "")
