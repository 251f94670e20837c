"""HTML and SVG as trees: everything that goes in as text comes out as text.

The standard library's serializer escapes; no string of ours is ever pasted into markup.
"""

from __future__ import annotations

from xml.etree import ElementTree as Tree  # written, never parsed

from edgeinfer.terminal import printable

Element = Tree.Element
Child = Element | str | None


def element(tag: str, *children: Child, **attributes: str | float | None) -> Element:
    """An element. `class_` stands for class, an underscore in a name for a hyphen; None is left out."""
    made = Tree.Element(tag)
    for name, value in attributes.items():
        if value is not None:
            made.set(name.rstrip("_").replace("_", "-"), number(value))
    return extend(made, *children)


def extend(parent: Element, *children: Child) -> Element:
    """Append elements and text to an element, which is returned."""
    for child in children:
        if isinstance(child, str):
            _append_text(parent, printable(child))
        elif child is not None:
            parent.append(child)
    return parent


def style(text: str) -> Element:
    """A style sheet of ours: the serializer does not escape it."""
    made = Tree.Element("style")
    made.text = text
    return made


def document(root: Element) -> str:
    """The text of a whole HTML document."""
    return "<!DOCTYPE html>\n" + Tree.tostring(root, encoding="unicode", method="html") + "\n"


def number(value: str | float) -> str:
    """An attribute's value: numbers with a tenth at most, so that pages stay small and equal."""
    return printable(value) if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")


def _append_text(parent: Element, text: str) -> None:
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text
