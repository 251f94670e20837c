"""One signed bundle of each kind for all tests of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.bundles import Signed, key_of, trust_of, write_classifier, write_small


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A private key and the file of its public half."""
    folder = tmp_path_factory.mktemp("keys")
    return key_of(folder), folder / "signing.pub.pem"


@pytest.fixture(scope="session")
def classifier(signer: tuple[Any, Path], tmp_path_factory: pytest.TempPathFactory) -> Signed:
    """A classifier with labels and golden data."""
    key, public_key = signer
    path = write_classifier(tmp_path_factory.mktemp("classifier") / "parts.eib", key)
    return Signed(path, path.read_bytes(), key, trust_of(key), public_key)


@pytest.fixture(scope="session")
def small(signer: tuple[Any, Path], tmp_path_factory: pytest.TempPathFactory) -> Signed:
    """The smallest bundle there can be."""
    key, public_key = signer
    path = write_small(tmp_path_factory.mktemp("small") / "double.eib", key)
    return Signed(path, path.read_bytes(), key, trust_of(key), public_key)
