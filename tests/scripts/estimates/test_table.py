"""What is printed."""

from __future__ import annotations

import tomllib

from edgeinfer.profile import Cost
from edgeinfer.strict import convert
from scripts.estimates.anchors import LEFT_OUT, anchors
from scripts.estimates.device import fit_device
from scripts.estimates.table import cost_toml, device_table, forms_table, strangers_table

PI4 = fit_device(anchors()["raspberry-pi-4"])
PI5 = fit_device(anchors()["raspberry-pi-5"])
WIDTH = 110


def test_a_line_for_each_time_and_how_far_off() -> None:
    heads, *rows, closing = device_table(PI4).splitlines()
    assert heads.split() == (
        ["model", "device", "runtime", "precision", "published", "estimated", "ratio", "left", "out", "ratio"]
    )
    assert len(rows) == len(PI4.anchors)
    assert "MobileNetV2 224" in rows[3]
    assert "17.00" in rows[3]
    assert "left out of the fit" in closing
    assert max(map(len, [heads, *rows, closing])) <= WIDTH


def test_columns_stand_under_their_heads() -> None:
    heads, first, *_ = device_table(PI5).splitlines()
    for head in ("published", "estimated"):
        end = heads.index(head) + len(head)
        assert first[end - 1].isdigit()
        assert first[end : end + 1] in ("", " ")


def test_what_was_not_fitted_on_is_shown_too() -> None:
    title, *rows = strangers_table(LEFT_OUT, {"raspberry-pi-5": PI5}).splitlines()
    assert "no part of any fit" in title
    assert [row.split()[0] for row in rows] == ["GoogLeNet", "GoogLeNet"]


def test_tables_to_paste_are_what_a_profile_reads() -> None:
    found = tomllib.loads(cost_toml(PI4.costs.values()))
    assert [convert(one, Cost, "cost") for one in found["cost"]] == list(PI4.costs.values())


def test_other_forms_by_name() -> None:
    text = forms_table("a-device", {"chosen": (4, 1.07, 1.13)})
    assert text.splitlines()[1].split() == ["chosen", "4", "1.07", "1.13"]
