"""URIs of sources: what is accepted, what is refused, and what is never shown."""

from __future__ import annotations

import json
import string
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import SettingsError
from edgeinfer.sources.options import (
    CameraOptions,
    CsvOptions,
    ImageOptions,
    RowOptions,
    RtspOptions,
    SyntheticOptions,
    TlsOptions,
    VideoOptions,
)
from edgeinfer.sources.uri import NETWORK_SCHEMES, SourceUri, parse_uri, with_credentials

SECRET = "hunter2"
segments = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=12).filter(
    lambda text: "/" not in text and text not in (".", "..")
)


@pytest.mark.parametrize(
    ("text", "scheme", "target", "options"),
    [
        ("v4l2:///dev/video0", "v4l2", "/dev/video0", CameraOptions()),
        (
            "v4l2:///dev/video2?width=1280&height=720&fps=30&fourcc=MJPG",
            "v4l2",
            "/dev/video2",
            CameraOptions(width=1280, height=720, fps=30.0, fourcc="MJPG"),
        ),
        (
            "file:///clip.mp4?loop=1&realtime=1",
            "file",
            "/clip.mp4",
            VideoOptions(loop=True, realtime=True),
        ),
        ("file:/a%20b.mp4?loop=false", "file", "/a b.mp4", VideoOptions()),
        ("file://localhost/clip.mp4", "file", "/clip.mp4", VideoOptions()),
        ("images:///folder?watch=1", "images", "/folder", ImageOptions(watch=True)),
        ("csv:///rows.csv?follow=1", "csv", "/rows.csv", CsvOptions(follow=True)),
        ("csv:-?delimiter=tab", "csv", "-", CsvOptions(delimiter="tab")),
        ("jsonl:-", "jsonl", "-", RowOptions()),
        ("synthetic:", "synthetic", "", SyntheticOptions()),
        ("synthetic:?frames=5&seed=7", "synthetic", "", SyntheticOptions(frames=5, seed=7)),
        ("FILE:///clip.mp4", "file", "/clip.mp4", VideoOptions()),
        (
            "rtsp://camera.example/stream?channel=1#transport=udp",
            "rtsp",
            "rtsp://camera.example/stream?channel=1",
            RtspOptions(transport="udp"),
        ),
        (
            "https://camera.example:8443/v#verify=0&open_timeout_s=2.5",
            "https",
            "https://camera.example:8443/v",
            TlsOptions(verify=False, open_timeout_s=2.5),
        ),
        ("rtsp://[::1]:8554/x", "rtsp", "rtsp://[::1]:8554/x", RtspOptions()),
    ],
)
def test_a_uri_is_taken_apart(text: str, scheme: str, target: str, options: object) -> None:
    assert parse_uri(text) == SourceUri(scheme, target, options)  # type: ignore[arg-type]  # of the table above


def test_a_relative_path_in_a_uri_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_uri("file:clip.mp4").target == str(tmp_path / "clip.mp4")


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("clip.mp4", "file"),
        ("rows.csv", "csv"),
        ("ROWS.CSV", "csv"),
        ("rows.jsonl", "jsonl"),
        ("rows.ndjson", "jsonl"),
        ("arrays.npz", "npz"),
        ("photo.JPG", "images"),
        ("a b#c%20.avi", "file"),
        ("odd:name.csv", "csv"),
        ("what?.mp4", "file"),
    ],
)
def test_the_path_of_a_file_stands_for_its_uri(
    name: str, scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).touch()
    for text in (name, str(tmp_path / name)):
        parsed = parse_uri(text)
        assert (parsed.scheme, parsed.target) == (scheme, str(tmp_path / name))


def test_a_folder_stands_for_its_images(tmp_path: Path) -> None:
    assert parse_uri(str(tmp_path)).scheme == "images"


def test_a_character_device_stands_for_a_camera() -> None:
    assert parse_uri("/dev/null").scheme == "v4l2"


def test_a_dash_stands_for_json_lines_of_standard_input() -> None:
    assert parse_uri("-") == parse_uri("jsonl:-")


