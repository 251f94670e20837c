"""Installing, rolling back and cleaning up; and being cut off at any step of it."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeinfer.bundle.golden import GoldenReport
from edgeinfer.bundle.keys import TrustStore
from edgeinfer.bundle.reader import Bundle, open_bundle
from edgeinfer.errors import (
    BundleError,
    CompatibilityError,
    MissingRuntimeError,
    SignatureError,
    StoreError,
)
from edgeinfer.host import Host
from edgeinfer.store.lock import locked
from edgeinfer.store.slots import Store
from tests.fixtures.bundles import key_of, trust_of

Bundles = dict[str, Path]
CALLS = ("replace", "rename", "fsync", "mkdir", "unlink", "symlink", "fchmod", "chmod")


def accept(_: Bundle) -> GoldenReport | None:
    """A trial that every bundle passes: these tests are about files."""
    return None


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state", trial=accept)


def versions(store: Store) -> dict[str, str]:
    return {one.version: one.state for one in store.status()}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_bundle_is_installed_and_active(
    store: Store, bundles: Bundles, trust: TrustStore, host: Host
) -> None:
    installed = store.install(bundles["1.0.0"], trust, host)
    sha = open_bundle(bundles["1.0.0"], trust).sha256
    assert (installed.name, installed.version, installed.state) == ("double", "1.0.0", "active")
    assert installed.slot == f"1.0.0-{sha[:12]}"
    assert installed.fresh
    assert store.active("double") == installed.path
    assert open_bundle(store.active("double"), trust).sha256 == sha
    assert names(store.folder / "double") == [installed.slot, "active"]
    assert not any((store.folder / ".staging").iterdir())


def test_other_users_may_read_what_root_installed(
    store: Store, bundles: Bundles, trust: TrustStore, host: Host
) -> None:
    old = os.umask(0o077)
    try:
        slot = store.install(bundles["classifier"], trust, host).path
    finally:
        os.umask(old)
    for path in (store.folder.parent, store.folder, slot.parent, slot, slot / "golden"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o755, path
    assert stat.S_IMODE((slot / "model.onnx").stat().st_mode) == 0o644


def test_a_new_version_keeps_the_old_one(
    store: Store, bundles: Bundles, trust: TrustStore, host: Host
) -> None:
    store.install(bundles["1.0.0"], trust, host)
    store.install(bundles["1.1.0-rc.1"], trust, host)
    assert versions(store) == {"1.1.0-rc.1": "active", "1.0.0": "previous"}
    store.install(str(bundles["2.0.0"]), trust, host)
    assert versions(store) == {"2.0.0": "active", "1.1.0-rc.1": "previous", "1.0.0": "unused"}


def test_installing_the_active_version_changes_nothing(
    store: Store, bundles: Bundles, trust: TrustStore, host: Host
) -> None:
    store.install(bundles["1.0.0"], trust, host)
    store.install(bundles["2.0.0"], trust, host)
    before = store.status()
    again = store.install(bundles["2.0.0"], trust, host)
    assert not again.fresh
    assert store.status() == before


def test_an_unpacked_folder_can_be_installed(
    store: Store, bundles: Bundles, trust: TrustStore, host: Host, tmp_path: Path
) -> None:
    other = Store(tmp_path / "other", trial=accept)
    slot = other.install(bundles["1.0.0"], trust, host).path
    assert store.install(slot, trust, host).slot == slot.name


def test_going_back_and_forth(store: Store, bundles: Bundles, trust: TrustStore, host: Host) -> None:
    store.install(bundles["1.0.0"], trust, host)
    store.install(bundles["2.0.0"], trust, host)
    assert store.rollback("double").version == "1.0.0"
    assert versions(store) == {"1.0.0": "active", "2.0.0": "previous"}
    assert store.rollback("double").version == "2.0.0"
    store.rollback("double")
    assert store.install(bundles["2.0.0"], trust, host).fresh
    assert versions(store) == {"2.0.0": "active", "1.0.0": "previous"}


def test_there_may_be_nothing_to_go_back_to(
    store: Store, bundles: Bundles, trust: TrustStore, host: Host
) -> None:
    with pytest.raises(StoreError, match="`double` is not installed") as caught:
        store.rollback("double")
    assert caught.value.hint == "nothing is installed yet"
    assert not store.folder.exists()
    store.install(bundles["1.0.0"], trust, host)
    with pytest.raises(StoreError, match="no version of `double` to go back to"):
        store.rollback("double")
    with pytest.raises(StoreError, match="`other` is not installed") as caught:
        store.active("other")
    assert caught.value.hint == "installed: double"


@pytest.mark.parametrize("name", ["../double", ".staging", ".lock", "", ".", "double/active"])
def test_a_name_cannot_leave_the_store(
    store: Store, bundles: Bundles, trust: TrustStore, host: Host, name: str
) -> None:
    store.install(bundles["1.0.0"], trust, host)
    with pytest.raises(StoreError, match="not installed"):
        store.active(name)
    with pytest.raises(StoreError, match="not installed"):
        store.rollback(name)


def test_gc_keeps_active_and_previous(store: Store, bundles: Bundles, trust: TrustStore, host: Host) -> None:
    assert store.gc() == ()
    for version in ("1.0.0", "1.1.0-rc.1", "2.0.0", "classifier"):
        store.install(bundles[version], trust, host)
    stale = store.folder / ".staging" / "tmpstale"
    stale.mkdir()
    (stale / "big").write_bytes(bytes(1000))
    removed = store.gc()
    assert [one.path.rpartition("-")[0] or one.path for one in removed] == [
        ".staging/tmpstale",
        "double/1.0.0",
    ]
    assert removed[0].size_bytes == 1000
    assert removed[1].size_bytes > 1000
    assert versions(store) == {"1.0.0": "active", "1.1.0-rc.1": "previous", "2.0.0": "active"}
    assert not any((store.folder / ".staging").iterdir())
    assert store.gc() == ()


def test_gc_forgets_a_bundle_that_was_never_activated(
    store: Store, bundles: Bundles, trust: TrustStore, host: Host
) -> None:
    installed = store.install(bundles["1.0.0"], trust, host)
    (store.folder / "double" / "active").unlink()
    with pytest.raises(StoreError, match="no active version"):
        store.active("double")
    assert [one.path for one in store.gc()] == [f"double/{installed.slot}"]
    assert names(store.folder) == [".lock", ".staging"]
    with pytest.raises(StoreError, match="not installed"):
        store.active("double")


def test_status_is_by_name_with_the_active_first(
    store: Store, bundles: Bundles, trust: TrustStore, host: Host
) -> None:
    assert store.status() == ()
    for version in ("classifier", "1.0.0", "2.0.0"):
        store.install(bundles[version], trust, host)
    assert [(one.name, one.state) for one in store.status()] == [
        ("double", "active"),
        ("double", "previous"),
        ("parts", "active"),
    ]


def unchanged(store: Store, action: Callable[[], object], error: type[Exception], text: str) -> None:
    before = store.status()
    with pytest.raises(error, match=text):
        action()
    assert store.status() == before
    assert not any((store.folder / ".staging").iterdir())


def test_a_refused_bundle_changes_nothing(
    store: Store, bundles: Bundles, trust: TrustStore, host: Host, tmp_path: Path
) -> None:
    store.install(bundles["1.0.0"], trust, host)
    new = bundles["2.0.0"]
    other = trust_of(key_of(tmp_path / "keys"))
    unchanged(store, lambda: store.install(new, other, host), SignatureError, "not trusted")
    arm = Host(architecture="aarch64", runtimes={"onnxruntime": "1.23"})
    unchanged(store, lambda: store.install(new, trust, arm), CompatibilityError, "this device is aarch64")
    old = Host(architecture="x86_64", runtimes={"onnxruntime": "1.2"})
    unchanged(store, lambda: store.install(new, trust, old), CompatibilityError, "this device has")
    bare = Host(architecture="x86_64")
    unchanged(store, lambda: store.install(new, trust, bare), MissingRuntimeError, "not installed")
    cut = tmp_path / "cut.eib"
    cut.write_bytes(new.read_bytes()[:-512])
    unchanged(store, lambda: store.install(cut, trust, host), BundleError, "cut off")
    unchanged(store, lambda: store.install(tmp_path / "none", trust, host), BundleError, "No such file")


def test_a_bundle_that_fails_its_trial_changes_nothing(
    store: Store, bundles: Bundles, trust: TrustStore, host: Host, tmp_path: Path
) -> None:
    def fail(bundle: Bundle) -> GoldenReport | None:
        assert bundle.model()
        raise CompatibilityError("computes something else")

    store.install(bundles["1.0.0"], trust, host)
    strict = Store(tmp_path / "state", trial=fail)
    unchanged(strict, lambda: strict.install(bundles["2.0.0"], trust, host), CompatibilityError, "computes")
    # Also where the slot is there already.
    store.install(bundles["2.0.0"], trust, host)
    store.rollback("double")
    unchanged(strict, lambda: strict.install(bundles["2.0.0"], trust, host), CompatibilityError, "computes")


def test_a_full_disk_is_noticed_before(
    bundles: Bundles, trust: TrustStore, host: Host, tmp_path: Path
) -> None:
    store = Store(tmp_path, trial=accept, free_bytes=lambda _: 1_000_000)
    with pytest.raises(StoreError, match=r"1\.1 MB are needed, 1\.0 MB are free") as caught:
        store.install(bundles["1.0.0"], trust, host)
    assert "edgeinfer gc" in caught.value.hint
    assert store.status() == ()


def test_a_disk_that_fills_up_meanwhile_changes_nothing(
    store: Store, bundles: Bundles, trust: TrustStore, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.install(bundles["1.0.0"], trust, host)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = store.status()
    with pytest.raises(OSError, match="No space left"):
        store.install(bundles["2.0.0"], trust, host)
    monkeypatch.undo()
    assert store.status() == before


def test_a_damaged_slot_is_replaced(store: Store, bundles: Bundles, trust: TrustStore, host: Host) -> None:
    slot = store.install(bundles["1.0.0"], trust, host).path
    (slot / "model.onnx").write_bytes(b"rotten")
    with pytest.raises(BundleError):
        open_bundle(store.active("double"), trust)
    assert store.install(bundles["1.0.0"], trust, host).fresh
    assert open_bundle(store.active("double"), trust).manifest.version == "1.0.0"


def test_two_installers_do_not_meet(store: Store, bundles: Bundles, trust: TrustStore, host: Host) -> None:
    store.install(bundles["1.0.0"], trust, host)
    with locked(store.folder):
        for action in (
            lambda: store.install(bundles["2.0.0"], trust, host),
            lambda: store.rollback("double"),
            store.gc,
        ):
            with pytest.raises(StoreError, match="another program is changing"):
                action()
        assert store.active("double").name.startswith("1.0.0-")


class PowerCut(BaseException):
    """The machine is off."""


class Machine:
    """Counts the calls that change a disk, and from the N-th on fails them all, clean-up included."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, last: int) -> None:
        self.calls, self._last = 0, last
        for name in CALLS:
            monkeypatch.setattr(os, name, self._wrap(getattr(os, name)))
        monkeypatch.setattr(shutil, "rmtree", self._wrap(shutil.rmtree))

    def _wrap(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls > self._last:
                raise PowerCut
            return real(*arguments, **options)

        return call


def cuts(action: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Run an action that is cut off after 0, 1, 2, … calls, until it comes to its end."""
    for last in range(10_000):
        with monkeypatch.context() as patch:
            Machine(patch, last=last)
            try:
                action()
            except PowerCut:
                done = False
            else:
                done = True
        if done:
            return
        yield last


def test_a_cut_at_any_step_of_an_installation_leaves_the_old_or_the_new(
    bundles: Bundles, trust: TrustStore, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = Store(tmp_path / "template", trial=accept)
    template.install(bundles["1.0.0"], trust, host)
    template.install(bundles["1.1.0-rc.1"], trust, host)
    seen = []

    for last in range(10_000):
        root = tmp_path / f"{last}"
        shutil.copytree(tmp_path / "template", root, symlinks=True)
        with monkeypatch.context() as patch:
            Machine(patch, last=last)
            try:
                Store(root, trial=accept).install(bundles["2.0.0"], trust, host)
                cut = False
            except PowerCut:
                cut = True
        after = Store(root, trial=accept)
        active = open_bundle(after.active("double"), trust).manifest.version
        assert active in ("1.1.0-rc.1", "2.0.0")
        seen.append(active)
        # And the next attempt succeeds, whatever was left behind.
        assert after.install(bundles["2.0.0"], trust, host).version == "2.0.0"
        after.gc()
        assert not any((after.folder / ".staging").iterdir())
        assert set(versions(after).values()) <= {"active", "previous"}
        shutil.rmtree(root)
        if not cut:
            break
    assert len(seen) > 20
    assert seen == sorted(seen)
    assert set(seen) == {"1.1.0-rc.1", "2.0.0"}


def test_a_cut_at_any_step_of_a_first_installation_leaves_nothing_or_all(
    bundles: Bundles, trust: TrustStore, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "state", trial=accept)
    for _ in cuts(lambda: store.install(bundles["1.0.0"], trust, host), monkeypatch):
        if store.folder.is_dir() and any(one.state == "active" for one in store.status()):
            assert open_bundle(store.active("double"), trust).manifest.version == "1.0.0"
        shutil.rmtree(tmp_path / "state", ignore_errors=True)
    assert versions(store) == {"1.0.0": "active"}


def test_a_cut_at_any_step_of_a_rollback_leaves_one_of_both(
    bundles: Bundles, trust: TrustStore, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path, trial=accept)
    for version in ("1.0.0", "2.0.0"):
        store.install(bundles[version], trust, host)
    count = 0
    for _ in cuts(lambda: store.rollback("double"), monkeypatch):
        count += 1
        active = open_bundle(store.active("double"), trust).manifest.version
        assert active in ("1.0.0", "2.0.0")
        # Back to the start: 1.0.0 before 2.0.0.
        store.install(bundles["1.0.0"], trust, host)
        store.install(bundles["2.0.0"], trust, host)
    assert count > 5
    assert versions(store) == {"1.0.0": "active", "2.0.0": "previous"}


def test_a_cut_at_any_step_of_gc_keeps_what_runs(
    bundles: Bundles, trust: TrustStore, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path, trial=accept)
    for version in ("1.0.0", "1.1.0-rc.1", "2.0.0"):
        store.install(bundles[version], trust, host)
    for _ in cuts(store.gc, monkeypatch):
        assert open_bundle(store.active("double"), trust).manifest.version == "2.0.0"
    assert versions(store) == {"2.0.0": "active", "1.1.0-rc.1": "previous"}
    assert store.rollback("double").version == "1.1.0-rc.1"


def test_everything_is_synced_before_the_switch(
    store: Store, bundles: Bundles, trust: TrustStore, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[str] = set()
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        real_fsync(descriptor)
        synced.add(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    def switch(source: Path, target: Path) -> Path:
        if target.name == "active":
            slot = store.folder / "parts" / source.readlink()
            staged = {path.name for path in slot.rglob("*")}
            assert staged <= {Path(path).name for path in synced}
            assert str(slot.parent) in synced
            synced.add("switched")
        return real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", switch)
    store.install(bundles["classifier"], trust, host)
    assert "switched" in synced


def test_gc_leaves_alone_what_a_link_in_the_store_leads_to(
    store: Store, bundles: Bundles, trust: TrustStore, host: Host, tmp_path: Path
) -> None:
    store.install(bundles["1.0.0"], trust, host)
    precious = tmp_path / "elsewhere" / "precious"
    precious.mkdir(parents=True)
    (store.folder / "link").symlink_to(precious.parent)
    assert store.gc() == ()
    assert precious.is_dir()
    assert [one.name for one in store.status()] == ["double"]
