"""Lines of files that are finished, that grow, and that are replaced."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from threading import Event

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeinfer.errors import SourceError
from edgeinfer.sources.fake import ManualClock
from edgeinfer.sources.lines import MAX_LINE_BYTES, Line, Lines


def reader(target: Path | str, *, follow: bool = False) -> Lines:
    lines = Lines(str(target), follow=follow, poll_s=0.5, clock=ManualClock(), stop=Event())
    lines.open()
    return lines


def texts(lines: Lines) -> list[bytes]:
    found = []
    while line := lines.poll():
        found.append(line.data)
    return found


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(data)


def test_lines_are_numbered_and_without_their_ends(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"a\r\n\nb\nlast")
    lines = reader(path)
    assert lines.next() == Line(1, b"a", first=True)
    assert lines.next() == Line(2, b"", first=False)
    assert lines.next() == Line(3, b"b", first=False)
    assert lines.next() == Line(4, b"last", first=False)
    assert lines.next() is None
    lines.close()


def test_an_absent_file_is_an_error_unless_followed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        reader(tmp_path / "rows")
    lines = reader(tmp_path / "rows", follow=True)
    assert lines.poll() is None
    (tmp_path / "rows").write_bytes(b"a\n")
    assert lines.poll() == Line(1, b"a", first=True)
    lines.close()


def test_a_half_written_line_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"one\ntw")
    lines = reader(path, follow=True)
    assert texts(lines) == [b"one"]
    append(path, b"o")
    assert texts(lines) == []
    append(path, b"\nthree\n")
    assert texts(lines) == [b"two", b"three"]
    lines.close()


def test_a_followed_file_that_is_replaced_is_read_to_its_end_first(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"one\n")
    lines = reader(path, follow=True)
    assert texts(lines) == [b"one"]
    path.rename(tmp_path / "rows.1")
    append(tmp_path / "rows.1", b"two\n")
    assert lines.poll() == Line(2, b"two", first=False)
    path.write_bytes(b"three\n")
    append(tmp_path / "rows.1", b"late\n")
    assert lines.poll() == Line(3, b"late", first=False)
    assert lines.poll() == Line(1, b"three", first=True)
    lines.close()


def test_half_a_line_of_a_replaced_file_is_not_put_before_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"half")
    lines = reader(path, follow=True)
    assert lines.poll() is None
    path.rename(tmp_path / "rows.1")
    path.write_bytes(b"whole\n")
    assert texts(lines) == [b"whole"]
    lines.close()


def test_a_followed_file_that_is_emptied_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"one\ntwo\n")
    lines = reader(path, follow=True)
    assert texts(lines) == [b"one", b"two"]
    path.write_bytes(b"a\n")
    assert lines.poll() == Line(1, b"a", first=True)
    lines.close()


def test_a_file_that_is_taken_away_may_come_back(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"one\n")
    lines = reader(path, follow=True)
    assert texts(lines) == [b"one"]
    path.unlink()
    assert texts(lines) == []
    path.write_bytes(b"two\n")
    assert texts(lines) == [b"two"]
    lines.close()


def test_following_waits_between_looks_and_stops_when_told(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.touch()
    stop = Event()

    class Clock(ManualClock):
        def wait(self, seconds: float, stop: Event) -> None:
            super().wait(seconds, stop)
            if len(self.waits_s) == 3:
                append(path, b"a\n")
            if len(self.waits_s) == 5:
                stop.set()

    clock = Clock()
    lines = Lines(str(path), follow=True, poll_s=0.5, clock=clock, stop=stop)
    lines.open()
    assert lines.next() == Line(1, b"a", first=True)
    assert lines.next() is None
    assert clock.waits_s == [0.5] * 5
    lines.close()


@pytest.mark.parametrize(
    ("content", "number", "rest"), [(b"", 1, b""), (b"a\nb\n", 3, b""), (b"a\nb", 2, b"b")]
)
def test_skipping_to_the_end_counts_the_lines(
    content: bytes, number: int, rest: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "rows"
    path.write_bytes(content)
    lines = reader(path, follow=True)
    lines.skip_to_end()
    assert lines.poll() is None
    append(path, b"new\n")
    assert lines.poll() == Line(number, rest + b"new", first=number == 1)
    lines.close()


def test_skipping_goes_on_from_where_one_is(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"head\n" + b"row\n" * 500_000)
    lines = reader(path, follow=True)
    assert lines.poll() == Line(1, b"head", first=True)
    lines.skip_to_end()
    append(path, b"new\n")
    assert lines.poll() == Line(500_002, b"new", first=False)
    lines.close()


@pytest.mark.parametrize("follow", [False, True])
def test_an_endless_line_is_refused(follow: bool, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"ok\n" + b"x" * (MAX_LINE_BYTES + 10))
    lines = reader(path, follow=follow)
    assert lines.poll() is not None
    with pytest.raises(SourceError, match=f"line 2: longer than {MAX_LINE_BYTES} bytes"):
        lines.poll()
    lines.close()


def test_standard_input_is_read_and_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(b"a\nb"))
    monkeypatch.setattr(sys, "stdin", stream)
    lines = reader("-")
    assert texts(lines) == [b"a", b"b"]
    lines.skip_to_end()
    lines.close()
    assert not stream.closed


def test_without_standard_input_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SourceError, match="there is no standard input"):
        reader("-")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.binary(max_size=30), max_size=12), rotate=st.booleans())
def test_however_a_file_is_written_its_lines_are_the_same(
    pieces: list[bytes], rotate: bool, tmp_path: Path
) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"")
    lines = reader(path, follow=True)
    found = []
    for piece in pieces:
        append(path, piece)
        found += texts(lines)
    if rotate:
        path.rename(tmp_path / "rows.1")
        path.write_bytes(b"new\n")
        assert texts(lines) == [b"new"]
    lines.close()
    whole = b"".join(pieces).split(b"\n")[:-1]
    assert found == [line.rstrip(b"\r\n") for line in whole]
