"""The prepared graph with a share of its work removed, as `--prune RATIO` asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import onnx

from edgeinfer.errors import UsageError
from edgeinfer.frames import Array
from edgeinfer_converters.choose import Decision
from edgeinfer_converters.progress import announce
from edgeinfer_converters.prune.chain import Pruned, prune
from edgeinfer_converters.samples import Samples
from edgeinfer_converters.shelf import Shelved, shelve
from edgeinfer_converters.source import serialized


@dataclass(frozen=True)
class Smaller:
    """The pruned graph, serialized; what was done, for the bundle, and what to be warned of."""

    prepared: Shelved
    decisions: tuple[Decision, ...]
    warnings: tuple[str, ...]


def make_smaller(prepared: Shelved, samples: Samples | None, ratio: str, multiple: int) -> Smaller:
    """The graph with `ratio` of its multiply-accumulates gone; layers keep multiples of `multiple` channels.

    Raises UsageError without samples, ModelError for a ratio that cannot be reached, DataError.
    """
    if samples is None:
        raise UsageError(
            f"--prune {ratio} needs --calibration: what a channel is worth is learnt from data",
            hint="give some hundred typical inputs: a folder of images, a .npz, a .csv or a video",
        )

    def inputs() -> Iterator[Mapping[str, Array]]:
        return (sample.inputs for sample in samples)

    announce(f"pruning {float(ratio):.0%} of the multiply-accumulates ({len(samples)} samples)")
    graph = onnx.load_from_string(prepared.read())
    found = prune(graph, inputs, len(samples), float(ratio), multiple=multiple)
    return Smaller(shelve(serialized(found.model)), _decisions(found), found.warnings)


def _decisions(found: Pruned) -> tuple[Decision, ...]:
    gone = Decision(
        what="pruning",
        choice=f"{found.share_removed:.1%} of the multiply-accumulates",
        reason="the channels that least squares on the calibration samples can best do without",
    )
    return (
        gone,
        *(
            Decision(what="pruning", choice=one.group, reason=f"keeps {one.kept} of {one.channels} channels")
            for one in found.choices
        ),
    )
