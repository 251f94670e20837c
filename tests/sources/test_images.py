"""Images of a folder, and of one that fills."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from edgeinfer.errors import SourceError
from edgeinfer.sources import images
from edgeinfer.sources.fake import ManualClock
from edgeinfer.sources.images import ImagesSource
from edgeinfer.sources.options import ImageOptions
from tests.fixtures.clips import jpeg, number_of


def fill(folder: Path, *names: str) -> None:
    """An image for each name; the n-th is picture n."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(number))


def source_of(
    path: Path, clock: ManualClock | None = None, *, watch: bool = False, recursive: bool = False
) -> ImagesSource:
    return ImagesSource(path, ImageOptions(watch=watch, recursive=recursive), clock or ManualClock())


def names(source: ImagesSource) -> list[str]:
    found = []
    while frame := source.read():
        found.append(frame.name)
    return found


def test_images_come_by_name(tmp_path: Path) -> None:
    fill(tmp_path, "c.jpg", "a.PNG", "b.jpeg")
    with source_of(tmp_path) as source:
        assert source.live is False
        frames = [source.read() for _ in range(3)]
        assert source.read() is None
    assert [(frame.name, number_of(frame.data), frame.sequence) for frame in frames if frame] == [
        ("a.PNG", 1, 0),
        ("b.jpeg", 2, 1),
        ("c.jpg", 0, 2),
    ]


def test_other_files_hidden_ones_and_subfolders_are_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, "a.jpg", ".b.jpg", "labels.csv", "sub/c.jpg", "folder.jpg/d.jpg")
    with source_of(tmp_path) as source:
        assert names(source) == ["a.jpg"]


def test_subfolders_are_read_when_asked_for(tmp_path: Path) -> None:
    fill(tmp_path, "z.jpg", "b/x.jpg", "a/y.jpg")
    with source_of(tmp_path, recursive=True) as source:
        assert names(source) == ["a/y.jpg", "b/x.jpg", "z.jpg"]


def test_a_single_image(tmp_path: Path) -> None:
    fill(tmp_path, "a.jpg", "b.jpg")
    with source_of(tmp_path / "b.jpg") as source:
        assert names(source) == ["b.jpg"]


def test_absence_and_emptiness_are_errors(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"), source_of(tmp_path / "absent"):
        pass
    (tmp_path / "notes.txt").touch()
    with (
        pytest.raises(SourceError, match="there are no images in this folder") as caught,
        source_of(tmp_path),
    ):
        pass
    assert ".jpeg" in caught.value.hint
    assert "recursive=1" in caught.value.hint


def test_up_to_a_tenth_is_left_out_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(tmp_path, *(f"{number:02}.jpg" for number in range(20)))
    (tmp_path / "03.jpg").write_bytes(b"no image")
    (tmp_path / "07.jpg").write_bytes(b"")
    with caplog.at_level(logging.WARNING), source_of(tmp_path) as source:
        assert len(names(source)) == 18
    assert source.skipped == 2
    assert f"{tmp_path}/03.jpg: cannot be decoded as an image; it is left out" in caplog.text
    assert f"{tmp_path}/07.jpg: the file is empty; it is left out" in caplog.text


def test_more_than_a_tenth_is_an_error_that_names_them(tmp_path: Path) -> None:
    fill(tmp_path, *(f"{number:02}.jpg" for number in range(19)))
    for name in ("03.jpg", "07.jpg"):
        (tmp_path / name).write_bytes(b"no image")
    with source_of(tmp_path) as source, pytest.raises(SourceError) as caught:
        names(source)
    assert caught.value.message == f"{tmp_path}: 2 of 19 images cannot be read: 03.jpg, 07.jpg"


def test_a_single_unreadable_image_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(1)[:30])
    with (
        source_of(tmp_path / "a.jpg") as source,
        pytest.raises(SourceError, match=r"1 of 1 images cannot be read: a\.jpg"),
    ):
        source.read()


def test_a_file_too_large_or_vanished_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, *(f"{number:02}.jpg" for number in range(20)))
    monkeypatch.setattr(images, "MAX_IMAGE_BYTES", 100_000)
    (tmp_path / "03.jpg").write_bytes(jpeg(1) + bytes(100_000))
    with caplog.at_level(logging.WARNING), source_of(tmp_path) as source:
        (tmp_path / "07.jpg").unlink()
        assert len(names(source)) == 18
    assert "03.jpg: larger than 100000 bytes" in caplog.text
    assert "07.jpg: No such file or directory" in caplog.text


