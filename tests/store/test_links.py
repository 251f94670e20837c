"""Links that name slots."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeinfer.store.links import read_link, switch_link


def test_a_link_is_switched(tmp_path: Path) -> None:
    for name in ("1.0.0-a", "2.0.0-b"):
        (tmp_path / name).mkdir()
    assert read_link(tmp_path, "active") is None
    for name in ("1.0.0-a", "2.0.0-b", "2.0.0-b"):
        switch_link(tmp_path, "active", name)
        assert read_link(tmp_path, "active") == name
        assert (tmp_path / "active").readlink() == Path(name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.0.0-a", "2.0.0-b", "active"]


def test_what_an_interrupted_switch_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "slot").mkdir()
    (tmp_path / ".active.new").symlink_to("gone")
    switch_link(tmp_path, "active", "slot")
    assert read_link(tmp_path, "active") == "slot"


@pytest.mark.parametrize("target", ["gone", "..", ".", "../outside", "/etc", ".staging", "file", "chain"])
def test_a_link_that_names_no_slot_counts_for_nothing(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "name"
    folder.mkdir()
    (tmp_path / "outside").mkdir()
    (folder / ".staging").mkdir()
    (folder / "slot").mkdir()
    (folder / "file").write_text("x")
    (folder / "chain").symlink_to("slot")
    (folder / "active").symlink_to(target)
    assert read_link(folder, "active") is None


def test_a_folder_in_the_place_of_the_link_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "active").mkdir()
    assert read_link(tmp_path, "active") is None
