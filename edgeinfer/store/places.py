"""The store's view of where things lie; see `edgeinfer.places`."""

from __future__ import annotations

from edgeinfer.places import config_folder, state_folder, trust_folders

__all__ = ["config_folder", "state_folder", "trust_folders"]
