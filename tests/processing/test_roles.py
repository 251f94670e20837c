"""Which output plays which role."""

from __future__ import annotations

import pytest

from edgeinfer.errors import SettingsError
from edgeinfer.frames import TensorInfo
from edgeinfer.processing.roles import assign_roles

ROLES = ("boxes", "classes", "scores", "count")


def outputs(*names: str) -> list[TensorInfo]:
    return [TensorInfo(name=name, dtype="float32", shape=(1,)) for name in names]


def names(found: dict[str, TensorInfo]) -> dict[str, str]:
    return {role: output.name for role, output in found.items()}


def test_by_order() -> None:
    found = assign_roles(ROLES, {}, outputs("a", "b", "c", "d"))
    assert names(found) == {"boxes": "a", "classes": "b", "scores": "c", "count": "d"}


def test_by_their_own_names() -> None:
    found = assign_roles(("scores", "boxes"), {}, outputs("boxes", "scores"))
    assert names(found) == {"scores": "scores", "boxes": "boxes"}


def test_as_the_pipeline_names_them_and_the_rest_by_order() -> None:
    found = assign_roles(ROLES, {"scores": "a", "boxes": "b"}, outputs("a", "b", "c", "d"))
    assert names(found) == {"scores": "a", "boxes": "b", "classes": "c", "count": "d"}


def test_an_optional_role_may_stay_empty() -> None:
    found = assign_roles(ROLES, {}, outputs("a", "b", "c"), optional=1)
    assert names(found) == {"boxes": "a", "classes": "b", "scores": "c"}


def test_too_few_outputs() -> None:
    with pytest.raises(SettingsError, match="no output of the model is left for scores, count; it has a, b"):
        assign_roles(ROLES, {}, outputs("a", "b"))


def test_an_unknown_role() -> None:
    with pytest.raises(SettingsError, match="there is no role `box`") as caught:
        assign_roles(ROLES, {"box": "a"}, outputs("a"))
    assert caught.value.hint == "roles: boxes, classes, scores, count"


def test_an_unknown_output() -> None:
    with pytest.raises(SettingsError, match="the model has no output `z` for boxes") as caught:
        assign_roles(ROLES, {"boxes": "z"}, outputs("a", "b"))
    assert caught.value.hint == "its outputs: a, b"
