"""`edgeinfer-convert keygen`."""

from __future__ import annotations

import argparse
import stat
from pathlib import Path

import pytest

from edgeinfer.bundle.keys import fingerprint, load_private_key, load_public_key
from edgeinfer.errors import SettingsError
from edgeinfer.exits import Exit
from edgeinfer_converters.commands.keygen import configure, execute


def run(folder: Path) -> int:
    parser = argparse.ArgumentParser()
    configure(parser)
    return execute(parser.parse_args([str(folder)]))


def test_a_pair_that_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "keys"
    assert run(folder) == Exit.DONE
    private, public = folder / "signing.pem", folder / "signing.pub.pem"
    assert fingerprint(load_private_key(private).public_key()) == fingerprint(load_public_key(public))
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    secret, open_half = capsys.readouterr().out.splitlines()
    assert secret.startswith(f"{private} ")
    assert "secret" in secret
    assert open_half.startswith(f"{public} ")
    assert "trust.d" in open_half


def test_the_two_lines_stand_in_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path)
    secret, open_half = capsys.readouterr().out.splitlines()
    assert secret.index("secret:") == open_half.index("goes into")


def test_each_pair_is_new(tmp_path: Path) -> None:
    run(tmp_path / "a")
    run(tmp_path / "b")
    one, other = (load_public_key(tmp_path / name / "signing.pub.pem") for name in "ab")
    assert fingerprint(one) != fingerprint(other)


def test_no_key_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path)
    capsys.readouterr()
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.pem")}
    with pytest.raises(SettingsError, match="never overwritten"):
        run(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.pem")} == before
    assert capsys.readouterr().out == ""
