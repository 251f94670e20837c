"""Arguments for trust and state."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from edgeinfer.bundle.keys import generate_keys
from edgeinfer.cli.trusting import add_state_argument, add_trust_arguments, chosen_store, chosen_trust
from edgeinfer.errors import SettingsError
from edgeinfer.places import state_folder, user_trust_folder


def parse(*arguments: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_trust_arguments(parser)
    add_state_argument(parser)
    return parser.parse_args([str(one) for one in arguments])


def test_the_state_folder_is_the_users_unless_named(tmp_path: Path) -> None:
    assert chosen_store(parse()).folder == state_folder() / "store"
    assert chosen_store(parse("--state", tmp_path)).folder == tmp_path / "store"


def test_named_keys_are_the_only_ones(tmp_path: Path) -> None:
    mine, other = generate_keys(tmp_path / "a").public, generate_keys(tmp_path / "b").public
    user_trust_folder().mkdir(parents=True)
    (user_trust_folder() / "a.pem").write_bytes(mine.read_bytes())
    assert [one.origin.name for one in chosen_trust(parse()).keys] == ["a.pem"]
    assert [one.origin for one in chosen_trust(parse("--public-key", other)).keys] == [other]
    assert [one.origin.name for one in chosen_trust(parse("--trust", user_trust_folder())).keys] == ["a.pem"]


def test_a_missing_key_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such key file"):
        chosen_trust(parse("--public-key", tmp_path / "none.pem"))
    with pytest.raises(SettingsError, match="no such key file"):
        chosen_trust(parse("--trust", tmp_path / "none"))
