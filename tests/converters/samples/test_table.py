"""Tables of sensor rows."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import DataError
from edgeinfer.frames import TensorInfo
from edgeinfer_converters.samples import Request, open_samples
from tests.fixtures.data import WINDOW_TOML, image_request, pipeline, window_request, write_table

CLASSES = WINDOW_TOML.replace('task = "anomaly"', 'task = "classification"')
REGRESSION = (
    WINDOW_TOML.replace('task = "anomaly"', 'task = "regression"').replace('label = "fault"\n', "")
    + '[output]\nnames = ["heat", "load"]\n'
)


def test_windows_slide(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", 20)
    samples = open_samples(tmp_path / "t.csv", window_request())
    assert samples.kind == "table"
    assert len(samples) == 4
    rows = np.loadtxt(tmp_path / "t.csv", np.float32, delimiter=",", skiprows=1)[:, :2]
    found = np.concatenate([sample.inputs["window"] for sample in samples])
    np.testing.assert_allclose(found, [rows[k : k + 8] for k in (0, 4, 8, 12)], rtol=1e-6)


@given(rows=st.integers(0, 40), length=st.integers(1, 9), stride=st.integers(1, 12))
def test_the_count_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: int, length: int, stride: int
) -> None:
    path = tmp_path_factory.mktemp("windows") / "t.csv"
    write_table(path, rows)
    text = WINDOW_TOML.replace("length = 8", f"length = {length}").replace("stride = 4", f"stride = {stride}")
    tensor = TensorInfo(name="window", dtype="float32", shape=(1, length, 2))
    request = Request(pipeline(text), (tensor,), (), "calibration")
    if rows < length:
        with pytest.raises(DataError, match="fewer rows than one window"):
            open_samples(path, request)
        return
    samples = open_samples(path, request)
    assert len(list(samples)) == len(samples) == (rows - length) // stride + 1


def test_a_window_with_one_faulty_row_is_anomalous(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", 20, faults=frozenset({9}))
    samples = open_samples(tmp_path / "t.csv", window_request("evaluation"))
    assert samples.labelled
    assert [sample.truth for sample in samples] == [0, 1, 1, 0]


def test_calibration_for_anomalies_knows_what_is_normal(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", 8, faults=frozenset({1}))
    assert [sample.truth for sample in open_samples(tmp_path / "t.csv", window_request())] == [1]


def test_calibration_may_lack_the_label(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("y,x\n" + "1,2\n" * 8)
    (sample,) = open_samples(tmp_path / "t.csv", window_request())
    assert sample.truth is None
    np.testing.assert_array_equal(sample.inputs["window"][0, 0], [2.0, 1.0])  # the pipeline's order


def test_the_class_of_the_last_row(tmp_path: Path) -> None:
    lines = [f"0,0,{'idle' if k < 11 else 'run'}" for k in range(12)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y,fault", *lines]))
    request = window_request("evaluation", text=CLASSES, labels=("run", "idle"))
    assert [sample.truth for sample in open_samples(tmp_path / "t.csv", request)] == [1, 0]


def test_targets_of_a_regression_are_its_names(tmp_path: Path) -> None:
    lines = [f"0,0,{k},{-k}" for k in range(8)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y,heat,load", *lines]))
    samples = open_samples(tmp_path / "t.csv", window_request("evaluation", text=REGRESSION))
    assert [sample.truth for sample in samples] == [(7.0, -7.0)]
    assert not open_samples(tmp_path / "t.csv", window_request(text=REGRESSION)).labelled


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("x,fault\n1,0\n", "missing columns: y", "the file has the columns x, fault"),
        ("", "missing columns: x, y", "columns none"),
        ("x,y\n1,2\n", "missing columns: fault", "columns x, y"),
    ],
)
def test_missing_columns_are_named(tmp_path: Path, text: str, message: str, hint: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        open_samples(tmp_path / "t.csv", window_request("evaluation"))
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,wet,0", "line 4: column `y` holds `wet`, not a number"),
        ("1,,0", "line 4: column `y` holds nothing"),
        ("1", "line 4: column `y` holds nothing"),
        ("1,nan,0", "holds NaN or infinity"),
        ("1,inf,0", "holds NaN or infinity"),
        ("1,2,maybe", "column `fault` holds `maybe`"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, row: str, message: str) -> None:
    lines = ["x,y,fault", "1,2,0", "1,2,0", row, *["1,2,0"] * 8]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=message):
        list(open_samples(tmp_path / "t.csv", window_request("evaluation")))


def test_an_unknown_class_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y,fault\n" + "1,2,walk\n" * 8)
    request = window_request("evaluation", text=CLASSES, labels=("run", "idle"))
    with pytest.raises(DataError, match="line 2: unknown label `walk`"):
        list(open_samples(tmp_path / "t.csv", request))


def test_not_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"x,y,fault\n\xff,1,2\n")
    with pytest.raises(DataError, match="not a readable CSV"):
        open_samples(tmp_path / "t.csv", window_request())


def test_a_table_for_a_pipeline_of_images_is_a_list_of_files(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", 3)
    with pytest.raises(DataError, match="needs the columns `file` and `label`"):
        open_samples(tmp_path / "t.csv", image_request())


def test_an_endless_line_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("x,y\n" + "1" * 20_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="a line has more than"):
            open_samples(path, window_request())
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 8_000_000


def test_a_column_that_is_there_twice(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("x,x,y\n" + "1,2,3\n" * 20)
    with pytest.raises(DataError, match="more than one column x"):
        open_samples(path, window_request())
