"""Building the demo's bundles, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeinfer.bundle.keys import TrustStore
from edgeinfer.bundle.reader import open_bundle
from edgeinfer.errors import EdgeInferError
from edgeinfer.strict import decode_json
from scripts.parts import material
from scripts.parts.bundles import Built, Report, build, ensure_keys
from scripts.parts.draw import LABELS
from scripts.parts.material import Material
from scripts.parts.show import describe, what_next

REPORT = b"""{"schema": 1, "profile": "raspberry-pi-4",
  "model": {"format": "onnx", "precision": "int8", "size_bytes": 39000, "source_size_bytes": 81000},
  "comparison": {"accuracy": {"metric": "top-1", "samples": 400, "converted": 0.985, "reference": 0.99}}}
"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(material, "CALIBRATION_COUNT", 8)
        patch.setattr(material, "EVALUATE_COUNT", 8)
        patch.setattr(material, "write_clip", lambda path: iter([path.write_bytes(b"")]))
        return material.prepare(folder, lambda what, done, total: None)


def test_a_signed_bundle_is_built_and_described(drawn: Material, tmp_path: Path) -> None:
    keys = ensure_keys(tmp_path / "keys")
    built = build("raspberry-pi-4", drawn, keys, tmp_path)
    bundle = open_bundle(built.path, TrustStore.load([keys.public]))
    assert bundle.labels == LABELS
    assert bundle.manifest.model.precision == "int8"
    accuracy = built.report.comparison.accuracy
    assert accuracy.samples == 8
    assert 0 <= accuracy.converted <= 1
    assert describe(built, 3.2).startswith(
        "Built parts-raspberry-pi-4.eib: signed, for raspberry-pi-4, in 3 s"
    )


def test_keys_are_made_once_and_stay_private(tmp_path: Path) -> None:
    keys = ensure_keys(tmp_path / "keys")
    before = keys.private.read_bytes()
    assert ensure_keys(tmp_path / "keys").private.read_bytes() == before
    assert keys.private.stat().st_mode & 0o077 == 0


def test_a_build_that_fails_shows_why_and_where_the_log_is(drawn: Material, tmp_path: Path) -> None:
    with pytest.raises(EdgeInferError, match=r"`edgeinfer-convert build parts.onnx` failed") as caught:
        build("no-such-device", drawn, ensure_keys(tmp_path / "keys"), tmp_path)
    assert "no-such-device" in caught.value.message
    assert "build-no-such-device.log" in caught.value.hint


def test_float_against_int8_is_said_on_few_columns() -> None:
    built = Built(Path("parts.eib"), decode_json(REPORT, Report, "report"))
    assert describe(built, 5).splitlines()[1:] == [
        "  float32    81 kB   99.0% of 400 new pictures right",
        "  int8       39 kB   98.5%",
    ]


def test_the_next_commands_name_what_was_made(drawn: Material, tmp_path: Path) -> None:
    built = Built(tmp_path / "parts-host.eib", decode_json(REPORT, Report, "report"))
    keys = ensure_keys(tmp_path / "keys")
    text = what_next([built], drawn, keys)
    for path in (built.path, keys.public, drawn.clip):
        assert path.name in text