def test_a_path_may_have_options_too(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.touch()
    assert parse_uri(f"{clip}?loop=1").options == VideoOptions(loop=True)
    with pytest.raises(SettingsError, match=r"unknown option `lop`; did you mean `loop`\?"):
        parse_uri(f"{clip}?lop=1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file:///clip.mp4?lop=1", "unknown option `lop`; did you mean `loop`?"),
        ("file:///clip.mp4?loop=2", "option `loop`: Expected `bool`, got `2`"),
        ("file:///clip.mp4?loop=", "option `loop`"),
        ("file:///clip.mp4?loop", "options are written name=value"),
        ("file:///clip.mp4?loop=1&loop=0", "option given more than once: loop"),
        ("file:///clip.mp4?lop=1&realtime=x", "option `realtime`"),
        ("file:///clip.mp4#loop=1", "a `#` in a path must be written %23"),
        ("file://clip.mp4", "`clip.mp4` stands where a server's name would"),
        ("file:", "the path is missing"),
        ("file:///a%00b", "control characters"),
        ("file:///a\nb", "control characters"),
        ("v4l2:///dev/video0?width=wide", "option `width`: Expected `int"),
        ("v4l2:///dev/video0?width=0", "option `width`: Expected `int` >= 1"),
        ("v4l2:///dev/video0?fourcc=MJPEG", "option `fourcc`"),
        ("v4l2:///dev/video0?fps=nan", "option `fps`"),
        ("csv:///rows.csv?delimiter=semi", "did you mean `semicolon`?"),
        ("csv:///rows.csv?bad=skp", "did you mean `skip`?"),
        ("rtsp://camera/x#transport=tpc", "did you mean `tcp`?"),
        ("rtsps://camera/x#transport=tcp", "unknown option `transport`"),
        ("http://camera/x#verify=0", "unknown option `verify`"),
        ("synthetic:///x", "a synthetic source has no path"),
        ("synthetic://x", "stands where a server's name would"),
        ("images:-x?watch=1&=1", "unknown option ``"),
        ("v4l:///dev/video0", "there is no kind of source `v4l`; did you mean `v4l2`?"),
        ("v4l:/dev/video0", "did you mean `v4l2:`?"),
        ("gopher://hole/x", "there is no kind of source `gopher`"),
        ("nothing.mp4", "neither a source's URI nor a file or folder that is there"),
        ("", "neither a source's URI nor a file"),
        ("rtsp:", "the server's name is missing"),
        ("rtsp:///stream", "the server's name is missing"),
        ("rtsp://camera:0/x", "the port is not a number from 1 to 65535"),
        ("rtsp://camera:99999/x", "the port is not a number from 1 to 65535"),
        ("rtsp://[::1/x", "not a valid URI"),
        ("http://camera/a b", "a blank or backslash must be written"),
        ("file:///" + "x" * 5000, "4096 characters at most"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_uri(text)
    assert message in caught.value.message


def test_all_wrong_options_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_uri("file:///clip.mp4?lop=1&realtme=1")
    assert "did you mean `loop`?" in caught.value.message
    assert "did you mean `realtime`?" in caught.value.message


@given(st.lists(segments, min_size=1, max_size=4), st.booleans(), st.booleans())
def test_any_path_survives_quoting(names: list[str], loop: bool, realtime: bool) -> None:
    path = "/" + "/".join(names)
    query = urlencode({"loop": int(loop), "realtime": int(realtime)})
    parsed = parse_uri(f"file://{quote(path)}?{query}")
    assert parsed.target == path
    assert parsed.options == VideoOptions(loop=loop, realtime=realtime)


@given(st.integers(1, 16384), st.floats(0.5, 1000.0), st.text(string.ascii_letters, min_size=4, max_size=4))
def test_any_sound_option_is_read_back(width: int, fps: float, fourcc: str) -> None:
    query = urlencode({"width": width, "fps": fps, "fourcc": fourcc})
    expected = CameraOptions(width=width, fps=fps, fourcc=fourcc)
    assert parse_uri(f"v4l2:///dev/video0?{query}").options == expected


@given(st.text(max_size=40) | st.builds("{}:{}".format, st.sampled_from(NETWORK_SCHEMES), st.text()))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parsed = parse_uri(text)
    except SettingsError:
        return
    assert parsed.target or parsed.scheme == "synthetic"
    assert parse_uri(text) == parsed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"rtsp://admin:{SECRET}@camera:554/live", "rtsp://***@camera:554/live"),
        (f"http://{SECRET}@camera/", "http://***@camera/"),
        (f"http://camera/v?user=a&pwd={SECRET}", "http://camera/v?user=***&pwd=***"),
        (
            f"rtsp://camera/user=a&password={SECRET}&channel=1",
            "rtsp://camera/user=***&password=***&channel=***",
        ),
        ("rtsp://camera/live", "rtsp://camera/live"),
        ("file:///clip.mp4?loop=1", "file:///clip.mp4"),
        ("jsonl:-", "jsonl:-"),
        ("synthetic:", "synthetic:"),
    ],
)
def test_no_secret_is_shown(text: str, shown: str) -> None:
    parsed = parse_uri(text)
    assert parsed.redacted == shown
    assert SECRET not in repr(parsed)
    assert SECRET not in f"{parsed}"


@pytest.mark.parametrize(
    "text",
    [
        f"rtsp://admin:#{SECRET}@camera/x",
        f"rtsp://admin:a/{SECRET}@camera/x",
        f"rtsp://admin:1/{SECRET}@camera/x",
        f"rtsp://admin:a?{SECRET}@camera/x",
        f"rtsp://admin:a#{SECRET}=1@camera/x",
        f"rtsp://admin:a@{SECRET}@camera/x",
        f"rtsp://admin:{SECRET}@camera:x/",
        f"rtsp://admin:{SECRET}@[camera/",
        f"rtsp://admin:{SECRET}@/x",
        f"rtsp://admin:{SECRET} @camera/x",
        f"rtsp://admin:{SECRET}\n@camera/x",
        f"rtsp://admin:{SECRET}@camera/x#transport=no",
        f"rtsp://admin:{SECRET}@camera/x#{SECRET}",
        f"rtps://admin:{SECRET}@camera/x",
        f"://admin:{SECRET}@camera/x",
        f"admin:{SECRET}@camera/x",
    ],
)
def test_no_error_shows_a_secret(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_uri(text)
    assert SECRET not in caught.value.message + caught.value.hint


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_any_user_name_and_password_fit_into_a_url(username: str, password: str) -> None:
    url = with_credentials("rtsp://old:one@camera:8554/x?y=1", username, password)
    parts = urlsplit(url)
    assert (parts.hostname, parts.port, parts.path, parts.query) == ("camera", 8554, "/x", "y=1")
    assert (parts.username, parts.password) == (quote(username, safe=""), quote(password, safe=""))


def test_options_of_another_kind_are_a_bug_that_is_seen() -> None:
    parsed = parse_uri("synthetic:")
    assert parsed.options_as(SyntheticOptions) == SyntheticOptions()
    with pytest.raises(TypeError, match="has SyntheticOptions, not VideoOptions"):
        parsed.options_as(VideoOptions)


def test_repr_inside_other_values_hides_too() -> None:
    parsed = parse_uri(f"rtsp://a:{SECRET}@camera/x#username=a&password_file=/p")
    assert SECRET not in json.dumps({"source": repr([parsed])})
