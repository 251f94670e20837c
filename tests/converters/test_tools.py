"""The versions of the tools."""

from __future__ import annotations

import pytest

from edgeinfer import __version__
from edgeinfer_converters import tools
from edgeinfer_converters.tools import tool_versions


def test_tool_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "TOOLS", ("numpy", "no-such-tool"))
    found = tool_versions()
    assert found["edgeinfer"] == __version__
    assert found["numpy"][0].isdigit()
    assert found["no-such-tool"] == "unknown"
