"""docs/sources.md: its examples are what the program takes."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from edgeinfer.sources import SOURCES
from edgeinfer.sources.options import OPTIONS
from edgeinfer.sources.uri import IMAGE_SUFFIXES, parse_uri

TEXT = (Path(__file__).parents[2] / "docs" / "sources.md").read_text("utf-8")
EXAMPLES = re.findall(r"^    (\S+)$", TEXT, re.MULTILINE)
SECTIONS = {
    "Arrays": ("npz",),
    "Cameras": ("v4l2",),
    "Images": ("images",),
    "Sensor rows": ("csv", "jsonl"),
    "Streams from the network": ("http", "https", "rtsp", "rtsps"),
    "Synthetic frames": ("synthetic",),
    "Video files": ("file",),
}
# Defaults that follow from the device, the system or the model, in words.
WORDS = {None: ("the camera's", "the system's", "none"), False: ("0",), True: ("1",)}
DRAWN = {"width": "640", "height": "480"}


def section(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_scheme_has_an_example() -> None:
    assert {parse_uri(example).scheme for example in EXAMPLES} == set(SOURCES)


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_lists_the_options_of_its_schemes_and_no_others(title: str) -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", section(title), re.MULTILINE))
    fields = {
        one.encode_name: one.default
        for scheme in SECTIONS[title]
        for one in msgspec.structs.fields(OPTIONS[scheme])
    }
    assert set(listed) == set(fields)
    for name, default in fields.items():
        if title == "Synthetic frames" and name in DRAWN:
            expected: tuple[str, ...] = (DRAWN[name],)
        elif default is None or isinstance(default, bool):
            expected = WORDS[default]
        else:
            expected = (default,) if isinstance(default, str) else (f"{default:g}",)
        assert listed[name] in expected, name


def test_every_section_is_of_some_scheme() -> None:
    assert set(re.findall(r"^## (.*)$", TEXT, re.MULTILINE)) == set(SECTIONS)
    assert {scheme for schemes in SECTIONS.values() for scheme in schemes} == set(SOURCES)


def test_links_lead_to_sections() -> None:
    anchors = {title.lower().replace(" ", "-") for title in SECTIONS}
    assert set(re.findall(r"\]\(#([^)]*)\)", TEXT)) == anchors


def test_the_endings_of_images_are_all_there() -> None:
    assert all(f"`{suffix}`" in section("Images") for suffix in IMAGE_SUFFIXES)
