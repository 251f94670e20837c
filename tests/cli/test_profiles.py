"""What `edgeinfer profiles` prints."""

from __future__ import annotations

import json
import platform

import pytest

from edgeinfer.cli.main import main
from edgeinfer.cli.profiles import describe_profile, overview
from edgeinfer.exits import Exit
from edgeinfer.host import detect_host, host_profile
from edgeinfer.profile import Profile, load_profile, profile_names
from edgeinfer.strict import decode_json
from edgeinfer.terminal import WIDTH


def test_the_table_has_a_line_for_each_profile(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles"]) == Exit.DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "CPU", "MEMORY", "RUNTIMES", "DEFAULT"]
    assert [line.split()[0] for line in lines[1 : 1 + len(profile_names())]] == list(profile_names())
    assert all(len(line) <= WIDTH for line in lines)


def test_the_table_tells_memory_and_runtimes() -> None:
    lines = list(overview([load_profile("raspberry-pi-4")]))
    assert lines[1].split(maxsplit=1) == ["raspberry-pi-4", "4 x A72  1024 MiB  tflite, onnxruntime  int8"]


@pytest.mark.parametrize("name", profile_names())
def test_one_profile_is_shown_with_all_facts_and_sources(name: str) -> None:
    profile = load_profile(name)
    lines = list(describe_profile(profile))
    text = " ".join(" ".join(lines).split())
    for fact in profile.facts:
        assert fact.claim in text
        assert " ".join(fact.source.split()) in text
    for runtime in profile.runtime:
        assert f"{runtime.package} {runtime.minimum_version} or newer" in text
    for latency in profile.latency:
        assert f"{latency.model} " in text
    for cost in profile.cost:
        assert cost.source in text
    assert all(len(line) <= WIDTH or " " not in line.strip() for line in lines)


def test_costs_are_shown_with_their_rates() -> None:
    lines = [" ".join(line.split()) for line in describe_profile(load_profile("raspberry-pi-4"))]
    assert "tflite float32 4 8.07 12.8 53.4 1.14 x" in lines
    assert "tflite int8 4 26 12.8 53.4 1.14 x" in lines
    assert "Costs" not in " ".join(describe_profile(load_profile("rk3588")))


def test_required_providers_are_marked() -> None:
    text = " ".join(describe_profile(load_profile("jetson-orin-nano")))
    assert "Tensorrt (required)" in text
    assert "zero points 0" in text


def test_a_weight_range_of_7_bits_is_told() -> None:
    assert "weights in 7 bits" in " ".join(describe_profile(load_profile("generic-x86-64")))
    assert "weights in 7 bits" not in " ".join(describe_profile(load_profile("x86-64-vnni")))


def test_json_of_one_is_the_profile_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "rk3588", "--json"]) == Exit.DONE
    data = capsys.readouterr().out.encode()
    assert decode_json(data, Profile, "stdout") == load_profile("rk3588")


def test_json_of_all_is_one_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "--json"]) == Exit.DONE
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == list(profile_names())


def test_host_is_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "host", "--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out)["name"] == host_profile(detect_host()).name


def test_host_without_a_profile_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert main(["profiles", "host"]) == Exit.FAILED
    assert "riscv64" in capsys.readouterr().err


def test_an_unknown_name_fails_with_the_names_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "toaster"]) == Exit.FAILED
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "toaster" in captured.err
    assert "raspberry-pi-5" in captured.err
