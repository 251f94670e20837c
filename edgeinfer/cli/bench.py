"""`edgeinfer bench`: the whole pipeline against the bare runtime, on the same frames and threads."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from edgeinfer.cli.opening import add_bundle_arguments, open_argument, positive
from edgeinfer.exits import Exit

if TYPE_CHECKING:
    from edgeinfer.bundle.reader import Bundle
    from edgeinfer.frames import Frame
    from edgeinfer.pipeline import Pipeline

_DISTINCT_FRAMES = 32  # enough to defeat caching of one picture; 32 of full HD are 200 MB


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments of `edgeinfer bench`."""
    add_bundle_arguments(parser)
    parser.add_argument(
        "--source", metavar="URI", help="frames to use [synthetic:, or the golden inputs of a tensor model]"
    )
    parser.add_argument("--frames", type=positive, default=50, metavar="N", help="frames a repetition [50]")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def execute(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    from edgeinfer.cli.measuring import measure, table
    from edgeinfer.pipeline import open_pipeline
    from edgeinfer.strict import encode_json

    bundle = open_argument(arguments)
    with open_pipeline(
        bundle,
        threads=arguments.threads,
        device="bench",
        stream="bench",
        processor_only=arguments.allow_foreign,
    ) as pipeline:
        frames, where = _frames(arguments, bundle, pipeline)
        report = measure(pipeline, frames, arguments.frames, where)
    sys.stdout.write(f"{encode_json(report).decode()}\n" if arguments.json else table(report))
    return Exit.DONE


def _frames(arguments: argparse.Namespace, bundle: Bundle, pipeline: Pipeline) -> tuple[list[Frame], str]:
    from edgeinfer.cli.measuring import collect, golden_frames
    from edgeinfer.processing.spec import TensorInput
    from edgeinfer.sources import open_source

    if arguments.source is None and isinstance(pipeline.source_spec, TensorInput):
        return golden_frames(bundle), "golden inputs"
    where = arguments.source or "synthetic:"
    with open_source(where, pipeline.source_spec) as source:
        return collect(source, min(arguments.frames, _DISTINCT_FRAMES), where), where
