"""What a class index is called."""

from __future__ import annotations

import pytest

from edgeinfer.errors import SettingsError
from edgeinfer.processing.labels import check_labels, label_of


@pytest.mark.parametrize(
    ("index", "label"), [(0, "cat"), (1, "1"), (2, "2"), (3, "dog"), (4, "4"), (-1, "-1"), (900, "900")]
)
def test_gaps_and_strangers_are_called_by_their_number(index: int, label: str) -> None:
    assert label_of(("cat", "???", "", "dog"), index) == label


@pytest.mark.parametrize("classes", [2, -1])
def test_matching_and_open_counts_pass(classes: int) -> None:
    check_labels(("a", "b"), classes)
    check_labels((), classes)


def test_another_count_is_refused() -> None:
    with pytest.raises(SettingsError, match="2 labels for a model of 3 classes"):
        check_labels(("a", "b"), 3)
