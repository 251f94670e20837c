"""What the benchmark found: values that can be printed as a table or as JSON."""

from __future__ import annotations

from pathlib import Path

from edgeinfer.strict import Struct, decode_json
from scripts.quantization.measured_run import Cost
from scripts.quantization.tasks import Score
from scripts.quantization.timing import Latency


class Row(Struct, frozen=True):
    """One candidate on one task; `reason` says why the rest is missing.

    `integer_share`: of multiply-accumulates in ONNX Runtime's optimized graph, 0 to 1; None for TFLite.
    """

    candidate: str
    reason: str | None = None
    score: Score | None = None
    size_bytes: int | None = None
    cost: Cost | None = None
    integer_share: float | None = None
    latency: Latency | None = None


class TaskResult(Struct, frozen=True):
    """All candidates on one task, the float model first. `load`: the machine's, when latency was measured."""

    task: str
    metric: str
    samples: int
    rows: tuple[Row, ...]
    load: float | None = None


class Limits(Struct, frozen=True):
    """SQNR in decibels against float with only the weights, or only the activations, at 8 bits."""

    task: str
    plain_weights_db: float
    weights_db: float
    activations_db: float
    both_db: float


class Memory(Struct, frozen=True):
    """Peak memory of our converter by number of calibration samples, and of running the float model."""

    task: str
    float_bytes: int
    peaks: dict[int, int]


class Report(Struct, frozen=True):
    """Everything that one run found."""

    schema: int
    date: str
    profile: str
    versions: dict[str, str]
    tasks: tuple[TaskResult, ...]
    limits: tuple[Limits, ...] = ()
    memory: tuple[Memory, ...] = ()


class Known(Struct, frozen=True, forbid_unknown_fields=False):
    """The part of an entry of the zoo's `peers.json` that must come out here as well."""

    task: str
    method: str
    error: str | None = None
    dev: dict[str, float | None] | None = None


class KnownPeers(Struct, frozen=True, forbid_unknown_fields=False):
    """The zoo's `peers.json`."""

    results: tuple[Known, ...]


METRIC_TOLERANCE, SQNR_TOLERANCE_DB = 0.003, 0.1


def read_known(path: Path) -> KnownPeers:
    """The recorded figures; none where the file is missing."""
    if not path.is_file():
        return KnownPeers(results=())
    return decode_json(path.read_bytes(), KnownPeers, str(path))


def differences(results: tuple[TaskResult, ...], known: KnownPeers) -> list[str]:
    """Where a peer's accuracy is not the recorded one, a sentence each."""
    recorded = {(one.task, one.method): one for one in known.results}
    found = []
    for result in results:
        for row in result.rows:
            entry = recorded.get((result.task, row.candidate))
            sentence = entry and _difference(row, entry)
            if sentence:
                found.append(f"{result.task}, {row.candidate}: {sentence}")
    return found


def _difference(row: Row, known: Known) -> str | None:
    if row.score is None or known.dev is None:
        if row.score is not None:
            return "worked here, but failed when peers.json was made"
        return "failed here, but not when peers.json was made" if known.dev is not None else None
    metric, sqnr_db = known.dev["converted"] or 0.0, known.dev["sqnr_db"] or 0.0
    if abs(row.score.converted - metric) > METRIC_TOLERANCE:
        return f"{row.score.metric} {row.score.converted:.4f}, in peers.json {metric:.4f}"
    if abs(row.score.sqnr_db - sqnr_db) > SQNR_TOLERANCE_DB:
        return f"SQNR {row.score.sqnr_db:.2f} dB, in peers.json {sqnr_db:.2f} dB"
    return None
