"""The published times that costs are fitted on: those in the device profiles whose network is known here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import cast

from edgeinfer.profile import Latency, RuntimeName, load_profile, profile_names
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.quantize.work import Arithmetic, Work, work_of
from scripts.estimates.architectures import NETWORKS
from scripts.estimates.integers import integer_form

KERNELS: dict[str, RuntimeName] = {"tflite": "tflite", "executorch": "tflite"}
"""Runtimes with published times, and the one of ours that has the same kernels: both have XNNPACK's."""


@dataclass(frozen=True)
class Anchor:
    """A published time of one inference, batch 1."""

    device: str
    model: str
    runtime: str
    precision: Arithmetic
    threads: int
    published_ms: float

    @property
    def work(self) -> tuple[Work, ...]:
        """What the network asks for in this precision."""
        return _work(self.model, self.precision)


LEFT_OUT = (
    Anchor("raspberry-pi-5", "GoogLeNet 224", "executorch", "float32", 4, 90.77),
    Anchor("raspberry-pi-5", "GoogLeNet 224", "executorch", "int8", 4, 25.33),
)
"""https://huggingface.co/Arm/googlenet-int8-xnnpack-executorch-raspberrypi5, without a number of threads.
It has fewer multiply-accumulates than ResNet-18 and three times its time: 16.5 of the 19.2 GMAC/s that one
core is able to in float32. That looks like one thread, but nobody says so;
its estimates are printed beside the others."""


def anchors() -> dict[str, tuple[Anchor, ...]]:
    """By device; devices without any are left out."""
    found = {name: _anchors_of(name) for name in profile_names()}
    return {name: those for name, those in found.items() if those}


def _anchors_of(device: str) -> tuple[Anchor, ...]:
    profile = load_profile(device)
    return tuple(_anchor(device, one) for one in profile.latency if is_usable(one))


def is_usable(latency: Latency) -> bool:
    """Whether a published time says something of a runtime of ours, and its network is known."""
    known = latency.runtime in KERNELS and latency.model in NETWORKS
    return known and latency.precision in ("float32", "int8")


def _anchor(device: str, latency: Latency) -> Anchor:
    precision = cast("Arithmetic", latency.precision)  # the caller has looked
    return Anchor(device, latency.model, latency.runtime, precision, latency.threads, latency.latency_ms)


@cache
def _work(model: str, precision: Arithmetic) -> tuple[Work, ...]:
    network = NETWORKS[model]()
    return work_of(infer_shapes(integer_form(network) if precision == "int8" else network))
