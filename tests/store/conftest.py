"""Signed bundles, a host that they fit, and stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeinfer.bundle.keys import TrustStore
from edgeinfer.host import Host
from tests.fixtures.bundles import key_of, trust_of, write_classifier, write_small


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return key_of(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def trust(key: Any) -> TrustStore:
    return trust_of(key)


@pytest.fixture(scope="session")
def bundles(key: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three versions of the smallest bundle, and a classifier with golden data."""
    folder = tmp_path_factory.mktemp("bundles")
    versions = {
        version: write_small(folder / f"{version}.eib", key, version=version)
        for version in ("1.0.0", "1.1.0-rc.1", "2.0.0")
    }
    return {**versions, "classifier": write_classifier(folder / "parts.eib", key)}


@pytest.fixture(scope="session")
def host() -> Host:
    return Host(architecture="x86_64", runtimes={"onnxruntime": "1.23.0"})
