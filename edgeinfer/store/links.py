"""Symbolic links that name a slot beside them, switched so that a power cut leaves the old or the new."""

from __future__ import annotations

from pathlib import Path

from edgeinfer.files import sync_folder

ACTIVE = "active"
PREVIOUS = "previous"


def read_link(folder: Path, name: str) -> str | None:
    """The slot that a link names; None where there is no link, or it names none of this folder."""
    path = folder / name
    if not path.is_symlink():
        return None
    target = str(path.readlink())
    known = "/" not in target and not target.startswith(".") and (folder / target).is_dir()
    return target if known and not (folder / target).is_symlink() else None


def switch_link(folder: Path, name: str, slot: str) -> None:
    """Point a link at a slot, in one step that lasts."""
    temporary = folder / f".{name}.new"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(slot)
    temporary.replace(folder / name)
    sync_folder(folder)
