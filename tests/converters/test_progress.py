"""Progress on a terminal and elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from edgeinfer_converters.progress import announce, counted, track


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_plain_lines_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    announce("reading")
    assert list(track("abc", 3, "calibrating")) == ["a", "b", "c"]
    with counted(5, "verifying") as advance:
        advance(1)
    with counted(7, "ranking", "tensors"):
        pass
    captured = capsys.readouterr()
    assert (
        captured.err
        == "reading …\ncalibrating (3 samples) …\nverifying (5 samples) …\nranking (7 tensors) …\n"
    )
    assert captured.out == ""


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert list(track(range(4), 4, "calibrating")) == [0, 1, 2, 3]
    text = terminal.getvalue()
    assert "calibrating" in text
    assert "left" in text
    assert max(len(part.rstrip()) for part in text.split("\r")) <= 80


def test_a_line_takes_the_place_of_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with counted(4, "calibrating") as advance:
        announce("going on")
        advance(4)
    assert "\r\x1b[Kgoing on …\n" in terminal.getvalue()


def test_a_step_that_fails_closes_its_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    step = counted(4, "verifying")
    step.__enter__()(2)
    assert not step.__exit__(ValueError, ValueError("stop"), None)
    assert terminal.getvalue().endswith("\r")
