"""Einsum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, node_model, normal

SIDES = {"a": 2, "b": 3, "c": 4, "d": 5, "e": 6, "i": 3, "j": 4, "k": 5}


@pytest.mark.parametrize(
    "equation",
    [
        *("ij->ji", "ij->i", "ij->", "abc->ca", "ij"),
        *("ij,jk->ik", "ij,jk", "ij,jk->ki", "i,i->", "i,j->ij", "ij,ij->ij", "ij,ij->i", "ij,j->i"),
        *("abij,abjk->abik", "abic,abjc->abij", "abc,cd->abd", "abc,bd->acd", "abij,bjk->abik"),
        *("abcd,aecd->abce", "ij,k->j", "abc,de->be"),
        *("ij,jk,kb->ib", "i,j,k->ijk"),
    ],
)
def test_named_axes(equation: str) -> None:
    terms = equation.partition("->")[0].split(",")
    inputs = {
        f"x{number}": normal(*(SIDES[label] for label in term), seed=number)
        for number, term in enumerate(terms)
    }
    check_agrees(node_model("Einsum", inputs, equation=equation), inputs)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("...ij,...jk->...ik", [(2, 3, 4, 5), (2, 3, 5, 6)]),
        ("...ij,...jk->...ik", [(2, 1, 4, 5), (1, 3, 5, 6)]),
        ("...ij,jk", [(2, 3, 4, 5), (5, 6)]),
        ("i...->...i", [(2, 3, 4)]),
        ("...i->...", [(2, 3, 4)]),
        ("b i , b j -> b i j", [(2, 3), (2, 4)]),
    ],
)
def test_unnamed_axes(equation: str, shapes: list[tuple[int, ...]]) -> None:
    inputs = {f"x{number}": normal(*shape, seed=number) for number, shape in enumerate(shapes)}
    check_agrees(node_model("Einsum", inputs, equation=equation), inputs)


def test_matrix_products_are_one_kernel() -> None:
    inputs = {"x": normal(2, 3, 4), "y": normal(2, 4, 5, seed=1)}
    made = check_agrees(node_model("Einsum", inputs, outputs=["z"], equation="bij,bjk->bik"), inputs)
    assert made.operators == {"BATCH_MATMUL": 1}


def test_diagonals_are_refused() -> None:
    with pytest.raises(ModelError, match="diagonal"):
        to_tflite(node_model("Einsum", {"x": normal(3, 3)}, equation="ii->i"))


def test_integers_are_refused() -> None:
    inputs = {"x": np.ones((2, 3), np.int32), "y": np.ones((3, 2), np.int32)}
    with pytest.raises(ModelError, match="BATCH_MATMUL does not compute with int32"):
        to_tflite(node_model("Einsum", inputs, outputs=["z"], equation="ij,jk->ik"))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_equation_of_two(data: st.DataObject) -> None:
    left, right = (data.draw(st.lists(st.sampled_from("abcde"), unique=True, max_size=4)) for _ in range(2))
    free = sorted({*left, *right})
    result = data.draw(st.lists(st.sampled_from(free), unique=True)) if free else []
    equation = f"{''.join(left)},{''.join(right)}->{''.join(result)}"
    inputs = {
        "x": np.asarray(normal(*(SIDES[label] for label in left))),
        "y": np.asarray(normal(*(SIDES[label] for label in right), seed=1)),
    }
    check_agrees(node_model("Einsum", inputs, outputs=["z"], equation=equation), inputs, rtol=1e-3, atol=1e-4)
