"""Tables with headers that screen readers understand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgeinfer_converters.report.markup import Child, Element, element, extend

Cell = Child


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Cell]], aligns: str) -> Element:
    """A table that scrolls by itself where it is too wide; the first cell of a row is its header.

    `aligns` has a letter a column: t for text, n for numbers.
    """
    kinds = [{"t": "text", "n": "number"}[one] for one in aligns]
    head = element("tr")
    for name, kind in zip(heads, kinds, strict=True):
        extend(head, element("th", name, scope="col", class_=kind))
    body = element("tbody")
    for row in rows:
        line = element("tr")
        for place, (cell, kind) in enumerate(zip(row, kinds, strict=True)):
            if place == 0:
                extend(line, element("th", cell, scope="row", class_=kind))
            else:
                extend(line, element("td", cell, class_=kind))
        extend(body, line)
    made = element("table", element("caption", caption), element("thead", head), body)
    return scrolling(made, caption)


def scrolling(child: Element, name: str) -> Element:
    """A region that scrolls sideways, reachable by keyboard."""
    return element("div", child, class_="scroll", role="region", aria_label=name, tabindex="0")


def folded(summary: str, *children: Child) -> Element:
    """What is opened by a click, without a script."""
    return element("details", element("summary", summary), *children)


def legend(*entries: tuple[str, str]) -> Element:
    """What colours mean: a style of the sheet and its meaning, each."""
    made = element("p", class_="legend")
    for kind, text in entries:
        extend(made, element("span", element("span", class_=f"swatch {kind}", aria_hidden="true"), text))
    return made
