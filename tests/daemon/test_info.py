"""The info document."""

from __future__ import annotations

import platform

from edgeinfer import __version__
from edgeinfer.daemon.info import InfoDocument, info_document
from edgeinfer.strict import decode_json
from tests.fixtures.daemon import NOON, info_of


def test_it_says_what_runs() -> None:
    data = info_document(
        "gate-1",
        (info_of("door"), info_of("gate")),
        NOON,
        board="Raspberry Pi 5",
        runtimes={"onnxruntime": "1.32"},
    )
    document = decode_json(data, InfoDocument, "info")
    assert document.edgeinfer == __version__
    assert document.python == platform.python_version()
    assert document.started_at == "2026-11-21T12:00:00.000Z"
    assert (document.board, document.runtimes) == ("Raspberry Pi 5", {"onnxruntime": "1.32"})
    assert [one.name for one in document.streams] == ["door", "gate"]
    assert document.streams[0].bundle_sha256 == "ab" * 32


def test_without_streams_it_is_still_a_document() -> None:
    assert decode_json(info_document("gate-1", (), NOON), InfoDocument, "info").streams == ()
