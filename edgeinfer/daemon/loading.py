"""From a stream's settings to what can run: its bundle verified, its model loaded, its source checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeinfer.config import Settings, StreamSettings
from edgeinfer.daemon.info import StreamInfo
from edgeinfer.daemon.stream import Runnable
from edgeinfer.errors import EdgeInferError, SettingsError, StoreError
from edgeinfer.places import state_folder
from edgeinfer.sources import Source
from edgeinfer.sources.uri import parse_uri
from edgeinfer.strict import list_faults

if TYPE_CHECKING:
    from edgeinfer.bundle.keys import TrustStore
    from edgeinfer.bundle.reader import Bundle

ENGINES_FOLDER = "engines"


@dataclass(frozen=True)
class LoadedStream:
    """A stream that is ready to start. `open_source` makes a new source at each restart."""

    settings: StreamSettings
    pipeline: Runnable
    open_source: Callable[[], Source]
    info: StreamInfo


Loader = Callable[[StreamSettings], LoadedStream]


class BundleLoader:
    """Loads streams for one settings file. `cache` is where engines built for this device are kept.

    What needs a runtime, OpenCV or cryptography is imported when a stream is loaded, so that importing
    the daemon costs nothing.
    """

    def __init__(self, settings: Settings, cache: Path | None = None) -> None:
        self._settings = settings
        self._state = Path(settings.state.folder) if settings.state.folder else state_folder()
        self._cache = cache or self._state / ENGINES_FOLDER

    def load(self, stream: StreamSettings) -> LoadedStream:
        """Verify the bundle, load its model, check the source. Raises EdgeInferError."""
        from edgeinfer.pipeline import open_pipeline

        bundle = self._open_bundle(stream)
        open_source = self._source_opener(stream, bundle)
        pipeline = open_pipeline(
            bundle,
            threads=stream.threads,
            device=self._settings.device.name,
            stream=stream.name,
            cache=self._cache,
        )
        return LoadedStream(stream, pipeline, open_source, _info(stream, bundle))

    def check(self, stream: StreamSettings) -> StreamInfo:
        """The same without loading the model: what `--check` tells. Raises EdgeInferError."""
        bundle = self._open_bundle(stream)
        self._source_opener(stream, bundle)
        return _info(stream, bundle)

    def _open_bundle(self, stream: StreamSettings) -> Bundle:
        from edgeinfer.bundle.fit import check_fit
        from edgeinfer.bundle.reader import open_bundle
        from edgeinfer.host import detect_host
        from edgeinfer.store.slots import Store

        try:
            path = stream.bundle_path or Store(self._state).active(stream.bundle)
            trust = self._trust()
        except OSError as error:
            # One stream's fault: the others run.
            raise StoreError(
                f"{error.filename}: {error.strerror}",
                hint="the store and the trusted keys must be readable for the user that the daemon runs as",
            ) from error
        bundle = open_bundle(path, trust)
        check_fit(bundle.manifest, bundle.profile, detect_host())
        return bundle

    def _source_opener(self, stream: StreamSettings, bundle: Bundle) -> Callable[[], Source]:
        from edgeinfer.sources import open_source

        spec = bundle.pipeline.input[0]
        open_source(stream.source, spec)  # a constructor does no I/O: this finds mistakes in the URI
        return lambda: open_source(stream.source, spec)

    def _trust(self) -> TrustStore:
        from edgeinfer.bundle.keys import TrustStore, default_trust

        paths = self._settings.trust.paths
        return TrustStore.load(Path(path) for path in paths) if paths else default_trust()


def check_streams(settings: Settings, loader: BundleLoader) -> tuple[StreamInfo, ...]:
    """What would run. Raises SettingsError that names every stream that would not."""
    found: list[StreamInfo] = []
    faults: list[str] = []
    for stream in settings.stream:
        try:
            found.append(loader.check(stream))
        except EdgeInferError as error:
            faults.append(f"{stream.name}: {error.message}" + (f" ({error.hint})" if error.hint else ""))
    if faults:
        raise SettingsError(list_faults("these streams would not run", faults))
    return tuple(found)


def _info(stream: StreamSettings, bundle: Bundle) -> StreamInfo:
    manifest = bundle.manifest
    return StreamInfo(
        name=stream.name,
        source=parse_uri(stream.source).redacted,
        model=f"{manifest.name}@{manifest.version}",
        task=manifest.task,
        profile=manifest.profile,
        format=manifest.model.format,
        precision=manifest.model.precision,
        bundle_sha256=bundle.sha256,
        signed_by=bundle.fingerprint,
    )
