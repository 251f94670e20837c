"""Train an anomaly model on the normal part of a recording: everything before the first known anomaly.

    python -m scripts.anomaly.train temperature.csv --columns value --length 288 --stride 12 --out FOLDER

NumPy only, a minute at most. Writes into the folder what `edgeinfer-convert build` takes: model.onnx,
pipeline.toml, calibration.csv (normal rows), and evaluate.csv (rows that were neither trained nor
calibrated on, with a column that marks the anomalies).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeinfer.errors import DataError, UsageError
from edgeinfer.exits import run_program
from scripts.anomaly.autoencoder import Autoencoder, build_onnx, train
from scripts.anomaly.series import LABEL, Floats, Series, read_csv, read_npz, windows_of, write_csv

TRAINING_WINDOWS = 20_000  # more teach a net of this size nothing


@dataclass(frozen=True)
class Recipe:
    """How the model is made. Lengths in rows; shares are of the rows before the first anomaly."""

    name: str
    length: int
    stride: int
    center: bool
    train_share: float
    calibration_share: float
    hidden: int
    code: int
    epochs: int
    seed: int


def make_model(series: Series, recipe: Recipe, out: Path) -> None:
    """Train, and write the four files. Raises DataError for a recording that is too short."""
    trained = int(series.normal_rows * recipe.train_share)
    calibrated = trained + int(series.normal_rows * recipe.calibration_share)
    if trained < 2 * recipe.length:
        raise DataError(
            f"{series.normal_rows} rows before the first anomaly are too few for windows of {recipe.length}",
            hint="a shorter --length, or a longer recording",
        )
    training = series.part(0, trained)
    mean, std = training.values.mean(axis=0), np.maximum(training.values.std(axis=0), 1e-6)
    model = _train(training, recipe, mean, std)
    out.mkdir(parents=True, exist_ok=True)
    graph = build_onnx(model, recipe.length, len(series.columns), center=recipe.center)
    (out / "model.onnx").write_bytes(graph)
    (out / "pipeline.toml").write_text(pipeline_toml(series.columns, recipe, mean, std), encoding="utf-8")
    write_csv(out / "calibration.csv", series.part(0, calibrated))
    write_csv(out / "evaluate.csv", series.part(calibrated, len(series)))


def _train(training: Series, recipe: Recipe, mean: Floats, std: Floats) -> Autoencoder:
    normalized = Series(training.columns, (training.values - mean) / std, training.anomalous)
    step = max(1, (len(training) - recipe.length) // TRAINING_WINDOWS)
    windows = windows_of(normalized, recipe.length, step)
    if recipe.center:
        windows = windows - windows.mean(axis=1, keepdims=True)
    rows = windows.reshape(len(windows), -1)
    return train(rows, hidden=recipe.hidden, code=recipe.code, epochs=recipe.epochs, seed=recipe.seed)


def pipeline_toml(columns: tuple[str, ...], recipe: Recipe, mean: Floats, std: Floats) -> str:
    """The pipeline file: windows normalized as in training, the threshold learnt by the converter."""
    names = ", ".join(f'"{name}"' for name in columns)
    numbers = [", ".join(f"{value:.7g}" for value in values) for values in (mean, std)]
    return f"""[model]
name = "{recipe.name}"
version = "1.0.0"
task = "anomaly"

[[input]]
kind = "window"
columns = [{names}]
length = {recipe.length}
stride = {recipe.stride}
mean = [{numbers[0]}]
std = [{numbers[1]}]
label = "{LABEL}"

[output]
score = "mse"
threshold = "auto"
"""


def main() -> int:
    """Read, train, write; 0 if all went well."""
    return run_program("train", _run)


def _run() -> int:
    arguments = _parser().parse_args()
    recipe = Recipe(
        name=arguments.name,
        length=arguments.length,
        stride=arguments.stride,
        center=arguments.center,
        train_share=arguments.train_share,
        calibration_share=arguments.calibration_share,
        hidden=arguments.hidden,
        code=arguments.code,
        epochs=arguments.epochs,
        seed=arguments.seed,
    )
    series = _read(arguments)
    make_model(series, recipe, arguments.out)
    print(f"{arguments.out}: {series.normal_rows} of {len(series)} rows lie before the first anomaly")
    return 0


def _read(arguments: argparse.Namespace) -> Series:
    if arguments.series.suffix == ".npz":
        if arguments.normal is None or len(arguments.columns) != 1:
            raise UsageError("an .npz of recordings needs --normal and one name in --columns")
        return read_npz(arguments.series, arguments.columns[0], normal=arguments.normal)
    return read_csv(
        arguments.series, arguments.columns, windows=arguments.windows, time_column=arguments.time
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Train an anomaly model on the normal part of a recording.")
    parser.add_argument("series", type=Path, help=".csv of rows, or .npz with an array for each recording")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--columns", nargs="+", required=True, help="the sensor columns")
    parser.add_argument("--windows", type=Path, help="JSON of known anomalies: {file: [[start, end], ...]}")
    parser.add_argument("--time", default="timestamp", help="the column of times for --windows")
    parser.add_argument("--normal", help=".npz only: the array without faults")
    parser.add_argument("--name", default="anomaly", help="the model's name")
    parser.add_argument("--length", type=int, default=64, help="rows in a window")
    parser.add_argument("--stride", type=int, default=16, help="rows from one window to the next")
    parser.add_argument("--center", action="store_true", help="judge the shape of a signal, not its level")
    parser.add_argument("--train-share", type=float, default=0.6, help="of the rows before the first anomaly")
    parser.add_argument("--calibration-share", type=float, default=0.2, help="of the same rows")
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--code", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
