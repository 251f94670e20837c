"""How models are run on this machine, in place of the device."""

from __future__ import annotations

from edgeinfer.backends import BackendOptions
from edgeinfer.host import Host, available_cores
from edgeinfer.profile import Profile

_VNNI = frozenset({"avx512_vnni", "avx_vnni"})


def local_options(profile: Profile, host: Host) -> BackendOptions:
    """On the CPU, whatever accelerator the device has, with its integer arithmetic."""
    return BackendOptions(
        threads=min(profile.limits.threads, available_cores()),
        simulate_integers=integers_saturate(profile, host),
    )


def integers_saturate(profile: Profile, host: Host) -> bool:
    """Whether this machine's integer kernels would give other numbers than the device's.

    x86-64 without VNNI adds pairs of products in 16 bits, which overflow unless weights keep to 7 bits
    (onnxruntime, quantization.html, "U8S8"). A profile for such machines asks for that.
    """
    return host.architecture == "x86_64" and not host.features & _VNNI and not profile.integer.reduce_range
