"""The parts of the page that look inside the model: layers, ranges, arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

from edgeinfer_converters.judging.verify import MAX_SQNR_DB
from edgeinfer_converters.report.charts import depth_line, layer_bars, range_bars
from edgeinfer_converters.report.facts import Details, LayerFacts, Report
from edgeinfer_converters.report.markup import Element, element
from edgeinfer_converters.report.tables import folded, legend, scrolling, table

MOST_BARS = 24
_UNKNOWN = "–"


def layers(details: Details) -> Element | None:
    """How much of each layer's result is noise."""
    if not details.layers:
        return None
    worst = sorted(details.layers, key=lambda one: one.sqnr_db)
    return element(
        "section",
        element("h2", "Layer by layer"),
        element(
            "p",
            f"Both models side by side on {details.looked_into} samples: how near each layer's result is to "
            "that of your model, errors of the layers before it included. Longer is better. 20 dB: a typical "
            "error of a tenth of the values' size; 40 dB: of a hundredth. Where the line falls, accuracy is "
            "lost.",
        ),
        element("h3", "From the first layer to the last"),
        scrolling(depth_line(details.layers), "Layers in the order of the model"),
        element("h3", "The worst layers"),
        legend(("integer", "8-bit whole numbers"), ("float", "decimals")),
        scrolling(layer_bars(worst[:MOST_BARS]), "The worst layers"),
        folded(f"All {len(worst)} layers, in the order of the model", _layer_table(details.layers)),
    )


def _layer_table(found: Sequence[LayerFacts]) -> Element:
    rows = [
        (
            one.name,
            one.operator,
            f"{one.macs_share:.1%}" if one.macs_share else _UNKNOWN,
            "equal" if one.sqnr_db >= MAX_SQNR_DB else f"{one.sqnr_db:.1f}",
            "whole numbers" if one.integer else "decimals",
            _UNKNOWN if one.clipped is None else f"{one.clipped:.2%}",
        )
        for one in found
    ]
    heads = ("layer", "operator", "share of the work", "SQNR in dB", "computed in", "clipped")
    caption = (
        "Layers; the work is counted in multiply-accumulates; clipped are the values of a result that lie "
        "outside of the range that calibration has chosen for it"
    )
    return table(caption, heads, rows, "ttnntn")


def ranges(details: Details) -> Element | None:
    """What was seen against what is kept."""
    if not details.ranges:
        return None
    by_need = sorted(
        details.ranges,
        key=lambda one: (-one.clipped, (one.seen_high - one.seen_low) / max(one.high - one.low, 1e-30)),
    )
    shown = by_need[:MOST_BARS]
    rows = [
        (
            one.tensor,
            f"{one.seen_low:.4g} to {one.seen_high:.4g}",
            f"{one.low:.4g} to {one.high:.4g}",
            f"{one.scale:.4g}",
            f"{one.clipped:.2%}",
        )
        for one in details.ranges
    ]
    heads = ("tensor", "seen", "kept", "one step", "clipped")
    return element(
        "section",
        element("h2", "Ranges of the values between layers"),
        element(
            "p",
            "8 bits hold 256 steps between a lowest and a highest value. The wide bar is the range that was "
            f"chosen, the thin line what {details.looked_into} samples reach in your model. Values outside "
            "are clipped to the end of the bar: a few are often worth the finer steps. Much of a bar without "
            "a line means wasted steps. Scale: linear around zero, logarithmic beyond.",
        ),
        legend(("kept", "range that is kept"), ("seen", "values that were seen")),
        scrolling(range_bars(shown), "Ranges"),
        element("p", f"The {len(shown)} most clipped, then the least filled, of {len(rows)}.", class_="note")
        if len(shown) < len(rows)
        else None,
        folded(f"All {len(rows)} tensors", table("Ranges", heads, rows, "tnnnn")),
    )


_READ_FROM = {
    True: "read from the graph that ONNX Runtime makes of the model on a processor",
    False: "read from the model file",
}


def arithmetic(report: Report, details: Details) -> Element | None:
    """What is integer and what stayed float."""
    integer = report.integer
    if integer is None and not details.kernels:
        return None
    share = integer.integer_macs / integer.macs if integer and integer.macs else 1.0
    floats = [(one.name, one.operator, f"{one.macs_share:.1%}", one.reason) for one in details.float_nodes]
    kinds = {
        "integer": "whole numbers",
        "conversion": "conversion",
        "other": "decimals, or only moves values",
    }
    kernels = [(one.operator, str(one.count), kinds.get(one.kind, one.kind)) for one in details.kernels]
    return element(
        "section",
        element("h2", "What is computed in whole numbers"),
        element(
            "p",
            f"{share:.1%} of the {integer.macs:,} multiply-accumulates, the bulk of the work, run in 8-bit "
            f"whole numbers: {_READ_FROM[bool(details.kernels)]}.",
        )
        if integer
        else None,
        table("What stayed in decimals", ("layer", "operator", "share of the work", "reason"), floats, "ttnt")
        if floats
        else element("p", "No convolution or matrix product stayed in decimals."),
        folded(
            "The runtime's operators",
            table("Operators that ONNX Runtime uses", ("operator", "count", "computes with"), kernels, "tnt"),
        )
        if kernels
        else None,
    )
