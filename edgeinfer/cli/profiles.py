"""`edgeinfer profiles`: the device profiles, and what each claims."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edgeinfer.cli.showing import table_lines
from edgeinfer.exits import Exit
from edgeinfer.terminal import wrapped

if TYPE_CHECKING:
    from edgeinfer.profile import Profile, Runtime


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="show all of one profile, with its sources")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def execute(arguments: argparse.Namespace) -> int:
    """Print all profiles as a table, or one with all its facts. Raises SettingsError."""
    from edgeinfer.host import detect_host, host_profile
    from edgeinfer.profile import load_profile, profile_names
    from edgeinfer.strict import encode_json

    if arguments.name == "host":
        chosen = [host_profile(detect_host())]
    else:
        chosen = [load_profile(name) for name in ([arguments.name] if arguments.name else profile_names())]
    if arguments.json:
        text = encode_json(chosen[0] if arguments.name else chosen, indent=2).decode()
    else:
        text = "\n".join(describe_profile(chosen[0]) if arguments.name else overview(chosen))
    sys.stdout.write(f"{text}\n")
    return Exit.DONE


def overview(profiles: Sequence[Profile]) -> Iterator[str]:
    """One line a profile: what it is, what it runs with, how precise by default."""
    rows = [("NAME", "CPU", "MEMORY", "RUNTIMES", "DEFAULT")]
    for profile in profiles:
        runtimes = ", ".join(runtime.name for runtime in profile.runtime)
        core = f"{profile.cpu.cores} x {_short(profile.cpu.core)}"
        rows.append(
            (profile.name, core, f"{profile.limits.memory_mib} MiB", runtimes, profile.default_precision)
        )
    yield from table_lines(rows)
    yield ""
    yield "`edgeinfer profiles NAME` tells all of one; `host` stands for this machine."


def describe_profile(profile: Profile) -> Iterator[str]:
    """All of one profile, at most 80 columns wide where its words allow."""
    cpu, limits = profile.cpu, profile.limits
    yield f"{profile.name}: {profile.title}"
    yield ""
    yield from _field("cpu", f"{cpu.cores} x {cpu.core}, {cpu.architecture}")
    yield from _field("has", ", ".join(cpu.features) or "nothing beyond the architecture")
    yield from _field("lacks", ", ".join(cpu.lacks) or "-")
    yield from _field("memory", f"{limits.memory_mib} MiB, for a model at most {limits.model_memory_mib} MiB")
    yield from _field("threads", str(limits.threads))
    yield from _field("int8", _integer(profile))
    yield from _field("default", profile.default_precision)
    yield ""
    yield "Runtimes, in the order of preference"
    for runtime in profile.runtime:
        yield from wrapped(_runtime(runtime), "  ")
    yield ""
    yield "Facts"
    for fact in profile.facts:
        yield from wrapped(fact.claim, "- ")
        yield from wrapped(fact.source, "    ")
    if profile.latency:
        yield ""
        yield "Published times of one inference"
        yield from table_lines(_latencies(profile), indent="  ")
    if profile.cost:
        yield ""
        yield "Costs that the converter estimates times with, fitted on published ones"
        yield from table_lines(_costs(profile), indent="  ")
        for source in dict.fromkeys(one.source for one in profile.cost):
            yield from wrapped(source, "  ")


def _integer(profile: Profile) -> str:
    integer = profile.integer
    parts = [f"{integer.activation} activations", f"{integer.weight} weights"]
    parts += ["per channel"] if integer.per_channel else []
    parts += ["zero points 0"] if integer.symmetric_activation else []
    parts += ["weights in 7 bits"] if integer.reduce_range else []
    return ", ".join(parts)


def _runtime(runtime: Runtime) -> str:
    text = f"{runtime.name} ({runtime.package} {runtime.minimum_version} or newer)"
    text += f": int8 {runtime.int8}, float16 {runtime.float16}"
    if runtime.max_opset:
        text += f", opset up to {runtime.max_opset}, IR version up to {runtime.max_ir_version}"
    for provider in runtime.providers:
        needed = " (required)" if provider in runtime.required_providers else ""
        text += f", {provider.removesuffix('ExecutionProvider')}{needed}"
    return text


def _latencies(profile: Profile) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("MODEL", "RUNTIME", "PRECISION", "THREADS", "MS")]
    rows += [
        (one.model, one.runtime, one.precision, str(one.threads), f"{one.latency_ms:g}")
        for one in profile.latency
    ]
    return rows


def _costs(profile: Profile) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("RUNTIME", "PRECISION", "THREADS", "GMAC/S", "GB/S", "US/OPERATOR", "OFF BY UP TO")
    ]
    for one in profile.cost:
        rates = (one.gigamacs_per_s, one.gigabytes_per_s, one.operator_us)
        numbers = (f"{rate:g}" for rate in rates)
        rows.append((one.runtime, one.precision, str(one.threads), *numbers, f"{one.worst_ratio:g} x"))
    return rows


def _short(core: str) -> str:
    return core.replace("Cortex-", "").replace(" core", "")


def _field(label: str, text: str) -> list[str]:
    return wrapped(text, f"{label:<9}")
