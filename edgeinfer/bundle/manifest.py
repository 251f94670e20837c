"""`bundle.json`, the first member of a bundle: what it holds and what it needs.

Law: `parse_manifest(dump_manifest(m)) == m`, and a manifest is accepted only when
`dump_manifest(parse_manifest(data)) == data`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from edgeinfer.errors import FormatError, SettingsError
from edgeinfer.frames import DTYPES, TensorInfo
from edgeinfer.processing.spec import Task
from edgeinfer.profile import Architecture, RuntimeName
from edgeinfer.strict import Meta, Struct, decode_json, encode_json, plain

FORMAT_VERSION = 1
MANIFEST_NAME = "bundle.json"
SIGNATURE_NAME = "bundle.sig"
PIPELINE_NAME = "pipeline.json"
PROFILE_NAME = "profile.json"
LABELS_NAME = "labels.txt"
GOLDEN_NAME = "golden.json"
PROVENANCE_NAME = "provenance.json"

MAX_MANIFEST_BYTES = 1024 * 1024
MAX_SIGNATURE_BYTES = 64 * 1024  # 64 files take about 20 kB
MAX_FILES = 64
MAX_FILE_BYTES = 8 * 1024**3 - 1  # what the eleven octal digits of a ustar header hold
MAX_SMALL_FILE_BYTES = 64 * 1024 * 1024  # each file but the model
MAX_PATH_BYTES = 100  # the name field of a ustar header
MAX_TENSORS = 256
MAX_RANK = 16
MAX_OPERATOR_KINDS = 1024

_SEMVER = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?\Z"
_SEGMENT = r"[a-z0-9][a-z0-9._-]*"
_PATH = re.compile(rf"({_SEGMENT}/)?{_SEGMENT}\Z")

Size = Annotated[int, Meta(ge=0, le=MAX_FILE_BYTES)]
Count = Annotated[int, Meta(ge=0, le=10_000_000)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.]{0,63}\Z")]
Version = Annotated[str, Meta(pattern=_SEMVER, max_length=64)]
ProfileName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}\Z")]
Dotted = Annotated[str, Meta(pattern=r"^[0-9]{1,5}(\.[0-9]{1,5}){0,3}\Z")]


class FileEntry(Struct, frozen=True):
    """A member after the signature; its SHA-256 is in the signed statement."""

    path: str
    size: Size


class RuntimeNeed(Struct, frozen=True):
    """The runtime that the model is for. `opset` and `ir_version` are 0 for TFLite."""

    name: RuntimeName
    minimum_version: Dotted
    opset: Count = 0
    ir_version: Count = 0


class ModelEntry(Struct, frozen=True):
    """The model file, and what a reader must find in it."""

    file: str
    format: Literal["onnx", "tflite"]
    precision: Literal["float32", "float16", "int8", "mixed", "as-is"]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    operators: dict[str, Count]


class Manifest(Struct, frozen=True):
    """The whole `bundle.json`."""

    format: Literal["edgeinfer-bundle"]
    format_version: Literal[1]
    name: Name
    version: Version
    task: Task
    profile: ProfileName
    architecture: Architecture
    runtime: RuntimeNeed
    model: ModelEntry
    files: tuple[FileEntry, ...]

    @property
    def stem(self) -> str:
        """NAME-VERSION-PROFILE, which the signature names too."""
        return f"{self.name}-{self.version}-{self.profile}"

    @property
    def file_name(self) -> str:
        """NAME-VERSION-PROFILE.eib"""
        return f"{self.stem}.eib"


def parse_manifest(data: bytes) -> Manifest:
    """Parse and check the canonical bytes of a manifest. Raises FormatError that lists every fault."""
    try:
        manifest = decode_json(data, Manifest, MANIFEST_NAME)
    except SettingsError as error:
        raise FormatError(error.message) from error
    if dump_manifest(manifest) != data:
        raise FormatError(f"{MANIFEST_NAME}: not in canonical form")
    faults = [*_file_faults(manifest), *_model_faults(manifest.model)]
    if faults:
        raise FormatError(f"{MANIFEST_NAME}: " + "; ".join(faults))
    return manifest


def dump_manifest(manifest: Manifest) -> bytes:
    """The canonical bytes of a manifest: UTF-8 JSON, two spaces, operators sorted, a final newline."""
    table = plain(manifest)
    table["model"]["operators"] = dict(sorted(manifest.model.operators.items()))
    return encode_json(table, indent=2) + b"\n"


def list_files(members: Mapping[str, bytes], model_file: str) -> tuple[FileEntry, ...]:
    """The `files` of a manifest for these members: sorted by path, the model last."""
    paths = [*sorted(path for path in members if path != model_file), model_file]
    return tuple(FileEntry(path=path, size=len(members[path])) for path in paths)


def _file_faults(manifest: Manifest) -> Iterator[str]:
    paths = [entry.path for entry in manifest.files]
    folders = {path.partition("/")[0] for path in paths if "/" in path}
    if not 1 <= len(paths) <= MAX_FILES:
        # Nothing more about them: comparing each with each of a hostile list takes minutes.
        yield f"files: {len(paths)} entries; 1 to {MAX_FILES} are allowed"
        return
    for entry in manifest.files:
        yield from _path_faults(entry.path, paths, folders)
        if entry.path != manifest.model.file and entry.size > MAX_SMALL_FILE_BYTES:
            yield f"files: `{entry.path}` has {entry.size} bytes; {MAX_SMALL_FILE_BYTES} are allowed"
    if paths and paths[-1] != manifest.model.file:
        yield f"files: the last one must be the model, {manifest.model.file!a}"
    yield from (f"files: `{name}` is missing" for name in (PIPELINE_NAME, PROFILE_NAME) if name not in paths)


def _path_faults(path: str, paths: list[str], folders: set[str]) -> Iterator[str]:
    if not _PATH.match(path) or len(path) > MAX_PATH_BYTES:
        yield f"files: {path[:MAX_PATH_BYTES]!a} is not an allowed name"
    elif path in (MANIFEST_NAME, SIGNATURE_NAME) or path in folders:
        yield f"files: `{path}` stands for something else already"
    elif paths.count(path) > 1:
        yield f"files: `{path}` is listed twice"


def _model_faults(model: ModelEntry) -> Iterator[str]:
    for role, tensors in (("inputs", model.inputs), ("outputs", model.outputs)):
        names = [tensor.name for tensor in tensors]
        if not 1 <= len(names) <= MAX_TENSORS or len(set(names)) != len(names):
            yield f"model.{role}: 1 to {MAX_TENSORS} tensors with different names are needed"
        yield from (f"model.{role}: {fault}" for tensor in tensors for fault in _tensor_faults(tensor))
    if len(model.operators) > MAX_OPERATOR_KINDS:
        yield f"model.operators: more than {MAX_OPERATOR_KINDS} kinds"
    yield from (
        f"model.operators: {name!a} is not printable" for name in model.operators if not name.isprintable()
    )


def _tensor_faults(tensor: TensorInfo) -> Iterator[str]:
    if not tensor.name.isprintable():
        yield f"the name {tensor.name!a} is not printable"
    if tensor.dtype not in DTYPES:
        yield f"{tensor.name!a}: unknown dtype {tensor.dtype!a}"
    if len(tensor.shape) > MAX_RANK or any(not -1 <= size < 2**31 for size in tensor.shape):
        yield f"{tensor.name!a}: the shape is out of range"
