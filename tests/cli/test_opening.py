"""Naming, trusting and opening a bundle."""

from __future__ import annotations

import argparse
import platform
from pathlib import Path
from typing import Any

import pytest

from edgeinfer.bundle.keys import TrustStore
from edgeinfer.cli.opening import add_bundle_arguments, open_argument
from edgeinfer.errors import CompatibilityError, SignatureError, StoreError
from edgeinfer.host import detect_host
from edgeinfer.places import state_folder
from edgeinfer.store.slots import Store
from tests.fixtures.bundles import key_of, write_small

X86 = platform.machine() == "x86_64"


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_bundle_arguments(parser)
    return parser.parse_args(words)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_small(tmp_path / "double.eib", key_of(tmp_path / "keys"))


@pytest.fixture
def public_key(tmp_path: Path, bundle: Path) -> Path:
    return next((tmp_path / "keys").glob("*.pub.pem"))


def test_a_file_with_its_key(bundle: Path, public_key: Path) -> None:
    arguments = parse(str(bundle), "--public-key", str(public_key), "--allow-foreign")
    assert open_argument(arguments).manifest.name == "double"


def test_a_folder_of_keys(bundle: Path, public_key: Path) -> None:
    folder = public_key.parent / "trusted"
    folder.mkdir()
    (folder / "one.pem").write_bytes(public_key.read_bytes())
    arguments = parse(str(bundle), "--trust", str(folder), "--allow-foreign")
    assert open_argument(arguments).manifest.name == "double"


def test_a_key_that_nobody_trusts(bundle: Path) -> None:
    with pytest.raises(SignatureError):
        open_argument(parse(str(bundle), "--allow-foreign"))


@pytest.mark.skipif(not X86, reason="the small bundle is for x86-64")
def test_an_installed_name(bundle: Path, public_key: Path, tmp_path: Path) -> None:
    trust = TrustStore.load([public_key])
    Store(state_folder()).install(bundle, trust, detect_host())
    arguments = parse("double", "--public-key", str(public_key))
    assert open_argument(arguments).manifest.name == "double"


@pytest.mark.skipif(not X86, reason="the small bundle is for x86-64")
def test_an_installed_name_in_a_store_elsewhere(bundle: Path, public_key: Path, tmp_path: Path) -> None:
    Store(tmp_path / "elsewhere").install(bundle, TrustStore.load([public_key]), detect_host())
    words = ("double", "--public-key", str(public_key))
    assert open_argument(parse(*words, "--state", str(tmp_path / "elsewhere"))).manifest.name == "double"
    with pytest.raises(StoreError, match="not installed"):
        open_argument(parse(*words))


@pytest.mark.parametrize("name", ["absent.eib", "./absent", "folder/absent"])
def test_a_path_that_is_not_there(name: str) -> None:
    with pytest.raises(StoreError, match="no such bundle"):
        open_argument(parse(name))


def test_a_name_that_is_not_installed() -> None:
    with pytest.raises(StoreError, match="absent"):
        open_argument(parse("absent"))


def test_a_bundle_for_another_device(bundle: Path, public_key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(CompatibilityError):
        open_argument(parse(str(bundle), "--public-key", str(public_key)))
    arguments = parse(str(bundle), "--public-key", str(public_key), "--allow-foreign")
    assert open_argument(arguments).manifest.architecture == "x86_64"


@pytest.mark.parametrize(
    "words", [("--threads", "0"), ("--threads", "two"), ("--trust", "a", "--public-key", "b")]
)
def test_arguments_that_make_no_sense(words: tuple[Any, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse("bundle", *words)
    assert caught.value.code == 2
    assert "error" in capsys.readouterr().err