class BusyClock(ManualClock):
    """Does the next of a list of deeds at each wait, and stops the reader after the last."""

    def __init__(self, *deeds: Callable[[], object]) -> None:
        super().__init__()
        self.deeds = list(deeds)

    def wait(self, seconds: float, stop: Event) -> None:
        super().wait(seconds, stop)
        if self.deeds:
            self.deeds.pop(0)()
        else:
            stop.set()


def nothing() -> None:
    """A deed of waiting only."""


def test_watching_takes_what_is_there_and_what_comes(tmp_path: Path) -> None:
    fill(tmp_path, "b.jpg", "a.jpg")
    clock = BusyClock(nothing, lambda: fill(tmp_path, "0.jpg"), nothing, nothing)
    with source_of(tmp_path, clock, watch=True) as source:
        assert names(source) == ["a.jpg", "b.jpg", "0.jpg"]
    assert set(clock.waits_s) == {ImageOptions().poll_s}


def test_watching_may_begin_with_an_empty_folder(tmp_path: Path) -> None:
    clock = BusyClock(lambda: fill(tmp_path, "a.jpg"), nothing, nothing)
    with source_of(tmp_path, clock, watch=True) as source:
        assert names(source) == ["a.jpg"]


def test_a_file_is_left_alone_while_it_grows(tmp_path: Path) -> None:
    path, data = tmp_path / "a.jpg", jpeg(5)

    def grow(size: int) -> Callable[[], object]:
        return lambda: path.write_bytes(data[:size])

    clock = BusyClock(grow(0), nothing, grow(100), grow(200), grow(len(data)), nothing, nothing)
    with source_of(tmp_path, clock, watch=True) as source:
        frame = source.read()
        assert frame is not None
        assert number_of(frame.data) == 5
        assert source.read() is None
    assert source.skipped == 0


def test_a_file_that_is_renamed_into_place_is_read_once(tmp_path: Path) -> None:
    temporary = tmp_path / ".a.jpg"
    temporary.write_bytes(jpeg(5))
    clock = BusyClock(nothing, lambda: temporary.rename(tmp_path / "a.jpg"), nothing, nothing, nothing)
    with source_of(tmp_path, clock, watch=True) as source:
        assert names(source) == ["a.jpg"]


def test_a_file_that_is_written_anew_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.jpg"
    path.write_bytes(jpeg(1))
    os.utime(path, ns=(1, 1))
    clock = BusyClock(nothing, lambda: path.write_bytes(jpeg(2)), nothing, nothing)
    with source_of(path, clock, watch=True) as source:
        frames = [source.read(), source.read()]
    assert [number_of(frame.data) for frame in frames if frame] == [1, 2]


def test_watching_goes_on_after_bad_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"no image")
    clock = BusyClock(nothing, lambda: fill(tmp_path, "c.jpg"), nothing, nothing)
    with caplog.at_level(logging.WARNING), source_of(tmp_path, clock, watch=True) as source:
        assert names(source) == ["c.jpg"]
    assert source.skipped == 2


def test_what_is_taken_away_is_forgotten_and_may_come_back(tmp_path: Path) -> None:
    fill(tmp_path, "a.jpg")
    path = tmp_path / "a.jpg"
    state = path.stat()

    def back() -> None:
        fill(tmp_path, "a.jpg")
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))

    clock = BusyClock(nothing, path.unlink, nothing, back, nothing, nothing)
    with source_of(tmp_path, clock, watch=True) as source:
        assert names(source) == ["a.jpg", "a.jpg"]


def test_closing_ends_watching(tmp_path: Path) -> None:
    fill(tmp_path, "a.jpg", "b.jpg")
    with source_of(tmp_path, watch=True) as source:
        assert source.read() is not None
        source.close()
        assert source.read() is None


@pytest.mark.zoo
def test_real_photographs_are_read(zoo: Path) -> None:
    folder = zoo / "datasets" / "images"
    with source_of(folder) as source:
        found = names(source)
    assert found == sorted(found)
    assert found
    assert source.skipped == 0
