"""The documents say what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgeinfer.processing.spec import parse_pipeline_toml
from tests.conftest import ROOT

DOCS = ROOT / "docs"
TOML = re.compile(r"```toml\n(.*?)```", re.DOTALL)


def examples(path: Path) -> list[str]:
    return TOML.findall(path.read_text())


@pytest.mark.parametrize("text", examples(DOCS / "pipeline.md"))
def test_every_example_pipeline_is_valid(text: str) -> None:
    spec = parse_pipeline_toml(text.encode(), "example")
    assert spec.model.name


def test_there_is_an_example_of_every_task_but_raw() -> None:
    tasks = {parse_pipeline_toml(text.encode(), "x").model.task for text in examples(DOCS / "pipeline.md")}
    assert tasks == {"anomaly", "classification", "detection", "regression"}
