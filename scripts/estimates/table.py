"""The results as text of at most 100 columns, and as TOML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from edgeinfer.profile import Cost
from edgeinfer.strict import plain
from scripts.estimates.anchors import Anchor
from scripts.estimates.device import Fitted
from scripts.estimates.fit import spread, worst

HEADS = ("model", "device", "runtime", "precision", "published", "estimated", "ratio", "left out", "ratio")
WIDTHS = (23, 16, 12, 10, 10, 10, 7, 9, 7)


def device_table(fitted: Fitted) -> str:
    """A line for each published time in ms, then how far off estimates are."""
    rows = zip(fitted.anchors, fitted.estimated_ms, fitted.left_out_ms, strict=True)
    ratios = [ms / one.published_ms for one, ms in zip(fitted.anchors, fitted.estimated_ms, strict=True)]
    apart = [ms / one.published_ms for one, ms in zip(fitted.anchors, fitted.left_out_ms, strict=True)]
    lines = [_row(one, estimated, left) for one, estimated, left in rows]
    closing = (
        f"off by a factor of {spread(ratios):.2f} (worst {worst(ratios):.2f}); "
        f"left out of the fit, {spread(apart):.2f} (worst {worst(apart):.2f})"
    )
    return "\n".join([_line(HEADS), *lines, closing])


def strangers_table(strangers: Iterable[Anchor], fitted: Mapping[str, Fitted]) -> str:
    """Published times that nothing was fitted on."""
    lines = [_row(one, fitted[one.device].estimate_ms(one)) for one in strangers]
    return "\n".join(
        ["no part of any fit: out of line with all others, and their threads are not stated", *lines]
    )


def forms_table(device: str, forms: Mapping[str, tuple[int, float, float]]) -> str:
    """What other forms of the cost would do for times that were left out of their fit."""
    lines = [
        f"  {name:<24}{terms:>5}{typical:>10.2f}{far:>8.2f}" for name, (terms, typical, far) in forms.items()
    ]
    return "\n".join([f"{device:<26}terms  left out   worst", *lines])


def cost_toml(costs: Iterable[Cost]) -> str:
    """Tables to paste into a device profile."""
    return "\n\n".join(_toml(one) for one in costs)


def _toml(cost: Cost) -> str:
    lines = (f"{name} = {json.dumps(value)}" for name, value in plain(cost).items())
    return "\n".join(["[[cost]]", *lines])


def _row(anchor: Anchor, estimated_ms: float, left_out_ms: float | None = None) -> str:
    cells = [anchor.model, anchor.device, anchor.runtime, anchor.precision, f"{anchor.published_ms:.2f}"]
    for ms in (estimated_ms, *([] if left_out_ms is None else [left_out_ms])):
        cells += [f"{ms:.2f}", f"{ms / anchor.published_ms:.2f}"]
    return _line(cells)


def _line(cells: Iterable[str]) -> str:
    words = 4
    parts = [
        cell.ljust(width) if place < words else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, WIDTHS, strict=False))
    ]
    return "".join(parts).rstrip()
