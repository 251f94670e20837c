"""The error tree: what its module's docstring draws is what there is."""

from __future__ import annotations

import inspect
import re

import pytest

from edgeinfer import errors
from edgeinfer.errors import EdgeInferError

TREE = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, EdgeInferError)
}


def drawn() -> dict[str, str]:
    """Each error of the drawing and the one above it, by the columns where their names start."""
    assert errors.__doc__ is not None
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in errors.__doc__.splitlines():
        found = re.match(r"[\s│├└─]*(?P<name>[A-Z]\w+Error)\b", line)
        if found:
            column, name = found.start("name"), found["name"]
            above = [one for one in above if one[0] < column]
            parents[name] = above[-1][1] if above else ""
            above.append((column, name))
    return parents


def test_the_drawing_is_the_tree() -> None:
    assert drawn() == {
        name: "" if kind is EdgeInferError else kind.__bases__[0].__name__ for name, kind in TREE.items()
    }


@pytest.mark.parametrize("kind", TREE.values(), ids=TREE.keys())
def test_an_error_carries_what_and_what_next(kind: type[EdgeInferError]) -> None:
    error = kind("the lens is dirty", hint="wipe it")
    assert (error.message, error.hint, str(error)) == ("the lens is dirty", "wipe it", "the lens is dirty")
    assert kind("the lens is dirty").hint == ""


@pytest.mark.parametrize("kind", TREE.values(), ids=TREE.keys())
def test_an_error_says_what_it_is_for(kind: type[EdgeInferError]) -> None:
    assert kind.__doc__
    assert kind.__doc__.rstrip().endswith(".")


def test_a_hint_is_given_by_name() -> None:
    with pytest.raises(TypeError):
        EdgeInferError("the lens is dirty", "wipe it")  # type: ignore[call-arg]  # that it is wrong is the point
