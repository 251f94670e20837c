"""What a machine is, from a made-up /proc; and which profile that means."""

from __future__ import annotations

import os
import platform
import struct
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import MissingRuntimeError
from edgeinfer.host import Host, available_cores, cpu_features, detect_host, host_profile, pick_profile
from edgeinfer.profile import load_profile, profile_names

A53 = ("fp", "asimd", "evtstrm", "crc32", "cpuid")
A76 = (*A53, "atomics", "fphp", "asimdhp", "asimddp")
BOARDS = {
    "raspberry-pi-zero-2w": (
        "Raspberry Pi Zero 2 W Rev 1.0",
        ("raspberrypi,model-zero-2-w", "brcm,bcm2837"),
        A53,
    ),
    "raspberry-pi-3": (
        "Raspberry Pi 3 Model B Plus Rev 1.3",
        ("raspberrypi,3-model-b-plus", "brcm,bcm2837"),
        A53,
    ),
    "raspberry-pi-4": ("Raspberry Pi 4 Model B Rev 1.4", ("raspberrypi,4-model-b", "brcm,bcm2711"), A53),
    "raspberry-pi-5": ("Raspberry Pi 5 Model B Rev 1.0", ("raspberrypi,5-model-b", "brcm,bcm2712"), A76),
    "rk3588": ("Radxa ROCK 5B", ("radxa,rock-5b", "rockchip,rk3588"), A76),
    "jetson-orin-nano": (
        "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
        ("nvidia,p3768-0000+p3767-0005", "nvidia,tegra234"),
        A76,
    ),
    "jetson-agx-orin": (
        "NVIDIA Jetson AGX Orin Developer Kit",
        ("nvidia,p3737-0000", "nvidia,tegra234"),
        A76,
    ),
    "generic-arm64": ("Pine64 RockPro64", ("pine64,rockpro64", "rockchip,rk3399"), A53),
}


def write_machine(
    root: Path, board: str, compatible: tuple[str, ...], features: tuple[str, ...], cores: int = 4
) -> None:
    """A /proc as Linux on ARM shows it."""
    tree = root / "proc" / "device-tree"
    tree.mkdir(parents=True)
    (tree / "model").write_bytes(board.encode() + b"\0")
    (tree / "compatible").write_bytes("".join(f"{one}\0" for one in compatible).encode())
    core = f"processor\t: 0\nBogoMIPS\t: 108.00\nFeatures\t: {' '.join(features)}\nCPU part\t: 0xd08\n\n"
    (root / "proc" / "cpuinfo").write_text(core * cores)


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_is_recognised(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board, compatible, features = BOARDS[name]
    write_machine(tmp_path, board, compatible, features)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    host = detect_host(tmp_path)
    assert host.board == board
    assert host.compatible == compatible
    assert host.features == set(features)
    assert host.architecture == "aarch64"
    assert host_profile(host).name == name


@pytest.mark.parametrize(
    ("board", "name"),
    [
        ("Raspberry Pi 400 Rev 1.0", "raspberry-pi-4"),
        ("Raspberry Pi Compute Module 4 Rev 1.1", "raspberry-pi-4"),
        ("Raspberry Pi 500 Rev 1.0", "raspberry-pi-5"),
        ("Raspberry Pi Compute Module 5 Rev 1.0", "raspberry-pi-5"),
        ("Raspberry Pi 3 Model A Plus Rev 1.0", "raspberry-pi-3"),
    ],
)
def test_siblings_of_a_board_share_its_profile(board: str, name: str) -> None:
    assert host_profile(Host(architecture="aarch64", board=board)).name == name


@pytest.mark.parametrize(
    ("features", "name"),
    [
        ({"sse2"}, "generic-x86-64"),
        ({"avx2", "fma"}, "generic-x86-64"),
        ({"avx2", "avx512_vnni"}, "x86-64-vnni"),
        ({"avx2", "avx_vnni"}, "x86-64-vnni"),
        ({"avx512_vnni"}, "generic-x86-64"),
    ],
)
def test_x86_is_told_apart_by_features(features: set[str], name: str) -> None:
    assert host_profile(Host(architecture="x86_64", features=frozenset(features))).name == name


def test_a_board_does_not_make_up_for_the_architecture() -> None:
    host = Host(architecture="armv7l", board="Raspberry Pi 4 Model B Rev 1.4", compatible=("brcm,bcm2711",))
    with pytest.raises(MissingRuntimeError) as caught:
        host_profile(host)
    assert "armv7l Raspberry Pi 4 Model B" in caught.value.message
    assert "64-bit" in caught.value.hint


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(MissingRuntimeError, match="riscv64"):
        host_profile(Host(architecture="riscv64"))


def test_without_profiles_there_is_none() -> None:
    with pytest.raises(MissingRuntimeError):
        pick_profile(Host(architecture="x86_64"), {})


def test_the_order_of_profiles_does_not_matter() -> None:
    board, compatible, features = BOARDS["raspberry-pi-zero-2w"]
    host = Host(architecture="aarch64", board=board, compatible=compatible, features=frozenset(features))
    profiles = {name: load_profile(name) for name in profile_names()}
    backwards = dict(reversed(profiles.items()))
    assert pick_profile(host, profiles) == pick_profile(host, backwards) == profiles["raspberry-pi-zero-2w"]


def test_a_machine_without_device_tree_or_cpuinfo_is_generic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    host = detect_host(tmp_path)
    assert (host.board, host.compatible, host.features) == ("", (), frozenset())
    assert host_profile(host).name == "generic-arm64"


def test_other_names_of_an_architecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for machine, name in {"arm64": "aarch64", "AMD64": "x86_64", "riscv64": "riscv64"}.items():
        monkeypatch.setattr(platform, "machine", lambda machine=machine: machine)
        assert detect_host(tmp_path).architecture == name


def test_a_32_bit_python_on_a_64_bit_kernel_is_32_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(struct, "calcsize", lambda form: 4)
    assert detect_host(tmp_path).architecture == "armv7l"


def test_runtimes_are_read_from_package_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"onnxruntime-gpu": "1.23.0", "tflite-runtime": "2.14.0", "numpy": "2.0"}

    def version(package: str) -> str:
        if package not in installed:
            raise metadata.PackageNotFoundError(package)
        return installed[package]

    monkeypatch.setattr(metadata, "version", version)
    host = detect_host(tmp_path)
    assert host.runtimes == {"onnxruntime-gpu": "1.23.0", "tflite-runtime": "2.14.0"}
    assert host.runtime_version("onnxruntime") == "1.23.0"
    assert host.runtime_version("tflite") == "2.14.0"
    assert Host(architecture="aarch64").runtime_version("tflite") is None


def test_this_very_machine_has_a_profile() -> None:
    host = detect_host()
    assert host.python == platform.python_version()
    assert host_profile(host).cpu.architecture == host.architecture


WORDS = st.lists(st.from_regex(r"[a-z0-9_]{1,12}", fullmatch=True), max_size=8)


@given(st.lists(WORDS, max_size=4), st.sampled_from(["flags\t\t", "Features\t"]))
def test_features_are_those_of_every_core(cores: list[list[str]], key: str) -> None:
    text = "".join(f"processor\t: {index}\n{key}: {' '.join(words)}\n\n" for index, words in enumerate(cores))
    expected = set.intersection(*map(set, cores)) if cores else set()
    assert cpu_features(text) == expected


@given(st.text(max_size=300))
def test_any_cpuinfo_is_read(text: str) -> None:
    assert all(feature.strip() == feature for feature in cpu_features(text))


def test_the_cores_of_this_process_not_of_the_machine() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert available_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert available_cores() == len(before)
