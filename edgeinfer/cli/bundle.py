"""`edgeinfer bundle`: inspect, verify or extract a bundle."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeinfer.cli.showing import field_lines, print_json, print_lines, size_text
from edgeinfer.cli.trusting import add_trust_arguments, chosen_trust
from edgeinfer.exits import Exit

if TYPE_CHECKING:
    from edgeinfer.bundle.manifest import Manifest
    from edgeinfer.bundle.reader import Bundle
    from edgeinfer.frames import TensorInfo

LABELS_SHOWN = 5


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments of `edgeinfer bundle`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", title="actions")
    for name, text in (
        ("inspect", "show what a bundle holds, whether or not its signer is trusted"),
        ("verify", "check form, signature, hashes, and the model file"),
        ("extract", "verify a bundle and unpack it into a new folder"),
    ):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("bundle", type=Path, metavar="BUNDLE", help="an .eib file or its folder")
        if name == "extract":
            action.add_argument("folder", type=Path, metavar="DIR", help="the folder to make")
        add_trust_arguments(action)
        action.add_argument("--json", action="store_true", help="one JSON document on stdout")


def execute(arguments: argparse.Namespace) -> int:
    """Do what the action says."""
    actions = {"inspect": _inspect, "verify": _verify, "extract": _extract}
    actions[arguments.action](arguments)
    return Exit.DONE


def _inspect(arguments: argparse.Namespace) -> None:
    from edgeinfer.bundle.reader import open_bundle, read_manifest
    from edgeinfer.errors import SignatureError

    manifest = read_manifest(arguments.bundle)
    trust = chosen_trust(arguments)
    bundle, problem = None, ""
    try:
        bundle = open_bundle(arguments.bundle, trust)
    except SignatureError as error:
        problem = error.message.removeprefix(f"{arguments.bundle}: ")
    if arguments.json:
        print_json(_document(arguments.bundle, manifest, bundle, problem))
    else:
        print_lines([_title(manifest), *field_lines(_rows(manifest, bundle, problem))])


def _verify(arguments: argparse.Namespace) -> None:
    from edgeinfer.bundle.model_file import check_model
    from edgeinfer.bundle.reader import open_bundle

    trust = chosen_trust(arguments)
    bundle = open_bundle(arguments.bundle, trust)
    check_model(bundle.manifest, bundle.model())
    key = trust.find(bundle.fingerprint)
    origin = str(key.origin) if key else ""
    if arguments.json:
        document = _document(arguments.bundle, bundle.manifest, bundle, "")
        print_json({**document, "key_file": origin, "digests": dict(bundle.digests)})
        return
    rows = [
        ("form", "canonical"),
        ("signature", "by a trusted key"),
        ("key", bundle.fingerprint),
        ("key file", origin),
        ("hashes", f"all {len(bundle.digests)} signed files are as they were signed"),
        ("model", f"{bundle.manifest.model.file} is what the manifest says"),
        ("sha256", bundle.sha256),
    ]
    print_lines([f"verified: {_title(bundle.manifest)}", *field_lines(rows)])


def _extract(arguments: argparse.Namespace) -> None:
    from edgeinfer.bundle.reader import extract

    bundle = extract(arguments.bundle, arguments.folder, chosen_trust(arguments))
    files = [member.path for member in bundle.container.members]
    if arguments.json:
        print_json({"folder": str(arguments.folder), "files": files})
    else:
        print_lines([f"verified and unpacked {len(files)} files into {arguments.folder}"])


def _document(path: Path, manifest: Manifest, bundle: Bundle | None, problem: str) -> dict[str, Any]:
    from edgeinfer.strict import plain

    return {
        "bundle": str(path),
        "verified": bundle is not None,
        "problem": problem,
        "sha256": bundle.sha256 if bundle else None,
        "signed_by": bundle.fingerprint if bundle else None,
        "manifest": plain(manifest),
    }


def _title(manifest: Manifest) -> str:
    return f"{manifest.name} {manifest.version}, {manifest.task} for {manifest.profile}"


def _rows(manifest: Manifest, bundle: Bundle | None, problem: str) -> Iterator[tuple[str, str]]:
    model, runtime = manifest.model, manifest.runtime
    yield "signature", "verified" if bundle else f"NOT VERIFIED: {problem}"
    if bundle:
        yield "key", bundle.fingerprint
        yield "sha256", bundle.sha256
    opset = f", opset {runtime.opset}, IR version {runtime.ir_version}" if runtime.opset else ""
    yield "model", f"{model.file}, {model.precision}, {size_text(manifest.files[-1].size)}{opset}"
    yield "needs", f"{manifest.architecture}, {runtime.name} {runtime.minimum_version} or newer"
    for tensor in model.inputs:
        yield "input", _tensor(tensor)
    for tensor in model.outputs:
        yield "output", _tensor(tensor)
    yield "operators", ", ".join(f"{count} {name}" for name, count in sorted(model.operators.items()))
    if bundle and bundle.labels:
        yield (
            "labels",
            f"{len(bundle.labels)}: {', '.join(bundle.labels[:5])}{', …' * (len(bundle.labels) > 5)}",
        )
    if bundle and bundle.golden:
        same = ", top class the same" if bundle.golden.same_top_class else ""
        yield "golden", f"{bundle.golden.samples} samples, at least {bundle.golden.min_sqnr_db:g} dB{same}"
    for entry in manifest.files:
        yield "file", f"{entry.path}, {size_text(entry.size)}"


def _tensor(tensor: TensorInfo) -> str:
    shape = ", ".join("?" if size < 0 else str(size) for size in tensor.shape)
    return f"{tensor.name} {tensor.dtype} [{shape}]"
