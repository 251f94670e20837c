"""`edgeinfer-convert build`: make a signed bundle from a trained model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

DEFAULT_MAX_DROP = 0.01

EPILOG = """\
PATH is a folder of images (classes by subfolder, or a labels.csv of file,label), a folder with a COCO
instances.json, a .npz of preprocessed arrays, a .csv of sensor rows, or a video.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EPILOG
    parser.add_argument("model", type=Path, metavar="MODEL", help="an .onnx or .tflite file")
    parser.add_argument("--profile", required=True, metavar="NAME", help="the device; `host` is this machine")
    parser.add_argument("--pipeline", required=True, type=Path, metavar="FILE.toml")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT.eib")
    parser.add_argument(
        "--calibration", type=Path, metavar="PATH", help="typical inputs; int8 and --prune need them"
    )
    parser.add_argument(
        "--evaluate", type=Path, metavar="PATH", help="labelled inputs to measure accuracy on"
    )
    parser.add_argument("--format", choices=("auto", "onnx", "tflite"), default="auto")
    parser.add_argument(
        "--precision", choices=("auto", "float32", "float16", "int8", "mixed"), default="auto"
    )
    parser.add_argument(
        "--prune",
        type=_prune,
        default="none",
        metavar="none|auto|RATIO",
        help="share of the multiply-accumulates to remove first; auto: as much as --max-drop bears",
    )
    parser.add_argument(
        "--max-drop",
        type=_drop,
        default=DEFAULT_MAX_DROP,
        metavar="DROP",
        help="accuracy that may be lost, absolute (default: %(default)s, one point)",
    )
    parser.add_argument(
        "--effort", choices=("default", "high"), default="default", help="high: calibrate on more samples"
    )
    parser.add_argument(
        "--key", type=Path, metavar="KEY.pem", help="signing key (default: your development key)"
    )
    parser.add_argument("--report", type=Path, metavar="DIR", help="write report.html and report.json there")
    parser.add_argument("--seed", type=_seed, default=0, help="of the random choice of samples (default: 0)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Run the command. Raises EdgeInferError."""
    from edgeinfer.exits import Exit
    from edgeinfer_converters.graph.slimmer import started_for

    with started_for(arguments.model):
        sys.stdout.write(_built(arguments))
    return Exit.DONE


def _built(arguments: argparse.Namespace) -> str:
    from edgeinfer_converters.building.convert import build
    from edgeinfer_converters.building.options import BuildOptions
    from edgeinfer_converters.report import dump_report, summary

    report = build(
        BuildOptions(
            model=arguments.model,
            profile=arguments.profile,
            pipeline=arguments.pipeline,
            output=arguments.output,
            calibration=arguments.calibration,
            evaluation=arguments.evaluate,
            model_format=arguments.format,
            precision=arguments.precision,
            prune=arguments.prune,
            max_drop=arguments.max_drop,
            effort=arguments.effort,
            key=arguments.key,
            report=arguments.report,
            seed=arguments.seed,
        )
    )
    return dump_report(report).decode() if arguments.json else summary(report)


def _prune(text: str) -> str:
    if text in ("none", "auto"):
        return text
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(
            f"`{text}` is no share of the work: none, auto, or a number between 0 and 1, such as 0.2"
        )
    return text


def _drop(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("a drop lies between 0 and 1")
    return value


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError("a seed is a whole number, not negative")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"`{text}` is no number") from error
