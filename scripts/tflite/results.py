"""What the benchmark of TFLite files found, and the bars that it is held against."""

from __future__ import annotations

from edgeinfer.strict import Struct
from scripts.quantization.measured_run import Cost
from scripts.quantization.tasks import Score
from scripts.quantization.timing import Latency
from scripts.tflite.partitions import Kernels

MAX_FLOAT_ERROR = 1e-4
MAX_LOST_DB = 0.5
MIN_LEAD_DB = 1.0
MAX_STEPS = 1.0
MAX_FLATBUFFER_S = 0.5
MAX_BUILD_S = 15.0
BUILD_TASK = "mobilenetv2"


class OldRun(Struct, frozen=True):
    """A file in tflite-runtime: how far its outputs are from LiteRT's; or why it does not run.

    `steps`: each by its own kernels. `usual_steps`: each as it runs a file by default, with the delegate that
    it has, which rounds in other ways. A step is that of the output's integers; of a float output 1e-4 of its
    largest value, 1/255 where there are integers before it. `lost_db`: how much less its SQNR against the
    float model is than LiteRT's, each by default, on these few samples: a step here and there may grow on
    its way through the layers and yet be as near to float.
    """

    steps: float | None = None
    usual_steps: float | None = None
    lost_db: float | None = None
    reason: str | None = None


class File(Struct, frozen=True):
    """A TFLite file and how it is run. `latency`: against the reference of its table."""

    size_bytes: int
    kernels: Kernels
    integer_share: float
    latency: Latency | None = None
    old: OldRun | None = None


class FloatRow(Struct, frozen=True):
    """A float model and its float32 file; `reason` says why the rest is missing.

    `error`: the largest difference from ONNX Runtime's outputs, over the largest value of that output.
    `reference`: ONNX Runtime's latency.
    """

    model: str
    reason: str | None = None
    error: float | None = None
    file: File | None = None
    reference: Latency | None = None


class Made(Struct, frozen=True):
    """An int8 model in one format, or why there is none."""

    reason: str | None = None
    score: Score | None = None
    cost: Cost | None = None


class Alike(Struct, frozen=True):
    """Our file with inputs and outputs in the types of a rival's; `latency`: in turns with it."""

    score: Score
    size_bytes: int
    latency: Latency


class Rival(Struct, frozen=True):
    """An int8 file that others made of the same network, and ours of its kind."""

    name: str
    score: Score
    file: File
    ours: Alike


class Int8Row(Struct, frozen=True):
    """One task in both formats, built under a load average of `load`.

    `reference`: the latency of the float32 file. `rival_reason`: why there is no rival.
    """

    task: str
    load: float
    onnx: Made
    tflite: Made
    file: File | None = None
    reference: Latency | None = None
    rival: Rival | None = None
    rival_reason: str | None = None


class Flatbuffer(Struct, frozen=True):
    """The median time of writing the file of a quantized graph, by the wall and of the processor."""

    task: str
    seconds: float
    cpu_seconds: float
    load: float


class TfliteReport(Struct, frozen=True):
    """Everything that one run found."""

    schema: int
    date: str
    versions: dict[str, str]
    floats: tuple[FloatRow, ...]
    tasks: tuple[Int8Row, ...]
    flatbuffer: Flatbuffer | None = None


def missed_bars(report: TfliteReport) -> list[str]:
    """A sentence for each figure that is not good enough."""
    found = [one for row in report.floats for one in _of_float(row)]
    found += [one for row in report.tasks for one in _of_int8(row)]
    written = report.flatbuffer
    if written is not None and written.seconds > MAX_FLATBUFFER_S:
        found.append(
            f"{written.task}: the file takes {_times(written, 2)} to write, {MAX_FLATBUFFER_S} s at most"
        )
    return found


def _of_float(row: FloatRow) -> list[str]:
    if row.reason is not None:
        return [f"{row.model}: {row.reason}"]
    found = []
    if row.error is not None and not row.error <= MAX_FLOAT_ERROR:
        found.append(f"{row.model}: off by {row.error:.1e}, {MAX_FLOAT_ERROR:.0e} at most")
    return found + _of_old(row.model, row.file)


def _of_int8(row: Int8Row) -> list[str]:
    made = (("onnx", row.onnx), ("tflite", row.tflite))
    found = [f"{row.task}, {name}: {one.reason}" for name, one in made if one.reason is not None]
    if row.onnx.score and row.tflite.score:
        lost = row.onnx.score.sqnr_db - row.tflite.score.sqnr_db
        if lost > MAX_LOST_DB:
            found.append(f"{row.task}: {lost:.1f} dB behind the ONNX model, {MAX_LOST_DB} dB at most")
    cost = row.tflite.cost
    if row.task == BUILD_TASK and cost is not None and cost.seconds > MAX_BUILD_S:
        found.append(f"{row.task}: takes {_times(cost, 0)} to build, {MAX_BUILD_S:.0f} s at most")
    return [*found, *_of_old(row.task, row.file), *_of_rival(row)]


def _of_old(name: str, file: File | None) -> list[str]:
    old = file.old if file is not None else None
    if old is None:
        return []
    if old.reason is not None:
        return [f"{name}: not in tflite-runtime: {old.reason}"]
    far = old.steps is not None and not old.steps <= MAX_STEPS
    nearness = "" if old.lost_db is None else f", {-old.lost_db:+.1f} dB to LiteRT"
    said = f"{name}: {old.steps:.2f} steps off in tflite-runtime{nearness}, {MAX_STEPS:.0f} at most"
    return [said] if far else []


def _times(spent: Cost | Flatbuffer, digits: int) -> str:
    return f"{spent.seconds:.{digits}f} s (processor {spent.cpu_seconds:.{digits}f} s)"


def _of_rival(row: Int8Row) -> list[str]:
    rival = row.rival
    if row.rival_reason is not None:
        return [f"{row.task}: {row.rival_reason}"]
    if rival is None:
        return []
    ours, found = rival.ours, []
    lead_db = ours.score.sqnr_db - rival.score.sqnr_db
    if lead_db < MIN_LEAD_DB:
        found.append(f"{row.task}: {lead_db:+.1f} dB to {rival.name}, at least {MIN_LEAD_DB:+.0f} dB")
    if ours.size_bytes > rival.file.size_bytes:
        found.append(f"{row.task}: {ours.size_bytes} bytes, {rival.name} {rival.file.size_bytes}")
    if ours.latency.ratio < 1:
        found.append(f"{row.task}: takes {1 / ours.latency.ratio:.2f} times as long as {rival.name}")
    return found
