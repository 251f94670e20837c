"""Running the commands of the environment."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgeinfer.errors import EdgeInferError
from scripts.parts.programs import program, run, tail

SCRIPT = "import sys; print('out'); print('told', file=sys.stderr); sys.exit({})"


def test_programs_are_those_beside_the_interpreter() -> None:
    assert program("edgeinfer") == Path(sys.executable).parent / "edgeinfer"


def test_output_is_given_back_and_messages_go_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "a.log"
    assert run([sys.executable, "-c", SCRIPT.format(0)], log) == b"out\n"
    assert log.read_text(encoding="utf-8") == "told\n"


def test_a_failure_names_command_code_log_and_last_words(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with pytest.raises(EdgeInferError, match=r"` failed with exit code 3:\n    told") as caught:
        run([sys.executable, "-c", SCRIPT.format(3)], log)
    assert str(log) in caught.value.hint


def test_only_the_end_of_a_log_is_shown_and_odd_bytes_do_no_harm(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"\n".join(b"line %d" % number for number in range(100)) + b"\n\xff\n")
    assert tail(log, 3) == "    line 98\n    line 99\n    \N{REPLACEMENT CHARACTER}"
