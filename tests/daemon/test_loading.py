"""From settings to a stream that can run, with real small bundles."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeinfer.config import MqttSettings, Settings, StateSettings, StreamSettings, TrustSettings
from edgeinfer.daemon.loading import BundleLoader, check_streams
from edgeinfer.errors import CompatibilityError, SettingsError, SignatureError, StoreError
from edgeinfer.host import Host
from edgeinfer.strict import replace
from tests.fixtures.bundles import key_of, write_classifier

SYNTHETIC = "synthetic:?frames=2&width=32&height=24"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    key = key_of(tmp_path / "keys")
    bundle = write_classifier(tmp_path / "parts.eib", key)
    return Settings(
        stream=(StreamSettings(name="door", source=SYNTHETIC, bundle=str(bundle)),),
        mqtt=MqttSettings(url="mqtt://localhost"),
        state=StateSettings(folder=str(tmp_path / "state")),
        trust=TrustSettings(paths=(str(tmp_path / "keys" / "signing.pub.pem"),)),
    )


def stream(settings: Settings, **changes: str) -> StreamSettings:
    one = settings.stream[0]
    return replace(one, **changes)


def test_a_bundle_by_its_path(settings: Settings) -> None:
    found = BundleLoader(settings).load(settings.stream[0])
    assert found.info.model == "parts@1.0.0"
    assert found.info.source == "synthetic:"
    assert len(found.info.bundle_sha256) == len(found.info.signed_by) == 64
    with found.open_source() as source, found.pipeline as pipeline:
        one = source.read()
        assert one is not None
        assert pipeline.process(one).stream == "door"


def test_each_restart_gets_a_new_source(settings: Settings) -> None:
    found = BundleLoader(settings).load(settings.stream[0])
    assert found.open_source() is not found.open_source()
    found.pipeline.__exit__(None, None, None)


def test_an_installed_bundle(settings: Settings, tmp_path: Path) -> None:
    from edgeinfer.bundle.keys import TrustStore
    from edgeinfer.host import detect_host
    from edgeinfer.store.slots import Store

    trust = TrustStore.load([Path(settings.trust.paths[0])])
    Store(tmp_path / "state").install(Path(settings.stream[0].bundle), trust, detect_host())
    assert BundleLoader(settings).check(stream(settings, bundle="parts")).model == "parts@1.0.0"


def test_a_bundle_that_is_not_installed(settings: Settings) -> None:
    with pytest.raises(StoreError, match="person"):
        BundleLoader(settings).check(stream(settings, bundle="person"))


def test_a_bundle_signed_by_someone_else(settings: Settings, tmp_path: Path) -> None:
    other = write_classifier(tmp_path / "other.eib", key_of(tmp_path / "other-keys"))
    with pytest.raises(SignatureError):
        BundleLoader(settings).check(stream(settings, bundle=str(other)))


def test_a_bundle_for_another_device(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeinfer.host.detect_host", lambda: Host(architecture="armv7l"))
    with pytest.raises(CompatibilityError, match="armv7l"):
        BundleLoader(settings).check(settings.stream[0])


@pytest.mark.parametrize("source", ["rtps://camera/stream", "csv:///rows.csv", "synthetic:?fsp=3"])
def test_a_source_that_cannot_be(settings: Settings, source: str) -> None:
    with pytest.raises(SettingsError):
        BundleLoader(settings).load(stream(settings, source=source))


def test_info_shows_no_secret(settings: Settings) -> None:
    found = BundleLoader(settings).check(stream(settings, source="rtsp://user:hunter2@camera/live"))
    assert "camera/live" in found.source
    assert "hunter2" not in found.source


def test_checking_names_every_stream_that_would_not_run(settings: Settings) -> None:
    assert [one.name for one in check_streams(settings, BundleLoader(settings))] == ["door"]
    broken = Settings(
        stream=(
            stream(settings, name="a", bundle="none"),
            settings.stream[0],
            stream(settings, name="b", source="x:"),
        ),
        mqtt=settings.mqtt,
        state=settings.state,
        trust=settings.trust,
    )
    with pytest.raises(SettingsError) as caught:
        check_streams(broken, BundleLoader(broken))
    lines = caught.value.message.splitlines()
    assert lines[0] == "these streams would not run:"
    assert [line.strip()[:2] for line in lines[1:3]] == ["a:", "b:"]


def test_a_store_that_cannot_be_looked_at_is_the_streams_fault(settings: Settings) -> None:
    # A path that the system refuses to look at plays a folder without permission, which root does not know.
    lost = replace(settings, state=StateSettings(folder="/" + "x" * 5000))
    with pytest.raises(StoreError, match="File name too long") as caught:
        BundleLoader(lost).load(stream(lost, bundle="parts"))
    assert "readable for the user" in caught.value.hint
