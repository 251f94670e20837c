"""The small files of a bundle, parsed and checked against the manifest and each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edgeinfer.bundle.golden import Golden, golden_faults, parse_golden
from edgeinfer.bundle.manifest import GOLDEN_NAME, LABELS_NAME, PIPELINE_NAME, PROFILE_NAME, Manifest
from edgeinfer.errors import FormatError, SettingsError
from edgeinfer.processing.spec import PipelineSpec, parse_pipeline_json
from edgeinfer.profile import Profile
from edgeinfer.strict import decode_json

MAX_LABELS = 1_000_000


@dataclass(frozen=True)
class Contents:
    """What the small files say. `labels` is empty where the bundle has none."""

    pipeline: PipelineSpec
    profile: Profile
    labels: tuple[str, ...]
    golden: Golden | None


def read_contents(manifest: Manifest, read: Callable[[str], bytes]) -> Contents:
    """Parse the small files; `read` gives a member's bytes. Raises FormatError."""
    paths = {entry.path for entry in manifest.files}
    try:
        contents = Contents(
            pipeline=parse_pipeline_json(read(PIPELINE_NAME), PIPELINE_NAME),
            profile=decode_json(read(PROFILE_NAME), Profile, PROFILE_NAME),
            labels=parse_labels(read(LABELS_NAME)) if LABELS_NAME in paths else (),
            golden=parse_golden(read(GOLDEN_NAME)) if GOLDEN_NAME in paths else None,
        )
    except SettingsError as error:
        raise FormatError(error.message, hint=error.hint) from error
    faults = [*_pipeline_faults(manifest, contents.pipeline), *_profile_faults(manifest, contents.profile)]
    if contents.golden is not None:
        faults += golden_faults(contents.golden, manifest)
    if faults:
        raise FormatError("; ".join(faults))
    return contents


def parse_labels(data: bytes) -> tuple[str, ...]:
    """One label a line, in the model's order of classes; an empty line is a class without a name.

    Raises FormatError. Law: `parse_labels(dump_labels(labels)) == labels`.
    """
    try:
        lines = data.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise FormatError(f"{LABELS_NAME}: not UTF-8 text ({error})") from error
    if lines.pop() or not lines or len(lines) > MAX_LABELS:
        raise FormatError(f"{LABELS_NAME}: 1 to {MAX_LABELS} lines are needed, each with its end")
    for number, line in enumerate(lines, start=1):
        if not line.isprintable():
            raise FormatError(f"{LABELS_NAME}, line {number}: {line[:80]!a} is not a printable label")
    return tuple(lines)


def dump_labels(labels: tuple[str, ...]) -> bytes:
    """The bytes of `labels.txt`."""
    return "".join(f"{label}\n" for label in labels).encode()


def _pipeline_faults(manifest: Manifest, pipeline: PipelineSpec) -> Iterator[str]:
    model = pipeline.model
    said = (manifest.name, manifest.version, manifest.task)
    if (model.name, model.version, model.task) != said:
        yield f"{PIPELINE_NAME} is for {model.name} {model.version} ({model.task}), not for {' '.join(said)}"
    has_labels = any(entry.path == LABELS_NAME for entry in manifest.files)
    if has_labels != (model.labels is not None):
        yield f"{PIPELINE_NAME}: model.labels is set exactly where the bundle has `{LABELS_NAME}`"


def _profile_faults(manifest: Manifest, profile: Profile) -> Iterator[str]:
    if profile.name != manifest.profile:
        yield f"{PROFILE_NAME} is `{profile.name}`, not `{manifest.profile}`"
    if profile.cpu.architecture != manifest.architecture:
        yield f"{PROFILE_NAME} is for {profile.cpu.architecture}, not for {manifest.architecture}"
    if profile.runtime_for(manifest.runtime.name) is None:
        yield f"{PROFILE_NAME} has no runtime `{manifest.runtime.name}`"
