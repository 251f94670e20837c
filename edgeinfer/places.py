"""Where things lie: the folders of the system service, and those of a user.

Root works on the system's folders unless XDG_CONFIG_HOME or XDG_STATE_HOME says otherwise.
"""

from __future__ import annotations

import os
from pathlib import Path

PROGRAM = "edgeinfer"
SYSTEM_CONFIG = Path("/etc/edgeinfer")
SYSTEM_STATE = Path("/var/lib/edgeinfer")
TRUST_FOLDER = "trust.d"


def user_config_folder() -> Path:
    """`$XDG_CONFIG_HOME/edgeinfer`, by default `~/.config/edgeinfer`, whoever asks."""
    return _xdg("XDG_CONFIG_HOME", Path(".config"))


def config_folder() -> Path:
    """Settings and trusted keys: `/etc/edgeinfer` for root, the user's folder otherwise."""
    system = os.geteuid() == 0 and not os.environ.get("XDG_CONFIG_HOME")
    return SYSTEM_CONFIG if system else user_config_folder()


def state_folder() -> Path:
    """Store and outbox: `/var/lib/edgeinfer` for root, `$XDG_STATE_HOME/edgeinfer` otherwise."""
    system = os.geteuid() == 0 and not os.environ.get("XDG_STATE_HOME")
    return SYSTEM_STATE if system else _xdg("XDG_STATE_HOME", Path(".local/state"))


def cache_folder() -> Path:
    """What may be deleted at any time: `$XDG_CACHE_HOME/edgeinfer`, by default `~/.cache/edgeinfer`."""
    return _xdg("XDG_CACHE_HOME", Path(".cache"))


def user_trust_folder() -> Path:
    """The user's own trusted keys."""
    return user_config_folder() / TRUST_FOLDER


def trust_folders() -> tuple[Path, ...]:
    """The folders of trusted public keys: the system's, then the user's."""
    return (SYSTEM_CONFIG / TRUST_FOLDER, user_trust_folder())


def _xdg(variable: str, default: Path) -> Path:
    value = os.environ.get(variable, "")
    # The XDG specification has relative paths ignored.
    base = Path(value) if value and Path(value).is_absolute() else Path.home() / default
    return base / PROGRAM
