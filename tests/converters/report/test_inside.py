"""The parts that look inside the model."""

from __future__ import annotations

from edgeinfer.strict import replace
from edgeinfer_converters.report import inside
from tests.fixtures.reports import details, full_report


def test_the_worst_layers_first_all_in_order() -> None:
    found = details()
    section = inside.layers(replace(found, layers=found.layers[::-1]))
    assert section is not None
    labels = [one.text or "" for one in section.iter("text") if one.get("class") == "label"]
    assert labels[0].startswith("thing")
    rows = ["".join(row.itertext()) for row in section.iter("tr")]
    assert [row[:4] for row in rows[1:]] == ["last", "thin"]


def test_what_is_clipped_stands_in_the_table_of_layers() -> None:
    section = inside.layers(details("conv"))
    assert section is not None
    (head, *rows) = ([cell.text for cell in row] for row in section.iter("tr"))
    assert head[-1] == "clipped"
    assert [(row[0], row[-1]) for row in rows] == [("conv", "1.23%"), ("last", "–")]


def test_nothing_to_tell() -> None:
    bare = replace(details(), layers=(), ranges=(), kernels=(), float_nodes=())
    assert inside.layers(bare) is None
    assert inside.ranges(bare) is None
    assert inside.arithmetic(replace(full_report(), integer=None), bare) is None


def test_reasons_for_float() -> None:
    section = inside.arithmetic(full_report("why"), details("why"))
    assert section is not None
    assert "What stayed in decimals" in "".join(section.itertext())


def test_where_the_share_was_read() -> None:
    section = inside.arithmetic(full_report("why"), details("why"))
    assert section is not None
    assert "that ONNX Runtime makes of the model" in "".join(section.itertext())
    section = inside.arithmetic(full_report("why"), replace(details("why"), kernels=()))
    assert section is not None
    assert "read from the model file" in "".join(section.itertext())
