"""The store of installed bundles.

    STATE/store/NAME/VERSION-SHA/     a slot: an unpacked bundle; SHA is 12 digits of the file's SHA-256
    STATE/store/NAME/active           -> the slot that runs
    STATE/store/NAME/previous         -> the one before, for `rollback`
    STATE/store/.staging/             what is being installed
    STATE/store/.lock                 one writer at a time

Whatever stops an installation, `active` names the old slot or the new one, and both are whole: all is
written and synced before a link is renamed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from edgeinfer.bundle.fit import check_fit
from edgeinfer.bundle.golden import GoldenReport
from edgeinfer.bundle.keys import TrustStore
from edgeinfer.bundle.layout import PAGE_BYTES
from edgeinfer.bundle.reader import Bundle, open_bundle, unpack_bundle
from edgeinfer.bundle.regular import FOLDER_MODE
from edgeinfer.errors import BundleError, StoreError
from edgeinfer.files import sync_folder
from edgeinfer.host import Host
from edgeinfer.store.download import download, is_url
from edgeinfer.store.links import ACTIVE, PREVIOUS, read_link, switch_link
from edgeinfer.store.lock import LOCK_NAME, locked
from edgeinfer.store.trial import describe_report, try_bundle

logger = logging.getLogger(__name__)

STAGING_NAME = ".staging"
SHA_DIGITS = 12
SPARE_BYTES = 1024 * 1024

SlotState = Literal["active", "previous", "unused"]
Trial = Callable[[Bundle], GoldenReport | None]


@dataclass(frozen=True)
class Installed:
    """A slot. `fresh` is False where an installation found it active already."""

    name: str
    version: str
    slot: str
    state: SlotState
    path: Path
    size_bytes: int
    fresh: bool = True


@dataclass(frozen=True)
class Removed:
    """Something that `gc` removed, by its path in the store."""

    path: str
    size_bytes: int


class Store:
    """The installed bundles below a state folder. Readers need no lock; a writer holds it."""

    def __init__(
        self, root: Path, *, trial: Trial = try_bundle, free_bytes: Callable[[Path], int] | None = None
    ) -> None:
        self.folder = root / "store"
        self._trial = trial
        self._free_bytes = free_bytes or (lambda path: shutil.disk_usage(path).free)

    def install(self, source: str | Path, trust: TrustStore, host: Host) -> Installed:
        """Verify a bundle (a path or an http(s) URL), try it on this device, and make it active.

        Raises BundleError, ModelError, MissingRuntimeError, StoreError; then nothing has changed.
        """
        with self._writing() as staging:
            path = self._fetch(source, staging)
            bundle = open_bundle(path, trust)
            check_fit(bundle.manifest, bundle.profile, host)
            folder = self.folder / bundle.manifest.name
            slot = f"{bundle.manifest.version}-{bundle.sha256[:SHA_DIGITS]}"
            whole = _opens(folder / slot, trust)
            if whole and read_link(folder, ACTIVE) == slot:
                return replace(_describe(folder, slot), fresh=False)
            if not whole:
                self._place(bundle, staging, folder / slot, trust)
            else:
                self._try(open_bundle(folder / slot, trust))
            _activate(folder, slot)
            return _describe(folder, slot)

    def rollback(self, name: str) -> Installed:
        """Make the previous version active, and the active one previous. Raises StoreError."""
        folder = self._folder_of(name)
        with self._writing():
            active, previous = read_link(folder, ACTIVE), read_link(folder, PREVIOUS)
            if active is None or previous is None or active == previous:
                raise StoreError(
                    f"there is no version of `{name}` to go back to", hint="`edgeinfer status` lists them"
                )
            switch_link(folder, ACTIVE, previous)
            switch_link(folder, PREVIOUS, active)
            return _describe(folder, previous)

    def status(self) -> tuple[Installed, ...]:
        """Every slot, by name, the active one first."""
        order: dict[SlotState, int] = {"active": 0, "previous": 1, "unused": 2}
        found = [_describe(folder, slot) for folder in self._folders() for slot in _slots(folder)]
        return tuple(sorted(found, key=lambda one: (one.name, order[one.state], one.slot)))

    def active(self, name: str) -> Path:
        """The unpacked folder of the active version. Raises StoreError."""
        folder = self._folder_of(name)
        slot = read_link(folder, ACTIVE)
        if slot is None:
            raise StoreError(f"`{name}` has no active version", hint="install its bundle again")
        return folder / slot

    def gc(self) -> tuple[Removed, ...]:
        """Remove what neither is active nor previous, and what broken installations left behind."""
        if not self.folder.is_dir():
            return ()
        removed = [
            Removed(f"{STAGING_NAME}/{path.name}", _size_bytes(path))
            for path in sorted(self._staging.glob("*"))
        ]
        with self._writing() as staging:
            for folder in self._folders():
                for slot in _slots(folder):
                    if _state(folder, slot) == "unused":
                        removed.append(Removed(f"{folder.name}/{slot}", _size_bytes(folder / slot)))
                        (folder / slot).rename(staging / f"{folder.name}-{slot}")
                sync_folder(folder)
                if not _slots(folder):
                    folder.rename(staging / folder.name)
            sync_folder(self.folder)
        return tuple(removed)

    @property
    def _staging(self) -> Path:
        return self.folder / STAGING_NAME

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Path]:
        """Hold the lock, with an empty folder that is removed in the end, come what may."""
        _make_folder(self.folder)
        with locked(self.folder):
            # Under the lock, whatever is there was left by a program that did not end well.
            shutil.rmtree(self._staging, ignore_errors=True)
            _make_folder(self._staging)
            staging = Path(tempfile.mkdtemp(dir=self._staging))
            try:
                yield staging
            finally:
                shutil.rmtree(staging, ignore_errors=True)

    def _fetch(self, source: str | Path, staging: Path) -> Path:
        if not is_url(str(source)):
            return Path(source)
        free = self._free_bytes(self.folder) - SPARE_BYTES
        # Half of it, because the file and what is unpacked from it are there together for a while.
        return download(str(source), staging / "download.eib", max_bytes=max(0, free // 2))

    def _place(self, bundle: Bundle, staging: Path, slot: Path, trust: TrustStore) -> None:
        """Unpack, try, and move a bundle to its slot."""
        self._check_space(bundle)
        unpacked = staging / "bundle"
        unpacked.mkdir()
        unpack_bundle(bundle, unpacked)
        self._try(open_bundle(unpacked, trust))
        _make_folder(slot.parent)
        if os.path.lexists(slot):
            # A slot of the same bundle that was damaged: nothing is lost with it.
            slot.rename(staging / "damaged")
        unpacked.rename(slot)
        sync_folder(slot.parent)

    def _try(self, bundle: Bundle) -> None:
        report = self._trial(bundle)
        if report is not None:
            logger.info("%s works on this device: %s", bundle.manifest.stem, describe_report(report))

    def _check_space(self, bundle: Bundle) -> None:
        members = bundle.container.members
        needed = members[-1].end + len(members) * PAGE_BYTES + SPARE_BYTES
        free = self._free_bytes(self.folder)
        if free < needed:
            raise StoreError(
                f"{self.folder}: {needed / 1e6:.1f} MB are needed, {free / 1e6:.1f} MB are free",
                hint="`edgeinfer gc` removes versions that are no longer needed",
            )

    def _folder_of(self, name: str) -> Path:
        names = [folder.name for folder in self._folders()]
        if name not in names:
            known = f"installed: {', '.join(names)}" if names else "nothing is installed yet"
            raise StoreError(f"`{name}` is not installed in {self.folder}", hint=known)
        return self.folder / name

    def _folders(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        hidden = (LOCK_NAME, STAGING_NAME)
        # A link is none of ours: `gc` would remove what lies where it leads.
        folders = (path for path in self.folder.iterdir() if path.is_dir() and not path.is_symlink())
        return sorted(path for path in folders if path.name not in hidden)


def _activate(folder: Path, slot: str) -> None:
    """`previous` first: a cut between the two leaves the old version active."""
    old = read_link(folder, ACTIVE)
    if old is not None and old != slot:
        switch_link(folder, PREVIOUS, old)
    switch_link(folder, ACTIVE, slot)


def _opens(slot: Path, trust: TrustStore) -> bool:
    """Whether the slot is there and whole."""
    if not slot.is_dir():
        return False
    try:
        open_bundle(slot, trust)
    except BundleError as error:
        logger.warning("%s is damaged and will be replaced: %s", slot, error.message)
        return False
    return True


def _slots(folder: Path) -> list[str]:
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.is_dir() and not path.is_symlink() and not path.name.startswith(".")
    )


def _state(folder: Path, slot: str) -> SlotState:
    if read_link(folder, ACTIVE) == slot:
        return "active"
    return "previous" if read_link(folder, PREVIOUS) == slot else "unused"


def _describe(folder: Path, slot: str) -> Installed:
    path = folder / slot
    version = slot.rpartition("-")[0]
    return Installed(folder.name, version, slot, _state(folder, slot), path, _size_bytes(path))


def _size_bytes(path: Path) -> int:
    return sum(one.lstat().st_size for one in path.rglob("*") if one.is_file())


def _make_folder(folder: Path) -> None:
    """A folder that lasts, with those above it."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    folder.chmod(FOLDER_MODE)
    sync_folder(folder.parent)
