"""Where things lie, for root and for users."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgeinfer.places import cache_folder, config_folder, state_folder, trust_folders, user_config_folder


@pytest.mark.parametrize("uid", [0, 1000])
def test_xdg_variables_count_for_everyone(monkeypatch: pytest.MonkeyPatch, uid: int, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    assert config_folder() == tmp_path / "c" / "edgeinfer"
    assert state_folder() == tmp_path / "s" / "edgeinfer"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "k"))
    assert cache_folder() == tmp_path / "k" / "edgeinfer"


def test_root_has_the_system_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.delenv("XDG_STATE_HOME")
    assert config_folder() == Path("/etc/edgeinfer")
    assert state_folder() == Path("/var/lib/edgeinfer")


@pytest.mark.parametrize("value", [None, "", "relative/path"])
def test_a_user_has_the_defaults(monkeypatch: pytest.MonkeyPatch, value: str | None, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    assert config_folder() == user_config_folder() == tmp_path / ".config" / "edgeinfer"
    assert cache_folder() == tmp_path / ".cache" / "edgeinfer"
    assert state_folder() == tmp_path / ".local" / "state" / "edgeinfer"


def test_trust_comes_from_the_system_and_the_user() -> None:
    assert trust_folders() == (Path("/etc/edgeinfer/trust.d"), user_config_folder() / "trust.d")
